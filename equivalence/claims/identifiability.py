"""What a policy says about its reward, without a horizon: all of these are statements about a fixed point.

Dynamics P, discount gamma, policy pi and values V are arbitrary here, and the reward follows from them. That a soft
backup with gamma < 1 has one fixed point alone is a premise, and not asked.
"""

from typing import Any

import numpy as np

from equivalence.claims.claim import Conclusion, claim, equal
from equivalence.claims.steps import one_step
from mdps import MDP, scalars, soft_solution


def _backup_of_inverse_reward(
    mdp: MDP, dynamics: Any, discounting: Any, policy: Any, continuation: Any, temperature: Any, solve: Any
) -> Any:
    """One soft backup of V under r = alpha log pi + V - gamma P V, for any P, gamma, pi and V."""
    model = one_step(mdp.with_dynamics(dynamics, discounting), continuation)
    ahead = discounting * model.expectation(continuation)
    value = np.broadcast_to(continuation[:, None], mdp.available.shape)

    def reward(pi: Any, v: Any, future: Any) -> Any:
        return temperature * scalars.log(pi) + v - future

    zero = scalars.constant(0, mdp.initial)
    inverse = scalars.over(mdp.available, reward, policy, value, ahead, otherwise=zero)
    return solve(model, inverse, temperature=temperature)


@claim("I-01", source="cao2021; gleave2022")
def soft_backup_of_inverse_reward_eq_value(
    mdp: MDP,
    dynamics: Any,
    discounting: Any,
    policy: Any,
    continuation: Any,
    temperature: Any,
    *,
    solve: Any = soft_solution,
) -> Conclusion:
    """With r = alpha log pi + V - gamma P V, V is a fixed point of the soft backup, whatever pi, V, P and gamma.

    Where gamma < 1 the fixed point is unique, a premise that is not asked here: then V is the soft value of r without
    a horizon.
    """
    solution = _backup_of_inverse_reward(mdp, dynamics, discounting, policy, continuation, temperature, solve)
    return equal(solution.v[0], continuation)


@claim("I-01", source="cao2021; gleave2022")
def soft_policy_of_inverse_reward_eq_policy(
    mdp: MDP,
    dynamics: Any,
    discounting: Any,
    policy: Any,
    continuation: Any,
    temperature: Any,
    *,
    solve: Any = soft_solution,
) -> Conclusion:
    """With r = alpha log pi + V - gamma P V, pi is the soft policy of that fixed point: every V gives one.

    The rewards of a policy are a family with as many free numbers as there are states: it is not identified.
    """
    solution = _backup_of_inverse_reward(mdp, dynamics, discounting, policy, continuation, temperature, solve)
    return equal(solution.policy[0], policy)
