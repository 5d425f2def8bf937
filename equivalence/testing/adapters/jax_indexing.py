"""Slices, gathers and scatters of a jaxpr, as XLA defines them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from equivalence.testing.adapters.arrays import MEANINGS
from equivalence.testing.adapters.jax_operations import as_array, as_numbers, operation
from equivalence.testing.adapters.numbers import NAN, traced


@operation("slice")
def _slice(eqn: Any, x: np.ndarray) -> np.ndarray:
    names = ("start_indices", "limit_indices", "strides")
    start, stop, step = (eqn.params[name] or (None,) * x.ndim for name in names)
    return x[tuple(map(slice, start, stop, step))]


def _window(start: Sequence[int], sizes: Sequence[int], shape: Sequence[int], clip: bool) -> tuple[slice, ...] | None:
    """The slices of a window; moved inside where it is not, or None."""
    slices = []
    for at, size, whole in zip(start, sizes, shape, strict=True):
        inside = max(0, min(int(at), whole - size))
        if inside != at and not clip:
            return None
        slices.append(slice(inside, inside + size))
    return tuple(slices)


def _inside(start: Sequence[Any], sizes: Sequence[int], shape: Sequence[int]) -> tuple[slice, ...]:
    window = _window([int(at) for at in start], sizes, shape, clip=True)
    assert window is not None
    return window


@operation("dynamic_slice")
def _dynamic_slice(eqn: Any, x: np.ndarray, *start: np.ndarray) -> np.ndarray:
    return x[_inside(start[: x.ndim], eqn.params["slice_sizes"], x.shape)]


@operation("dynamic_update_slice")
def _dynamic_update_slice(eqn: Any, x: np.ndarray, update: np.ndarray, *start: np.ndarray) -> np.ndarray:
    result = x.copy()
    result[_inside(start, update.shape, x.shape)] = update
    return result


def _starts(
    indices: np.ndarray, rank: int, index_map: Sequence[int], batched: Sequence[int], batches: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """The place of each window among the indices, and where it begins in the operand."""
    for place in np.ndindex(indices.shape[:-1]):
        start = [0] * rank
        for k, axis in enumerate(index_map):
            start[axis] = int(indices[place][k])
        for axis, own in zip(batched, batches, strict=True):
            start[axis] = place[own]
        yield place, start


def _mode(eqn: Any) -> str:
    return getattr(eqn.params["mode"], "name", str(eqn.params["mode"]))


@operation("gather")
def _gather(eqn: Any, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    n = eqn.params["dimension_numbers"]
    sizes, clip = eqn.params["slice_sizes"], _mode(eqn) != "FILL_OR_DROP"
    batched, batches = (tuple(getattr(n, f"{name}_batching_dims", ())) for name in ("operand", "start_indices"))
    dropped = {*map(int, n.collapsed_slice_dims), *map(int, batched)}
    window_shape = [size for axis, size in enumerate(sizes) if axis not in dropped]
    result = np.empty((*indices.shape[:-1], *window_shape), dtype=x.dtype)
    for place, start in _starts(indices, x.ndim, n.start_index_map, batched, batches):
        window = _window(start, sizes, x.shape, clip)
        result[place] = _filled(eqn, x, window_shape) if window is None else x[window].reshape(window_shape)
    first = indices.ndim - 1
    return np.moveaxis(result, range(first, result.ndim), [int(axis) for axis in n.offset_dims])


def _filled(eqn: Any, x: np.ndarray, shape: Any) -> Any:
    value = eqn.params.get("fill_value")
    if x.dtype == object:
        return np.full(shape, traced(NAN if value is None else value), dtype=object)
    least = {"i": lambda: np.iinfo(x.dtype).min, "u": lambda: np.iinfo(x.dtype).max, "b": lambda: True}
    return np.full(shape, least[x.dtype.kind]() if value is None else value, dtype=x.dtype)


SCATTERS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "scatter": (lambda old, new: new, lambda old, new: new),
    "scatter-add": (np.add, np.add),
    "scatter-sub": (np.subtract, np.subtract),
    "scatter-mul": (np.multiply, np.multiply),
    "scatter-min": (MEANINGS[np.minimum], np.minimum),
    "scatter-max": (MEANINGS[np.maximum], np.maximum),
}


@operation(*SCATTERS, *(name.replace("-", "_") for name in SCATTERS))
def _scatter(eqn: Any, x: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
    n = eqn.params["dimension_numbers"]
    names = ("operand_batching_dims", "scatter_indices_batching_dims")
    batched, batches = (tuple(getattr(n, name, ())) for name in names)
    if x.dtype == object:
        updates = as_numbers(updates)
    combined = SCATTERS[eqn.primitive.name.replace("_", "-")][x.dtype != object]
    first = indices.ndim - 1
    updates = np.moveaxis(updates, [int(axis) for axis in n.update_window_dims], range(first, updates.ndim))
    sizes, dropped = list(updates.shape[first:]), {*map(int, n.inserted_window_dims), *map(int, batched)}
    for axis in sorted(dropped):
        sizes.insert(axis, 1)
    result = x.copy()
    for place, start in _starts(indices, x.ndim, n.scatter_dims_to_operand_dims, batched, batches):
        window = _window(start, sizes, x.shape, clip=_mode(eqn) == "CLIP")
        if window is not None:
            result[window] = combined(result[window], np.reshape(as_array(updates[place]), sizes))
    return result
