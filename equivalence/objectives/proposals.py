"""Importance sampling: where samples come from, and what each of them weighs.

For an energy E with Z = sum_x e^-E(x), samples of a law m and weights w(x) estimate Z by the mean of w, and
expectations under p_theta = e^-E / Z by weighted means. Three pairs are in use, p data, q sampler:

    name           samples of m        log w
    sampler        q                   -E - log q
    true mixture   mu = (p + q) / 2    -E - log mu         the data's density must be known
    mixture        mu = (p + q) / 2    -E - log mu~        mu~ = (e^-E / Z_0 + q) / 2, p replaced by the model

The first two are unbiased for Z wherever m > 0. The third is not: its mean is

    E_mu[w] = Z E_{p_theta}[(p + q) / (p~_0 + q)],      p~_0 = e^-E / Z_0,

which is Z if p~_0 = p, and else only by chance. (Finn et al. call this estimate unbiased; it is consistent in the sense
that it is right where the model has become the data's density.) With weights w / Z_0 = 2 D, twice the discriminator,
and Z_0 its fixed point, the gradient p - m w / E_m[w] of E_p[E] + log E_m[w] is the discriminator's (`gcl.gradient`);
with the true mixture, or the sampler where it covers everything, it is the exact gradient p - p_theta of -LL.

*Proposals without variance.* Z^ has none iff q = p_theta; the estimate of E_{p_theta}[f] by the mean of f p_theta / q
has none for q in proportion to p_theta f, f >= 0. But the self-normalized estimate, sum w f / sum w, has to first order
in 1 / N samples

    N bias = -E_q[(p_theta/q)^2 (f - E f)],     N Var = E_q[(p_theta/q)^2 (f - E f)^2] >= (E_{p_theta}|f - E f|)^2,

least for q in proportion to p_theta |f - E f|, and not for q = p_theta, where it is Var f. What is best for Z is not
best for the gradient.
Source: finn2016; finn2016gcl; hesterberg1988; derived.
"""

from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives import ebm, gcl
from equivalence.objectives.space import checked
from equivalence.objectives.tables import checked_tables, within_floats
from mdps import InvalidArgument, scalars


class Proposal(NamedTuple):
    """A law m [..., n] that samples come from, and their log weights [..., n] in nats, 0 where m(x) = 0."""

    law: np.ndarray
    log_weight: np.ndarray


def sampler_proposal(energy: Any, sampler: Any) -> Proposal:
    """Samples of q, weighed by e^-E / q."""
    energy, sampler = checked(energy=energy, sampler=sampler)
    return _weighed(energy, sampler)


def true_mixture_proposal(energy: Any, sampler: Any, data: Any) -> Proposal:
    """Samples of mu = (p + q) / 2, weighed by e^-E / mu."""
    energy, sampler, data = checked(energy=energy, sampler=sampler, data=data)
    return _weighed(energy, (data + sampler) / 2)


def _weighed(energy: np.ndarray, law: np.ndarray) -> Proposal:
    energy, law = np.broadcast_arrays(energy, law)
    drawn, zero = ~scalars.zero_mask(law), scalars.constant(0, energy)
    return Proposal(law, scalars.over(drawn, lambda e, m: -e - scalars.log(m), energy, law, otherwise=zero))


def mixture_proposal(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> Proposal:
    """Samples of mu = (p + q) / 2, weighed by e^-E / mu~ with mu~ = (e^-E / Z_0 + q) / 2; log_normalizer is log Z_0."""
    energy, sampler, data, log_normalizer = checked(
        energy=energy, sampler=sampler, data=data, log_normalizer=log_normalizer
    )
    law = (data + sampler) / 2
    two = 0 * energy + 2  # in the arithmetic of the energy
    log_mixture = gcl.log_mixture(energy, sampler, log_normalizer) - scalars.log(two)
    energy, law, log_mixture = np.broadcast_arrays(energy, law, log_mixture)
    drawn, zero = ~scalars.zero_mask(law), scalars.constant(0, energy)
    return Proposal(law, scalars.over(drawn, lambda e, m: -e - m, energy, log_mixture, otherwise=zero))


def checked_proposal(energy: Any, proposal: Proposal) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energies, law and log weights in one arithmetic."""
    energy, law, log_weight = checked_tables(energy=energy, sampler=proposal.law, log_weight=proposal.log_weight)
    return np.broadcast_arrays(energy, law, log_weight)  # type: ignore[return-value]


def log_partition(energy: Any, proposal: Proposal) -> Any:
    """log E_m[w], in nats: what log Z^ converges to as samples grow, in the hope of log Z (`ebm.log_partition`)."""
    _, law, log_weight = checked_proposal(energy, proposal)
    log_terms, drawn = _log_terms(law, log_weight)
    return scalars.logsumexp(log_terms, where=drawn)


def gradient(energy: Any, data: Any, proposal: Proposal) -> np.ndarray:
    """p - m w / E_m[w], [..., n]: the gradient of E_p[E] + log E_m[w] to E, m and the denominators of w frozen."""
    energy, law, log_weight = checked_proposal(energy, proposal)
    energy, data = checked(energy=energy, data=data)
    log_terms, drawn = _log_terms(law, log_weight)
    return data - scalars.log_normalized(log_terms, where=drawn)[1]


def _log_terms(law: np.ndarray, log_weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log(m w), and where m > 0."""
    drawn = ~scalars.zero_mask(law)
    terms = scalars.over(drawn, lambda m, w: scalars.log(m) + w, law, log_weight, otherwise=scalars.constant(0, law))
    return terms, drawn


def zero_variance_law(energy: Any, *, values: Any = None) -> np.ndarray:
    """The law q in proportion to p_theta f, [..., n]: the mean of f e^-E / q is then the same in every sample.

    values f [n], not negative; f = 1, for the partition function, unless given: q = p_theta.

    Errors: `InvalidArgument` for negative values, or values that are 0 everywhere.
    """
    if values is None:
        return ebm.law(energy)
    energy, values = checked_tables(energy=energy, values=values)
    if scalars.negative_mask(values).any():
        raise InvalidArgument("values are negative somewhere; the mean of f e^-E / q has no variance only for f >= 0")
    if scalars.zero_mask(values).all():
        raise InvalidArgument("values are 0 everywhere: every proposal has no variance, and none is best")
    return _tilted(energy, values)


def _tilted(energy: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """The law in proportion to e^-E times a factor that is not negative."""
    energy, factor = np.broadcast_arrays(energy, factor)
    positive = ~scalars.zero_mask(factor)
    zero = scalars.constant(0, energy)
    terms = scalars.over(positive, lambda e, f: scalars.log(f) - e, energy, factor, otherwise=zero)
    return scalars.log_normalized(terms, where=positive)[1]


def _deviation(energy: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p_theta, and f - E_{p_theta}[f] without the rounding that a constant f would leave."""
    law = ebm.law(energy)
    apart = values - values[..., :1]  # exactly 0 where f is constant
    return law, apart - np.asarray((law * apart).sum(axis=-1))[..., None]


def least_self_normalized_variance(energy: Any, values: Any) -> Any:
    """(E_{p_theta}|f - E f|)^2, in units of f^2: the least N Var of self-normalized estimates, over all samplers."""
    energy, values = checked_tables(energy=energy, values=values)
    law, deviation = _deviation(energy, values)
    spread = (law * np.abs(deviation)).sum(axis=-1)
    return spread * spread  # not ** 2, which is nan for a ball around 0


def least_self_normalized_variance_law(energy: Any, values: Any) -> np.ndarray:
    """The sampler q in proportion to p_theta |f - E f|, [..., n], that attains `least_self_normalized_variance`.

    It never draws outcomes with f = E f, and is consistent all the same: what they miss has the mean E f.

    Errors: `InvalidArgument` where f is constant: every sampler is right at once, and none is best.
    """
    energy, values = checked_tables(energy=energy, values=values)
    if scalars.zero_mask(values - values[:1]).all():
        raise InvalidArgument("values are constant: every self-normalized estimate is exact, and no proposal is best")
    return _tilted(energy, np.abs(_deviation(energy, values)[1]))


def self_normalized_variance(energy: Any, sampler: Any, values: Any) -> Any:
    """N Var as N -> infinity of the self-normalized estimate of E_{p_theta}[f]: E_q[(p_theta/q)^2 (f - E f)^2].

    values f [n], in any unit; the result is in its square. Outcomes with f = E f need no samples.

    Errors: `InvalidArgument` where q(x) = 0 and f(x) is not E f: the estimate is not consistent. `OutOfReach` where
    floats overflow.
    """
    return _moment(energy, sampler, values, 2)


def self_normalized_bias(energy: Any, sampler: Any, values: Any) -> Any:
    """N bias as N -> infinity of the self-normalized estimate of E_{p_theta}[f]: -E_q[(p_theta/q)^2 (f - E f)]."""
    return -_moment(energy, sampler, values, 1)


def _moment(energy: Any, sampler: Any, values: Any, power: int) -> Any:
    """sum_x p_theta^2 / q (f - E f)^power."""
    energy, sampler, values = checked_tables(energy=energy, sampler=sampler, values=values)
    law, deviation = _deviation(energy, values)
    law, sampler, deviation = np.broadcast_arrays(law, sampler, deviation)
    for at in np.argwhere(scalars.zero_mask(sampler)).tolist():
        if not scalars.zero_mask(deviation[(*at[:-1], [at[-1]])]).all():
            raise InvalidArgument(f"sampler is 0 at outcome {at}, where f is not E f: the estimate is not consistent")
    zero = scalars.constant(0, law)

    def terms(p: np.ndarray, q: np.ndarray, d: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return p * (p / q) * (d * d if power == 2 else d)

    summed = scalars.over(~scalars.zero_mask(sampler), terms, law, sampler, deviation, otherwise=zero).sum(axis=-1)
    return within_floats("the variance", summed)
