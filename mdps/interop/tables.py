"""Models from transition tables, such as the toy environments of gymnasium hold.

    P[s][a] = [(probability, s', reward, terminated), ...]

Entries of one (s, a) that lead to the same s' with the same reward are added. With different rewards they are
different outcomes, which r(s, a, s') cannot tell apart, so s' is split: the k-th highest reward leads to the
k-th copy of s', and a copy that goes on has the rows of s'. Whether it goes on is told by the flag
`terminated`, see `mdps.interop.endings`.

The states of the table keep their numbers, copies come after them, and `changes` says what each one is.

`to_table` writes a model as such a table: entering a terminal state has the flag, and an action that is not available
has no entries.
"""

from math import fsum
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from mdps import door, exactness, scalars
from mdps.arguments import checked_reward, reward_axes
from mdps.errors import InvalidArgument, InvalidModel, OutOfReach
from mdps.exactness import ZERO
from mdps.interop.endings import ENDS, Endings, endings
from mdps.interop.entries import Entry, entries_of
from mdps.kernels import Sparse
from mdps.model import MDP
from mdps.scalars.levels import exact_fraction
from mdps.scalars.rationals import fraction

SHOWN = 8

Number = float | fmpq


class Node(NamedTuple):
    """A state of the model: a state of the table that goes on or is over, entered with the rank-th reward."""

    state: int
    over: bool
    rank: int = 0


Rows = dict[tuple[int, int], dict[Node, tuple[list[Number], Number]]]


def from_table(
    table: Any,
    initial: Any,
    *,
    horizon: int | None,
    discount: Any = 1,
    exact: bool = False,
    n_states: int = 0,
    n_actions: int = 1,
    changes: tuple[str, ...] = (),
) -> tuple[MDP, np.ndarray]:
    """The model of a table and of a law of the first state, and the reward [s, a, s'], which is 0 where P is.

    table      P[s][a] = [(probability, s', reward, terminated), ...]: dicts or lists. A missing or empty row
               says that the action is not available.
    initial    [s], probability, over the states of the table
    exact      whether floats are read as the rationals that they stand for: probabilities and the discount as
               by `mdps.exactness`, rewards as the simplest rational within 4 u |r|
    n_states   at least so many, where the table shows fewer; so too n_actions
    changes    what was done to the numbers before

    Errors: `InvalidModel` with the place, for what is no entry or no number, and rows that do not sum to 1.

    >>> table = [[[(0.5, 0, -1, False), (0.5, 1, 2, True)]], [[(1.0, 1, 0, True)]]]
    >>> mdp, reward = from_table(table, [1, 0], horizon=3)
    >>> mdp.transition.tolist(), mdp.terminal.tolist(), reward[0, 0].tolist()
    ([[[0.5, 0.5]], [[0.0, 0.0]]], [False, True], [-1.0, 2.0])
    """
    door.check_horizon(horizon)
    entries, found = entries_of(table)
    size = max(n_states, found)
    if size == 0:
        raise InvalidModel("P is empty; expected a row P[s] for each state")
    shape = (size, max([n_actions, *(1 + e.action for e in entries)]))
    law, of_law = _law(initial, size, exact)
    ends = endings(entries, set(np.flatnonzero(np.asarray(law != 0, dtype=bool)).tolist()), size)
    nodes, rows = _nodes(entries, ends, size)
    transition, reward, of_rows = _arrays(nodes, rows, shape[1], exact)
    law = np.append(law, np.full(len(nodes) - size, 0, dtype=law.dtype))
    gamma, of_discount = _discount(discount, exact)
    said = (*changes, *_ends_said(ends), *_copies_said(nodes, size), *of_rows, *of_law)
    said += (*(_rewards_said(entries) if exact else ()), *of_discount)
    return MDP(transition, law, horizon=horizon, discount=gamma, changes=said), reward


def to_table(mdp: MDP, reward: Any) -> dict[int, dict[int, list[tuple[Any, int, Any, bool]]]]:
    """P[s][a] = [(probability, s', reward, terminated), ...] of one model and a reward [s], [s, a] or [s, a, s'].

    Numbers are Python floats, or Fractions of an exact model. The law of the first state, the horizon and the discount
    are not in a table. `from_table` reads the model back; a terminal state that is also a start comes back as two.

    Errors: `InvalidModel` for a model with a final value, which a table has no place for; `OutOfReach` for balls,
    symbols and irrational rewards, `InvalidArgument` for a stack.

    >>> from mdps import gallery
    >>> to_table(gallery.exit_or_stay()[0], [0, 0])[0]
    {0: [(Fraction(1, 1), 0, Fraction(0, 1), False)], 1: [(Fraction(1, 1), 1, Fraction(0, 1), True)]}
    """
    if mdp.batch_shape:
        raise InvalidArgument(f"a stack of batch shape {mdp.batch_shape}; expected one model: mdp.at(i) takes one")
    if mdp.level not in ("float", "exact"):
        raise OutOfReach(f"a table holds floats or exact numbers, not the level {mdp.level}; take mdp.to('float')")
    r = checked_reward(mdp, reward)
    if not scalars.zero_mask(mdp.final_value).all():
        raise InvalidModel(
            "the model has a final value, for which a table has no place; make it part of a reward [s, a, s'] where "
            "episodes end, and the final value 0"
        )
    written = float if mdp.level == "float" else lambda x: fraction(exact_fraction(x))
    axes, entries = len(reward_axes(mdp, r)), _entries_of(mdp)
    table: dict[int, dict[int, list[tuple[Any, int, Any, bool]]]] = {
        s: {a: [] for a in range(mdp.n_actions)} for s in range(mdp.n_states)
    }
    for s, a, x, p in entries:
        table[s][a].append((written(p), x, written(r[(s, a, x)[:axes]]), bool(mdp.terminal[x])))
    return table


def _entries_of(mdp: MDP) -> list[tuple[int, int, int, Any]]:
    """(s, a, s', P) of every possible transition, in order."""
    if isinstance(mdp.kernel, Sparse):
        matrix = mdp.transition.tocoo()
        s, a = np.divmod(matrix.row, mdp.n_actions)
        return sorted(zip(s.tolist(), a.tolist(), matrix.col.tolist(), matrix.data.tolist(), strict=True))
    return [(s, a, x, mdp.transition[s, a, x]) for s, a, x in np.argwhere(mdp.support).tolist()]


def _law(initial: Any, n_states: int, exact: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    law = door.numbers("initial", initial)
    if law.shape != (n_states,):
        raise InvalidModel(
            f"initial has shape {law.shape}; expected ({n_states},), one number for each state of the table"
        )
    law = scalars.convert(law, "exact" if law.dtype == object else "float")
    door.check_initial(law)
    if not exact or law.dtype == object:
        return scalars.convert(law, "exact" if exact else "float"), ()
    law, reading = exactness.exact_rows(law)
    return law, exactness.said("initial", reading)


def _discount(discount: Any, exact: bool) -> tuple[Any, tuple[str, ...]]:
    given = door.numbers("discount", discount)
    if not exact or given.dtype == object:
        return scalars.convert(given, "exact" if exact else "float"), ()
    gamma = exactness.exact_discount(door.checked_discount(given, "float"))
    return gamma, exactness.discount_said(given[()], gamma)


def _nodes(entries: list[Entry], ends: Endings, n_states: int) -> tuple[list[Node], Rows]:
    """The states of the model, and for each (s, a) the probabilities and the reward of each next state."""
    outcomes: dict[tuple[int, int], dict[Node, dict[fmpq, list[Entry]]]] = {}
    for e in entries:
        if ends.flags[e.state] != ENDS:
            flags = ends.flags[e.target]
            node = Node(e.target, e.terminated if e.terminated in flags else flags == ENDS)
            row = outcomes.setdefault((e.state, e.action), {}).setdefault(node, {})
            row.setdefault(exact_fraction(e.reward), []).append(e)
    rows: Rows = {
        place: {
            node._replace(rank=rank): ([e.probability for e in same], same[0].reward)
            for node, by_reward in targets.items()
            for rank, (_, same) in enumerate(sorted(by_reward.items(), reverse=True))
        }
        for place, targets in outcomes.items()
    }
    nodes = [Node(state, ends.flags[state] == ENDS) for state in range(n_states)]
    return nodes + sorted({node for targets in rows.values() for node in targets} - set(nodes)), rows


def _arrays(
    nodes: list[Node], rows: Rows, n_actions: int, exact: bool
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Transition and reward [s, a, s'] in the arithmetic of the model, and what was done to get there."""
    number = {node: i for i, node in enumerate(nodes)}
    floats = np.zeros((len(nodes), n_actions, len(nodes)))
    reward = np.full(floats.shape, ZERO, dtype=object) if exact else np.zeros(floats.shape)
    for place, targets in rows.items():
        for node, (probabilities, r) in targets.items():
            floats[(*place, number[node])] = fsum(map(_float, probabilities))
            reward[(*place, number[node])] = _read(r) if exact else _float(r)
    door.check_rows(floats)
    transition, changes = _exact_rows(floats, rows, number) if exact else (floats, ())
    for copy, node in enumerate(nodes):
        if node.rank and not node.over:
            transition[copy], reward[copy] = transition[node.state], reward[node.state]
    return transition, reward, changes


def _exact_rows(floats: np.ndarray, rows: Rows, number: dict[Node, int]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Rows of floats are read, rows that the table has in exact numbers are kept."""
    transition = np.full(floats.shape, ZERO, dtype=object)
    of_floats = np.ones(floats.shape[:2], dtype=bool)
    for place, targets in rows.items():
        if all(isinstance(p, fmpq) for probabilities, _ in targets.values() for p in probabilities):
            of_floats[place] = False
            for node, (probabilities, _) in targets.items():
                transition[(*place, number[node])] = sum(probabilities, ZERO)
    transition[of_floats], reading = exactness.exact_rows(floats[of_floats])
    return transition, exactness.said("transition", reading)


def _float(x: Number) -> float:
    return int(x.p) / int(x.q) if isinstance(x, fmpq) else x


def _read(x: Number) -> fmpq:
    return x if isinstance(x, fmpq) else exactness.simplest_near(x)


def _rewards_said(entries: list[Entry]) -> tuple[str, ...]:
    given = dict.fromkeys(e.reward for e in entries if not isinstance(e.reward, fmpq))
    changed = [f"{r!r} as {_read(r)}" for r in given if exact_fraction(r) != _read(r)]
    return (f"reward: floats were read as simple rationals: {_listed(changed)}",) if changed else ()


def _ends_said(ends: Endings) -> tuple[str, ...]:
    said = []
    if ends.dropped:
        states = _listed(ends.dropped)
        said.append(f"entering a terminal state ends the episode: the table's rows are not used for {states}")
    if ends.contradicting:
        states = _listed(sorted({e.state for e in ends.contradicting}))
        number = f"{n} entries" if (n := len(ends.contradicting)) > 1 else "1 entry"
        said.append(
            f"{number} of states that no episode visits ({states}) with another flag terminated than the "
            "entries that episodes use: they end where those end"
        )
    return tuple(said)


def _copies_said(nodes: list[Node], n_states: int) -> tuple[str, ...]:
    said = []
    for i, node in list(enumerate(nodes))[n_states:]:
        over = " in which the episode is over" if node.over and not nodes[node.state].over else ""
        rank = f", for reward {node.rank + 1} of an action with several" if node.rank else ""
        said.append(f"state {i} is a copy of state {node.state}{over}{rank}")
    return tuple(said)


def _listed(things: list[Any]) -> str:
    listed = ", ".join(map(str, things[:SHOWN]))
    return f"{listed} and {len(things) - SHOWN} more" if len(things) > SHOWN else listed
