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

Without a horizon (discounted without end, or episodic) the same lines hold without t: Phi solves Phi = pi (phi + gamma
P Phi), and the sum over t of gamma^t E is the occupancy. prior= makes entropy relative to a policy pi_0 everywhere.
Source: ziebart2010; gleave2022.
"""

from collections import deque
from typing import Any

import numpy as np

from equivalence.objectives.feature_matching import FeatureMatch, Objective, matched
from equivalence.objectives.features import linear_reward, weighted_outer
from mdps import MDP, InvalidArgument, marginals, occupancy, policy_value, scalars, trajectories
from mdps.arguments import (
    checked_expert,
    checked_policy,
    checked_reward,
    checked_temperature,
    expected_reward,
    numbers,
    reward_axes,
)
from mdps.bellman import soft_backups, soft_policies, soft_solution
from mdps.entropies import expected_log_choice, expected_log_policy
from mdps.occupancy import occupancy_of_steps
from mdps.stacks import in_chunks


def dual(mdp: MDP, reward: Any, expert: Any, *, temperature: Any = 1, prior: Any = None) -> Any:
    """(<rho_E, r> - rho V_0) / alpha, in nats; maximized. expert: expected counts in the reward's shape.

    prior  a policy [s, a] or [t, s, a] that entropy is relative to.
    """
    reward = checked_reward(mdp, reward)
    axes = reward_axes(mdp, reward)
    expert = checked_expert(mdp, expert, axes)
    alpha = checked_temperature(temperature, mdp.level)
    earned = (expert * reward).sum(axis=tuple(range(-len(axes), 0)))

    def first_value(mdp: MDP, reward: np.ndarray, *prior: np.ndarray) -> np.ndarray:
        [(_, v, _)] = deque(soft_backups(mdp, reward, alpha, prior=prior[0] if prior else None), maxlen=1)
        return v

    if mdp.horizon is None:
        v = soft_solution(mdp, reward, temperature=alpha, prior=prior).v
    else:
        v = in_chunks(first_value, mdp, reward, *_steps_of(mdp, prior))
    reached = np.where(scalars.zero_mask(mdp.initial), scalars.constant(0, mdp.initial), mdp.initial * v)
    return (earned - reached.sum(axis=-1)) / alpha


def _steps_of(mdp: MDP, prior: Any) -> tuple[np.ndarray, ...]:
    """The prior policy as one more array [..., t, s, a], where there is one."""
    return () if prior is None else (checked_policy(mdp, prior, "prior"),)


def gradient(mdp: MDP, reward: Any, expert: Any, *, temperature: Any = 1, prior: Any = None) -> np.ndarray:
    """d dual / d reward = (rho_E - rho_pi) / alpha, in the reward's shape.

    Cost: T products with P and T with its adjoint; without a horizon some ten linear systems.
    """
    reward = checked_reward(mdp, reward)
    axes = reward_axes(mdp, reward)
    expert = checked_expert(mdp, expert, axes)
    alpha = checked_temperature(temperature, mdp.level)

    if mdp.horizon is None:
        policy = soft_solution(mdp, reward, temperature=alpha, prior=prior).policy
        return (expert - occupancy(mdp, policy, axes=axes)) / alpha

    def visits(mdp: MDP, reward: np.ndarray, *prior: np.ndarray) -> np.ndarray:
        with soft_policies(mdp, reward, alpha, prior[0] if prior else None) as policies:
            return occupancy_of_steps(mdp, policies, axes=axes)

    return (expert - in_chunks(visits, mdp, reward, *_steps_of(mdp, prior))) / alpha


def log_likelihood(
    mdp: MDP,
    reward: Any,
    *,
    policy: Any = None,
    law: Any = None,
    marginals: Any = None,
    temperature: Any = 1,
    prior: Any = None,
) -> Any:
    """E_E[sum_t gamma^t log pi_t(a_t | s_t)] of the soft-optimal policy pi, in nats; maximized.

    The expert is given as one of
    policy     [s, a] or [t, s, a], which acts in the model's own dynamics;
    law        [n], probabilities of `trajectories(mdp)`;
    marginals  [t, s, a], probabilities of deciding a in s at step t.

    Without a horizon it is a policy [s, a].

    With a discount below 1 this is a discounted likelihood, not a likelihood. Where the expert acts in the model's
    dynamics it equals `dual` plus the expert's expected discounted final value / alpha (and plus
    E_E[sum_t gamma^t log pi_0] where there is a prior pi_0); else it does not.
    """
    if mdp.horizon is None:
        if policy is None or law is not None or marginals is not None:
            raise InvalidArgument("the model has no horizon: its expert is a policy [s, a], policy=")
        model = soft_solution(mdp, reward, temperature=temperature, prior=prior).policy
        return expected_log_choice(occupancy(mdp, policy), model)
    visited = _expert_marginals(mdp, policy, law, marginals)
    model = soft_solution(mdp, reward, temperature=temperature, prior=prior).policy
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
    if mdp.horizon is None:
        return -_expected_covariance(mdp, reward, alpha, expected_phi) / alpha**2
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


def _expected_covariance(mdp: MDP, reward: np.ndarray, alpha: Any, phi: np.ndarray) -> np.ndarray:
    """sum_s,a mu(s, a) (psi - Phi)(psi - Phi)' without a horizon, [k, k]; phi [s, a, k] is what is expected of a step.

    psi(s, a) = phi + gamma P Phi,  Phi(s) = sum_a pi psi.
    """
    policy = soft_solution(mdp, reward, temperature=alpha).policy
    ahead = np.stack([policy_value(ending_at_zero(mdp), phi[..., k], policy) for k in range(phi.shape[-1])], axis=-1)
    future = np.stack([mdp.expectation(ahead[:, k]) for k in range(phi.shape[-1])], axis=-1)
    deviation = phi + mdp.discount * future - ahead[:, None, :]
    return weighted_outer(occupancy(mdp, policy), deviation)


def ending_at_zero(mdp: MDP) -> MDP:
    """The model without its final value: features are collected along the way alone."""
    return mdp.with_final_value(np.full_like(mdp.final_value, scalars.constant(0, mdp.final_value)))


def optimum(mdp: MDP, features: Any, expert: Any, *, temperature: Any = 1, start: Any = None) -> FeatureMatch:
    """The theta whose model matches the expert's features, with a certified distance to the best one.

    features [s, k], [s, a, k] or [s, a, s', k]; expert: expected counts in the shape of a reward. Floats alone.
    start [k] is where the search begins: 0, unless without a horizon nothing has a value there.

    Errors: `InvalidArgument` where the supremum is not attained; see `equivalence.objectives.feature_matching`.
    """
    objective = Objective(dual, _visits, hessian)
    return matched(objective, mdp, features, expert, temperature=temperature, start=start)


def _visits(mdp: MDP, reward: np.ndarray, *, temperature: Any, axes: str) -> np.ndarray:
    return occupancy(mdp, soft_solution(mdp, reward, temperature=temperature).policy, axes=axes)
