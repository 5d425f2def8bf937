"""MaxEnt IRL over trajectories: likelihood and gradient against enumeration, and against derivatives."""

from fractions import Fraction

from hypothesis import given, strategies as st

from agreement import array, assert_agrees, assert_equals, objects, overlap
from enumeration import (
    BALLS,
    BITS,
    EXACT,
    boltzmann,
    derivatives,
    expected_counts,
    maxent_log_likelihood,
    nested,
    paths,
    plain,
)
from equivalence.objectives import maxent
from instances import AXES, each_kind, in_reach, models_of, shape_of
from mdps import scalars, strategies
from mdps.boltzmann import occupancy
from mdps.random_models import EXPERTS, random_expert, random_reward
from mdps.scalars import duals
from mdps.scalars.balls import precision


def numbers_of(mdp, reward, expert, temperature):
    return (
        maxent.log_likelihood(mdp, reward, expert, temperature=temperature),
        maxent.gradient(mdp, reward, expert, temperature=temperature),
    )


def by_enumeration(f, mdp, reward, expert, temperature):
    model, r, alpha = plain(mdp, f), nested(reward, f), f.number(temperature)
    walked, axes = paths(model), AXES[reward.ndim - 1]
    law = boltzmann(model, walked, f, r, axes, alpha).law
    visits = array(expected_counts(model, law, walked, axes), shape_of(mdp, axes))
    likelihood = maxent_log_likelihood(model, walked, f, r, axes, nested(expert, f), alpha)
    return objects(likelihood), (objects(nested(expert, f)) - visits) / alpha


@each_kind
def test_agrees_with_enumeration(kind):
    for number, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
        reward = random_reward(rng, shape_of(mdp, axes))
        arguments = mdp, reward, random_expert(rng, mdp, axes=axes, kind=EXPERTS[number % 4]), temperature
        with precision(BITS):
            truth = by_enumeration(BALLS, *arguments)
        assert_agrees(numbers_of, truth, *arguments)


@each_kind
def test_equals_enumeration_and_derivatives_exactly(kind):
    for number, (mdp, reward, temperature, rng) in enumerate(in_reach(kind)):
        expert = random_expert(rng, mdp, axes=AXES[reward.ndim - 1], kind=EXPERTS[number % 4])
        arguments = mdp, reward, expert, temperature
        assert assert_equals(numbers_of, lambda given: by_enumeration(EXACT, *given), *arguments)
        if number % 3 == 0:
            gradient = duals.gradient(
                lambda r, mdp=mdp, expert=expert, temperature=temperature: maxent.log_likelihood(
                    mdp, r, expert, temperature=temperature
                ),
                reward,
            )
            assert (maxent.gradient(*arguments[:3], temperature=temperature) == gradient).all()


@given(st.data(), strategies.models(max_trajectories=30, discounts=(1, Fraction(1, 3))))
def test_gradient_encloses_derivative_of_enumerated_likelihood(data, mdp):
    """Power series through the sum over trajectories know nothing of occupancies."""
    reward = data.draw(strategies.rewards(mdp))
    axes = AXES[reward.ndim - 1]
    expert = data.draw(strategies.experts(mdp, axes))
    temperature = data.draw(st.sampled_from([1, Fraction(1, 10), 10]))
    with precision(BITS):
        model, alpha, visited = plain(mdp, BALLS), BALLS.number(temperature), nested(expert, BALLS)
        walked = paths(model)
        expected = derivatives(
            lambda r: maxent_log_likelihood(model, walked, BALLS, r, axes, visited, alpha),
            nested(reward, BALLS),
        )
        balls = (mdp.to("ball"), *(scalars.convert(x, "ball") for x in (reward, expert)))
        assert overlap(maxent.gradient(*balls, temperature=temperature), objects(expected))


@given(st.data(), strategies.models(max_trajectories=200, discounts=(1,)))
def test_gradient_vanishes_at_the_model_itself(data, mdp):
    reward = data.draw(strategies.rewards(mdp))
    expert = occupancy(mdp, reward, axes=AXES[reward.ndim - 1])
    assert (maxent.gradient(mdp, reward, expert) == 0).all()
