"""Products of arrays and linear systems of a jaxpr."""

import math
from typing import Any

import numpy as np

from equivalence.testing.adapters.jax_operations import as_numbers, in_type, operation
from equivalence.testing.adapters.numbers import Traced, traced, vanishes


@operation("dot_general")
def _product(eqn: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    (over_x, over_y), (along_x, along_y) = eqn.params["dimension_numbers"]
    aval = eqn.outvars[0].aval
    left = _as_matrices(x, along_x, over_x, last=True)
    right = _as_matrices(y, along_y, over_y, last=False)
    if x.dtype != object and y.dtype != object:
        return in_type(np.matmul(left.astype(aval.dtype), right.astype(aval.dtype)).reshape(aval.shape), aval.dtype)
    result = np.empty((len(left), left.shape[1], right.shape[2]), dtype=object)
    for out, one, other in zip(result, as_numbers(left), as_numbers(right), strict=True):
        _multiplied(out, one, other)
    return result.reshape(aval.shape)


def _as_matrices(x: np.ndarray, along: Any, over: Any, *, last: bool) -> np.ndarray:
    """[batch, rows, columns]; what is summed over stands last, or in the middle."""
    along, over = [int(a) for a in along], [int(a) for a in over]
    free = [a for a in range(x.ndim) if a not in along and a not in over]
    order = [*along, *free, *over] if last else [*along, *over, *free]
    n, m, k = (math.prod(x.shape[a] for a in axes) for axes in (along, free, over))
    return np.transpose(x, order).reshape((n, m, k) if last else (n, k, m))


def _multiplied(out: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """x @ y; terms that are 0 are left out, unless a factor is infinite or nan."""
    infinite = any(isinstance(z.number, float) for z in (*x.ravel(), *y.ravel()))
    zero = traced(0)
    rows = [[(k, z) for k, z in enumerate(row) if infinite or not _is_known_zero(z)] for row in x]
    columns = [[None if _is_known_zero(z) and not infinite else z for z in column] for column in y.T]
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            terms = [z * column[k] for k, z in row if column[k] is not None]
            out[i, j] = sum(terms[1:], terms[0]) if terms else zero


def _is_known_zero(x: Traced) -> bool:
    return getattr(x.number, "constant", None) == 0


@operation("lu")
def _lu(eqn: Any, matrices: np.ndarray) -> list[np.ndarray]:
    """P A = L U; rows are exchanged where a pivot is 0."""
    factors = matrices.copy()
    *batch, n, m = matrices.shape
    pivots = np.tile(np.arange(min(n, m)), (*batch, 1))
    order = np.tile(np.arange(n), (*batch, 1))
    for place in np.ndindex(*batch):
        a, permutation = factors[place], order[place]
        for k in range(min(n, m)):
            found = next((i for i in range(k, n) if not _is_zero(a[i, k])), k)
            pivots[(*place, k)] = found
            a[[k, found]], permutation[[k, found]] = a[[found, k]], permutation[[found, k]]
            for i in range(k + 1, n):
                if not _is_zero(a[i, k]):
                    a[i, k] = a[i, k] / a[k, k]
                    a[i, k + 1 :] = a[i, k + 1 :] - a[i, k] * a[k, k + 1 :]
    types = [v.aval.dtype for v in eqn.outvars[1:]]
    return [factors, in_type(pivots, types[0]), in_type(order, types[1])]


def _is_zero(x: Traced) -> bool:
    return not isinstance(x.number, float) and vanishes(x.number)


@operation("lu_pivots_to_permutation")
def _permutation(eqn: Any, pivots: np.ndarray) -> np.ndarray:
    *batch, n = pivots.shape
    result = np.tile(np.arange(eqn.params["permutation_size"]), (*batch, 1))
    for place in np.ndindex(*batch):
        row = result[place]
        for k in range(n):
            i = int(pivots[place][k])
            row[[k, i]] = row[[i, k]]
    return in_type(result, eqn.outvars[0].aval.dtype)


@operation("triangular_solve")
def _triangular_solution(eqn: Any, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """x with op(a) x = b, or x op(a) = b; op may transpose."""
    lower, left = eqn.params["lower"], eqn.params["left_side"]
    if bool(eqn.params["transpose_a"]) == bool(left):  # the other side is the transposed system
        a, lower = np.swapaxes(a, -1, -2), not lower
    b = b if left else np.swapaxes(b, -1, -2)
    x = b.copy()
    n = a.shape[-1]
    for place in np.ndindex(*a.shape[:-2]):
        rows, own = x[place], a[place]
        for i in range(n) if lower else reversed(range(n)):
            for j in range(i) if lower else range(i + 1, n):
                if not _is_known_zero(own[i, j]):
                    rows[i] = rows[i] - own[i, j] * rows[j]
            if not eqn.params["unit_diagonal"]:
                rows[i] = rows[i] / own[i, i]
    return x if left else np.swapaxes(x, -1, -2)
