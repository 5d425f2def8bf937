"""Entropies of a policy and of the law of its trajectories, in nats.

    causal entropy      H(pi)  = -sum_t gamma^t sum_s,a mu_t(s, a) log pi_t(a | s)
    trajectory entropy  H(p)   = -sum_tau p(tau) log p(tau)
                               = -sum_s rho log rho + H(pi) - sum_t sum mu_t(s, a) P log P        (gamma = 1)

Without a horizon H(pi) = -sum_s,a mu(s, a) log pi(a | s), mu the occupancy.

The trajectory entropy also counts what chance does; the causal one counts choices alone.
Source: ziebart2010; gleave2022.
"""

from typing import Any

import numpy as np

from mdps import scalars
from mdps.arguments import checked_policy
from mdps.model import MDP
from mdps.occupancy import marginals, occupancy


def causal_entropy(mdp: MDP, policy: Any) -> Any:
    """-sum_t gamma^t E[log pi_t(a_t | s_t)], one number for each model of a stack.

    >>> from mdps import gallery, soft_solution
    >>> mdp, reward = gallery.lottery()
    >>> causal_entropy(mdp, soft_solution(mdp, reward).policy)
    2*log(2)
    """
    steps = checked_policy(mdp, policy)
    if mdp.horizon is None:
        return -expected_log_choice(occupancy(mdp, policy), steps)
    return -expected_log_policy(mdp, marginals(mdp, policy), steps)


def expected_log_choice(visits: np.ndarray, policy: np.ndarray) -> Any:
    """sum_s,a mu(s, a) log pi(a | s) for an occupancy and a policy [..., s, a]: without a horizon there is no t."""
    zero = scalars.constant(0, visits)
    terms = scalars.over(~scalars.zero_mask(visits), lambda m, p: m * scalars.log(p), visits, policy, otherwise=zero)
    return terms.sum(axis=(-2, -1))


def expected_log_policy(mdp: MDP, visited: np.ndarray, policy: np.ndarray) -> Any:
    """sum_t gamma^t sum_s,a mu_t(s, a) log pi_t(a | s) for marginals [..., t, s, a] and a checked policy."""
    zero = scalars.constant(0, visited)
    terms = scalars.over(~scalars.zero_mask(visited), lambda m, p: m * scalars.log(p), visited, policy, otherwise=zero)
    by_step = terms.sum(axis=(-2, -1))
    weights = np.array([mdp.discount**t for t in range(by_step.shape[-1])], dtype=by_step.dtype)
    return (by_step * weights).sum(axis=-1)


def trajectory_entropy(law: Any) -> Any:
    """-sum_tau p(tau) log p(tau) of a law over trajectories [n]."""
    law = np.asarray(law)
    terms = scalars.over(~scalars.zero_mask(law), lambda p: p * scalars.log(p), law, otherwise=scalars.constant(0, law))
    return -terms.sum(axis=-1)
