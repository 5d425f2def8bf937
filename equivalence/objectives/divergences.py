"""Entropies and divergences of probability vectors, in nats.

    H(p)       = -sum_x p log p
    KL(p || q) =  sum_x p log(p / q)

with 0 log 0 = 0. Divergences that are infinite are an error: KL needs q > 0 wherever p > 0.
Source: cover2006.
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
