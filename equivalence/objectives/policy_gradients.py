"""The gradient of what a policy earns, through its occupancy, and forms of it that are printed and are none.

    J(pi)        = E[sum_t gamma^t (r_t - alpha log pi_t)] + final value        alpha: weight of the entropy, or 0
    Q_t(s, a)    = r_t + gamma E[V_{t+1}],    V_t = sum_a pi_t (Q_t - alpha log pi_t)
    dJ/dpi(a|s)  = d(s) (Q(s, a) - alpha log pi(a|s) - alpha)                    d = discounted visits of states
    dJ/dlogit    = d(s) pi(a|s) (Q(s, a) - alpha log pi(a|s) - V(s)),            pi = exp logit / sum exp logit

The first takes the entries of pi as free numbers, off the simplex, too: <rho_pi, r> is a polynomial in them. Q is the
reward to go. A policy [t, s, a] has d_t = gamma^t mu_t(s), and a gradient for each step; a policy [s, a] of a finite
horizon is the same at each step, and its gradient is the sum over t.

The update with the immediate reward,

    sum_s,a rho(s, a) r(s, a) dlog pi(a | s),

is that gradient where E_d[dlog pi (Q - r)] = 0: at horizon 1, or where no action changes what follows. Elsewhere it is
off by exactly that. Expositions also print it with dpi in place of dlog pi.
Source: sutton2000; ho2016.
"""

from typing import Any

import numpy as np

from equivalence.objectives.steps import (
    all_steps,
    at_start,
    checked_step_policy,
    checked_weight,
    expectation,
    like_given,
    mask_like,
    policy_visits,
)
from mdps import MDP, InvalidArgument, policy_value, scalars
from mdps.arguments import checked_reward, expected_reward, numbers

SCORES = ("log pi", "pi")


def regularized_value(mdp: MDP, reward: Any, policy: Any, *, entropy_weight: Any = 0, steps: bool = False) -> Any:
    """J(pi) = E[sum_t gamma^t (r_t - alpha log pi_t)] + final value, in the unit of the reward; maximized.

    reward  [s], [s, a] or [s, a, s']; with `steps` [t, s, a], a reward for each step of the horizon.
    """
    pi, r, alpha = _checked(mdp, reward, policy, entropy_weight, steps)
    return at_start(mdp, action_values(mdp, r, pi, alpha)[1])


def policy_gradient(mdp: MDP, reward: Any, policy: Any, *, entropy_weight: Any = 0, steps: bool = False) -> np.ndarray:
    """dJ/dpi(a|s) = d(s) (Q(s, a) - alpha log pi(a|s) - alpha), in the shape of the policy; entries are free numbers.

    It is 0 at unavailable actions.

    Errors: `InvalidArgument` for an entropy weight where an available action has policy 0: the derivative is infinite.

    >>> from mdps import gallery
    >>> mdp, reward = gallery.fork()
    >>> policy_gradient(mdp, reward, [[[1, 0], [1, 0], [1, 0]]] * 2)[0, 0]
    array([0, log(3)], dtype=object)
    """
    pi, r, alpha = _checked(mdp, reward, policy, entropy_weight, steps)
    q, _ = action_values(mdp, r, pi, alpha)
    visited = _state_visits(mdp, pi)[..., None]
    available = np.broadcast_to(mask_like(mdp, mdp.available, pi), pi.shape)
    zero = scalars.constant(0, mdp.initial)
    if not _is_zero(alpha):
        never = available & scalars.zero_mask(pi)
        if never.any():
            at = [int(i) for i in np.argwhere(never)[0]]
            raise InvalidArgument(f"policy{at} is 0, where the derivative of the entropy is infinite")
        q = scalars.over(available, lambda q, p: q - alpha * scalars.log(p) - alpha, q, pi, otherwise=zero)
    return like_given(mdp, np.where(available, visited * q, zero), policy)


def logit_gradient(mdp: MDP, reward: Any, policy: Any, *, entropy_weight: Any = 0, steps: bool = False) -> np.ndarray:
    """dJ/dlogit(s, a) = d(s) pi(a|s) (Q(s, a) - alpha log pi(a|s) - V(s)), in the shape of the policy."""
    pi, r, alpha = _checked(mdp, reward, policy, entropy_weight, steps)
    q, v = action_values(mdp, r, pi, alpha)
    now = v if mdp.horizon is None else v[..., :-1, :]
    zero = scalars.constant(0, mdp.initial)

    def terms(d: np.ndarray, p: np.ndarray, q: np.ndarray, v: np.ndarray) -> np.ndarray:
        return d * p * (_less_surprise(q, p, alpha) - v)

    visited = _state_visits(mdp, pi)[..., None]
    slopes = scalars.over(~scalars.zero_mask(pi), terms, visited, pi, q, now[..., None], otherwise=zero)
    return like_given(mdp, slopes, policy)


def immediate_reward_update(
    mdp: MDP, reward: Any, policy: Any, *, score: str = "log pi", steps: bool = False
) -> np.ndarray:
    """sum_s,a rho(s, a) r(s, a) dlog pi(a|s) to the logits of the policy: not a policy gradient, but printed as one.

    score  'log pi', or 'pi': sum_s,a rho(s, a) r(s, a) dpi(a|s).
    """
    if score not in SCORES:
        raise InvalidArgument(f"score is {score!r}; expected 'log pi' or 'pi'")
    pi, r, _ = _checked(mdp, reward, policy, 0, steps)
    visited = _state_visits(mdp, pi)[..., None]
    paid = r if score == "log pi" else pi * r
    zero = scalars.constant(0, mdp.initial)
    paid = np.where(scalars.zero_mask(pi), zero, paid)
    return like_given(mdp, visited * pi * (paid - (pi * paid).sum(axis=-1)[..., None]), policy)


def _checked(
    mdp: MDP, reward: Any, policy: Any, entropy_weight: Any, steps: bool
) -> tuple[np.ndarray, np.ndarray, Any]:
    """The policy and the expected reward over all steps, and alpha."""
    pi = all_steps(mdp, checked_step_policy(mdp, policy))
    if steps:
        r = numbers("reward", reward, mdp.level)
        if mdp.horizon is None or r.shape != pi.shape:
            expected = f"{pi.shape}, [t, s, a]" if mdp.horizon is not None else "no steps where there is no horizon"
            raise InvalidArgument(f"reward has shape {r.shape}; expected {expected}")
    else:
        r = np.broadcast_to(mask_like(mdp, expected_reward(mdp, checked_reward(mdp, reward)), pi), pi.shape)
    return pi, r, checked_weight(mdp, entropy_weight)


def _is_zero(alpha: Any) -> bool:
    return bool(scalars.zero_mask(np.asarray(alpha)))


def _less_surprise(x: np.ndarray, policy: np.ndarray, alpha: Any) -> np.ndarray:
    """x - alpha log pi."""
    return x if _is_zero(alpha) else x - alpha * scalars.log(policy)


def action_values(mdp: MDP, r: np.ndarray, policy: np.ndarray, alpha: Any) -> tuple[np.ndarray, np.ndarray]:
    """Q and V of a policy: [t, s, a] and, T+1 rows, [t, s]; or [s, a] and [s]. The entropy of a step is in V alone."""
    chosen = ~scalars.zero_mask(policy)
    zero = scalars.constant(0, mdp.initial)
    if mdp.horizon is None:
        with_entropy = scalars.over(chosen, lambda r, p: _less_surprise(r, p, alpha), r, policy, otherwise=zero)
        v = policy_value(mdp, with_entropy, policy)
        return r + mdp.discount * expectation(mdp, v), v
    v = mdp.final_value
    qs, values = [], [v]
    for t in reversed(range(mdp.horizon)):
        q, pi = r[..., t, :, :] + mdp.discount * mdp.expectation(v), policy[..., t, :, :]
        terms = scalars.over(chosen[..., t, :, :], lambda q, p: p * _less_surprise(q, p, alpha), q, pi, otherwise=zero)
        v = np.where(mdp.terminal, mdp.final_value, terms.sum(axis=-1))
        qs.append(q)
        values.append(v)
    return np.stack(qs[::-1], axis=-3), np.stack(values[::-1], axis=-2)


def _state_visits(mdp: MDP, policy: np.ndarray) -> np.ndarray:
    """d(s), discounted visits of states, [..., s] or [..., t, s]."""
    return policy_visits(mdp, policy).sum(axis=-1)
