"""Entropies and divergences of probability vectors, in nats.

    H(p)       = -sum_x p log p
    KL(p || q) =  sum_x p log(p / q)
    JSD(p, q)  =  KL(p || m) / 2 + KL(q || m) / 2,    m = (p + q) / 2          at most log 2
    chi2(p || q) = sum_x (p - q)^2 / q

with 0 log 0 = 0. Divergences that are infinite are an error: KL needs q > 0 wherever p > 0.
Source: cover2006; lin1991.
"""

from typing import Any

import numpy as np

from mdps import InvalidArgument, scalars


def shannon_entropy(p: Any) -> Any:
    """H(p) = -sum p log p, over the last axis."""
    p = np.asarray(p)
    positive = ~scalars.zero_mask(p)
    terms = scalars.over(positive, lambda x: x * scalars.log(x), p, otherwise=scalars.constant(0, p))
    return -terms.sum(axis=-1)


def kl(p: Any, q: Any) -> Any:
    """KL(p || q) = sum p log(p / q), over the last axis.

    Errors: `InvalidArgument` where q = 0 < p, with the outcome.
    """
    p, q = np.broadcast_arrays(p, q)
    positive = ~scalars.zero_mask(p)
    uncovered = positive & scalars.zero_mask(q)
    if uncovered.any():
        at = [int(i) for i in np.argwhere(uncovered)[0]]
        raise InvalidArgument(f"KL(p || q) is infinite: q{at} is 0 and p{at} is {p[tuple(at)]}")
    terms = scalars.over(
        positive, lambda x, y: x * (scalars.log(x) - scalars.log(y)), p, q, otherwise=scalars.constant(0, p)
    )
    return terms.sum(axis=-1)


def jensen_shannon(p: Any, q: Any) -> Any:
    """JSD(p, q) = (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, over the last axis; at most log 2."""
    p, q = np.broadcast_arrays(p, q)
    mixture = (p + q) / 2
    return (kl(p, mixture) + kl(q, mixture)) / 2


def chi_square(p: Any, q: Any) -> Any:
    """chi2(p || q) = sum (p - q)^2 / q, over the last axis.

    Errors: `InvalidArgument` where q = 0 < p, with the outcome.
    """
    p, q = np.broadcast_arrays(p, q)
    positive = ~scalars.zero_mask(q)
    uncovered = ~positive & ~scalars.zero_mask(p)
    if uncovered.any():
        at = [int(i) for i in np.argwhere(uncovered)[0]]
        raise InvalidArgument(f"chi2(p || q) is infinite: q{at} is 0 and p{at} is {p[tuple(at)]}")
    terms = scalars.over(positive, lambda x, y: (x - y) ** 2 / y, p, q, otherwise=scalars.constant(0, q))
    return terms.sum(axis=-1)
