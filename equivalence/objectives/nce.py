"""Noise-contrastive estimation: a classifier of data against nu noise samples each, with the normalizer a parameter.

The model is p~ = e^-E / Z with log Z trained along with E; q is the density of the noise, p that of the data. Of one
data sample and nu noise samples each outcome is data with probability

    D(x) = p~ / (p~ + nu q) = sigmoid(l(x)),        l = -E - log Z - log(nu q)

    L          = E_p[-log D] + nu E_q[-log(1 - D)]
    dL/dE(x)   = p (1 - D) - nu q D  =  nu q / (p~ + nu q) (p - p~)
    dL/dlogZ   = the sum of these
    Hessian    = sum_x (p + nu q) D (1 - D) X X',   X = (F, 1)      E = sum_k theta_k F_k; for tables F_k(x) = 1[x = k]

With nu = 1 this is `gan.discriminator_loss`: the discriminator step of Finn et al. is noise-contrastive estimation
whose noise is the sampler.

*Optimum.* L is convex, and least over all tables where p~ = p on the noise's support: E + log Z = -log p, for every q
and nu. Only the sum is determined: (E + c, log Z - c) is a flat line. With q > 0 everywhere the optimal p~ sums to 1 by
itself; in a restricted family that misses the data it need not, and depends on q (`nce_family`). Where q(x) = 0 < p(x),
D is 1 whatever E(x): the loss does not see the outcome. Where p(x) = 0 < q(x) the infimum is at E(x) -> infinity and
not attained.

*Many noise samples.* dL/dE = (p - p~) nu q / (p~ + nu q) -> p - p~ as nu -> infinity, short of it by the share
p~ / (p~ + nu q). So nu must be large against p~ / q at every outcome, which is slow where q is small. The limit is the
gradient of the negative likelihood only where log Z is the log partition function, as it is at its own optimum.

*The model as noise.* With a frozen copy of the model as noise and Z = Z_theta (self-contrastive estimation), D is
1 / (1 + nu) everywhere and the gradient is nu / (1 + nu) of that of the negative likelihood: 1/2 at nu = 1. The
published statement, that it is the gradient of maximum likelihood, leaves the factor out.
Source: gutmann2010; goodfellow2014criteria; finn2016.
"""

from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives import ebm, roots
from equivalence.objectives.space import common_arithmetic
from equivalence.objectives.tables import checked_tables, indicators, within_floats
from mdps import InvalidArgument, scalars


class NoiseContrastiveGradient(NamedTuple):
    """Partial derivatives of the loss: to each energy, [..., n], and to the log normalizer."""

    energy: np.ndarray
    log_normalizer: Any


def _checked(**arguments: Any) -> tuple[Any, ...]:
    """The arguments, checked: log_normalizer with an axis for outcomes, and noise_ratio a number."""
    arrays = dict(zip(arguments, checked_tables(**arguments), strict=True))
    arrays["log_normalizer"] = arrays["log_normalizer"][..., None]
    arrays["noise_ratio"] = arrays["noise_ratio"][()]
    return tuple(arrays.values())


def _logit(energy: np.ndarray, noise: np.ndarray, log_normalizer: np.ndarray, noise_ratio: Any) -> np.ndarray:
    return -energy - log_normalizer - scalars.log(noise) - scalars.log(noise_ratio)


def discriminator(energy: Any, noise: Any, log_normalizer: Any, *, noise_ratio: Any = 1) -> np.ndarray:
    """D(x) = p~ / (p~ + nu q), [..., n]; 1 where q(x) = 0."""
    energy, noise, log_normalizer, nu = _checked(
        energy=energy, noise=noise, log_normalizer=log_normalizer, noise_ratio=noise_ratio
    )
    present, one = ~scalars.zero_mask(noise), scalars.constant(1, noise)

    def probability(energy: np.ndarray, noise: np.ndarray, log_normalizer: np.ndarray) -> np.ndarray:
        return scalars.sigmoid(_logit(energy, noise, log_normalizer, nu))

    return scalars.over(present, probability, energy, noise, log_normalizer, otherwise=one)


def loss(energy: Any, noise: Any, data: Any, log_normalizer: Any, *, noise_ratio: Any = 1) -> Any:
    """L = E_p[-log D] + nu E_q[-log(1 - D)], in nats; minimized.

    energy, noise, data [..., n]; log_normalizer [...]; noise_ratio nu > 0, a number.

    >>> from fractions import Fraction
    >>> half = [Fraction(1, 2), Fraction(1, 2)]
    >>> loss([0, 0], half, half, 0, noise_ratio=2)  # p~ = 1 = nu q, so that D = 1/2
    3*log(2)
    """
    energy, noise, data, log_normalizer, nu = _checked(
        energy=energy, noise=noise, data=data, log_normalizer=log_normalizer, noise_ratio=noise_ratio
    )

    def terms(energy: np.ndarray, noise: np.ndarray, data: np.ndarray, log_normalizer: np.ndarray) -> np.ndarray:
        logit = _logit(energy, noise, log_normalizer, nu)
        return data * scalars.softplus(-logit) + nu * noise * scalars.softplus(logit)

    present, zero = ~scalars.zero_mask(noise), scalars.constant(0, data)
    return scalars.over(present, terms, energy, noise, data, log_normalizer, otherwise=zero).sum(axis=-1)


def gradient(
    energy: Any, noise: Any, data: Any, log_normalizer: Any, *, noise_ratio: Any = 1
) -> NoiseContrastiveGradient:
    """dL/dE(x) = p (1 - D) - nu q D, [..., n], and its sum dL/dlogZ."""
    energy, noise, data, log_normalizer, nu = _checked(
        energy=energy, noise=noise, data=data, log_normalizer=log_normalizer, noise_ratio=noise_ratio
    )

    def terms(energy: np.ndarray, noise: np.ndarray, data: np.ndarray, log_normalizer: np.ndarray) -> np.ndarray:
        logit = _logit(energy, noise, log_normalizer, nu)
        return data * scalars.sigmoid(-logit) - nu * noise * scalars.sigmoid(logit)

    present, zero = ~scalars.zero_mask(noise), scalars.constant(0, data)
    to_energy = scalars.over(present, terms, energy, noise, data, log_normalizer, otherwise=zero)
    return NoiseContrastiveGradient(to_energy, to_energy.sum(axis=-1))


def hessian(
    energy: Any, noise: Any, data: Any, log_normalizer: Any, *, noise_ratio: Any = 1, features: Any = None
) -> np.ndarray:
    """d2L / d(theta, log Z)2, [..., k + 1, k + 1], for an energy linear in features F [n, k]; positive semidefinite.

    Without features the energy is a table, k = n. The last row and column belong to log Z.
    """
    if features is not None:
        energy, noise, data, log_normalizer, features = checked_tables(
            energy=energy, noise=noise, data=data, log_normalizer=log_normalizer, features=features
        )
    energy, noise, data, log_normalizer, nu = _checked(
        energy=energy, noise=noise, data=data, log_normalizer=log_normalizer, noise_ratio=noise_ratio
    )
    features = indicators(energy) if features is None else features

    def terms(energy: np.ndarray, noise: np.ndarray, data: np.ndarray, log_normalizer: np.ndarray) -> np.ndarray:
        logit = _logit(energy, noise, log_normalizer, nu)
        return (data + nu * noise) * scalars.sigmoid(logit) * scalars.sigmoid(-logit)

    present, zero = ~scalars.zero_mask(noise), scalars.constant(0, data)
    curvature = scalars.over(present, terms, energy, noise, data, log_normalizer, otherwise=zero)
    one = np.full((len(features), 1), scalars.constant(1, features), dtype=features.dtype)
    rows = np.concatenate([features, one], axis=1)
    return rows.T @ (curvature[..., None] * rows)


def optimal_energy(data: Any, noise: Any, *, log_normalizer: Any = 0) -> np.ndarray:
    """E = -log p - log Z, [..., n]: the table that minimizes L for this log Z, whatever nu.

    Where q(x) = 0 the loss does not determine it; there it is 0 where p(x) = 0, too.

    Errors: `InvalidArgument` where p(x) = 0 < q(x): the infimum is at E(x) -> infinity, and none is attained.
    """
    data, noise, log_normalizer = _laws(data, noise, log_normalizer)
    unseen = scalars.zero_mask(data) & ~scalars.zero_mask(noise)
    if unseen.any():
        at = [int(i) for i in np.argwhere(unseen)[0]]
        raise InvalidArgument(
            f"data is 0 at outcome {at} and noise is not: L falls for ever as the energy there grows, "
            "and no table attains its infimum"
        )
    zero = scalars.constant(0, data)
    exists = ~scalars.zero_mask(data)
    return scalars.over(exists, lambda p, z: -scalars.log(p) - z, data, log_normalizer[..., None], otherwise=zero)


def optimal_loss(data: Any, noise: Any, *, noise_ratio: Any = 1) -> Any:
    """inf L = E_p[log((p + nu q) / p)] + nu E_q[log((p + nu q) / (nu q))], in nats; log 4 - 2 JSD(p, q) at nu = 1."""
    data, noise, noise_ratio = _laws(data, noise, noise_ratio=noise_ratio)
    nu = noise_ratio[()]
    mixture = data + nu * noise

    def terms(p: np.ndarray, total: np.ndarray) -> np.ndarray:
        return p * (scalars.log(total) - scalars.log(p))

    zero = scalars.constant(0, data)
    shares = (np.broadcast_to(x, mixture.shape) for x in (data, nu * noise))
    return sum(scalars.over(~scalars.zero_mask(x), terms, x, mixture, otherwise=zero).sum(axis=-1) for x in shares)


def _laws(data: Any, noise: Any, log_normalizer: Any = 0, noise_ratio: Any = None) -> tuple[np.ndarray, ...]:
    n = common_arithmetic(data=data)["data"].shape[-1:]
    rest = {"log_normalizer": log_normalizer} if noise_ratio is None else {"noise_ratio": noise_ratio}
    return checked_tables(energy=np.zeros(n or 1, dtype=int), data=data, noise=noise, **rest)[1:]


def optimal_log_normalizer(energy: Any, noise: Any, data: Any, *, noise_ratio: Any = 1) -> Any:
    """The log Z that minimizes L for a given energy: the root of sum over q > 0 of (p + nu q) D = p(q > 0).

    Errors: `InvalidArgument` where p(q > 0) = 0: the infimum is at log Z -> infinity, and none is attained.
    `OutOfReach` for exact numbers and symbols: the root is algebraic.
    """
    energy, noise, data, _, nu = _checked(
        energy=energy, noise=noise, data=data, log_normalizer=0, noise_ratio=noise_ratio
    )
    energy, noise, data = np.broadcast_arrays(energy, noise, data)
    present, zero = ~scalars.zero_mask(noise), scalars.constant(0, data)
    covered = np.where(present, data, zero).sum(axis=-1)
    if scalars.zero_mask(np.asarray(covered)).any():
        raise InvalidArgument("the noise covers none of the data: L falls for ever as log Z grows, no log Z is optimal")
    mass = np.where(present, data + nu * noise, zero)
    logit = scalars.over(present, lambda e, q: _logit(e, q, 0 * e, nu), energy, noise, otherwise=zero)
    return roots.decreasing_logistic_root(mass, logit, np.asarray(covered), present)


def limit_gradient(energy: Any, data: Any, log_normalizer: Any) -> NoiseContrastiveGradient:
    """p - p~, [..., n], and its sum 1 - sum p~: the gradient as nu -> infinity with any noise of full support."""
    energy, data, log_normalizer = checked_tables(energy=energy, data=data, log_normalizer=log_normalizer)
    with np.errstate(over="ignore"):
        to_energy = data - scalars.exp(-energy - log_normalizer[..., None])
    within_floats("e^-E / Z", to_energy)
    return NoiseContrastiveGradient(to_energy, to_energy.sum(axis=-1))


def self_contrastive_gradient(energy: Any, data: Any, *, noise_ratio: Any = 1) -> np.ndarray:
    """dL/dE(x) with a frozen copy of the model as noise and Z = Z_theta, [..., n]: nu / (1 + nu) (p - p_theta).

    The last form is a theorem, not how it is computed.
    """
    return gradient(energy, ebm.law(energy), data, ebm.log_partition(energy), noise_ratio=noise_ratio).energy
