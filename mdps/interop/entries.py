"""The entries of a transition table, checked one by one.

    P[s][a] = [(probability, s', reward, terminated), ...]

Dicts and lists serve alike, and so do the number types of numpy. Probabilities and rewards stay floats or,
where a table holds integers or fractions, exact. Entries of probability 0 are left out.
"""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from mdps.errors import InvalidModel
from mdps.scalars.rationals import rational


class Entry(NamedTuple):
    """One outcome of taking action a in state s."""

    state: int
    action: int
    probability: float | fmpq
    target: int
    reward: float | fmpq
    terminated: bool


def entries_of(table: Any) -> tuple[list[Entry], int]:
    """The entries, and the number of states that the table has or enters.

    Errors: `InvalidModel` with the place, for what is no entry, negative probabilities, NaN and infinity.
    """
    entries = list(_entries(table))
    states = [state for state, _ in _items(table, "P")] + [e.target for e in entries]
    return entries, 1 + max(states, default=-1)


def _entries(table: Any) -> Iterable[Entry]:
    for state, actions in _items(table, "P"):
        for action, outcomes in _items(actions, f"P[{state}]"):
            for _, outcome in _items(outcomes, f"P[{state}][{action}]"):
                entry = _entry(state, action, outcome)
                if entry.probability != 0:
                    yield entry


def _entry(state: int, action: int, outcome: Any) -> Entry:
    place = f"P[{state}][{action}]"
    try:
        probability, target, reward, terminated = outcome
        terminated = bool(terminated)
    except (TypeError, ValueError):
        raise InvalidModel(
            f"{place} has the entry {outcome!r}; expected (probability, next_state, reward, terminated)"
        ) from None
    probability = _number(probability, f"a probability in {place}")
    if probability < 0:
        raise InvalidModel(f"a probability in {place} is {probability}, which is negative")
    reward = _number(reward, f"a reward in {place}")
    return Entry(state, action, probability, _index(target, place), reward, terminated)


def _items(rows: Any, place: str) -> Iterable[tuple[int, Any]]:
    if isinstance(rows, Mapping):
        return ((_index(key, place), row) for key, row in rows.items())
    if isinstance(rows, (list, tuple, np.ndarray)):
        return enumerate(rows)
    raise InvalidModel(f"{place} is a {type(rows).__name__}; expected a dict or a list")


def _index(key: Any, place: str) -> int:
    if isinstance(key, (bool, np.bool_)) or not isinstance(key, (int, np.integer)) or key < 0:
        raise InvalidModel(f"{place} has the index {key!r}; expected states and actions numbered from 0")
    return int(key)


def _number(x: Any, what: str) -> float | fmpq:
    if isinstance(x, (np.generic, np.ndarray)) and np.size(x) == 1:
        x = x.item()
    number = rational(int(x) if isinstance(x, bool) else x)
    if number is not None:
        return number
    if not isinstance(x, float) or not isfinite(x):
        raise InvalidModel(f"{what} is {x!r}; expected a finite number")
    return x
