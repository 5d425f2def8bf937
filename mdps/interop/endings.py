"""Where the episodes of a transition table are over.

An entry with the flag `terminated` ends the episode in its target s', whatever rows the table has for s'. In
a model a trajectory is over in states without actions. Let L be the states in which an episode can go on,
reached from the initial law by entries without the flag, and E those in which an entry of L ends it. Then

    s' in E, not in L    s' is terminal: its rows, which no episode uses, are dropped
    s' in E and in L     s' is split: it goes on as s', and episodes end in a copy of it without actions
    s' in L, not in E    s' goes on

A state in neither is never visited. It keeps its rows, unless every entry to it has the flag: then it is
terminal. Entries of such states that contradict those above, by entering the other kind of target, are
counted and follow their target.
"""

from typing import NamedTuple

from mdps.interop.entries import Entry

GOES_ON, ENDS = frozenset({False}), frozenset({True})


class Endings(NamedTuple):
    """For each state of a table, and for its entries, which of them end.

    flags          by state: {False} if it goes on, {True} if it is terminal, {False, True} if it is split
    dropped        terminal states for which the table has rows that lead elsewhere
    contradicting  entries of states that are never visited, whose flag is not among those of their target
    """

    flags: list[frozenset[bool]]
    dropped: list[int]
    contradicting: list[Entry]


def endings(entries: list[Entry], starts: set[int], n_states: int) -> Endings:
    """Which states of a table end an episode that starts in one of `starts`."""
    going_on = _reached(entries, starts)
    ended_in = {e.target for e in entries if e.state in going_on and e.terminated}
    terminal = ended_in - going_on
    entered: dict[int, frozenset[bool]] = {}
    for e in entries:
        if e.state not in terminal:
            entered[e.target] = entered.get(e.target, frozenset()) | {e.terminated}

    def flags_of(state: int) -> frozenset[bool]:
        if state in going_on:
            return GOES_ON | ENDS if state in ended_in else GOES_ON
        return ENDS if state in terminal or entered.get(state) == ENDS else GOES_ON

    flags = [flags_of(state) for state in range(n_states)]
    dropped = sorted({e.state for e in entries if flags[e.state] == ENDS and e.target != e.state})
    used = (e for e in entries if flags[e.state] != ENDS)
    return Endings(flags, dropped, [e for e in used if e.terminated not in flags[e.target]])


def _reached(entries: list[Entry], starts: set[int]) -> set[int]:
    """The states in which an episode can go on."""
    following: dict[int, set[int]] = {}
    for e in entries:
        if not e.terminated:
            following.setdefault(e.state, set()).add(e.target)
    reached, fresh = set(starts), list(starts)
    while fresh:
        found = following.get(fresh.pop(), set()) - reached
        reached |= found
        fresh += found
    return reached
