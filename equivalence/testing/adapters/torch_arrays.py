"""Operations of torch on whole arrays: shapes, places, sums, products, order, and their backward passes.

Each is a function of arrays of numbers that are followed, with the argument names of its ATen operation. Views are not
among them: they share memory (`torch_memory`). Order is that of the shadows.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from equivalence.testing.adapters.numbers import is_less, traced
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
    guarded,
)
from equivalence.testing.adapters.torch_memory import first_lost, numbers
from mdps import OutOfReach

ARRAYS: dict[str, Callable[..., Any]] = {}


def called(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the meaning of operations."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        ARRAYS.update(dict.fromkeys(names, function))
        return function

    return register


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


# Order, by the shadows


def _best(xs: Sequence[Any], largest: bool) -> int:
    """The place of the first largest or smallest number."""
    best = 0
    for i in range(1, len(xs)):
        low, high = (best, i) if largest else (i, best)
        if is_less(xs[low].number, xs[high].number):
            best = i
    return best


def _places(x: np.ndarray, axis: int | None, largest: bool) -> np.ndarray:
    lost = first_lost(x)
    if lost is not None:
        raise OutOfReach(lost.reason)
    if axis is None or not x.ndim:
        return np.asarray(_best(list(x.ravel()), largest))
    moved = np.moveaxis(x, axis, -1)
    flat = moved.reshape(-1, moved.shape[-1])
    return np.array([_best(list(row), largest) for row in flat], dtype=int).reshape(moved.shape[:-1])


def _extreme(self: Any, dim: Any, keepdim: bool, largest: bool) -> Any:
    x = numbers(self)
    if dim is None:
        return (LARGER if largest else SMALLER).over(x, tuple(range(x.ndim)))
    places = _places(x, dim, largest)
    if not x.ndim:
        return x, places
    places = np.expand_dims(places, dim % x.ndim)
    values = np.take_along_axis(x, places, dim)
    return (values, places) if keepdim else (values.squeeze(dim), places.squeeze(dim))


@called("max")
def _max(self, dim=None, keepdim=False):
    return _extreme(self, dim, keepdim, True)


@called("min")
def _min(self, dim=None, keepdim=False):
    return _extreme(self, dim, keepdim, False)


def _argument(self: Any, dim: Any, keepdim: bool, largest: bool) -> np.ndarray:
    x = numbers(self)
    places = _places(x, dim, largest)
    if not keepdim or not x.ndim:
        return places
    return places.reshape((1,) * x.ndim) if dim is None else np.expand_dims(places, dim % x.ndim)


@called("argmax")
def _argmax(self, dim=None, keepdim=False):
    return _argument(self, dim, keepdim, True)


@called("argmin")
def _argmin(self, dim=None, keepdim=False):
    return _argument(self, dim, keepdim, False)


def _sorted_places(x: np.ndarray, dim: int, descending: bool) -> np.ndarray:
    lost = first_lost(x)
    if lost is not None:
        raise OutOfReach(lost.reason)

    def order(row: list[Any]) -> list[int]:
        def before(i: int, j: int) -> int:
            low, high = (j, i) if descending else (i, j)
            if is_less(row[low].number, row[high].number):
                return -1
            return 1 if is_less(row[high].number, row[low].number) else 0

        return sorted(range(len(row)), key=functools.cmp_to_key(before))

    if not x.ndim:
        return np.asarray(0)
    moved = np.moveaxis(x, dim, -1)
    flat = moved.reshape(-1, moved.shape[-1])
    return np.moveaxis(np.array([order(list(row)) for row in flat], dtype=int).reshape(moved.shape), -1, dim)


@called("sort")
def _sort(self, dim=-1, descending=False, stable=None):
    x = numbers(self)
    places = _sorted_places(x, dim, descending)
    return (np.take_along_axis(x, places, dim), places) if x.ndim else (x, places)


@called("topk")
def _topk(self, k, dim=-1, largest=True, sorted=True):
    values, places = _sort(self, dim, largest)
    first = range(k)
    return (np.take(values, first, dim), np.take(places, first, dim)) if values.ndim else (values, places)


# Places


@called("cat", "concat")
def _cat(tensors, dim=0):
    return np.concatenate([numbers(x) for x in tensors if np.shape(x) != (0,)], axis=dim)


@called("stack")
def _stack(tensors, dim=0):
    return np.stack([numbers(x) for x in tensors], axis=dim)


@called("flip")
def _flip(self, dims):
    return np.flip(numbers(self), tuple(dims))


@called("roll")
def _roll(self, shifts, dims=()):
    return np.roll(numbers(self), tuple(shifts) if dims else shifts[0], tuple(dims) or None)


@called("repeat")
def _repeat(self, repeats):
    return np.tile(numbers(self), tuple(repeats))


@called("repeat_interleave")
def _repeat_interleave(self, repeats, dim=None):
    return np.repeat(numbers(self), repeats, axis=dim)


@called("tril")
def _tril(self, diagonal=0):
    return _kept(self, np.tril, diagonal)


@called("triu")
def _triu(self, diagonal=0):
    return _kept(self, np.triu, diagonal)


def _kept(self: Any, part: Any, diagonal: int) -> np.ndarray:
    x = numbers(self)
    return np.where(part(np.ones(x.shape[-2:], dtype=bool), diagonal), x, numbers(0))


@called("diag_embed")
def _diag_embed(self, offset=0, dim1=-2, dim2=-1):
    x = numbers(self)
    size = x.shape[-1] + abs(offset)
    result = np.full((*x.shape[:-1], size, size), traced(0), dtype=object)
    rows = np.arange(x.shape[-1]) + max(-offset, 0)
    result[..., rows, rows + offset] = x
    return np.moveaxis(result, (-2, -1), (dim1, dim2))


@called("diagonal_copy")
def _diagonal(self, offset=0, dim1=0, dim2=1):
    return np.diagonal(numbers(self), offset, dim1, dim2)


@called("constant_pad_nd")
def _pad(self, pad, value=0):
    x = numbers(self)
    widths = [(0, 0)] * x.ndim
    for i in range(len(pad) // 2):
        widths[-1 - i] = (pad[2 * i], pad[2 * i + 1])
    result = np.full([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], numbers(value)[()], dtype=object)
    inside = tuple(slice(max(a, 0), n + a + min(b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True))
    taken = tuple(slice(max(-a, 0), n + min(b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True))
    result[tuple(slice(i.start, i.start + t.stop - t.start) for i, t in zip(inside, taken, strict=True))] = x[taken]
    return result


@called("index_select")
def _index_select(self, dim, index):
    return np.take(numbers(self), index, axis=dim) if np.ndim(self) else numbers(self)


@called("take")
def _take(self, index):
    return np.take(numbers(self).ravel(), index)


@called("embedding")
def _embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    return numbers(weight)[indices]


@called("embedding_dense_backward")
def _embedding_backward(grad_output, indices, num_weights, padding_idx, scale_grad_by_freq):
    if scale_grad_by_freq:
        raise OutOfReach("an embedding with scale_grad_by_freq=True")
    grad = numbers(grad_output)
    result = np.full((num_weights, grad.shape[-1]), traced(0), dtype=object)
    kept = indices != padding_idx
    return _added(result, (indices[kept],), grad[kept])


@called("gather")
def _gather(self, dim, index, sparse_grad=False):
    x = numbers(self)
    return x[_grid(index, dim)] if x.ndim else x


def _grid(index: np.ndarray, dim: int) -> tuple[Any, ...]:
    grid: list[Any] = list(np.indices(index.shape))
    if grid:
        grid[dim] = index
    return tuple(grid)


def _source(src: Any, index: np.ndarray) -> np.ndarray:
    x = numbers(src)
    return x[tuple(map(slice, index.shape))] if x.ndim else np.broadcast_to(x, index.shape)


def _put(x: np.ndarray, places: Any, values: np.ndarray) -> np.ndarray:
    result = x.copy()
    result[places] = values
    return result


def _added(x: np.ndarray, places: tuple[Any, ...], values: Any, combine: Any = ADD) -> np.ndarray:
    """x with values combined with what is at places, which may repeat."""
    result = x.copy()
    where = np.empty(x.shape, dtype=int)
    where[...] = np.arange(x.size).reshape(x.shape)
    chosen = where[places]
    flat = result.reshape(-1)
    for place, value in zip(chosen.ravel(), np.broadcast_to(numbers(values), chosen.shape).ravel(), strict=True):
        flat[place] = combine(flat[place], value)[()]
    return flat.reshape(x.shape)


@called("scatter")
def _scatter(self, dim, index, src=None, value=None, reduce=None):
    x = numbers(self)
    values = _source(value if src is None else src, index)
    if reduce is not None:
        return _added(x, _grid(index, dim), values, {"add": ADD, "multiply": MUL}[reduce])
    return _put(x, _grid(index, dim), values)


@called("scatter_add")
def _scatter_add(self, dim, index, src):
    return _added(numbers(self), _grid(index, dim), _source(src, index))


@called("scatter_reduce")
def _scatter_reduce(self, dim, index, src, reduce, include_self=True):
    combine = {"sum": ADD, "prod": MUL, "amax": LARGER, "amin": SMALLER}.get(reduce)
    if combine is None or not include_self:
        raise OutOfReach(f"scatter_reduce with reduce={reduce!r}, include_self={include_self}")
    return _added(numbers(self), _grid(index, dim), _source(src, index), combine)


def _key(indices: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(slice(None) if index is None else index for index in indices)


@called("index", "_unsafe_index")
def _index(self, indices):
    return numbers(self)[_key(indices)]


@called("index_put", "_unsafe_index_put", "_index_put_impl")
def _index_put(self, indices, values, accumulate=False, unsafe=False):
    x = numbers(self)
    return _added(x, _key(indices), values) if accumulate else _put(x, _key(indices), numbers(values))


@called("index_add")
def _index_add(self, dim, index, source, alpha=1):
    x = numbers(self)
    places = (slice(None),) * (dim % x.ndim) + (index,)
    return _added(x, places, source if alpha == 1 else MUL(source, alpha))


@called("index_copy")
def _index_copy(self, dim, index, source):
    x = numbers(self)
    return _put(x, (slice(None),) * (dim % x.ndim) + (index,), numbers(source))


@called("index_fill")
def _index_fill(self, dim, index, value):
    x = numbers(self)
    return _put(x, (slice(None),) * (dim % x.ndim) + (index,), numbers(value))


@called("masked_select")
def _masked_select(self, mask):
    x, chosen = np.broadcast_arrays(numbers(self), mask)
    return x[chosen]


@called("masked_scatter")
def _masked_scatter(self, mask, source):
    x = numbers(self)
    chosen = np.broadcast_to(mask, x.shape)
    return _put(x, chosen, numbers(source).ravel()[: chosen.sum()])


def _zeros(sizes: Sequence[int]) -> np.ndarray:
    return np.full(tuple(sizes), traced(0), dtype=object)


@called("slice_scatter")
def _slice_scatter(self, src, dim=0, start=None, end=None, step=1):
    x = numbers(self)
    return _put(x, (slice(None),) * (dim % x.ndim) + (slice(start, end, step),), numbers(src))


@called("select_scatter")
def _select_scatter(self, src, dim, index):
    x = numbers(self)
    return _put(x, (slice(None),) * (dim % x.ndim) + (index,), numbers(src))


@called("diagonal_scatter")
def _diagonal_scatter(self, src, offset=0, dim1=0, dim2=1):
    result = numbers(self).copy()
    places = np.arange(result.size).reshape(result.shape)
    np.put(result, np.diagonal(places, offset, dim1, dim2), numbers(src))
    return result


@called("slice_backward")
def _slice_backward(grad_output, input_sizes, dim, start, end, step):
    return _slice_scatter(_zeros(input_sizes), grad_output, dim, start, end, step)


@called("select_backward")
def _select_backward(grad_output, input_sizes, dim, index):
    return _select_scatter(_zeros(input_sizes), grad_output, dim, index)


@called("diagonal_backward")
def _diagonal_backward(grad_output, input_sizes, offset, dim1, dim2):
    return _diagonal_scatter(_zeros(input_sizes), grad_output, offset, dim1, dim2)
