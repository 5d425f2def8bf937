"""Finite Markov decision processes and their exact (soft) solutions.

    model         the MDP: transition, initial, horizon, discount, final_value
    bellman       soft control by backward induction
    optimal       control with the hard maximum
    stationary, visits, episodic   problems without a horizon; fixed_points, linear and graphs solve and certify them,
                  and recorded bounds their rounding
    occupancy     what a policy visits and earns
    trajectories  every trajectory of a small model, one row each
    boltzmann     the maximum entropy law over trajectories
    entropies     of choices, and of trajectories
    occupancy_entropies   of what is visited
    shaping       potentials, and what they leave unchanged
    inverse       the rewards of a policy
    identifiability   what a policy leaves open about its reward; periods has those of graphs
    dynamics      the same states under other transitions
    goal_conditioned  products with a goal that is drawn once
    factored      actions with components
    gallery       named tiny models
    interop       models from elsewhere, and environments for gymnasium
    scalars       the number types: floats, balls, rationals and their logarithms, finite fields, symbols
    bibliography  the works that are cited by key

| symbol             | name                        | shape            | unit             |
|--------------------|-----------------------------|------------------|------------------|
| S, A, T            | `n_states`, `n_actions`, `horizon` |           |                  |
| gamma, alpha       | `discount`, `temperature`   | ()               | -, reward a nat  |
| P, rho             | `transition`, `initial`     | [s, a, s'], [s]  | probability      |
| pi                 | `policy`                    | [s, a], [t, s, a]| probability      |
| Q, V               | `q`, `v`                    | [t, s, a], [t, s]| reward           |
| tau, p(tau)        | `trajectory`, `law`         | [n]              | probability      |
| log Z              | `log_partition`             | ()               | nats             |
| mu_t(s), mu_t(s,a) | `state_marginals`, `marginals` | [t, s], [t, s, a] | probability  |
| mu(s, a)           | `occupancy`                 | [s, a]           | visits           |

There are T decisions t = 0 ... T-1 and T+1 states; without a horizon q, v and policy have no axis t. A reward is [s],
[s, a] or [s, a, s'], told apart by the number of axes. Unavailable actions have policy 0 and q log 0; rows of terminal
states are zero. Logarithms are natural.
"""

from mdps import (
    boltzmann,
    dynamics,
    factored,
    gallery,
    identifiability,
    interop,
    inverse,
    occupancy_entropies,
    periods,
    scalars,
    shaping,
)
from mdps.bellman import SoftSolution, soft_solution
from mdps.entropies import causal_entropy, trajectory_entropy
from mdps.errors import InvalidArgument, InvalidModel, OutOfReach
from mdps.goal_conditioned import goal_conditioned
from mdps.model import MDP
from mdps.normalization import normalized
from mdps.occupancy import marginals, occupancy, policy_value, state_marginals
from mdps.optimal import OptimalSolution, optimal_solution
from mdps.scalars import log
from mdps.stationary import StationarySolution
from mdps.trajectories import Trajectories, trajectories, trajectory_count

__all__ = [
    "MDP",
    "InvalidArgument",
    "InvalidModel",
    "OptimalSolution",
    "OutOfReach",
    "SoftSolution",
    "StationarySolution",
    "Trajectories",
    "boltzmann",
    "causal_entropy",
    "dynamics",
    "factored",
    "gallery",
    "goal_conditioned",
    "identifiability",
    "interop",
    "inverse",
    "log",
    "marginals",
    "normalized",
    "occupancy",
    "occupancy_entropies",
    "optimal_solution",
    "periods",
    "policy_value",
    "scalars",
    "shaping",
    "soft_solution",
    "state_marginals",
    "trajectories",
    "trajectory_count",
    "trajectory_entropy",
]
