"""A model does what its table does, however states had to be split."""

import re
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq

from mdps import MDP, InvalidModel
from mdps.interop.tables import from_table


def fraction(x):
    return Fraction(int(x.p), int(x.q)) if isinstance(x, fmpq) else Fraction(x)


def fractions(array):
    return [fraction(x) for x in array.flat]


def origins(mdp, n_states):
    """The state of the table that each state of the model is, as `changes` say it."""
    copies = re.findall(r"^state (\d+) is a copy of state (\d+)", "\n".join(mdp.changes), re.MULTILINE)
    assert [int(copy) for copy, _ in copies] == list(range(n_states, mdp.n_states))
    return [*range(n_states), *(int(state) for _, state in copies)]


def episodes_of_table(table, initial, horizon):
    """The law of what a uniform policy sees of an episode: states, actions, rewards, and whether it ended."""
    law = Counter()

    def go_on(seen, state, steps, probability):
        actions = [a for a, outcomes in enumerate(table[state]) if outcomes]
        if steps == horizon or not actions:
            law[(*seen, bool(actions))] += probability
            return
        for a in actions:
            for p, target, reward, terminated in table[state][a]:
                step = (*seen, a, reward, target)
                if terminated:
                    law[(*step, False)] += probability * p / len(actions)
                else:
                    go_on(step, target, steps + 1, probability * p / len(actions))

    for state, p in enumerate(initial):
        if p:
            go_on((state,), state, 0, p)
    return law


def episodes_of_model(mdp, reward, horizon, origin):
    """The same law, of a model."""
    law = Counter()

    def go_on(seen, state, steps, probability):
        actions = np.flatnonzero(mdp.available[state])
        if steps == horizon or not len(actions):
            law[(*seen, len(actions) > 0)] += probability
            return
        for a in actions.tolist():
            for target in np.flatnonzero(mdp.kernel.support[state, a]).tolist():
                p = fraction(mdp.transition[state, a, target]) / len(actions)
                step = (*seen, a, fraction(reward[state, a, target]), origin[target])
                go_on(step, target, steps + 1, probability * p)

    for state in np.flatnonzero(np.asarray(mdp.initial != 0, dtype=bool)).tolist():
        go_on((state,), state, 0, fraction(mdp.initial[state]))
    return law


def drawn_table(rng):
    """A table with repeated entries, several rewards, missing actions, and flags without any rule."""
    n_states, n_actions = (int(n) for n in rng.integers(1, 4, size=2))
    table = []
    for _ in range(n_states):
        rows = []
        for _ in range(n_actions):
            weights = rng.integers(1, 4, size=rng.integers(0, 5)).tolist()
            rows.append(
                [
                    (
                        Fraction(k, sum(weights)),
                        int(rng.integers(n_states)),
                        Fraction(int(rng.integers(-1, 2))),
                        bool(rng.random() < 0.4),
                    )
                    for k in weights
                ]
            )
        table.append(rows)
    starts = rng.integers(0, 3, size=n_states)
    starts[rng.integers(n_states)] += 1
    return table, [Fraction(int(k), int(starts.sum())) for k in starts]


def test_a_model_has_the_episodes_of_its_table():
    rng = np.random.default_rng(2)
    kinds = Counter()
    for _ in range(400):
        table, initial = drawn_table(rng)
        mdp, reward = from_table(table, initial, horizon=3, exact=True)
        origin = origins(mdp, len(table))
        assert episodes_of_model(mdp, reward, 3, origin) == episodes_of_table(table, initial, 3)
        impossible = ~mdp.kernel.support
        assert not any(fractions(reward[impossible]))
        kinds["over"] += any("in which the episode is over" in text for text in mdp.changes)
        kinds["reward"] += any("for reward 2" in text for text in mdp.changes)
        kinds["third reward"] += any("for reward 3" in text for text in mdp.changes)
        kinds["plain"] += mdp.changes == ()
    assert min(kinds[kind] for kind in ("over", "reward", "third reward", "plain")) >= 10


def test_floats_and_exact_numbers_give_one_model():
    rng = np.random.default_rng(3)
    for _ in range(100):
        table, initial = drawn_table(rng)
        floats = [[[(float(p), s, float(r), end) for p, s, r, end in row] for row in rows] for rows in table]
        exact, exact_reward = from_table(table, initial, horizon=2, discount=Fraction(9, 10), exact=True)
        read, read_reward = from_table(floats, [float(p) for p in initial], horizon=2, discount=0.9, exact=True)
        assert read.equals(exact)
        assert (read_reward == exact_reward).all()
        assert from_table(table, initial, horizon=2, exact=True)[0].level == "exact"
        rounded, rounded_reward = from_table(floats, initial, horizon=2, discount=Fraction(9, 10))
        assert rounded.level == "float"
        assert rounded.discount == 0.9
        assert (rounded.available == exact.available).all()
        assert rounded_reward.ravel().tolist() == [float(r) for r in fractions(exact_reward)]


def test_repeated_entries_are_added():
    third = 1 / 3
    table = [[[(third, 0, 1, False)] * 3], [[(0.1, 0, 0, False)] * 10]]
    mdp, reward = from_table(table, [1, 0], horizon=1)
    assert mdp.transition.tolist() == [[[1, 0]], [[1, 0]]]
    assert reward.tolist() == [[[1, 0]], [[0, 0]]]
    assert mdp.changes == ()


def test_different_rewards_split_the_next_state():
    table = [[[(0.25, 1, -1, False), (0.25, 1, 5, False), (0.5, 1, -1, False)]], [[(1.0, 0, 2, False)]]]
    mdp, reward = from_table(table, [1, 0], horizon=1)
    assert mdp.transition.tolist() == [[[0, 0.25, 0.75]], [[1, 0, 0]], [[1, 0, 0]]]
    assert reward.tolist() == [[[0, 5, -1]], [[2, 0, 0]], [[2, 0, 0]]]
    assert mdp.initial.tolist() == [1, 0, 0]
    assert mdp.changes == ("state 2 is a copy of state 1, for reward 2 of an action with several",)


def test_both_flags_split_the_next_state():
    table = [[[(0.25, 1, 0, True), (0.75, 1, 0, False)]], [[(1.0, 0, 2, False)]]]
    mdp, reward = from_table(table, [1, 0], horizon=1)
    assert mdp.transition.tolist() == [[[0, 0.75, 0.25]], [[1, 0, 0]], [[0, 0, 0]]]
    assert mdp.terminal.tolist() == [False, False, True]
    assert reward.tolist() == [[[0, 0, 0]], [[2, 0, 0]], [[0, 0, 0]]]
    assert mdp.changes == ("state 2 is a copy of state 1 in which the episode is over",)


def test_both_at_once():
    table = [[[(0.25, 0, 1, True), (0.25, 0, 0, True), (0.25, 0, 1, False), (0.25, 0, 0, False)]]]
    mdp, reward = from_table(table, [1], horizon=1)
    assert mdp.transition.tolist() == [[[0.25] * 4], [[0.25] * 4], [[0] * 4], [[0] * 4]]
    assert reward[0].tolist() == reward[1].tolist() == [[1, 0, 1, 0]]
    assert mdp.changes == (
        "state 1 is a copy of state 0, for reward 2 of an action with several",
        "state 2 is a copy of state 0 in which the episode is over",
        "state 3 is a copy of state 0 in which the episode is over, for reward 2 of an action with several",
    )


def test_rows_that_are_not_used_are_said():
    table = [[[(1.0, 1, 0, True)]], [[(1.0, 0, 0, False)]], [[(1.0, 1, 0, False)]]]
    mdp, _ = from_table(table, [1, 0, 0], horizon=1)
    assert mdp.transition.tolist() == [[[0, 1, 0]], [[0, 0, 0]], [[0, 1, 0]]]
    assert mdp.changes == (
        "entering a terminal state ends the episode: the table's rows are not used for 1",
        "1 entry of states that no episode visits (2) with another flag terminated than the entries that "
        "episodes use: they end where those end",
    )


def test_exact_readings_are_said():
    table = [
        [[(1 / 3, 0, 0.1, False), (2 / 3, 1, -0.25, False)]],
        [[(0.5, 0, 1, False), (0.5, 1, 0.1, False)]],
    ]
    mdp, reward = from_table(table, [0.1, 0.9], horizon=1, discount=0.99, exact=True)
    assert fractions(mdp.transition) == [Fraction(1, 3), Fraction(2, 3), Fraction(1, 2), Fraction(1, 2)]
    assert fractions(reward) == [Fraction(1, 10), Fraction(-1, 4), 1, Fraction(1, 10)]
    assert fractions(mdp.initial) == [Fraction(1, 10), Fraction(9, 10)]
    of_rows, of_initial, of_rewards, of_discount = mdp.changes
    assert "1 row was read as simple rationals (such as 0.3333333333333333 as 1/3)" in of_rows
    assert "(such as 0.1 as 1/10)" in of_initial
    assert of_rewards == "reward: floats were read as simple rationals: 0.1 as 1/10"
    assert of_discount == "discount 0.99 was read as 99/100"


def test_exact_numbers_of_a_table_are_kept():
    odd = Fraction(123456789, 10**21 + 7)
    table = [[[(odd, 0, odd, False), (1 - odd, 1, 0, False)]], [[(1 / 3, 0, 0, False), (2 / 3, 1, 0, False)]]]
    mdp, reward = from_table(table, [odd, 1 - odd], horizon=1, discount=odd, exact=True)
    assert fractions(mdp.transition) == [odd, 1 - odd, Fraction(1, 3), Fraction(2, 3)]
    assert fractions(mdp.initial) == [odd, 1 - odd]
    assert fraction(reward[0, 0, 0]) == fraction(mdp.discount) == odd
    assert len(mdp.changes) == 1


def test_more_states_and_actions_than_the_table_shows():
    mdp, reward = from_table([[[(1.0, 0, 0, False)]]], [1, 0, 0], horizon=1, n_states=3, n_actions=2)
    assert mdp.available.tolist() == [[True, False], [False, False], [False, False]]
    assert reward.shape == (3, 2, 3)


def test_the_changes_before_are_kept():
    mdp, _ = from_table([[[(1.0, 0, 0, False)]]], [1], horizon=1, changes=("made by hand",))
    assert mdp.changes == ("made by hand",)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    "table, options, text",
    [
        ([[[(0.9, 0, 0, False)]]], {}, r"transition\[0, 0\] sums to 0.9"),
        ([[[(Fraction(9, 10), 0, 0, False)]]], {}, r"transition\[0, 0\] sums to 0.9"),
        ([[[(1.0, 0, 0, False)]]], {"initial": [0.9]}, "initial sums to 0.9"),
        ([[[(1.0, 0, 0, False)]]], {"initial": [0.5, 0.5]}, r"initial has shape \(2,\); expected \(1,\)"),
        ([[[(1.0, 0, 0, False)]]], {"initial": [np.nan]}, "initial"),
        ([[[(1.0, 0, 0, False)]]], {"horizon": 0}, "horizon is 0"),
        ([[[(1.0, 0, 0, False)]]], {"horizon": 2.5}, "horizon is 2.5"),
        ([[[(1.0, 0, 0, False)]]], {"discount": 1.5}, "discount is 1.5"),
        ([[[(1.0, 0, 0, False)]]], {"discount": np.nan}, "discount is nan"),
        ([[[(1.0, 0, 0, False)]]], {"discount": Fraction(-1)}, "discount is -1"),
        ([[[(1.0, 0, 0, False)]]], {"discount": "0.9"}, "discount has dtype"),
        ([], {"initial": []}, "P is empty"),
    ],
)
def test_what_is_no_model(table, options, text, exact):
    with pytest.raises(InvalidModel, match=text):
        from_table(table, **{"initial": [1], "horizon": 1, "exact": exact} | options)


def test_the_result_is_a_model_and_an_array():
    mdp, reward = from_table([[[(1.0, 0, 0.5, False)]]], [1], horizon=None, discount=0.5)
    assert isinstance(mdp, MDP)
    assert (mdp.horizon, mdp.discount, reward.dtype) == (None, 0.5, float)
