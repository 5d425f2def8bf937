"""Losses and linear systems of torch that are operations of their own, and their backward passes.

The binary cross entropy cuts its logarithms off at -100 and its derivative's denominator at 1e-12, as torch does: by
the shadows.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from equivalence.testing.adapters.numbers import traced, vanishes
from equivalence.testing.adapters.torch_arrays import matrix_product, total
from equivalence.testing.adapters.torch_entries import ADD, DIV, ENTRIES, LARGER, LOG, MUL, NEG, SIGMOID, SUB
from equivalence.testing.adapters.torch_memory import first_lost, numbers
from mdps import OutOfReach

LOSSES: dict[str, Callable[..., Any]] = {}
NONE, MEAN = 0, 1  # of torch's reductions; 2 is the sum


def called(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the meaning of operations."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        LOSSES.update(dict.fromkeys(names, function))
        return function

    return register


def _reduced(x: np.ndarray, reduction: int) -> np.ndarray:
    if reduction == NONE:
        return x
    return DIV(total(x), x.size) if reduction == MEAN else total(x)


def _spread(grad: Any, x: Any, reduction: int) -> np.ndarray:
    """The gradient to each term."""
    grad = np.broadcast_to(numbers(grad), np.shape(x))
    return DIV(grad, grad.size) if reduction == MEAN else grad


@called("mse_loss")
def _squares(self, target, reduction=MEAN):
    off = SUB(self, target)
    return _reduced(MUL(off, off), reduction)


@called("mse_loss_backward")
def _squares_backward(grad_output, self, target, reduction):
    return MUL(_spread(grad_output, self, reduction), MUL(2, SUB(self, target)))


@called("binary_cross_entropy")
def _binary_cross_entropy(self, target, weight=None, reduction=MEAN):
    yes, no = LARGER(LOG(self), -100), LARGER(LOG(SUB(1, self)), -100)
    loss = NEG(ADD(MUL(target, yes), MUL(SUB(1, target), no)))
    return _reduced(loss if weight is None else MUL(loss, weight), reduction)


@called("binary_cross_entropy_backward")
def _binary_cross_entropy_backward(grad_output, self, target, weight=None, reduction=MEAN):
    below = LARGER(MUL(self, SUB(1, self)), 1e-12)
    grad = MUL(_spread(grad_output, self, reduction), DIV(SUB(self, target), below))
    return grad if weight is None else MUL(grad, weight)


@called("binary_cross_entropy_with_logits")
def _binary_cross_entropy_of_logits(self, target, weight=None, pos_weight=None, reduction=MEAN):
    yes, no = ENTRIES["log_sigmoid"](self), ENTRIES["log_sigmoid"](NEG(self))
    yes = yes if pos_weight is None else MUL(yes, pos_weight)
    loss = NEG(ADD(MUL(target, yes), MUL(SUB(1, target), no)))
    return _reduced(loss if weight is None else MUL(loss, weight), reduction)


@called("soft_margin_loss")
def _soft_margin(self, target, reduction=MEAN):
    return _reduced(NEG(ENTRIES["log_sigmoid"](MUL(self, target))), reduction)


@called("soft_margin_loss_backward")
def _soft_margin_backward(grad_output, self, target, reduction):
    slope = NEG(MUL(target, SIGMOID(NEG(MUL(self, target)))))
    return MUL(_spread(grad_output, self, reduction), slope)


def _chosen(self: Any, target: np.ndarray, weight: Any, ignore_index: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """Log-probabilities as rows, places that count, and the weights of rows."""
    rows = np.atleast_2d(numbers(self))
    target = np.atleast_1d(target)
    counts = target != ignore_index
    weights = np.full(rows.shape[1], traced(1), dtype=object) if weight is None else numbers(weight)
    of_rows = np.where(counts, weights[np.where(counts, target, 0)], numbers(0))
    return rows, np.where(counts, target, 0), of_rows


@called("nll_loss_forward")
def _nll(self, target, weight=None, reduction=MEAN, ignore_index=-100):
    rows, places, weights = _chosen(self, target, weight, ignore_index)
    losses = NEG(MUL(rows[np.arange(len(rows)), places], weights))
    whole = total(weights)
    if reduction == NONE:
        return losses if np.ndim(self) > 1 else losses[0], numbers(0)
    return DIV(total(losses), whole) if reduction == MEAN else total(losses), whole


@called("nll_loss_backward")
def _nll_backward(grad_output, self, target, weight, reduction, ignore_index, total_weight):
    rows, places, weights = _chosen(self, target, weight, ignore_index)
    grads = NEG(MUL(grad_output, weights))
    result = np.full(rows.shape, traced(0), dtype=object)
    result[np.arange(len(rows)), places] = DIV(grads, total(weights)) if reduction == MEAN else grads
    return result.reshape(np.shape(self))


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
