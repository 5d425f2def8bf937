"""The current instance, and what is tried: a candidate is taken if it is simpler and the failure shows on it."""

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from equivalence.testing.reduction.arrays import MEASURE, Indices, Raw, Table, fitted, is_float, kept_alone, size_of
from equivalence.testing.reduction.complexity import Complexity

SMALL = 6  # up to so many states or outcomes every pair of them is tried


class TimeIsOver(Exception):
    """The deadline has passed."""


class Search:
    """The current instance `raw`, all that were taken before it, and `rng` for candidates that are drawn."""

    def __init__(self, raw: Raw, table: Table, fails: Callable[[Raw], bool], deadline: float) -> None:
        self.raw, self.table, self.fails, self.deadline = raw, table, fails, deadline
        self.complexity = Complexity(raw)
        self.taken = [raw]
        self.rng = np.random.default_rng(0)
        self._seen: set[int] = set()

    def take(self, candidate: Raw) -> bool:
        """Whether a candidate is simpler and the failure shows on it: then it is the current one."""
        if time.perf_counter() > self.deadline:
            raise TimeIsOver
        candidate = fitted(candidate, self.table)
        complexity = Complexity(candidate)
        if not complexity < self.complexity or self._known(candidate) or not self.fails(candidate):
            return False
        self.raw, self.complexity = candidate, complexity
        self.taken.append(candidate)
        return True

    def _known(self, candidate: Raw) -> bool:
        """Whether it was asked about before; now it was."""
        exact = not is_float(candidate)
        parts = (str(x.tolist()) if exact and isinstance(x, np.ndarray) else _key(x) for x in candidate.values())
        key = hash(tuple(parts))
        known = key in self._seen
        self._seen.add(key)
        return known

    def size(self, letter: str) -> int:
        """How long the axes of a letter are."""
        return size_of(self.raw, self.table, letter)

    def kept(self, letter: str, kept: Indices, into: Indices | None = None) -> Raw:
        """The current one with some of its entries; see `kept_alone`."""
        return kept_alone(self.raw, self.table, letter, kept, into)

    def names(self, *roles: str) -> Iterator[str]:
        """The arguments of some roles; those that are measured come last, since others decide where they may be."""
        found = [name for name, argument in self.table.items() if argument.role in roles]
        yield from sorted(found, key=lambda name: self.table[name].role == MEASURE)

    def by_blocks(self, indices: Sequence, changed: Callable[[Sequence], Raw]) -> None:
        """A change of the entries or rows of all indices at once; else of each half of them, and so on."""
        pending = [indices] if len(indices) else []
        while pending:
            block = pending.pop(0)
            if not self.take(changed(block)) and len(block) > 1:
                half = len(block) // 2
                pending += [block[:half], block[half:]]


def _key(x: object) -> object:
    return x.tobytes() if isinstance(x, np.ndarray) else str(x)
