"""Stacks say what single instances say, notice what is wrong, and count what they do not judge."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from equivalence.claims import REGISTRY
from equivalence.claims.assumption import assumption
from equivalence.claims.claim import Claim, at_most, equal
from equivalence.evidence import check, check_stacks, stacks_of, verify_on_stacks
from equivalence.evidence.stacked import check_on_stack
from equivalence.evidence.verdict import CONSISTENT, DIFFERS, OUT_OF_REACH, REFUTED, VACUOUS
from equivalence.objectives import gan
from mdps import scalars, soft_solution

CLAIMS = [claim for claim in REGISTRY.values() if set(claim.arguments) <= stacks_of(claim, quick=True)[0].names]
CHOOSIER = ("optimal_normalizer", "stationary_along_direction")
TRUE = [claim for claim in CLAIMS if not claim.known_false]
SPECK = Fraction(1, 10**9)

each_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
each_true_claim = pytest.mark.parametrize("claim", TRUE, ids=lambda claim: claim.name)


def claim_that(statement, *, assumes=()):
    """A claim outside the registry."""
    return Claim(statement, "X-00", tuple(assumes), "nowhere")


# Agreement with single instances ---------------------------------------------------------------------------------


@each_claim
def test_a_stack_agrees_with_its_instances(claim):
    """Also about which meet the assumptions, except where establishing them on a stack is choosier."""
    for stack in stacks_of(claim)[:4]:
        finding = check_on_stack(claim, stack)
        for index in (200, *finding.exceeding[:1]):
            alone = check(claim, stack.instance(int(index)), "float")
            if finding.unmet[index]:
                assert alone.outcome == VACUOUS or finding.unmet[index] in CHOOSIER
            elif alone.outcome == OUT_OF_REACH:  # what is assumed has no exact numbers, but floats within their bounds
                assert "irrational" in alone.detail
            else:
                assert alone.outcome == (CONSISTENT if finding.ratio[index] <= 1 else DIFFERS)


@each_true_claim
@settings(max_examples=2)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_true_claim_never_differs(claim, seed):
    for verdict in check_stacks(claim, stacks_of(claim, seed=seed)):
        assert verdict.outcome == CONSISTENT, verdict.detail
        assert verdict.margin <= 1
        assert verdict.instances + verdict.vacuous == 4096
        assert verdict.instances >= 2048


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.known_false], ids=lambda claim: claim.name)
def test_a_known_falsehood_differs_and_one_instance_is_refuted(claim):
    stacked, *taken_out = check_stacks(claim, stacks_of(claim), ("float", "ball"))
    assert (stacked.outcome, stacked.known_false, stacked.alarming) == (DIFFERS, True, False)
    assert [verdict.outcome for verdict in taken_out] == [DIFFERS, REFUTED]


# Wrong implementations -------------------------------------------------------------------------------------------


def spoiled(spoil: Any) -> Any:
    """A function of a value, applied to each array of a named tuple."""

    def of(value: Any) -> Any:
        if isinstance(value, list):
            return [of(part) for part in value]
        return type(value)(*map(of, value)) if hasattr(value, "_fields") else spoil(value)

    return of


def number(x: Any, like: Any) -> Any:
    level = scalars.level_of(np.atleast_1d(like))
    return float(x) if level in ("carrier", "float") else scalars.convert(np.asarray(x, dtype=object), level)[()]


SPOILS = {
    "a factor 1 + 1e-9": lambda value: value * number(1 + SPECK, value),
    "the sign": lambda value: -value,
    "a term of 1e-9": lambda value: value + number(SPECK, value),
}


def forgets_final_value(mdp, reward, *, temperature=1):
    nothing = np.full(mdp.final_value.shape, scalars.constant(0, mdp.final_value), dtype=mdp.final_value.dtype)
    return soft_solution(mdp.with_final_value(nothing), reward, temperature=temperature)


def forgets_density(energy, sampler, data, log_normalizer):
    """Mistake: log q is missing from the discriminator."""
    probability = scalars.sigmoid(-energy - log_normalizer)
    to_energy = data * (1 - probability) - sampler * probability
    return gan.DiscriminatorGradient(to_energy, to_energy.sum(axis=-1))


def halves_the_loss(*arguments):
    return gan.discriminator_loss(*arguments) / 2


def learns_where_nobody_sampled(energy, sampler, data, log_normalizer):
    """Mistake: outcomes that the sampler misses are scored by their energy."""
    missed = np.where(scalars.zero_mask(sampler), data, 0 * data)
    return gan.discriminator_loss(energy, sampler, data, log_normalizer) + (missed * energy).sum(axis=-1)


def adds_one_to_weights(mdp, reward, *, temperature=1):
    """Mistake: the policy is proportional to exp(Q) + 1, not to exp(Q)."""
    solution = soft_solution(mdp, reward, temperature=temperature)
    q = np.where(mdp.available, solution.q, 0 * mdp.initial[0])
    weight = np.where(mdp.available, scalars.exp(q) + 1, 0 * mdp.initial[0])
    return solution._replace(policy=weight / weight.sum(axis=-1, keepdims=True))


# By claim and hole, where a spoil of the kinds above cancels or shows on one side alone.
OTHER_MISTAKES = {
    ("shaped_policy_eq_policy", "solve"): forgets_final_value,
    ("policy_with_constant_added_eq_policy", "solve"): adds_one_to_weights,
    ("discriminator_loss_is_flat_where_sampler_is_zero", "loss"): learns_where_nobody_sampled,
    ("partition_is_optimal_when_data_is_model", "gradient"): forgets_density,
    ("partition_is_optimal_when_sampler_is_model", "gradient"): forgets_density,
    ("discriminator_is_stationary_at_data_model", "gradient"): forgets_density,
    ("log4_minus_2jsd_le_discriminator_loss", "loss"): halves_the_loss,
}


def outcome_with(claim, hole, wrong):
    return next(check_stacks(claim, stacks_of(claim)[:4], **{hole: wrong})).outcome


@pytest.mark.parametrize("claim, hole", [(c, h) for c in TRUE for h in c.holes], ids=lambda x: getattr(x, "name", x))
def test_a_wrong_implementation_is_caught(claim, hole):
    right = claim.statement.__kwdefaults__[hole]
    found = {
        name: outcome_with(claim, hole, lambda *a, spoil=spoil, **k: spoiled(spoil)(right(*a, **k)))
        for name, spoil in SPOILS.items()
    }
    if (claim.name, hole) in OTHER_MISTAKES:
        found["another"] = outcome_with(claim, hole, OTHER_MISTAKES[claim.name, hole])
    assert DIFFERS in found.values(), found
    assert OUT_OF_REACH not in found.values()


def test_what_is_taken_out_is_refuted_at_every_level_and_can_be_drawn_again():
    claim = REGISTRY["discriminator_eq_density_ratio"]

    def wrong(energy, sampler, log_normalizer):
        right = gan.discriminator(energy, sampler, log_normalizer)
        return right * number(1 + SPECK, right)

    stacked, *taken_out = check_stacks(claim, stacks_of(claim, seed=4), ("float", "ball", "exact"), discriminator=wrong)
    assert stacked.outcome == DIFFERS
    assert "4,096 of 4,096 are not within their bounds" in stacked.detail
    assert [v.outcome for v in taken_out] == 3 * [DIFFERS, REFUTED, REFUTED]
    words = taken_out[0].instance.replace(")", "").replace(";", "").split()
    index, stack, seed = (int(words[words.index(word) + 1]) for word in ("instance", "stack", "seed"))
    assert seed == 4
    again = check(claim, stacks_of(claim, seed=seed)[stack].instance(index), "exact", discriminator=wrong)
    assert (again.outcome, again.detail) == (REFUTED, taken_out[2].detail)
    assert f"instance {index} of stack {stack}" in stacked.detail


def test_one_wrong_instance_in_thousands_is_found():
    def statement(energy, sampler):
        off = np.array(energy, copy=True)
        if hasattr(off[0], "error"):
            value = np.broadcast_to(off[0].value, 512).copy()
            value[77] *= 1 + 1e-12
            off[0] = type(off[0])(value, off[0].error)
        return equal(off, energy)

    stack = stacks_of(REGISTRY["discriminator_eq_density_ratio"])[3]
    assert check_on_stack(claim_that(statement), stack).exceeding.tolist() == [77]


# What is not judged ----------------------------------------------------------------------------------------------


def test_instances_that_do_not_meet_an_assumption_are_counted():
    (verdict,) = check_stacks(
        REGISTRY["discriminator_loss_eq_log4_minus_2jsd"], stacks_of(REGISTRY["discriminator_loss_eq_log4_minus_2jsd"])
    )
    assert (verdict.instances, verdict.vacuous, verdict.assumption) == (3072, 1024, "model_is_data_density")


def test_instances_that_are_left_out_do_not_decide_for_the_others():
    claim = REGISTRY["discriminator_optimum_eq_maximum_likelihood"]  # with two outcomes some have one D for both
    verdicts = [next(check_stacks(claim, stacks_of(claim, seed=seed))) for seed in range(6)]
    assert {v.outcome for v in verdicts} == {DIFFERS}
    assert {v.instances + v.vacuous for v in verdicts} == {4096}
    assert any("optimal_normalizer" in (v.assumption or "") for v in verdicts)


def test_an_assumption_that_cannot_be_built_in_makes_all_vacuous():
    @assumption()
    def lucky(energy):
        """The energy is what one wishes."""
        return True

    claim = claim_that(lambda energy: equal(energy, energy + 1), assumes=[lucky])
    (verdict,) = check_stacks(claim, stacks_of(claim))
    assert (verdict.outcome, verdict.instances, verdict.assumption) == (VACUOUS, 4096, "lucky")


def test_instances_that_branch_off_are_out_of_reach():
    claim = claim_that(lambda energy: equal(energy, energy if energy[0] > 0 else -energy))
    (verdict,) = check_stacks(claim, stacks_of(claim))
    assert (verdict.outcome, verdict.instances) == (OUT_OF_REACH, 4096)
    assert "stacked instances branch off" in verdict.detail


def test_what_has_no_finite_bound_is_not_consistent():
    broken = [lambda x: x * float("nan"), lambda x: x * float("inf"), lambda x: x + 0 / (x - x)]
    for spoil in broken:
        claim = claim_that(_with(spoil))
        verdict = next(check_stacks(claim, stacks_of(claim), ()))
        assert (verdict.outcome, verdict.margin) == (DIFFERS, float("inf"))


def _with(spoil):
    return lambda energy: equal(spoil(energy), energy)


def test_inequalities_are_one_sided():
    stacks = stacks_of(REGISTRY["discriminator_eq_density_ratio"])
    below, above = (claim_that(statement) for statement in (
        lambda energy: at_most(energy, energy + 1), lambda energy: at_most(energy + 1, energy)
    ))  # fmt: skip
    assert [v.outcome for v in check_stacks(below, stacks)] == [CONSISTENT]
    assert next(check_stacks(above, stacks)).outcome == DIFFERS


def test_numbers_without_rounding_are_compared_as_they_are():
    stacks = stacks_of(REGISTRY["discriminator_eq_density_ratio"])
    assert next(check_stacks(claim_that(lambda energy: equal(2, 1 + 1)), stacks)).margin == 0
    assert next(check_stacks(claim_that(lambda energy: equal(2, 3)), stacks, ())).outcome == DIFFERS


# All claims ------------------------------------------------------------------------------------------------------


def test_verdicts_follow_the_claims_and_the_levels():
    claims = [REGISTRY[name] for name in ("discriminator_eq_density_ratio", "log_partition_eq_soft_value")]
    calls = []
    verdicts = list(verify_on_stacks(claims, ("float", "exact"), quick=True, progress=lambda *at: calls.append(at)))
    assert [(v.claim, v.level, v.outcome, v.instances) for v in verdicts] == [
        (claim.name, "float", CONSISTENT, 256) for claim in claims
    ]
    assert calls == [(1, 2), (2, 2)]
    assert list(verify_on_stacks(claims, ("exact",))) == []
    strange = claim_that(lambda weather: equal(weather, weather))
    assert list(verify_on_stacks([strange], ("float",))) == []
