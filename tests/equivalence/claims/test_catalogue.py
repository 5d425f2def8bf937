"""What should hold holds on named and drawn instances at every level, and what is false is refuted somewhere."""

import pytest

from equivalence.claims import REGISTRY, find
from equivalence.evidence import check_levels, generated_instances
from equivalence.evidence.verdict import FAILS, HOLDS, OUT_OF_REACH, REFUTED, VACUOUS
from mdps import InvalidArgument

TRUE = [claim for claim in REGISTRY.values() if not claim.known_false]
FALSE = [claim for claim in REGISTRY.values() if claim.known_false]


@pytest.mark.parametrize("claim", TRUE, ids=lambda claim: claim.name)
def test_a_claim_holds_wherever_it_can_be_expressed(claim):
    verdicts = [
        verdict
        for instance in generated_instances(claim)
        for verdict in check_levels(claim, instance, ("float", "ball", "exact"))
    ]
    assert not [v for v in verdicts if v.outcome not in (*HOLDS, OUT_OF_REACH)], [
        v for v in verdicts if v.outcome not in (*HOLDS, OUT_OF_REACH)
    ]
    for level in ("float", "ball", "exact"):
        assert any(v.outcome in HOLDS for v in verdicts if v.level == level), f"nothing was said at level {level}"
    assert not any(v.outcome == VACUOUS for v in verdicts)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 26))
@pytest.mark.parametrize("claim", TRUE, ids=lambda claim: claim.name)
def test_a_claim_holds_on_other_draws(claim, seed):
    for instance in generated_instances(claim, seed=seed):
        for verdict in check_levels(claim, instance, ("float", "ball", "exact")):
            assert verdict.outcome not in FAILS, verdict


@pytest.mark.parametrize("claim", FALSE, ids=lambda claim: claim.name)
def test_a_falsehood_is_refuted_on_generated_instances_too(claim):
    instances = generated_instances(claim)
    exact = [verdict for instance in instances for verdict in check_levels(claim, instance, ("exact",))]
    assert any(v.outcome == REFUTED for v in exact)
    assert not any(v.alarming for v in exact)


def test_claims_are_found_by_name_by_catalogue_and_without_regard_to_case():
    assert [c.name for c in find("F-13")] == ["importance_weights_eq_twice_discriminator"]
    assert find("f-13") == find("importance_weights_eq_twice_discriminator")
    assert len(find("F-03")) == 2


def test_an_unknown_claim_is_answered_with_the_nearest_names():
    with pytest.raises(InvalidArgument, match="boltzmann_policy_eq_soft_policy"):
        find("boltzman_policy_eq_soft")
