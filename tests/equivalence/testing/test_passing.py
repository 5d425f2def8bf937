"""Which evidence passes: every word, against every level that is asked for and every word that was before."""

import json
import pickle
import unittest
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from equivalence.evidence.verdict import CONSISTENT, FAILS, HOLDS, OPEN, PROVED_FOR_ALL, PROVED_HERE
from equivalence.testing import NotEstablished, Refuted, judge, passing
from equivalence.testing.passing import BEST_WORD, STRENGTH, WRONG, Evidence, evidence_of, settle, strength
from mdps import InvalidArgument

LEVELS = (None, *BEST_WORD)


def evidence(word, **more):
    given = {"level": "float", "instances": 214, "seconds": 0.31, "message": "the report", "margin": 0.0701}
    return Evidence("mine", "causal.gradient", word, **(given | more))


def settled(word, **demand):
    try:
        settle(evidence(word), **demand)
    except (Refuted, NotEstablished, unittest.SkipTest) as error:
        return type(error)
    return None


@pytest.fixture
def session(monkeypatch):
    """A session of the plugin that keeps what it is told."""
    rows = []
    found = SimpleNamespace(minimum=None, test="a test", known=None, rows=rows, add=rows.append)
    found.before = lambda about: found.known
    monkeypatch.setattr(passing, "running", lambda: found)
    return found


def test_every_word_of_the_evidence_has_its_place():
    assert set(HOLDS) == set(STRENGTH) - {"holds"}
    assert set(FAILS) == set(WRONG) - {"violated"}
    assert [strength(word) for word in HOLDS] == [1, 2, 3, 4]
    assert all(strength(word) == -1 for word in (*FAILS, *OPEN, "", "anything"))


@pytest.mark.parametrize("word", [*STRENGTH, *WRONG, *OPEN, "underpowered", "a new word"])
def test_what_passes_without_a_demand(word):
    expected = None if word in STRENGTH else Refuted if word in WRONG else NotEstablished
    assert settled(word) is expected


@pytest.mark.parametrize("word", STRENGTH)
def test_the_strongest_demand_counts(session, word):
    for least, minimum, before in product(LEVELS, LEVELS, (None, *STRENGTH)):
        session.minimum, session.known = minimum, before
        wanted = [strength(BEST_WORD[level]) for level in (least, minimum) if level]
        wanted += [strength(before)] if before else []
        passes = all(strength(word) >= demand for demand in wanted)
        assert settled(word, at_least=least) is (None if passes else NotEstablished), (least, minimum, before)
        row = session.rows.pop()
        assert (row["result"], row["baseline"], row["test"]) == ("passed" if passes else "failed", before, "a test")


@pytest.mark.parametrize("word", [*OPEN, "underpowered"])
def test_an_allowed_word_skips_whatever_is_asked_for(session, word):
    session.minimum, session.known = "field", PROVED_FOR_ALL
    assert settled(word, allow=[word]) is settled(word, allow=word) is unittest.SkipTest
    assert [row["result"] for row in session.rows] == ["skipped", "skipped"]
    assert settled(word, allow=set(OPEN) - {word}) is NotEstablished


@pytest.mark.parametrize("word", [*STRENGTH, *WRONG, "passed"])
def test_what_holds_or_fails_needs_no_permission(word):
    with pytest.raises(InvalidArgument, match=f"allow has '{word}'; expected undecided"):
        settle(evidence(CONSISTENT), allow=[word])


def test_trailers():
    assert evidence(CONSISTENT).trailer == "agrees: float, 214 instances, margin 0.07, 0.3 s"
    mixed = evidence("differs", counts={"differs": 200, "consistent": 1014}, instances=1214)
    assert mixed.trailer == "differs: float, 1,214 instances (200 differs, 1,014 consistent), 0.3 s"
    assert evidence("vacuous", level="", instances=1, margin=None).trailer == "vacuous: 1 instance, 0.3 s"
    proved = evidence(PROVED_FOR_ALL, level="field", proved="field, all energy, error <= 2^-243")
    assert proved.trailer == ("agrees: field, all energy, error <= 2^-243; float, 214 instances, margin 0.07, 0.3 s")
    assert evidence("holds").trailer.startswith("holds: float")


def test_evidence_is_json():
    row = json.loads(json.dumps(evidence("differs", margin=float("inf")).as_json(), allow_nan=False))
    assert (row["margin"], row["outcome"], row["trailer"]) == (None, "differs", "differs: float, 214 instances, 0.3 s")


@pytest.mark.parametrize("field", [True, False])
def test_a_verdict_of_the_judge_as_evidence(field):
    for factor in (1, 2):
        verdict = judge(lambda energy, data, k=factor: -k * (energy * data).sum(), to="ebm.log_likelihood", field=field)
        found = evidence_of(verdict)
        assert (found.outcome, found.level, found.message) == (verdict.outcome, verdict.level, verdict.message)
        assert not found.passes
        assert sum(found.counts.values()) == found.instances == 300
        assert found.counts["differs"] == verdict.differing


def test_where_nothing_is_free_no_more_can_be_asked_for():
    verdict = judge(lambda data, sampler: (data * np.log(data / sampler)).sum(), to="divergences.kl", full_support=True)
    found = evidence_of(verdict)
    assert (found.outcome, found.level) == (PROVED_HERE, "field")
    assert found.trailer.startswith("agrees: field, the numbers of the instances alone")
    settle(found, at_least="exact")
    with pytest.raises(NotEstablished, match=r"at least field .*so at most exact can be asked for"):
        settle(found, at_least="field")


@pytest.mark.parametrize("error", [Refuted, NotEstablished])
def test_errors_are_shown_by_the_name_that_is_imported(error):
    assert error.__module__ == "equivalence.testing"
    assert pickle.loads(pickle.dumps(error("differs"))).args == ("differs",)
