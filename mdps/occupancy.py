"""What a policy does: where it is, what it visits, what it earns.

    mu_0 = rho,   mu_t(s, a) = mu_t(s) pi_t(a | s),   mu_{t+1}(s') = sum_s,a mu_t(s, a) P(s' | s, a) + [s' terminal] mu_t(s')

    occupancy  mu(s, a) = sum_t gamma^t mu_t(s, a)        discounted expected visits, unnormalized
    value      V_t(s)   = sum_a pi_t(a | s) (r(s, a) + gamma sum_s' P(s' | s, a) V_{t+1}(s')),   V_T = f

Mass that has ended stays where it ended, so that each row of `state_marginals` sums to 1; `marginals[t]` sums to the
probability that there is a decision at t. Marginals are probabilities and never discounted; occupancies are.
<mu, r> + the discounted final value = sum_s rho(s) V_0(s).
Source: puterman1994.
"""

from typing import Any

import numpy as np

from mdps import scalars
from mdps.arguments import checked_horizon, checked_policy, checked_reward, expected_reward
from mdps.errors import InvalidArgument, OutOfReach
from mdps.kernels import Sparse
from mdps.model import MDP

AXES = ("s", "sa", "sas")


def checked_axes(axes: str) -> str:
    """'s', 'sa' or 'sas': the axes that counts are wanted over."""
    if axes not in AXES:
        raise InvalidArgument(f"axes is {axes!r}; expected 's', 'sa' or 'sas'")
    return axes


def policy_value(mdp: MDP, reward: Any, policy: Any) -> np.ndarray:
    """Expected discounted return of a policy from each state at each step, [..., t, s] of T+1 rows; no entropy."""
    r = expected_reward(mdp, checked_reward(mdp, reward))
    steps = np.moveaxis(checked_policy(mdp, policy), -3, 0)
    v = mdp.final_value
    values = [v]
    zero = scalars.constant(0, v)
    for pi in steps[::-1]:
        q = r + mdp.discount * mdp.expectation(v)
        v = np.where(mdp.available, pi * q, zero).sum(axis=-1)
        v = np.where(mdp.terminal, mdp.final_value, v)
        values.append(v)
    return np.stack(values[::-1], axis=len(mdp.batch_shape))


def state_marginals(mdp: MDP, policy: Any) -> np.ndarray:
    """Probability of being in s at step t, [..., t, s] of T+1 rows that sum to 1; mass that has ended stays."""
    steps = np.moveaxis(checked_policy(mdp, policy), -3, 0)
    mu = mdp.initial
    rows = [mu]
    for pi in steps:
        mu = _moved(mdp, mu[..., None] * pi, mu)
        rows.append(mu)
    return np.stack(rows, axis=len(mdp.batch_shape))


def marginals(mdp: MDP, policy: Any) -> np.ndarray:
    """Probability of deciding a in s at step t, [..., t, s, a]; undiscounted."""
    steps = checked_policy(mdp, policy)
    return state_marginals(mdp, policy)[..., :-1, :, None] * steps


def occupancy(mdp: MDP, policy: Any, *, axes: str = "sa") -> np.ndarray:
    """Discounted expected visits sum_t gamma^t mu_t, over `axes` 's', 'sa' (default) or 'sas'.

    Visits are counted at decisions: s_T and terminal states are not visited.

    >>> from mdps import gallery, soft_solution
    >>> mdp, reward = gallery.lottery()
    >>> occupancy(mdp, soft_solution(mdp, reward).policy, axes="s")
    array([3/2, 1/4, 1/4], dtype=object)
    """
    checked_axes(axes)
    checked_horizon(mdp)
    steps = np.moveaxis(checked_policy(mdp, policy), -3, 0)
    return occupancy_of_steps(mdp, iter(steps), axes=axes)


def occupancy_of_steps(mdp: MDP, steps: Any, *, axes: str = "sa", overwrite: bool = False) -> np.ndarray:
    """The occupancy of checked policies [..., s, a], given step by step; `overwrite` lets floats reuse their memory."""
    mu = mdp.initial
    visits: Any = None
    weight: Any = 1
    for pi in steps:
        joint = np.multiply(pi, mu[..., None], out=pi) if overwrite and pi.dtype != object else mu[..., None] * pi
        discounted = joint if mdp.discount == 1 else weight * joint
        visits = np.copy(discounted) if visits is None else np.add(visits, discounted, out=visits)
        mu = _moved(mdp, joint, mu)
        weight = weight * mdp.discount
    return over_axes(mdp, visits, axes)


def over_axes(mdp: MDP, visits: np.ndarray, axes: str) -> np.ndarray:
    """Visits [..., s, a] of true dynamics as counts over `axes`."""
    if axes == "s":
        return visits.sum(axis=-1)
    if axes == "sa":
        return visits
    if isinstance(mdp.kernel, Sparse):
        raise OutOfReach("counts [s, a, s'] of a sparse model would be a dense array; ask for axes 'sa'")
    return visits[..., None] * mdp.transition


def _moved(mdp: MDP, joint: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """One step of the dynamics: the pushforward of mu(s, a), and what has ended stays."""
    moved = mdp.pushforward(joint)
    if not mdp.terminal.any():
        return moved
    return moved + np.where(mdp.terminal, mu, scalars.constant(0, mu))
