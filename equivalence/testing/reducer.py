"""The smallest instance on which a failure still shows, found from one of any size.

Candidates are taken where they are simpler (`reduction.complexity`) and the failure shows on them. Large changes come
first: a few states of fifty, all rows as point masses at once, all rewards 0; where these lose the failure, changes of
halves, of quarters, and in the end single ones; then all of it again, until nothing changes or the time is over. A
policy or an expert is fitted to the smaller model: cut to what is available, and scaled to its mass.

Exact numbers of large models take long. With a `screen`, which decides in floats, the search runs in floats; what it
found is read as exact numbers, and `shows` decides there. Where it says no, of the instances taken on the way the
smallest counts of which it says yes, and the search goes on from that one in exact numbers.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from equivalence.testing.reduction import entries, simplest, sizes
from equivalence.testing.reduction.arrays import (
    Raw,
    Table,
    assembled,
    fitted,
    in_floats,
    is_float,
    raw_of,
    read_exactly,
    table_of,
)
from equivalence.testing.reduction.complexity import Complexity
from equivalence.testing.reduction.search import Search, TimeIsOver
from equivalence.testing.targets import Instance, Target

SECONDS = 2.0
IN_FLOATS = 0.7  # of the time
DRAWS, EXACT_DRAWS = 24, 2  # models of each shape

Decides = Callable[[Mapping[str, Any]], bool]


def reduced(
    instance: Instance,
    target: Target,
    shows: Decides,
    *,
    seconds: float = SECONDS,
    screen: Decides | None = None,
) -> Instance:
    """A simpler instance on which the failure still shows, as `shows` decides; the same one if there is none.

    screen  decides the same of an instance in floats: for large models, and where `shows` takes long.
    """
    table = table_of(target)
    found = smallest(raw_of(instance), table, shows, seconds=seconds, screen=screen)
    return instance if found is None else found


def smallest(
    raw: Raw, table: Table, shows: Decides, *, seconds: float = SECONDS, screen: Decides | None = None
) -> dict[str, Any] | None:
    """The same of arrays by name, in floats (then a screen is needed) or exact; None if there is no simpler one."""
    start = time.perf_counter()
    found = None
    if screen is not None:
        floats = raw if is_float(raw) else in_floats(raw)
        taken = _searched(floats, table, screen, start + IN_FLOATS * seconds, DRAWS).taken
        found = _confirmed(taken if is_float(raw) else taken[1:], table, shows)
    if found is None and is_float(raw):
        return None
    first = raw if found is None else found
    search = _searched(first, table, shows, start + seconds, EXACT_DRAWS if found is None else 0)
    return None if search.raw is raw else assembled(search.raw, table)


def _searched(raw: Raw, table: Table, decides: Decides, deadline: float, draws: int) -> Search:
    """All that was taken until nothing simpler shows the failure, or the time is over."""

    def fails(candidate: Raw) -> bool:
        instance = assembled(candidate, table)
        return instance is not None and decides(instance)

    search = Search(raw, table, fails, deadline)
    try:
        sizes.leap(search)
        while True:
            before = search.raw
            sizes.smaller(search)
            sizes.conventions(search)
            entries.rows(search)
            entries.numbers(search)
            if search.raw is before and not (draws and simplest.simplest(search, draws)):
                return search
    except TimeIsOver:
        return search


def _confirmed(taken: Sequence[Raw], table: Table, shows: Decides) -> Raw | None:
    """The last one taken in floats that shows the failure in exact numbers, by bisection; None if none does."""
    found, low, high = None, 0, len(taken) - 1
    at = high
    while low <= high:
        exact = fitted(read_exactly(taken[at], table), table)
        instance = assembled(exact, table)
        if instance is not None and shows(instance):
            found, low = exact, at + 1
        else:
            high = at - 1
        at = (low + high) // 2
    return found


def complexity(instance: Instance) -> tuple[int, ...]:
    """What reduction makes less of, in lexicographic order."""
    order = Complexity(raw_of(instance))
    return (*order.coarse, order.digits)
