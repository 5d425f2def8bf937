"""Simpler rows and simpler numbers: of all of them at once, else of halves, and so on; in the end one by one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, permutations
from typing import Any

import numpy as np
from flint import fmpq

from equivalence.testing.reduction.arrays import MEASURE, NUMBERS, ONE, ROWS, ZERO, Raw
from equivalence.testing.reduction.search import SMALL, Search

FEW_ENTRIES = 64  # up to so many, pairs of entries are tried
SHARES = (fmpq(1, 2), fmpq(1, 3), fmpq(1, 4))
Rule = Callable[[np.ndarray, tuple[int, ...]], np.ndarray]


def rows(search: Search) -> None:
    """Rows as point masses; else two successors of simple probabilities; else uniform."""
    for name in search.names(ROWS):
        for rule in (_largest, _first, _own):
            search.by_blocks(_mixed(search, name), lambda block, n=name, r=rule: _ruled(search.raw, n, block, r))
    everything = dict(search.raw)
    for name in search.names(ROWS):
        everything |= _ruled(everything, name, _mixed(search, name), _largest)
    search.take(everything)
    for name in search.names(ROWS):
        for index in _mixed(search, name):
            _simpler_row(search, name, index)


def _mixed(search: Search, name: str) -> list[tuple[int, ...]]:
    """The rows that are no point masses."""
    array = search.raw[name]
    return [tuple(map(int, i)) for i in np.argwhere(np.asarray(array != 0, dtype=bool).sum(axis=-1) > 1)]


def _ruled(raw: Raw, name: str, indices: Sequence, rule: Rule) -> Raw:
    array = raw[name].copy()
    for index in indices:
        array[index] = rule(array[index], index)
    return raw | {name: array}


def _point(row: np.ndarray, at: int) -> np.ndarray:
    point = np.full(row.shape, ZERO if row.dtype == object else 0.0, dtype=row.dtype)
    point[at] = ONE if row.dtype == object else 1.0
    return point


def _largest(row: np.ndarray, index: tuple[int, ...]) -> np.ndarray:
    return _point(row, int(np.argmax(row)))


def _first(row: np.ndarray, index: tuple[int, ...]) -> np.ndarray:
    return _point(row, int(np.flatnonzero(row != 0)[0]))


def _own(row: np.ndarray, index: tuple[int, ...]) -> np.ndarray:
    """The state itself, of a row of dynamics; of any other row its first place."""
    return _point(row, index[0] if len(index) == 2 and index[0] < len(row) else 0)


def _simpler_row(search: Search, name: str, index: tuple[int, ...]) -> None:
    row = search.raw[name][index]
    positive = [int(k) for k in np.argsort(-row.astype(float), kind="stable") if row[k] != 0]
    places = positive if len(row) > SMALL else [*positive, *(k for k in range(len(row)) if k not in positive)]
    candidates = [_point(row, k) for k in places]
    pairs = permutations(places, 2) if len(row) <= SMALL else permutations(positive[:3], 2)
    candidates += [_shared(row, i, j, share) for i, j in pairs for share in SHARES]
    candidates.append(_uniform(row, positive))
    for candidate in candidates:
        if search.take(_ruled(search.raw, name, [index], lambda _row, _index, c=candidate: c)):
            return


def _shared(row: np.ndarray, i: int, j: int, share: fmpq) -> np.ndarray:
    result = _point(row, i)
    result[i] = _as(1 - share, row)
    result[j] = _as(share, row)
    return result


def _uniform(row: np.ndarray, places: Sequence[int]) -> np.ndarray:
    result = _point(row, places[0])
    result[list(places)] = _as(fmpq(1, len(places)), row)
    return result


def _as(x: fmpq, array: np.ndarray) -> Any:
    """A rational number as an entry of an array."""
    return x if array.dtype == object else int(x.p) / int(x.q)


# Numbers


def numbers(search: Search) -> None:
    """0, signs and whole numbers, of all at once, of blocks, one by one."""
    zeros = {name: np.full(search.raw[name].shape, _as(ZERO, search.raw[name])) for name in search.names(NUMBERS)}
    search.take(search.raw | zeros)
    for name in search.names(NUMBERS, MEASURE):
        for rule in (_zero, _sign, _whole):
            search.by_blocks(_indices(search, name, rule), lambda block, n=name, r=rule: _each(search.raw, n, block, r))
        for index in _indices(search, name, _whole):
            for value in _simpler_values(search.raw[name][index]):
                if search.take(_with(search.raw, name, {index: value})):
                    break
    for name in search.names(MEASURE):
        for candidate in _simple_measures(search, name):
            search.take(candidate)
    if {"sampler", "data"} <= set(search.raw):
        search.take(search.raw | {"data": search.raw["sampler"]})
        search.take(search.raw | {"sampler": search.raw["data"]})


def _zero(x: Any) -> fmpq:
    return ZERO


def _sign(x: Any) -> fmpq:
    return ONE if x > 0 else -ONE


def _whole(x: Any) -> fmpq:
    whole = max(1, round(abs(float(x)) if isinstance(x, float) else int(abs(x).p) / int(abs(x).q)))
    return fmpq(whole if x > 0 else -whole)


def _indices(search: Search, name: str, rule: Callable[[Any], fmpq]) -> list[tuple[int, ...]]:
    """Where a rule may make a number simpler."""
    array = search.raw[name]
    nonzero = np.asarray(array != 0, dtype=bool)
    if rule is not _zero:
        nonzero &= np.asarray(abs(array) != 1, dtype=bool)
    return [tuple(map(int, i)) for i in np.argwhere(nonzero)]


def _with(raw: Raw, name: str, entries: Mapping[tuple[int, ...], Any]) -> Raw:
    array = np.array(raw[name])
    for index, value in entries.items():
        array[index] = _as(value, array)
    return raw | {name: array}


def _each(raw: Raw, name: str, indices: Sequence, rule: Callable[[Any], fmpq]) -> Raw:
    return _with(raw, name, {index: rule(raw[name][index]) for index in indices})


def _simpler_values(x: Any) -> list[fmpq]:
    sign, whole = _sign(x), abs(_whole(x))
    half = fmpq(int(whole.p) // 2)
    sizes = (ONE, fmpq(2), fmpq(3), 1 + half, half, whole, 1 + whole, fmpq(1, 2))
    return [sign * size for size in dict.fromkeys(sizes)]


def _simple_measures(search: Search, name: str) -> Iterator[Raw]:
    """Counts in a single place; counts of 1 in as many places as the mass asks for."""
    array = search.raw[name]
    indices = list(np.ndindex(array.shape))
    if len(indices) > FEW_ENTRIES:
        return
    empty = np.full(array.shape, _as(ZERO, array), dtype=array.dtype)
    total = array.sum()
    for index in indices:
        alone = empty.copy()
        alone[index] = total
        yield search.raw | {name: alone}
    for one, other in combinations(indices, 2):
        yield _with(search.raw | {name: empty}, name, {one: ONE, other: ONE})
    for k in range(3, min(len(indices), 8) + 1):
        yield _with(search.raw | {name: empty}, name, dict.fromkeys(indices[:k], ONE))
