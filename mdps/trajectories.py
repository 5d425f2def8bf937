"""Every trajectory of a small MDP, one row each: the independent road to any number of this package.

A trajectory is tau = (s_0, a_0, s_1, ..., s_L), where L = T or s_L is terminal. Its

    dynamics   rho(s_0) prod_t P(s_{t+1} | s_t, a_t)
    return     R(tau) = sum_{t<L} gamma^t r(s_t, a_t, s_{t+1}) + gamma^L f(s_L)
    law        p_pi(tau) = rho(s_0) prod_t pi_t(a_t | s_t) P(s_{t+1} | s_t, a_t)   under a policy

and a law p over trajectories has the occupancy sum_tau p(tau) sum_{t<L} gamma^t 1[s_t = s, a_t = a].
The number of trajectories is counted before any is built: it grows like (A times branching)^T.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import scipy.sparse

from mdps import scalars
from mdps.arguments import checked_horizon, checked_law, checked_policy, checked_reward, reward_axes
from mdps.errors import InvalidArgument, OutOfReach
from mdps.kernels import Sparse
from mdps.model import MDP
from mdps.occupancy import checked_axes


@dataclass(frozen=True, eq=False)
class Trajectories:
    """All trajectories of positive probability under some policy.

    states    [n, T+1] and actions [n, T]: integers, -1 past the end.
    dynamics  [n]: rho(s_0) prod P, relative to which MaxEnt densities are taken.
    """

    mdp: MDP
    states: np.ndarray
    actions: np.ndarray
    dynamics: np.ndarray

    def __len__(self) -> int:
        return len(self.states)

    @property
    def lengths(self) -> np.ndarray:
        """Number L of decisions of each trajectory, [n]."""
        return (self.actions >= 0).sum(axis=1)

    def returns(self, reward: Any) -> np.ndarray:
        """Discounted return of each trajectory [n], final value included."""
        reward = checked_reward(self.mdp, reward)
        axes = reward_axes(self.mdp, reward)
        gamma = self.mdp.discount
        last = self.states[np.arange(len(self)), self.lengths]
        total = self.mdp.final_value[last]
        if gamma != 1:
            powers = np.array([gamma**t for t in range(self.actions.shape[1] + 1)], dtype=self.mdp.final_value.dtype)
            total = total * powers[self.lengths]
        total = total + 0 * total if reward.dtype == total.dtype else total.astype(object)
        weight: Any = 1
        for t in range(self.actions.shape[1]):
            alive = self.actions[:, t] >= 0
            paid = reward[self._visited(t, alive, axes)]
            total[alive] = total[alive] + (paid if gamma == 1 else weight * paid)
            weight = weight * gamma
        return total

    def counts(self, *, axes: str = "sa") -> np.ndarray:
        """Discounted visits of each trajectory, [n, s, a] (or [n, s], [n, s, a, s']); step t weighs gamma^t."""
        out = np.full((len(self), *self._shape(axes)), scalars.constant(0, self.dynamics), dtype=self.dynamics.dtype)
        weight = scalars.constant(1, self.dynamics)
        for t in range(self.actions.shape[1]):
            alive = self.actions[:, t] >= 0
            np.add.at(out, (np.flatnonzero(alive), *self._visited(t, alive, axes)), weight)
            weight = weight * self.mdp.discount
        return out

    def law(self, policy: Any) -> np.ndarray:
        """Probability of each trajectory under a policy [s, a] or [t, s, a]; [n]."""
        steps = checked_policy(self.mdp, policy)
        law = self.dynamics
        for t in range(self.actions.shape[1]):
            alive = self.actions[:, t] >= 0
            law = scalars.over(alive, np.multiply, law, steps[t, self.states[:, t], self.actions[:, t]], otherwise=law)
        return law

    def occupancy(self, law: Any, *, axes: str = "sa") -> np.ndarray:
        """Discounted expected visits under a law over trajectories, [s, a] (or [s], [s, a, s'])."""
        return self.pullback(checked_law(len(self), law, self.mdp.level), axes=axes)

    def pullback(self, x: np.ndarray, *, axes: str = "sa") -> np.ndarray:
        """sum_n x(n) counts(n), [s, a] (or [s], [s, a, s']): the adjoint of `returns`.

        A derivative x(n) = dL / dR(n) to the return of each trajectory becomes dL / dr.
        """
        out = np.full(self._shape(axes), scalars.constant(0, x), dtype=x.dtype)
        weight: Any = 1
        for t in range(self.actions.shape[1]):
            alive = self.actions[:, t] >= 0
            np.add.at(out, self._visited(t, alive, axes), x[alive] if self.mdp.discount == 1 else weight * x[alive])
            weight = weight * self.mdp.discount
        return out

    def marginals(self, law: Any, *, axes: str = "sa") -> np.ndarray:
        """Probability of deciding a in s at step t under a law over trajectories, [t, s, a]; undiscounted.

        With axes 'sas' also of what follows, [t, s, a, s'].
        """
        law = checked_law(len(self), law, self.mdp.level)
        out = np.full((self.actions.shape[1], *self._shape(axes)), scalars.constant(0, law), dtype=law.dtype)
        for t in range(self.actions.shape[1]):
            alive = self.actions[:, t] >= 0
            np.add.at(out[t], self._visited(t, alive, axes), law[alive])
        return out

    def starts(self, law: Any) -> np.ndarray:
        """Probability of starting in s under a law over trajectories, [s]."""
        law = checked_law(len(self), law, self.mdp.level)
        out = np.full(self.mdp.n_states, scalars.constant(0, law), dtype=law.dtype)
        np.add.at(out, self.states[:, 0], law)
        return out

    def _shape(self, axes: str) -> tuple[int, ...]:
        checked_axes(axes)
        n_states, n_actions = self.mdp.n_states, self.mdp.n_actions
        return {"s": (n_states,), "sa": (n_states, n_actions), "sas": (n_states, n_actions, n_states)}[axes]

    def _visited(self, t: int, alive: np.ndarray, axes: str) -> tuple[np.ndarray, ...]:
        visited = self.states[alive, t], self.actions[alive, t], self.states[alive, t + 1]
        return visited[: len(axes)]


def trajectory_count(mdp: MDP) -> int:
    """How many trajectories there are, without building one."""
    counts = islice(trajectory_counts(mdp), checked_horizon(mdp) - 1, None)
    return next(counts)


def trajectory_counts(mdp: MDP) -> Iterator[int]:
    """How many trajectories there are at the horizons 1, 2, 3, ..., without end.

    n_T(s) = 1;  n_t(s) = 1 where s is terminal, else sum over (a, s') in the support of n_{t+1}(s').
    """
    branches = scipy.sparse.csr_array(_support(mdp).sum(axis=1))
    from_state, to_state = branches.nonzero()
    ways = branches.data.astype(object)
    possible = ~scalars.zero_mask(mdp.initial)
    count = np.ones(mdp.n_states, dtype=object)
    while True:
        total = np.where(mdp.terminal, 1, 0).astype(object)
        np.add.at(total, from_state, ways * count[to_state])
        count = total
        yield int(count[possible].sum())


def trajectories(mdp: MDP, *, limit: int = 10**6) -> Trajectories:
    """Every trajectory of a finite-horizon model, in lexicographic order.

    Errors: `OutOfReach`, with the count, where there are more than `limit`, before any memory is taken.

    >>> from mdps import gallery
    >>> mdp, _ = gallery.lottery()
    >>> trajectories(mdp).states[:3]
    array([[0, 0, 0],
           [0, 0, 1],
           [0, 0, 2]])
    """
    n = trajectory_count(mdp)
    if n > limit:
        raise OutOfReach(
            f"{n:,} trajectories are more than the limit of {limit:,}; shorten the horizon or raise the limit"
        )
    support = _support(mdp)
    from_state, action, to_state = np.nonzero(support)
    first = np.searchsorted(from_state, np.arange(mdp.n_states + 1))
    starts = np.flatnonzero(~scalars.zero_mask(mdp.initial))
    states, actions, dynamics = starts[:, None], np.empty((len(starts), 0), dtype=int), mdp.initial[starts]
    for _ in range(checked_horizon(mdp)):
        last = states[:, -1]
        n_next = np.where(last >= 0, first[last + 1] - first[last], 0)
        over = n_next == 0
        repeats = np.where(over, 1, n_next)
        parent = np.repeat(np.arange(len(states)), repeats)
        offset = np.arange(len(parent)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        edge = np.where(over[parent], -1, first[last[parent]] + offset)
        going = edge >= 0
        next_action, next_state = np.full((2, len(parent)), -1)
        next_action[going], next_state[going] = action[edge[going]], to_state[edge[going]]
        moves = mdp.transition[last[parent], next_action, next_state]
        dynamics = scalars.over(going, np.multiply, dynamics[parent], moves, otherwise=dynamics[parent])
        states = np.column_stack([states[parent], next_state])
        actions = np.column_stack([actions[parent], next_action])
    for array in (states, actions, dynamics):
        array.flags.writeable = False
    return Trajectories(mdp, states, actions, dynamics)


def _support(mdp: MDP) -> np.ndarray:
    if mdp.batch_shape:
        raise InvalidArgument(
            f"the model is a stack of shape {mdp.batch_shape}; trajectories are of one model at a time"
        )
    if isinstance(mdp.kernel, Sparse):
        raise OutOfReach("the trajectories of a sparse model are too many to list; build a small dense model")
    return mdp.kernel.support
