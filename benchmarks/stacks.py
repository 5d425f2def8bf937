"""Soft solutions of a stack of small models, against a loop over the models.

S = 5 states, A = 3 actions, T = 4 steps, 100,000 models. The loop is what one writes for one model; it is timed on
some hundred of them. `written out` is the same loop with a log-sum-exp of four numpy calls instead of scipy's.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.special import logsumexp

from benchmarks.agreement import assert_close, bounds, node_wise_bound
from benchmarks.timing import Comparison, seconds
from mdps import MDP, soft_solution

N_STATES, N_ACTIONS, HORIZON = 5, 3, 4
N_MODELS, N_LOOPED = 100_000, 500
GOAL = 300.0


def readable_solution(P, reward, horizon, logsumexp=logsumexp):
    """q, v and policy of one model, as one writes it."""
    v = [np.zeros(len(P))]
    q, policy = [], []
    for _ in range(horizon):
        q.insert(0, reward + P @ v[0])
        v.insert(0, logsumexp(q[0], axis=1))
        policy.insert(0, np.exp(q[0] - v[0][:, None]))
    return np.stack(q), np.stack(v), np.stack(policy)


def written_out(x, axis):
    """log sum exp without overflow."""
    top = x.max(axis=axis)
    return top + np.log(np.exp(x - np.expand_dims(top, axis)).sum(axis=axis))


def comparison(n_models: int, runs: int = 9) -> Iterator[Comparison]:
    """A random stack, of which every model is known to be solved as the loop solves it."""
    rng = np.random.default_rng(n_models)
    P = rng.dirichlet(np.ones(N_STATES), size=(n_models, N_STATES, N_ACTIONS))
    initial = np.full((n_models, N_STATES), 1 / N_STATES)
    reward = rng.normal(size=(n_models, N_STATES, N_ACTIONS))
    models: list[MDP] = []
    construction = seconds(lambda: models.append(MDP(P, initial, horizon=HORIZON))) / n_models
    [stack] = models
    looped = np.linspace(0, n_models - 1, min(N_LOOPED, n_models), dtype=int)  # first, last, and evenly between

    def ours() -> tuple[np.ndarray, ...]:
        return soft_solution(stack, reward)

    def loop(one: Callable = logsumexp) -> list[tuple[np.ndarray, ...]]:
        return [readable_solution(P[i], reward[i], HORIZON, one) for i in looped]

    solution = ours()
    for one in (logsumexp, written_out):
        assert_agree([x[looped] for x in solution], [np.stack(x) for x in zip(*loop(one), strict=True)], reward)
    assert_rows_sum_to_one(solution.policy, np.abs(reward).max())
    counts = {"n_ours": n_models, "n_theirs": len(looped)}
    yield Comparison(f"{n_models:,} models", ours, loop, construction, runs, GOAL, **counts)
    yield Comparison("  written out", ours, lambda: loop(written_out), construction, runs, **counts)


def assert_agree(ours, theirs, reward) -> None:
    """q, v and policy of two computations are within the derived bounds of each other."""
    allowed = bounds(np.abs(reward).max(), N_ACTIONS, HORIZON, in_row=N_STATES, in_column=N_STATES * N_ACTIONS)
    for name, x, y in zip(("q", "v", "policy"), ours, theirs, strict=True):
        assert_close(x, y, allowed.policy * x if name == "policy" else allowed.value, name)


def assert_rows_sum_to_one(policy, largest_reward) -> None:
    """All models, also those that are not looped over, have policies."""
    allowed = bounds(largest_reward, N_ACTIONS, HORIZON, in_row=N_STATES, in_column=N_STATES * N_ACTIONS).policy
    assert_close(policy.sum(axis=-1), np.ones(policy.shape[:-1]), 2 * allowed, "rows of policies")


def assert_small_stacks_agree(n_models: int = 3) -> None:
    """Few models, against the node-wise bound, which is some hundred times sharper."""
    rng = np.random.default_rng(0)
    P = rng.dirichlet(np.ones(N_STATES), size=(n_models, N_STATES, N_ACTIONS))
    initial = rng.dirichlet(np.ones(N_STATES), size=n_models)
    reward = rng.normal(size=(n_models, N_STATES, N_ACTIONS))
    stack = MDP(P, initial, horizon=HORIZON)
    policies = soft_solution(stack, reward).policy
    for i in range(n_models):
        allowed = node_wise_bound(lambda mdp, r: soft_solution(mdp, r).policy, stack.at(i), reward[i])
        assert_close(policies[i], readable_solution(P[i], reward[i], HORIZON)[2], allowed, "policies of a small stack")


def comparisons(sizes: Sequence[int] = ()) -> Iterator[Comparison]:
    """Two comparisons for each number of models."""
    assert_small_stacks_agree()
    for n_models in sizes or (N_MODELS,):
        yield from comparison(n_models)
