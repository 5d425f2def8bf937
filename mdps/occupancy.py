"""What a policy does: where it is, what it visits, what it earns.

    mu_0 = rho,   mu_t(s, a) = mu_t(s) pi_t(a | s)
    mu_{t+1}(s') = sum_s,a mu_t(s, a) P(s' | s, a) + [s' terminal] mu_t(s')

    occupancy  mu(s, a) = sum_t gamma^t mu_t(s, a)        discounted expected visits, unnormalized
    value      V_t(s)   = sum_a pi_t(a | s) (r(s, a) + gamma sum_s' P(s' | s, a) V_{t+1}(s')),   V_T = f

Mass that has ended stays where it ended, so that each row of `state_marginals` sums to 1; `marginals[t]` sums to the
probability that there is a decision at t. Marginals are probabilities and never discounted; occupancies are.
<mu, r> + the discounted final value = sum_s rho(s) V_0(s).

Without a horizon (`mdps.visits`) a policy is [s, a], its value V [s] and its occupancy solve linear systems, which
floats and balls do with a certified bound on their error; there are no marginals [t, s, a].
Source: puterman1994.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from mdps import scalars
from mdps.arguments import checked_horizon, checked_policy, checked_reward, expected_reward
from mdps.errors import InvalidArgument, OutOfReach
from mdps.kernels import Sparse
from mdps.model import MDP
from mdps.stacks import in_chunks
from mdps.stationary import one_by_one
from mdps.visits import value_of_policy, visits_of_policy

AXES = ("s", "sa", "sas")


def checked_axes(axes: str) -> str:
    """'s', 'sa' or 'sas': the axes that counts are wanted over."""
    if axes not in AXES:
        raise InvalidArgument(f"axes is {axes!r}; expected 's', 'sa' or 'sas'")
    return axes


def policy_value(mdp: MDP, reward: Any, policy: Any) -> np.ndarray:
    """Expected discounted return of a policy from each state at each step, [..., t, s] of T+1 rows; no entropy.

    Without a horizon [..., s]. Errors: `InvalidModel` for a policy that never ends from some state, undiscounted.
    """
    if mdp.horizon is None:
        reward, policy = checked_reward(mdp, reward), checked_policy(mdp, policy)
        return one_by_one(lambda *one: value_of_policy(*one).value, mdp, reward, policy)
    return in_chunks(_policy_value, mdp, checked_reward(mdp, reward), checked_policy(mdp, policy))


def _policy_value(mdp: MDP, reward: np.ndarray, policy: np.ndarray) -> list[np.ndarray]:
    r = expected_reward(mdp, reward)
    v = mdp.final_value
    values = [v]
    zero = scalars.constant(0, v)
    for pi in np.moveaxis(policy, -3, 0)[::-1]:
        q = r + mdp.discount * mdp.expectation(v)
        v = np.where(mdp.available, pi * q, zero).sum(axis=-1)
        v = np.where(mdp.terminal, mdp.final_value, v)
        values.append(v)
    return values[::-1]


def state_marginals(mdp: MDP, policy: Any) -> np.ndarray:
    """Probability of being in s at step t, [..., t, s] of T+1 rows that sum to 1; mass that has ended stays."""
    checked_horizon(mdp)

    def solve(mdp: MDP, policy: np.ndarray) -> list[np.ndarray]:
        moved, mu = _dynamics(mdp), mdp.initial
        rows = [mu]
        for pi in np.moveaxis(policy, -3, 0):
            mu = moved(mu[..., None] * pi, mu)
            rows.append(mu)
        return rows

    return in_chunks(solve, mdp, checked_policy(mdp, policy))


def marginals(mdp: MDP, policy: Any) -> np.ndarray:
    """Probability of deciding a in s at step t, [..., t, s, a]; undiscounted."""
    checked_horizon(mdp)

    def solve(mdp: MDP, policy: np.ndarray) -> list[np.ndarray]:
        moved, mu = _dynamics(mdp), mdp.initial
        rows = []
        for pi in np.moveaxis(policy, -3, 0):
            rows.append(mu[..., None] * pi)
            mu = moved(rows[-1], mu)
        return rows

    return in_chunks(solve, mdp, checked_policy(mdp, policy))


def occupancy(mdp: MDP, policy: Any, *, axes: str = "sa") -> np.ndarray:
    """Discounted expected visits sum_t gamma^t mu_t, over `axes` 's', 'sa' (default) or 'sas'.

    Visits are counted at decisions: s_T and terminal states are not visited. Without a horizon they sum to
    1 / (1 - gamma) where nothing ends.

    Errors: `InvalidModel` for a policy that goes on for ever, undiscounted.

    >>> from mdps import gallery, soft_solution
    >>> mdp, reward = gallery.lottery()
    >>> occupancy(mdp, soft_solution(mdp, reward).policy, axes="s")
    array([3/2, 1/4, 1/4], dtype=object)
    """
    checked_axes(axes)
    if mdp.horizon is None:
        policy = checked_policy(mdp, policy)
        return one_by_one(lambda m, pi: over_axes(m, visits_of_policy(m, pi).value, axes), mdp, policy)

    def visits(mdp: MDP, policy: np.ndarray) -> np.ndarray:
        return occupancy_of_steps(mdp, np.moveaxis(policy, -3, 0), axes=axes)

    return in_chunks(visits, mdp, checked_policy(mdp, policy))


def occupancy_of_steps(mdp: MDP, steps: Iterable[np.ndarray], *, axes: str = "sa") -> np.ndarray:
    """The occupancy of checked policies [..., s, a], given step by step."""
    mu = mdp.initial
    moved = _dynamics(mdp)
    joint: Any = None
    visits: Any = None
    weight: Any = 1
    for pi in steps:
        joint = np.multiply(mu[..., None], pi, out=joint)  # the same memory at each step
        discounted = joint if mdp.discount == 1 else weight * joint
        visits = np.copy(discounted) if visits is None else np.add(visits, discounted, out=visits)
        mu = moved(joint, mu)
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


def _dynamics(mdp: MDP) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """One step, of mu(s, a) and mu(s): the pushforward of mu(s, a), and what has ended stays."""
    if not mdp.terminal.any():
        return lambda joint, mu: mdp.pushforward(joint)
    return lambda joint, mu: mdp.pushforward(joint) + np.where(mdp.terminal, mu, scalars.constant(0, mu))
