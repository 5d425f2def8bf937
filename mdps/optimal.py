"""Optimal control by backward induction: the hard maximum.

    Q_t(s, a) = r(s, a) + gamma sum_s' P(s' | s, a) V_{t+1}(s'),    V_t(s) = max_a Q_t(s, a),    V_T = f

over available actions; V_t(s) = f(s) where s is terminal. It is the limit of soft control as the temperature goes to 0.
Source: puterman1994.
"""

from typing import Any, NamedTuple

import numpy as np

from mdps import scalars
from mdps.arguments import checked_reward, expected_reward
from mdps.model import MDP
from mdps.stationary import StationarySolution, first_best, one_by_one, optimal_control


class OptimalSolution(NamedTuple):
    """Optimal control: q [..., t, s, a] and policy [..., t, s, a] of T rows, v [..., t, s] of T+1.

    The policy is deterministic: it takes the first of the best actions.
    """

    q: np.ndarray
    v: np.ndarray
    policy: np.ndarray


def optimal_solution(mdp: MDP, reward: Any, *, accuracy: Any = None) -> OptimalSolution | StationarySolution:
    """The optimal action values, values and a deterministic optimal policy of a reward [s], [s, a] or [s, a, s'].

    accuracy  the largest error of v that is accepted, where it is found by iteration; half its digits if None.

    Without a horizon: a `StationarySolution` (`mdps.stationary`), exact numbers by exact policy iteration.

    Errors: `OutOfReach` where balls or symbols leave open which action is best; `InvalidModel` where an undiscounted
    problem without a horizon has no finite value.

    >>> from mdps import gallery
    >>> mdp, reward = gallery.fork()
    >>> optimal_solution(mdp, reward).policy[0, 0]
    array([0, 1], dtype=object)
    """
    reward = checked_reward(mdp, reward)
    if mdp.horizon is None:
        return one_by_one(lambda m, r: optimal_control(m, r, accuracy), mdp, reward)
    r = expected_reward(mdp, reward)
    v = mdp.final_value
    zero, one = scalars.constant(0, mdp.initial), scalars.constant(1, mdp.initial)
    qs, values, policies = [], [v], []
    for _ in range(mdp.horizon):
        q = r + mdp.discount * mdp.expectation(v)
        v = scalars.largest(q, where=mdp.available, otherwise=mdp.final_value)
        best = first_best(q, mdp.available)
        qs.append(np.where(mdp.available, q, scalars.log_zero(q)))
        values.append(v)
        policies.append(np.where(best, one, zero))
    return OptimalSolution(*(np.stack(steps[::-1], axis=len(mdp.batch_shape)) for steps in (qs, values, policies)))
