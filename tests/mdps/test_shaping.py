"""Changes of the reward that control does not see: entry by entry, along trajectories, and in soft control."""

from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
import scipy.sparse
from flint import fmpq

from agreement import assert_agrees, overlap
from enumeration import BITS
from instances import AXES, each_kind, in_reach, models_of, shape_of, soft_solution_in_reach
from mdps import (
    MDP,
    InvalidArgument,
    InvalidModel,
    OutOfReach,
    boltzmann,
    gallery,
    policy_value,
    scalars,
    soft_solution,
    trajectories,
)
from mdps.random_models import random_model, random_policy, random_reward
from mdps.scalars.balls import precision
from mdps.shaping import (
    potential_zero_at_ends,
    redistributed_reward,
    shaped,
    shaped_reward,
    value_of_constant,
)
from refusals import assert_refuses


def some(kind, step=5):
    return islice(models_of(kind), 0, None, step)


def entry(array, *index):
    return array[index[: array.ndim]]


def entries_of(mdp, reward, potential, axes):
    """r + gamma Phi(s') - Phi(s), or what is expected of it, entry by entry."""
    table = np.empty(shape_of(mdp, axes), dtype=object)
    for s, a, *x in np.ndindex(table.shape):
        if axes == "sas":
            table[s, a, x[0]] = entry(reward, s, a, x[0]) + mdp.discount * potential[x[0]] - potential[s]
            continue
        moves = [(x, p) for x, p in enumerate(mdp.transition[s, a]) if p != 0]
        expected = sum((p * entry(reward, s, a, x) for x, p in moves), fmpq(0)) if reward.ndim == 3 else reward[s]
        expected = reward[s, a] if reward.ndim == 2 else expected
        ahead = sum((p * potential[x] for x, p in moves), fmpq(0))
        table[s, a] = expected + mdp.discount * ahead - potential[s]
    return table


@each_kind
def test_shaped_rewards_entry_by_entry(kind):
    for number, (mdp, _, own, rng) in enumerate(some(kind)):
        reward, potential = random_reward(rng, shape_of(mdp, own)), random_reward(rng, (mdp.n_states,))
        axes = ("sa", "sas")[number % 2]
        truth = entries_of(mdp, reward, potential, axes)
        assert (shaped_reward(mdp, reward, potential, axes=axes) == truth).all()
        problem = shaped(mdp, reward, potential, axes=axes)
        assert (problem.reward == truth).all()
        assert (problem.mdp.final_value == mdp.final_value - potential).all()
        default = shaped_reward(mdp, reward, potential)
        assert default.ndim == (3 if own == "sas" else 2)
        with precision(BITS):
            enclosed = scalars.convert(truth, "ball")
        assert_agrees(lambda *given, axes=axes: shaped_reward(*given, axes=axes), enclosed, mdp, reward, potential)


@each_kind
def test_returns_telescope(kind):
    """R'(tau) = R(tau) - Phi(s_0), final values included; so the odds of trajectories of one start stay."""
    for mdp, _, own, rng in some(kind):
        reward, potential = random_reward(rng, shape_of(mdp, own)), random_reward(rng, (mdp.n_states,))
        problem = shaped(mdp, reward, potential, axes="sas")
        before, after = trajectories(mdp), trajectories(problem.mdp)
        assert (before.states == after.states).all()
        assert (after.returns(problem.reward) == before.returns(reward) - potential[before.states[:, 0]]).all()


@each_kind
def test_policies_stay_and_values_shift(kind):
    """Of soft control exactly where it is in reach, in balls elsewhere; and the value of any policy."""
    for number, (mdp, reward, temperature, rng) in enumerate(islice(in_reach(kind), 0, None, 4)):
        potential = random_reward(rng, (mdp.n_states,)) * Fraction(temperature).numerator * 12
        problem = shaped(mdp, reward, potential, axes=("sa", "sas", None)[number % 3])
        policy = random_policy(rng, mdp, steps=True)
        assert (policy_value(*problem, policy) == policy_value(mdp, reward, policy) - potential).all()
        if soft_solution_in_reach(mdp) and mdp.horizon > 1:
            old, new = (soft_solution(*p, temperature=temperature) for p in ((mdp, reward), problem))
            assert (new.policy == old.policy).all()
            assert (new.v == old.v - potential).all()
            continue
        with precision(BITS):
            old = soft_solution(mdp.to("ball"), scalars.convert(reward, "ball"), temperature=temperature)
            new = soft_solution(
                problem.mdp.to("ball"), scalars.convert(problem.reward, "ball"), temperature=temperature
            )
            assert overlap(new.policy, old.policy)
            assert overlap(new.v, old.v - scalars.convert(potential, "ball"))


@each_kind
def test_without_end(kind):
    """The discounted problem, in balls of the certified solution: V - Phi, and the same policy."""
    for number, (mdp, temperature, own, rng) in enumerate(some(kind, 13)):
        endless = replace(mdp, horizon=None, discount=(Fraction(1, 2), Fraction(99, 100))[number % 2])
        reward = random_reward(rng, shape_of(mdp, own))
        potential = random_reward(rng, (mdp.n_states,))
        problem = shaped(endless, reward, potential)
        with precision(BITS):
            old, new = (
                soft_solution(m.to("ball"), scalars.convert(r, "ball"), temperature=temperature)
                for m, r in ((endless, reward), problem)
            )
            assert overlap(new.policy, old.policy)
            assert overlap(new.v, old.v - scalars.convert(potential, "ball"))


@each_kind
def test_redistribution_keeps_control(kind):
    for mdp, _, own, rng in some(kind):
        reward, x = random_reward(rng, shape_of(mdp, own)), random_reward(rng, shape_of(mdp, "sas"))
        moved = redistributed_reward(mdp, reward, x)
        for s, a, y in np.ndindex(x.shape):
            mean = sum((p * x[s, a, z] for z, p in enumerate(mdp.transition[s, a]) if p != 0), fmpq(0))
            assert moved[s, a, y] == entry(reward, s, a, y) + x[s, a, y] - mean
        policy = random_policy(rng, mdp)
        assert (policy_value(mdp, moved, policy) == policy_value(mdp, reward, policy)).all()


def test_redistribution_does_not_keep_the_trajectory_law():
    mdp, reward = gallery.chance_pays()
    x = np.where(mdp.support, reward, 0)
    moved = redistributed_reward(mdp, reward, x)
    assert (soft_solution(mdp, moved).policy == soft_solution(mdp, reward).policy).all()
    assert (boltzmann.law(mdp, moved) != boltzmann.law(mdp, reward)).any()


@each_kind
def test_a_constant_is_worth_its_discounted_sum(kind):
    for mdp, _, own, rng in some(kind):
        if mdp.terminal.any():
            with pytest.raises(InvalidModel, match="terminal states"):
                value_of_constant(mdp, 1)
            continue
        c = random_reward(rng, ())
        worth = value_of_constant(mdp, c)
        for t in range(mdp.horizon + 1):
            assert worth[t] == sum((mdp.discount**k * c for k in range(mdp.horizon - t)), fmpq(0))
        reward, policy = random_reward(rng, shape_of(mdp, own)), random_policy(rng, mdp)
        more = policy_value(mdp, reward + c, policy)
        assert (more == policy_value(mdp, reward, policy) + worth[:, None]).all()
        endless = replace(mdp, horizon=None, discount=Fraction(1, 3))
        potential = np.full(mdp.n_states, -value_of_constant(endless, c)[()], dtype=object)
        given = np.zeros(mdp.n_states, dtype=object)
        assert (shaped_reward(endless, given, potential, axes="sas") == c).all()
        with precision(BITS):
            enclosed = scalars.convert(worth, "ball")
        assert_agrees(value_of_constant, enclosed, mdp, c)


def test_potentials_that_are_zero_at_ends_need_no_final_value():
    """Where every trajectory has ended before the horizon, f stays; the next potential alone is masked (mistake 19)."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        one_way = np.full((3, 2, 3), fmpq(0), dtype=object)
        one_way[0, :, 1] = [fmpq(1), fmpq(0)]
        one_way[0, 1, 2] = one_way[1, :, 2] = fmpq(1)
        mdp = MDP(one_way, [1, 0, 0], horizon=2, discount=1, final_value=random_reward(rng, (3,)))
        reward = random_reward(rng, (3, 2))
        potential = potential_zero_at_ends(mdp, random_reward(rng, (3,)))
        assert potential[2] == 0
        # State 0 is not entered, and state 1 not at the horizon: the final value is used in state 2 alone.
        new = soft_solution(mdp, shaped_reward(mdp, reward, potential))
        old = soft_solution(mdp, reward)
        assert (new.policy[0, 0] == old.policy[0, 0]).all()
        assert new.v[0, 0] == old.v[0, 0] - potential[0]


def test_extreme_numbers():
    mdp = MDP([[[1 - 1e-300, 1e-300]], [[0.0, 1.0]]], [1.0, 0.0], horizon=2)
    problem = shaped(mdp, [1000.0, -1000.0], [-1e300, 1e300])
    assert problem.reward[0, 0] == 1000.0 - 1e300 + 1 + 1e300
    assert np.isfinite(problem.reward).all()


def test_stacks_and_sparse_models():
    rng = np.random.default_rng(0)
    models = [random_model(rng, 3, 2, 2, terminal=True, final_value=True) for _ in range(4)]
    fields = ("transition", "initial", "final_value")
    stack = MDP(**{name: np.stack([getattr(mdp, name) for mdp in models]) for name in fields}, horizon=2)
    for axes in AXES:
        reward, phi = random_reward(rng, (4, *shape_of(models[0], axes))), random_reward(rng, (4, 3))
        together = shaped(stack, reward, phi)
        x = random_reward(rng, (4, 3, 2, 3))
        for i, mdp in enumerate(models):
            apart = shaped(mdp, reward[i], phi[i])
            assert (together.reward[i] == apart.reward).all()
            assert together.mdp.at(i).equals(apart.mdp)
            assert (potential_zero_at_ends(stack, phi)[i] == potential_zero_at_ends(mdp, phi[i])).all()
            assert (redistributed_reward(stack, reward, x)[i] == redistributed_reward(mdp, reward[i], x[i])).all()
    floats = models[0].to("float")
    sparse = MDP(scipy.sparse.csr_array(floats.transition.reshape(6, 3)), floats.initial, horizon=2)
    assert shaped_reward(sparse, [1.0, 2.0, 3.0], [0.5, 0.0, 0.0]).shape == (3, 2)
    with pytest.raises(OutOfReach, match="dense"):
        shaped_reward(sparse, [1.0, 2.0, 3.0], [0.5, 0.0, 0.0], axes="sas")
    with pytest.raises(OutOfReach, match="dense"):
        redistributed_reward(sparse, [1.0, 2.0, 3.0], np.zeros((3, 2, 3)))


MDP_, FLOATS = gallery.fork()[0], gallery.fork()[0].to("float")
ENDLESS = MDP([[[1]]], [1], horizon=None)


@pytest.mark.parametrize(
    "call, error, fragments",
    [
        (lambda: shaped(MDP_, [0, 0, 0], [0, 0]), InvalidArgument, ("potential has shape (2,); expected (3,)",)),
        (lambda: shaped(MDP_, [0, 0, 0], [0.5, 0, 0]), InvalidArgument, ("potential in exact numbers",)),
        (lambda: shaped(FLOATS, [0, 0, 0], [np.nan, 0, 0]), InvalidArgument, ("potential[0] is nan",)),
        (lambda: shaped(FLOATS, [0, 0], [0, 0, 0]), InvalidArgument, ("reward has shape (2,)",)),
        (lambda: shaped_reward(FLOATS, [0, 0, 0], [0, 0, 0], axes="s"), InvalidArgument, ("'sa' or 'sas'",)),
        (lambda: redistributed_reward(FLOATS, [0, 0, 0], np.zeros((3, 2))), InvalidArgument, ("table has shape",)),
        (lambda: value_of_constant(MDP_, [1, 2]), InvalidArgument, ("constant has shape (2,)",)),
        (lambda: value_of_constant(ENDLESS, 1), InvalidModel, ("never ends and has discount 1",)),
    ],
)
def test_refusals(call, error, fragments):
    assert_refuses(call, error, *fragments)
