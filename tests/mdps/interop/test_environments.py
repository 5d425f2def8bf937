"""A model as an environment: its law by walking through its random numbers, its rewards by returns of trajectories."""

import copy
import sys
import warnings
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
import scipy.sparse
from flint import fmpq

from instances import each_kind, models_of, shape_of
from mdps import MDP, InvalidArgument, InvalidModel, OutOfReach, gallery, scalars, trajectories
from mdps.interop import from_gymnasium, to_gymnasium
from mdps.interop.tables import from_table, to_table
from mdps.random_models import random_model, random_reward
from mdps.scalars.levels import exact_fraction
from refusals import assert_refuses


@pytest.fixture
def gymnasium(require_extra):
    return require_extra("gym")


def shown(kind):
    """Models of a kind that an environment can show, with rewards."""
    for mdp, _, axes, rng in islice(models_of(kind), 0, None, 4):
        if not (mdp.terminal & (mdp.initial != 0)).any():
            yield mdp, random_reward(rng, shape_of(mdp, axes)), rng


class Counter:
    """A generator whose uniform numbers are given in advance."""

    def __init__(self, *numbers):
        self.numbers = iter(numbers)

    def random(self):
        return next(self.numbers)


D = 1 << 6


def dyadic_model(rng, **structure):
    """A model whose probabilities are multiples of 1 / 64: uniform numbers in the middle of 64 cells tell all."""
    return random_model(rng, 3, 2, 2, denominator=D, **structure)


@pytest.mark.parametrize("seed", range(20))
def test_every_transition_has_its_probability(gymnasium, seed):
    rng = np.random.default_rng(seed)
    mdp = dyadic_model(rng, terminal=seed % 2 == 0, unavailable=seed % 3 == 0, deterministic=seed % 5 == 0)
    mdp = replace(mdp, initial=mdp.transition[mdp.available][0] if not mdp.terminal.any() else [1, 0, 0])
    env = to_gymnasium(mdp, [0, 0, 0])
    cells = (np.arange(D) + (seed % 2) / 2) / D  # their middles, or their lower ends
    starts = defaultdict(int)
    for u in cells:
        env._np_random = Counter(u)
        state, info = env.reset()
        starts[state] += 1
        assert info["action_mask"].tolist() == mdp.available[state].tolist()
    assert [fmpq(starts[s], D) for s in range(3)] == mdp.initial.tolist()
    for s, a in np.argwhere(mdp.available).tolist():
        targets = defaultdict(int)
        for u in cells:
            env._np_random = Counter(0.0)
            env.reset()
            env._state, env._np_random = s, Counter(u)
            targets[env.step(a)[0]] += 1
        assert [fmpq(targets[x], D) for x in range(3)] == mdp.transition[s, a].tolist()


@each_kind
def test_discounted_returns_of_episodes_are_those_of_trajectories(gymnasium, kind):
    """Each episode is one of the trajectories, ends where it ends, and earns its return within rounding."""
    for mdp, reward, rng in shown(kind):
        env = to_gymnasium(mdp, reward)
        assert isinstance(env, gymnasium.Env)
        assert env.unwrapped.mdp is mdp
        assert (env.unwrapped.reward == reward).all()
        listed = trajectories(mdp)
        returns = {
            (*states, *actions): r
            for states, actions, r in zip(
                listed.states.tolist(), listed.actions.tolist(), listed.returns(reward), strict=True
            )
        }
        for seed in range(3):
            state, info = env.reset(seed=seed)
            states, actions, earned, done = [state], [], fmpq(0), False
            while not done:
                assert info["t"] == len(actions)
                assert info["action_mask"].tolist() == mdp.available[state].astype(int).tolist()
                action = int(rng.permutation(np.flatnonzero(info["action_mask"]))[0])
                state, paid, terminated, truncated, info = env.step(action)
                assert type(paid) is float
                earned += exact_fraction(mdp.discount) ** len(actions) * exact_fraction(paid)
                states.append(state)
                actions.append(action)
                assert terminated == bool(mdp.terminal[state])
                assert truncated == (len(actions) == mdp.horizon and not terminated)
                done = terminated or truncated
            padding = mdp.horizon - len(actions)
            truth = returns[(*states, *[-1] * padding, *actions, *[-1] * padding)]
            # Each payment is r + gamma f of numbers below 3 in size, four roundings of u each; there are T of them.
            bound = fmpq(mdp.horizon * 4 * 6, 2**53)
            assert -bound <= (truth - earned) <= bound


@pytest.mark.parametrize("name", sorted(set(gallery.MODELS) - {"dead_start"}))
@pytest.mark.parametrize("level", ["float", "exact", "ball"])
def test_check_env(gymnasium, name, level):
    """Gymnasium's own checker has neither an error nor a warning, where it does not sample what does not exist."""
    from gymnasium.utils.env_checker import check_env

    mdp, reward = gallery.MODELS[name]()
    mdp = replace(mdp, horizon=max(mdp.horizon, 2)).to(level)  # after one step it will not hear of truncation
    env = to_gymnasium(mdp, scalars.convert(reward, level))
    if not mdp.available[~mdp.terminal].all():
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)
        made = env.spec.make()
    assert made.unwrapped.mdp is mdp
    assert made.reset(seed=1)[0] in range(mdp.n_states)
    made.close()


@each_kind
def test_check_env_on_generated_models(gymnasium, kind):
    from gymnasium.utils.env_checker import check_env

    checked = 0
    for mdp, reward, _ in shown(kind):
        model = replace(mdp, horizon=None) if checked % 2 else replace(mdp, horizon=mdp.horizon + 1)
        if mdp.available[~mdp.terminal].all() and mdp.n_states > 1:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                check_env(to_gymnasium(model, reward))
            checked += 1
    assert checked or "unavailable" in kind


@each_kind
def test_round_trips(gymnasium, kind):
    """Through the table in exact numbers, and through the environment in floats; a reward comes back as [s, a, s']."""
    for mdp, reward, rng in shown(kind):
        model = replace(mdp, final_value=0)
        payments = scalars.convert(rng.integers(-9, 9, size=reward.shape), "exact") / fmpq(7)
        wide = np.broadcast_to(payments[(..., *(None,) * (3 - payments.ndim))], model.transition.shape)
        wide = np.where(model.support, wide, fmpq(0))
        frame = {"horizon": model.horizon, "discount": model.discount}
        sizes = {"n_states": model.n_states, "n_actions": model.n_actions}
        table = to_table(model, payments)
        entries = [entry for row in table.values() for outcomes in row.values() for entry in outcomes]
        assert {type(x) for entry in entries for x in entry} <= {Fraction, int, bool}
        assert [over for *_, over in entries] == [bool(model.terminal[x]) for _, x, *_ in entries]
        again, paid = from_table(table, model.initial, **frame, **sizes, exact=True)
        assert again.equals(model)
        assert (paid == wide).all()
        env = to_gymnasium(model, payments)
        floats, paid = from_gymnasium(env, horizon=model.horizon, discount=float(Fraction(str(model.discount))))
        assert floats.equals(model.to("float"))
        assert (paid == scalars.convert(wide, "float")).all()
        if model.horizon == 2:
            read, paid = from_gymnasium(env, exact=True, **frame)
            assert read.equals(model)
            assert (paid == wide).all()


def test_logs_come_back_as_floats(gymnasium):
    mdp, reward = gallery.fork()
    read, paid = from_gymnasium(to_gymnasium(mdp, reward), horizon=2)
    assert read.equals(mdp.to("float"))
    assert paid[2, 0, 2] == scalars.convert(reward, "float")[2]
    with pytest.raises(OutOfReach, match="irrational"):
        to_table(mdp, reward)


def test_a_final_value_has_no_place_in_a_table(gymnasium):
    mdp, reward = gallery.risky_path()
    assert_refuses(lambda: to_table(mdp, reward), InvalidModel, "no place", "final value 0")
    env = to_gymnasium(mdp, reward)
    assert not hasattr(env, "P")
    assert_refuses(lambda: from_gymnasium(env, horizon=2), InvalidModel, "final value", "env.unwrapped.mdp")


def test_the_final_value_is_paid_with_the_last_step(gymnasium):
    """gamma f where the horizon truncates and where a terminal state terminates; nothing before."""
    mdp = MDP(
        [[[0, 1, 0]], [[0, 0, 1]], [[0, 0, 0]]],
        [1, 0, 0],
        horizon=None,
        discount=Fraction(1, 2),
        final_value=[8, 16, 32],
    )
    env = to_gymnasium(mdp, [1, 2, 0])
    env.reset()
    assert env.step(0)[:4] == (1, 1.0, False, False)
    assert env.step(0)[:4] == (2, 2.0 + 16.0, True, False)
    env = to_gymnasium(replace(mdp, horizon=1), [1, 2, 0])
    env.reset()
    assert env.step(0)[:4] == (1, 1.0 + 8.0, False, True)
    env = to_gymnasium(replace(mdp, horizon=2), [1, 2, 0])
    env.reset()
    env.step(0)
    assert env.step(0)[2:4] == (True, False)


def test_sparse_models(gymnasium):
    rng = np.random.default_rng(1)
    for _ in range(20):
        mdp = random_model(rng, 4, 2, 3, terminal=True, unavailable=True).to("float")
        sparse = MDP(scipy.sparse.csr_array(mdp.transition.reshape(8, 4)), mdp.initial, horizon=3)
        reward = rng.normal(size=(4, 2))
        one, other = to_gymnasium(mdp, reward), to_gymnasium(sparse, reward)
        assert one.P == other.P
        state, info = one.reset(seed=5)
        assert other.reset(seed=5)[0] == state
        done = False
        while not done:
            action = int(np.flatnonzero(info["action_mask"])[-1])
            *left, info = one.step(action)
            *right, _ = other.step(action)
            assert left == right
            done = left[2] or left[3]


def test_copies_go_on_alone(gymnasium):
    mdp, reward = gallery.noisy_walk()
    env = to_gymnasium(replace(mdp, horizon=50).to("ball"), scalars.convert(reward, "ball"))
    env.reset(seed=3)
    twin = copy.deepcopy(env)
    assert twin.unwrapped.mdp is env.unwrapped.mdp
    ahead = [env.step(0)[:2] for _ in range(20)]
    assert [twin.step(0)[:2] for _ in range(20)] == ahead


def test_seeds_decide(gymnasium):
    mdp, reward = gallery.noisy_walk()
    env = to_gymnasium(replace(mdp, horizon=None), reward)

    def episode(seed):
        return [env.reset(seed=seed)[0], *(env.step(t % 2)[0] for t in range(60))]

    assert episode(1) == episode(1)
    assert episode(1) != episode(2)


def test_infos_are_their_own(gymnasium):
    env = to_gymnasium(*gallery.fork())
    _, info = env.reset(seed=0)
    info["action_mask"][:] = 0
    assert env.step(0)[4]["action_mask"].tolist() == [1, 1]


def test_refusals(gymnasium):
    fork, reward = gallery.fork()
    assert_refuses(lambda: to_gymnasium(fork.broadcast_to((2,)), reward), InvalidArgument, "stack")
    assert_refuses(lambda: to_gymnasium(fork.to("symbolic"), reward), OutOfReach, "symbolic")
    assert_refuses(lambda: to_gymnasium(*gallery.dead_start()), InvalidModel, "may start in state 1")
    assert_refuses(lambda: to_gymnasium(fork, reward[:2]), InvalidArgument, "reward has shape (2,)")
    assert_refuses(lambda: to_table(fork.broadcast_to((2,)), reward), InvalidArgument, "stack")
    assert_refuses(lambda: to_table(fork.to("ball"), reward), OutOfReach, "level ball")
    env = to_gymnasium(*gallery.closed_door())
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        env.step(0)
    env.reset(seed=0)
    for action in (2, -1, 0.0, "0", None):
        assert_refuses(lambda action=action: env.step(action), InvalidArgument, "expected a whole number below 2")
    assert_refuses(lambda: env.step(1), InvalidArgument, "action 1 is not available in state 0", "[0]", "action_mask")
    env.step(np.int64(0))
    env.step(0)
    env.step(0)
    with pytest.raises(gymnasium.error.ResetNeeded, match="no episode"):
        env.step(0)
    assert_refuses(lambda: env.reset(options={"state": 1}), InvalidArgument, "options {'state': 1}")


def test_the_class_is_at_hand(gymnasium):
    import mdps.interop.gymnasium as module

    env = to_gymnasium(*gallery.fork())
    assert type(env) is module.ModelEnv
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        module.Nothing  # noqa: B018


def test_a_missing_gymnasium(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    assert_refuses(lambda: to_gymnasium(*gallery.fork()), InvalidArgument, "to_gymnasium needs gymnasium", "extra gym")
