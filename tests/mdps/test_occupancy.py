"""What a policy visits and earns, against sums over all trajectories."""

from fractions import Fraction
from functools import partial

import numpy as np
from flint import fmpq
from hypothesis import given, strategies as st

from agreement import array, assert_agrees, assert_equals
from enumeration import (
    BALLS,
    BITS,
    EXACT,
    expected_counts,
    law_of_policy,
    marginal,
    nested,
    paths,
    plain,
    state_marginal,
    value_of_policy,
)
from instances import AXES, each_kind, models_of, shape_of
from mdps import MDP, marginals, occupancy, policy_value, state_marginals, strategies
from mdps.random_models import random_policy, random_reward
from mdps.scalars.balls import precision


def in_steps(mdp, policy, f):
    """policy[t][s][a] as nested lists."""
    return nested(policy if policy.ndim == 3 else np.stack([policy] * mdp.horizon), f)


def value_by_enumeration(f, mdp, reward, policy):
    model, r, steps = plain(mdp, f), nested(reward, f), in_steps(mdp, policy, f)
    axes = AXES[reward.ndim - 1]
    shape = (mdp.horizon + 1, mdp.n_states)
    return array({(t, s): value_of_policy(model, r, axes, steps, t, s) for t, s in np.ndindex(shape)}, shape)


def marginals_by_enumeration(f, mdp, policy):
    """State marginals [t, s] and marginals [t, s, a]."""
    walked = paths(plain(mdp, f))
    law = law_of_policy(walked, in_steps(mdp, policy, f))
    states = {(t, s): p for t in range(mdp.horizon + 1) for s, p in state_marginal(law, walked, t).items()}
    decisions = {(t, *sa): p for t in range(mdp.horizon) for sa, p in marginal(law, walked, t).items()}
    return (
        array(states, (mdp.horizon + 1, mdp.n_states)),
        array(decisions, (mdp.horizon, mdp.n_states, mdp.n_actions)),
    )


def visits_by_enumeration(f, mdp, policy, axes):
    """Marginals and occupancy."""
    model = plain(mdp, f)
    walked = paths(model)
    law = law_of_policy(walked, in_steps(mdp, policy, f))
    counts = array(expected_counts(model, law, walked, axes), shape_of(mdp, axes))
    return *marginals_by_enumeration(f, mdp, policy), counts


def visits(mdp, policy, axes):
    return state_marginals(mdp, policy), marginals(mdp, policy), occupancy(mdp, policy, axes=axes)


def drawn_policy(mdp, rng):
    return random_policy(rng, mdp, steps=bool(rng.integers(2)), full_support=bool(rng.integers(2)))


@each_kind
def test_policy_value_agrees(kind):
    for mdp, _, axes, rng in models_of(kind):
        reward = random_reward(rng, shape_of(mdp, axes))
        arguments = mdp, reward, drawn_policy(mdp, rng)
        with precision(BITS):
            truth = value_by_enumeration(BALLS, *arguments)
        assert_agrees(policy_value, truth, *arguments)
        assert assert_equals(policy_value, lambda given: value_by_enumeration(EXACT, *given), *arguments)


@each_kind
def test_visits_agree(kind):
    for mdp, _, axes, rng in models_of(kind):
        arguments = mdp, drawn_policy(mdp, rng), axes
        with precision(BITS):
            truth = visits_by_enumeration(BALLS, *arguments)
        assert_agrees(visits, truth, *arguments)
        assert assert_equals(visits, lambda given: visits_by_enumeration(EXACT, *given), *arguments)


@given(st.data(), strategies.models())
def test_counts_over_fewer_axes_are_sums(data, mdp):
    policy = data.draw(strategies.policies(mdp))
    counts = occupancy(mdp, policy, axes="sas")
    assert (occupancy(mdp, policy) == counts.sum(axis=2)).all()
    assert (occupancy(mdp, policy, axes="s") == counts.sum(axis=(1, 2))).all()


@given(st.data(), strategies.models(max_states=6, max_actions=4, horizons=(1, 2, 5, 9)))
def test_conserves_mass_and_prices_what_it_visits(data, mdp):
    """Rows of state marginals sum to 1, and <occupancy, r> + the discounted final value = rho V_0."""
    policy = data.draw(strategies.policies(mdp, full_support=None))
    reward = data.draw(strategies.rewards(mdp))
    states, decisions, counts = visits(mdp, policy, AXES[reward.ndim - 1])
    assert (states.sum(axis=-1) == 1).all()
    assert (decisions.sum(axis=-1) == states[:-1] * ~mdp.terminal).all()
    earned = (counts * reward).sum() + final_value(mdp, states)
    assert (mdp.initial * policy_value(mdp, reward, policy)[0]).sum() == earned


def final_value(mdp: MDP, states: np.ndarray):
    """sum_t gamma^t P(the end comes at t) E[f there]: what ends at t was elsewhere, or nowhere, before."""
    total = 0 * mdp.final_value[0]
    for t in range(mdp.horizon + 1):
        before = np.where(mdp.terminal, states[t - 1], 0) if t else 0
        ends = states[t] - before if t == mdp.horizon else np.where(mdp.terminal, states[t] - before, 0)
        total = total + mdp.discount**t * (ends * mdp.final_value).sum()
    return total


def test_discount_is_of_visits_and_not_of_marginals():
    """Three steps in the only state: visits 1 + 1/2 + 1/4, at discount 0 the first alone."""
    ring = partial(MDP, [[[1]]], [1], horizon=3)
    assert occupancy(ring(discount=Fraction(1, 2)), [[1]]).tolist() == [[fmpq(7, 4)]]
    assert occupancy(ring(discount=0), [[1]]).tolist() == [[1]]
    assert marginals(ring(discount=Fraction(1, 2)), [[1]]).tolist() == [[[1]]] * 3
