"""Transition tables, as the toy environments of gymnasium hold them: P[s][a] = [(probability, s', reward, terminated)].

A table says two things that `mdps` says otherwise.

*The end.* An entry with `terminated` ends the episode in s', whatever rows the table has for s'. Here a trajectory is
over in states without actions. Let L be the states in which an episode can go on, reached from the initial law by
entries without the flag, and let E be those that an entry of a state in L ends in. Then

    s' in E, not in L    s' is terminal: it loses its rows, which no episode uses
    s' in E and in L     s' is split: it goes on as s', and a copy of it without actions is where episodes end

A state in neither is never visited. It keeps its rows, and is terminal if every entry to it has the flag; where an entry
of such a state has another flag than its target, the target's is kept.

*The reward.* Entries of one (s, a) with the same s' and reward are added. With different rewards they are different
outcomes, which r(s, a, s') cannot tell apart, so s' is split: the k-th highest reward of the row leads to the k-th copy
of s'. A copy of a state that goes on has the same rows.

The table's states keep their numbers, copies come after them, and `changes` says what each one is.
"""

from collections.abc import Iterable, Mapping
from math import fsum, isfinite
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from mdps import door, scalars
from mdps.errors import InvalidModel
from mdps.exactness import ZERO, discount_said, exact_discount, exact_rows, said, simplest_near
from mdps.model import MDP
from mdps.scalars.rationals import dyadic, rational

SHOWN = 8


class Entry(NamedTuple):
    """One outcome of taking action a in state s; numbers are floats, or fmpq where the table's are exact."""

    state: int
    action: int
    probability: float | fmpq
    target: int
    reward: float | fmpq
    terminated: bool


class Node(NamedTuple):
    """A state of the model: state s of the table, going on or at the end, entered with the rank-th highest reward."""

    state: int
    over: bool
    rank: int = 0


def from_table(
    table: Any,
    initial: Any,
    *,
    horizon: int | None,
    discount: Any = 1,
    exact: bool = False,
    n_states: int = 0,
    n_actions: int = 0,
    changes: tuple[str, ...] = (),
) -> tuple[MDP, np.ndarray]:
    """The model of a table and of a law of the first state, and the reward [s, a, s'], which is 0 where P is.

    table              P[s][a] = [(probability, s', reward, terminated), ...]: dicts or lists; a missing or empty row
                       is an action that is not available
    initial            [s], probability, for the states of the table
    exact              whether floats are read as the rationals that they stand for: probabilities by
                       `mdps.exactness`, discount and rewards as the simplest rational within 4 u |x|
    n_states, n_actions  at least so many, where the table alone does not show them
    changes            what was done to the numbers before

    Errors: `InvalidModel` for entries that are none, numbers that are no probabilities, infinite or NaN rewards, and
    rows that do not sum to 1, with their place.

    >>> table = [[[(0.5, 0, -1, False), (0.5, 1, 2, True)]], [[(1.0, 1, 0, True)]]]
    >>> mdp, reward = from_table(table, [1, 0], horizon=3)
    >>> mdp.transition.tolist(), mdp.terminal.tolist(), reward[0, 0].tolist()
    ([[[0.5, 0.5]], [[0.0, 0.0]]], [False, True], [-1.0, 2.0])
    """
    door.check_horizon(horizon)
    entries = list(_entries(table))
    size = max([n_states, *(1 + state for state, _ in _items(table, "P")), *(1 + e.target for e in entries)])
    n_actions = max([n_actions, 1, *(1 + e.action for e in entries)])
    law = door.numbers("initial", initial)
    if law.shape != (size,):
        raise InvalidModel(f"initial has shape {law.shape}; expected ({size},), one number for each state of the table")
    door.check_initial(law if law.dtype != object else scalars.convert(law, "exact"))

    rewards, of_rewards = _rewards(entries, exact)
    over, of_ends = _ends(entries, {int(s) for s in np.flatnonzero(law != 0)}, size)
    nodes, rows = _nodes(entries, rewards, over, size)
    transition, reward, of_rows = _arrays(nodes, rows, n_actions, exact)
    start, of_law = _law(law, exact)
    start = np.append(start, np.full(len(nodes) - size, 0, dtype=start.dtype))
    gamma, of_discount = _discount(discount, exact)
    changes = (*changes, *of_ends, *_copies(nodes, size), *of_rows, *of_law, *of_rewards, *of_discount)
    return MDP(transition, start, horizon=horizon, discount=gamma, changes=changes), reward


def _entries(table: Any) -> Iterable[Entry]:
    for state, actions in _items(table, "P"):
        for action, outcomes in _items(actions, f"P[{state}]"):
            for outcome in outcomes:
                place = f"P[{state}][{action}]"
                try:
                    probability, target, reward, terminated = outcome
                    target, terminated = _index(target, place), bool(terminated)
                except (TypeError, ValueError):
                    raise InvalidModel(
                        f"{place} has the entry {outcome!r}; expected (probability, next_state, reward, terminated)"
                    ) from None
                probability = _number(probability, f"a probability of {place}")
                if probability < 0:
                    raise InvalidModel(f"a probability of {place} is {probability}, which is negative")
                if probability != 0:
                    reward = _number(reward, f"a reward of {place}")
                    yield Entry(state, action, probability, target, reward, terminated)


def _items(rows: Any, place: str) -> Iterable[tuple[int, Any]]:
    if isinstance(rows, (str, bytes)) or not hasattr(rows, "__len__"):
        raise InvalidModel(f"{place} is a {type(rows).__name__}; expected a dict or a list")
    pairs = rows.items() if isinstance(rows, Mapping) else enumerate(rows)
    return ((_index(key, place), row) for key, row in pairs)


def _index(key: Any, place: str) -> int:
    if isinstance(key, (bool, np.bool_)) or not isinstance(key, (int, np.integer)) or key < 0:
        raise InvalidModel(f"{place} has the index {key!r}; expected states and actions numbered from 0")
    return int(key)


def _number(x: Any, what: str) -> float | fmpq:
    x = x.item() if isinstance(x, (np.generic, np.ndarray)) and np.size(x) == 1 else x
    number = rational(int(x) if isinstance(x, bool) else x)
    if number is not None:
        return number
    if not isinstance(x, float) or not isfinite(x):
        raise InvalidModel(f"{what} is {x!r}; expected a finite number")
    return x


def _rewards(entries: list[Entry], exact: bool) -> tuple[list[Any], tuple[str, ...]]:
    """The reward of each entry in the arithmetic of the model."""
    given = [e.reward for e in entries]
    if not exact:
        return [_float(r) for r in given], ()
    values = [simplest_near(r) if isinstance(r, float) else r for r in given]
    changed = {x: r for x, r in zip(given, values, strict=True) if isinstance(x, float) and dyadic(x) != r}
    readings = _listed([f"{x!r} as {r}" for x, r in changed.items()])
    return values, (f"reward: floats were read as simple rationals: {readings}",) if changed else ()


def _float(x: float | fmpq) -> float:
    return x if isinstance(x, float) else int(x.p) / int(x.q)


def _ends(entries: list[Entry], starts: set[int], size: int) -> tuple[list[set[bool]], tuple[str, ...]]:
    """For each state of the table whether it goes on, ends, or both ({False}, {True} or {False, True})."""
    following: dict[int, list[Entry]] = {}
    for entry in entries:
        following.setdefault(entry.state, []).append(entry)
    live, fresh = set(starts), list(starts)
    while fresh:
        reached = {e.target for e in following.get(fresh.pop(), ()) if not e.terminated} - live
        live |= reached
        fresh += reached
    over = [{False} if s in live else set() for s in range(size)]
    for entry in entries:
        if entry.state in live and entry.terminated:
            over[entry.target].add(True)
    ended = {s for s in range(size) if over[s] == {True}}
    unvisited: dict[int, set[bool]] = {}
    for entry in entries:
        if not over[entry.target] and entry.state not in ended:
            unvisited.setdefault(entry.target, set()).add(entry.terminated)
    for s in range(size):
        if not over[s]:
            over[s] = {unvisited.get(s) == {True}}
    dropped = [s for s in sorted(ended) if any(e.target != s for e in following.get(s, ()))]
    kept = [e for e in entries if e.terminated not in over[e.target] and over[e.state] != {True}]
    changes = []
    if dropped:
        changes.append(f"an episode that enters them is over, so the table's rows of these states are not used: {_listed(dropped)}")
    if kept:
        changes.append(
            f"{len(kept)} entries of states that no episode visits ({_listed(sorted({e.state for e in kept}))}) enter a "
            "state with another flag terminated than episodes do, whose flag is kept"
        )
    return over, tuple(changes)


Rows = dict[tuple[int, int], dict[Node, tuple[list[float | fmpq], Any]]]


def _nodes(entries: list[Entry], rewards: list[Any], over: list[set[bool]], size: int) -> tuple[list[Node], Rows]:
    """The states of the model, and for each (s, a) of the table the probabilities and the reward of each next state."""
    outcomes: dict[tuple[int, int], dict[Node, dict[Any, list[float | fmpq]]]] = {}
    for entry, reward in zip(entries, rewards, strict=True):
        if over[entry.state] == {True}:
            continue
        flags = over[entry.target]
        node = Node(entry.target, entry.terminated if entry.terminated in flags else next(iter(flags)))
        by_reward = outcomes.setdefault((entry.state, entry.action), {}).setdefault(node, {})
        by_reward.setdefault(reward, []).append(entry.probability)
    rows: Rows = {
        place: {
            node._replace(rank=rank): (by_reward[reward], reward)
            for node, by_reward in targets.items()
            for rank, reward in enumerate(sorted(by_reward, reverse=True))
        }
        for place, targets in outcomes.items()
    }
    nodes = [Node(s, over[s] == {True}) for s in range(size)]
    copies = {node for targets in rows.values() for node in targets} - set(nodes)
    return nodes + sorted(copies), rows


def _arrays(
    nodes: list[Node], rows: Rows, n_actions: int, exact: bool
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """transition and reward [s, a, s'] in the arithmetic of the model, and what reading the floats changed."""
    number = {node: i for i, node in enumerate(nodes)}
    shape = (len(nodes), n_actions, len(nodes))
    floats = np.zeros(shape)
    reward = np.full(shape, ZERO, dtype=object) if exact else np.zeros(shape)
    fractions: dict[tuple[int, int], dict[int, fmpq]] = {}
    for place, targets in rows.items():
        for node, (probabilities, value) in targets.items():
            floats[(*place, number[node])] = fsum(map(_float, probabilities))
            reward[(*place, number[node])] = value
        if not any(isinstance(p, float) for probabilities, _ in targets.values() for p in probabilities):
            fractions[place] = {number[node]: sum(ps, ZERO) for node, (ps, _) in targets.items()}
    door.check_rows(floats)
    transition, changes = (_exact_rows(floats, fractions) if exact else (floats, ()))
    for copy, node in enumerate(nodes):
        if node.rank and not node.over:
            transition[copy], reward[copy] = transition[node.state], reward[node.state]
    return transition, reward, changes


def _exact_rows(
    floats: np.ndarray, fractions: dict[tuple[int, int], dict[int, fmpq]]
) -> tuple[np.ndarray, tuple[str, ...]]:
    to_read = np.ones(floats.shape[:2], dtype=bool)
    for place in fractions:
        to_read[place] = False
    result = np.full(floats.shape, ZERO, dtype=object)
    result[to_read], reading = exact_rows(floats[to_read])
    for place, row in fractions.items():
        for target, probability in row.items():
            result[(*place, target)] = probability
    return result, said("transition", reading)


def _law(law: np.ndarray, exact: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    if not exact or law.dtype == object:
        return scalars.convert(law, "exact" if exact else "float"), ()
    start, reading = exact_rows(law)
    return start, said("initial", reading)


def _discount(discount: Any, exact: bool) -> tuple[Any, tuple[str, ...]]:
    array = door.numbers("discount", discount)
    if not exact:
        return scalars.convert(array, "float"), ()
    if array.dtype == object:
        return array, ()
    gamma = exact_discount(door.checked_discount(array, "float"))
    return gamma, discount_said(array[()], gamma)


def _copies(nodes: list[Node], size: int) -> tuple[str, ...]:
    sentences = []
    for i, node in list(enumerate(nodes))[size:]:
        ending = "at the end of the episode" if node.over else "going on"
        entered = f", entered with the reward of rank {node.rank + 1} of a row" if node.rank else ""
        sentences.append(f"state {i} is state {node.state} {ending}{entered}")
    return tuple(sentences)


def _listed(things: list[Any]) -> str:
    listed = ", ".join(map(str, things[:SHOWN]))
    return f"{listed} and {len(things) - SHOWN} more" if len(things) > SHOWN else listed
