"""What a soft-optimal policy tells of the reward, decided by exact ranks.

A policy is soft-optimal for a reward if there are values v with v_T = f, v = f in terminal states, and

    alpha log pi_t(a | s) = r(s, a) + gamma sum_s' P(s' | s, a) v_{t+1}(s') - v_t(s)

for each available action; without end with one v and one pi for all t (`mdps.inverse`). So, whatever the policy, two
rewards have the same one if and only if their difference d solves the linear equations

    d(s, a) + gamma sum_s' P(s' | s, a) u_{t+1}(s') - u_t(s) = 0,      u_T = 0, u = 0 in terminal states,

for some u. `invariance` returns a basis of all such d, of shape [s], [s, a] or [s, a, s'] as rewards are; several
models (other dynamics, another discount) leave what is in the space of each. What follows from it:

    without end, r(s, a)        dimension S (of states that go on): any potential
    without end, r(s)           dimension of {u: P(. | s, a) u the same for all a in s}: `blind_potentials`
    two models, r(s, a)         dimension 2 S - rank [B_1, -B_2], B_i the rows of I - gamma_i P_i: `rank_of_pair`
    horizon T large, deterministic, strongly connected, discount 1, r(s, a)
                                dimension = the period, the gcd of the lengths of all cycles: `mdps.periods`
    an anchor, r(s, a_0) known  dimension 0: `mdps.inverse.anchored_reward`

Where all trajectories are equally long the constant is among them, so a reward is identified up to a constant if the
dimension is 1. Null spaces and ranks are of rational matrices and exact; a model of floats is first read as the exact
one that it stands for (`MDP.to`), since a rank with a tolerance would be an opinion.
Source: cao2021; kim2021; rolland2022; fu2018.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from flint import fmpq, fmpq_mat

from mdps import scalars
from mdps.errors import InvalidArgument, OutOfReach
from mdps.kernels import Sparse
from mdps.model import MDP
from mdps.occupancy import checked_axes

ZERO: Any = fmpq(0)
ONE: Any = fmpq(1)


def null_space(matrix: Any) -> np.ndarray:
    """A basis of {x: M x = 0} for a rational matrix [m, n], as rows [k, n] of fmpq, in reduced echelon form."""
    rows = scalars.convert(np.atleast_2d(np.asarray(matrix, dtype=object)), "exact")
    n = rows.shape[1]
    if not n or not len(rows):
        return _identity(n)
    reduced, rank = fmpq_mat(rows.tolist()).rref()
    table = reduced.tolist()
    pivots = [next(j for j, x in enumerate(table[i]) if x != 0) for i in range(rank)]
    basis = []
    for free in sorted(set(range(n)) - set(pivots)):
        vector = [ZERO] * n
        vector[free] = ONE
        for i, pivot in enumerate(pivots):
            vector[pivot] = -table[i][free]
        basis.append(vector)
    return _objects(basis, n)


def rank(matrix: Any) -> int:
    """The exact rank of a rational matrix [m, n]."""
    rows = scalars.convert(np.atleast_2d(np.asarray(matrix, dtype=object)), "exact")
    return fmpq_mat(rows.tolist()).rank() if rows.size else 0


def invariance(*mdps: MDP, axes: str = "sa", reached: bool = False) -> np.ndarray:
    """A basis of the changes of reward that keep the soft-optimal policy of every one of the models, [k, *axes].

    axes     of the reward: 's', 'sa' or 'sas'. Entries of unavailable actions and impossible transitions, which
             mean nothing, are 0; a reward [s] has none for terminal states.
    reached  whether the policy is only seen where it goes, from the initial law: rewards elsewhere are then free.
             Without end, where it can go at some time; with a horizon, at that very step.

    The models share states and actions; with different temperatures that are known the answer is the same. At any
    level the result is exact (fmpq).

    Errors: `OutOfReach` for balls, symbols and sparse models, `InvalidArgument` for stacks.
    Cost: elimination on T S A equations in (T S + number of rewards) unknowns for each model.

    >>> from mdps import gallery
    >>> invariance(gallery.cycle()[0])[:, :, 0].tolist()  # of two states that take turns
    [[1, 0], [0, 1]]
    """
    models = [_exact(mdp) for mdp in one_shape(mdps)]
    checked_axes(axes)
    used = np.any([_used(mdp, axes) for mdp in models], axis=0)
    n_rewards = int(used.sum())
    blocks = [_equations(mdp, axes, used, reached) for mdp in models]
    width = n_rewards + sum(values.shape[1] for _, values in blocks)
    rows, at = [], n_rewards
    for of_rewards, of_values in blocks:
        wide = np.full((len(of_rewards), width), ZERO, dtype=object)
        wide[:, :n_rewards] = of_rewards
        wide[:, at : at + of_values.shape[1]] = of_values
        at += of_values.shape[1]
        rows.append(wide)
    solutions = null_space(np.concatenate(rows))[:, :n_rewards]
    basis = _row_space(solutions)
    result = np.full((len(basis), *used.shape), ZERO, dtype=object)
    result[:, used] = basis
    return result


def blind_potentials(mdp: MDP) -> np.ndarray:
    """A basis of the potentials u [k, s] whose expected next value no action changes; u is 0 in terminal states.

    P(. | s, a) u = P(. | s, b) u for all a, b available in s. Without end (discount below 1), these are the potentials
    by which a reward of states can be shaped into another one: up to a constant it is known if there is one alone.
    Deterministic dynamics: if and only if all states are linked by common predecessors.

    >>> from mdps import gallery
    >>> len(blind_potentials(gallery.deaf_dynamics()[0]))
    2
    """
    model = _exact(*one_shape([mdp]))
    open_states = ~model.terminal
    rows = [np.full((1, model.n_states), ZERO, dtype=object)]
    for s in np.flatnonzero(open_states):
        actions = np.flatnonzero(model.available[s])
        rows.append(model.transition[s, actions[1:]] - model.transition[s, actions[:1]])
    return _on(open_states, null_space(np.concatenate(rows)[:, open_states]))


def rank_of_pair(mdp: MDP, other: MDP) -> int:
    """rank [B_1, -B_2], B_i = the rows I - gamma_i P_i(. | s, a) of two problems without end.

    A reward r(s, a) that both policies share is known up to a constant if and only if it is 2 S - 1 (of S states that
    go on). The rows are of the actions that are available in both, the columns of states that go on.
    """
    models = [_exact(model) for model in one_shape([mdp, other])]
    if any(model.horizon is not None for model in models):
        raise InvalidArgument("rank_of_pair is about problems without end (horizon=None); take invariance(mdp, other)")
    both = models[0].available & models[1].available
    return rank(np.concatenate([_bellman_rows(model)[both] for model in models], axis=1))


def one_shape(mdps: Sequence[MDP]) -> list[MDP]:
    """Models, each one and no stack, that share states and actions."""
    if not mdps or not all(isinstance(mdp, MDP) for mdp in mdps):
        raise InvalidArgument(f"got {', '.join(type(mdp).__name__ for mdp in mdps) or 'nothing'}; expected models")
    stacks = [mdp.batch_shape for mdp in mdps if mdp.batch_shape]
    if stacks:
        raise InvalidArgument(f"a stack of batch shape {stacks[0]}; expected one model: mdp.at(i) takes one of a stack")
    if len({(mdp.n_states, mdp.n_actions) for mdp in mdps}) > 1:
        shapes = [(mdp.n_states, mdp.n_actions) for mdp in mdps]
        raise InvalidArgument(f"models of shapes (S, A) = {shapes}; expected the same states and actions")
    return list(mdps)


def _exact(mdp: MDP) -> MDP:
    if isinstance(mdp.kernel, Sparse):
        raise OutOfReach("exact elimination on a sparse model would be dense; build a small dense one")
    if mdp.level not in ("float", "exact"):
        raise OutOfReach(f"ranks are decided in rational numbers; the model is {mdp.level}")
    return mdp.to("exact")


def _used(mdp: MDP, axes: str) -> np.ndarray:
    """The entries of a reward that mean something."""
    return {"s": ~mdp.terminal, "sa": mdp.available, "sas": mdp.support}[axes]


def _equations(mdp: MDP, axes: str, used: np.ndarray, reached: bool) -> tuple[np.ndarray, np.ndarray]:
    """The equations d + gamma P u_{t+1} - u_t = 0, as a matrix to the rewards and one to the values."""
    of_rewards = _reward_rows(mdp, axes)[..., used]  # [s, a, n]
    steps = 1 if mdp.horizon is None else mdp.horizon
    ahead = np.where(mdp.terminal, ZERO, mdp.discount * mdp.transition)  # u is 0 in terminal states
    here = np.broadcast_to(_identity(mdp.n_states)[:, None, :], ahead.shape)
    tops, bottoms = [], []
    visited: Any = ~scalars.zero_mask(mdp.initial)
    if mdp.horizon is None:
        for _ in range(mdp.n_states):
            visited = visited | mdp.support[visited].any(axis=(0, 1))
    for t in range(steps):
        seen = mdp.available & (visited[:, None] if reached else True)
        wide = np.full((*seen.shape, steps, mdp.n_states), ZERO, dtype=object)
        wide[:, :, t] = -here
        if mdp.horizon is None:
            wide[:, :, t] = ahead - here
        elif t + 1 < steps:
            wide[:, :, t + 1] = ahead
        tops.append(of_rewards[seen])
        bottoms.append(wide[seen].reshape(int(seen.sum()), steps * mdp.n_states))
        if mdp.horizon is not None:
            visited = mdp.support[visited].any(axis=(0, 1))
    return np.concatenate(tops), np.concatenate(bottoms)


def _reward_rows(mdp: MDP, axes: str) -> np.ndarray:
    """The expected reward [s, a] as a linear map of the reward: [s, a, *axes]."""
    n_states, n_actions = mdp.n_states, mdp.n_actions
    shape = (n_states, n_actions, n_states)[: len(axes)]
    rows = np.full((n_states, n_actions, *shape), ZERO, dtype=object)
    for s, a in np.ndindex(n_states, n_actions):
        if axes == "sas":
            rows[s, a, s, a] = mdp.transition[s, a]
        else:
            rows[(s, a, *(s, a)[: len(axes)])] = ONE
    return rows


def _bellman_rows(mdp: MDP) -> np.ndarray:
    """1[s'=s] - gamma P(s' | s, a), [s, a, s'] over the states s' that go on."""
    rows = _identity(mdp.n_states)[:, None, :] - mdp.discount * mdp.transition
    return rows[..., ~mdp.terminal]


def _row_space(rows: np.ndarray) -> np.ndarray:
    """A basis of the span of rows [m, n], in reduced echelon form."""
    if not rows.size:
        return rows[:0]
    reduced, n = fmpq_mat(rows.tolist()).rref()
    return _objects(reduced.tolist()[:n], rows.shape[1])


def _on(mask: np.ndarray, basis: np.ndarray) -> np.ndarray:
    result = np.full((len(basis), len(mask)), ZERO, dtype=object)
    result[:, mask] = basis
    return result


def _identity(n: int) -> np.ndarray:
    return np.where(np.eye(n, dtype=bool), ONE, ZERO).astype(object)


def _objects(rows: Sequence[Sequence[Any]], n: int) -> np.ndarray:
    result = np.empty((len(rows), n), dtype=object)
    for i, row in enumerate(rows):
        result[i] = row
    return result
