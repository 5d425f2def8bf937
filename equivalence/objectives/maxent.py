"""Maximum entropy inverse reinforcement learning, over trajectories.

The model is p_r(tau) = rho prod P exp(R(tau) / alpha) / Z, see `mdps.boltzmann`. An expert is what it visits: a table
rho_E of expected discounted counts in the shape of the reward, and

    LL        = <rho_E, r> / alpha - log Z          log-likelihood, densities relative to rho prod P
    dLL/dr    = (rho_E - rho_r) / alpha             rho_r = occupancy of p_r

For a reward r = sum_k theta_k phi_k chain the last line with phi. The final value of the expert's trajectories is a
constant that counts do not determine; it is left out of LL and has no gradient.
Source: ziebart2008.
"""

from typing import Any

import numpy as np

from mdps import MDP, boltzmann
from mdps.arguments import checked_expert, checked_reward, checked_temperature, reward_axes


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
