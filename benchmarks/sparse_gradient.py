"""The causal gradient of a large sparse model, against scipy.sparse and scipy.special.logsumexp.

States and actions have random successors: A = 4 actions, 5 successors each, T = 20 steps. Both sides are given the
reward and the expert as arrays [s, a] in C order; ours checks them. Ours takes an `MDP`, whose construction is shown
beside; theirs takes the matrix of shape (S A, S) as it is.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import scipy.sparse
from scipy.special import logsumexp

from benchmarks.agreement import U, assert_close, bounds, node_wise_bound
from benchmarks.timing import Comparison, seconds
from equivalence.objectives import causal
from mdps import MDP

N_ACTIONS, BRANCHING, HORIZON = 4, 5, 20
GOALS = {10**3: 3.0, 10**4: 3.0, 10**5: 2.5, 10**6: 2.0}
RUNS = {10**3: 101, 10**4: 31, 10**5: 11, 10**6: 5}


def plain_gradient(P, initial, reward, expert, horizon):
    """The same gradient as one writes it with scipy; P has rows s A + a."""
    v = np.zeros(len(reward))
    policies = []
    for _ in range(horizon):
        q = reward + (P @ v).reshape(reward.shape)
        v = logsumexp(q, axis=1)
        policies.append(np.exp(q - v[:, None]))
    mu = initial
    occupancy = np.zeros_like(reward)
    for policy in reversed(policies):
        visits = mu[:, None] * policy
        occupancy += visits
        mu = P.T @ visits.ravel()
    return expert - occupancy


def random_transition(rng, n_states: int, n_actions: int, branching: int) -> scipy.sparse.csr_array:
    """Rows s A + a of `branching` random successors, and int32 indices, which are the better ones for both sides."""
    n_rows = n_states * n_actions
    successors = rng.integers(n_states, size=n_rows * branching, dtype=np.int32)
    starts = np.arange(0, n_rows * branching + 1, branching, dtype=np.int32)
    probabilities = rng.dirichlet(np.ones(branching), size=n_rows).ravel()
    matrix = scipy.sparse.csr_array((probabilities, successors, starts), shape=(n_rows, n_states))
    matrix.sum_duplicates()
    return matrix


def comparison(n_states: int, n_actions: int = N_ACTIONS, horizon: int = HORIZON) -> Comparison:
    """A random model of this size, on which both sides are known to agree."""
    rng = np.random.default_rng(n_states)
    P = random_transition(rng, n_states, n_actions, BRANCHING)
    initial = np.full(n_states, 1 / n_states)
    reward = rng.normal(size=(n_states, n_actions))
    expert = rng.random(size=(n_states, n_actions))
    expert *= horizon / expert.sum()
    models: list[MDP] = []
    construction = seconds(lambda: models.append(MDP(P, initial, horizon=horizon)))
    [mdp] = models

    def ours() -> np.ndarray:
        return causal.gradient(mdp, reward, expert)

    def theirs() -> np.ndarray:
        return plain_gradient(P, initial, reward, expert, horizon)

    relative = bounds(
        np.abs(reward).max(),
        n_actions,
        horizon,
        in_row=np.diff(P.indptr).max(),
        in_column=np.bincount(P.indices).max(),
    ).occupancy
    assert_agree(ours(), theirs(), expert, horizon, relative)
    runs = RUNS.get(n_states, 11)
    return Comparison(f"S = {n_states:,}", ours, theirs, construction, runs, GOALS.get(n_states))


def assert_agree(ours, theirs, expert, horizon, relative) -> None:
    """Each occupancy is off by `relative` of itself at most, and has the mass T of a trajectory of T decisions."""
    visits = expert - ours
    assert_close(ours, theirs, relative * visits + 2 * U * (expert + visits), "gradients")
    for gradient in (ours, theirs):
        mass = (expert - gradient).sum()
        assert_close(mass, horizon, (relative + 3 * U * ours.size) * horizon, "mass of the occupancy")


def assert_small_models_agree(n_states: int = 4, n_actions: int = 3, horizon: int = 4) -> None:
    """A model small enough for the node-wise bound, some hundred times sharper than the one for large models."""
    rng = np.random.default_rng(0)
    P = random_transition(rng, n_states, n_actions, 2)
    initial, reward = rng.dirichlet(np.ones(n_states)), rng.normal(size=(n_states, n_actions))
    expert = rng.random(size=(n_states, n_actions))
    expert *= horizon / expert.sum()
    dense = MDP(P.toarray().reshape(n_states, n_actions, n_states), initial, horizon=horizon)
    allowed = node_wise_bound(causal.gradient, dense, reward, expert)
    theirs = plain_gradient(P, initial, reward, expert, horizon)
    for mdp in (dense, MDP(P, initial, horizon=horizon)):
        assert_close(causal.gradient(mdp, reward, expert), theirs, allowed, "gradients of a small model")


def comparisons(sizes: Sequence[int] = ()) -> Iterator[Comparison]:
    """One comparison for each number of states."""
    assert_small_models_agree()
    for n_states in sizes or GOALS:
        yield comparison(n_states)
