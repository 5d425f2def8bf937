"""Operations of torch along axes: sums, products, extremes, what accumulates, softmax, and their backward passes.

Each is a function of arrays of numbers that are followed, with the argument names of its ATen operation.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from equivalence.testing.adapters.torch_entries import (
    ADD,
    DIV,
    ENTRIES,
    EXP,
    LARGER,
    LOG,
    LOG_OF_SUM,
    MUL,
    SMALLER,
    SUB,
    registrar,
)
from equivalence.testing.adapters.torch_memory import first_lost, numbers
from mdps import OutOfReach

SUMS: dict[str, Callable[..., Any]] = {}
called = registrar(SUMS)


def axes_of(x: np.ndarray, dim: Any) -> tuple[int, ...]:
    """The axes that `dim` means: all where it is None or empty."""
    if dim is None or (not isinstance(dim, int) and not len(dim)):
        return tuple(range(x.ndim))
    return tuple(axis % max(x.ndim, 1) for axis in ([dim] if isinstance(dim, int) else dim)) if x.ndim else ()


# Sums and products along axes


@called("sum")
def total(self, dim=None, keepdim=False):
    """The sum along axes."""
    x = numbers(self)
    return ADD.over(x, axes_of(x, dim), keepdim)


@called("mean")
def _mean(self, dim=None, keepdim=False):
    x = numbers(self)
    return DIV(total(x, dim, keepdim), math.prod(x.shape[i] for i in axes_of(x, dim)))


@called("prod")
def _prod(self, dim=None, keepdim=False):
    x = numbers(self)
    return MUL.over(x, axes_of(x, dim), keepdim) if x.size else np.full(np.empty(x.shape).prod(axis=dim).shape, 1)


@called("amax")
def _amax(self, dim=None, keepdim=False):
    x = numbers(self)
    return LARGER.over(x, axes_of(x, dim), keepdim)


@called("amin")
def _amin(self, dim=None, keepdim=False):
    x = numbers(self)
    return SMALLER.over(x, axes_of(x, dim), keepdim)


@called("logsumexp")
def log_sum_exp(self, dim=None, keepdim=False):
    """log sum exp."""
    return LOG(total(EXP(self), dim, keepdim))


@called("var")
def _var(self, dim=None, correction=1, keepdim=False, unbiased=True):
    x = numbers(self)
    axes = axes_of(x, dim if not isinstance(dim, bool) else None)
    off = SUB(x, _mean(x, axes, True))
    freedom = 0 if unbiased is False else 1 if correction is None else correction
    return DIV(total(MUL(off, off), axes, keepdim), math.prod(x.shape[i] for i in axes) - freedom)


@called("linalg_vector_norm")
def _norm(self, ord=2, dim=None, keepdim=False):
    x = numbers(self)
    if ord == 2:
        return ENTRIES["sqrt"](total(MUL(x, x), dim, keepdim))
    if ord == 1:
        return total(ENTRIES["abs"](x), dim, keepdim)
    if ord == math.inf:
        return _amax(ENTRIES["abs"](x), dim, keepdim)
    raise OutOfReach(f"a norm of order {ord}")


@called("any")
def _any(self, dim=None, keepdim=False):
    return np.any(_as_booleans(self), axis=None if dim is None else axes_of(numbers(self), dim), keepdims=keepdim)


@called("all", "_is_all_true")
def _all(self, dim=None, keepdim=False):
    return np.all(_as_booleans(self), axis=None if dim is None else axes_of(numbers(self), dim), keepdims=keepdim)


def _as_booleans(x: Any) -> np.ndarray:
    nonzero = ENTRIES["ne"](x, 0)
    lost = first_lost(nonzero)
    if lost is not None:
        raise OutOfReach(lost.reason)
    return nonzero.astype(bool)


@called("count_nonzero")
def _count_nonzero(self, dim=None):
    return np.asarray(_as_booleans(self).sum(axis=None if dim is None else axes_of(numbers(self), dim)))


@called("cumsum")
def _cumsum(self, dim):
    return ADD.along(self, dim)


@called("cumprod")
def _cumprod(self, dim):
    return MUL.along(self, dim)


@called("logcumsumexp", "_logcumsumexp")
def _logcumsumexp(self, dim):
    return LOG_OF_SUM.along(self, dim)


@called("trace")
def _trace(self):
    return ADD.over(np.diagonal(numbers(self)), (0,))


# Softmax


@called("_softmax", "softmax", "_safe_softmax")
def soft_maximum(self, dim, half_to_float=False):
    """e^x / sum e^x."""
    weights = EXP(self)
    return DIV(weights, total(weights, dim, True))


@called("_log_softmax", "log_softmax")
def _log_soft_maximum(self, dim, half_to_float=False):
    return SUB(self, log_sum_exp(self, dim, True))


@called("_softmax_backward_data")
def _softmax_backward(grad_output, output, dim, input_dtype=None):
    weighted = MUL(grad_output, output)
    return SUB(weighted, MUL(output, total(weighted, dim, True)))


@called("_log_softmax_backward_data")
def _log_softmax_backward(grad_output, output, dim, input_dtype=None):
    return SUB(grad_output, MUL(EXP(output), total(grad_output, dim, True)))
