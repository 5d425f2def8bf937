"""Estimates from N importance samples: their exact means, biases and variances.

Of N independent samples x_1 ... x_N of a law m with weights w (`proposals`) three things are estimated:

    Z^ / Z     = (1/N) sum_i w(x_i) / Z              relative to Z = sum_x e^-E(x)
    log Z^                                           biased downwards, by Jensen, where m w = e^-E
    f^         = sum_i w(x_i) f(x_i) / sum_i w(x_i)  the self-normalized estimate of E_{p_theta}[f]; the gradient's
                                                     negative phase, f the indicators of outcomes

The first has closed forms for every N: mean E_m[w] / Z, variance Var_m(w / Z) / N, which is chi2(p_theta || q) / N for
samples of q. The others depend on a sample through its counts alone, so they are summed over all count vectors
(c_x) with sum c_x = N, of probability N! / prod c_x! prod m(x)^c_x: C(N + n - 1, n - 1) of them in place of n^N
sequences. To first order E[log Z^] - log Z = -chi2 / (2 N); for f^ see `proposals`.
Source: finn2016gcl; owen2013; derived.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives import ebm
from equivalence.objectives.proposals import Proposal, checked_proposal
from equivalence.objectives.space import checked
from equivalence.objectives.tables import checked_tables, indicators, within_floats
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.arguments import LISTED

MOST_SAMPLES_OF_FLOATS = 1_000  # beyond, multinomial coefficients leave the floats


class Estimate(NamedTuple):
    """Mean, bias (mean less what is estimated) and variance of an estimate."""

    mean: Any
    bias: Any
    variance: Any


def _checked_samples(n_samples: Any) -> int:
    if isinstance(n_samples, bool) or not isinstance(n_samples, (int, np.integer)) or n_samples < 1:
        raise InvalidArgument(f"n_samples is {n_samples!r}; expected a whole number of samples, at least 1")
    return int(n_samples)


def relative_partition(energy: Any, proposal: Proposal, *, n_samples: int) -> Estimate:
    """Z^ / Z from N samples, [...]; the bias is against 1.

    >>> import numpy as np
    >>> from fractions import Fraction
    >>> from mdps import log
    >>> from equivalence.objectives.proposals import sampler_proposal
    >>> energy = -log(np.array([Fraction(1), Fraction(3)], dtype=object))
    >>> relative_partition(energy, sampler_proposal(energy, [Fraction(1, 2)] * 2), n_samples=5)
    Estimate(mean=1, bias=0, variance=1/20)

    Errors: `OutOfReach` where floats overflow.
    """
    size = _checked_samples(n_samples)
    energy, law, log_weight = checked_proposal(energy, proposal)
    drawn, zero = ~scalars.zero_mask(law), scalars.constant(0, energy)
    log_z = np.asarray(scalars.logsumexp(-energy))[..., None]
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = scalars.over(drawn, lambda w, z: scalars.exp(w - z), log_weight, log_z, otherwise=zero)
        mean = (law * ratio).sum(axis=-1)
        deviation = ratio - np.asarray(mean)[..., None]
        variance = ((law * deviation) * deviation).sum(axis=-1) / size
        within_floats("the variance of the estimate", variance)
    return Estimate(mean, mean - scalars.constant(1, energy), variance)


class _Samples(NamedTuple):
    """Every vector of counts, [m, n] over outcomes that are drawn; its probability [m]; log(c w), and where c > 0."""

    probability: np.ndarray
    log_terms: np.ndarray
    present: np.ndarray


def sample_counts(n: int, n_samples: int) -> np.ndarray:
    """Every vector of n counts that sum to N, [m, n].

    Errors: `OutOfReach` for more than a million.
    """
    number = math.comb(n_samples + n - 1, n - 1)
    if number > LISTED:
        raise OutOfReach(f"{n_samples} samples of {n} outcomes have {number:,} vectors of counts; at most {LISTED:,}")
    counts = np.zeros((1, 0), dtype=int)
    left = np.array([n_samples])
    for _ in range(n - 1):
        repeats = left + 1
        taken = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        counts = np.concatenate([np.repeat(counts, repeats, axis=0), taken[:, None]], axis=1)
        left = np.repeat(left, repeats) - taken
    return np.concatenate([counts, left[:, None]], axis=1)


def _coefficients(counts: np.ndarray) -> np.ndarray:
    """N! / prod c!, [m], as Python's integers."""
    partial = np.cumsum(counts, axis=1)
    binomial = np.frompyfunc(math.comb, 2, 1)(partial, counts)
    return np.multiply.reduce(binomial, axis=1)


def _samples(law: np.ndarray, log_weight: np.ndarray, size: int) -> tuple[_Samples, np.ndarray]:
    """All samples of N of one law [n], and which outcomes are drawn."""
    drawn = ~scalars.zero_mask(law)
    law, log_weight = law[drawn], log_weight[drawn]
    counts = sample_counts(len(law), size)
    one = scalars.constant(1, law)
    powers = np.stack([np.full(len(law), one, dtype=law.dtype), *np.broadcast_to(law, (size, len(law)))])
    powers = np.multiply.accumulate(powers, axis=0)
    coefficients = _coefficients(counts)
    if law.dtype != object:
        if size > MOST_SAMPLES_OF_FLOATS:
            raise OutOfReach(
                f"{size} samples: probabilities of counts leave the floats beyond {MOST_SAMPLES_OF_FLOATS}; take balls"
            )
        coefficients = coefficients.astype(float)
    probability = coefficients * np.multiply.reduce(powers[counts, np.arange(len(law))], axis=1)
    numbers = counts + 0 * law[:1]  # in the arithmetic of the law
    present = counts > 0
    log_terms = scalars.over(
        present, lambda c, w: scalars.log(c) + w, numbers, log_weight, otherwise=scalars.constant(0, law)
    )
    return _Samples(probability, log_terms, present), drawn


def _one_problem(energy: Any, proposal: Proposal) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    energy, law, log_weight = checked_proposal(energy, proposal)
    if law.ndim != 1:
        raise InvalidArgument(f"energy and proposal have leading axes {law.shape[:-1]}; expected one problem, [n]")
    return energy, law, log_weight


def _moments(probability: np.ndarray, estimates: np.ndarray, truth: Any) -> Estimate:
    """Over the first axis of estimates [m, ...]."""
    weight = probability.reshape(-1, *(1,) * (estimates.ndim - 1))
    mean = (weight * estimates).sum(axis=0)
    deviation = estimates - mean
    variance = (weight * deviation * deviation).sum(axis=0)
    return Estimate(mean, mean - truth, variance)


def log_partition(energy: Any, proposal: Proposal, *, n_samples: int) -> Estimate:
    """log Z^ from N samples, in nats; the bias is against log Z.

    Errors: `OutOfReach` for more than a million vectors of counts.
    Cost: n operations for each.
    """
    size = _checked_samples(n_samples)
    energy, law, log_weight = _one_problem(energy, proposal)
    samples, _ = _samples(law, log_weight, size)
    log_size = scalars.log(size + 0 * law[0])
    estimates = np.asarray(scalars.logsumexp(samples.log_terms, where=samples.present)) - log_size
    return _moments(samples.probability, estimates, scalars.logsumexp(-energy))


def self_normalized(energy: Any, proposal: Proposal, values: Any, *, n_samples: int) -> Estimate:
    """f^ = sum w f / sum w from N samples; the bias is against E_{p_theta}[f]. values f [n].

    Errors: `OutOfReach` for more than a million vectors of counts.
    """
    energy, values = checked_tables(energy=energy, values=values)
    found = _self_normalized(energy, proposal, values[:, None], n_samples)
    return Estimate(*(x[0] for x in found))


def gradient(energy: Any, data: Any, proposal: Proposal, *, n_samples: int) -> Estimate:
    """p - (share of each outcome in sum w), [n]: the gradient of -LL to E with its negative phase from N samples.

    data p [n] are exact; the bias is against p - p_theta.
    """
    energy, data = checked(energy=energy, data=data)
    shares = _self_normalized(energy, proposal, indicators(energy), n_samples)
    return Estimate(data - shares.mean, -shares.bias, shares.variance)


def _self_normalized(energy: np.ndarray, proposal: Proposal, features: np.ndarray, n_samples: int) -> Estimate:
    """Of features [n, k]."""
    size = _checked_samples(n_samples)
    energy, law, log_weight = _one_problem(energy, proposal)
    samples, drawn = _samples(law, log_weight, size)
    shares = scalars.log_normalized(samples.log_terms, where=samples.present)[1]
    truth = (ebm.law(energy)[:, None] * features).sum(axis=0)
    return _moments(samples.probability, shares @ features[drawn], truth)
