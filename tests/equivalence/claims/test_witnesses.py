"""Every assumption is needed: its witness meets all the others, and the conclusion is refuted there, with proof."""

import pytest

from equivalence.claims import REGISTRY
from equivalence.evidence.check import CHECKS
from equivalence.evidence.instance import Instance
from equivalence.evidence.verdict import REFUTED
from mdps import OutOfReach

WITNESSES = [
    pytest.param(claim, key, witness, id=f"{claim.name}-{key}")
    for claim in REGISTRY.values()
    for key, witness in claim.witnesses.items()
]


@pytest.mark.parametrize("claim, key, witness", WITNESSES)
def test_witness_violates_one_assumption_and_refutes(claim, key, witness):
    values = witness()
    violated = [needed.name for needed in claim.assumes if not needed(values)]
    assert violated == ([] if key == "as printed" else [key])
    instance = Instance(values, key)
    try:
        finding = CHECKS["exact"](claim, instance)
    except OutOfReach:
        finding = CHECKS["ball"](claim, instance)
    assert finding.outcome == REFUTED, finding


@pytest.mark.parametrize("claim", REGISTRY.values(), ids=lambda claim: claim.name)
def test_every_assumption_has_a_witness_or_is_an_open_question(claim):
    if claim.known_false:
        assert "as printed" in claim.witnesses
        return
    explained = {*claim.witnesses, *claim.open_questions}
    assert {needed.name for needed in claim.assumes} <= explained


@pytest.mark.parametrize("claim", REGISTRY.values(), ids=lambda claim: claim.name)
def test_every_witness_says_what_it_is(claim):
    for witness in claim.witnesses.values():
        assert witness.__doc__


@pytest.mark.parametrize("claim", REGISTRY.values(), ids=lambda claim: claim.name)
def test_a_claim_is_stated_sourced_and_numbered(claim):
    assert claim.title.endswith((".", ":")) or "," in claim.title or "=" in claim.title
    assert claim.source
    assert claim.catalogue[1:2] == "-"
    assert set(claim.arguments), "a claim is about something"
