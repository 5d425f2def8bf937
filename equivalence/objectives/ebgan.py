"""Energy-based GAN: a discriminator that is an energy, low on data and at least a margin on samples.

    L_D(e)  = E_p[e] + E_q[max(m - e, 0)],        e(x) >= 0, m > 0 the margin; minimized by e
    L_G(q)  = E_q[e]                              minimized by q
    e*(x)   = 0 where p > q, m where p < q, anything from 0 to m where p = q
    min L_D = m (1 - TV(p, q)) = m sum_x min(p, q)

With e* frozen, dL_G/dq = e* is a subgradient of m TV(p, q), up to a constant. At q = p the loss is m for every e with
values in [0, m]: the energy then says nothing of the density of the data.

At the kink e = m the slope of max(m - e, 0) is taken to be 0, that of larger energies; where p = q the optimal energy
is taken to be m/2, the middle.
Source: zhao2016; dai2017.
"""

from typing import Any

import numpy as np

from equivalence.objectives.divergences import total_variation
from equivalence.objectives.laws import check_law, checked_laws, checked_measures, exceeds
from equivalence.objectives.space import common_arithmetic, inner
from mdps import InvalidArgument, scalars


def discriminator_loss(energy: Any, sampler: Any, data: Any, margin: Any) -> Any:
    """L_D = E_p[e] + E_q[max(m - e, 0)], in the unit of the margin; minimized.

    energy e [..., n], not negative; sampler, data [..., n]; margin m, one positive number.
    """
    energy, sampler, data, margin = _checked(energy, sampler, data, margin)
    short = margin - energy
    hinge = scalars.largest(np.stack(np.broadcast_arrays(short, 0 * short), axis=-1))
    return inner(data, energy) + inner(sampler, hinge)


def discriminator_gradient(energy: Any, sampler: Any, data: Any, margin: Any) -> np.ndarray:
    """dL_D/de(x) = p(x) - q(x) 1[e(x) < m], [..., n].

    Errors: `OutOfReach` where balls or symbols leave open whether e < m.
    """
    energy, sampler, data, margin = _checked(energy, sampler, data, margin)
    zero = scalars.constant(0, sampler)
    return data - np.where(exceeds(margin, energy), sampler, zero)


def generator_loss(energy: Any, sampler: Any) -> Any:
    """L_G = E_q[e]; minimized by the sampler. Its gradient to q with e frozen is e itself."""
    energy, sampler = checked_measures(energy=energy, sampler=sampler)
    check_law("sampler", sampler)
    return inner(sampler, energy)


def optimal_energy(sampler: Any, data: Any, margin: Any) -> np.ndarray:
    """e*(x), [..., n]: 0 where p > q, m where p < q, m/2 where p = q.

    >>> optimal_energy([0.5, 0.5, 0.0], [0.25, 0.5, 0.25], 2.0)
    array([2., 1., 0.])
    """
    sampler, data, margin = _laws_and_margin(sampler, data, margin)
    zero = 0 * margin
    return np.where(exceeds(sampler, data), margin, np.where(exceeds(data, sampler), zero, margin / 2))


def optimal_discriminator_loss(sampler: Any, data: Any, margin: Any) -> Any:
    """min L_D = m (1 - TV(p, q)), in the unit of the margin."""
    sampler, data, margin = _laws_and_margin(sampler, data, margin)
    return margin * (1 - total_variation(data, sampler))


def _laws_and_margin(sampler: Any, data: Any, margin: Any) -> tuple[np.ndarray, np.ndarray, Any]:
    arrays = common_arithmetic(sampler=sampler, data=data, margin=margin)
    sampler, data = checked_laws(sampler=arrays["sampler"], data=arrays["data"])
    return sampler, data, _positive(arrays["margin"])


def _checked(energy: Any, sampler: Any, data: Any, margin: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, Any]:
    arrays = common_arithmetic(energy=energy, sampler=sampler, data=data, margin=margin)
    energy, sampler, data = checked_measures(**{name: arrays[name] for name in ("energy", "sampler", "data")})
    check_law("sampler", arrays["sampler"])
    check_law("data", arrays["data"])
    return energy, sampler, data, _positive(arrays["margin"])


def _positive(margin: np.ndarray) -> Any:
    if margin.shape != ():
        raise InvalidArgument(f"margin has shape {margin.shape}; expected one positive number")
    if not scalars.level_of(margin) == "carrier" and (scalars.zero_mask(margin) | scalars.negative_mask(margin)).any():
        raise InvalidArgument(f"margin is {margin}; expected a positive number")
    return margin[()]
