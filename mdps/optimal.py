"""Optimal control by backward induction: the hard maximum.

    Q_t(s, a) = r(s, a) + gamma sum_s' P(s' | s, a) V_{t+1}(s'),    V_t(s) = max_a Q_t(s, a),    V_T = f

over available actions; V_t(s) = f(s) where s is terminal. It is the limit of soft control as the temperature goes to 0.
Source: puterman1994.
"""

from typing import Any, NamedTuple

import numpy as np

from mdps import scalars
from mdps.arguments import checked_horizon, checked_reward, expected_reward
from mdps.errors import OutOfReach
from mdps.model import MDP


class OptimalSolution(NamedTuple):
    """Optimal control: q [..., t, s, a] and policy [..., t, s, a] of T rows, v [..., t, s] of T+1.

    The policy is deterministic: it takes the first of the best actions.
    """

    q: np.ndarray
    v: np.ndarray
    policy: np.ndarray


def optimal_solution(mdp: MDP, reward: Any) -> OptimalSolution:
    """The optimal action values, values and a deterministic optimal policy of a reward [s], [s, a] or [s, a, s'].

    Errors: `OutOfReach` where balls or symbols leave open which action is best.

    >>> from mdps import gallery
    >>> mdp, reward = gallery.fork()
    >>> optimal_solution(mdp, reward).policy[0, 0]
    array([0, 1], dtype=object)
    """
    r = expected_reward(mdp, checked_reward(mdp, reward))
    v = mdp.final_value
    zero, one = scalars.constant(0, mdp.initial), scalars.constant(1, mdp.initial)
    qs, values, policies = [], [v], []
    for _ in range(checked_horizon(mdp)):
        q = r + mdp.discount * mdp.expectation(v)
        v = scalars.largest(q, where=mdp.available, otherwise=mdp.final_value)
        best = _first_best(q, mdp.available)
        qs.append(np.where(mdp.available, q, scalars.log_zero(q)))
        values.append(v)
        policies.append(np.where(best, one, zero))
    return OptimalSolution(*(np.stack(steps[::-1], axis=len(mdp.batch_shape)) for steps in (qs, values, policies)))


def _first_best(q: np.ndarray, available: np.ndarray) -> np.ndarray:
    """One True a state that has actions, at the first action whose value is largest."""
    if q.dtype != object:
        first = np.where(available, q, -np.inf).argmax(axis=-1)
        return available & (np.arange(q.shape[-1]) == first[..., None])
    best = np.zeros(q.shape, dtype=bool)
    for state in np.ndindex(q.shape[:-1]):
        actions = np.flatnonzero(available[state])
        if len(actions) == 0:
            continue
        choice = actions[0]
        for a in actions[1:]:
            better, worse = q[state][a] > q[state][choice], q[state][a] <= q[state][choice]
            if better is not True and worse is not True and not (bool(better) or bool(worse)):
                raise OutOfReach(
                    f"which of actions {choice} and {a} is better in state {state} is open; raise the precision"
                )
            choice = a if bool(better) else choice
        best[(*state, choice)] = True
    return best
