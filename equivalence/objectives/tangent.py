"""Gradients to a table of probabilities, as what they are on the simplex.

A gradient g [..., n] to a free table q says how a function changes when one entry of q moves alone, which no law does:
on the simplex g and g + constant are the same. Two ways to say it without the constant:

    projected   g - mean(g)           the part along the simplex: its inner product with every dq of sum 0 is that of g
    to_logits   q (g - E_q g)         the derivative to l where q = exp(l) / sum exp(l)

Two losses have the same gradient on the simplex where their projections are equal. Either vanishes at an optimum with
q > 0; at an optimum on the boundary only the second does.
Source: amari1998.
"""

from typing import Any

import numpy as np

from equivalence.objectives.laws import checked_tables
from mdps import scalars


def projected(gradient: Any) -> np.ndarray:
    """g - mean(g), [..., n]: the orthogonal projection on the directions of sum 0.

    >>> projected([1.0, 2.0, 6.0])
    array([-2., -1.,  3.])
    """
    (gradient,) = checked_tables(gradient=gradient)
    return gradient - gradient.sum(axis=-1, keepdims=True) / gradient.shape[-1]


def to_logits(gradient: Any, law: Any) -> np.ndarray:
    """dL/dl(x) = q(x) (g(x) - E_q g), [..., n], for q = exp(l) / sum exp(l) and g = dL/dq; 0 where q is 0."""
    gradient, law = checked_tables(laws=("law",), gradient=gradient, law=law)
    mean = (law * gradient).sum(axis=-1, keepdims=True)
    sampled = ~scalars.zero_mask(law)
    return scalars.over(
        sampled, lambda q, g, m: q * (g - m), law, gradient, mean, otherwise=scalars.constant(0, law + gradient)
    )
