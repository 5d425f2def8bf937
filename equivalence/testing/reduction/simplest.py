"""The simplest models of a shape, tried as they are: a way out where no single step makes an instance simpler.

Of the current instance some states, actions and steps are kept; its rows become point masses (or halves on two
states), its numbers 0 and +-1, all drawn. What is not available stays so. Shapes climb from the smallest.
"""

from itertools import product

import numpy as np
from flint import fmpq

from equivalence.testing.reduction.arrays import NUMBERS, ROWS, Raw, cut, kept_alone, size_of
from equivalence.testing.reduction.search import Search

LARGEST = {"s": 3, "n": 3, "a": 2, "t": 3, "k": 2}
HALVES = 0.15  # of the rows


def simplest(search: Search, draws: int) -> bool:
    """Whether one of `draws` models of each shape that is not larger than the current one shows the failure."""
    letters = [letter for letter in "snatk" if search.size(letter)]
    sizes = [range(1, min(search.size(letter), LARGEST[letter]) + 1) for letter in letters]
    for shape in product(*sizes):
        for _ in range(draws):
            if search.take(_drawn(search, dict(zip(letters, shape, strict=True)))):
                return True
    return False


def _drawn(search: Search, shape: dict[str, int]) -> Raw:
    raw = search.raw
    for letter, size in shape.items():
        n = size_of(raw, search.table, letter)
        if letter == "t":
            raw = cut(raw, search.table, size)
        elif size < n:
            kept = np.sort(search.rng.permutation(n)[:size])
            raw = kept_alone(raw, search.table, letter, kept, np.arange(n) % size if letter in "sn" else None)
    raw = dict(raw)
    for name in search.names(ROWS, NUMBERS):
        raw[name] = (_rows if search.table[name].role == ROWS else _numbers)(raw[name], search.rng)
    return raw


def _numbers(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    drawn = rng.choice([0, 0, 1, -1], size=array.shape)
    return _like(array, drawn)


def _rows(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n = array.shape[-1]
    doubled = 2 * np.eye(n, dtype=int)[rng.integers(n, size=array.shape[:-1])]
    mixed = rng.random((*array.shape[:-1], 1)) < HALVES
    other = np.eye(n, dtype=int)[rng.integers(n, size=array.shape[:-1])]
    doubled = np.where(mixed, doubled // 2 + other, doubled)
    missing = np.asarray(array == 0, dtype=bool).all(axis=-1, keepdims=True)
    return _like(array, np.where(missing, 0, doubled), divisor=2)


def _like(array: np.ndarray, whole: np.ndarray, divisor: int = 1) -> np.ndarray:
    """Whole numbers, divided, as numbers like those of an array."""
    if array.dtype != object:
        return np.asarray(whole / divisor)
    return np.asarray(np.frompyfunc(lambda k: fmpq(int(k), divisor), 1, 1)(whole), dtype=object)
