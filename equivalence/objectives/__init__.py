"""Objectives and their gradients in closed form, one question a module.

On a finite space of n outcomes (arguments `energy`, `sampler`, `data` of shape [..., n], and `log_normalizer`):

    ebm                 maximum likelihood of an energy-based model
    exponential_family  its optimum in a linear family of energies, with a certificate
    nce, nce_family     noise-contrastive estimation, and its optimum in a linear family
    contrastive         contrastive divergence and other negative phases; markov_chains has the kernels
    pseudo_likelihood   each component given the others
    probability_flow    minimum probability flow
    gan                 a discriminator that is given the sampler's density
    generator_losses    what a sampler descends; score_function has REINFORCE and its baselines
    ebgan, adversarial_ebm   discriminators that are energies
    gcl                 importance-sampled maximum entropy IRL (guided cost learning)
    proposals           importance weights of sampler and mixtures; estimators has those of N samples
    bridge              normalizers from two samples (Bennett)
    divergences         entropies and divergences; f_divergences has critics (and f_generators), transport
                        Wasserstein's; tangent says what a gradient is on the simplex

On an MDP (arguments `mdp`, `reward`, `expert`, `policy`):

    maxent              the maximum entropy law over trajectories
    causal              maximum causal entropy
    demonstrations      the likelihood of samples, which is not that of their population
    feature_matching    the optimum of both in the parameters of a linear reward, with a certificate
    inference           control as inference; soft_messages has its backups, path_ratios those of trajectories
    airl, airl_recovery adversarial IRL, and what it recovers; surrogates has its policy step
    gail, gail_saddle   adversarial imitation, and its saddle point; occupancy_flow has policies and occupancies
    policy_gradients    through the occupancy, and forms that are printed and are none
    policy_divergences  of trajectories and of occupancies
    reward_distances    of rewards up to shaping and scale (STARC, EPIC)
    trajectory_gan      a GAN over trajectories that is given the policy's law
    q_learning          inverse soft-Q learning; sqil and dice are its neighbours
    f_irl               f-divergences of state visits
    trust_region        an entropic policy near an expert's occupancy; trust_region_optimum has the fixed point
    rlhf, dpo           policies over responses, from rewards and from comparisons; bradley_terry and token_mdp

Signs are in the names: `*_likelihood`, `*_value` and `dual` are maximized, `*_loss` is minimized. A gradient has the
shape of what it is a gradient to.
"""

from equivalence.objectives import (
    adversarial_ebm,
    airl,
    airl_recovery,
    bradley_terry,
    bridge,
    causal,
    contrastive,
    demonstrations,
    dice,
    divergences,
    dpo,
    ebgan,
    ebm,
    estimators,
    exponential_family,
    f_divergences,
    f_generators,
    f_irl,
    feature_matching,
    gail,
    gail_saddle,
    gan,
    gcl,
    generator_losses,
    inference,
    markov_chains,
    maxent,
    nce,
    nce_family,
    occupancy_flow,
    path_ratios,
    policy_divergences,
    policy_gradients,
    probability_flow,
    proposals,
    pseudo_likelihood,
    q_learning,
    reward_distances,
    rlhf,
    score_function,
    soft_messages,
    sqil,
    surrogates,
    tangent,
    token_mdp,
    trajectory_gan,
    transport,
    trust_region,
    trust_region_optimum,
)

__all__ = [
    "adversarial_ebm",
    "airl",
    "airl_recovery",
    "bradley_terry",
    "bridge",
    "causal",
    "contrastive",
    "demonstrations",
    "dice",
    "divergences",
    "dpo",
    "ebgan",
    "ebm",
    "estimators",
    "exponential_family",
    "f_divergences",
    "f_generators",
    "f_irl",
    "feature_matching",
    "gail",
    "gail_saddle",
    "gan",
    "gcl",
    "generator_losses",
    "inference",
    "markov_chains",
    "maxent",
    "nce",
    "nce_family",
    "occupancy_flow",
    "path_ratios",
    "policy_divergences",
    "policy_gradients",
    "probability_flow",
    "proposals",
    "pseudo_likelihood",
    "q_learning",
    "reward_distances",
    "rlhf",
    "score_function",
    "soft_messages",
    "sqil",
    "surrogates",
    "tangent",
    "token_mdp",
    "trajectory_gan",
    "transport",
    "trust_region",
    "trust_region_optimum",
]
