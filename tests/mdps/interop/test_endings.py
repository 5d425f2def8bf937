"""Where the episodes of a table are over, case by case."""

from mdps.interop.endings import endings
from mdps.interop.entries import Entry


def entry(arrow, terminated=False, action=0):
    """`entry("0>1")` is a sure step from state 0 to state 1."""
    state, target = map(int, arrow.split(">"))
    return Entry(state, action, 1.0, target, 0.0, terminated)


def flags(entries, starts, n_states):
    """One letter for each state: on, terminal, or split."""
    letters = {(False,): "o", (True,): "t", (False, True): "s"}
    return "".join(letters[tuple(sorted(f))] for f in endings(entries, set(starts), n_states).flags)


def test_a_state_that_every_entry_ends_in_is_terminal():
    entries = [entry("0>1"), entry("1>2", True), entry("2>2", True)]
    assert flags(entries, [0], 3) == "oot"
    assert endings(entries, {0}, 3).dropped == []


def test_its_rows_are_dropped():
    entries = [entry("0>1", True), entry("1>0"), entry("1>1", action=1)]
    result = endings(entries, {0}, 2)
    assert flags(entries, [0], 2) == "ot"
    assert result.dropped == [1]
    assert result.contradicting == []


def test_a_state_that_is_entered_both_ways_is_split():
    entries = [entry("0>1", True), entry("0>1", action=1), entry("1>0")]
    assert flags(entries, [0], 2) == "os"
    # so is a state that episodes start in
    assert flags([entry("0>1"), entry("1>0", True)], [0], 2) == "so"
    assert flags([entry("0>0", True)], [0], 1) == "s"


def test_an_entry_that_no_episode_uses_does_not_split():
    # 2 is not reached, and enters 1 without the flag; so does 1 itself, after the end.
    entries = [entry("0>1", True), entry("1>1"), entry("2>1"), entry("2>0", True, action=1)]
    result = endings(entries, {0}, 3)
    assert flags(entries, [0], 3) == "oto"
    assert result.contradicting == [entry("2>1"), entry("2>0", True, action=1)]
    # with 2 as a start, both are used
    assert flags(entries, [0, 2], 3) == "sso"


def test_a_chain_behind_the_end_is_not_reached():
    entries = [entry("0>1", True), entry("1>2"), entry("2>3"), entry("3>1")]
    assert flags(entries, [0], 4) == "otoo"


def test_states_that_no_episode_visits():
    # An enclosed hole enters itself with the flag; an island leads to a hole of its own.
    entries = [entry("0>0"), entry("1>1", True), entry("2>3", True), entry("3>2"), entry("3>3", action=1)]
    assert flags(entries, [0], 4) == "otoo"
    assert endings(entries, {0}, 4).contradicting == [entry("2>3", True)]
    assert flags([*entries[:3], entry("3>2")], [0], 4) == "otot"
    assert flags([], [0], 2) == "oo"
    # What leaves a terminal state is no entry.
    assert flags([entry("0>1", True), entry("1>2"), entry("2>2", True)], [0], 3) == "ott"
