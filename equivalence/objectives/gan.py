"""Adversarial training with a discriminator that is given the sampler's density.

For an energy E, a scalar log Z that is trained along with it, and the density q of the sampler, the discriminator is

    D(x) = e^-E(x)/Z / (e^-E(x)/Z + q(x)) = sigmoid(l(x)),       l(x) = -E(x) - log Z - log q(x),

the probability that x is data. With data p,

    L_D       = E_p[-log D] + E_q[-log(1 - D)]
    dL_D/dE   = p (1 - D) - q D  =  p - (p + q) D
    dL_D/dlogZ= sum_x p (1 - D) - q D
    L_G       = E_q[log(1 - D) - log D] = E_q[E] + log Z - H(q)

Everything is computed from the logits l, so energies of hundreds of nats are no trouble: -log D = log(1 + e^-l). Where
q(x) = 0 < p(x) the discriminator is 1 whatever the energy, and x adds nothing.

Loss terms are sums, not means over 2N samples (which would be half of them). Log Z is a free parameter: it equals the
log partition function of E only under conditions.
Source: finn2016; goodfellow2014.
"""

from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives import roots
from equivalence.objectives.space import checked, inner
from mdps import InvalidArgument, scalars


class DiscriminatorGradient(NamedTuple):
    """Partial derivatives of the discriminator loss: to each energy, [..., n], and to the log normalizer."""

    energy: np.ndarray
    log_normalizer: Any


def _logit(energy: np.ndarray, sampler: np.ndarray, log_normalizer: Any) -> np.ndarray:
    return -energy - log_normalizer - scalars.log(sampler)


def _sampled(sampler: np.ndarray) -> np.ndarray:
    return ~scalars.zero_mask(sampler)


def discriminator(energy: Any, sampler: Any, log_normalizer: Any) -> np.ndarray:
    """D(x) = sigmoid(-E(x) - log Z - log q(x)), [..., n]; 1 where q(x) = 0.

    >>> import numpy as np
    >>> discriminator(np.array([700.0, -700.0]), np.array([0.5, 0.5]), 0.0)
    array([1.97193531e-304, 1.00000000e+000])
    """
    energy, sampler, log_normalizer = checked(energy=energy, sampler=sampler, log_normalizer=log_normalizer)

    def probability(energy: np.ndarray, sampler: np.ndarray, log_normalizer: np.ndarray) -> np.ndarray:
        return scalars.sigmoid(_logit(energy, sampler, log_normalizer))

    return scalars.over(
        _sampled(sampler),
        probability,
        energy,
        sampler,
        log_normalizer[..., None],
        otherwise=scalars.constant(1, sampler),
    )


def discriminator_loss(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> Any:
    """L_D = E_p[-log D] + E_q[-log(1 - D)], in nats; minimized."""
    energy, sampler, data, log_normalizer = checked(
        energy=energy, sampler=sampler, data=data, log_normalizer=log_normalizer
    )

    def terms(energy: np.ndarray, sampler: np.ndarray, data: np.ndarray, log_normalizer: np.ndarray) -> np.ndarray:
        logit = _logit(energy, sampler, log_normalizer)
        return data * scalars.softplus(-logit) + sampler * scalars.softplus(logit)

    losses = scalars.over(
        _sampled(sampler), terms, energy, sampler, data, log_normalizer[..., None], otherwise=scalars.constant(0, data)
    )
    return losses.sum(axis=-1)


def discriminator_gradient(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> DiscriminatorGradient:
    """dL_D/dE(x) = p(x) (1 - D(x)) - q(x) D(x), [..., n], and its sum dL_D/dlogZ."""
    energy, sampler, data, log_normalizer = checked(
        energy=energy, sampler=sampler, data=data, log_normalizer=log_normalizer
    )

    def terms(energy: np.ndarray, sampler: np.ndarray, data: np.ndarray, log_normalizer: np.ndarray) -> np.ndarray:
        logit = _logit(energy, sampler, log_normalizer)
        return data * scalars.sigmoid(-logit) - sampler * scalars.sigmoid(logit)

    to_energy = scalars.over(
        _sampled(sampler), terms, energy, sampler, data, log_normalizer[..., None], otherwise=scalars.constant(0, data)
    )
    return DiscriminatorGradient(to_energy, to_energy.sum(axis=-1))


def optimal_log_normalizer(energy: Any, sampler: Any, data: Any) -> Any:
    """The log Z that minimizes L_D for a given energy: the root of sum_x (p + q) D = 1.

    With m = p(q > 0) and l_0 = -E - log q it is the unique root of the decreasing function

        g(log Z) = sum_{q > 0} (p + q) sigmoid(l_0 - log Z) - m,

    and lies between the least and the largest l_0 - log m. In balls it comes with certified signs of g on both sides.

    Errors: `InvalidArgument` where p(q > 0) = 0: the infimum is at log Z -> infinity, and none is attained.
    `OutOfReach` for exact numbers and symbols: the root is algebraic.
    """
    energy, sampler, data = checked(energy=energy, sampler=sampler, data=data)
    energy, sampler, data = np.broadcast_arrays(energy, sampler, data)
    sampled = _sampled(sampler)
    zero = scalars.constant(0, data)
    covered = np.where(sampled, data, zero).sum(axis=-1)
    if scalars.zero_mask(np.asarray(covered)).any():
        raise InvalidArgument(
            "the sampler covers none of the data: L_D falls for ever as log Z grows, no log Z is optimal"
        )
    mass = np.where(sampled, data + sampler, zero)
    logit = scalars.over(sampled, lambda e, q: -e - scalars.log(q), energy, sampler, otherwise=zero)
    return roots.decreasing_logistic_root(mass, logit, np.asarray(covered), sampled)


def generator_loss(energy: Any, sampler: Any, log_normalizer: Any) -> Any:
    """L_G = E_q[log(1 - D) - log D] = E_q[E + log Z + log q], in nats; minimized by the sampler."""
    energy, sampler, log_normalizer = checked(energy=energy, sampler=sampler, log_normalizer=log_normalizer)

    def negative_logit(energy: np.ndarray, sampler: np.ndarray, log_normalizer: np.ndarray) -> np.ndarray:
        return -_logit(energy, sampler, log_normalizer)

    zero = scalars.constant(0, sampler)
    losses = scalars.over(_sampled(sampler), negative_logit, energy, sampler, log_normalizer[..., None], otherwise=zero)
    return inner(sampler, losses)
