"""Stacks: each model of a stack has the answers that it has alone, however the stack is stored and cut up."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from equivalence.objectives import causal, maxent
from mdps import (
    MDP,
    InvalidArgument,
    boltzmann,
    gallery,
    marginals,
    occupancy,
    policy_value,
    scalars,
    soft_solution,
    stacks,
    state_marginals,
)
from mdps.random_models import random_model, random_policy, random_reward
from mdps.scalars.duals import gradient
from within_rounding import assert_within_rounding, rounding_of

SHAPES = {"s": (3,), "sa": (3, 2), "sas": (3, 2, 3)}

# Models of one stack differ in their masks and in everything else but S, A, T and the discount.
KINDS = [
    dict.fromkeys(names.split(), True)
    for names in (
        "",
        "terminal unavailable final_value",
        "unavailable single_start",
        "terminal terminal_start final_value",
        "deterministic",
        "deterministic terminal unavailable",
        "full_support final_value",
    )
]

small_batches = st.lists(st.integers(1, 7), min_size=1, max_size=4).map(tuple)


def stacked(models) -> MDP:
    """The models as one, with one batch axis."""
    first = models[0]
    parts = (np.stack([getattr(mdp, name) for mdp in models]) for name in ("transition", "initial", "final_value"))
    transition, initial, final_value = parts
    return MDP(transition, initial, horizon=first.horizon, discount=first.discount, final_value=final_value)


def some_models(seed, kinds=KINDS, horizon=3, discount=1) -> list[MDP]:
    rng = np.random.default_rng(seed)
    return [random_model(rng, 3, 2, horizon, discount=discount, **kind) for kind in kinds]


def some_policy(rng, mdp) -> np.ndarray:
    """A float policy of every step."""
    policy = scalars.convert(random_policy(rng, mdp, steps=True), "float")
    return policy / np.where(mdp.available, policy.sum(axis=-1, keepdims=True), 1)


@given(small_batches, st.integers(1, 50))
def test_chunks_cover_each_model_once(batch_shape, size):
    seen = np.zeros(batch_shape, dtype=int)
    for index in stacks.chunks(batch_shape, size):
        seen[index] += 1
        assert seen[index].size <= size
        assert seen[index].flags.c_contiguous
    assert (seen == 1).all()


@pytest.mark.parametrize("n", [1, 511, 512, 513, 100_000])
def test_chunks_of_one_axis_are_as_large_as_allowed(n):
    assert len(list(stacks.chunks((n,), 512))) == -(-n // 512)


@given(small_batches, st.integers(0, 3))
def test_batch_fastest_is_the_same_array_stored_otherwise(batch_shape, n_core):
    x = np.random.default_rng(0).normal(size=batch_shape + (2, 3, 4)[:n_core])
    n_axes = len(batch_shape)
    stored = stacks.batch_fastest(x, n_axes)
    assert (stored == x).all()
    assert stored.transpose(*range(n_axes, x.ndim), *range(n_axes)).flags.c_contiguous
    assert stacks.batch_fastest(stored, n_axes) is stored
    part = stored[(slice(1, None),) * n_axes]
    assert stacks.batch_fastest(part, n_axes) is part


def test_nothing_is_copied_to_repeat_a_model():
    """A stride of 0 is the fastest axis that there is."""
    x = np.broadcast_to(np.arange(6.0).reshape(2, 3), (10**9, 2, 3))
    assert stacks.batch_fastest(x, 1) is x


def test_a_stack_is_stored_batch_fastest_and_read_only():
    models = some_models(0)
    stack = stacked([mdp.to("float") for mdp in models])
    assert stack.batch_shape == (len(models),)
    for name in ("transition", "initial", "final_value"):
        array = getattr(stack, name)
        assert (array == np.stack([getattr(mdp.to("float"), name) for mdp in models])).all()
        assert array.strides[0] == array.itemsize
        assert not array.flags.writeable
    for table in soft_solution(stack, np.ones((len(models), 3, 2))):
        assert table.strides[0] == table.itemsize


@pytest.mark.parametrize("level", ["float", "ball", "exact"])
def test_broadcast_to(level):
    mdp, _ = gallery.lottery()
    mdp = mdp.to(level)
    stack = mdp.broadcast_to((2, 5))
    assert stack.batch_shape == (2, 5)
    assert (stack.level, stack.horizon, stack.discount) == (mdp.level, mdp.horizon, mdp.discount)
    for name in ("transition", "initial", "final_value", "available", "terminal"):
        one, many = getattr(mdp, name), getattr(stack, name)
        assert many.shape == (2, 5, *one.shape)
        assert (many == one).all()
        assert np.shares_memory(one, many)
        assert not many.flags.writeable
    assert stack.at((1, 3)).equals(mdp)
    assert mdp.broadcast_to(7).batch_shape == (7,)
    assert mdp.broadcast_to(()).equals(mdp)


def test_broadcasting_a_stack_adds_axes_in_front():
    models = [mdp.to("float") for mdp in some_models(1)[:2]]
    stack = stacked(models).broadcast_to((3, 2))
    for i, j in np.ndindex(3, 2):
        assert stack.at((i, j)).equals(models[j])
    solution = soft_solution(stack, np.ones((3, 2, 3, 2)))
    assert (solution.policy == solution.policy[0]).all()


def test_at_takes_models_out_of_a_stack():
    models = [mdp.to("float") for mdp in some_models(2)]
    stack = stacked(models)
    assert all(stack.at(i).equals(mdp) for i, mdp in enumerate(models))
    assert stack.at(-1).equals(models[-1])
    assert stack.at(slice(1, 3)).batch_shape == (2,)
    chosen = stack.at(np.arange(len(models)) % 2 == 1)
    assert chosen.at(0).equals(models[1])
    assert not chosen.initial.flags.writeable
    assert not chosen.transition.flags.writeable


@pytest.mark.parametrize(
    "take",
    [
        lambda stack: stack.broadcast_to((6,)),
        lambda stack: stack.broadcast_to(()),
        lambda stack: stack.broadcast_to((7, -1)),
        lambda stack: stack.broadcast_to("ab"),
        lambda stack: stack.at(7),
        lambda stack: stack.at((0, 0)),
        lambda stack: stack.at(...),
        lambda stack: stack.at(None),
    ],
)
def test_a_choice_that_does_not_fit_the_batch_axes_is_refused(take):
    with pytest.raises(InvalidArgument):
        take(stacked([mdp.to("float") for mdp in some_models(3)]))


def test_a_stack_of_rewards_needs_a_stacked_model():
    mdp, _ = gallery.lottery()
    rewards = np.ones((10, 3, 2))
    with pytest.raises(InvalidArgument, match="shape"):
        soft_solution(mdp.to("float"), rewards[..., None])
    assert soft_solution(mdp.to("float").broadcast_to(10), rewards).q.shape == (10, 2, 3, 2)


def soft(mdp, reward, alpha):
    return tuple(soft_solution(mdp, reward, temperature=alpha))


def with_axes(function, axes):
    return lambda mdp, *arrays: function(mdp, *arrays, axes=axes)


def with_temperature(function):
    return lambda mdp, *arrays: function(mdp, *arrays[:-1], temperature=arrays[-1])


def questions(axes):
    """Everything that is asked of a model with a reward over `axes`, and what else each question takes."""
    reward, policy, expert, alpha = "reward", "policy", "expert", "alpha"
    yield soft, (reward, alpha)
    yield policy_value, (reward, policy)
    yield state_marginals, (policy,)
    yield marginals, (policy,)
    yield with_axes(occupancy, axes), (policy,)
    yield with_temperature(boltzmann.log_partition), (reward, alpha)
    yield with_temperature(boltzmann.log_messages), (reward, alpha)
    yield with_axes(boltzmann.occupancy, axes), (reward,)
    yield with_temperature(maxent.log_likelihood), (reward, expert, alpha)
    yield with_temperature(maxent.gradient), (reward, expert, alpha)
    yield with_temperature(causal.dual), (reward, expert, alpha)
    yield with_temperature(causal.gradient), (reward, expert, alpha)


@pytest.mark.parametrize("axes", SHAPES)
@pytest.mark.parametrize("discount", [1, 0.5])
@pytest.mark.parametrize("alpha", [1.0, 0.25])
@pytest.mark.parametrize("size", [1024, 3])
def test_answers_of_a_stack_are_those_of_its_models(axes, discount, alpha, size, monkeypatch):
    monkeypatch.setattr(stacks, "CHUNK", size)
    exact = [mdp.to("exact") for mdp in some_models(4)]
    rng = np.random.default_rng(5)
    policies = [some_policy(rng, mdp) for mdp in exact]
    models = [replace(mdp.to("float"), discount=discount) for mdp in exact]
    given = {
        "reward": [scalars.convert(random_reward(rng, SHAPES[axes]), "float") for _ in models],
        "policy": policies,
        "expert": [occupancy(mdp, policy, axes=axes) for mdp, policy in zip(models, policies, strict=True)],
    }
    stack = stacked(models)
    for function, names in questions(axes):
        takes_alpha = names[-1] == "alpha"
        last = (np.array(alpha),) if takes_alpha else ()
        arrays = [given[name] for name in names if name != "alpha"]
        answers = function(stack, *map(np.stack, arrays), *last)
        answers = answers if isinstance(answers, tuple) else (answers,)
        for i, mdp in enumerate(models):
            own = *(array[i] for array in arrays), *last
            alone = function(mdp, *own)
            assert_within_rounding(tuple(x[i] for x in answers), as_tuple(alone), rounding_of(function, mdp, *own))


def as_tuple(answer):
    return answer if isinstance(answer, tuple) else (answer,)


@pytest.mark.parametrize("level", ["ball", "exact", "symbolic"])
@pytest.mark.parametrize("size", [1024, 2])
def test_stacks_of_objects(level, size, monkeypatch):
    """The same scalars meet the same scalars: exact numbers are equal, and so are balls, radius and all."""
    monkeypatch.setattr(stacks, "CHUNK", size)
    kinds = [kind | {"deterministic": True} for kind in KINDS[:3]]
    exact = some_models(6, kinds, horizon=2)
    stack, models = stacked(exact).to(level), [mdp.to(level) for mdp in exact]
    rng = np.random.default_rng(7)
    policies = [scalars.convert(random_policy(rng, mdp, steps=True), level) for mdp in models]
    for axes, shape in SHAPES.items():
        given = {
            "reward": [scalars.convert(random_reward(rng, shape), level) for _ in models],
            "policy": policies,
            "expert": [occupancy(mdp, policy, axes=axes) for mdp, policy in zip(models, policies, strict=True)],
        }
        for function, names in questions(axes):
            last = (1,) if names[-1] == "alpha" else ()
            arrays = [given[name] for name in names if name != "alpha"]
            answers = as_tuple(function(stack, *map(np.stack, arrays), *last))
            for i, mdp in enumerate(models):
                alone = as_tuple(function(mdp, *(array[i] for array in arrays), *last))
                for x, y in zip(answers, alone, strict=True):
                    assert np.shape(x[i]) == np.shape(y)
                    for index in np.ndindex(np.shape(y)):
                        assert same(x[i][index] if index else x[i], np.asarray(y)[index], level)


def same(x, y, level) -> bool:
    if level == "ball":
        return x.mid() == y.mid() and x.rad() == y.rad() if x.is_finite() else str(x) == str(y)
    # The log 0 of a symbolic table without a symbol is that of exact numbers.
    return x == y or (level == "symbolic" and scalars.exp(x) == scalars.exp(y) == 0)


def test_several_batch_axes():
    """A stack of shape [2, 3] is the stack [6] in rows."""
    models = [mdp.to("float") for mdp in some_models(8, KINDS[:6])]
    flat = stacked(models)
    table = MDP(
        flat.transition.reshape(2, 3, 3, 2, 3),
        flat.initial.reshape(2, 3, 3),
        horizon=3,
        final_value=flat.final_value.reshape(2, 3, 3),
    )
    reward = np.random.default_rng(9).normal(size=(6, 3, 2))
    for x, y in zip(soft_solution(table, reward.reshape(2, 3, 3, 2)), soft_solution(flat, reward), strict=True):
        assert (x.reshape(y.shape) == y).all()
    for i, j in itertools.product(range(2), range(3)):
        assert table.at((i, j)).equals(models[3 * i + j])


def test_chunks_of_several_batch_axes(monkeypatch):
    models = [mdp.to("float") for mdp in some_models(10, KINDS[:4])]
    stack = stacked(models).broadcast_to((3, 5, 4))
    reward = np.random.default_rng(11).normal(size=(3, 5, 4, 3, 2))
    whole = soft_solution(stack, reward)
    allowed = {i: rounding_of(soft_tuple, stack.at(i), reward[i]) for i in np.ndindex(3, 5, 4)}
    for size in (1, 2, 4, 9, 25):
        monkeypatch.setattr(stacks, "CHUNK", size)
        solution = soft_solution(stack, reward)
        for i in np.ndindex(3, 5, 4):
            assert_within_rounding(tuple(x[i] for x in solution), tuple(x[i] for x in whole), allowed[i])


def test_duals_over_floats_in_a_stack():
    """d sum of values / d rewards of a stack is, model by model, what it is of one model."""
    models = [mdp.to("float") for mdp in some_models(12)]
    rng = np.random.default_rng(13)
    policies = [some_policy(rng, mdp) for mdp in models]
    stack = stacked(models)

    def earned(reward):
        return (stack.initial * policy_value(stack, reward, np.stack(policies))[:, 0]).sum()

    slopes = gradient(earned, np.ones((len(models), 3, 2)))
    for i, (mdp, policy) in enumerate(zip(models, policies, strict=True)):
        alone = gradient(lambda r, m=mdp, p=policy: (m.initial * policy_value(m, r, p)[0]).sum(), np.ones((3, 2)))
        allowed = rounding_of(occupancy, mdp, policy)
        assert_within_rounding(np.asarray(slopes[i], dtype=float), occupancy(mdp, policy), allowed)
        assert_within_rounding(np.asarray(alone, dtype=float), occupancy(mdp, policy), allowed)


def test_duals_from_the_second_step_on():
    """Where only the policy moves, the first marginals are floats and the others duals; the table takes both."""
    mdp = some_models(15)[0].to("float")
    policy = np.random.default_rng(16).dirichlet(np.ones(2), size=3)

    def last(policy, mdp):
        with_policy = state_marginals(mdp, policy)
        return with_policy[..., -1, 0].sum()

    alone = gradient(lambda x: last(x, mdp), policy)
    many = gradient(lambda x: last(x, mdp.broadcast_to(2)), np.stack([policy, policy]))
    assert (many == alone).all()
    assert np.any(alone != 0)


def test_a_large_stack_is_solved_in_pieces_of_bounded_size(monkeypatch):
    sizes = []
    once = stacks.batch_fastest
    monkeypatch.setattr(stacks, "batch_fastest", lambda x, n: sizes.append(len(x)) or once(x, n))
    mdp, _ = gallery.lottery()
    rewards = np.random.default_rng(14).normal(size=(3000, 3))
    solution = soft_solution(mdp.to("float").broadcast_to(3000), rewards)
    assert sizes == [1024, 1024, 952]
    alone = [soft_solution(mdp.to("float"), reward) for reward in rewards[[0, 1023, 1024, 2999]]]
    for i, one in zip((0, 1023, 1024, 2999), alone, strict=True):
        allowed = rounding_of(soft_tuple, mdp.to("float"), rewards[i])
        assert_within_rounding(tuple(x[i] for x in solution), tuple(one), allowed)


def soft_tuple(mdp, reward):
    return tuple(soft_solution(mdp, reward))
