"""Hard maxima against the best of all deterministic policies, and as the limit of soft control."""

import itertools

import numpy as np
import pytest

from mdps import OutOfReach, gallery, optimal_solution, policy_value, scalars, soft_solution
from mdps.random_models import random_model, random_reward


def best_value_of_all_policies(mdp, reward):
    """max over deterministic policies of the value from each state at t = 0, by listing the policies."""
    choices = [
        [None] if mdp.terminal[s] else list(np.flatnonzero(mdp.available[s]))
        for _ in range(mdp.horizon)
        for s in range(mdp.n_states)
    ]
    best = None
    zero, one = 0 * mdp.initial[0], 0 * mdp.initial[0] + 1
    for choice in itertools.product(*choices):
        policy = np.full((mdp.horizon, mdp.n_states, mdp.n_actions), zero, dtype=object)
        for (t, s), a in zip(np.ndindex(mdp.horizon, mdp.n_states), choice, strict=True):
            if a is not None:
                policy[t, s, a] = one
        value = policy_value(mdp, reward, policy)[0]
        best = value if best is None else np.where(value > best, value, best)
    return best


@pytest.mark.parametrize("seed", range(12))
def test_value_is_the_best_of_all_deterministic_policies(seed):
    rng = np.random.default_rng(seed)
    mdp = random_model(rng, 3, 2, 2, terminal=seed % 2 == 0, unavailable=seed % 3 == 0, final_value=True, denominator=4)
    reward = random_reward(rng, ((3,), (3, 2), (3, 2, 3))[seed % 3])
    solution = optimal_solution(mdp, reward)
    assert (solution.v[0] == best_value_of_all_policies(mdp, reward)).all()
    assert (policy_value(mdp, reward, solution.policy) == solution.v).all()


@pytest.mark.parametrize("seed", range(12))
def test_floats_agree_with_exact_numbers(seed):
    rng = np.random.default_rng(seed)
    mdp = random_model(rng, 4, 3, 3, terminal=True, unavailable=True)
    reward = random_reward(rng, (4, 3))
    exact = optimal_solution(mdp, reward)
    floats = optimal_solution(mdp.to("float"), scalars.convert(reward, "float"))
    assert (abs(scalars.convert(exact.v, "float") - floats.v) <= 2.0**-45).all()  # a dozen sums of numbers below 10


def test_soft_values_fall_to_the_optimal_ones_as_the_temperature_does():
    mdp, reward = gallery.risky_path()
    mdp, reward = mdp.to("float"), scalars.convert(reward, "float")
    best = optimal_solution(mdp, reward).v[0]
    bound = np.log(2) * mdp.horizon  # alpha log A a step
    for temperature in (1.0, 0.1, 0.01):
        gap = soft_solution(mdp, reward, temperature=temperature).v[0] - best
        assert (gap >= -(2.0**-45)).all()
        assert (gap <= temperature * bound + 2.0**-45).all()


def test_ties_take_the_first_action_and_open_comparisons_are_out_of_reach():
    mdp, reward = gallery.warm_up()
    tied = 0 * reward
    assert list(optimal_solution(mdp, tied).policy[0, 0]) == [1, 0]
    from flint import arb

    blurred = np.array([[arb(0, 1), arb(0, 1)]], dtype=object)
    with pytest.raises(OutOfReach, match="open"):
        optimal_solution(mdp.to("ball"), blurred)
