"""The operations of a jaxpr that change shapes, and those along axes: reductions, accumulations, order.

The largest, and what is sorted before what, is decided by the shadows of the numbers; nan comes last.
"""

import functools
import math
from typing import Any

import numpy as np

from equivalence.testing.adapters.arrays import MEANINGS, sums
from equivalence.testing.adapters.jax_operations import (
    OPERATIONS,
    Operation,
    as_array,
    as_numbers,
    in_type,
    is_nan,
    operation,
)
from equivalence.testing.adapters.numbers import Traced, is_less, traced


@operation("broadcast_in_dim")
def _broadcast(eqn: Any, x: np.ndarray, *_: Any) -> np.ndarray:
    shape = eqn.outvars[0].aval.shape
    placed = [1] * len(shape)
    for axis, size in zip(eqn.params["broadcast_dimensions"], x.shape, strict=True):
        placed[axis] = size
    return np.broadcast_to(x.reshape(placed), shape)


@operation("reshape", "squeeze", "expand_dims")
def _reshaped(eqn: Any, x: np.ndarray, *_: Any) -> np.ndarray:
    if eqn.params.get("dimensions") is not None and eqn.primitive.name == "reshape":
        x = np.transpose(x, eqn.params["dimensions"])
    return x.reshape(eqn.outvars[0].aval.shape)


@operation("transpose")
def _transposed(eqn: Any, x: np.ndarray) -> np.ndarray:
    return np.transpose(x, eqn.params["permutation"])


@operation("rev")
def _reversed(eqn: Any, x: np.ndarray) -> np.ndarray:
    return np.flip(x, eqn.params["dimensions"])


@operation("tile")
def _tiled(eqn: Any, x: np.ndarray) -> np.ndarray:
    return np.tile(x, eqn.params["reps"])


@operation("concatenate")
def _concatenated(eqn: Any, *inputs: np.ndarray) -> np.ndarray:
    return np.concatenate(inputs, axis=eqn.params["dimension"])


@operation("stack")
def _stacked(eqn: Any, *inputs: np.ndarray) -> np.ndarray:
    return np.stack(inputs, axis=eqn.params.get("axis", eqn.params.get("dimension", 0)))


@operation("unstack")
def _unstacked(eqn: Any, x: np.ndarray) -> list[np.ndarray]:
    axis = eqn.params.get("axis", eqn.params.get("dimension", 0))
    return [as_array(row) for row in np.moveaxis(x, axis, 0)]


@operation("split")
def _split(eqn: Any, x: np.ndarray) -> list[np.ndarray]:
    return np.split(x, np.cumsum(eqn.params["sizes"])[:-1], axis=eqn.params["axis"])


@operation("pad")
def _padded(eqn: Any, x: np.ndarray, value: np.ndarray) -> np.ndarray:
    for axis, (low, high, between) in enumerate(eqn.params["padding_config"]):
        n = x.shape[axis]
        places = low + (1 + between) * np.arange(n)
        size = low + high + n + between * max(n - 1, 0)
        kept = (places >= 0) & (places < size)
        wider = np.full((*x.shape[:axis], size, *x.shape[axis + 1 :]), value[()], dtype=x.dtype)
        np.moveaxis(wider, axis, 0)[places[kept]] = np.moveaxis(x, axis, 0)[kept]
        x = wider
    return x


@operation("iota")
def _iota(eqn: Any, *_: Any) -> np.ndarray:
    aval, axis = eqn.outvars[0].aval, eqn.params["dimension"]
    shape = [1] * len(aval.shape)
    shape[axis] = -1
    result = np.broadcast_to(np.arange(aval.shape[axis]).reshape(shape), aval.shape)
    return as_numbers(result) if aval.dtype.kind == "f" else in_type(result, aval.dtype)


# Along axes


def _reduction(on_numbers: np.ufunc, on_integers: np.ufunc, empty: float) -> Operation:
    def apply(eqn: Any, x: np.ndarray) -> np.ndarray:
        axes, aval = tuple(eqn.params["axes"]), eqn.outvars[0].aval
        if x.dtype != object:
            return in_type(on_integers.reduce(x, axis=axes), aval.dtype)
        if any(not x.shape[axis] for axis in axes):
            return np.full(aval.shape, traced(empty), dtype=object)
        if not axes:
            return x
        return as_array(sums(x, axis=axes) if on_numbers is np.add else on_numbers.reduce(x, axis=axes))

    return apply


def _along(on_numbers: Any, on_integers: Any) -> Operation:
    def apply(eqn: Any, x: np.ndarray) -> np.ndarray:
        axis, backwards = eqn.params["axis"], eqn.params.get("reverse", False)
        x = np.flip(x, axis) if backwards else x
        ufunc = on_numbers if x.dtype == object else on_integers
        result = ufunc.accumulate(x, axis=axis) if x.size else x
        result = result if x.dtype == object else in_type(result, x.dtype)
        return np.flip(result, axis) if backwards else result

    return apply


for _name, _meaning, _integers, _empty in (
    ("sum", np.add, np.add, 0.0),
    ("prod", np.multiply, np.multiply, 1.0),
    ("max", MEANINGS[np.maximum], np.maximum, -math.inf),
    ("min", MEANINGS[np.minimum], np.minimum, math.inf),
    ("and", np.logical_and, np.bitwise_and, 1.0),
    ("or", np.logical_or, np.bitwise_or, 0.0),
    ("xor", np.logical_xor, np.bitwise_xor, 0.0),
):
    OPERATIONS[f"reduce_{_name}"] = _reduction(_meaning, _integers, _empty)
for _name, _meaning, _integers in (
    ("cumsum", np.add, np.add),
    ("cumprod", np.multiply, np.multiply),
    ("cummax", MEANINGS[np.maximum], np.maximum),
    ("cummin", MEANINGS[np.minimum], np.minimum),
    ("cumlogsumexp", MEANINGS[np.logaddexp], None),
):
    OPERATIONS[_name] = _along(_meaning, _integers)


def before(x: Any, y: Any) -> bool:
    """Whether x is sorted before y; nan is the last."""
    if not isinstance(x, Traced):
        return bool(x < y)
    if is_nan(x) or is_nan(y):
        return not is_nan(x)
    return is_less(x.number, y.number)


def _place(row: np.ndarray, largest: bool) -> int:
    """The first place of the largest entry, or of the smallest; nan is more than any."""
    best = 0
    for i in range(1, len(row)):
        if row.dtype == object and is_nan(row[best]):
            break
        more = before(row[best], row[i]) if largest else before(row[i], row[best])
        best = i if more or (row.dtype == object and is_nan(row[i])) else best
    return best


@operation("argmax", "argmin")
def _argument(eqn: Any, x: np.ndarray) -> np.ndarray:
    (axis,) = eqn.params["axes"]
    rows = np.moveaxis(x, axis, -1)
    places = [_place(rows[index], eqn.primitive.name == "argmax") for index in np.ndindex(rows.shape[:-1])]
    return in_type(np.array(places).reshape(rows.shape[:-1]), eqn.outvars[0].aval.dtype)


def _order(rows: list[np.ndarray]) -> list[int]:
    """The places of entries in ascending order, by the first row, then by the next."""

    def compared(i: int, j: int) -> int:
        for row in rows:
            if before(row[i], row[j]):
                return -1
            if before(row[j], row[i]):
                return 1
        return 0

    return sorted(range(len(rows[0])), key=functools.cmp_to_key(compared))


@operation("sort")
def _sorted(eqn: Any, *inputs: np.ndarray) -> list[np.ndarray]:
    axis, keys = eqn.params["dimension"], eqn.params["num_keys"]
    moved = [np.moveaxis(x, axis, -1).copy() for x in inputs]
    for index in np.ndindex(moved[0].shape[:-1]):
        order = _order([x[index] for x in moved[:keys]])
        for x in moved:
            x[index] = x[index][order]
    return [np.moveaxis(x, -1, axis) for x in moved]


@operation("top_k")
def _largest(eqn: Any, x: np.ndarray) -> list[np.ndarray]:
    axis, k = eqn.params.get("axis", eqn.params.get("operand_axis", x.ndim - 1)), eqn.params["k"]
    moved = np.moveaxis(x, axis, -1)
    places = np.empty((*moved.shape[:-1], k), dtype=int)
    for index in np.ndindex(moved.shape[:-1]):
        places[index] = _order([-moved[index]])[:k]
    values = np.take_along_axis(moved, places, -1)
    return [np.moveaxis(values, -1, axis), in_type(np.moveaxis(places, -1, axis), eqn.outvars[1].aval.dtype)]
