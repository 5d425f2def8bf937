"""What is public and no target, with the reason: `module.function`, of `equivalence.objectives` or of `mdps`.

A test walks over every public function of the objectives, and of the modules of `mdps` in MODULES, and finds it among
the targets or here.
"""

from equivalence.testing.targets.spaces_left_out import LEFT_OUT as OF_SPACES

SHARED = "an intermediate step that modules share"
CHECKS = "a check of arguments"
BY_ITERATION = "found by iteration in floats with a certificate: there is no ball of it, see `trained.parameters`"
TRANSFORMS = "makes a model of a model"
RESHAPES = "another order of the same numbers"
NO_SINGLE_ANSWER = "a basis, of which many are right"
ENDLESS = "of problems without a horizon alone; targets have one, and many are asked without one, too"
WITH_STRUCTURE = "takes a description of components, no plain arrays"

MODULES = (  # of mdps, beside the functions that it exports itself
    *("bellman", "boltzmann", "dynamics", "entropies", "factored", "goal_conditioned", "identifiability", "inverse"),
    *("occupancy", "occupancy_entropies", "optimal", "shaping"),
)

LEFT_OUT: dict[str, str] = {
    # objectives on an MDP
    "airl_recovery.recovered": "which directions are open is an exact rank, which balls have not",
    "airl_recovery.state_only_ambiguity": NO_SINGLE_ANSWER,
    "causal.ending_at_zero": TRANSFORMS,
    "causal.optimum": BY_ITERATION,
    "feature_matching.matched": BY_ITERATION,
    "features.linear_reward": "the reward of features and theta: option `features` of every target on a reward",
    "gail.expert_like": CHECKS,
    "gail.table_like": CHECKS,
    "gail.unpaid": TRANSFORMS,
    "maxent.optimum": BY_ITERATION,
    "policy_gradients.action_values": SHARED,
    "q_learning.soft_step": SHARED,
    "reward_distances.centered": SHARED,
    "reward_distances.counted": SHARED,
    "reward_distances.half_chord": SHARED,
    "reward_distances.signed_squared_cosine": SHARED,
    "reward_distances.uniform_policy": SHARED,
    "soft_messages.checked_prior": CHECKS,
    "soft_messages.exponents_of": SHARED,
    "soft_messages.possible_transitions": SHARED,
    "soft_messages.power_of": SHARED,
    "soft_messages.truncated": ENDLESS,
    "soft_messages.uniform_prior": SHARED,
    "trust_region_optimum.fixed_point": BY_ITERATION,
    **OF_SPACES,
    # mdps
    "bellman.soft_backups": SHARED,
    "bellman.soft_policies": SHARED,
    "boltzmann.episode_law": ENDLESS,
    "dynamics.derived": TRANSFORMS,
    "dynamics.disabled_actions": TRANSFORMS,
    "dynamics.permuted_actions": TRANSFORMS,
    "dynamics.replaced": TRANSFORMS,
    "dynamics.slippery": TRANSFORMS,
    "dynamics.with_transition": TRANSFORMS,
    "entropies.expected_log_choice": SHARED,
    "entropies.expected_log_policy": SHARED,
    "factored.action_components": WITH_STRUCTURE,
    "factored.action_index": WITH_STRUCTURE,
    "factored.autoregressive_policy": WITH_STRUCTURE,
    "factored.by_component": WITH_STRUCTURE,
    "factored.causal_entropy_by_component": WITH_STRUCTURE,
    "factored.component_marginals": WITH_STRUCTURE,
    "factored.conditionals": WITH_STRUCTURE,
    "factored.independent_policy": WITH_STRUCTURE,
    "factored.kl_by_component": WITH_STRUCTURE,
    "factored.of_components": WITH_STRUCTURE,
    "factored.total_correlation": WITH_STRUCTURE,
    "goal_conditioned.by_goal": RESHAPES,
    "goal_conditioned.goal_conditioned": TRANSFORMS,
    "goal_conditioned.of_goals": RESHAPES,
    "identifiability.blind_potentials": NO_SINGLE_ANSWER,
    "identifiability.invariance": NO_SINGLE_ANSWER,
    "identifiability.null_space": NO_SINGLE_ANSWER,
    "identifiability.one_shape": CHECKS,
    "identifiability.rank": "a whole number of exact matrices, which floats do not have",
    "identifiability.rank_of_pair": "a whole number of exact matrices, which floats do not have",
    "inverse.anchored_reward": f"{ENDLESS}; reward_of_policy is asked there",
    "normalized": "divides counts by their sums",
    "occupancy.checked_axes": CHECKS,
    "occupancy.occupancy_of_steps": SHARED,
    "occupancy.over_axes": SHARED,
    "shaping.shaped": TRANSFORMS,
    "trajectories": "lists them",
    "trajectory_count": "counts them",
}
