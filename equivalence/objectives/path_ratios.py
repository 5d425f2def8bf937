"""What a policy does to the probability of each trajectory, and what chance does to its return.

    log p_pi(tau) / p0(tau) = sum_{t<L} log pi_t(a_t | s_t) - log pi0(a_t | s_t)

For the policy of the causal backup v, q of `soft_messages` it is the return but for its value and for luck, a sum of
martingale differences that vanishes where dynamics are deterministic:

    log p_pi(tau) / p0(tau) = R(tau) / alpha - v_0(s_0) - luck(tau)
    luck(tau) = sum_t g_t(s_t, a_t, s_{t+1}) + v_{t+1}(s_{t+1}) - q_t(s_t, a_t)

At gamma = 1 this is soft control. The discounted soft policy pi of `mdps.soft_solution`, values V, has another law,
even where dynamics are deterministic: there

    alpha sum_t log pi(a_t | s_t) = sum_{t<L} r_t - V_0(s_0) - (1 - gamma) sum_{0<t<L} V_t(s_t) + gamma V_L(s_L)

(V_L in place of gamma V_L where L = 0), which is not sum_t gamma^t r_t but for a constant: the law p(tau) proportional
to exp(sum_t gamma^t r_t) is not that of a discounted soft policy.
Source: levine2018; fu2018; gleave2022.
"""

from typing import Any

import numpy as np

from equivalence.objectives.soft_messages import causal_messages, checked_prior, power_of
from mdps import InvalidArgument, scalars
from mdps.arguments import checked_policy, checked_reward, checked_temperature
from mdps.trajectories import Trajectories


def log_ratios(paths: Trajectories, policy: Any, *, prior: Any = None) -> np.ndarray:
    """log p_pi(tau) / p0(tau) = sum_t log pi_t(a_t | s_t) - log pi0(a_t | s_t) of each trajectory [n], in nats.

    Log 0 where pi never acts so. Errors: `InvalidArgument` where the prior never does and pi does.
    """
    mdp = paths.mdp
    steps, before = checked_policy(mdp, policy), checked_prior(mdp, prior)
    stray = ~scalars.zero_mask(steps) & scalars.zero_mask(before)
    if stray.any():
        at = [int(i) for i in np.argwhere(stray)[0]]
        raise InvalidArgument(f"policy{at} is {steps[tuple(at)]} where the prior is 0: the ratio is infinite")
    ratio = scalars.over(
        ~scalars.zero_mask(steps),
        lambda p, p0: scalars.log(p) - scalars.log(p0),
        steps,
        before,
        otherwise=scalars.log_zero(steps),
    )
    total = np.full(len(paths), scalars.constant(0, steps), dtype=ratio.dtype)
    for t in range(paths.actions.shape[1]):
        alive = paths.actions[:, t] >= 0
        total[alive] = total[alive] + ratio[t, paths.states[alive, t], paths.actions[alive, t]]
    return total


def luck(paths: Trajectories, reward: Any, *, prior: Any = None, temperature: Any = 1) -> np.ndarray:
    """What chance gave each trajectory beyond what was expected, [n] in nats; its mean under any policy is 0.

    0 where dynamics are deterministic: see the module.
    """
    mdp = paths.mdp
    reward = checked_reward(mdp, reward)
    alpha = checked_temperature(temperature, mdp.level)
    q, v, _ = causal_messages(mdp, reward, prior=prior, temperature=alpha)
    r = reward[(..., *(None,) * (3 - reward.ndim))] / alpha
    r = np.broadcast_to(r, mdp.transition.shape)
    total = np.full(len(paths), scalars.constant(0, mdp.initial), dtype=v.dtype)
    for t in range(paths.actions.shape[1]):
        alive = paths.actions[:, t] >= 0
        s, a, after = paths.states[alive, t], paths.actions[alive, t], paths.states[alive, t + 1]
        total[alive] = total[alive] + (power_of(mdp, t) * r[s, a, after] + v[t + 1, after] - q[t, s, a])
    return total
