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
log partition function of E only under conditions. The printed form sigmoid(E - log q) of the last section of Finn et
al. has the sign of E wrong.

Best of all is any E with E + log Z = -log p, whatever the sampler:

    D* = p / (p + q),      min L_D = log 4 - 2 JSD(p, q)

Unequal numbers of samples. With nu = `sampler_ratio` samples of q to one of p, the loss is E_p[-log D] + nu E_q[-log(1
- D)]. The logit above is not corrected for it, so that D* = p / (p + nu q) is reached at E + log Z = -log p + log nu:
log Z absorbs log nu, and where there is no log Z (AIRL) the reward is off by -log nu. (With the corrected logit
-E - log Z - log(nu q) it is noise-contrastive estimation.)

For E = sum_k F_k theta_k the loss is convex in (theta, log Z): with x = (-F, -1), the derivative of the logit,

    d2L_D = sum_x (p + nu q) D (1 - D) x x'

What the sampler may descend instead of L_G: `generator_losses`. Discriminators of trajectories: `trajectory_gan`.
Source: finn2016; goodfellow2014.
"""

from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives import roots
from equivalence.objectives.features import weighted_outer
from equivalence.objectives.laws import checked_laws
from equivalence.objectives.space import checked, common_arithmetic, inner
from mdps import InvalidArgument, scalars


class DiscriminatorGradient(NamedTuple):
    """Partial derivatives of the discriminator loss: to each energy, [..., n], and to the log normalizer."""

    energy: np.ndarray
    log_normalizer: Any


def _logit(energy: np.ndarray, sampler: np.ndarray, log_normalizer: Any) -> np.ndarray:
    return -energy - log_normalizer - scalars.log(sampler)


def _sampled(sampler: np.ndarray) -> np.ndarray:
    return ~scalars.zero_mask(sampler)


def _checked_ratio(ratio: np.ndarray) -> np.ndarray:
    """nu > 0, with an axis for outcomes."""
    if not scalars.level_of(ratio) == "carrier" and (scalars.zero_mask(ratio) | scalars.negative_mask(ratio)).any():
        raise InvalidArgument(f"sampler_ratio is {ratio}; expected a positive number, samples of q a sample of p")
    return ratio[..., None]


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


def discriminator_loss(energy: Any, sampler: Any, data: Any, log_normalizer: Any, *, sampler_ratio: Any = 1) -> Any:
    """L_D = E_p[-log D] + nu E_q[-log(1 - D)], in nats; minimized. nu: `sampler_ratio`."""
    energy, sampler, data, log_normalizer, ratio = checked(
        energy=energy, sampler=sampler, data=data, log_normalizer=log_normalizer, sampler_ratio=sampler_ratio
    )

    def terms(
        energy: np.ndarray, sampler: np.ndarray, data: np.ndarray, log_normalizer: np.ndarray, ratio: np.ndarray
    ) -> np.ndarray:
        logit = _logit(energy, sampler, log_normalizer)
        return data * scalars.softplus(-logit) + sampler * ratio * scalars.softplus(logit)

    losses = scalars.over(
        _sampled(sampler),
        terms,
        energy,
        sampler,
        data,
        log_normalizer[..., None],
        _checked_ratio(ratio),
        otherwise=scalars.constant(0, data),
    )
    return losses.sum(axis=-1)


def discriminator_gradient(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, *, sampler_ratio: Any = 1
) -> DiscriminatorGradient:
    """dL_D/dE(x) = p(x) (1 - D(x)) - nu q(x) D(x), [..., n], and its sum dL_D/dlogZ."""
    energy, sampler, data, log_normalizer, ratio = checked(
        energy=energy, sampler=sampler, data=data, log_normalizer=log_normalizer, sampler_ratio=sampler_ratio
    )

    def terms(
        energy: np.ndarray, sampler: np.ndarray, data: np.ndarray, log_normalizer: np.ndarray, ratio: np.ndarray
    ) -> np.ndarray:
        logit = _logit(energy, sampler, log_normalizer)
        return data * scalars.sigmoid(-logit) - sampler * ratio * scalars.sigmoid(logit)

    to_energy = scalars.over(
        _sampled(sampler),
        terms,
        energy,
        sampler,
        data,
        log_normalizer[..., None],
        _checked_ratio(ratio),
        otherwise=scalars.constant(0, data),
    )
    return DiscriminatorGradient(to_energy, to_energy.sum(axis=-1))


def discriminator_hessian(
    features: Any, theta: Any, sampler: Any, data: Any, log_normalizer: Any, *, sampler_ratio: Any = 1
) -> np.ndarray:
    """d2L_D / d(theta, log Z)2 = sum_x (p + nu q) D (1 - D) x x', [k+1, k+1], for E = F theta and x = (-F, -1).

    features F [n, k], theta [k]; with F the identity it is the Hessian to the table E and log Z, which has the flat
    direction E + c, log Z - c. Positive semidefinite: the loss is convex.

    >>> import numpy as np
    >>> discriminator_hessian([[1], [0]], [0], [0.5, 0.5], [0.5, 0.5], np.log(2))
    array([[0.25, 0.25],
           [0.25, 0.5 ]])
    """
    arrays = common_arithmetic(
        features=features,
        theta=theta,
        sampler=sampler,
        data=data,
        log_normalizer=log_normalizer,
        sampler_ratio=sampler_ratio,
    )
    phi, theta = arrays["features"], arrays["theta"]
    if phi.ndim != 2 or theta.shape != phi.shape[1:]:
        raise InvalidArgument(f"features {phi.shape} and theta {theta.shape}; expected [n, k] and [k]")
    energy = (phi * theta).sum(axis=-1)
    names = ("sampler", "data", "log_normalizer", "sampler_ratio")
    energy, sampler, data, log_normalizer, ratio = checked(energy=energy, **{name: arrays[name] for name in names})
    if sampler.ndim > 1 or data.ndim > 1 or log_normalizer.ndim or ratio.ndim:
        raise InvalidArgument("leading axes: the Hessian is of one sampler, data and log normalizer at a time")

    def terms(energy: np.ndarray, sampler: np.ndarray, data: np.ndarray) -> np.ndarray:
        logit = _logit(energy, sampler, log_normalizer)
        return (data + sampler * _checked_ratio(ratio)) * scalars.sigmoid(logit) * scalars.sigmoid(-logit)

    weight = scalars.over(_sampled(sampler), terms, energy, sampler, data, otherwise=scalars.constant(0, data))
    bias = np.full((len(phi), 1), scalars.constant(1, phi), dtype=phi.dtype)
    return weighted_outer(weight, np.concatenate([phi, bias], axis=1))


def optimal_discriminator(sampler: Any, data: Any, *, sampler_ratio: Any = 1) -> np.ndarray:
    """D*(x) = p / (p + nu q), [..., n], which minimizes L_D; 1 where q(x) = 0.

    >>> from fractions import Fraction
    >>> optimal_discriminator([Fraction(1, 2), Fraction(1, 2)], [Fraction(1, 4), Fraction(3, 4)])
    array([1/3, 3/5], dtype=object)
    """
    sampler, data, ratio = _laws_and_ratio(sampler, data, sampler_ratio)
    sampled = _sampled(sampler)
    return scalars.over(
        sampled, lambda p, q, nu: p / (p + nu * q), data, sampler, ratio, otherwise=scalars.constant(1, data)
    )


def optimal_logit(sampler: Any, data: Any, *, sampler_ratio: Any = 1) -> np.ndarray:
    """log D* - log(1 - D*) = log p - log q - log nu, [..., n]; log 0 where p(x) = 0.

    Errors: `InvalidArgument` where q(x) = 0: no finite logit is optimal where p(x) > 0, and any is where it is not.
    """
    sampler, data, ratio = _laws_and_ratio(sampler, data, sampler_ratio)
    unsampled = ~_sampled(sampler)
    if unsampled.any():
        at = [int(i) for i in np.argwhere(unsampled)[0]]
        raise InvalidArgument(f"sampler{at} is 0: there is no optimal logit")
    return scalars.log(data) - scalars.log(sampler) - scalars.log(ratio)


def optimal_discriminator_loss(sampler: Any, data: Any, *, sampler_ratio: Any = 1) -> Any:
    """min_D L_D = E_p log((p + nu q) / p) + nu E_q log((p + nu q) / (nu q)), in nats.

    For nu = 1 it is log 4 - 2 JSD(p, q): log 4 where p = q, and 0 where they have nothing in common.
    """
    sampler, data, ratio = _laws_and_ratio(sampler, data, sampler_ratio)
    drawn = ratio * sampler
    zero = scalars.constant(0, data)

    def terms(x: np.ndarray, total: np.ndarray) -> np.ndarray:
        return x * (scalars.log(total) - scalars.log(x))

    return sum(
        scalars.over(~scalars.zero_mask(x), terms, x, data + drawn, otherwise=zero).sum(axis=-1) for x in (data, drawn)
    )


def _laws_and_ratio(sampler: Any, data: Any, sampler_ratio: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    arrays = common_arithmetic(sampler=sampler, data=data, sampler_ratio=sampler_ratio)
    sampler, data = checked_laws(sampler=arrays["sampler"], data=arrays["data"])
    sampler, data, ratio = np.broadcast_arrays(sampler, data, _checked_ratio(arrays["sampler_ratio"]))
    return sampler, data, ratio


def optimal_log_normalizer(energy: Any, sampler: Any, data: Any, *, sampler_ratio: Any = 1) -> Any:
    """The log Z that minimizes L_D for a given energy: the root of sum_x (p + nu q) D = 1.

    With m = p(q > 0) and l_0 = -E - log q it is the unique root of the decreasing function

        g(log Z) = sum_{q > 0} (p + nu q) sigmoid(l_0 - log Z) - m,

    and lies between the least and the largest l_0 - log(m / nu). In balls it comes with certified signs of g on both
    sides.

    Errors: `InvalidArgument` where p(q > 0) = 0: the infimum is at log Z -> infinity, and none is attained.
    `OutOfReach` for exact numbers and symbols: the root is algebraic.
    """
    energy, sampler, data, ratio = checked(energy=energy, sampler=sampler, data=data, sampler_ratio=sampler_ratio)
    energy, sampler, data, ratio = np.broadcast_arrays(energy, sampler, data, _checked_ratio(ratio))
    sampled = _sampled(sampler)
    zero = scalars.constant(0, data)
    covered = np.where(sampled, data, zero).sum(axis=-1)
    if scalars.zero_mask(np.asarray(covered)).any():
        raise InvalidArgument(
            "the sampler covers none of the data: L_D falls for ever as log Z grows, no log Z is optimal"
        )
    mass = np.where(sampled, data + ratio * sampler, zero)
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
