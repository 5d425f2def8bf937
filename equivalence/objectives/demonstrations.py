"""Sampled demonstrations: the likelihood of what was seen, which is not that of where it came from.

n demonstrations (s_0, a_0, s_1, ...) visited s and chose a at step t with the empirical share m_t(s, a). Under the
soft-optimal policy of a reward their mean log-likelihood, in the actions alone, and its gradient are

    LL      = sum_t gamma^t sum_s,a m_t(s, a) log pi_t(a | s)
    dLL/dr  = (1 / alpha) sum_t gamma^t x_t(s, a),      x_t = m_t + (d_t - m_t(s)) pi_t,     d_0 = 0,
              d_{t+1}(s') = sum_s,a x_t(s, a) P(s' | s, a)          m_t(s) = sum_a m_t(s, a)

x_t is what the demonstrations did less what the policy would have done in the same states, and what follows from it in
the model's dynamics. It is the difference of empirical and expected counts, which are the gradient of the dual, only
where the demonstrations moved exactly as the dynamics say they would on average: never, if these are stochastic and n
is finite. For the trajectory law there is no such difference: its likelihood depends on the empirical counts alone, so
`maxent.log_likelihood` and `maxent.gradient` take those.

With a discount below 1 this is a discounted likelihood. Units: nats; alpha is reward per nat.
Source: gleave2022; ziebart2010.
"""

from typing import Any, NamedTuple

import numpy as np

from mdps import MDP, InvalidArgument, scalars
from mdps.arguments import checked_horizon, checked_reward, checked_temperature, reward_axes
from mdps.bellman import soft_backups
from mdps.entropies import expected_log_policy


class Demonstrations(NamedTuple):
    """What was seen: states [n, T+1] and actions [n, T], integers, -1 past the end of a demonstration."""

    states: np.ndarray
    actions: np.ndarray


def marginals(mdp: MDP, demonstrations: Any, *, axes: str = "sa") -> np.ndarray:
    """m_t(s, a), the share of demonstrations that decided a in s at step t, [t, s, a] (or [t, s], [t, s, a, s']).

    Errors: `InvalidArgument` for shapes or numbers that do not fit, a start, action or step that the model has not,
    and a demonstration that ends before the horizon elsewhere than in a terminal state.
    """
    states, actions = _checked(mdp, demonstrations)
    n, horizon = actions.shape
    shape = (mdp.n_states, mdp.n_actions, mdp.n_states)[: len(axes)]
    counts = np.zeros((horizon, *shape), dtype=int)
    seen, step = np.nonzero(actions >= 0)
    visited = states[seen, step], actions[seen, step], states[seen, step + 1]
    np.add.at(counts, (step, *visited[: len(axes)]), 1)
    if mdp.level == "float":
        return counts / n
    share = scalars.constant(1, mdp.initial) / n
    return np.array([int(x) * share for x in counts.ravel()], dtype=object).reshape(counts.shape)


def occupancy(mdp: MDP, demonstrations: Any, *, axes: str = "sa") -> np.ndarray:
    """Mean discounted counts sum_t gamma^t m_t, [s, a] (or [s], [s, a, s']): an expert for `maxent` and the dual."""
    visited = marginals(mdp, demonstrations, axes=axes)
    total, weight = visited[0], scalars.constant(1, mdp.initial)
    for step in visited[1:]:
        weight = weight * mdp.discount
        total = total + weight * step
    return total


def log_likelihood(mdp: MDP, reward: Any, demonstrations: Any, *, temperature: Any = 1) -> Any:
    """LL, the mean over demonstrations of sum_t gamma^t log pi_t(a_t | s_t), in nats; maximized."""
    _, policy = _policies(mdp, reward, temperature)
    return expected_log_policy(mdp, marginals(mdp, demonstrations), policy)


def gradient(mdp: MDP, reward: Any, demonstrations: Any, *, temperature: Any = 1) -> np.ndarray:
    """dLL/dr in the reward's shape.

    Cost: T products with P and T with its adjoint.
    """
    reward, policy = _policies(mdp, reward, temperature)
    axes, zero = reward_axes(mdp, reward), scalars.constant(0, mdp.initial)
    flow: Any = np.full(mdp.n_states, zero, dtype=mdp.initial.dtype)
    total: Any = zero
    weight = scalars.constant(1, mdp.initial)
    for seen, pi in zip(marginals(mdp, demonstrations), policy, strict=True):
        x = seen + (flow - seen.sum(axis=-1))[:, None] * pi
        total = total + weight * _over(mdp, x, axes)
        flow = mdp.pushforward(x)
        weight = weight * mdp.discount
    return total / checked_temperature(temperature, mdp.level)


def _over(mdp: MDP, x: np.ndarray, axes: str) -> np.ndarray:
    """Counts [s, a] of what a reward over `axes` is paid for: control gets the expected reward."""
    if axes == "sas":
        return x[..., None] * mdp.transition
    return x.sum(axis=-1) if axes == "s" else x


def _policies(mdp: MDP, reward: Any, temperature: Any) -> tuple[np.ndarray, np.ndarray]:
    reward = checked_reward(mdp, reward)
    alpha = checked_temperature(temperature, mdp.level)
    policies = [policy for _, _, policy in soft_backups(mdp, reward, alpha)]
    return reward, np.stack(policies[::-1])


def _checked(mdp: MDP, demonstrations: Any) -> tuple[np.ndarray, np.ndarray]:
    horizon = checked_horizon(mdp)
    states, actions = map(np.asarray, demonstrations)
    for name, table, width in (("states", states, horizon + 1), ("actions", actions, horizon)):
        if table.ndim != 2 or table.shape[1] != width or not len(table) or table.dtype.kind not in "iu":
            raise InvalidArgument(
                f"{name} have shape {table.shape} and dtype {table.dtype}; expected integers of shape (n, {width}), "
                "one row for each demonstration, -1 past its end"
            )
    if len(states) != len(actions):
        raise InvalidArgument(f"{len(states)} rows of states and {len(actions)} of actions; expected as many")
    _require(states[:, :1] >= 0, states[:, :1] < mdp.n_states, "states", "a state of the model at the start")
    _require(states >= -1, states < mdp.n_states, "states", f"-1 ... {mdp.n_states - 1}")
    _require(actions >= -1, actions < mdp.n_actions, "actions", f"-1 ... {mdp.n_actions - 1}")
    going, last = actions >= 0, states[:, :-1]
    _require(~scalars.zero_mask(mdp.initial)[states[:, 0]], True, "states", "a possible start")
    _require(going == (states[:, 1:] >= 0), True, "states", "a next state for each action, and none without")
    ended = (last < 0) | mdp.terminal[last]
    _require(going != ended, True, "actions", "an action in each state but terminal ones, and none past the end")
    possible = mdp.support[last, actions, states[:, 1:]]
    _require(possible | ~going, True, "states", "a step that the model can take")
    return states, actions


def _require(low: Any, high: Any, name: str, expected: str) -> None:
    wrong = ~np.asarray(low & high)
    if wrong.any():
        at = [int(i) for i in np.argwhere(wrong)[0]]
        raise InvalidArgument(f"{name}{at}: expected {expected}")
