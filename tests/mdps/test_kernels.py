"""The kernels: every storage is the same linear operator, entry by entry, and the same solutions follow."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, strategies as st

from equivalence.objectives import causal
from mdps import (
    MDP,
    InvalidArgument,
    OutOfReach,
    kernels,
    marginals,
    occupancy,
    policy_value,
    scalars,
    soft_solution,
    state_marginals,
)
from mdps.kernels import Dense, Listed, Sparse
from mdps.random_models import random_model, random_policy, random_reward
from within_rounding import assert_within_rounding, rounding_of

KINDS = [
    dict.fromkeys(names.split(), True)
    for names in (
        "",
        "terminal terminal_start",
        "unavailable",
        "terminal unavailable final_value single_start",
        "terminal unavailable final_value deterministic",
        "full_support final_value",
    )
]
DISCOUNTS = (1, Fraction(3, 4))


def transition_of(seed, **kind) -> np.ndarray:
    return random_model(np.random.default_rng(seed), 4, 3, 1, **kind).to("float").transition


def as_rows(transition) -> scipy.sparse.csr_array:
    """The matrix of shape (S A, S) with rows s A + a."""
    return scipy.sparse.csr_array(transition.reshape(-1, transition.shape[-1]))


def storages(transition):
    """Every storage of the same float numbers; balls of floats are exact."""
    yield Dense(transition)
    yield Sparse(as_rows(transition))
    yield Listed(scalars.convert(transition, "ball"), transition != 0)
    yield Listed(scalars.convert(transition, "exact"), transition != 0)
    stacked = Dense(np.stack([transition, transition[::-1, ::-1, ::-1]]))
    yield stacked.rearranged(lambda x: x[0])


def floats(x) -> np.ndarray:
    return scalars.convert(x, "float")


@pytest.mark.parametrize("kind", KINDS)
def test_operators_have_the_entries_of_the_array(kind):
    """A unit vector meets one entry in each sum, so nothing is rounded."""
    transition = transition_of(0, **kind)
    n_states, n_actions, _ = transition.shape
    for kernel in storages(transition):
        exact = isinstance(kernel, Listed)
        for s in range(n_states):
            v = np.eye(n_states)[s]
            v = scalars.convert(v, scalars.level_of(kernel.transition)) if exact else v
            assert (floats(kernel.expectation(v)) == transition[:, :, s]).all()
            for a in range(n_actions):
                x = np.zeros((n_states, n_actions))
                x[s, a] = 1
                x = scalars.convert(x, scalars.level_of(kernel.transition)) if exact else x
                assert (floats(kernel.pushforward(x)) == transition[s, a]).all()
        assert (kernel.available == transition.any(axis=-1)).all()


@given(st.integers(0, 10**6), st.sampled_from(KINDS))
def test_pushforward_is_the_adjoint_of_expectation(seed, kind):
    """<P v, x> = <v, P* x>, in numbers small enough that floats do not round."""
    rng = np.random.default_rng(seed)
    transition = np.round(16 * transition_of(seed, **kind)) / 16
    v, x = rng.integers(-9, 9, size=4).astype(float), rng.integers(-9, 9, size=(4, 3)).astype(float)
    for kernel in (Dense(transition), Sparse(as_rows(transition))):
        assert (kernel.expectation(v) * x).sum() == (v * kernel.pushforward(x)).sum()
        assert (kernel.expectation(v) == (transition * v).sum(axis=-1)).all()


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_memory_order_of_arguments_does_not_matter(order):
    transition = transition_of(1, full_support=True)
    x = np.asarray(np.arange(12.0).reshape(4, 3), order=order)
    for kernel in (Dense(np.asarray(transition, order=order)), Sparse(as_rows(transition))):
        sums = Dense(transition).pushforward(np.ascontiguousarray(x))
        assert np.abs(kernel.pushforward(x) - sums).max() <= 2 * 13 * 2.0**-53 * sums.max()


def test_sparse_storage_is_action_major_with_small_indices():
    transition = transition_of(2)
    rows = as_rows(transition)
    rows.indices, rows.indptr = rows.indices.astype(np.int64), rows.indptr.astype(np.int64)
    kernel = Sparse(rows)
    assert kernel.matrix.indices.dtype == kernel.matrix.indptr.dtype == np.int32
    assert (kernel.matrix.toarray() == transition.transpose(1, 0, 2).reshape(12, 4)).all()
    assert kernel.expectation(np.ones(4)).flags.f_contiguous
    assert kernel.aligned(np.ones((4, 3))).flags.f_contiguous
    assert np.shares_memory(kernel._transpose.data, kernel.matrix.data)


def test_listing_entries_by_blocks_changes_no_sum(monkeypatch):
    """Each sum runs over the same terms in the same order: bit for bit."""
    rng = np.random.default_rng(3)
    rows = scipy.sparse.csr_array(np.where(rng.random((40, 20)) < 0.4, rng.random((40, 20)), 0))
    v, x = rng.normal(size=20), np.asfortranarray(rng.random((20, 2)))
    whole = Sparse(rows)
    for size in (1, 3, 7, 19):
        monkeypatch.setattr(kernels, "CACHED_STATES", size)
        blocks = Sparse(rows)
        assert blocks.matrix.format == "coo"
        assert blocks.matrix.coords[0].dtype == np.int32
        assert (np.diff(blocks.matrix.coords[1] // size) >= 0).all()
        assert (blocks.expectation(v) == whole.expectation(v)).all()
        assert (blocks.pushforward(x) == whole.pushforward(x)).all()
        assert (blocks.available == whole.available).all()


def test_zeros_and_duplicates_that_are_stored():
    """What is stored counts by its value: an explicit 0 is none, and duplicates are summed."""
    data, columns = [0.5, 0.25, 0.25, 0.0, 1.0], [0, 1, 1, 0, 1]
    rows = scipy.sparse.csr_array((data, columns, [0, 3, 4, 5, 5]), shape=(4, 2))
    mdp = MDP(rows, [1.0, 0.0], horizon=1)
    assert mdp.available.tolist() == [[True, False], [True, False]]
    assert mdp.expectation(np.array([1.0, 2.0])).tolist() == [[1.5, 0.0], [2.0, 0.0]]


def assert_same(function, dense, other, *arrays):
    allowed = rounding_of(function, dense, *arrays)
    assert_within_rounding(function(other, *arrays), function(dense, *arrays), allowed)


def soft(temperature):
    return lambda mdp, reward: tuple(soft_solution(mdp, reward, temperature=temperature))


def with_temperature(objective, temperature):
    return lambda mdp, *arrays: objective(mdp, *arrays, temperature=temperature)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("discount", DISCOUNTS)
@pytest.mark.parametrize("blocks", [False, True])
def test_sparse_models_have_the_solutions_of_dense_ones(kind, discount, blocks, monkeypatch):
    if blocks:
        monkeypatch.setattr(kernels, "CACHED_STATES", 2)
    rng = np.random.default_rng(4)
    exact = random_model(rng, 4, 3, 3, discount=discount, **kind)
    policy = floats(random_policy(rng, exact, steps=True))
    policy /= np.where(exact.available, policy.sum(axis=-1, keepdims=True), 1)
    dense = exact.to("float")
    sparse = MDP(
        as_rows(dense.transition),
        dense.initial,
        horizon=3,
        discount=dense.discount,
        final_value=dense.final_value,
    )
    assert isinstance(sparse.kernel, Sparse)
    assert (sparse.terminal == dense.terminal).all()
    for axes in ("s", "sa"):
        reward = floats(random_reward(rng, (4, 3)[: len(axes)]))
        for temperature in (1, 0.5):
            assert_same(soft(temperature), dense, sparse, reward)
            expert = occupancy(dense, policy, axes=axes)
            for objective in (causal.dual, causal.gradient):
                function = with_temperature(objective, temperature)
                assert_same(function, dense, sparse, reward, expert)
        assert_same(policy_value, dense, sparse, reward, policy)
        assert_same(lambda m, x, axes=axes: occupancy(m, x, axes=axes), dense, sparse, policy)
    for function in (state_marginals, marginals):
        assert_same(function, dense, sparse, policy)


@pytest.mark.parametrize("storage", [np.asarray, as_rows])
def test_terminal_states_have_their_final_value_exactly(storage):
    """Whatever the temperature; x / alpha * alpha is not always x."""
    final_value = np.array([0.1, 0.2, 0.3, 0.7])
    transition = transition_of(9, terminal=True, unavailable=True)
    mdp = MDP(storage(transition), np.eye(4)[0], horizon=3, final_value=final_value)
    for temperature in np.linspace(0.1, 3, 30):
        v = soft_solution(mdp, np.ones(4), temperature=temperature).v
        assert (v[:, mdp.terminal] == final_value[mdp.terminal]).all()
    assert mdp.terminal.any()


def test_sparse_results_keep_the_order_of_the_products():
    """States along memory: no step copies to change the order."""
    solution = soft_solution(MDP(as_rows(transition_of(5)), np.eye(4)[0], horizon=3), np.ones((4, 3)))
    for table in (solution.q, solution.policy):
        assert table.transpose(0, 2, 1).flags.c_contiguous


def test_memory_that_is_kept_between_calls_does_not_leak_into_answers():
    """Not from one call to the next, not between threads, not between two loans, and not into a copy."""
    rng = np.random.default_rng(8)
    transition = transition_of(8, unavailable=True)
    sparse = MDP(as_rows(transition), np.eye(4)[0], horizon=3)
    rewards = rng.normal(size=(40, 4, 3))
    expert = occupancy(sparse, soft_solution(sparse, rewards[0]).policy)
    alone = [causal.gradient(MDP(as_rows(transition), np.eye(4)[0], horizon=3), r, expert) for r in rewards]
    in_turn = [causal.gradient(sparse, r, expert) for r in rewards]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda r: causal.gradient(sparse, r, expert), rewards))
    assert (np.stack(in_turn) == alone).all()
    assert (np.stack(at_once) == alone).all()
    with sparse.kernel.steps(3, float) as one, sparse.kernel.steps(3, float) as other:
        assert not np.shares_memory(one, other)
    with sparse.kernel.steps(5, float) as longer:
        assert longer.shape == (5, 4, 3)
    with sparse.kernel.steps(5, float) as again:
        assert np.shares_memory(again, longer)
    twin = pickle.loads(pickle.dumps(sparse.kernel))
    assert sparse.kernel._spare
    assert not twin._spare
    assert (twin.expectation(np.ones(4)) == sparse.expectation(np.ones(4))).all()


def test_what_sparse_models_cannot():
    sparse = MDP(as_rows(transition_of(6)), np.eye(4)[0], horizon=1)
    with pytest.raises(OutOfReach, match="one after the other"):
        sparse.broadcast_to((2,))
    with pytest.raises(OutOfReach, match="dense array"):
        soft_solution(sparse, np.ones((4, 3, 4)))
    with pytest.raises(OutOfReach, match="dense array"):
        occupancy(sparse, soft_solution(sparse, np.ones(4)).policy, axes="sas")
    with pytest.raises(InvalidArgument, match="dense one"):
        sparse.to("exact")


def test_equal_sparse_models():
    sparse = MDP(as_rows(transition_of(6)), np.eye(4)[0], horizon=1)
    assert sparse.equals(MDP(as_rows(transition_of(6)), np.eye(4)[0], horizon=1))
    assert not sparse.equals(MDP(as_rows(transition_of(5)), np.eye(4)[0], horizon=1))
    assert not sparse.equals(MDP(as_rows(transition_of(6)), np.eye(4)[1], horizon=1))
    assert not sparse.equals(MDP(as_rows(transition_of(6)), np.eye(4)[0], horizon=1, final_value=1.0))
    assert not sparse.equals(MDP(transition_of(6), np.eye(4)[0], horizon=1))


def test_kernels_of_other_numbers_keep_the_support():
    """What was 0 in the model as given stays out of every sum, whatever it becomes."""
    transition = transition_of(7, unavailable=True)
    for kernel in (Dense(transition), Dense(transition).map(lambda x: scalars.convert(x, "ball"))):
        ones = kernel.map(np.ones_like)
        assert (ones.support == (transition != 0)).all()
        assert (ones.available == transition.any(axis=-1)).all()
