"""Maximum causal entropy inverse reinforcement learning.

The model is the soft-optimal policy of a reward, see `mdps.bellman`. An expert is what it visits: a table rho_E of
expected discounted counts in the shape of the reward, and

    dual      = (<rho_E, r> - sum_s rho(s) V_0(s)) / alpha
    ddual/dr  = (rho_E - rho_pi) / alpha            rho_pi = occupancy of the soft-optimal policy

The dual is concave in r. Where the expert lives in the same dynamics it equals the likelihood
E_E[sum_t gamma^t log pi_t(a_t | s_t)], up to the expert's discounted final value, which counts do not determine.

For r = sum_k theta_k phi_k the Hessian goes through soft successor features psi = dQ/dtheta, Phi = dV/dtheta,

    psi_t = phi + gamma P Phi_{t+1},        Phi_t = sum_a pi_t psi_t,
    d2dual/dtheta2 = -(1 / alpha^2) sum_t gamma^t E[Cov_{a ~ pi_t}(psi_t(s_t, a))]

which is negative semidefinite. It is the covariance of the features of trajectories only where nothing but the policy
is random.
Source: ziebart2010; gleave2022.
"""

from collections import deque
from typing import Any

import numpy as np

from equivalence.objectives.features import linear_reward, weighted_outer
from mdps import MDP, InvalidArgument, marginals, scalars, trajectories
from mdps.arguments import (
    checked_expert,
    checked_reward,
    checked_temperature,
    expected_reward,
    numbers,
    reward_axes,
)
from mdps.bellman import soft_backups, soft_policies, soft_solution
from mdps.entropies import expected_log_policy
from mdps.occupancy import occupancy_of_steps
from mdps.stacks import in_chunks


def dual(mdp: MDP, reward: Any, expert: Any, *, temperature: Any = 1) -> Any:
    """(<rho_E, r> - rho V_0) / alpha, in nats; maximized. expert: expected counts in the reward's shape."""
    reward = checked_reward(mdp, reward)
    axes = reward_axes(mdp, reward)
    expert = checked_expert(mdp, expert, axes)
    alpha = checked_temperature(temperature, mdp.level)
    earned = (expert * reward).sum(axis=tuple(range(-len(axes), 0)))

    def first_value(mdp: MDP, reward: np.ndarray) -> np.ndarray:
        [(_, v, _)] = deque(soft_backups(mdp, reward, alpha), maxlen=1)
        return v

    v = in_chunks(first_value, mdp, reward)
    reached = np.where(scalars.zero_mask(mdp.initial), scalars.constant(0, mdp.initial), mdp.initial * v)
    return (earned - reached.sum(axis=-1)) / alpha


def gradient(mdp: MDP, reward: Any, expert: Any, *, temperature: Any = 1) -> np.ndarray:
    """d dual / d reward = (rho_E - rho_pi) / alpha, in the reward's shape.

    Cost: T products with P and T with its adjoint.
    """
    reward = checked_reward(mdp, reward)
    axes = reward_axes(mdp, reward)
    expert = checked_expert(mdp, expert, axes)
    alpha = checked_temperature(temperature, mdp.level)

    def visits(mdp: MDP, reward: np.ndarray) -> np.ndarray:
        with soft_policies(mdp, reward, alpha) as policies:
            return occupancy_of_steps(mdp, policies, axes=axes)

    return (expert - in_chunks(visits, mdp, reward)) / alpha


def log_likelihood(
    mdp: MDP, reward: Any, *, policy: Any = None, law: Any = None, marginals: Any = None, temperature: Any = 1
) -> Any:
    """E_E[sum_t gamma^t log pi_t(a_t | s_t)] of the soft-optimal policy pi, in nats; maximized.

    The expert is given as one of
    policy     [s, a] or [t, s, a], which acts in the model's own dynamics;
    law        [n], probabilities of `trajectories(mdp)`;
    marginals  [t, s, a], probabilities of deciding a in s at step t.

    With a discount below 1 this is a discounted likelihood, not a likelihood. Where the expert acts in the model's
    dynamics it equals `dual` plus the expert's expected discounted final value / alpha; else it does not.
    """
    visited = _expert_marginals(mdp, policy, law, marginals)
    model = soft_solution(mdp, reward, temperature=temperature).policy
    return expected_log_policy(mdp, visited, model)


def _expert_marginals(mdp: MDP, policy: Any, law: Any, table: Any) -> np.ndarray:
    given = [name for name, x in (("policy", policy), ("law", law), ("marginals", table)) if x is not None]
    if len(given) != 1:
        raise InvalidArgument(f"the expert is one of policy=, law= and marginals=; got {', '.join(given) or 'none'}")
    if policy is not None:
        return marginals(mdp, policy)
    if law is not None:
        return trajectories(mdp).marginals(law)
    visited = numbers("marginals", table, mdp.level)
    expected = (*mdp.batch_shape, mdp.horizon, mdp.n_states, mdp.n_actions)
    if visited.shape != expected:
        raise InvalidArgument(f"marginals has shape {visited.shape}; expected {expected}, [t, s, a]")
    stray = ~mdp.available[..., None, :, :] & ~scalars.zero_mask(visited)
    if scalars.negative_mask(visited).any() or stray.any():
        raise InvalidArgument("marginals must not be negative, and 0 at unavailable actions")
    over = visited.sum(axis=(-2, -1)) > 1 + (0 if visited.dtype == object else visited.size * 2.0**-52)
    if np.asarray(over, dtype=bool).any():
        raise InvalidArgument(f"marginals of a step sum to {visited.sum(axis=(-2, -1)).max()}; expected at most 1")
    return visited


def hessian(mdp: MDP, features: Any, theta: Any, *, temperature: Any = 1) -> np.ndarray:
    """d2 dual / d theta2 for r = features theta, [k, k]; negative semidefinite. It does not depend on the expert.

    features [s, k], [s, a, k] or [s, a, s', k]; theta [k].
    Cost: T products of P with k vectors.
    """
    phi, reward = linear_reward(mdp, features, theta)
    alpha = checked_temperature(temperature, mdp.level)
    expected_phi = np.stack([expected_reward(mdp, phi[..., k]) for k in range(phi.shape[-1])], axis=-1)
    zero = scalars.constant(0, mdp.initial)
    ahead = np.full((mdp.n_states, phi.shape[-1]), zero, dtype=phi.dtype)
    policies, deviations = [], []
    for _, _, policy in soft_backups(mdp, reward, alpha):
        future = np.stack([mdp.expectation(ahead[:, k]) for k in range(phi.shape[-1])], axis=-1)
        successor = expected_phi + mdp.discount * future
        ahead = (policy[..., None] * successor).sum(axis=1)
        policies.append(policy)
        deviations.append(successor - ahead[:, None, :])
    total: Any = zero
    mu, weight = mdp.initial, scalars.constant(1, mdp.initial)
    for policy, deviation in zip(reversed(policies), reversed(deviations), strict=True):
        joint = mu[:, None] * policy
        total = total + weight * weighted_outer(joint, deviation)
        mu = mdp.pushforward(joint) + np.where(mdp.terminal, mu, zero)
        weight = weight * mdp.discount
    return -total / alpha**2
