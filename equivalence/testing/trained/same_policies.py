"""Where two policies that were read are the same: decided, in rationals and in logits alike."""

from typing import Any

import numpy as np

from equivalence.testing.trained.policies import GivenPolicy


def same_rows(policy: GivenPolicy, other: GivenPolicy) -> np.ndarray:
    """In which (t, s), or s, two policies are the same: decided, for e to a rational number but 0 is irrational.

    A softmax of rationals is rational where all logits are equal, and nowhere else.
    """
    shape = np.broadcast_shapes(policy.support.shape, other.support.shape)
    supports = [np.broadcast_to(x.support, shape) for x in (policy, other)]
    same = (supports[0] == supports[1]).all(axis=-1)
    first, second = (_rows_that_tell(x, shape) for x in (policy, other))
    for at in np.ndindex(shape[:-1]):
        on = supports[0][at]
        if not same[at] or not on.any():
            continue
        x, y = first[at][on], second[at][on]
        if (policy.logits is None) == (other.logits is None):
            gap = x - y
            same[at] = bool((gap == (gap[0] if policy.logits is not None else 0)).all())
        else:
            same[at] = bool((x == x[0]).all() and (y == y[0]).all())
    return same


def _rows_that_tell(policy: GivenPolicy, shape: tuple[int, ...]) -> np.ndarray:
    table: Any = policy.exact if policy.logits is None else policy.logits
    return np.broadcast_to(table, shape)
