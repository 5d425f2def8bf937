"""Importance sampling of the partition function from a proposal q, exactly, for N = 2 samples by enumerating all pairs.

Z^ = (1/N) sum_i e^-E(x_i) / q(x_i),     x_i ~ q independent
"""

from typing import Any

import numpy as np

from equivalence.claims import games
from equivalence.claims.assumptions import sampler_covers_everything
from equivalence.claims.claim import Conclusion, at_most, claim, equal
from equivalence.objectives import ebm
from equivalence.objectives.divergences import chi_square
from mdps import OutOfReach, scalars

MOST_OUTCOMES = 40
SOURCE = "finn2016gcl; derived"


def _pairs(energy: Any, sampler: Any) -> tuple[Any, Any]:
    """The estimate of each pair of samples [n, n], and its probability."""
    n = energy.shape[-1]
    if n > MOST_OUTCOMES:
        raise OutOfReach(
            f"{n} outcomes make {n**2:,} pairs of samples; at most {MOST_OUTCOMES} outcomes are enumerated"
        )
    covered = ~scalars.zero_mask(sampler)
    weight = scalars.over(
        covered, lambda e, q: scalars.exp(-e) / q, energy, sampler, otherwise=scalars.constant(0, sampler)
    )
    return (weight[:, None] + weight[None, :]) / 2, sampler[:, None] * sampler[None, :]


@claim("F-10", assumes=[sampler_covers_everything], source=SOURCE)
def importance_estimate_is_unbiased(energy: Any, sampler: Any) -> Conclusion:
    """E[Z^] = Z_theta for every proposal that covers all outcomes."""
    estimate, probability = _pairs(energy, sampler)
    return equal((estimate * probability).sum(), scalars.exp(-energy).sum())


@claim("F-10", assumes=[sampler_covers_everything], source=SOURCE)
def importance_estimate_variance_eq_chi_square(energy: Any, sampler: Any) -> Conclusion:
    """Var[Z^] = Z_theta^2 chi2(p_theta || q) / N, here N = 2: no variance exactly where q = p_theta."""
    estimate, probability = _pairs(energy, sampler)
    mean = (estimate * probability).sum()
    deviation = estimate - mean
    variance = (probability * deviation * deviation).sum()  # not ** 2, which is nan for a ball around 0
    partition = scalars.exp(-energy).sum()
    model = ebm.law(energy)
    covered = ~scalars.zero_mask(sampler)
    return equal(2 * variance, partition**2 * chi_square(np.where(covered, model, 0 * model), sampler))


@claim("F-10", source=SOURCE)
def expected_log_importance_estimate_le_log_partition(energy: Any, sampler: Any) -> Conclusion:
    """E[log Z^] <= log Z_theta: the log of the estimate is biased downwards (Jensen)."""
    estimate, probability = _pairs(energy, sampler)
    sampled = ~scalars.zero_mask(probability)
    terms = scalars.over(
        sampled, lambda z, w: w * scalars.log(z), estimate, probability, otherwise=scalars.constant(0, probability)
    )
    return at_most(terms.sum(), ebm.log_partition(energy))


for _claim in (importance_estimate_is_unbiased, importance_estimate_variance_eq_chi_square):
    _claim.fails_without(sampler_covers_everything)(games.half_covered)
