"""Control as inference: what one would have done, had all gone well.

A prior policy pi0 acts in the dynamics, and a trajectory is optimal, O, with a probability proportional to e^{R/alpha}:

    p0(tau)      = rho(s_0) prod_t pi0(a_t | s_t) P(s_{t+1} | s_t, a_t)
    p(O | tau)   = exp(R(tau) / alpha),             R(tau) = sum_{t<L} gamma^t r + gamma^L f(s_L)
    p(O)         = E_p0[exp(R / alpha)]             the evidence (times a constant where R > 0)
    p(tau | O)   = p0(tau) exp(R / alpha) / p(O)    the posterior

With the messages v and q of the optimistic backup of `soft_messages`, log p(O) = log sum_s rho exp(v_0), and the
posterior is a Markov chain that tilts start and dynamics, too, as if the agent chose chance:

    rho(s) exp(v_0(s)) / p(O),     pi0(a | s) exp(q_t - v_t),     P(s' | s, a) exp(g_t + v_{t+1}(s') - q_t(s, a))

A policy pi in the true dynamics has a lower bound of the log evidence,

    ELBO(pi) = E_pi[R] / alpha - KL(p_pi || p0) = log p(O) - KL(p_pi || p(. | O)),

the best of which is sum_s rho v_0 of the causal backup, at its policy; it is log p(O) where neither start nor dynamics
leave anything to chance. The gap is a sum of three divergences, see `Gap`. At gamma = 1, alpha times that best is the
value of soft control whose entropy is relative to the prior, `mdps.soft_solution(..., prior=pi0)`. At gamma < 1 it is
not, since an evidence knows no discounted entropy: see `path_ratios`.
Source: levine2018; ziebart2010; gleave2022.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives.soft_messages import (
    Messages,
    Truncated,
    causal_messages,
    checked_prior,
    exponents_of,
    optimistic_messages,
    possible_transitions,
    power_of,
    truncated,
    uniform_prior,
)
from mdps import MDP, InvalidArgument, marginals, policy_value, scalars
from mdps.arguments import checked_policy, checked_reward, checked_temperature

__all__ = [
    "Gap",
    "Messages",
    "Posterior",
    "Smoothing",
    "Truncated",
    "best_elbo",
    "causal_messages",
    "elbo",
    "gap",
    "log_evidence",
    "optimistic_messages",
    "posterior",
    "smoothing",
    "truncated",
    "uniform_prior",
]


class Posterior(NamedTuple):
    """p(tau | O) as a Markov chain: initial [..., s], policy [..., t, s, a], dynamics [..., t, s, a, s'].

    log_evidence  log p(O), in nats. Where the posterior never comes, rows are those of the same formulas.
    """

    log_evidence: Any
    initial: np.ndarray
    policy: np.ndarray
    dynamics: np.ndarray


class Smoothing(NamedTuple):
    """p(s_t | O) [..., t, s] of T+1 rows, where mass that has ended stays, and p(s_t, a_t | O) [..., t, s, a]."""

    state_marginals: np.ndarray
    marginals: np.ndarray


class Gap(NamedTuple):
    """log p(O) - ELBO(pi) in nats, as three sums of divergences of p_pi from the posterior that are not negative.

    initial   KL(rho || p(s_0 | O))                                               a start that no policy chooses
    policy    sum_t E_pi[KL(pi_t || p(a_t | s_t, O))]                             choices
    dynamics  sum_t E_pi[KL(P || p(s_{t+1} | s_t, a_t, O))]                       chance
    """

    initial: Any
    policy: Any
    dynamics: Any


def log_evidence(mdp: MDP, reward: Any, *, prior: Any = None, temperature: Any = 1) -> Any:
    """log p(O) = log E_p0[exp(R / alpha)], in nats; one number for each model of a stack."""
    return _log_evidence(mdp, optimistic_messages(mdp, reward, prior=prior, temperature=temperature).v)


def posterior(mdp: MDP, reward: Any, *, prior: Any = None, temperature: Any = 1) -> Posterior:
    """The law p(tau | O) factored forward in time: its start, its policy, and the dynamics that it tilts.

    >>> from mdps import gallery
    >>> mdp, reward = gallery.lottery()
    >>> posterior(mdp, reward).dynamics[0, 0, 1]  # a fair coin that one hopes to win
    array([0, 16/17, 1/17], dtype=object)
    """
    reward = checked_reward(mdp, reward)
    alpha = checked_temperature(temperature, mdp.level)
    messages = optimistic_messages(mdp, reward, prior=prior, temperature=alpha)
    q, v = (np.moveaxis(x, len(mdp.batch_shape), 0) for x in (messages.q, messages.v))
    zero = scalars.constant(0, mdp.initial)
    log_p = _log_evidence(mdp, messages.v)
    initial = scalars.over(
        ~scalars.zero_mask(mdp.initial),
        lambda rho, value, total: scalars.exp(scalars.log(rho) + value - total),
        mdp.initial,
        v[0],
        np.asarray(log_p)[..., None],
        otherwise=zero,
    )
    exponents = exponents_of(mdp, reward, alpha)
    possible = possible_transitions(mdp)
    dynamics = [
        scalars.over(
            possible,
            lambda ahead, here: scalars.exp(ahead - here),
            exponents(power_of(mdp, t), v[t + 1]),
            q[t][..., None],
            otherwise=zero,
        )
        for t in range(len(q))
    ]
    return Posterior(log_p, initial, messages.policy, np.stack(dynamics, axis=len(mdp.batch_shape)))


def smoothing(mdp: MDP, reward: Any, *, prior: Any = None, temperature: Any = 1) -> Smoothing:
    """p(s_t | O) and p(s_t, a_t | O), by the forward pass through the posterior chain."""
    _, mu, policy, dynamics = posterior(mdp, reward, prior=prior, temperature=temperature)
    n_axes = len(mdp.batch_shape)
    zero = scalars.constant(0, mdp.initial)
    states, decisions = [mu], []
    for pi, chance in zip(np.moveaxis(policy, n_axes, 0), np.moveaxis(dynamics, n_axes, 0), strict=True):
        decisions.append(mu[..., None] * pi)
        moved = (decisions[-1][..., None] * chance).sum(axis=(-3, -2))
        mu = moved + np.where(mdp.terminal, mu, zero)
        states.append(mu)
    return Smoothing(np.stack(states, axis=n_axes), np.stack(decisions, axis=n_axes))


def elbo(mdp: MDP, reward: Any, policy: Any, *, prior: Any = None, temperature: Any = 1) -> Any:
    """E_pi[R] / alpha - KL(p_pi || p0), in nats; maximized, and at most log p(O).

    Returns are discounted, KL(p_pi || p0) = sum_t E_pi[log pi_t - log pi0] is not: it is that of two laws.

    Errors: `InvalidArgument` where pi does what the prior never does; the bound is minus infinity.
    """
    alpha = checked_temperature(temperature, mdp.level)
    steps, before, visited = checked_policy(mdp, policy), checked_prior(mdp, prior), marginals(mdp, policy)
    _check_covered(visited, before)
    earned = _expected(mdp, policy_value(mdp, reward, policy)[..., 0, :]) / alpha
    return earned - _weighted(visited, _log_ratio, steps, before)


def best_elbo(mdp: MDP, reward: Any, *, prior: Any = None, temperature: Any = 1) -> Any:
    """The largest ELBO, sum_s rho(s) v_0(s) of the causal backup, in nats; its policy attains it."""
    return _expected(mdp, causal_messages(mdp, reward, prior=prior, temperature=temperature).v[..., 0, :])


def gap(mdp: MDP, reward: Any, policy: Any, *, prior: Any = None, temperature: Any = 1) -> Gap:
    """log p(O) - ELBO(pi) = KL(p_pi || p(. | O)), by start, choices and chance, in nats. Errors: as `elbo`."""
    reward = checked_reward(mdp, reward)
    alpha = checked_temperature(temperature, mdp.level)
    steps, before, visited = checked_policy(mdp, policy), checked_prior(mdp, prior), marginals(mdp, policy)
    _check_covered(visited, before)
    q, v, _ = optimistic_messages(mdp, reward, prior=before, temperature=alpha)
    n_axes = len(mdp.batch_shape)
    exponents = exponents_of(mdp, reward, alpha)
    ahead = np.stack(
        [exponents(power_of(mdp, t), after) for t, after in enumerate(np.moveaxis(v, n_axes, 0)[1:])], axis=n_axes
    )
    dynamics = np.broadcast_to(np.expand_dims(mdp.transition, n_axes), ahead.shape)
    return Gap(
        _weighted(
            mdp.initial,
            lambda total, here: total - here,
            np.asarray(_log_evidence(mdp, v))[..., None],
            v[..., 0, :],
            n_axes=1,
        ),
        _weighted(visited, lambda p, p0, q, v: _log_ratio(p, p0) - q + v, steps, before, q, v[..., :-1, :, None]),
        _weighted(
            visited[..., None] * dynamics,
            lambda p, here, ahead: scalars.log(p) + here - ahead,
            dynamics,
            q[..., None],
            ahead,
            n_axes=4,
        ),
    )


def _log_evidence(mdp: MDP, v: np.ndarray) -> Any:
    return scalars.logsumexp(scalars.log(mdp.initial) + v[..., 0, :], where=~scalars.zero_mask(mdp.initial))


def _expected(mdp: MDP, v: np.ndarray) -> Any:
    """sum_s rho(s) v(s)."""
    zero = scalars.constant(0, mdp.initial)
    return np.where(scalars.zero_mask(mdp.initial), zero, mdp.initial * v).sum(axis=-1)


def _weighted(weight: np.ndarray, f: Callable[..., np.ndarray], *arrays: np.ndarray, n_axes: int = 3) -> Any:
    """sum of weight f(arrays) over the last axes, where the weight is positive."""
    positive = ~scalars.zero_mask(weight)
    zero = scalars.constant(0, weight)
    terms = scalars.over(positive, lambda w, *x: w * f(*x), weight, *arrays, otherwise=zero)
    return terms.sum(axis=tuple(range(-n_axes, 0)))


def _log_ratio(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return scalars.log(p) - scalars.log(q)


def _check_covered(visited: np.ndarray, prior: np.ndarray) -> None:
    stray = ~scalars.zero_mask(visited) & scalars.zero_mask(prior)
    if stray.any():
        at = [int(i) for i in np.argwhere(stray)[0]]
        raise InvalidArgument(
            f"the prior is 0 at {at}, where the policy goes: KL(p_pi || p0) is infinite and the bound minus infinity"
        )
