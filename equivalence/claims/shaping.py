"""Changes of the reward that leave the soft-optimal policy as it is, and those that only seem to."""

from typing import Any

import numpy as np
from flint import fmpq

from equivalence.claims import games
from equivalence.claims.assumptions import no_terminal_states
from equivalence.claims.claim import Conclusion, claim, equal
from mdps import MDP, gallery, scalars, soft_solution


def _shaped(mdp: MDP, reward: Any, potential: Any) -> Any:
    """r(s, a, s') + gamma potential(s') - potential(s), [s, a, s']."""
    r = reward[(..., *(None,) * (3 - reward.ndim))] + mdp.discount * potential - potential[:, None, None]
    return np.broadcast_to(r, (mdp.n_states, mdp.n_actions, mdp.n_states))


@claim("S-01", source="ng1999; gleave2022")
def shaped_policy_eq_policy(
    mdp: MDP, reward: Any, potential: Any, temperature: Any, *, solve: Any = soft_solution
) -> Conclusion:
    """Potential shaping keeps the soft-optimal policy of a finite horizon, if the final value becomes f - potential."""
    ended = mdp.with_final_value(mdp.final_value - potential)
    shaped = solve(ended, _shaped(mdp, reward, potential), temperature=temperature)
    return equal(shaped.policy, solve(mdp, reward, temperature=temperature).policy)


@claim("S-01", source="ng1999; gleave2022")
def shaped_value_eq_value_minus_potential(
    mdp: MDP, reward: Any, potential: Any, temperature: Any, *, solve: Any = soft_solution
) -> Conclusion:
    """Shaping shifts the soft value by the potential: V'_t(s) = V_t(s) - potential(s)."""
    ended = mdp.with_final_value(mdp.final_value - potential)
    shaped = solve(ended, _shaped(mdp, reward, potential), temperature=temperature)
    return equal(shaped.v, solve(mdp, reward, temperature=temperature).v - potential)


@claim("S-01", source="ng1999", known_false=True)
def shaped_policy_eq_policy_without_final_value(
    mdp: MDP, reward: Any, potential: Any, temperature: Any, *, solve: Any = soft_solution
) -> Conclusion:
    """Shaping alone keeps the policy, as it does without end. False at a finite horizon."""
    shaped = solve(mdp, _shaped(mdp, reward, potential), temperature=temperature)
    return equal(shaped.policy, solve(mdp, reward, temperature=temperature).policy)


@shaped_policy_eq_policy_without_final_value.fails_as_printed
def shaped_fork() -> dict[str, Any]:
    """The fork with a potential of log 2 in the poor state, which is as good as a reward for ending there."""
    mdp, reward = gallery.fork()
    potential = scalars.log(games.numbers(1, 2, 1))
    return {"mdp": mdp, "reward": reward, "potential": potential, "temperature": fmpq(1)}


@claim("S-02", assumes=[no_terminal_states], source="derived")
def policy_with_constant_added_eq_policy(
    mdp: MDP, reward: Any, constant: Any, temperature: Any, *, solve: Any = soft_solution
) -> Conclusion:
    """A constant added to the reward keeps the soft-optimal policy where all trajectories are equally long."""
    shifted = solve(mdp, reward + constant, temperature=temperature)
    return equal(shifted.policy, solve(mdp, reward, temperature=temperature).policy)


@policy_with_constant_added_eq_policy.fails_without(no_terminal_states)
def paid_to_stay() -> dict[str, Any]:
    """A constant of log 2 a step makes it worth staying out of the terminal state."""
    mdp, reward = gallery.exit_or_stay()
    return {"mdp": mdp, "reward": reward, "constant": scalars.log(games.numbers(2)[0]), "temperature": fmpq(1)}
