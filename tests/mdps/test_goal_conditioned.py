"""The product of states and goals, entry by entry, and goal by goal against enumeration of the plain model."""

from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
import scipy.sparse
import sympy
from flint import fmpq

from agreement import array, assert_agrees, overlap
from enumeration import (
    BALLS,
    BITS,
    EXACT,
    expected_counts,
    law_of_policy,
    nested,
    paths,
    plain,
    soft_action_value,
    soft_value,
)
from equivalence.objectives import causal
from instances import AXES, each_kind, in_reach, models_of, shape_of
from mdps import (
    MDP,
    InvalidArgument,
    OutOfReach,
    boltzmann,
    causal_entropy,
    gallery,
    occupancy,
    scalars,
    soft_solution,
    trajectories,
)
from mdps.door import UNIT_ROUNDOFF
from mdps.dynamics import disabled_actions
from mdps.goal_conditioned import by_goal, goal_conditioned, of_goals
from mdps.random_models import random_distribution, random_model, random_policy, random_reward
from mdps.scalars.balls import precision
from refusals import assert_refuses


def drawn_goals(mdp, rng):
    goals = rng.permutation(mdp.n_states)[: rng.integers(1, 3)]
    return goals.tolist(), random_distribution(rng, len(goals))


def alone(mdp, goal, ends):
    """The problem of one goal."""
    mask = np.zeros(mdp.available.shape, dtype=bool)
    mask[goal] = ends
    return disabled_actions(mdp, mask, may_end=True)


def some(kind, step=6):
    return islice(models_of(kind), 0, None, step)


@each_kind
def test_the_product_entry_by_entry(kind):
    for number, (mdp, _, _, rng) in enumerate(some(kind)):
        ends = number % 2 == 1
        goals, law = drawn_goals(mdp, rng)
        product = goal_conditioned(mdp, goals, law, ends=ends)
        n = mdp.n_states
        assert (product.n_states, product.n_actions, product.horizon) == (len(goals) * n, mdp.n_actions, mdp.horizon)
        for g, goal in enumerate(goals):
            for s in range(n):
                assert product.initial[g * n + s] == law[g] * mdp.initial[s]
                assert product.final_value[g * n + s] == mdp.final_value[s]
                for a in range(mdp.n_actions):
                    for h, x in np.ndindex(len(goals), n):
                        expected = mdp.transition[s, a, x] if h == g and not (ends and s == goal) else 0
                        assert product.transition[g * n + s, a, h * n + x] == expected


def soft_tables(mdp, reward, temperature):
    solution = soft_solution(mdp, reward, temperature=temperature)
    return tuple(by_goal(x, 2, axes=axes) for x, axes in zip(solution, ("sa", "s", "sa"), strict=True))


def soft_tables_by_enumeration(f, models, rewards, temperature):
    """q, v and policy [t, g, s, a] of two problems, apart."""
    alpha = f.number(temperature)
    q, v, policy = {}, {}, {}
    for g, (mdp, reward) in enumerate(zip(models, rewards, strict=True)):
        model, r, axes = plain(mdp, f), nested(reward, f), AXES[reward.ndim - 1]
        for t, s in np.ndindex(mdp.horizon + 1, mdp.n_states):
            v[t, g, s] = soft_value(model, f, r, axes, alpha, t, s)
            for a in range(mdp.n_actions) if t < mdp.horizon else ():
                q[t, g, s, a] = None
                if a in model.moves[s]:
                    q[t, g, s, a] = soft_action_value(model, f, r, axes, alpha, t, s, a)
                    policy[t, g, s, a] = f.exp((q[t, g, s, a] - v[t, g, s]) / alpha)
    horizon, n, n_actions = models[0].horizon, models[0].n_states, models[0].n_actions
    shape = (horizon, 2, n, n_actions)
    return array(q, shape), array(v, (horizon + 1, 2, n)), array(policy, shape)


@each_kind
def test_soft_control_decomposes_by_goal(kind):
    for number, (mdp, temperature, axes, rng) in enumerate(some(kind)):
        if mdp.n_states < 2:
            continue
        ends = number % 2 == 1
        goals, law = [0, mdp.n_states - 1], random_distribution(rng, 2)
        rewards = [random_reward(rng, shape_of(mdp, axes)) for _ in goals]
        product = goal_conditioned(mdp, goals, law, ends=ends)
        reward = of_goals(np.stack(rewards), axes=axes)
        with precision(BITS):
            models = [alone(mdp, goal, ends) for goal in goals]
            truth = soft_tables_by_enumeration(BALLS, models, rewards, temperature)
        assert_agrees(soft_tables, truth, product, reward, temperature)


@each_kind
def test_occupancies_and_entropy_are_mixtures_over_goals(kind):
    for number, (mdp, _, axes, rng) in enumerate(some(kind)):
        ends = number % 2 == 1
        goals, law = drawn_goals(mdp, rng)
        product = goal_conditioned(mdp, goals, law, ends=ends)
        models = [alone(mdp, goal, ends) for goal in goals]
        policies = [random_policy(rng, model, steps=True) for model in models]
        policy = of_goals(np.stack(policies, axis=1))
        found = by_goal(occupancy(product, policy, axes=axes), len(goals), axes=axes)
        for g, model in enumerate(models):
            walked = paths(plain(model, EXACT))
            weights = law_of_policy(walked, nested(policies[g], EXACT))
            counts = array(expected_counts(plain(model, EXACT), weights, walked, axes), shape_of(mdp, axes))
            assert (found[g] == law[g] * counts).all()
        apart = [causal_entropy(model, pi) for model, pi in zip(models, policies, strict=True)]
        assert causal_entropy(product, policy) == sum((n * h for n, h in zip(law, apart, strict=True)), fmpq(0))


@each_kind
def test_one_partition_for_all_goals_tilts_their_law(kind):
    """P(g) = nu(g) Z_g / sum_h nu(h) Z_h under the trajectory MaxEnt law (GC-01, M-13)."""
    for mdp, reward, temperature, rng in islice(in_reach(kind), 0, None, 4):
        if mdp.n_states < 2 or mdp.horizon > 2:
            continue
        goals, law = [0, mdp.n_states - 1], random_distribution(rng, 2)
        rewards = np.stack([reward, 2 * reward])
        product = goal_conditioned(mdp, goals, law)
        joint = of_goals(rewards, axes=AXES[reward.ndim - 1])
        listed = trajectories(product)
        found = boltzmann.law(listed, joint, temperature=temperature)
        of_goal = [found[listed.states[:, 0] // mdp.n_states == g].sum() for g in range(2)]
        z = [scalars.exp(boltzmann.log_partition(mdp, r, temperature=temperature)) for r in rewards]
        assert of_goal == [n * x / (law * z).sum() for n, x in zip(law, z, strict=True)]


def test_the_causal_gradient_is_the_mixture_of_those_of_the_goals():
    """At any reward and for experts of other policies; in balls, which enclose both."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        mdp = random_model(rng, 2, 2, 2, discount=Fraction(1, 2), unavailable=seed % 2 == 0)
        law = random_distribution(rng, 2, full_support=True)
        rewards = np.stack([random_reward(rng, (2, 2)) for _ in law])
        experts = np.stack([occupancy(mdp, random_policy(rng, mdp)) for _ in law])
        product = goal_conditioned(mdp, [0, 1], law)
        with precision(BITS):
            given = balls(product, of_goals(rewards), of_goals(law[:, None, None] * experts))
            joint = by_goal(causal.gradient(*given), 2)
            for g, nu in enumerate(scalars.convert(law, "ball")):
                apart = nu * causal.gradient(*balls(mdp, rewards[g], experts[g]))
                assert overlap(joint[g], apart)


def balls(mdp, *arrays):
    return mdp.to("ball"), *(scalars.convert(x, "ball") for x in arrays)


def test_floats_and_tables():
    rng = np.random.default_rng(3)
    for _ in range(200):
        mdp = random_model(rng, int(rng.integers(1, 5)), 2, 2, unavailable=True).to("float")
        n_goals = int(rng.integers(1, mdp.n_states + 1))
        goals = rng.permutation(mdp.n_states)[:n_goals]
        weights = rng.integers(1, 9, size=n_goals)
        product = goal_conditioned(mdp, goals, weights / weights.sum())
        expected = np.outer(weights / weights.sum(), mdp.initial)
        off = abs(by_goal(product.initial, n_goals, axes="s") - expected)
        assert (off <= (2 * expected.size + 2) * UNIT_ROUNDOFF * expected).all()  # exactly it, or divided by its sum
        assert (by_goal(product.transition, n_goals, axes="sas") == mdp.transition).all()
        for axes in AXES:
            table = rng.normal(size=(3, n_goals, *shape_of(mdp, axes)))
            assert (by_goal(of_goals(table, axes=axes), n_goals, axes=axes) == table).all()
            assert of_goals(table, axes=axes).shape[1:] == shape_of(product, axes)
            if axes != "sas":
                assert np.shares_memory(by_goal(of_goals(table, axes=axes), n_goals, axes=axes), table)


def test_a_law_whose_rounding_adds_up_is_divided_and_said():
    u = UNIT_ROUNDOFF
    mdp = MDP(np.eye(2)[:, None], [0.5, 0.5 + 4 * u], horizon=1)
    product = goal_conditioned(mdp, [0], [1 + 2 * u])
    assert "initial: 1 row was divided by its sum" in product.changes[-1]
    assert abs(product.initial.sum() - 1) <= 4 * u


def test_stacks_and_sparse_models():
    rng = np.random.default_rng(2)
    models = [random_model(rng, 3, 2, 2, final_value=True) for _ in range(3)]
    fields = ("transition", "initial", "final_value")
    stack = MDP(**{name: np.stack([getattr(mdp, name) for mdp in models]) for name in fields}, horizon=2)
    law = [Fraction(1, 4), Fraction(3, 4)]
    for ends in (False, True):
        product = goal_conditioned(stack, [2, 0], law, ends=ends)
        for i, mdp in enumerate(models):
            assert product.at(i).equals(goal_conditioned(mdp, [2, 0], law, ends=ends))
            floats = mdp.to("float")
            sparse = MDP(
                scipy.sparse.csr_array(floats.transition.reshape(6, 3)),
                floats.initial,
                final_value=floats.final_value,
                horizon=2,
            )
            wide = goal_conditioned(sparse, [2, 0], [0.25, 0.75], ends=ends)
            dense = goal_conditioned(floats, [2, 0], [0.25, 0.75], ends=ends)
            assert (wide.transition.toarray() == dense.transition.reshape(12, 6)).all()
            assert (wide.initial == dense.initial).all()
            assert (wide.terminal == dense.terminal).all()


def test_a_free_goal_law():
    nu = sympy.Symbol("nu", positive=True)
    product = goal_conditioned(gallery.noisy_walk()[0].to("symbolic"), [0, 1], [nu, 1 - nu])
    assert product.level == "symbolic"
    assert [sympy.expand(4 * x) for x in product.initial] == [3 * nu, nu, 3 - 3 * nu, 1 - nu]


def test_an_episode_that_starts_in_its_goal_is_over():
    mdp, _ = gallery.fork()
    product = goal_conditioned(mdp, [0, 1], [Fraction(1, 2), Fraction(1, 2)], ends=True)
    assert product.terminal.tolist() == [True, False, False, False, True, False]
    assert [len(x) for x in (trajectories(product).actions,)] == [1 + 3]


MDP_, FLOATS = gallery.fork()[0], gallery.fork()[0].to("float")


@pytest.mark.parametrize(
    "call, fragments",
    [
        (lambda: goal_conditioned(MDP_, [3], [1]), ("goal 3 is not a state", "0 ... 2")),
        (lambda: goal_conditioned(MDP_, [-1], [1]), ("goal -1",)),
        (lambda: goal_conditioned(MDP_, [1, 1], [1, 0]), ("twice",)),
        (lambda: goal_conditioned(MDP_, [], []), ("one or more states",)),
        (lambda: goal_conditioned(MDP_, [0.0], [1]), ("one or more states",)),
        (lambda: goal_conditioned(MDP_, 1, [1]), ("one or more states",)),  # pyright: ignore
        (lambda: goal_conditioned(MDP_, [True, False], [1, 0]), ("one or more states",)),
        (lambda: goal_conditioned(MDP_, [0, 1], [1]), ("goal_law has shape (1,); expected (2,)",)),
        (lambda: goal_conditioned(MDP_, [0, 1], [Fraction(1, 2), 1]), ("goal_law sums to 3/2",)),
        (lambda: goal_conditioned(MDP_, [0, 1], [2, -1]), ("goal_law[1] is -1, which is negative",)),
        (lambda: goal_conditioned(MDP_, [0, 1], [0.5, 0.5]), ("goal_law in exact numbers",)),
        (lambda: goal_conditioned(FLOATS, [0, 1], [0.5, np.nan]), ("goal_law[1] is nan",)),
        (lambda: by_goal(np.zeros((5, 2)), 2), ("multiple of 2",)),
        (lambda: by_goal(np.zeros(4), 2), ("multiple of 2",)),
        (lambda: by_goal(np.zeros((4, 2, 2)), 2, axes="sas"), ("'sas'",)),
        (lambda: by_goal(np.zeros((4, 2)), 2, axes="as"), ("axes is 'as'",)),
        (lambda: of_goals(np.zeros((2, 2))), ("[..., g, s, a]",)),
        (lambda: of_goals(np.zeros((2, 3, 1, 2)), axes="sas"), ("[..., g, s, a, s]",)),
    ],
)
def test_refusals(call, fragments):
    assert_refuses(call, InvalidArgument, *fragments)


def test_a_start_that_floats_lose():
    mdp = MDP(np.eye(2)[:, None], [1.0, 1e-300], horizon=1)
    assert_refuses(lambda: goal_conditioned(mdp, [0, 1], [1.0, 1e-300]), OutOfReach, "too small for a float")
