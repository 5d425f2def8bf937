"""Energy-based models on a finite space.

    p_theta(x) = b(x) exp(-E(x)) / Z,       Z = sum_x b(x) exp(-E(x))
    LL         = E_p[-E] - log Z            the expected log-likelihood of data p, densities relative to b
    dLL/dE(x)  = p_theta(x) - p(x)
    d2LL/dE2   = -(diag p_theta - p_theta p_theta')

The base measure b >= 0 need not sum to 1, and is 1 unless it is given. It says which outcomes exist: those with
b(x) = 0 have no probability, and their energies do not matter. Energies are in nats. For an energy E_theta chain the
third line with dE/dtheta; for a linear one, E = sum_k theta_k F_k(x), the chain rule gives

    dLL/dtheta = E_{p_theta}[F] - E_p[F],       d2LL/dtheta2 = -Cov_{p_theta}(F)

(`exponential_family` has the optimum; any other family adds E_{p_theta}[d2E] - E_p[d2E] to the Hessian).

The optimum over all energies, a table, is E = -log p + log b up to a constant: there p_theta = p and LL = KL(p || b),
the negative entropy of p for b = 1. It exists only where p > 0 on every outcome that b has: else E -> infinity there,
and the supremum is not attained.

Updates that replace the model's samples by others are not this gradient: `contrastive`.
Source: lecun2006; finn2016.
"""

from typing import Any

import numpy as np

from equivalence.objectives.space import common_arithmetic, inner
from equivalence.objectives.tables import checked_tables, indicators
from mdps import InvalidArgument, scalars


def _log_weights(energy: np.ndarray, base: np.ndarray | None) -> tuple[np.ndarray, Any]:
    """log b - E, and where b > 0."""
    if base is None:
        return -energy, True
    exists = ~scalars.zero_mask(base)
    zero = scalars.constant(0, energy)
    return scalars.over(exists, lambda e, b: scalars.log(b) - e, energy, base, otherwise=zero), exists


def _checked(**arguments: Any) -> tuple[Any, ...]:
    """The arguments, checked; a base measure or features that are None stay None."""
    given = {name: x for name, x in arguments.items() if x is not None or name not in ("base", "features")}
    arrays = dict(zip(given, checked_tables(**given), strict=True))
    return tuple(arrays.get(name) for name in arguments)


def _check_data_exist(data: np.ndarray, exists: Any) -> None:
    stray = ~scalars.zero_mask(data) & ~np.asarray(exists)
    if stray.any():
        at = [int(i) for i in np.argwhere(stray)[0]]
        raise InvalidArgument(f"base is 0 at outcome {at}, where data is not: no energy gives it a likelihood")


def log_partition(energy: Any, *, base: Any = None) -> Any:
    """log Z = log sum_x b(x) exp(-E(x)), in nats; energy, base [..., n]."""
    energy, base = _checked(energy=energy, base=base)
    log_weights, exists = _log_weights(energy, base)
    return scalars.logsumexp(log_weights, where=exists)


def law(energy: Any, *, base: Any = None) -> np.ndarray:
    """p_theta(x) = b(x) exp(-E(x)) / Z, [..., n]."""
    energy, base = _checked(energy=energy, base=base)
    log_weights, exists = _log_weights(energy, base)
    return scalars.log_normalized(log_weights, where=exists, overwrite=True)[1]


def log_likelihood(energy: Any, data: Any, *, base: Any = None) -> Any:
    """E_p[-E] - log Z, in nats, for data p [..., n]; maximized. Densities are relative to the base measure.

    >>> import numpy as np
    >>> from fractions import Fraction
    >>> from mdps import log
    >>> energy = -log(np.array([Fraction(1), Fraction(2)], dtype=object))
    >>> log_likelihood(energy, [Fraction(1, 2), Fraction(1, 2)])
    1/2*log(2) - log(3)

    Errors: `InvalidArgument` where b(x) = 0 < p(x).
    """
    energy, data, base = _checked(energy=energy, data=data, base=base)
    log_weights, exists = _log_weights(energy, base)
    _check_data_exist(data, exists)
    return -inner(data, energy) - scalars.logsumexp(log_weights, where=exists)


def gradient(energy: Any, data: Any, *, base: Any = None) -> np.ndarray:
    """d log_likelihood / d E(x) = p_theta(x) - p(x), [..., n]."""
    energy, data, base = _checked(energy=energy, data=data, base=base)
    log_weights, exists = _log_weights(energy, base)
    _check_data_exist(data, exists)
    return scalars.log_normalized(log_weights, where=exists)[1] - data


def hessian(energy: Any, *, features: Any = None, base: Any = None) -> np.ndarray:
    """-Cov_{p_theta}(F), [..., k, k], for an energy that is linear in features F [n, k]; negative semidefinite.

    Without features the energy is a table, d2LL/dE(x)dE(y) = p_theta(x) p_theta(y) - p_theta(x) 1[x = y]. It does not
    depend on the data.

    >>> import numpy as np
    >>> from fractions import Fraction
    >>> from mdps import log
    >>> hessian(-log(np.array([Fraction(1), Fraction(2)], dtype=object)))
    array([[-2/9, 2/9],
           [2/9, -2/9]], dtype=object)
    """
    energy, features, base = _checked(energy=energy, features=features, base=base)
    log_weights, exists = _log_weights(energy, base)
    probability = scalars.log_normalized(log_weights, where=exists)[1]
    if features is None:
        features = indicators(energy)
    deviation = features - (probability[..., None] * features).sum(axis=-2, keepdims=True)
    return -np.swapaxes(deviation, -1, -2) @ (probability[..., None] * deviation)


def optimal_energy(data: Any, *, base: Any = None) -> np.ndarray:
    """E = log b - log p, [..., n]: the table that maximizes the likelihood, with log Z = 0; any constant may be added.

    It is 0 where b(x) = 0, where no energy matters.

    Errors: `InvalidArgument` where p(x) = 0 < b(x): the supremum is at E(x) -> infinity, and no table attains it.
    """
    n = common_arithmetic(data=data)["data"].shape[-1:]
    _, data, base = _checked(energy=np.zeros(n or 1, dtype=int), data=data, base=base)
    base = 0 * data + 1 if base is None else base  # a 1 of the data's own type
    data, base = np.broadcast_arrays(data, base)
    exists = ~scalars.zero_mask(base)
    _check_data_exist(data, exists)
    unseen = exists & scalars.zero_mask(data)
    if unseen.any():
        at = [int(i) for i in np.argwhere(unseen)[0]]
        raise InvalidArgument(
            f"data is 0 at outcome {at}: the likelihood rises for ever as the energy there grows, "
            "and no table attains its supremum"
        )
    zero = scalars.constant(0, data)
    return scalars.over(exists, lambda p, b: scalars.log(b) - scalars.log(p), data, base, otherwise=zero)
