"""Implementations in the holes of claims: right ones are proved right, wrong ones refuted, and floats are found out."""

import unittest
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq

import mdps
from equivalence.claims import REGISTRY, find
from equivalence.evidence.verdict import (
    DIFFERS,
    OUT_OF_REACH,
    PROVED_FOR_ALL,
    PROVED_HERE,
    REFUTED,
    VACUOUS,
)
from equivalence.objectives import ebm, gan, gcl
from equivalence.testing import NotEstablished, Refuted, parametrize_with_claims
from equivalence.testing.claimed import carrying, check_claim, checked_levels
from equivalence.testing.decorators import chosen_claims, holes_for
from mdps import InvalidArgument, OutOfReach, gallery

(BRIDGE,) = find("energy_gradient_of_discriminator_eq_gcl")
(RATIO,) = find("discriminator_eq_density_ratio")
(POLICY,) = find("boltzmann_policy_eq_soft_policy")
ALL = chosen_claims(())


def without_half(energy, sampler, data, log_normalizer):
    """Mistake: the mixture p + q in place of (p + q) / 2."""
    return data - (data + sampler) * gcl.importance_weights(energy, sampler, log_normalizer)


def in_floats(energy, sampler, log_normalizer):
    """Right, in float64 whatever it is given."""
    ratio = np.exp(-np.asarray(energy, float) - float(log_normalizer))
    return ratio / (ratio + np.asarray(sampler, float))


@pytest.mark.parametrize("claim", ALL, ids=lambda claim: claim.name)
def test_the_librarys_own_functions_pass(claim):
    evidence = check_claim(claim, {name: REGISTRY_DEFAULTS[claim.name][name] for name in claim.holes})
    assert evidence.passes, evidence.message
    assert (evidence.about, evidence.catalogue) == (claim.name, claim.catalogue)
    assert sum(evidence.counts.values()) == evidence.instances >= 5


REGISTRY_DEFAULTS = {name: claim.statement.__kwdefaults__ for name, claim in REGISTRY.items()}


@pytest.mark.parametrize("claim", ALL, ids=lambda claim: claim.name)
def test_an_implementation_that_raises_differs(claim):
    def broken(*arguments, **keywords):
        raise IndexError("no such row")

    evidence = check_claim(claim, dict.fromkeys(claim.holes, broken), levels=("float", "exact"))
    assert evidence.outcome == DIFFERS
    assert "it raised IndexError: no such row" in evidence.message


def test_a_wrong_implementation_is_refuted_on_the_smallest_instance():
    evidence = check_claim(BRIDGE, {"gcl_gradient": without_half})
    assert (evidence.outcome, evidence.level) == (REFUTED, "exact")
    assert evidence.counts == {REFUTED: 7}
    head = "F-04 energy_gradient_of_discriminator_eq_gcl, with gcl_gradient=without_half: refuted"
    assert evidence.message.startswith(head)
    for text in (
        BRIDGE.title,
        "instances on which it fails: coin",
        "sampler = [1/2, 1/2]",
        "There, at level exact: lhs[0]",
    ):
        assert text in evidence.message


@pytest.mark.parametrize("level", ["ball", "exact", "field"])
def test_what_no_float_shows_is_refuted(level):
    """1 + 10^-30 is no difference in floats."""

    def off(*arguments):
        return gan.discriminator(*arguments) * (1 + mdps.scalars.constant(Fraction(1, 10**30), arguments[1]))

    assert check_claim(RATIO, {"discriminator": off}, levels=[level]).outcome == REFUTED


def test_the_evidence_is_that_of_the_weakest_instance():
    evidence = check_claim(RATIO, {"discriminator": gan.discriminator}, levels=("exact", "field"))
    assert (evidence.outcome, evidence.level) == (PROVED_FOR_ALL, "field")
    evidence = check_claim(RATIO, {"discriminator": gan.discriminator}, levels=("exact",))
    assert (evidence.outcome, evidence.level) == (PROVED_HERE, "exact")
    (soft,) = find("kl_from_soft_policy_eq_log_partition_minus_value")
    evidence = check_claim(soft, {"solve": mdps.soft_solution})
    assert evidence.outcome == "enclosed"
    assert {"enclosed", PROVED_FOR_ALL} <= evidence.counts.keys()
    assert "enclosed" in evidence.trailer


def test_floats_in_place_of_exact_numbers_are_out_of_reach_and_not_refuted():
    evidence = check_claim(RATIO, {"discriminator": in_floats})
    assert evidence.outcome == OUT_OF_REACH
    assert not evidence.passes
    assert "judged by equivalence.testing.judge" in evidence.message


def test_what_makes_floats_is_found_out():
    exact, model = np.array([fmpq(1), fmpq(2)]), gallery.lottery()[0]
    seen = carrying("solve", lambda *arguments: ([1.0, 2.0], np.ones(2)))
    for argument in (exact, model):
        with pytest.raises(OutOfReach, match="the implementation of 'solve' returned floats"):
            seen(argument)
    assert len(seen(np.ones(2))) == 2
    assert carrying("solve", lambda x: np.full(2, -np.inf))(exact).tolist() == [-np.inf, -np.inf]


def test_vacuous_instances_decide_nothing_unless_there_is_no_other(monkeypatch):
    evidence = check_claim(POLICY, {"solve": mdps.soft_solution})
    assert evidence.passes
    from equivalence.testing import claimed

    instances = claimed.generated_instances
    monkeypatch.setattr(
        claimed,
        "generated_instances",
        lambda claim, seed: [i for i in instances(BY_MODEL, seed=seed) if i.unmet(claim) is not None],
    )
    evidence = check_claim(POLICY, {"solve": mdps.soft_solution})
    assert (evidence.outcome, evidence.level) == (VACUOUS, "")
    assert not evidence.passes


BY_MODEL = next(claim for claim in ALL if claim.name == "maxent_gradient_eq_derivative_of_likelihood")


def test_the_budget_ends_the_search():
    assert check_claim(POLICY, {"solve": mdps.soft_solution}, budget=1e-9).instances == 1


def test_a_hole_that_is_none():
    with pytest.raises(InvalidArgument, match="discriminator_eq_density_ratio has no hole 'gradient'; it has discrim"):
        check_claim(RATIO, {"gradient": without_half})
    assert checked_levels(["field", "float"]) == ("float", "field")
    for levels in ([], ["proof"]):
        with pytest.raises(InvalidArgument, match="levels is"):
            checked_levels(levels)


# Which claims


def test_claims_are_chosen_by_name_id_family_and_function():
    assert chosen_claims(["f-01"]) == chosen_claims(["discriminator_eq_density_ratio"]) == [RATIO]
    assert {claim.family for claim in chosen_claims(["shaping"])} == {"shaping"}
    assert chosen_claims(["F-01", "f-01", "finn"]) == chosen_claims(["finn"])
    about = chosen_claims((), "gan.discriminator")
    assert about == chosen_claims((), gan.discriminator)
    assert RATIO in about
    assert all(holes_for(claim, gan.discriminator) == ("discriminator",) for claim in about)
    assert not any(claim.known_false for claim in ALL)
    assert all(claim.holes for claim in ALL)


@pytest.mark.parametrize(
    "chosen, replacing, message",
    [
        (["F-07b"], None, "no claim of F-07b with a hole is to hold"),
        (["F-01"], "gan.discriminator_loss", r"with a hole for gan\.discriminator_loss .* for gan\.discriminator$"),
        ([], ebm.law, r"no claim of the catalogue with a hole for ebm\.law"),
        (["F-99"], None, "no claim is called 'F-99'"),
    ],
)
def test_no_such_claim(chosen, replacing, message):
    with pytest.raises(InvalidArgument, match=message):
        chosen_claims(chosen, replacing)


# The decorator


@parametrize_with_claims("F-01", "F-13")
def test_holes_are_returned_by_name(claim):
    own = {"discriminator": gan.discriminator, "weights": gcl.importance_weights}
    return {name: own[name] for name in claim.holes}


@pytest.fixture
def gradient():
    return gan.discriminator_gradient


@parametrize_with_claims("F-03", "F-04", replacing=gan.discriminator_gradient, levels=("exact", "field"))
def test_fixtures_are_passed_and_a_function_goes_where_it_belongs(gradient, claim):
    return gradient


class TestsInAClass:
    @parametrize_with_claims("F-01", at_least="field")
    def test_a_method(self, claim):
        return gan.discriminator


def run(claim, returned, **options):
    """A test that returns these holes, called as pytest does."""

    @parametrize_with_claims(claim.name, **options)
    def test_it(claim):
        return returned

    test_it(claim=claim)


def test_a_wrong_one_is_refuted():
    with pytest.raises(Refuted, match="with gcl_gradient=without_half: refuted"):
        run(BRIDGE, {"gcl_gradient": without_half})


def test_floats_alone_fail_unless_that_is_allowed():
    with pytest.raises(NotEstablished, match="discriminator_eq_density_ratio: out of reach, which is never a pass"):
        run(RATIO, in_floats)
    with pytest.raises(unittest.SkipTest, match=r"out of reach: 7 instances, .* s; allowed, and no pass"):
        run(RATIO, in_floats, allow=["out of reach"])


@pytest.mark.parametrize(
    "returned, message",
    [
        (None, "returned None for energy_gradient"),
        ({}, "expected functions by hole: discriminator_gradient, gcl_gradient"),
        (without_half, "return a mapping from holes to functions, or say what it is `replacing`"),
        ({"gradient": without_half}, "has no hole 'gradient'"),
    ],
)
def test_a_test_of_claims_returns_implementations(returned, message):
    with pytest.raises(InvalidArgument, match=message):
        run(BRIDGE, returned)


def test_options_that_are_none():
    with pytest.raises(InvalidArgument, match="at_least is 'proof'; expected float"):
        parametrize_with_claims("F-01", at_least="proof")
    with pytest.raises(InvalidArgument, match="allow has 'refuted'; expected undecided, out of reach"):
        parametrize_with_claims("F-01", allow=["refuted"])
