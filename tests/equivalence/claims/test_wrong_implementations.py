"""Each claim kills at least one deliberately wrong implementation.

A wrong implementation is put into a hole of the claim, or in place of a function that the claim calls. By default it is
the right one times 1 + 10^-30; where both sides of a claim use the same implementation, so that such a factor cancels,
it is a real mistake.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import fmpq

from equivalence.claims import REGISTRY
from equivalence.evidence import check, generated_instances
from equivalence.evidence.verdict import REFUTED
from equivalence.objectives import causal, ebm, gan, gcl, maxent
from mdps import MDP, boltzmann, optimal_solution, scalars, soft_solution
from mdps.bellman import SoftSolution

SPECK = Fraction(1, 10**30)
CLAIMS = [claim for claim in REGISTRY.values() if not claim.known_false]


def off_by_a_speck(value: Any) -> Any:
    """The value times 1 + 10^-30, exactly."""
    if isinstance(value, (tuple, list)):
        parts = [off_by_a_speck(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    factor = scalars.convert(np.asarray(1 + SPECK, dtype=object), scalars.level_of(np.atleast_1d(value)))[()]
    return value * factor


def wrong(right: Any, spoil: Any = off_by_a_speck) -> Any:
    """The right function with its value spoiled."""
    return lambda *arguments, **keywords: spoil(right(*arguments, **keywords))


def forgets_final_value(mdp: MDP, reward: Any, *, temperature: Any = 1) -> SoftSolution:
    """Soft control that starts from V_T = 0."""
    nothing = np.full(mdp.final_value.shape, scalars.constant(0, mdp.final_value), dtype=mdp.final_value.dtype)
    return soft_solution(mdp.with_final_value(nothing), reward, temperature=temperature)


def normalizes_weights_of_returns(mdp: MDP, reward: Any, *, temperature: Any = 1) -> SoftSolution:
    """Mistake: the policy is proportional to exp(Q) + 1, not to exp(Q)."""
    solution = soft_solution(mdp, reward, temperature=temperature)
    weight = np.where(
        mdp.available, scalars.exp(np.where(mdp.available, solution.q, 0 * mdp.transition.flat[0])) + 1, 0
    )
    total = weight.sum(axis=-1, keepdims=True)
    policy = weight / np.where(total == 0, 1, total)
    return SoftSolution(solution.q, solution.v, policy)


def takes_the_best_action(mdp: MDP, reward: Any, *, temperature: Any = 1) -> SoftSolution:
    """Mistake: hard max in place of log-sum-exp."""
    return SoftSolution(*optimal_solution(mdp, reward))


def halves_the_loss(*arguments: Any) -> Any:
    """Mistake: a mean over 2N samples, not a sum of two expectations."""
    return gan.discriminator_loss(*arguments) / 2


def acts_greedily(mdp: MDP, reward: Any, *, temperature: Any = 1) -> SoftSolution:
    """Mistake: soft values with the policy of the hard maximum."""
    solution = soft_solution(mdp, reward, temperature=temperature)
    return SoftSolution(solution.q, solution.v, optimal_solution(mdp, reward).policy)


def forgets_density(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> Any:
    """Mistake: log q is missing from the discriminator, D = sigmoid(-E - log Z)."""
    probability = scalars.sigmoid(-energy - log_normalizer)
    to_energy = data * (1 - probability) - sampler * probability
    return gan.DiscriminatorGradient(to_energy, to_energy.sum(axis=-1))


def learns_where_nobody_sampled(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> Any:
    """Mistake: outcomes that the sampler misses are scored by their energy."""
    missed = np.where(scalars.zero_mask(sampler), data, 0 * data)
    return gan.discriminator_loss(energy, sampler, data, log_normalizer) + (missed * energy).sum(axis=-1)


def doubles_the_reward(mdp: MDP, reward: Any, expert: Any, *, temperature: Any = 1) -> Any:
    """Mistake: the temperature is applied twice."""
    return maxent.gradient(mdp, 2 * reward, expert, temperature=temperature)


def acts_a_speck_too_often(mdp: MDP, reward: Any, *, temperature: Any = 1) -> SoftSolution:
    """Soft values with a policy that is off by 10^-30."""
    solution = soft_solution(mdp, reward, temperature=temperature)
    return solution._replace(policy=solution.policy * fmpq(10**30 + 1, 10**30))


REAL_MISTAKES = {
    "soft_backup_derivative_eq_expected_derivative": {"solve": acts_a_speck_too_often},
    "soft_backup_curvature_eq_expected_curvature_plus_variance": {"solve": acts_a_speck_too_often},
    "shaped_policy_eq_policy": {"solve": forgets_final_value},
    "shaped_value_eq_value_minus_potential": {"solve": forgets_final_value},
    "policy_with_constant_added_eq_policy": {"solve": normalizes_weights_of_returns},
    "log4_minus_2jsd_le_discriminator_loss": {"loss": halves_the_loss},
    "discriminator_is_stationary_at_data_model": {"gradient": forgets_density},
    "partition_is_optimal_when_data_is_model": {"gradient": forgets_density},
    "partition_is_optimal_when_sampler_is_model": {"gradient": forgets_density},
    "discriminator_loss_is_flat_where_sampler_is_zero": {"loss": learns_where_nobody_sampled},
    "boltzmann_law_eq_soft_policy_law": {"solve": takes_the_best_action},
    "kl_from_soft_policy_eq_log_partition_minus_value": {"solve": acts_greedily},
    "log_partition_minus_value_le_kl_from_policy": {"solve": takes_the_best_action},
    "maxent_gradient_is_zero_at_soft_expert": {"gradient": doubles_the_reward},
}
# What is wrong with the function of that name, where a factor 1 + 10^-30 is too little, as in inequalities.
GROSS_ERRORS = {
    "causal_entropy_le_minus_dual": ("dual", lambda value: value + 1),
    "expected_log_importance_estimate_le_log_partition": ("_pairs", lambda value: (2 * value[0], value[1])),
    "posterior_dynamics_eq_tilted_dynamics": ("log_messages", lambda value: value[::-1]),
}

# Functions of ours that claims call without a hole for them: one is replaced at a time.
MODULES = {"gan": gan, "gcl": gcl, "ebm": ebm, "maxent": maxent, "causal": causal, "boltzmann": boltzmann}


def replaceable(claim: Any) -> list[tuple[Any, str]]:
    """(namespace, name) of the functions that a claim calls, by the names in its code and that of its helpers."""
    space = claim.statement.__globals__
    codes = [claim.statement.__code__]
    codes += [space[n].__code__ for n in claim.statement.__code__.co_names if n.startswith("_") and n in space]
    codes += [c for code in codes for c in code.co_consts if hasattr(c, "co_names")]
    names = {name for code in codes for name in code.co_names}
    found: list[tuple[Any, str]] = []
    for name in sorted(names):
        if name in MODULES:
            found += [(MODULES[name], n) for n in sorted(names) if callable(getattr(MODULES[name], n, None))]
        elif callable(space.get(name)) and getattr(space[name], "__module__", "").startswith(("mdps", "equivalence")):
            found.append((space, name))
    return found


def killed(claim: Any, **holes: Any) -> bool:
    for instance in generated_instances(claim):
        for level in ("exact", "ball"):
            if check(claim, instance, level, **holes).outcome == REFUTED:
                return True
    return False


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_a_claim_kills_a_wrong_implementation(claim, monkeypatch):
    if claim.name in REAL_MISTAKES:
        assert killed(claim, **REAL_MISTAKES[claim.name])
        return
    defaults = claim.statement.__kwdefaults__ or {}
    survivors = [hole for hole, right in defaults.items() if not killed(claim, **{hole: wrong(right)})]
    assert not survivors, f"a factor 1 + 10^-30 in {survivors} is not noticed"
    if defaults:
        return
    wanted, spoil = GROSS_ERRORS.get(claim.name, (None, off_by_a_speck))
    for space, name in replaceable(claim):
        if wanted not in (None, name):
            continue
        with monkeypatch.context() as patch:
            right = space[name] if isinstance(space, dict) else getattr(space, name)
            (patch.setitem if isinstance(space, dict) else patch.setattr)(space, name, wrong(right, spoil))
            if killed(claim):
                return
    pytest.fail("no wrong implementation was noticed")
