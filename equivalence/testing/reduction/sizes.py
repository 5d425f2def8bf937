"""Fewer states, actions, steps and outcomes, and fewer conventions in use.

First a leap: the whole model on one, two or three states, and a few steps. Where the failure shows on none of these,
half of the states are merged into the other half, then a quarter, and so on down to single ones; actions, outcomes and
features likewise. A horizon climbs from 1, since short ones cost least.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from flint import fmpq

from equivalence.testing.reduction.arrays import ONE, ZERO, Raw, cut, missing_rows
from equivalence.testing.reduction.search import SMALL, Search
from equivalence.testing.reduction.structures import smaller_structures

MERGED = "sn"  # letters whose entries are always merged; those of others may go with what is measured of them
FEW = (1, 2, 3)
LEAPS = 4  # choices of states for each shape
HALF, TWO = fmpq(1, 2), fmpq(2)


def leap(search: Search) -> None:
    """The fewest states, and of these the fewest steps, on which some choice of them shows the failure."""
    letter = "s" if search.size("s") else "n"
    n, horizon = search.size(letter), search.size("t")
    steps = sorted({t for t in (*FEW, horizon) if t <= horizon}) or [0]
    for k, t in product((k for k in FEW if 2 * k <= n), steps):
        for kept in _choices(search, letter, k):
            candidate = search.kept(letter, kept, np.arange(n) % k)
            if search.take(cut(candidate, search.table, t) if t else candidate):
                return


def _choices(search: Search, letter: str, k: int) -> Iterator[np.ndarray]:
    """States that differ most in what is available, the first ones, the last ones, and drawn ones."""
    n = search.size(letter)
    if letter == "s":
        _, first = np.unique(missing_rows(search.raw), axis=0, return_index=True)
        different = list(dict.fromkeys([*first.tolist(), *range(n)]))
        yield np.array(different[:k])
    yield np.arange(k)
    yield np.arange(n - k, n)
    for _ in range(LEAPS - 2):
        yield search.rng.permutation(n)[:k]


def smaller(search: Search) -> None:
    """Fewer of everything."""
    if search.size("s") > SMALL:
        shorter(search)  # a step of a large model takes long
    smaller_structures(search)
    for letter in "samipyk" if search.size("s") else "nmipyk":
        fewer(search, letter)
    shorter(search)


def fewer(search: Search, letter: str) -> None:
    """Without blocks of states, actions, outcomes or features, from half of them down to single ones."""
    block = max(1, search.size(letter) // 2)
    while search.size(letter) > 1 and block:
        start = 0
        while start < search.size(letter) > 1:
            gone = range(start, min(start + block, search.size(letter)))
            if not any(search.take(candidate) for candidate in _without(search, letter, gone)):
                start += block
        block //= 2


def _without(search: Search, letter: str, gone: Sequence[int]) -> Iterator[Raw]:
    n = search.size(letter)
    kept = [i for i in range(n) if i not in gone]
    if not kept:
        return
    if letter not in MERGED:
        yield search.kept(letter, kept)
    own = {i: place for place, i in enumerate(kept)}
    yield search.kept(letter, kept, [own.get(i, i % len(kept)) for i in range(n)])
    for place in range(len(kept) if n <= SMALL and len(gone) == 1 else 1):
        yield search.kept(letter, kept, [own.get(i, place) for i in range(n)])


def shorter(search: Search) -> None:
    """Fewer steps: the first ones, or the last ones, where arguments have steps."""
    horizon = search.size("t")
    climbed = 1
    while climbed < horizon:
        if any(search.take(candidate) for candidate in _windows(search, climbed)):
            break
        climbed += max(1, climbed // 2)
    while search.size("t") > 1 and any(search.take(c) for c in _windows(search, search.size("t") - 1)):
        pass


def _windows(search: Search, steps: int) -> Iterator[Raw]:
    yield cut(search.raw, search.table, steps)
    if any(set(argument.axes) & set("th") for argument in search.table.values()):
        yield cut(search.raw, search.table, steps, search.size("t") - steps)


def conventions(search: Search) -> None:
    """No discount, no temperature, every action available; else simple ones."""
    if "transition" not in search.raw:
        return
    ones = {name: ONE for name in ("discount", "temperature") if name in search.raw}
    search.take(search.raw | ones)
    for name in ones:
        for value in (ONE, HALF, TWO) if name == "temperature" else (ONE, HALF):
            if search.raw[name] != ONE:
                search.take(search.raw | {name: value})
    search.by_blocks(np.argwhere(missing_rows(search.raw)).tolist(), lambda rows: _staying(search.raw, rows))
    for s in np.flatnonzero(missing_rows(search.raw).all(axis=-1)):
        search.take(_staying(search.raw, [(s, a) for a in range(search.size("a"))]))


def _staying(raw: Raw, rows: Sequence) -> Raw:
    """Actions that are not available stay where they are instead."""
    transition = raw["transition"].copy()
    for s, a in rows:
        transition[s, a] = ZERO if transition.dtype == object else 0.0
        transition[s, a, s] = ONE if transition.dtype == object else 1.0
    return raw | {"transition": transition}
