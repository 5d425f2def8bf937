"""Losses of torch that are operations of their own, and their backward passes.

The binary cross entropy cuts its logarithms off at -100 and its derivative's denominator at 1e-12, as torch does: by
the shadows.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from equivalence.testing.adapters.numbers import traced
from equivalence.testing.adapters.torch_entries import ADD, DIV, ENTRIES, LARGER, LOG, MUL, NEG, SIGMOID, SUB, registrar
from equivalence.testing.adapters.torch_memory import numbers
from equivalence.testing.adapters.torch_sums import total

LOSSES: dict[str, Callable[..., Any]] = {}
called = registrar(LOSSES)
NONE, MEAN = 0, 1  # of torch's reductions; 2 is the sum


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
