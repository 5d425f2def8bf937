"""Stacks of models: shape and storage are two things.

The batch axes of an array lead, [..., s, a], and lie innermost in memory: entry (s, a) of one model stands beside
entry (s, a) of the next. numpy then loops over models, and one call that would treat a row of five numbers treats it
for hundreds of models at once. Every formula stays as it is written for one.

A stack is solved in chunks. What a chunk of a thousand small models touches stays in the cache from one step of a
recursion to the next; a whole stack of a hundred thousand would come from memory at every operation.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

CHUNK = 1024  # models at a time: enough to share the overhead of numpy, few enough for the cache


def batch_fastest(x: np.ndarray, n_axes: int) -> np.ndarray:
    """The array with its first `n_axes` axes innermost in memory: itself where they are, else a read-only copy."""
    strides = [stride if n > 1 else None for stride, n in zip(x.strides, x.shape, strict=True)]
    batch = [stride for stride in strides[:n_axes] if stride is not None]
    core = [stride for stride in strides[n_axes:] if stride is not None]
    if not batch or not core or max(batch) <= min(core):
        return x
    stored = np.ascontiguousarray(x.transpose(*range(n_axes, x.ndim), *range(n_axes)))
    stored.flags.writeable = False
    return _batch_first(stored, n_axes)


def empty(batch_shape: tuple[int, ...], shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An empty array of shape batch_shape + shape, stored batch-fastest."""
    return _batch_first(np.empty(shape + batch_shape, dtype=dtype), len(batch_shape))


def _batch_first(stored: np.ndarray, n_axes: int) -> np.ndarray:
    n_core = stored.ndim - n_axes
    return stored.transpose(*range(n_core, stored.ndim), *range(n_core))


def empty_steps(n: int, like: np.ndarray, dtype: Any) -> np.ndarray:
    """An empty array [t, ...] of n steps in one piece of memory, each in the shape and memory order of `like`."""
    order = sorted(range(like.ndim), key=lambda axis: -like.strides[axis])
    stored = np.empty((n, *(like.shape[axis] for axis in order)), dtype=dtype)
    return stored.transpose(0, *(1 + order.index(axis) for axis in range(like.ndim)))


def chunks(batch_shape: tuple[int, ...], size: int) -> Iterator[tuple[Any, ...]]:
    """Indices into the batch axes that cover a stack in pieces of at most `size` models; each is a run in memory.

    >>> list(chunks((2, 5, 100), 300))[:3]
    [(0, slice(0, 3, None)), (0, slice(3, 6, None)), (1, slice(0, 3, None))]
    """
    whole, n_inner = len(batch_shape), 1
    while whole and n_inner * batch_shape[whole - 1] <= size:
        whole -= 1
        n_inner *= batch_shape[whole]
    if not whole:
        yield (slice(None),) * len(batch_shape)
        return
    step = max(1, size // n_inner)
    for outer in np.ndindex(batch_shape[: whole - 1]):
        for first in range(0, batch_shape[whole - 1], step):
            yield (*outer, slice(first, first + step))


def parts(mdp: Any, *arrays: np.ndarray) -> Iterator[tuple[Any, ...]]:
    """(index, models, their arrays ...) of each chunk of a stack, batch-fastest; of one model, itself with index ()."""
    if not mdp.batch_shape:
        yield ((), mdp, *arrays)
        return
    for index in chunks(mdp.batch_shape, CHUNK):
        part = mdp.at(index)
        yield (index, part, *(batch_fastest(x[index], len(part.batch_shape)) for x in arrays))


def in_chunks(solve: Callable[..., Any], mdp: Any, *arrays: np.ndarray) -> np.ndarray:
    """solve(mdp, *arrays) of a stack, chunk by chunk; of one model, at once.

    `solve` returns an array, or the list of its steps, which become its first axis behind the batch axes. The arrays
    have the batch axes of the model.
    """
    table: Any = None
    for index, part, *given in parts(mdp, *arrays):
        n_axes = len(part.batch_shape)
        result = solve(part, *given)
        if isinstance(result, list):
            result = np.stack(result, axis=n_axes)
        if not n_axes:
            return result
        if table is None:
            table = empty(mdp.batch_shape, result.shape[n_axes:], result.dtype)
        table[index] = result
    return table
