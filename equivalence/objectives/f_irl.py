"""f-IRL: the gradient of an f-divergence of state visits to the reward, in closed form.

For visits of states n = rho / M and n_E = rho_E / M, rho(s) = sum_t gamma^t mu_t(s), M = sum_{t<T} gamma^t, and the law
of trajectories p_r(tau) ~ rho prod P e^(R(tau) / alpha) of a reward r(s),

    L(r)     = D_f(n_E || n)                                           = sum n f(n_E / n)
    dL/dn(s) = h_f(n_E / n),      h_f(u) = f(u) - f'(u) u
    dL/dr(x) = (1 / (M alpha)) Cov_tau(sum_t gamma^t h_f(s_t), sum_t gamma^t [s_t = x])

the paper's covariance (alpha = 1, gamma = 1, M = T; chain with dr/dtheta). It is exact for p_r, whatever the dynamics,
since dE[count]/dr = Cov / alpha there. The soft-optimal policy of r has the law p_r where dynamics are deterministic,
the start is fixed and nothing is discounted; elsewhere its visits move by

    drho/dr = -alpha d2 dual / dr2,       the covariance of choices alone, not of chance (`causal.hessian`)

and the covariance over its own trajectories is not the gradient of its divergence. Both gradients and that covariance
are here. A state that neither visits plays no part.
Source: ni2020.
"""

from typing import Any

import numpy as np

from equivalence.objectives import causal, maxent
from equivalence.objectives.f_divergences import f_divergence, gradient_to_q
from equivalence.objectives.f_generators import Generator
from equivalence.objectives.features import weighted_outer
from mdps import MDP, InvalidArgument, boltzmann, occupancy, scalars, soft_solution
from mdps.arguments import checked_expert, checked_horizon, checked_reward, checked_temperature, reward_axes

LAWS = ("trajectories", "policy")


def divergence_loss(
    mdp: MDP, reward: Any, expert: Any, *, f: str | Generator = "kl", law: str = "trajectories", temperature: Any = 1
) -> Any:
    """L(r) = D_f(n_E || n) of state visits, for a reward [s] and the expert's counts [s]; minimized.

    f    a generator of `f_divergences`, by name.
    law  'trajectories': n of the MaxEnt law over trajectories; 'policy': of the soft-optimal policy.
    """
    _, n_expert, n, alive = _visits(mdp, reward, expert, law, temperature)
    return f_divergence(f, n_expert[alive], n[alive])


def gradient(
    mdp: MDP, reward: Any, expert: Any, *, f: str | Generator = "kl", law: str = "trajectories", temperature: Any = 1
) -> np.ndarray:
    """dL/dr [s], of either law.

    Errors: `InvalidArgument` where h_f is infinite, as for the expert's states that the law never visits.
    """
    r, n_expert, n, alive = _visits(mdp, reward, expert, law, temperature)
    alpha = checked_temperature(temperature, mdp.level)
    one_hot = np.where(np.eye(mdp.n_states, dtype=bool), scalars.constant(1, mdp.initial), scalars.constant(0, n))
    curvature = (maxent if law == "trajectories" else causal).hessian(mdp, one_hot, r, temperature=alpha)
    return -alpha * _weighted(mdp, curvature, _slope(mdp, f, n_expert, n, alive))


def covariance_of_policy(
    mdp: MDP, reward: Any, expert: Any, *, f: str | Generator = "kl", temperature: Any = 1
) -> np.ndarray:
    """The paper's covariance, over trajectories of the soft-optimal policy; [s].

    It is the gradient of the policy's L for deterministic dynamics, a fixed start and discount 1, and not elsewhere.
    """
    r, n_expert, n, alive = _visits(mdp, reward, expert, "policy", temperature)
    alpha = checked_temperature(temperature, mdp.level)
    policy = soft_solution(mdp, r, temperature=alpha).policy
    return _weighted(mdp, _covariance_of_counts(mdp, policy), _slope(mdp, f, n_expert, n, alive)) / alpha


def _visits(
    mdp: MDP, reward: Any, expert: Any, law: str, temperature: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The reward, n_E and n [s], and the states that either visits."""
    if law not in LAWS:
        raise InvalidArgument(f"law is {law!r}; expected 'trajectories' or 'policy'")
    if mdp.batch_shape:
        raise InvalidArgument(f"the model is a stack of shape {mdp.batch_shape}; f-IRL is of one model at a time")
    mass = _mass(mdp)
    r = checked_reward(mdp, reward)
    if reward_axes(mdp, r) != "s":
        raise InvalidArgument(f"reward has shape {r.shape}; expected {(mdp.n_states,)}, a reward of states")
    rho_expert = checked_expert(mdp, expert, "s")
    alpha = checked_temperature(temperature, mdp.level)
    if law == "trajectories":
        rho = boltzmann.occupancy(mdp, r, temperature=alpha, axes="s")
    else:
        rho = occupancy(mdp, soft_solution(mdp, r, temperature=alpha).policy, axes="s")
    alive = ~(scalars.zero_mask(rho_expert) & scalars.zero_mask(rho))
    return r, rho_expert / mass, rho / mass, alive


def _mass(mdp: MDP) -> Any:
    """M = sum_{t<T} gamma^t."""
    return sum(mdp.discount**t for t in range(checked_horizon(mdp)))


def _slope(mdp: MDP, f: str | Generator, n_expert: np.ndarray, n: np.ndarray, alive: np.ndarray) -> np.ndarray:
    """h_f(n_E / n) / M = dL / drho, [s]; 0 where neither visits."""
    slope = np.full(n.shape, scalars.constant(0, n), dtype=n.dtype)
    slope[alive] = gradient_to_q(f, n_expert[alive], n[alive])
    return slope / _mass(mdp)


def _weighted(mdp: MDP, covariance: np.ndarray, slope: np.ndarray) -> np.ndarray:
    return (covariance * slope).sum(axis=-1)


def _covariance_of_counts(mdp: MDP, policy: np.ndarray) -> np.ndarray:
    """Cov(sum gamma^t [s_t = x], sum gamma^t [s_t = y]) over trajectories of a policy [t, s, a]; [x, y].

    By the law of total variance, step by step: F_t(s) is what is expected to be counted from t on,
    Cov = Cov(F_0) + sum_t E[Cov of gamma^t [s_t] + F_{t+1}(s_{t+1}) given s_t], in which [s_t] is fixed.
    """
    zero, one = scalars.constant(0, mdp.initial), scalars.constant(1, mdp.initial)
    here = np.where(np.eye(mdp.n_states, dtype=bool) & ~mdp.terminal[:, None], one, zero)
    expected = np.full(here.shape, zero, dtype=policy.dtype)
    steps = []
    for t in reversed(range(len(policy))):
        move = (policy[t][..., None] * mdp.transition).sum(axis=1)
        after = (move[..., None] * expected).sum(axis=1)
        steps.append((move, expected - after[:, None, :]))
        expected = mdp.discount**t * here + after
    mean = (mdp.initial[:, None] * expected).sum(axis=0)
    covariance = weighted_outer(mdp.initial, expected - mean)
    mu = mdp.initial
    for move, deviation in reversed(steps):
        joint = mu[:, None] * move
        covariance = covariance + weighted_outer(joint, deviation)
        mu = joint.sum(axis=0) + np.where(mdp.terminal, mu, zero)
    return covariance
