"""The saddle point of GAIL: inverse reinforcement learning and its inverse.

For costs c [s, a], causal entropy H and a convex regularizer psi of costs, letters as in the paper,

    L(pi, c)        = -lambda H(pi) + E_pi[c] - E_E[c] - psi(c)
    RL(c)           = argmin_pi L(pi, c)                          soft control with the reward -c
    IRL_psi(pi_E)   = argmax_c  min_pi L(pi, c)
    RL o IRL_psi    = argmin_pi  psi*(rho_pi - rho_E) - lambda H(pi)

L is convex in rho_pi and concave in c. With psi = 0 the saddle point is at pi = pi_E and c = -lambda log pi_E, or any
shaping of it, with value -lambda H(pi_E): occupancies match, and RL o IRL gives the expert back. It exists where pi_E
takes every available action.

Costs are all that is paid: final values of the model are not. Tables are [s, a], or [t, s, a] with a horizon.
Source: ho2016.
"""

from typing import Any

import numpy as np

from equivalence.objectives.gail import expert_like, regularizer, table_like, unpaid
from equivalence.objectives.steps import (
    all_steps,
    at_start,
    checked_step_policy,
    checked_table,
    on_available,
    sides,
    total,
)
from mdps import MDP, InvalidArgument, causal_entropy, scalars, soft_solution
from mdps.arguments import checked_temperature

REGULARIZERS = ("none", "psi_GA")


def saddle_value(mdp: MDP, cost: Any, policy: Any, expert: Any, *, entropy_weight: Any = 1, psi: str = "none") -> Any:
    """L(pi, c) = -lambda H(pi) + E_pi[c] - E_E[c] - psi(c), for psi 'none' (0) or 'psi_GA'.

    cost  [s, a], or [t, s, a] beside a policy [t, s, a]. Costs are all that is paid: final values of the model are not.
    """
    both = sides(mdp, policy, expert)
    c = table_like(mdp, "cost", cost, both.policy)
    weight = checked_temperature(entropy_weight, mdp.level)
    paid = total(mdp, np.where(on_available(mdp, c), (both.visits - both.expert) * c, scalars.constant(0, both.visits)))
    return paid - weight * causal_entropy(mdp, policy) - _psi(mdp, c, expert, psi)


def irl_value(mdp: MDP, cost: Any, expert: Any, *, entropy_weight: Any = 1, psi: str = "none") -> Any:
    """min_pi L(pi, c) = -psi(c) + (min_pi -lambda H(pi) + E_pi[c]) - E_E[c]; IRL maximizes it over c.

    cost  [s, a] beside an occupancy of the expert, or [t, s, a] beside marginals.
    """
    c = checked_table(mdp, "cost", cost)
    rho = expert_like(mdp, expert, c)
    weight = checked_temperature(entropy_weight, mdp.level)
    value, _ = _soft_control(mdp, c, weight)
    paid = total(mdp, np.where(on_available(mdp, c), rho * c, scalars.constant(0, rho)))
    return -value - paid - _psi(mdp, c, expert, psi)


def rl_policy(mdp: MDP, cost: Any, *, entropy_weight: Any = 1) -> np.ndarray:
    """RL(c) = argmin_pi -lambda H(pi) + E_pi[c], [t, s, a] with a horizon, else [s, a]; final values are not paid."""
    c = checked_table(mdp, "cost", cost)
    return _soft_control(mdp, c, checked_temperature(entropy_weight, mdp.level))[1]


def saddle_cost(mdp: MDP, expert_policy: Any, *, entropy_weight: Any = 1) -> np.ndarray:
    """c = -lambda log pi_E, with which the saddle point for psi = 0 is at pi = pi_E with value -lambda H(pi_E).

    Any shaping of it is one, too. 0 at unavailable actions.

    Errors: `InvalidArgument` where the expert leaves out an available action: no finite cost makes pi_E optimal.
    """
    pi = checked_step_policy(mdp, expert_policy)
    available = on_available(mdp, pi)
    never = available & scalars.zero_mask(pi)
    if never.any():
        at = [int(i) for i in np.argwhere(never)[0]]
        raise InvalidArgument(f"expert_policy{at} is 0 and the action is available: no finite cost keeps it away")
    weight = checked_temperature(entropy_weight, mdp.level)
    return scalars.over(available, lambda p: -weight * scalars.log(p), pi, otherwise=scalars.constant(0, pi))


def _psi(mdp: MDP, cost: np.ndarray, expert: Any, psi: str) -> Any:
    if psi not in REGULARIZERS:
        raise InvalidArgument(f"psi is {psi!r}; expected one of {', '.join(map(repr, REGULARIZERS))}")
    return 0 if psi == "none" else regularizer(mdp, cost, expert)


def _soft_control(mdp: MDP, cost: np.ndarray, weight: Any) -> tuple[Any, np.ndarray]:
    """max_pi lambda H(pi) - E_pi[c], and the policy, without final values; costs of each step are allowed."""
    mdp = unpaid(mdp)
    if mdp.horizon is None:
        solution = soft_solution(mdp, -cost, temperature=weight)
        return at_start(mdp, solution.v), solution.policy
    c, v, policies = all_steps(mdp, cost), mdp.final_value, []
    for t in reversed(range(mdp.horizon)):
        q = mdp.discount * mdp.expectation(v) - c[..., t, :, :]
        v, policy = scalars.log_normalized(q / weight, where=mdp.available, otherwise=mdp.final_value)
        v = weight * v
        policies.append(policy)
    return at_start(mdp, v), np.stack(policies[::-1], axis=-3)
