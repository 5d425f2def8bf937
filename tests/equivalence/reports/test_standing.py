"""What verdicts amount to: every pair of words on two levels and on two instances, and the last sentence."""

from itertools import product

import pytest

from equivalence.evidence import verdict as words
from equivalence.evidence.verdict import Verdict
from equivalence.reports.standing import STRENGTH, by_instance, conclusion, idle_instances, standing

WORDS = (*words.HOLDS, *words.FAILS, *words.OPEN)
PAIRS = list(product(WORDS, repeat=2))


def verdict(outcome, claim="a_eq_b", level="exact", instance="here", catalogue="X-01", **more):
    assumption = "sunshine" if outcome == words.VACUOUS else None
    return Verdict(
        **{
            "claim": claim,
            "catalogue": catalogue,
            "level": level,
            "instance": instance,
            "assumption": assumption,
            **more,
        },
        outcome=outcome,
    )


def test_every_word_has_a_strength():
    assert sorted(STRENGTH) == sorted(WORDS)


@pytest.mark.parametrize("first, second", PAIRS)
def test_levels_of_an_instance_say_the_stronger_word(first, second):
    found = standing([verdict(first, level="ball"), verdict(second, level="exact")])
    fails = [w for w in (words.REFUTED, words.DIFFERS) if w in (first, second)]
    if fails:
        assert found.word == fails[0]
    else:
        holds = [
            "proved for all",
            "proved here",
            "enclosed",
            "consistent",
            "undecided",
            "out of reach",
            "vacuous",
        ]
        assert found.word == next(w for w in holds if w in (first, second))


@pytest.mark.parametrize("first, second", PAIRS)
def test_instances_of_a_claim_say_the_weaker_word(first, second):
    found = standing([verdict(first, instance="here"), verdict(second, instance="there")])
    fails = [w for w in (words.REFUTED, words.DIFFERS) if w in (first, second)]
    weak_first = [
        "out of reach",
        "undecided",
        "consistent",
        "enclosed",
        "proved here",
        "proved for all",
        "vacuous",
    ]
    assert found.word == (fails[0] if fails else next(w for w in weak_first if w in (first, second)))


def test_a_weaker_instance_is_counted():
    here = [verdict("proved here", instance=name) for name in ("a", "b")]
    assert standing([*here, verdict("out of reach", instance="c")]).note == "on 1 of 3 instances"
    assert standing([*here, verdict("vacuous", instance="c")]).note == ""
    assert standing([verdict("vacuous"), verdict("vacuous", instance="b", assumption="rain")]).note == "sunshine, rain"


def test_instances_described_alike_are_kept_apart():
    alike = [verdict("proved here", level=level) for level in ("ball", "exact", "ball", "exact")]
    assert [len(group) for group in by_instance(alike)] == [2, 2]


def test_an_idle_instance_is_one_where_every_claim_is_vacuous():
    there = [verdict("vacuous", claim=name, instance="there") for name in ("a", "b")]
    here = [verdict("vacuous", claim="a"), verdict("proved here", claim="b")]
    assert idle_instances(here + there) == {"there": "sunshine"}
    assert idle_instances(there) == {}, "where nothing else is left, each claim says so itself"
    assert idle_instances(here + there[:1]) == {}, "the other claim was not asked there"


def test_the_conclusion_counts_and_names():
    verdicts = [
        verdict("proved here", "a", catalogue="A-01"),
        verdict("enclosed", "b", catalogue="B-01"),
        verdict("proved here", "b2", catalogue="B-01"),
        verdict("consistent", "c", catalogue="C-01", level="float"),
        verdict("undecided", "d", catalogue="D-01"),
        verdict("out of reach", "e", catalogue="E-01"),
        verdict("vacuous", "f", catalogue="F-01"),
        verdict("vacuous", "f2", catalogue="F-01"),
        verdict("vacuous", "g", catalogue="B-01"),
    ]
    assert conclusion(verdicts, "on a coin") == (
        "3 of 9 claims established on a coin: 2 proved here, 1 enclosed; "
        "consistent in floating point only: C-01; undecided: D-01; out of reach: E-01; "
        "vacuous: F-01 (sunshine), B-01 g (sunshine); nothing was refuted."
    )


def test_the_conclusion_says_what_failed():
    verdicts = [verdict("refuted", "a", catalogue="A-01"), verdict("differs", "b", catalogue="B-01")]
    assert conclusion(verdicts, "on a coin") == "0 of 2 claims established on a coin; refuted: A-01; differs: B-01."


def test_a_known_falsehood_is_not_a_claim_to_be_established():
    false = verdict("refuted", "f", catalogue="F-01e", known_false=True)
    assert conclusion([verdict("proved here"), false], "on a coin") == (
        "1 of 1 claim established on a coin: 1 proved here; known to be false, and refuted: F-01e; "
        "nothing else was refuted."
    )
    true_here = verdict("proved here", "f", catalogue="F-01e", known_false=True)
    assert conclusion([true_here], "on a coin") == (
        "known to be false, and not refuted on a coin: F-01e; nothing was refuted."
    )


def test_an_idle_instance_does_not_blur_why_a_claim_is_vacuous():
    here = [
        verdict("vacuous", "a", catalogue="A-01", assumption="rain"),
        verdict("proved here", "b", catalogue="B-01"),
    ]
    idle = [verdict("vacuous", name, catalogue=f"{name.upper()}-01", instance="there") for name in "ab"]
    assert conclusion(here + idle, "on a coin") == (
        "1 of 2 claims established on a coin: 1 proved here; vacuous: A-01 (rain); "
        "all are vacuous on one more instance (there: sunshine); nothing was refuted."
    )


def test_stacks_take_nothing_from_what_was_proved_and_are_counted():
    stacked = verdict("consistent", level="float", instance="3,072 in stacks", instances=3072, vacuous=1024)
    found = [verdict("proved here"), stacked]
    assert (standing(found).word, standing(found).note) == ("proved here", "")
    assert conclusion(found, "on a coin") == (
        "1 of 1 claim established on a coin: 1 proved here; "
        "consistent in floating point: 3,072 instances in stacks; nothing was refuted."
    )
    assert standing([stacked]).word == "consistent"


def test_a_stack_that_differs_counts():
    stacked = verdict("differs", level="float", instance="4,096 in stacks", instances=4096)
    assert standing([verdict("proved here"), stacked]).word == "differs"
    assert conclusion([verdict("proved here"), stacked], "on a coin") == (
        "0 of 1 claim established on a coin; differs: X-01 (on 1 of 2 instances)."
    )
    open_stack = verdict("out of reach", level="float", instance="4,096 in stacks", instances=4096)
    assert standing([verdict("proved here"), open_stack]).word == "proved here"


def test_a_stack_of_a_known_falsehood_is_expected_to_differ():
    more = {"known_false": True, "catalogue": "F-01e"}
    stacked = verdict("differs", "f", level="float", instance="4,096 in stacks", instances=4096, **more)
    assert conclusion([verdict("refuted", "f", **more), stacked], "on a coin") == (
        "known to be false, and refuted on a coin: F-01e; nothing else was refuted."
    )


def test_no_verdicts_no_claim():
    assert conclusion([], "on a coin") == "No claim could be asked on a coin, so nothing was established."
