"""Linear algebra of torch: products of matrices, one linear system or several, and their backward passes.

Each is a function of arrays of numbers that are followed, with the argument names of its ATen operation.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from equivalence.testing.adapters.numbers import traced, vanishes
from equivalence.testing.adapters.torch_entries import ADD, DIV, MUL, SUB, guarded, registrar
from equivalence.testing.adapters.torch_memory import first_lost, numbers
from equivalence.testing.adapters.torch_sums import total
from mdps import OutOfReach

LINEAR: dict[str, Callable[..., Any]] = {}
called = registrar(LINEAR)


# Products of matrices


def _inner(xs: Sequence[Any], ys: Sequence[Any]) -> Any:
    """The sum of products, without those with a known 0 of which the other factor is a number."""
    terms = [x * y for x, y in zip(xs, ys, strict=True) if not (_drops(x, y) or _drops(y, x))]
    return functools.reduce(lambda x, y: x + y, terms) if terms else traced(0)


def _drops(x: Any, y: Any) -> bool:
    return getattr(x.number, "constant", None) == 0 and not isinstance(y.number, float)


_inner_guarded = guarded(lambda *xs: _inner(xs[: len(xs) // 2], xs[len(xs) // 2 :]))


@called("mm", "matmul")
def matrix_product(self, mat2):
    """The product of two matrices."""
    x, y = numbers(self), numbers(mat2)
    result = np.empty((x.shape[0], y.shape[1]), dtype=object)
    columns = [tuple(y[:, j]) for j in range(y.shape[1])]
    for i in range(x.shape[0]):
        row = tuple(x[i])
        for j, column in enumerate(columns):
            result[i, j] = _inner_guarded(*row, *column)
    return result


@called("mv")
def _mv(self, vec):
    return matrix_product(self, numbers(vec)[:, None])[:, 0]


@called("dot", "vdot")
def _dot(self, tensor):
    return matrix_product(numbers(self)[None], numbers(tensor)[:, None])[0, 0]


@called("bmm")
def _bmm(self, mat2):
    x, y = numbers(self), numbers(mat2)
    result = np.empty((x.shape[0], x.shape[1], y.shape[2]), dtype=object)
    for i in range(len(x)):
        result[i] = matrix_product(x[i], y[i])
    return result


def _plus(self: Any, product: Any, beta: Any, alpha: Any) -> np.ndarray:
    return ADD(self if beta == 1 else MUL(self, beta), product if alpha == 1 else MUL(product, alpha))


@called("addmm")
def _addmm(self, mat1, mat2, beta=1, alpha=1):
    return _plus(self, matrix_product(mat1, mat2), beta, alpha)


@called("addmv")
def _addmv(self, mat, vec, beta=1, alpha=1):
    return _plus(self, _mv(mat, vec), beta, alpha)


@called("addr")
def _addr(self, vec1, vec2, beta=1, alpha=1):
    return _plus(self, MUL(numbers(vec1)[:, None], vec2), beta, alpha)


@called("baddbmm")
def _baddbmm(self, batch1, batch2, beta=1, alpha=1):
    return _plus(self, _bmm(batch1, batch2), beta, alpha)


@called("addbmm")
def _addbmm(self, batch1, batch2, beta=1, alpha=1):
    return _plus(self, total(_bmm(batch1, batch2), 0), beta, alpha)


# One linear system or several


def _over_batch(function: Callable[..., Any], *arrays: np.ndarray) -> list[np.ndarray]:
    """What a function of matrices returns for each of a stack."""
    lead = np.broadcast_shapes(*(x.shape[:-2] for x in arrays))
    stacks = [np.broadcast_to(x, lead + x.shape[-2:]) for x in arrays]
    results = [function(*(stack[place] for stack in stacks)) for place in np.ndindex(*lead)]
    return [np.array(parts, dtype=object).reshape(lead + np.shape(parts[0])) for parts in zip(*results, strict=True)]


def _decomposed(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """L and U in one matrix, and rows that were exchanged, counted from 1; an exchange only where a pivot is 0.

    Errors: `OutOfReach` for a singular matrix.
    """
    lost = first_lost(matrix)
    if lost is not None:
        raise OutOfReach(lost.reason)
    rows, n = matrix.copy(), len(matrix)
    pivots = np.arange(1, n + 1)
    for k in range(n):
        pivot = next((i for i in range(k, n) if not vanishes(rows[i, k].number)), None)
        if pivot is None:
            raise OutOfReach("a linear system that is singular")
        pivots[k] = pivot + 1
        rows[[k, pivot]] = rows[[pivot, k]]
        for i in range(k + 1, n):
            if vanishes(rows[i, k].number):
                rows[i, k] = traced(0)
                continue
            rows[i, k] = rows[i, k] / rows[k, k]
            rows[i, k + 1 :] = SUB(rows[i, k + 1 :], MUL(rows[i, k], rows[k, k + 1 :]))
    return rows, pivots


def _substituted(factors: np.ndarray, pivots: np.ndarray, right: np.ndarray, adjoint: bool) -> np.ndarray:
    """The solution X of A X = B, or A' X = B, for A = P L U."""
    n = len(factors)
    lower = np.where(np.tril(np.ones((n, n), dtype=bool), -1), factors, numbers(0)) + np.diag(numbers(np.ones(n, int)))
    upper = np.where(np.triu(np.ones((n, n), dtype=bool)), factors, numbers(0))
    order = np.arange(n)
    for k, pivot in enumerate(np.asarray(pivots, dtype=int)):
        order[[k, pivot - 1]] = order[[pivot - 1, k]]
    if adjoint:
        solution = _triangular(lower.T, _triangular(upper.T, right, False), True)
        return solution[np.argsort(order)]
    return _triangular(upper, _triangular(lower, right[order], False), True)


def _triangular(matrix: np.ndarray, right: np.ndarray, upper: bool) -> np.ndarray:
    result = right.copy()
    n = len(matrix)
    for i in reversed(range(n)) if upper else range(n):
        known = slice(i + 1, n) if upper else slice(0, i)
        if known.start < known.stop:
            result[i] = SUB(result[i], matrix_product(matrix[i : i + 1, known], result[known])[0])
        result[i] = DIV(result[i], matrix[i, i])
    return result


@called("linalg_lu_factor_ex")
def _lu_factor(A, pivot=True, check_errors=False):
    factors, pivots = _over_batch(_decomposed, numbers(A))
    return factors, pivots.astype(int), np.zeros(np.shape(A)[:-2], dtype=int)


@called("linalg_lu_solve")
def _lu_solve(LU, pivots, B, left=True, adjoint=False):
    if not left:
        return np.swapaxes(_lu_solve(LU, pivots, np.swapaxes(numbers(B), -1, -2), True, not adjoint), -1, -2)

    def solution(factors: np.ndarray, order: np.ndarray, right: np.ndarray) -> tuple[np.ndarray]:
        return (_substituted(factors, order[0], right, adjoint),)

    return _over_batch(solution, numbers(LU), np.asarray(pivots)[..., None, :], numbers(B))[0]


@called("_linalg_solve_ex")
def _solve(A, B, left=True, check_errors=False):
    right = numbers(B)
    vector = right.ndim == 1 or (right.ndim == np.ndim(A) - 1 and right.shape == np.shape(A)[:-1])
    factors, pivots, info = _lu_factor(A)
    solution = _lu_solve(factors, pivots, right[..., None] if vector else right, left)
    return solution[..., 0] if vector else solution, factors, pivots, info


@called("linalg_inv_ex")
def _inverse(A, check_errors=False):
    n = np.shape(A)[-1]
    factors, pivots, info = _lu_factor(A)
    return _lu_solve(factors, pivots, np.broadcast_to(numbers(np.eye(n, dtype=int)), np.shape(A))), info


@called("_linalg_det")
def _determinant(A):
    x = numbers(A)
    factors, pivots, _ = _lu_factor(np.swapaxes(x, -1, -2) if x.flags.c_contiguous else x)  # as torch does
    diagonal = np.diagonal(factors, axis1=-2, axis2=-1)
    exchanges = (pivots != np.arange(1, pivots.shape[-1] + 1)).sum(axis=-1)
    return MUL(MUL.over(diagonal, (diagonal.ndim - 1,)), 1 - 2 * (exchanges % 2)), factors, pivots


@called("linalg_solve_triangular")
def _solve_triangular(self, B, upper, left=True, unitriangular=False):
    if not left or unitriangular:
        raise OutOfReach("a triangular system from the right, or with ones that are not stored")
    return _over_batch(lambda matrix, right: (_triangular(matrix, right, upper),), numbers(self), numbers(B))[0]
