"""Operations of torch that order numbers, which is done by the shadows.

Each is a function of arrays of numbers that are followed, with the argument names of its ATen operation.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from equivalence.testing.adapters.numbers import is_less
from equivalence.testing.adapters.torch_entries import LARGER, SMALLER, registrar
from equivalence.testing.adapters.torch_memory import first_lost, numbers
from mdps import OutOfReach

ORDER: dict[str, Callable[..., Any]] = {}
called = registrar(ORDER)


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


@called("searchsorted")
def _search_sorted(sorted_sequence, self, out_int32=False, right=False, side=None, sorter=None):
    if sorter is not None:
        raise OutOfReach("searchsorted with a sorter")
    rows, values = numbers(sorted_sequence), numbers(self)
    lost = first_lost(rows) or first_lost(values)
    if lost is not None:
        raise OutOfReach(lost.reason)
    after = right or side == "right"
    result = np.empty(values.shape, dtype=int)
    for place in np.ndindex(*values.shape):
        row: Any = rows if rows.ndim == 1 else rows[place[:-1]]
        one: Any = values[place]
        x = one.number
        if after:
            result[place] = sum(not is_less(x, y.number) for y in row)
        else:
            result[place] = sum(is_less(y.number, x) for y in row)
    return result


@called("bucketize")
def _bucketize(self, boundaries, out_int32=False, right=False):
    return _search_sorted(boundaries, self, right=right)
