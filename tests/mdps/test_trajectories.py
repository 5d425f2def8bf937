"""The list of all trajectories, against a recursion that walks them one by one."""

import time

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given

from agreement import array, assert_agrees, assert_equals, objects
from enumeration import (
    BALLS,
    BITS,
    EXACT,
    counts,
    discounted_return,
    expected_counts,
    law_of_policy,
    marginal,
    nested,
    paths,
    plain,
)
from instances import AXES, each_kind, models_of, shape_of
from mdps import MDP, InvalidArgument, OutOfReach, strategies, trajectories, trajectory_count
from mdps.random_models import random_distribution, random_policy, random_reward
from mdps.scalars.balls import precision


def numbers_of(mdp, reward, policy, law):
    """Everything that the list tells, in floats or any other numbers."""
    listed = trajectories(mdp)
    axes = AXES[reward.ndim - 1]
    return (
        listed.dynamics,
        listed.returns(reward),
        listed.law(policy),
        listed.counts(axes=axes),
        listed.occupancy(law, axes=axes),
        listed.marginals(law),
    )


def numbers_by_enumeration(f, mdp, reward, policy, law):
    model, r, p = plain(mdp, f), nested(reward, f), nested(law, f)
    walked = paths(model)
    axes = AXES[reward.ndim - 1]
    shape = shape_of(mdp, axes)
    visits = {(i, *at): n for i, path in enumerate(walked) for at, n in counts(model, path, axes).items()}
    decisions = {(t, *sa): x for t in range(mdp.horizon) for sa, x in marginal(p, walked, t).items()}
    return (
        objects([path.dynamics for path in walked]),
        objects([discounted_return(model, path, r, axes) for path in walked]),
        objects(law_of_policy(walked, nested(policy, f))),
        array(visits, (len(walked), *shape)),
        array(expected_counts(model, p, walked, axes), shape),
        array(decisions, (mdp.horizon, mdp.n_states, mdp.n_actions)),
    )


@each_kind
def test_lists_what_the_recursion_walks(kind):
    for mdp, *_ in models_of(kind):
        listed, walked = trajectories(mdp), paths(plain(mdp, EXACT))
        assert len(listed) == trajectory_count(mdp) == len(walked)
        ends = [mdp.horizon - len(path.actions) for path in walked]
        assert listed.states.tolist() == [[*p.states, *[-1] * n] for p, n in zip(walked, ends, strict=True)]
        assert listed.actions.tolist() == [[*p.actions, *[-1] * n] for p, n in zip(walked, ends, strict=True)]
        assert listed.lengths.tolist() == [len(path.actions) for path in walked]


@each_kind
def test_numbers_agree(kind):
    for mdp, _, axes, rng in models_of(kind):
        reward = random_reward(rng, shape_of(mdp, axes))
        policy = random_policy(rng, mdp, steps=True, full_support=bool(rng.integers(2)))
        law = random_distribution(rng, trajectory_count(mdp))
        arguments = mdp, reward, policy, law
        with precision(BITS):
            truth = numbers_by_enumeration(BALLS, *arguments)
        assert_agrees(numbers_of, truth, *arguments)
        assert assert_equals(numbers_of, lambda given: numbers_by_enumeration(EXACT, *given), *arguments)


@given(strategies.models(max_trajectories=200))
def test_pullback_is_the_adjoint_of_returns(mdp):
    """<x, returns(r)> = <pullback(x), r> + what does not depend on r."""
    rng = np.random.default_rng(len(mdp.transition))
    listed = trajectories(mdp)
    x = rng.integers(-9, 10, size=len(listed)).astype(object) * fmpq(1)
    for axes in AXES:
        reward = random_reward(rng, shape_of(mdp, axes))
        earned = listed.returns(reward) - listed.returns(0 * reward)
        assert (x * earned).sum() == (listed.pullback(x, axes=axes) * reward).sum()


def test_too_many_are_out_of_reach_at_once():
    """10^12 trajectories: the count is exact, and comes before any memory is taken."""
    ring = MDP(np.full((10, 1, 10), 0.1), np.eye(10)[0], horizon=12)
    started = time.perf_counter()
    assert trajectory_count(ring) == 10**12
    with pytest.raises(OutOfReach, match=r"1,000,000,000,000 trajectories .* limit of 1,000,000"):
        trajectories(ring)
    assert time.perf_counter() - started < 5


def test_limit_is_the_largest_number_that_is_listed():
    coin = MDP(np.full((2, 1, 2), 0.5), [0.5, 0.5], horizon=3)
    assert len(trajectories(coin, limit=16)) == 16
    with pytest.raises(OutOfReach, match="16 trajectories are more than the limit of 15"):
        trajectories(coin, limit=15)


def test_refuses_a_stack():
    stack = MDP(np.full((5, 2, 1, 2), 0.5), np.full((5, 2), 0.5), horizon=1)
    with pytest.raises(InvalidArgument, match=r"stack of shape \(5,\)"):
        trajectories(stack)
