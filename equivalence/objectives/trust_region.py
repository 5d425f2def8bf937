"""Trust-region inverse reinforcement learning: an entropic policy near an expert's occupancy, and steps of its reward.

For normalized occupancies n_pi = rho_pi / M, M = sum_t gamma^t (1 / (1 - gamma) without a horizon), an entropy weight
alpha (the temperature), a weight beta of the divergence (`kl_weight`) and the policy pi_r that is soft-optimal for r,

    primal   J(pi) = (alpha H(pi) + E[gamma^T f]) / M - beta KL(n_pi || n_E)                 maximized
    dual     G(r)  = sum_s rho(s) V_r(s) / M + beta log sum n_E exp(-r / beta)               minimized, convex
    dG/dr    = n - q,    n = n_{pi_r},    q = n_E exp(-r / beta) / sum
    gap      G(r) - J(pi_r) = beta KL(n || q)

H is the discounted causal entropy. Strong duality holds, and at the optimum r* = beta log(n_E / n_{pi*}), up to a
constant, to which G is blind. The reward moves against

    delta = r - beta log(n_E / n),      d/ds G(r - s delta) at s = 0  =  -beta [KL(n || q) + KL(q || n)]  <=  0,

so G falls along -delta, but only over small enough steps: a step of 1 often raises it.

Trust region. A policy pi_i that is soft-optimal for r_i, a step r = r_i - epsilon delta, and a weight eta of the
divergence from pi_i (`trust_weight`, in the unit of a temperature) give

    pi_tr = argmax E_rho[r] + alpha H(pi) - eta E_rho[KL(pi || pi_i)]           (discounted, over the occupancy of pi)

and pi_tr is soft-optimal for the corrected reward r_i - (alpha epsilon / (alpha + eta)) delta, exactly, in any
dynamics, since alpha log pi_i is r_i but for a shaping by its values, ends and final values included. It fails where
pi_i is not optimal for r_i, where eta depends on the state, and where the divergence is weighed by the states of pi_i.

The published problem has alpha = 1, no horizon, and rewards [s, a]. Here a finite horizon will do, with the policies
[t, s, a] of `mdps.soft_solution` and one reward for all steps, and so will rewards [s] or [s, a, s'], whose n is over
the same axes. The dual needs a mass M that all policies share: no policy may end. (Give an end as a state in which one
stays; entropy is then earned there, too, which is what keeps the uniform policy optimal for r = 0.)
Source: diwan2026.
"""

from typing import Any

import numpy as np

from equivalence.objectives.tilted_expert import (
    delta,
    descent,
    first_of,
    from_start,
    normalizer,
    positive,
    reached_by_policies,
    solved,
    weighted_log_ratio,
)
from mdps import MDP, InvalidArgument, causal_entropy, occupancy, policy_value, scalars, soft_solution
from mdps.arguments import (
    checked_expert,
    checked_policy,
    checked_reward,
    expected_reward,
    numbers,
    reward_axes,
)


def primal(mdp: MDP, policy: Any, expert: Any, *, kl_weight: Any, temperature: Any = 1) -> Any:
    """(alpha H + E[gamma^T f]) / M - beta KL(n_pi || n_E), in the unit of reward; maximized.

    expert  expected discounted counts, [s, a] (or [s], [s, a, s']: the divergence is then over these axes).

    Errors: `InvalidArgument` where the expert is 0 and the policy goes.
    """
    alpha, weight = positive("temperature", temperature, mdp.level), positive("kl_weight", kl_weight, mdp.level)
    table = numbers("expert", expert, mdp.level)
    axes = reward_axes(mdp, table, "expert")
    table = checked_expert(mdp, table, axes) / normalizer(mdp)
    reached_by_policies(mdp, axes)
    n = occupancy(mdp, policy, axes=axes) / normalizer(mdp)
    stray = ~scalars.zero_mask(n) & scalars.zero_mask(table)
    if stray.any():
        raise InvalidArgument(f"expert{first_of(stray)} is 0 where the policy goes: KL(n_pi || n_E) is infinite")
    final = from_start(mdp, policy_value(mdp, 0 * mdp.final_value, policy))
    entropy = causal_entropy(mdp, policy)
    return (alpha * entropy + final) / normalizer(mdp) - weight * _divergence(n, table, len(axes))


def dual(mdp: MDP, reward: Any, expert: Any, *, kl_weight: Any, temperature: Any = 1) -> Any:
    """G(r) = rho V_r / M + beta log sum n_E exp(-r / beta), in the unit of reward; minimized.

    Errors: `InvalidArgument` where a policy can end before the horizon, or the expert is not positive exactly where
    policies go. Cost: a soft solution and an occupancy.
    """
    state = solved(mdp, reward, expert, kl_weight=kl_weight, temperature=temperature)
    return state.value + positive("kl_weight", kl_weight, mdp.level) * state.log_total


def gradient(mdp: MDP, reward: Any, expert: Any, *, kl_weight: Any, temperature: Any = 1) -> np.ndarray:
    """dG/dr = n - q, in the shape of the reward; it sums to 0."""
    state = solved(mdp, reward, expert, kl_weight=kl_weight, temperature=temperature)
    return state.occupancy - state.tilted


def gap(mdp: MDP, reward: Any, expert: Any, *, kl_weight: Any, temperature: Any = 1) -> Any:
    """G(r) - J(pi_r) = beta KL(n || q) >= 0, in the unit of reward: neither is farther than this from the optimum.

    In balls it is a certificate. The occupancy of the optimum is near, too: KL(n || n*) <= gap / beta.
    """
    state = solved(mdp, reward, expert, kl_weight=kl_weight, temperature=temperature)
    return positive("kl_weight", kl_weight, mdp.level) * weighted_log_ratio(state.occupancy, state)


def direction(mdp: MDP, reward: Any, expert: Any, *, kl_weight: Any, temperature: Any = 1) -> np.ndarray:
    """delta = r - beta log(n_E / n), in the shape and unit of the reward; 0 where no policy goes.

    Rewards move to r - epsilon delta. Errors: in floats `OutOfReach` where an occupancy underflows.
    """
    state = solved(mdp, reward, expert, kl_weight=kl_weight, temperature=temperature)
    weight = positive("kl_weight", kl_weight, mdp.level)
    lacking = weight * np.asarray(state.log_total)[(..., *(None,) * state.n_axes)]
    return np.where(state.reached, delta(weight, state) - lacking, scalars.constant(0, state.occupancy))


def slope(mdp: MDP, reward: Any, expert: Any, *, kl_weight: Any, temperature: Any = 1) -> Any:
    """The derivative of G along -delta, -beta [KL(n || q) + KL(q || n)] <= 0."""
    state = solved(mdp, reward, expert, kl_weight=kl_weight, temperature=temperature)
    return descent(positive("kl_weight", kl_weight, mdp.level), state)


def trust_region_policy(mdp: MDP, reward: Any, policy: Any, *, trust_weight: Any, temperature: Any = 1) -> np.ndarray:
    """argmax over pi of E_rho[r] + alpha H(pi) - eta E_rho[KL(pi || policy)], [t, s, a] (without a horizon [s, a]).

    The expectations are discounted and over what pi itself visits. Relative to the policy as a prior it is soft
    control of r - alpha log policy at the temperature alpha + eta; what the policy never does, pi never does.
    """
    reward = checked_reward(mdp, reward)
    alpha, eta = positive("temperature", temperature, mdp.level), positive("trust_weight", trust_weight, mdp.level)
    prior = checked_policy(mdp, policy)
    done = ~scalars.zero_mask(prior)
    log_prior = scalars.over(done, scalars.log, prior, otherwise=scalars.constant(0, prior))
    r = expected_reward(mdp, reward)
    if mdp.horizon is None:
        return soft_solution(mdp, r - alpha * log_prior, prior=prior, temperature=alpha + eta).policy
    v, steps = mdp.final_value, []
    for t in reversed(range(mdp.horizon)):
        q = r - alpha * log_prior[..., t, :, :] + mdp.discount * mdp.expectation(v)
        log_total, pi = scalars.log_normalized(
            q / (alpha + eta) + log_prior[..., t, :, :],
            where=done[..., t, :, :],
            otherwise=mdp.final_value / (alpha + eta),
        )
        v = np.where(mdp.terminal, mdp.final_value, log_total * (alpha + eta))
        steps.append(pi)
    return np.stack(steps[::-1], axis=len(mdp.batch_shape))


def corrected_reward(reward: Any, direction: Any, *, step: Any, trust_weight: Any, temperature: Any = 1) -> np.ndarray:
    """r - (alpha epsilon / (alpha + eta)) delta: the reward for which the trust-region policy is soft-optimal.

    reward     r_i, for which the old policy is soft-optimal.
    direction  delta, in its shape: the trust-region policy was that of r_i - epsilon delta.
    step       epsilon.

    >>> from fractions import Fraction
    >>> import numpy as np
    >>> corrected_reward(np.array([[2.0]]), np.array([[1.0]]), step=1.0, trust_weight=3.0)
    array([[1.75]])
    """
    reward, direction = np.asarray(reward), np.asarray(direction)
    if reward.shape != direction.shape:
        raise InvalidArgument(f"reward has shape {reward.shape} and direction {direction.shape}; expected the same")
    level = scalars.level_of(reward)
    alpha, eta = positive("temperature", temperature, level), positive("trust_weight", trust_weight, level)
    epsilon = numbers("step", step, level)[()]
    return reward - (alpha * epsilon / (alpha + eta)) * direction


def _divergence(p: np.ndarray, q: np.ndarray, n_axes: int) -> Any:
    terms = scalars.over(
        ~scalars.zero_mask(p),
        lambda p, q: p * (scalars.log(p) - scalars.log(q)),
        p,
        q,
        otherwise=scalars.constant(0, p),
    )
    return terms.sum(axis=tuple(range(-n_axes, 0)))
