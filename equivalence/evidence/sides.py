"""The two sides of a conclusion as flat arrays, and where in them something stands."""

from typing import Any

import numpy as np

from equivalence.claims import AtMost, Equal
from mdps import InvalidArgument


def flat_sides(conclusion: Equal | AtMost) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Both sides broadcast against each other and flattened, with their common shape."""
    lhs, rhs = np.broadcast_arrays(*map(as_array, conclusion))
    return lhs.ravel(), rhs.ravel(), lhs.shape


def as_array(value: Any) -> np.ndarray:
    """A side as an array; a claim whose sides are something else is wrongly written."""
    array = np.asarray(value)
    if array.dtype.kind not in "iufO":
        raise InvalidArgument(f"a side of a claim is of type {type(value).__name__}; expected numbers")
    return array


def place(index: int, shape: tuple[int, ...]) -> str:
    """The index of a flat entry as `[i, j]`, and nothing for a single number."""
    return "" if shape == () else str([int(i) for i in np.unravel_index(index, shape)])
