"""The score-function (REINFORCE) gradient: its mean and variance, exactly, and the best baseline.

For a sampler q_theta, costs c and the score s(x) = d log q_theta(x) / dtheta, one draw x ~ q gives the estimate

    G(x) = s(x) (c(x) - b)
    E[G]   = sum_x q s c                    for any constant b, since E_q[s] = 0
    Var[G] = E[s^2 (c - b)^2] - E[G]^2      entry by entry; of N draws, Var[G] / N
    b*     = E[s^2 c] / E[s^2]              the least variance of an entry; with |s|^2 = sum_k s_k^2, of their sum

Logits of a table, q = exp(l) / sum exp(l), have the score s_k(x) = 1[x = k] - q(k). Costs that depend on theta with
E_q[dc/dtheta] = 0 give the same gradient: c = E + log q is that of E_q[E] - H(q), the generator of an energy-based
model, since E_q[d log q] = 0.

A baseline has to be the same whatever x is drawn. The mean cost of the batch is not: with N draws it shrinks the
gradient to (1 - 1/N) E[G]. The mean of the other draws has no bias.
Source: williams1992; greensmith2004.
"""

from typing import Any

import numpy as np

from equivalence.objectives.laws import check_law
from equivalence.objectives.space import common_arithmetic
from mdps import InvalidArgument, scalars


def logit_score(sampler: Any) -> np.ndarray:
    """s_k(x) = 1[x = k] - q(k), [..., n, k], of q = exp(l) / sum exp(l).

    >>> logit_score([0.25, 0.75])
    array([[ 0.75, -0.75],
           [-0.25,  0.25]])
    """
    sampler = _sampler(common_arithmetic(sampler=sampler)["sampler"])
    n = sampler.shape[-1]
    zero, one = scalars.constant(0, sampler), scalars.constant(1, sampler)
    return np.where(np.eye(n, dtype=bool), one, zero) - sampler[..., None, :]


def gradient(cost: Any, sampler: Any, *, score: Any = None) -> np.ndarray:
    """E[G] = sum_x q(x) s(x) c(x), [..., k], whatever the baseline.

    cost [..., n], sampler q [..., n]; score [..., n, k], that of logits if it is left out.
    """
    cost, sampler, score, _ = _checked(cost, sampler, score, 0)
    return (sampler[..., None] * score * cost[..., None]).sum(axis=-2)


def estimates(cost: Any, sampler: Any, *, score: Any = None, baseline: Any = 0) -> np.ndarray:
    """G(x) = s(x) (c(x) - b), [..., n, k]: what one draw of x gives."""
    cost, sampler, score, baseline = _checked(cost, sampler, score, baseline)
    return score * (cost[..., None] - baseline)


def variance(cost: Any, sampler: Any, *, score: Any = None, baseline: Any = 0) -> np.ndarray:
    """Var[G_k] of one draw, [..., k]; divide by N for the mean of N draws.

    baseline  b, one number, or [..., k], one an entry. The squares are of G - E[G], so that floats do not cancel.
    """
    cost, sampler, score, baseline = _checked(cost, sampler, score, baseline)
    weight = sampler[..., None]
    drawn = score * (cost[..., None] - baseline)
    mean = (weight * drawn).sum(axis=-2, keepdims=True)
    centered = drawn - mean
    return (weight * centered * centered).sum(axis=-2)


def optimal_baseline(cost: Any, sampler: Any, *, score: Any = None, by_entry: bool = False) -> Any:
    """b* = E[|s|^2 c] / E[|s|^2], which minimizes the sum of the variances; by entry, E[s_k^2 c] / E[s_k^2], [..., k].

    It is not E_q[c], unless cost and |s|^2 are uncorrelated.
    Errors: `InvalidArgument` where the score is 0 at every draw: the variance is 0 with any baseline.

    >>> optimal_baseline([0.0, 3.0, 1.0], [0.5, 0.25, 0.25])
    np.float64(1.4)
    """
    cost, sampler, score, _ = _checked(cost, sampler, score, 0)
    weight = sampler[..., None] * score * score
    if not by_entry:
        weight = weight.sum(axis=-1, keepdims=True)
    total = weight.sum(axis=-2)
    if scalars.zero_mask(np.asarray(total)).any():
        raise InvalidArgument("the score is 0 at every draw: no baseline is better than another")
    best = (weight * cost[..., None]).sum(axis=-2) / total
    return best if by_entry else best[..., 0][()]


def _sampler(sampler: np.ndarray) -> np.ndarray:
    if sampler.shape[-1:] in ((), (0,)):
        raise InvalidArgument(f"sampler has shape {sampler.shape}; expected [..., n] of at least one outcome")
    check_law("sampler", sampler)
    return sampler


def _checked(cost: Any, sampler: Any, score: Any, baseline: Any) -> tuple[np.ndarray, ...]:
    """cost [..., n], sampler [..., n], score [..., n, k], and the baseline with an axis for outcomes, [..., 1, k]."""
    given = {"cost": cost, "sampler": sampler, "baseline": baseline}
    arrays = common_arithmetic(**given) if score is None else common_arithmetic(**given, score=score)
    sampler = _sampler(arrays["sampler"])
    cost, baseline = arrays["cost"], arrays["baseline"]
    score = logit_score(sampler) if score is None else arrays["score"]
    n = sampler.shape[-1]
    if cost.shape[-1:] != (n,):
        raise InvalidArgument(f"cost has shape {cost.shape}; expected [..., n] with the n of sampler, {(n,)}")
    if score.ndim < 2 or score.shape[-2] != n:
        raise InvalidArgument(f"score has shape {score.shape}; expected [..., n, k] with the n of sampler, {n}")
    if baseline.ndim and baseline.shape[-1] not in (1, score.shape[-1]):
        raise InvalidArgument(
            f"baseline has shape {baseline.shape}; expected one number, or [..., k], {score.shape[-1]}"
        )
    return cost, sampler, score, baseline[..., None, :] if baseline.ndim else baseline
