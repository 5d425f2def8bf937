"""From policies to occupancies and back.

    pi(a | s) = rho(s, a) / sum_a rho(s, a)
    rho is a policy's  <=>  sum_a rho(s, a) = rho_0(s) + gamma sum_s',a rho(s', a) P(s | s', a),   rho >= 0     (flow)

The map back is one on states that are visited, and no other: 'a one-to-one correspondence between policies and
occupancies' (Ho and Ermon, Proposition 3.1) needs every state to be reached by every policy. Two policies with one
occupancy differ where neither goes.

With a horizon it is between policies [t, s, a] and marginals [t, s, a], which are undiscounted. An occupancy
[s, a], summed over steps, is not determined by a flow, nor does it determine a policy.
Source: ho2016; puterman1994.
"""

from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives.steps import behind, from_start, going_on, marginals_as_given, on_available, pushforward
from mdps import MDP, scalars
from mdps.arguments import checked_expert


class OccupancyPolicy(NamedTuple):
    """A policy in the shape of its occupancy, and in which rows the occupancy determines it; the others are uniform."""

    policy: np.ndarray
    determined: np.ndarray


def policy_of_occupancy(mdp: MDP, occupancy: Any) -> OccupancyPolicy:
    """pi(a|s) = rho(s, a) / sum_a rho(s, a) where s is visited; elsewhere nothing is determined, and it is uniform.

    occupancy  [s, a] without a horizon; with one, marginals [t, s, a]: the occupancy over all steps does not determine
               its policy.

    >>> from mdps import gallery, marginals
    >>> mdp, _ = gallery.fork()
    >>> found = policy_of_occupancy(mdp, marginals(mdp, [[1, 0], [1, 0], [1, 0]]))
    >>> found.policy[1], found.determined[1]
    (array([[1/2, 1/2],
           [1, 0],
           [1/2, 1/2]], dtype=object), array([False,  True, False]))
    """
    rho = _checked_occupancy(mdp, occupancy)
    visited = rho.sum(axis=-1)
    determined = ~scalars.zero_mask(visited)
    available = on_available(mdp, rho)
    choices = np.maximum(available.sum(axis=-1), 1)
    one, zero = scalars.constant(1, mdp.initial), scalars.constant(0, mdp.initial)
    uniform = np.where(available, one / choices[..., None], zero)
    policy = scalars.over(determined[..., None], lambda x, d: x / d, rho, visited[..., None], otherwise=uniform)
    return OccupancyPolicy(policy, determined)


def flow_residual(mdp: MDP, occupancy: Any) -> np.ndarray:
    """sum_a rho(s, a) - rho_0(s) - gamma sum rho P, [s]; or [t, s] of marginals. 0 if and only if it is a policy's.

    Terminal states, where nothing is decided, have 0.
    """
    rho = _checked_occupancy(mdp, occupancy)
    arrived = behind(mdp, pushforward(mdp, rho))
    if mdp.horizon is None:
        arrived = mdp.discount * arrived
    visited = rho.sum(axis=-1)
    return going_on(mdp, visited - from_start(mdp, visited) - arrived, scalars.constant(0, mdp.initial))


def _checked_occupancy(mdp: MDP, occupancy: Any) -> np.ndarray:
    return checked_expert(mdp, occupancy, "sa") if mdp.horizon is None else marginals_as_given(mdp, occupancy)
