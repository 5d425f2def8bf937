"""Tabular environments as seals and imitation have them, built here by their own definition and stepped."""

from dataclasses import replace
from fractions import Fraction
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest

from instances import each_kind, models_of, shape_of
from mdps import InvalidArgument, InvalidModel, OutOfReach, gallery, policy_value, scalars
from mdps.interop import from_tabular, to_tabular
from mdps.random_models import random_reward
from refusals import assert_refuses


def environment(**changed):
    """Two states, two actions; reward of the state."""
    everything = {
        "transition_matrix": np.array([[[0.9, 0.1], [0.0, 1.0]], [[0.5, 0.5], [1 / 3, 2 / 3]]]),
        "reward_matrix": np.array([0.1, -1.0]),
        "horizon": 3,
        "initial_state_dist": np.array([0.25, 0.75]),
    } | changed
    return SimpleNamespace(**{name: value for name, value in everything.items() if value is not ...})


def value_of_uniform(env):
    """The expected sum of rewards over T steps of uniform actions, as such an environment pays it."""
    law, total = np.asarray(env.initial_state_dist), 0.0
    for _ in range(env.horizon):
        joint = law[:, None, None] * env.transition_matrix / env.transition_matrix.shape[1]
        wide = np.asarray(env.reward_matrix)
        total += (joint * wide[(..., *(None,) * (3 - wide.ndim))]).sum()
        law = joint.sum(axis=(0, 1))
    return total


@pytest.mark.parametrize("shape", [(2,), (2, 2), (2, 2, 2)])
def test_the_value_is_that_of_the_environment(shape):
    for seed in range(70):
        rng = np.random.default_rng(seed)
        rows = rng.integers(1, 9, size=(2, 2, 2))
        env = environment(
            transition_matrix=rows / rows.sum(axis=-1, keepdims=True),
            reward_matrix=rng.integers(-4, 5, size=shape).astype(float),
            horizon=int(rng.integers(1, 6)),
        )
        mdp, reward = from_tabular(env)
        assert (mdp.horizon, mdp.discount, reward.shape) == (env.horizon, 1, shape)
        found = mdp.initial @ policy_value(mdp, reward, np.full((2, 2), 0.5))[0]
        # Both sum T rewards up to 4 in size over 8 entries a step, with at most 12 roundings each.
        assert abs(found - value_of_uniform(env)) <= 2 * env.horizon**2 * 4 * 20 * 2.0**-53


@each_kind
def test_round_trips(kind):
    for mdp, _, axes, rng in islice(models_of(kind), 0, None, 5):
        model = replace(mdp, final_value=0)
        reward = random_reward(rng, shape_of(mdp, axes))
        if not model.available.all():
            with pytest.raises(InvalidModel, match="not available"):
                to_tabular(model, reward)
            continue
        env = to_tabular(model, reward)
        read, paid = from_tabular(env, discount=float(Fraction(str(model.discount))))
        assert read.equals(model.to("float"))
        assert (paid == scalars.convert(reward, "float")).all()
        again, _ = from_tabular(env, discount=model.discount, exact=True)
        assert again.equals(model)


def test_exact_numbers():
    mdp, reward = from_tabular(environment(), discount=Fraction(9, 10), exact=True)
    assert (mdp.level, str(mdp.discount), [str(x) for x in reward]) == ("exact", "9/10", ["1/10", "-1"])
    assert [str(x) for x in mdp.transition[1, 1]] == ["1/3", "2/3"]
    assert mdp.changes[-1] == "reward: 1 number read as simple rationals"
    rows = [[[Fraction(1, 3), Fraction(2, 3)]], [[0, 1]]]
    mdp, reward = from_tabular(environment(transition_matrix=rows, reward_matrix=[1, 2], initial_state_dist=[1, 0]))
    assert mdp.level == "exact"


def test_wrappers_are_looked_through():
    mdp, _ = from_tabular(SimpleNamespace(unwrapped=environment()))
    assert mdp.equals(from_tabular(environment())[0])


def test_without_a_horizon():
    mdp, _ = from_tabular(environment(horizon=None), discount=0.5)
    assert (mdp.horizon, mdp.discount) == (None, 0.5)


NOISY = gallery.noisy_walk()


@pytest.mark.parametrize(
    "call, error, fragments",
    [
        (lambda: from_tabular(3), InvalidArgument, ("type int has no transition_matrix, reward_matrix",)),
        (lambda: from_tabular(environment(horizon=...)), InvalidArgument, ("has no horizon",)),
        (lambda: from_tabular(environment(horizon=2.5)), InvalidModel, ("horizon is 2.5",)),
        (lambda: from_tabular(environment(reward_matrix=np.zeros(3))), InvalidArgument, ("reward has shape (3,)",)),
        (lambda: from_tabular(environment(transition_matrix=np.eye(2))), InvalidModel, ("shape (2, 2)",)),
        (lambda: from_tabular(environment(transition_matrix=np.ones((2, 2, 2)))), InvalidModel, ("sums to 2.0",)),
        (
            lambda: from_tabular(
                environment(transition_matrix=np.full((3, 2, 2, 2), 0.5), initial_state_dist=np.full((3, 2), 0.5))
            ),
            InvalidModel,
            ("expected [s, a, s']",),
        ),
        (lambda: to_tabular(*gallery.risky_path()), InvalidModel, ("not available in state 3",)),
        (lambda: to_tabular(replace(NOISY[0], final_value=1), NOISY[1]), InvalidModel, ("final value",)),
        (lambda: to_tabular(NOISY[0].broadcast_to((2,)), [NOISY[1]] * 2), OutOfReach, ("mdp.at(i)",)),
    ],
)
def test_refusals(call, error, fragments):
    assert_refuses(call, error, *fragments)
