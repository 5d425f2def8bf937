"""Public functions of the modules on finite spaces that are no targets, with the reason."""

CHECKS = "a check of arguments"
SHARED = "an intermediate step that modules share"
BY_PROGRAMMING = "a linear programme in floats with certified bounds; `transport` judges what a given pair proves"
GENERATORS = "makes a generator of functions; `f_divergences` has those that have names"
PROPOSALS = "a pair of a law and weights; `proposals.log_weight` and what follows from them has each of these forms"

LEFT_OUT: dict[str, str] = {
    "bradley_terry.components": "which pairs are connected is told by numbers of components, which are no answer",
    "bradley_terry.laplacian": SHARED,
    "estimators.sample_counts": "a list of whole numbers, which is not about the arguments",
    "f_divergences.divergence_of_measures": SHARED,
    "f_divergences.without_log_zero": CHECKS,
    "f_generators.alpha": GENERATORS,
    "f_generators.fixed": SHARED,
    "f_generators.generator": GENERATORS,
    "f_generators.halved": GENERATORS,
    "f_generators.log_two": SHARED,
    "markov_chains.checked_shape": CHECKS,
    "markov_chains.conditionals": SHARED,
    "markov_chains.same_elsewhere": SHARED,
    "proposals.checked_proposal": CHECKS,
    "proposals.mixture_proposal": PROPOSALS,
    "proposals.sampler_proposal": PROPOSALS,
    "proposals.true_mixture_proposal": PROPOSALS,
    "token_mdp.paid_at_the_end": "makes a model of a model",
    "token_mdp.token_mdp": "makes a model; tables of prefixes stand for it",
    "transport.optimal_transport": BY_PROGRAMMING,
    "transport.wasserstein": BY_PROGRAMMING,
}
