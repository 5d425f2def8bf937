"""Maximum causal entropy IRL: dual and gradient against enumeration, and against derivatives."""

from fractions import Fraction

from flint import arb
from hypothesis import given, strategies as st

from agreement import array, assert_agrees, assert_equals, objects, overlap
from enumeration import (
    BALLS,
    BITS,
    EXACT,
    causal_dual,
    derivatives,
    expected_counts,
    law_of_policy,
    nested,
    paths,
    plain,
    soft_action_value,
    soft_value,
)
from equivalence.objectives import causal
from instances import AXES, each_kind, in_reach, models_of, shape_of, soft_solution_in_reach
from mdps import occupancy, scalars, soft_solution, strategies
from mdps.random_models import EXPERTS, random_expert, random_reward
from mdps.scalars import duals
from mdps.scalars.balls import precision


def numbers_of(mdp, reward, expert, temperature):
    return (
        causal.dual(mdp, reward, expert, temperature=temperature),
        causal.gradient(mdp, reward, expert, temperature=temperature),
    )


def soft_policy(model, f, reward, axes, alpha):
    """policy[t][s][a], down the tree."""

    def probability(t, s, a):
        if a not in model.moves[s]:
            return 0
        q = soft_action_value(model, f, reward, axes, alpha, t, s, a)
        return f.exp((q - soft_value(model, f, reward, axes, alpha, t, s)) / alpha)

    n_states = len(model.moves)
    return [
        [[probability(t, s, a) for a in range(model.n_actions)] for s in range(n_states)] for t in range(model.horizon)
    ]


def by_enumeration(f, mdp, reward, expert, temperature):
    model, r, alpha = plain(mdp, f), nested(reward, f), f.number(temperature)
    walked, axes = paths(model), AXES[reward.ndim - 1]
    law = law_of_policy(walked, soft_policy(model, f, r, axes, alpha))
    visits = array(expected_counts(model, law, walked, axes), shape_of(mdp, axes))
    value = causal_dual(model, f, r, axes, nested(expert, f), alpha)
    return objects(value), (objects(nested(expert, f)) - visits) / alpha


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
        reached = assert_equals(numbers_of, lambda given: by_enumeration(EXACT, *given), *arguments)
        assert reached or not soft_solution_in_reach(mdp)
        if reached and number % 3 == 0:
            gradient = duals.gradient(
                lambda r, mdp=mdp, expert=expert, temperature=temperature: causal.dual(
                    mdp, r, expert, temperature=temperature
                ),
                reward,
            )
            assert (causal.gradient(*arguments[:3], temperature=temperature) == gradient).all()


@given(st.data(), strategies.models(max_trajectories=30, discounts=(1, Fraction(1, 3))))
def test_gradient_encloses_derivative_of_enumerated_likelihood(data, mdp):
    """Power series down the tree know nothing of occupancies."""
    reward = data.draw(strategies.rewards(mdp))
    axes = AXES[reward.ndim - 1]
    expert = data.draw(strategies.experts(mdp, axes))
    temperature = data.draw(st.sampled_from([1, Fraction(1, 10), 10]))
    with precision(BITS):
        model, alpha, visited = plain(mdp, BALLS), BALLS.number(temperature), nested(expert, BALLS)
        expected = derivatives(lambda r: causal_dual(model, BALLS, r, axes, visited, alpha), nested(reward, BALLS))
        balls = (mdp.to("ball"), *(scalars.convert(x, "ball") for x in (reward, expert)))
        assert overlap(causal.gradient(*balls, temperature=temperature), objects(expected))


@given(st.data(), strategies.models(max_trajectories=200))
def test_gradient_vanishes_at_the_soft_policy_itself(data, mdp):
    """Within balls: the expert is what the soft-optimal policy visits."""
    reward = data.draw(strategies.rewards(mdp))
    temperature = data.draw(st.sampled_from([1, Fraction(1, 10), 10]))
    with precision(BITS):
        mdp, reward = mdp.to("ball"), scalars.convert(reward, "ball")
        policy = soft_solution(mdp, reward, temperature=temperature).policy
        expert = occupancy(mdp, policy, axes=AXES[reward.ndim - 1])
        zeros = causal.gradient(mdp, reward, expert, temperature=temperature)
        assert overlap(zeros, 0 * zeros)


@given(st.data(), strategies.models(max_trajectories=60))
def test_dual_is_the_discounted_likelihood_of_an_expert_in_the_same_dynamics(data, mdp):
    """E_E[sum gamma^t log pi_t] = dual + E_E[gamma^end final_value] / alpha, by enumeration."""
    reward = data.draw(strategies.rewards(mdp))
    behavior = data.draw(strategies.policies(mdp, steps=True))
    temperature = data.draw(st.sampled_from([1, Fraction(1, 10), 10]))
    axes = AXES[reward.ndim - 1]
    with precision(BITS):
        model, alpha = plain(mdp, BALLS), BALLS.number(temperature)
        policy = soft_policy(model, BALLS, nested(reward, BALLS), axes, alpha)
        likelihood, final_value = arb(0), arb(0)
        walked = paths(model)
        for p, path in zip(law_of_policy(walked, nested(behavior, BALLS)), walked, strict=True):
            for t, action in enumerate(path.actions):
                likelihood += p * model.gamma**t * policy[t][path.states[t]][action].log()
            final_value += p * model.gamma ** len(path.actions) * model.final[path.states[-1]]
        expert = occupancy(mdp, behavior, axes=axes)
        balls = (mdp.to("ball"), *(scalars.convert(x, "ball") for x in (reward, expert)))
        value = causal.dual(*balls, temperature=temperature)
        assert likelihood.overlaps(value + final_value / alpha)
