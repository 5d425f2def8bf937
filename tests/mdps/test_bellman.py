"""Soft backward induction against the tree of all that can happen, and against what it maximizes."""

from fractions import Fraction

import numpy as np
from hypothesis import given, strategies as st

from agreement import array, assert_agrees, assert_equals, margin
from enumeration import (
    BALLS,
    BITS,
    EXACT,
    entropy_regularized_value,
    nested,
    plain,
    soft_action_value,
    soft_value,
)
from instances import AXES, each_kind, in_reach, models_of, shape_of, soft_solution_in_reach
from mdps import MDP, scalars, soft_solution, strategies
from mdps.bellman import SoftSolution
from mdps.random_models import random_reward
from mdps.scalars.balls import precision


def by_enumeration(f, mdp, reward, temperature) -> SoftSolution:
    """q is None (log 0) and policy 0 at unavailable actions."""
    model, r, alpha = plain(mdp, f), nested(reward, f), f.number(temperature)
    axes = AXES[reward.ndim - 1]
    q, v, policy = {}, {}, {}
    for t in range(mdp.horizon + 1):
        for s in range(mdp.n_states):
            v[t, s] = soft_value(model, f, r, axes, alpha, t, s)
            for a in range(mdp.n_actions) if t < mdp.horizon else ():
                q[t, s, a] = None
                if a in model.moves[s]:
                    q[t, s, a] = soft_action_value(model, f, r, axes, alpha, t, s, a)
                    policy[t, s, a] = f.exp((q[t, s, a] - v[t, s]) / alpha)
    shape = (mdp.horizon, mdp.n_states, mdp.n_actions)
    states = (mdp.horizon + 1, mdp.n_states)
    return SoftSolution(array(q, shape), array(v, states), array(policy, shape))


def solve(mdp, reward, temperature):
    return soft_solution(mdp, reward, temperature=temperature)


@each_kind
def test_agrees_with_enumeration(kind):
    for mdp, temperature, axes, rng in models_of(kind):
        reward = random_reward(rng, shape_of(mdp, axes))
        with precision(BITS):
            truth = by_enumeration(BALLS, mdp, reward, temperature)
        assert_agrees(solve, truth, mdp, reward, temperature)


@each_kind
def test_equals_enumeration_exactly(kind):
    for *arguments, _ in in_reach(kind):
        reached = assert_equals(solve, lambda given: by_enumeration(EXACT, *given), *arguments)
        assert reached or not soft_solution_in_reach(arguments[0])


@given(st.data(), strategies.models(max_trajectories=60, discounts=(1, Fraction(2, 3), 0)))
def test_maximizes_return_plus_causal_entropy(data, mdp):
    """V is attained by the policy, and Q - V = alpha log pi: so no action gains by being taken more often."""
    reward = data.draw(strategies.rewards(mdp))
    temperature = data.draw(st.sampled_from([1, Fraction(1, 3), 5]))
    axes = AXES[reward.ndim - 1]
    with precision(BITS):
        model, r, alpha = plain(mdp, BALLS), nested(reward, BALLS), BALLS.number(temperature)
        solution = solve(mdp.to("ball"), scalars.convert(reward, "ball"), alpha)
        policy = solution.policy.tolist()
        for t, s in np.ndindex(mdp.horizon, mdp.n_states):
            attained = entropy_regularized_value(model, BALLS, r, axes, alpha, policy, t, s)
            assert solution.v[t, s].overlaps(attained)
            for a in model.moves[s]:
                advantage = solution.q[t, s, a] - solution.v[t, s]
                assert advantage.overlaps(alpha * BALLS.log(policy[t][s][a]))


@given(st.data(), strategies.models(max_trajectories=60))
def test_huge_rewards_stay_finite_and_right(data, mdp):
    """Rewards of thousands, temperatures of hundredths: exponents far beyond what floats can exponentiate."""
    reward = data.draw(st.sampled_from([700, -700, 10_000])) * data.draw(strategies.rewards(mdp))
    temperature = data.draw(st.sampled_from([1, Fraction(1, 100)]))
    with precision(BITS):
        truth = by_enumeration(BALLS, mdp, reward, temperature)
    assert margin(solve, truth, mdp, reward, temperature) <= 1


def test_terminal_states_and_unavailable_actions_by_hand():
    """From state 0, whose second action does not exist, the first leads to the terminal state 1 of value 2 log 3."""
    transition = [[[0, 1], [0, 0]], [[0, 0], [0, 0]]]
    log = scalars.LogRational.log
    mdp = MDP(transition, [1, 0], horizon=2, discount=Fraction(1, 2), final_value=[0, 2 * log(3)])
    q, v, policy = soft_solution(mdp, [log(5), 0])
    assert q[:, 0, 0].tolist() == [log(15)] * 2
    assert all(x is scalars.LogRational.LOG_ZERO for x in [*q[:, 0, 1], *q[:, 1].ravel()])
    assert v.tolist() == [[log(15), log(9)]] * 2 + [[0, log(9)]]
    assert policy.tolist() == [[[1, 0], [0, 0]]] * 2
