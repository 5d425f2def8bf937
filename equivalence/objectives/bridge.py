"""Bridge sampling: the normalizer of a model from samples of the model and of a sampler (Bennett's acceptance ratio).

With p_theta = e^-E / Z and a sampler q, any function a that bridges the two supports gives

    Z = E_q[a e^-E] / E_{p_theta}[a q],

since both sides of the fraction are sums of a q e^-E, up to Z. An estimate replaces the expectations by means over
samples of q and of the model, nu of the first for each of the second. For N model samples, to first order in 1/N,

    N Var[log Z^] = Var_q(a p_theta) / (nu A^2) + Var_{p_theta}(a q) / A^2,      A = sum_x a p_theta q

| name         | a(x)                 | N Var[log Z^]                                                          |
|--------------|----------------------|------------------------------------------------------------------------|
| `bennett`    | 1 / (p_theta + nu q) | 1 / sum_x p_theta nu q / (p_theta + nu q) - (1 + nu) / nu, the least   |
| `geometric`  | 1 / sqrt(p_theta q)  | (1 + 1/nu) (1 / (sum_x sqrt(p_theta q))^2 - 1), if q > 0 everywhere    |
| `constant`   | 1                    |                                                                        |
| `importance` | 1 / q                | chi2(p_theta || q) / nu; plain importance sampling, q > 0 everywhere   |
| `reciprocal` | 1 / p_theta          | chi2(q || p_theta); the harmonic mean                                  |

Bennett's bridge contains Z itself. Its self-consistent Z is the normalizer that is optimal for noise-contrastive
estimation with ratio nu (`nce.optimal_log_normalizer`), and for the discriminator of Finn et al. at nu = 1, *if* the
data come from the model. With other data p in the place of p_theta each bridge converges to something else,
`log_normalizer`, and only importance sampling, which uses no data, to log Z.

One bridge, the importance one, needs the sampler everywhere; the others need an overlap.
Source: bennett1976; meng1996; shirts2003; derived.
"""

from typing import Any

import numpy as np

from equivalence.objectives import nce
from equivalence.objectives.space import checked
from equivalence.objectives.tables import checked_tables, within_floats
from mdps import InvalidArgument, scalars

BRIDGES = ("bennett", "geometric", "constant", "importance", "reciprocal")


def _check_name(bridge: str, sampler: np.ndarray) -> None:
    if bridge not in BRIDGES:
        raise InvalidArgument(f"bridge is {bridge!r}; expected one of {', '.join(BRIDGES)}")
    if bridge == "importance" and scalars.zero_mask(sampler).any():
        at = [int(i) for i in np.argwhere(scalars.zero_mask(sampler))[0]]
        raise InvalidArgument(f"sampler is 0 at outcome {at}: importance sampling misses its weight; bridge instead")


def _log_bridge(bridge: str, log_model: np.ndarray, log_sampler: np.ndarray, log_ratio: Any) -> np.ndarray:
    """log a, up to a constant, for log e^-E (normalized for Bennett's) and log q."""
    if bridge == "bennett":
        log_noise = log_sampler + log_ratio
        return -scalars.logsumexp(np.stack(np.broadcast_arrays(log_model, log_noise), axis=-1))
    if bridge == "geometric":
        return -(log_model + log_sampler) / 2
    if bridge == "constant":
        return 0 * (log_model + log_sampler)
    return -(log_sampler + 0 * log_model) if bridge == "importance" else -(log_model + 0 * log_sampler)


def asymptotic_variance(energy: Any, sampler: Any, *, bridge: str = "bennett", noise_ratio: Any = 1) -> Any:
    """N Var[log Z^] as N -> infinity, for N samples of the model and nu N of the sampler.

    energy, sampler [..., n]; bridge one of `BRIDGES`; noise_ratio nu > 0.

    >>> import numpy as np
    >>> from fractions import Fraction
    >>> from mdps import log
    >>> energy, half = -log(np.array([Fraction(1), Fraction(3)], dtype=object)), [Fraction(1, 2)] * 2
    >>> [asymptotic_variance(energy, half, bridge=name) for name in ("bennett", "constant", "importance")]
    [1/7, 1/4, 1/4]

    Errors: `InvalidArgument` for an unknown bridge, or importance sampling where q(x) = 0. `OutOfReach` where floats
    overflow.
    """
    energy, sampler, noise_ratio = checked_tables(energy=energy, sampler=sampler, noise_ratio=noise_ratio)
    _check_name(bridge, sampler)
    nu = noise_ratio[()]
    energy, sampler = np.broadcast_arrays(energy, sampler)
    log_model = -energy - np.asarray(scalars.logsumexp(-energy))[..., None]
    present, zero = ~scalars.zero_mask(sampler), scalars.constant(0, energy)

    def log_bridge(log_p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return _log_bridge(bridge, log_p, scalars.log(q), scalars.log(nu))

    log_a = scalars.over(present, log_bridge, log_model, sampler, otherwise=zero)
    joint = scalars.over(present, lambda a, p, q: a + p + scalars.log(q), log_a, log_model, sampler, otherwise=zero)
    log_total = np.broadcast_to(np.asarray(scalars.logsumexp(joint, where=present))[..., None], energy.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        # a p_theta / A and a q / A less their mean 1; products are ordered so that p^2 / q does not overflow early.
        excess = scalars.over(
            present, lambda a, p, t: scalars.exp(a + p - t) - 1, log_a, log_model, log_total, otherwise=zero
        )
        of_sampler = ((sampler * excess) * excess).sum(axis=-1)
        excess = scalars.over(
            present,
            lambda a, q, t: scalars.exp(a + scalars.log(q) - t) - 1,
            log_a,
            sampler,
            log_total,
            otherwise=scalars.constant(-1, energy),
        )
        of_model = ((scalars.exp(log_model) * excess) * excess).sum(axis=-1)
        return within_floats(f"the variance of the bridge '{bridge}'", of_sampler / nu + of_model)


def log_normalizer(energy: Any, sampler: Any, data: Any, *, bridge: str = "bennett", noise_ratio: Any = 1) -> Any:
    """log(E_q[a e^-E] / E_p[a q]): what the estimate converges to when its 'model samples' are data p. In nats.

    It is log Z where p = p_theta. For Bennett's bridge it is `nce.optimal_log_normalizer`.

    Errors: `InvalidArgument` for an unknown bridge, importance sampling where q(x) = 0, or data that the sampler never
    sees. `OutOfReach` where the arithmetic has no such root.
    """
    if bridge == "bennett":
        return nce.optimal_log_normalizer(energy, sampler, data, noise_ratio=noise_ratio)
    energy, sampler, data = checked(energy=energy, sampler=sampler, data=data)
    _check_name(bridge, sampler)
    energy, sampler, data = np.broadcast_arrays(energy, sampler, data)
    present, zero = ~scalars.zero_mask(sampler), scalars.constant(0, energy)
    met = present & ~scalars.zero_mask(data)
    if not met.any(axis=-1).all():
        raise InvalidArgument(
            "the sampler covers none of the data: the two do not overlap, and no bridge connects them"
        )

    def log_bridge(e: np.ndarray, q: np.ndarray) -> np.ndarray:
        return _log_bridge(bridge, -e, scalars.log(q), zero)

    log_a = scalars.over(present, log_bridge, energy, sampler, otherwise=zero)
    above = scalars.over(present, lambda a, e, q: a + scalars.log(q) - e, log_a, energy, sampler, otherwise=zero)
    below = scalars.over(met, lambda a, q, p: a + scalars.log(q) + scalars.log(p), log_a, sampler, data, otherwise=zero)
    return scalars.logsumexp(above, where=present) - scalars.logsumexp(below, where=met)
