"""Operations of torch that put entries elsewhere: joined, moved, chosen and scattered; and their backward passes.

Each is a function of arrays of numbers that are followed, with the argument names of its ATen operation. Views are not
among them: they share memory (`torch_memory`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from equivalence.testing.adapters.numbers import traced
from equivalence.testing.adapters.torch_entries import ADD, LARGER, MUL, SMALLER, registrar
from equivalence.testing.adapters.torch_memory import numbers
from mdps import OutOfReach

PLACES: dict[str, Callable[..., Any]] = {}
called = registrar(PLACES)


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


def _zeros(sizes: Sequence[int]) -> np.ndarray:
    return np.full(tuple(sizes), traced(0), dtype=object)


@called("bincount")
def _bincount(self, weights=None, minlength=0):
    size = max(int(self.max(initial=-1)) + 1, minlength)
    return np.bincount(self, minlength=minlength) if weights is None else _added(_zeros([size]), (self,), weights)


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
