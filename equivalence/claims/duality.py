"""Maximum causal entropy as a convex problem: its dual, gradient, Hessian and strong duality.

dual(r) = (<rho_E, r> - E_rho[V_0]) / alpha, for an expert's occupancy rho_E. Features phi, r = phi theta,
soft successor features psi = dQ/dtheta, Phi = dV/dtheta.
"""

from typing import Any

import numpy as np
from flint import fmpq

from equivalence.claims import games
from equivalence.claims.assumptions import (
    data_flow_as_dynamics,
    deterministic_dynamics,
    single_start,
    undiscounted,
)
from equivalence.claims.claim import Conclusion, at_most, claim, equal
from equivalence.objectives import causal, maxent
from mdps import (
    MDP,
    boltzmann,
    causal_entropy,
    gallery,
    marginals,
    occupancy,
    policy_value,
    scalars,
    soft_solution,
    trajectories,
)
from mdps.arguments import AXES
from mdps.scalars.duals import gradient as dual_gradient, jacobian
from mdps.trajectories import Trajectories

# M-08, gradient and likelihood ---------------------------------------------------------------------------------------


@claim("M-08", source="ziebart2010; gleave2022")
def causal_gradient_eq_derivative_of_dual(
    mdp: MDP, reward: Any, data: Any, temperature: Any, *, gradient: Any = causal.gradient
) -> Conclusion:
    """The gradient rho_E - rho_pi is the derivative of the dual, for any expert; the right side is by dual numbers."""
    expert = trajectories(mdp).occupancy(data, axes=AXES[reward.ndim])
    derivative = dual_gradient(lambda r: causal.dual(mdp, r, expert, temperature=temperature), reward)
    return equal(gradient(mdp, reward, expert, temperature=temperature), derivative)


@claim("M-08", source="ziebart2008")
def maxent_gradient_eq_derivative_of_likelihood(
    mdp: MDP, reward: Any, data: Any, temperature: Any, *, gradient: Any = maxent.gradient
) -> Conclusion:
    """The gradient rho_E - rho_r is the derivative of the log-likelihood; the right side is by dual numbers."""
    expert = trajectories(mdp).occupancy(data, axes=AXES[reward.ndim])
    derivative = dual_gradient(lambda r: maxent.log_likelihood(mdp, r, expert, temperature=temperature), reward)
    return equal(gradient(mdp, reward, expert, temperature=temperature), derivative)


def _final_values(paths: Trajectories, law: Any) -> Any:
    """E[gamma^{t_end} f(s_end)] under a law over trajectories."""
    nothing = np.full(paths.mdp.n_states, scalars.constant(0, law), dtype=law.dtype)
    return (law * paths.returns(nothing)).sum()


@claim("M-08", assumes=[data_flow_as_dynamics], source="gleave2022")
def dual_plus_final_value_eq_log_likelihood(mdp: MDP, reward: Any, data: Any, temperature: Any) -> Conclusion:
    """The dual is the likelihood of an expert that lives in the same dynamics, up to its final value.

    dual + E_E[gamma^t_end f] / alpha = E_E[sum_t gamma^t log pi_t(a_t | s_t)].
    """
    paths = trajectories(mdp)
    expert = paths.occupancy(data, axes=AXES[reward.ndim])
    dual = causal.dual(mdp, reward, expert, temperature=temperature)
    likelihood = causal.log_likelihood(mdp, reward, law=data, temperature=temperature)
    return equal(dual + _final_values(paths, data) / temperature, likelihood)


@dual_plus_final_value_eq_log_likelihood.fails_without(data_flow_as_dynamics)
def lucky_demonstration() -> dict[str, Any]:
    """One demonstration of the lottery, in which the coin fell well: a sample is not its population."""
    mdp, reward = gallery.lottery()
    paths = trajectories(mdp)
    lucky = [list(s) == [0, 1, 1] and list(a) == [1, 0] for s, a in zip(paths.states, paths.actions, strict=True)]
    return {"mdp": mdp, "reward": reward, "temperature": fmpq(1), "data": games.numbers(*map(int, lucky))}


# M-09, the Hessian ---------------------------------------------------------------------------------------------------


def _linear(features: Any, theta: Any) -> Any:
    return (features * theta).sum(axis=-1)


def _feature_gradient(gradient: Any, mdp: MDP, features: Any, expert: Any, temperature: Any) -> Any:
    """theta -> the gradient to theta of an objective with the gradient `gradient` to the reward."""
    axes = tuple(range(features.ndim - 1))

    def to_theta(theta: Any) -> Any:
        to_reward = gradient(mdp, _linear(features, theta), expert, temperature=temperature)
        return (to_reward[..., None] * features).sum(axis=axes)

    return to_theta


@claim("M-09", source="derived")
def causal_hessian_eq_derivative_of_gradient(
    mdp: MDP, features: Any, theta: Any, data: Any, temperature: Any, *, hessian: Any = causal.hessian
) -> Conclusion:
    """The Hessian through soft successor features is the derivative of the gradient; that by dual numbers."""
    expert = trajectories(mdp).occupancy(data, axes=AXES[features.ndim - 1])
    to_theta = _feature_gradient(causal.gradient, mdp, features, expert, temperature)
    return equal(hessian(mdp, features, theta, temperature=temperature), jacobian(to_theta, theta))


@claim("M-09", source="ziebart2008")
def maxent_hessian_eq_minus_feature_covariance(
    mdp: MDP, features: Any, theta: Any, temperature: Any, *, hessian: Any = maxent.hessian
) -> Conclusion:
    """For trajectory MaxEnt the Hessian is -Cov(f(tau)) / alpha^2; the right side lists every trajectory."""
    paths = trajectories(mdp)
    law = boltzmann.law(paths, _linear(features, theta), temperature=temperature)
    covariance = _feature_covariance(paths, law, features)
    return equal(hessian(mdp, features, theta, temperature=temperature), -covariance / temperature**2)


def _feature_covariance(paths: Trajectories, law: Any, features: Any) -> Any:
    """Cov(f(tau)) under a law, f(tau) = sum_t gamma^t phi, [k, k]."""
    nothing = np.full(paths.mdp.n_states, scalars.constant(0, law), dtype=law.dtype)
    final = paths.returns(nothing)
    f = np.stack([paths.returns(features[..., k]) - final for k in range(features.shape[-1])], axis=-1)
    centered = f - (law[:, None] * f).sum(axis=0)
    return centered.T @ (law[:, None] * centered)


def _chance_covariance(mdp: MDP, features: Any, policy: Any) -> Any:
    """sum_t E[Cov_{s' | s, a}(Phi_{t+1}(s'))] + Cov_{s_0}(Phi_0(s_0)), [k, k]: what chance adds, undiscounted."""
    k = features.shape[-1]
    zeros = np.full(mdp.n_states, scalars.constant(0, policy), dtype=policy.dtype)
    final = policy_value(mdp, zeros, policy)
    ahead = np.stack([policy_value(mdp, features[..., i], policy) - final for i in range(k)], axis=-1)
    r = features[(..., *(None,) * (4 - features.ndim), slice(None))] if features.ndim < 4 else features
    start = ahead[0] - (mdp.initial[:, None] * ahead[0]).sum(axis=0)
    total = start.T @ (mdp.initial[:, None] * start)
    visited = marginals(mdp, policy)
    for t, joint in enumerate(visited):
        future = np.broadcast_to(r + ahead[t + 1], (*mdp.transition.shape, k))
        mean = (mdp.transition[..., None] * future).sum(axis=2, keepdims=True)
        deviation = (future - mean).reshape(-1, k)
        weight = (joint[..., None] * mdp.transition).reshape(-1, 1)
        total = total + deviation.T @ (weight * deviation)
    return total


@claim("M-09", assumes=[undiscounted], source="derived")
def feature_covariance_minus_causal_hessian_eq_chance(
    mdp: MDP, features: Any, theta: Any, temperature: Any, *, hessian: Any = causal.hessian
) -> Conclusion:
    """Cov(f(tau)) exceeds -alpha^2 times the causal Hessian by what dynamics and starts make random.

    Cov(f) = sum_t E[Cov_a(psi_t)] + sum_t E[Cov_{s'}(Phi_{t+1})] + Cov_{s_0}(Phi_0): the first is the Hessian.
    """
    paths = trajectories(mdp)
    policy = soft_solution(mdp, _linear(features, theta), temperature=temperature).policy
    covariance = _feature_covariance(paths, paths.law(policy), features)
    curvature = -(temperature**2) * hessian(mdp, features, theta, temperature=temperature)
    return equal(covariance - curvature, _chance_covariance(mdp, features, policy))


@claim("M-09", assumes=[deterministic_dynamics, single_start, undiscounted], source="ziebart2008; derived")
def causal_hessian_eq_minus_feature_covariance(
    mdp: MDP, features: Any, theta: Any, temperature: Any, *, hessian: Any = causal.hessian
) -> Conclusion:
    """'The Hessian is the covariance of the features' holds where nothing but the policy is random."""
    paths = trajectories(mdp)
    policy = soft_solution(mdp, _linear(features, theta), temperature=temperature).policy
    covariance = _feature_covariance(paths, paths.law(policy), features)
    return equal(-(temperature**2) * hessian(mdp, features, theta, temperature=temperature), covariance)


# M-10, strong duality ------------------------------------------------------------------------------------------------


def _entropy_and_final(mdp: MDP, policy: Any, temperature: Any) -> Any:
    """H(pi) + E_pi[gamma^t_end f] / alpha."""
    zeros = np.full(mdp.n_states, scalars.constant(0, policy), dtype=policy.dtype)
    final = (mdp.initial * policy_value(mdp, zeros, policy)[0]).sum()
    return causal_entropy(mdp, policy) + final / temperature


@claim("M-10", source="ziebart2010")
def causal_entropy_le_minus_dual(mdp: MDP, reward: Any, policy: Any, temperature: Any) -> Conclusion:
    """Weak duality: among policies with the same visits none has more entropy than -dual(r), whatever the reward r.

    H(pi) + E_pi[final value] / alpha <= -dual(r; rho_pi).
    """
    expert = occupancy(mdp, policy, axes=AXES[reward.ndim])
    dual = causal.dual(mdp, reward, expert, temperature=temperature)
    return at_most(_entropy_and_final(mdp, policy, temperature), -dual)


@claim("M-10", source="ziebart2010")
def causal_entropy_eq_minus_dual_at_soft_policy(mdp: MDP, reward: Any, temperature: Any) -> Conclusion:
    """Strong duality: with its own visits as the target, the soft-optimal policy of r attains the bound."""
    policy = soft_solution(mdp, reward, temperature=temperature).policy
    expert = occupancy(mdp, policy, axes=AXES[reward.ndim])
    dual = causal.dual(mdp, reward, expert, temperature=temperature)
    return equal(_entropy_and_final(mdp, policy, temperature), -dual)


# Why each assumption is there ----------------------------------------------------------------------------------------


def _witness(model: Any) -> Any:
    """An instance on a model of the gallery whose features are the indicators of state and action."""

    def instance() -> dict[str, Any]:
        mdp, reward = model()
        table = np.broadcast_to(reward[(..., *(None,) * (2 - reward.ndim))], mdp.available.shape)
        features = games.numbers(*np.eye(table.size, dtype=int).ravel()).reshape(*table.shape, table.size)
        return {"mdp": mdp, "features": features, "theta": table.ravel(), "temperature": fmpq(1)}

    instance.__name__ = model.__name__
    instance.__doc__ = model.__doc__
    return instance


causal_hessian_eq_minus_feature_covariance.fails_without(deterministic_dynamics)(_witness(gallery.lottery))
causal_hessian_eq_minus_feature_covariance.fails_without(single_start)(_witness(gallery.two_starts))
for _claim in (causal_hessian_eq_minus_feature_covariance, feature_covariance_minus_causal_hessian_eq_chance):
    _claim.fails_without(undiscounted)(_witness(gallery.discounted_fork))
