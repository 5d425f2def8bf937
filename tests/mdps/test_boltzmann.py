"""The MaxEnt law over trajectories: messages, and the library's list, against an independent enumeration."""

from fractions import Fraction

import numpy as np
from hypothesis import given, strategies as st

from agreement import array, assert_agrees, assert_equals, margin, objects
from enumeration import BALLS, BITS, EXACT, boltzmann as boltzmann_of, expected_counts, nested, paths, plain
from instances import AXES, each_kind, in_reach, models_of, shape_of
from mdps import boltzmann, scalars, strategies
from mdps.random_models import random_reward
from mdps.scalars.balls import precision


def numbers_of(mdp, reward, temperature, axes):
    """log Z, the law, and the occupancy over `axes`."""
    return (
        boltzmann.log_partition(mdp, reward, temperature=temperature),
        boltzmann.law(mdp, reward, temperature=temperature),
        boltzmann.occupancy(mdp, reward, temperature=temperature, axes=axes),
    )


def numbers_by_enumeration(f, mdp, reward, temperature, axes):
    model, r, alpha = plain(mdp, f), nested(reward, f), f.number(temperature)
    walked = paths(model)
    log_partition, law = boltzmann_of(model, walked, f, r, AXES[reward.ndim - 1], alpha)
    counts = array(expected_counts(model, law, walked, axes), shape_of(mdp, axes))
    return objects(log_partition), objects(law), counts


@each_kind
def test_agrees_with_enumeration(kind):
    for mdp, temperature, axes, rng in models_of(kind):
        reward = random_reward(rng, shape_of(mdp, axes))
        arguments = mdp, reward, temperature, AXES[rng.integers(3)]
        with precision(BITS):
            truth = numbers_by_enumeration(BALLS, *arguments)
        assert_agrees(numbers_of, truth, *arguments)


@each_kind
def test_equals_enumeration_exactly(kind):
    for *given_values, rng in in_reach(kind):
        arguments = *given_values, AXES[rng.integers(3)]
        assert assert_equals(numbers_of, lambda given: numbers_by_enumeration(EXACT, *given), *arguments)


@given(st.data(), strategies.models(max_trajectories=60, discounts=(1, Fraction(1, 3), 0)))
def test_agrees_with_enumeration_on_drawn_models(data, mdp):
    reward = data.draw(strategies.rewards(mdp))
    temperature = data.draw(st.sampled_from([1, Fraction(1, 30), 7]))
    axes = data.draw(st.sampled_from(AXES))
    with precision(BITS):
        truth = numbers_by_enumeration(BALLS, mdp, reward, temperature, axes)
    assert_agrees(numbers_of, truth, mdp, reward, temperature, axes)


@given(st.data(), strategies.models(max_trajectories=60))
def test_huge_rewards_stay_finite_and_right(data, mdp):
    reward = data.draw(st.sampled_from([700, -700, 10_000])) * data.draw(strategies.rewards(mdp))
    temperature = data.draw(st.sampled_from([1, Fraction(1, 100)]))
    with precision(BITS):
        truth = numbers_by_enumeration(BALLS, mdp, reward, temperature, "sa")
    assert margin(numbers_of, truth, mdp, reward, temperature, "sa") <= 1


@given(st.data(), strategies.models(discounts=(1,)))
def test_counts_over_fewer_axes_are_sums(data, mdp):
    reward = data.draw(strategies.rewards(mdp))
    counts = boltzmann.occupancy(mdp, reward, axes="sas")
    assert (boltzmann.occupancy(mdp, reward) == counts.sum(axis=2)).all()
    assert (boltzmann.occupancy(mdp, reward, axes="s") == counts.sum(axis=(1, 2))).all()


@each_kind
def test_messages_are_the_weight_of_what_can_follow(kind):
    """z_t(s) = sum over everything that can follow s at t of prod P exp(gamma^t R / alpha)."""
    for number, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
        if number % 7:
            continue
        reward = random_reward(rng, shape_of(mdp, axes))
        with precision(BITS):
            balls = scalars.convert(reward, "ball")
            messages = boltzmann.log_messages(mdp.to("ball"), balls, temperature=temperature)
            model, r, alpha = plain(mdp, BALLS), nested(reward, BALLS), BALLS.number(temperature)
            for t, s in np.ndindex(mdp.horizon + 1, mdp.n_states):
                sooner = model._replace(horizon=mdp.horizon - t, starts=[(s, BALLS.number(1))])
                sooner_alpha = alpha / model.gamma**t
                expected = boltzmann_of(sooner, paths(sooner), BALLS, r, axes, sooner_alpha).log_partition
                assert messages[t, s].overlaps(expected)
