"""Two backups of control as inference: one conditions, one controls.

For a prior policy pi0, a temperature alpha and g_t = gamma^t r / alpha, backwards from v_T = gamma^T f / alpha,

    optimistic   q_t(s, a) = log sum_s' P(s' | s, a) exp(g_t + v_{t+1}(s'))
    causal       q_t(s, a) =     sum_s' P(s' | s, a)    (g_t + v_{t+1}(s'))
    both         v_t(s)    = log sum_a pi0(a | s) exp(q_t(s, a)),    policy_t = pi0 exp(q_t - v_t)

with v_t = gamma^t f / alpha in terminal states; q and v are nats as seen from the start. The first are messages: exp of
v_t is E[exp(rest of the return / alpha)] under the prior. By Jensen the second are below them, and equal where chance
decides nothing that matters. The popular Q = r + gamma alpha log E exp(V / alpha) is the backup of no law over
trajectories: at gamma < 1 a law weighs exp(gamma^t r), so its temperature grows as alpha / gamma^t.

Discounted without end nothing has a last step, but returns are bounded, and so is E[exp(R / alpha)] under a prior (it
is the sum over actions that grows without bound). `truncated` stops after T steps with a certified error.
Source: levine2018; ziebart2010.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from mdps import MDP, InvalidArgument, OutOfReach, scalars
from mdps.arguments import (
    checked_horizon,
    checked_policy,
    checked_reward,
    checked_temperature,
    expected_reward,
    reward_axes,
)
from mdps.kernels import Sparse

Backup = Callable[[Any, np.ndarray], np.ndarray]


class Messages(NamedTuple):
    """A backup: q and policy [..., t, s, a] of T rows, v [..., t, s] of T+1; q and v in nats, seen from the start.

    q is log 0 at unavailable actions; the policy is 0 there and where the prior is. Rows of terminal states are zero.
    """

    q: np.ndarray
    v: np.ndarray
    policy: np.ndarray


def uniform_prior(mdp: MDP) -> np.ndarray:
    """The policy that draws among the available actions, [..., s, a]; rows of terminal states are zero."""
    count = mdp.available.sum(axis=-1, keepdims=True).astype(mdp.initial.dtype)
    zero = scalars.constant(0, mdp.initial)
    return scalars.over(mdp.available, lambda n: power_of(mdp, 0) / n, count, otherwise=zero)


def optimistic_messages(mdp: MDP, reward: Any, *, prior: Any = None, temperature: Any = 1) -> Messages:
    """The backup that conditions on O, q_t = log sum_s' P exp(g_t + v_{t+1}), and the policy of the posterior.

    prior  [s, a] or [t, s, a], by default uniform over the available actions.

    >>> from mdps import gallery
    >>> mdp, reward = gallery.lottery()
    >>> optimistic_messages(mdp, reward).policy[0, 0]
    array([8/25, 17/25], dtype=object)
    """
    reward = checked_reward(mdp, reward)
    return _messages(mdp, prior, temperature, lambda alpha: _optimistic(mdp, reward, alpha))


def causal_messages(mdp: MDP, reward: Any, *, prior: Any = None, temperature: Any = 1) -> Messages:
    """The backup that controls, q_t = sum_s' P (g_t + v_{t+1}), and the policy of the largest ELBO.

    >>> from mdps import gallery
    >>> mdp, reward = gallery.lottery()
    >>> causal_messages(mdp, reward).policy[0, 0]
    array([1/2, 1/2], dtype=object)
    """
    reward = checked_reward(mdp, reward)
    expected = expected_reward(mdp, reward)
    return _messages(
        mdp, prior, temperature, lambda alpha: lambda power, v: power * expected / alpha + mdp.expectation(v)
    )


class Truncated(NamedTuple):
    """A model with a horizon, and the largest error in nats of its v_0 and of what follows from it linearly."""

    mdp: MDP
    error: Any


def truncated(mdp: MDP, reward: Any, *, horizon: int, temperature: Any = 1) -> Truncated:
    """The first T steps of a model discounted without end, what follows worth the middle of what it can be worth.

    The rest of a return, from T on, lies between lo and hi, the least and the largest of r / (1 - gamma) and the final
    values of terminal states. Both backups are monotone and let constants through, so v_0 of either, and with it
    log p(O) and the largest ELBO, is off by at most gamma^T (hi - lo) / (2 alpha).

    Errors: `InvalidArgument` for a model that has a horizon already, or no discount.
    """
    reward = checked_reward(mdp, reward)
    alpha = checked_temperature(temperature, mdp.level)
    if mdp.horizon is not None or mdp.discount == 1 or mdp.batch_shape:
        raise InvalidArgument("only one model that is discounted without end is truncated: horizon=None, discount < 1")
    axes = reward_axes(mdp, reward)
    paid = reward[~mdp.terminal if axes == "s" else mdp.available if axes == "sa" else possible_transitions(mdp)]
    worth = np.concatenate([paid / (1 - mdp.discount), mdp.final_value[mdp.terminal]])
    if not worth.size:
        raise InvalidArgument("no state has an action")
    high, low = scalars.largest(worth), -scalars.largest(-worth)
    middle = np.where(mdp.terminal, mdp.final_value, (high + low) / 2)
    first = replace(mdp, horizon=horizon, final_value=middle)
    return Truncated(first, mdp.discount**horizon * (high - low) / (2 * alpha))


def checked_prior(mdp: MDP, prior: Any) -> np.ndarray:
    """The prior as [..., t, s, a]; None is the uniform one."""
    checked_horizon(mdp)
    return checked_policy(mdp, uniform_prior(mdp) if prior is None else prior, "prior")


def power_of(mdp: MDP, t: int) -> Any:
    """gamma^t."""
    return mdp.discount**t


def possible_transitions(mdp: MDP) -> np.ndarray:
    """Where P is positive, of a dense model, [..., s, a, s']."""
    if isinstance(mdp.kernel, Sparse):
        raise OutOfReach("the posterior tilts P by reward and message; build a dense model")
    return mdp.kernel.support


def exponents_of(mdp: MDP, reward: np.ndarray, alpha: Any) -> Backup:
    """log P + g_t + v_{t+1}, [..., s, a, s'], of gamma^t and v."""
    support = possible_transitions(mdp)
    weight = reward[(..., *(None,) * (3 - len(reward_axes(mdp, reward))))] / alpha
    log_dynamics = scalars.over(support, scalars.log, mdp.transition, otherwise=scalars.log_zero(mdp.transition))
    return lambda power, v: log_dynamics + power * weight + v[..., None, None, :]


def _optimistic(mdp: MDP, reward: np.ndarray, alpha: Any) -> Backup:
    exponents, support = exponents_of(mdp, reward, alpha), possible_transitions(mdp)
    nothing = np.full(mdp.available.shape, scalars.log_zero(mdp.initial), dtype=mdp.initial.dtype)
    return lambda power, v: scalars.logsumexp(exponents(power, v), where=support, otherwise=nothing)


def _messages(mdp: MDP, prior: Any, temperature: Any, backup_at: Callable[[Any], Backup]) -> Messages:
    horizon = checked_horizon(mdp)
    alpha = checked_temperature(temperature, mdp.level)
    before = checked_prior(mdp, prior)
    backup = backup_at(alpha)
    final = mdp.final_value / alpha
    v = power_of(mdp, horizon) * final
    values, actions, policies = [v], [], []
    for t in reversed(range(horizon)):
        pi0 = before[..., t, :, :]
        possible = ~scalars.zero_mask(pi0)
        q = backup(power_of(mdp, t), v)
        exponent = scalars.over(possible, lambda p, x: scalars.log(p) + x, pi0, q, otherwise=scalars.constant(0, q))
        v, policy = scalars.log_normalized(exponent, where=possible, otherwise=power_of(mdp, t) * final)
        actions.append(np.where(mdp.available, q, scalars.log_zero(q)))
        values.append(v)
        policies.append(policy)
    n_axes = len(mdp.batch_shape)
    return Messages(*(np.stack(rows[::-1], axis=n_axes) for rows in (actions, values, policies)))
