"""JSON: the promised keys, numbers that are numbers, and nothing that is not JSON."""

import json

import pytest

from equivalence.claims import REGISTRY
from equivalence.evidence.verdict import Verdict
from equivalence.reports.rows import claims_as_json, verdicts_as_json

ROW = Verdict("a_eq_b", "X-01", "float", "consistent", "a coin", margin=0.25, changes=("one", "two"))
KEYS = {
    "claim", "catalogue", "level", "outcome", "instance", "margin", "radius",
    "assumption", "detail", "changes", "seconds", "known_false", "proof", "instances", "vacuous",
}  # fmt: skip


def test_a_verdict_has_the_documented_keys():
    (row,) = json.loads(verdicts_as_json([ROW]))
    assert row.keys() == KEYS
    assert (row["margin"], row["radius"], row["changes"]) == (0.25, None, ["one", "two"])


@pytest.mark.parametrize("margin", [float("inf"), float("nan")])
def test_numbers_that_json_has_not_are_null(margin):
    (row,) = json.loads(verdicts_as_json([Verdict("a", "X", "float", "differs", "a coin", margin=margin)]))
    assert row["margin"] is None


def test_no_verdicts_are_an_empty_list():
    assert json.loads(verdicts_as_json([])) == []


def test_claims_say_what_they_assume():
    rows = {row["claim"]: row for row in json.loads(claims_as_json(REGISTRY.values()))}
    assert rows.keys() == REGISTRY.keys()
    row = rows["boltzmann_policy_eq_soft_policy"]
    assert (row["catalogue"], row["assumes"]) == ("M-01", ["deterministic_dynamics", "undiscounted"])
