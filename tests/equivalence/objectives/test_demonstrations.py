"""Sampled demonstrations against plain sums over them, dual numbers, and the likelihood of a law."""

import itertools

import numpy as np
import pytest

from equivalence.objectives import causal, demonstrations, maxent
from instances import KINDS, in_reach, models_of, shape_of, soft_solution_in_reach
from mdps import InvalidArgument, gallery, scalars, soft_solution, trajectories
from mdps.arguments import AXES
from mdps.random_models import random_reward
from mdps.scalars.balls import precision
from mdps.scalars.duals import gradient as dual_gradient


def drawn(mdp, rng, n=5):
    """Some of the trajectories of a model, with repetition: they move as they please, not as P expects."""
    paths = trajectories(mdp)
    chosen = rng.integers(len(paths), size=n)
    return demonstrations.Demonstrations(paths.states[chosen], paths.actions[chosen])


def plain_log_likelihood(mdp, reward, seen, temperature):
    policy = soft_solution(mdp, reward, temperature=temperature).policy
    total = scalars.constant(0, mdp.initial)
    for states, actions in zip(*seen, strict=True):
        for t, (s, a) in enumerate(zip(states, actions, strict=False)):
            if a >= 0:
                total = total + mdp.discount**t * scalars.log(policy[t, s, a])
    return total / len(seen.states)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_the_derivative_of_the_likelihood_in_balls(kind):
    with precision(200):
        for mdp, temperature, axes, rng in itertools.islice(models_of(kind), 0, None, 4):
            model = mdp.to("ball")
            reward = scalars.convert(random_reward(rng, shape_of(mdp, axes)), "ball")
            seen = drawn(mdp, rng)
            found = demonstrations.gradient(model, reward, seen, temperature=temperature)

            def value(r, model=model, seen=seen, temperature=temperature):
                return demonstrations.log_likelihood(model, r, seen, temperature=temperature)

            wanted = dual_gradient(value, reward)
            assert found.shape == reward.shape
            assert all(x.overlaps(y) for x, y in zip(found.flat, (0 * found + wanted).flat, strict=True))
            plain = plain_log_likelihood(model, reward, seen, temperature)
            assert value(reward).overlaps(plain)


@pytest.mark.parametrize("kind", KINDS)
def test_exact_likelihoods_are_plain_sums_and_those_of_the_empirical_law(kind):
    asked = 0
    for mdp, reward, temperature, rng in in_reach(kind):
        if not soft_solution_in_reach(mdp):
            continue
        seen = drawn(mdp, rng)
        paths = trajectories(mdp)
        at = {(tuple(s), tuple(a)): i for i, (s, a) in enumerate(zip(paths.states, paths.actions, strict=True))}
        law = np.full(len(paths), scalars.constant(0, mdp.initial), dtype=object)
        for s, a in zip(*seen, strict=True):
            law[at[tuple(s), tuple(a)]] += scalars.constant(1, mdp.initial) / len(seen.states)
        found = demonstrations.log_likelihood(mdp, reward, seen, temperature=temperature)
        assert found == plain_log_likelihood(mdp, reward, seen, temperature)
        assert found == causal.log_likelihood(mdp, reward, law=law, temperature=temperature)
        axes = AXES[reward.ndim]
        assert (demonstrations.occupancy(mdp, seen, axes=axes) == paths.occupancy(law, axes=axes)).all()
        asked += 1
    assert asked > 10


def test_where_dynamics_are_deterministic_and_the_start_is_one_it_is_the_gradient_of_the_dual():
    for kind in ("deterministic-single_start", "deterministic-single_start-terminal-unavailable"):
        for mdp, reward, temperature, rng in in_reach(kind):
            if soft_solution_in_reach(mdp):
                seen = drawn(mdp, rng)
                expert = demonstrations.occupancy(mdp, seen, axes=AXES[reward.ndim])
                found = demonstrations.gradient(mdp, reward, seen, temperature=temperature)
                assert (found == causal.gradient(mdp, reward, expert, temperature=temperature)).all()


def test_a_lucky_sample_is_not_its_population():
    """One demonstration of the lottery in which the coin fell well: the two gradients are different."""
    mdp, reward = gallery.lottery()
    paths = trajectories(mdp)
    lucky = [i for i, s in enumerate(paths.states) if list(s) == [0, 1, 1]][:1]
    seen = demonstrations.Demonstrations(paths.states[lucky], paths.actions[lucky])
    axes = AXES[reward.ndim]
    expert = demonstrations.occupancy(mdp, seen, axes=axes)
    of_dual = causal.gradient(mdp, reward, expert)
    assert (demonstrations.gradient(mdp, reward, seen) != of_dual).any()
    assert (maxent.gradient(mdp, reward, expert).shape) == reward.shape


def test_floats_are_floats():
    mdp, reward = gallery.fork()
    seen = drawn(mdp, np.random.default_rng(0))
    found = demonstrations.gradient(mdp.to("float"), scalars.convert(reward, "float"), seen)
    assert found.dtype == float


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda s, a: (s[:, :-1], a), "states have shape"),
        (lambda s, a: (s.astype(float), a), "dtype float64"),
        (lambda s, a: (s[:1], a), "expected as many"),
        (lambda s, a: (s, 0 * a + 9), "actions"),
        (lambda s, a: (0 * s - 1, a), "state of the model at the start"),
        (lambda s, a: (s, 0 * a - 1), "next state for each action"),
        (lambda s, a: (np.where(np.arange(s.shape[1]) > 0, 0, s), a), "step that the model can take"),
        (lambda s, a: (s[:0], a[:0]), "states have shape"),
    ],
)
def test_what_is_no_demonstration_is_refused(spoil, message):
    mdp, reward = gallery.fork()
    paths = trajectories(mdp)
    states, actions = spoil(paths.states, paths.actions)
    with pytest.raises(InvalidArgument, match=message):
        demonstrations.gradient(mdp, reward, (states, actions))
