"""Maximum entropy inverse reinforcement learning, over trajectories.

The model is p_r(tau) = rho prod P exp(R(tau) / alpha) / Z, see `mdps.boltzmann`. An expert is what it visits: a table
rho_E of expected discounted counts in the shape of the reward, and

    LL        = <rho_E, r> / alpha - log Z          log-likelihood, densities relative to rho prod P
    dLL/dr    = (rho_E - rho_r) / alpha             rho_r = occupancy of p_r

For a reward r = sum_k theta_k phi_k chain the last line with phi, and

    d2LL/dtheta2 = -Cov_{p_r}(f) / alpha^2,     f(tau) = sum_t gamma^t phi(s_t, a_t, s_{t+1})

the covariance of the features of trajectories, here by messages: with F_t(s) = E[features from t on | s_t = s] it is
the sum over steps of the covariance, over (a, s') of the tilted law, of gamma^t phi + F_{t+1}, and that of F_0 over
the tilted start. The final value of the expert's trajectories is a
constant that counts do not determine; it is left out of LL and has no gradient.

Episodes without a bound (no horizon, discount 1) have the same three lines where Z converges, F(s) from linear
equations in the tilted law; discounted and without end there is no such model, and `InvalidModel` says so.
Source: ziebart2008.
"""

from typing import Any

import numpy as np

from equivalence.objectives.feature_matching import FeatureMatch, Objective, matched
from equivalence.objectives.features import linear_reward, weighted_outer
from mdps import MDP, boltzmann, scalars
from mdps.arguments import checked_expert, checked_reward, checked_temperature, reward_axes
from mdps.linear import certain_solution


def log_likelihood(mdp: MDP, reward: Any, expert: Any, *, temperature: Any = 1) -> Any:
    """<rho_E, r> / alpha - log Z, in nats; maximized. expert: expected counts in the reward's shape."""
    reward = checked_reward(mdp, reward)
    axes = reward_axes(mdp, reward)
    expert = checked_expert(mdp, expert, axes)
    alpha = checked_temperature(temperature, mdp.level)
    earned = (expert * reward).sum(axis=tuple(range(-len(axes), 0)))
    return earned / alpha - boltzmann.log_partition(mdp, reward, temperature=alpha)


def gradient(mdp: MDP, reward: Any, expert: Any, *, temperature: Any = 1) -> np.ndarray:
    """d log_likelihood / d reward = (rho_E - rho_r) / alpha, in the reward's shape."""
    reward = checked_reward(mdp, reward)
    axes = reward_axes(mdp, reward)
    expert = checked_expert(mdp, expert, axes)
    alpha = checked_temperature(temperature, mdp.level)
    return (expert - boltzmann.occupancy(mdp, reward, temperature=alpha, axes=axes)) / alpha


def hessian(mdp: MDP, features: Any, theta: Any, *, temperature: Any = 1) -> np.ndarray:
    """d2 log_likelihood / d theta2 = -Cov(f(tau)) / alpha^2 for r = features theta, [k, k]; negative semidefinite.

    It does not depend on the expert. features [s, k], [s, a, k] or [s, a, s', k].
    """
    phi, reward = linear_reward(mdp, features, theta)
    alpha = checked_temperature(temperature, mdp.level)
    phi = np.broadcast_to(phi[(..., *(None,) * (4 - phi.ndim), slice(None))], (*mdp.transition.shape, phi.shape[-1]))
    zero = scalars.constant(0, mdp.initial)
    if mdp.horizon is None:
        return -_covariance_of_episodes(boltzmann.episode_law(mdp, reward, alpha), phi) / alpha**2
    tilted = boltzmann.tilted_kernel(mdp, reward, temperature=alpha)
    expected = np.full((mdp.n_states, phi.shape[-1]), zero, dtype=phi.dtype)
    steps = []
    for t in reversed(range(len(tilted.steps))):
        ahead = mdp.discount**t * phi + expected
        joint = tilted.steps[t][..., None]
        expected = (joint * ahead).sum(axis=(1, 2))
        steps.append(ahead - expected[:, None, None, :])
    deviation = expected - (tilted.initial[:, None] * expected).sum(axis=0)
    covariance = weighted_outer(tilted.initial, deviation)
    mu = tilted.initial
    for step, centered in zip(tilted.steps, reversed(steps), strict=True):
        joint = mu[:, None, None] * step
        covariance = covariance + weighted_outer(joint, centered)
        mu = joint.sum(axis=(0, 1)) + np.where(mdp.terminal, mu, zero)
    return -covariance / alpha**2


def _covariance_of_episodes(law: boltzmann.EpisodeLaw, phi: np.ndarray) -> np.ndarray:
    """Cov(f) of episodes without a bound, [k, k]: F(s) = sum_a,s' p (phi + F(s')) solves a linear system."""
    collected = (law.step[..., None] * phi).sum(axis=(1, 2))
    expected = certain_solution(law.step.sum(axis=1), collected)
    deviation = expected - (law.initial[:, None] * expected).sum(axis=0)
    centered = phi + expected - expected[:, None, None, :]
    joint = law.visits[:, None, None] * law.step
    return weighted_outer(law.initial, deviation) + weighted_outer(joint, centered)


def optimum(mdp: MDP, features: Any, expert: Any, *, temperature: Any = 1, start: Any = None) -> FeatureMatch:
    """The theta whose model matches the expert's features, with a certified distance to the best one.

    features [s, k], [s, a, k] or [s, a, s', k]; expert: expected counts in the shape of a reward. Floats alone.
    start [k] is where the search begins: 0, unless without a horizon nothing has a value there.

    Errors: `InvalidArgument` where the supremum is not attained; see `equivalence.objectives.feature_matching`.
    """
    objective = Objective(log_likelihood, boltzmann.occupancy, hessian)
    return matched(objective, mdp, features, expert, temperature=temperature, start=start)
