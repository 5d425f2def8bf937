"""Targets on an MDP: soft and hard control, what a policy does, entropies."""

from typing import Any

import numpy as np

import mdps
from equivalence.testing.targets.argument import FIXED, NUMBER
from equivalence.testing.targets.references import entropy_of_quotients, normalized_again
from equivalence.testing.targets.rows import members, row
from mdps import boltzmann, occupancy_entropies

SOFT = "mdp reward temperature"
FIXED_POLICY = {"policy": FIXED}  # it multiplies logarithms of what is free, or of itself


# Entropies of probabilities that are normalized again, see `references`.


def _occupancy_entropy(mdp: Any, occupancy: Any, axes: str) -> Any:
    return entropy_of_quotients(np.ravel(occupancy))


def _choice_entropy(mdp: Any, occupancy: Any) -> Any:
    return (occupancy.sum(axis=-1) * entropy_of_quotients(occupancy)).sum()


CONTROL = (
    *members(
        "soft_solution",
        SOFT,
        (
            ("q", "tsa", "soft action values Q_t = r + gamma E[V_t+1], -inf at unavailable actions"),
            (
                "v",
                "ts",
                "soft values V_t = alpha log sum_a exp(Q_t / alpha), T+1 rows, 0 at the horizon and in terminal states",
            ),
            ("policy", "tsa", "exp((Q_t - V_t) / alpha), 0 at unavailable actions; rows of terminal states are 0"),
        ),
        mdps.soft_solution,
        "soft-optimal control: V_t = alpha log sum_a exp(Q_t / alpha) over available actions; Q = -inf at others",
        paid=("q", "v"),
    ),
    *members(
        "optimal_solution",
        "mdp reward",
        (
            ("q", "tsa", "action values Q_t = r + gamma E[V_t+1], -inf at unavailable actions"),
            ("v", "ts", "V_t = max_a Q_t, T+1 rows, 0 at the horizon and in terminal states"),
            ("policy", "tsa", "1 at the first of the best available actions; rows of terminal states are 0"),
        ),
        mdps.optimal_solution,
        "optimal control: V_t = max_a Q_t over available actions, Q = -inf at others; of equal ones the first is taken",
        roles={"reward": NUMBER},
        paid=("q", "v"),
    ),
    row(
        "policy_value",
        "mdp reward policy",
        "ts",
        mdps.policy_value,
        "expected discounted return from t on, T+1 rows, no entropy; 0 at the horizon and in terminal states",
        roles={"reward": NUMBER},
        paid=("",),
    ),
    row(
        "state_marginals",
        "mdp policy",
        "ts",
        mdps.state_marginals,
        "probability of being in s at t, T+1 rows that sum to 1: what has ended stays where it ended; not discounted",
    ),
    row(
        "marginals",
        "mdp policy",
        "tsa",
        mdps.marginals,
        "probability of deciding a in s at t, T rows; nothing is decided in terminal states; not discounted",
    ),
    row(
        "occupancy",
        "mdp policy",
        "C",
        mdps.occupancy,
        "expected visits sum_t<T gamma^t mu_t, counted at decisions: not at s_T, not in terminal states",
        mean="steps",
    ),
)
BOLTZMANN = (
    row(
        "boltzmann.log_partition",
        SOFT,
        "",
        boltzmann.log_partition,
        "log Z, Z = sum over trajectories of rho prod P exp(discounted return / alpha)",
    ),
    row(
        "boltzmann.law",
        SOFT,
        "n",
        boltzmann.law,
        "rho prod P exp(discounted return / alpha) / Z of each trajectory of positive probability, in lexicographic "
        "order of s_0, a_0, s_1, a_1, ...; a trajectory ends at the horizon or in a terminal state",
    ),
    row(
        "boltzmann.occupancy",
        SOFT,
        "C",
        boltzmann.occupancy,
        "expected visits sum_t<T gamma^t [s_t = s, a_t = a] under the law rho prod P e^(R / alpha) / Z of trajectories",
        mean="steps",
    ),
    row(
        "boltzmann.log_messages",
        SOFT,
        "hs",
        boltzmann.log_messages,
        "log z_t(s), the log weight of all that can follow s at t, T+1 rows, in nats as seen from the start: rewards "
        "at t weigh gamma^t; 0 at the horizon and in terminal states",
    ),
    *members(
        "boltzmann.tilted_kernel",
        SOFT,
        (
            ("initial", "s", "where the law of trajectories starts: rho z_0 / Z"),
            ("steps", "tsax", "what it chooses, for itself and for chance: p_t(a, s' | s); 0 where it never is"),
        ),
        lambda **values: (lambda found: (found.initial, np.stack(found.steps)))(boltzmann.tilted_kernel(**values)),
        "the law rho prod P exp(R / alpha) / Z of trajectories as a Markov chain",
    ),
)
ENTROPIES = (
    row(
        "causal_entropy",
        "mdp policy",
        "",
        mdps.causal_entropy,
        "-sum_t gamma^t E[log pi_t(a_t | s_t)], in nats",
        roads=(lambda mdp, policy: mdps.causal_entropy(mdp, normalized_again(policy)),),
        roles=FIXED_POLICY,
        mean="steps",
    ),
    row(
        "trajectory_entropy",
        "mdp law",
        "",
        lambda mdp, law: mdps.trajectory_entropy(law),
        "-sum_x p(x) log p(x) of probabilities [n]",
        roads=(lambda mdp, law: entropy_of_quotients(law),),
        roles={"law": FIXED},
        unseen=("mdp",),
    ),
    row(
        "occupancy_entropies.occupancy_entropy",
        "mdp occupancy",
        "",
        lambda mdp, occupancy, axes: occupancy_entropies.occupancy_entropy(occupancy, axes=axes),
        "-sum n log n of n = rho / sum rho, in nats",
        roads=(_occupancy_entropy,),
        unseen=("mdp",),
    ),
    row(
        "occupancy_entropies.choice_entropy",
        "mdp occupancy",
        "",
        lambda mdp, occupancy: occupancy_entropies.choice_entropy(occupancy),
        "-sum rho(s, a) log(rho(s, a) / rho(s)), in nats",
        roads=(_choice_entropy,),
        axes={"occupancy": "sa"},
        unseen=("mdp",),
    ),
)
