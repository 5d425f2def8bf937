"""Environments of gymnasium, which nobody here wrote, are read as they behave."""

import re
import sys
from collections import Counter
from fractions import Fraction
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from mdps import InvalidArgument, InvalidModel
from mdps.interop import from_gymnasium

# For T = 1, 2, ...; known from elsewhere.
FROZEN_LAKE_TRAJECTORIES = [10, 112, 1_078, 10_477, 99_481, 940_903]


@pytest.fixture
def gymnasium(require_extra):
    return require_extra("gym")


@pytest.fixture
def newest(gymnasium):
    """The id of the newest version of an environment: versions come and go with those of gymnasium."""

    def found(name):
        versions = [int(key.rpartition("-v")[2]) for key in gymnasium.registry if re.fullmatch(rf"{name}-v\d+", key)]
        if not versions:
            pytest.skip(f"gymnasium {gymnasium.__version__} has no {name}")
        return f"{name}-v{max(versions)}"

    return found


def number_of_trajectories(mdp, horizon):
    """All (s_0, a_0, s_1, ...) of positive probability, over early at terminal states, by counting walks."""
    support = np.asarray(mdp.transition != 0, dtype=bool)
    going = Counter({int(s): 1 for s in np.flatnonzero(np.asarray(mdp.initial != 0, dtype=bool))})
    over = 0
    for _ in range(horizon):
        walks = Counter()
        for state, count in going.items():
            if not support[state].any():
                over += count
            for _, target in np.argwhere(support[state]).tolist():
                walks[target] += count
        going = walks
    return over + sum(going.values())


@cache
def visited(mdp):
    """The states that have positive probability at some time."""
    now = mdp.initial > 0
    while True:
        after = now | (mdp.pushforward(now[:, None] * np.ones(mdp.n_actions)) > 0)
        if (after == now).all():
            return set(np.flatnonzero(now).tolist())
        now = after


@pytest.mark.parametrize("exact", [False, True])
def test_frozen_lake(newest, exact):
    mdp, reward = from_gymnasium(newest("FrozenLake"), horizon=6, exact=exact)
    assert [number_of_trajectories(mdp, t) for t in range(1, 7)] == FROZEN_LAKE_TRAJECTORIES
    assert (mdp.n_states, mdp.n_actions, mdp.horizon, mdp.discount) == (16, 4, 6, 1)
    assert np.flatnonzero(mdp.terminal).tolist() == [5, 7, 11, 12, 15]
    assert mdp.level == ("exact" if exact else "float")
    assert reward.shape == (16, 4, 16)
    # State 14 is the one beside the goal, 15; its action 0 leads away.
    assert np.argwhere(reward != 0).tolist() == [[14, 1, 15], [14, 2, 15], [14, 3, 15]]
    assert reward[14, 1, 15] == 1


def test_frozen_lake_in_exact_numbers(newest):
    mdp, _ = from_gymnasium(newest("FrozenLake"), horizon=3, discount=0.9, exact=True)
    assert {Fraction(int(p.p), int(p.q)) for p in mdp.transition.flat} == {0, Fraction(1, 3), Fraction(2, 3)}
    assert (mdp.transition.sum(axis=-1) == mdp.available).all()
    assert Fraction(int(mdp.discount.p), int(mdp.discount.q)) == Fraction(9, 10)
    of_rows, of_discount = mdp.changes
    assert re.match(r"transition: \d+ rows were read as simple rationals", of_rows)
    assert of_discount == "discount 0.9 was read as 9/10"


def test_arguments_are_passed_on(newest):
    mdp, _ = from_gymnasium(newest("FrozenLake"), horizon=2, is_slippery=False, map_name="8x8")
    assert mdp.n_states == 64
    assert set(mdp.transition.ravel().tolist()) == {0.0, 1.0}
    mdp, reward = from_gymnasium(newest("FrozenLake"), horizon=2, desc=["SS", "HG"])
    assert mdp.initial.tolist() == [0.5, 0.5, 0, 0]
    assert mdp.terminal.tolist() == [False, False, True, True]
    assert reward[1, 1, 3] == 1


def test_cliff_walking_ends_at_the_goal(newest):
    mdp, reward = from_gymnasium(newest("CliffWalking"), horizon=13)
    assert (mdp.n_states, mdp.n_actions) == (48, 4)
    assert np.flatnonzero(mdp.terminal).tolist() == [47]
    assert mdp.initial.tolist() == [float(s == 36) for s in range(48)]
    # Up, along the cliff, down into the goal: thirteen steps. Stepping off the cliff leads back to the start.
    assert mdp.transition[35, 2, 47] == mdp.transition[36, 0, 24] == mdp.transition[36, 1, 36] == 1
    assert (reward[35, 2, 47], reward[36, 1, 36]) == (-1, -100)
    assert mdp.changes == ("entering a terminal state ends the episode: the table's rows are not used for 47",)


def test_slippery_cliff_walking_tells_its_rewards_apart(newest):
    mdp, reward = from_gymnasium(newest("CliffWalkingSlippery"), horizon=3)
    assert mdp.n_states == 49
    copy = "state 48 is a copy of state 36, for reward 2 of an action with several"
    assert mdp.changes[1] == copy
    # From the start, down: stay where one is, at -1; or slip into the cliff at -100, or to the side at -1.
    assert reward[36, 2, [36, 48]].tolist() == [-1, -100]
    assert mdp.transition[36, 2, [36, 48]].tolist() == [2 / 3, 1 / 3]
    assert (mdp.transition[48] == mdp.transition[36]).all()
    assert (reward[48] == reward[36]).all()


def test_taxi_ends_where_the_passenger_is_set_down(newest):
    mdp, reward = from_gymnasium(newest("Taxi"), horizon=3)
    assert (mdp.n_states, mdp.n_actions) == (500, 6)
    assert np.flatnonzero(mdp.terminal).tolist() == [0, 85, 410, 475]
    assert np.count_nonzero(mdp.initial) == 300
    assert set(reward.ravel().tolist()) == {0.0, -1.0, -10.0, 20.0}
    assert np.unique(np.argwhere(reward == 20)[:, 2]).tolist() == [0, 85, 410, 475]


@pytest.mark.parametrize("name", ["FrozenLake", "FrozenLake8x8", "CliffWalking", "CliffWalkingSlippery", "Taxi"])
def test_what_an_environment_does_is_what_its_model_says(gymnasium, newest, name):
    id_ = newest(name)
    mdp, reward = from_gymnasium(id_, horizon=1)
    copies = dict(re.findall(r"state (\d+) is a copy of state (\d+)", "\n".join(mdp.changes)))
    origin = np.array([int(copies.get(str(s), s)) for s in range(mdp.n_states)])
    env = gymnasium.make(id_).unwrapped
    flags = Counter()
    for seed in range(20):
        state, _ = env.reset(seed=seed)
        assert mdp.initial[state] > 0
        for state, action in np.argwhere(mdp.available).tolist():
            if origin[state] != state or state not in visited(mdp):
                continue
            env.s = state
            target, paid, terminated, _, _ = env.step(action)
            possible = mdp.kernel.support[state, action] & (origin == target) & (reward[state, action] == paid)
            assert possible.sum() == 1
            assert mdp.terminal[possible].tolist() == [terminated]
            flags[terminated] += 1
    env.close()
    assert min(flags[True], flags[False]) >= 10


def test_an_environment_is_as_good_as_its_id(gymnasium, newest):
    id_ = newest("FrozenLake")
    env = gymnasium.make(id_, is_slippery=False)
    mdp, reward = from_gymnasium(env, horizon=2)
    same, same_reward = from_gymnasium(id_, horizon=2, is_slippery=False)
    assert mdp.equals(same)
    assert (reward == same_reward).all()
    assert mdp.equals(from_gymnasium(env.unwrapped, horizon=2)[0])
    with pytest.raises(InvalidArgument, match=r"arguments \(is_slippery\) go with an id"):
        from_gymnasium(env, horizon=2, is_slippery=False)
    env.close()


def test_an_id_without_a_version_is_said(gymnasium, newest):
    mdp, _ = from_gymnasium("FrozenLake", horizon=2)
    assert mdp.changes == (f"environment 'FrozenLake' was read as {newest('FrozenLake')!r}",)


@pytest.mark.parametrize(
    "id_, text",
    [
        (
            "FrozenLak-v1",
            "environment 'FrozenLak-v1' cannot be made by gymnasium .*Did you mean: `FrozenLake`",
        ),
        ("FrozenLake-v999", "cannot be made by gymnasium .*`v1`"),
        ("no/such-v0", "Namespace no not found"),
        ("no_such_module:x-v0", "No module named 'no_such_module'"),
        ("", "Malformed"),
        ("CartPole-v1", "environment 'CartPole-v1' has no transition table: expected env.unwrapped.P"),
    ],
)
def test_environments_that_are_no_model(gymnasium, id_, text):
    with pytest.raises(InvalidArgument, match=text) as caught:
        from_gymnasium(id_, horizon=2)
    assert "\n" not in str(caught.value)


def test_arguments_that_the_environment_does_not_know(newest):
    with pytest.raises(InvalidArgument, match="unexpected keyword argument 'is_slipery'"):
        from_gymnasium(newest("FrozenLake"), horizon=2, is_slipery=True)
    with pytest.raises(InvalidArgument, match="KeyError: '9x9'"):
        from_gymnasium(newest("FrozenLake"), horizon=2, map_name="9x9")


def test_a_missing_gymnasium(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(
        InvalidArgument, match=r"not installed; install extra gym: pip install 'irl-equivalence\[gym\]'"
    ):
        from_gymnasium("FrozenLake-v1", horizon=2)


# Environments of one's own need no gymnasium.

TABLE = {0: {0: [(1.0, 1, 0.5, False)], 1: [(1.0, 0, 0, True)]}, 1: {0: [(1.0, 0, 0, True)], 1: []}}


def test_an_environment_of_ones_own():
    mdp, reward = from_gymnasium(SimpleNamespace(P=TABLE, initial_state_distrib=np.array([1.0, 0])), horizon=2)
    assert mdp.transition.tolist() == [
        [[0, 1, 0], [0, 0, 1]],
        [[0, 0, 1], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 0]],
    ]
    assert reward[0, 0].tolist() == [0, 0.5, 0]
    assert mdp.changes == ("state 2 is a copy of state 0 in which the episode is over",)


def test_the_law_of_the_first_state():
    env = SimpleNamespace(P=TABLE)
    with pytest.raises(InvalidArgument, match=r"not the law of its first state.*initial_state_distrib.*initial=\["):
        from_gymnasium(env, horizon=2)
    mdp, _ = from_gymnasium(env, horizon=2, initial=[0, 1])
    assert mdp.initial.tolist() == [0, 1]
    env.initial_state_distrib = [1.0, 0]
    assert from_gymnasium(env, horizon=2)[0].initial.tolist() == [1, 0, 0]
    assert from_gymnasium(env, horizon=2, initial=[0, 1])[0].initial.tolist() == [0, 1]


def test_spaces_say_how_many_states_and_actions_there_are():
    spaces = {"observation_space": SimpleNamespace(n=np.int64(4)), "action_space": SimpleNamespace(n=3)}
    env = SimpleNamespace(P=TABLE, **spaces)
    mdp, _ = from_gymnasium(env, horizon=2, initial=[0, 1, 0, 0])
    assert (mdp.n_states, mdp.n_actions) == (4, 3)
    env.observation_space = SimpleNamespace(n=(2, 2))  # as of a space that does not number states
    assert from_gymnasium(env, horizon=2, initial=[0, 1])[0].n_states == 2


def test_a_table_that_is_not_the_dynamics():
    env = SimpleNamespace(P=TABLE, initial_state_distrib=[1.0, 0], fickle_passenger=True)
    with pytest.raises(InvalidModel, match="fickle_passenger"):
        from_gymnasium(env, horizon=2)


def test_what_is_no_environment():
    for thing in (3, None, {"P": TABLE}):
        with pytest.raises(InvalidArgument, match="has no transition table"):
            from_gymnasium(thing, horizon=2)
    with pytest.raises(InvalidModel, match=r"transition\[0, 0\] sums to 0.9"):
        from_gymnasium(SimpleNamespace(P=[[[(0.9, 0, 0, False)]]], initial_state_distrib=[1.0]), horizon=2)
    with pytest.raises(InvalidModel, match=r"horizon is 2\.5"):
        from_gymnasium(SimpleNamespace(P=TABLE, initial_state_distrib=[1.0, 0]), horizon=2.5)
