"""Maximum causal entropy inverse reinforcement learning.

The model is the soft-optimal policy of a reward, see `mdps.bellman`. An expert is what it visits: a table rho_E of
expected discounted counts in the shape of the reward, and

    dual      = (<rho_E, r> - sum_s rho(s) V_0(s)) / alpha
    ddual/dr  = (rho_E - rho_pi) / alpha            rho_pi = occupancy of the soft-optimal policy

The dual is concave in r. Where the expert lives in the same dynamics it equals the likelihood
E_E[sum_t gamma^t log pi_t(a_t | s_t)], up to the expert's discounted final value, which counts do not determine.
Source: ziebart2010.
"""

from typing import Any

import numpy as np

from mdps import MDP, scalars
from mdps.arguments import checked_expert, checked_reward, checked_temperature, reward_axes
from mdps.bellman import soft_backups
from mdps.occupancy import occupancy_of_steps


def dual(mdp: MDP, reward: Any, expert: Any, *, temperature: Any = 1) -> Any:
    """(<rho_E, r> - rho V_0) / alpha, in nats; maximized. expert: expected counts in the reward's shape."""
    reward = checked_reward(mdp, reward)
    axes = reward_axes(mdp, reward)
    expert = checked_expert(mdp, expert, axes)
    alpha = checked_temperature(temperature, mdp.level)
    earned = (expert * reward).sum(axis=tuple(range(-len(axes), 0)))
    v = mdp.final_value
    for _, v, _ in soft_backups(mdp, reward, alpha):
        pass
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
    policies = [policy for _, _, policy in soft_backups(mdp, reward, alpha)]
    visits = occupancy_of_steps(mdp, reversed(policies), axes=axes, overwrite=True)
    return (expert - visits) / alpha
