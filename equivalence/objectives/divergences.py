"""Entropies and divergences of probability vectors, in nats.

    H(p)       = -sum_x p log p
    KL(p || q) =  sum_x p log(p / q)
    JSD(p, q)  =  KL(p || m) / 2 + KL(q || m) / 2,    m = (p + q) / 2          at most log 2
    chi2(p || q) = sum_x (p - q)^2 / q
    TV(p, q)   =  sum_x |p - q| / 2                                            at most 1

with 0 log 0 = 0. Divergences that are infinite are an error: KL needs q > 0 wherever p > 0.

Others, their gradients, conjugates and critics: `f_divergences`, of which these are the ones in daily use (`kl`,
`jensen_shannon`, `pearson`, `total_variation`). Between policies of an MDP: `policy_divergences`. Where outcomes have
distances: `transport`.

GAIL's Jensen-Shannon divergence, KL(p || m) + KL(q || m), is twice this one. Pinsker: 2 TV^2 <= KL.
Source: cover2006; lin1991.
"""

from typing import Any

import numpy as np

from equivalence.objectives.laws import checked_laws, checked_measures, first, in_range
from mdps import InvalidArgument, scalars


def shannon_entropy(p: Any) -> Any:
    """H(p) = -sum p log p of a law [..., n], over the last axis."""
    (p,) = checked_laws(p=p)
    positive = ~scalars.zero_mask(p)
    terms = scalars.over(positive, lambda x: x * scalars.log(x), p, otherwise=scalars.constant(0, p))
    return -terms.sum(axis=-1)


def kl(p: Any, q: Any) -> Any:
    """KL(p || q) = sum p log(p / q) of laws [..., n], over the last axis.

    Errors: `InvalidArgument` where q = 0 < p, with the outcome.
    """
    return _kl(*checked_laws(p=p, q=q))


def _kl(p: np.ndarray, q: np.ndarray) -> Any:
    positive = ~scalars.zero_mask(p)
    uncovered = positive & scalars.zero_mask(q)
    if uncovered.any():
        at = first(uncovered)
        raise InvalidArgument(f"KL(p || q) is infinite: q{at} is 0 and p{at} is {p[tuple(at)]}")
    terms = scalars.over(
        positive, lambda x, y: x * (scalars.log(x) - scalars.log(y)), p, q, otherwise=scalars.constant(0, p)
    )
    return terms.sum(axis=-1)


def jensen_shannon(p: Any, q: Any) -> Any:
    """JSD(p, q) = (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, of laws [..., n]; at most log 2."""
    p, q = checked_laws(p=p, q=q)
    mixture = (p + q) / 2
    return (_kl(p, mixture) + _kl(q, mixture)) / 2


def chi_square(p: Any, q: Any) -> Any:
    """chi2(p || q) = sum (p - q)^2 / q, over the last axis; p and q may be measures [..., n], as parts of laws.

    Errors: `InvalidArgument` where q = 0 < p, with the outcome.
    """
    p, q = checked_measures(p=p, q=q)
    positive = ~scalars.zero_mask(q)
    uncovered = ~positive & ~scalars.zero_mask(p)
    if uncovered.any():
        at = first(uncovered)
        raise InvalidArgument(f"chi2(p || q) is infinite: q{at} is 0 and p{at} is {p[tuple(at)]}")
    with np.errstate(over="ignore"):
        terms = scalars.over(positive, lambda x, y: (x - y) * (x - y) / y, p, q, otherwise=scalars.constant(0, q))
        return in_range(terms.sum(axis=-1), "chi2(p || q)")


def total_variation(p: Any, q: Any) -> Any:
    """TV(p, q) = sum |p - q| / 2 of laws [..., n], over the last axis: the largest difference of p(A) and q(A).

    >>> from fractions import Fraction
    >>> total_variation([Fraction(1, 2), Fraction(1, 2)], [Fraction(1, 3), Fraction(2, 3)])
    1/6
    """
    p, q = checked_laws(p=p, q=q)
    return abs(p - q).sum(axis=-1) / 2
