"""`list` and `show` say everything that a claim holds."""

import re
from fractions import Fraction

import numpy as np
import pytest
from rich.console import Console

from equivalence.claims import REGISTRY, Claim
from equivalence.claims.assumption import assumption
from equivalence.claims.claim import equal
from equivalence.reports.statement import claim_in_full, claim_list


@assumption()
def sunshine(ground):
    """The sun shines."""
    return False


@assumption()
def rain(ground):
    """It rains."""
    return True


def a_eq_b(ground, *, measure=np.asarray):
    """A equals B.

    This is a paragraph
    on two lines:

        a = b
    """
    return equal(measure(ground), measure([Fraction(1, 3)]))


def shown(renderable, width=80):
    console = Console(width=width, highlight=False, markup=False, color_system=None)
    with console.capture() as captured:
        console.print(renderable)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_claim_in_full():
    claim = Claim(a_eq_b, "X-01", (sunshine, rain), "nobody1900")

    @claim.fails_without(sunshine)
    def night():
        """A moonless night."""
        return {"ground": [Fraction(1, 2)]}

    claim.open_without(rain, "does it hold in the desert?")
    assert shown(claim_in_full(claim)) == [
        "X-01  a_eq_b",
        "",
        "  A equals B.",
        "",
        "  This is a paragraph on two lines:",
        "",
        "      a = b",
        "",
        "  assumes          sunshine: The sun shines.",
        "                   rain: It rains.",
        "  about            ground",
        "  can be replaced  measure",
        "  source           nobody1900",
        "  fails            without sunshine: A moonless night.",
        "                   lhs[0] = 1/2, rhs[0] = 1/3",
        "  open             without rain: does it hold in the desert?",
    ]


def test_an_assumption_without_a_witness_is_shown():
    lines = shown(claim_in_full(Claim(a_eq_b, "X-01", (sunshine,), "nobody1900")))
    assert lines[-1] == "  fails            without sunshine: no witness is recorded"


def test_a_known_falsehood_says_so():
    claim = Claim(a_eq_b, "X-01", (), "nobody1900", known_false=True)

    @claim.fails_as_printed
    def noon():
        """At noon."""
        return {"ground": [Fraction(1, 3)]}

    lines = shown(claim_in_full(claim))
    assert lines[0] == "X-01  a_eq_b (published, and known to be false)"
    assert "  assumes          nothing" in lines
    assert "  fails            as printed: At noon." in lines
    assert not any(line.startswith("  open") for line in lines)
    assert "a_eq_b (known to be false)" in shown(claim_list([claim]))[0]


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_nothing_of_a_claim_is_lost_on_a_terminal(name):
    claim = REGISTRY[name]
    words = " ".join(shown(claim_in_full(claim))).split()
    for text in (
        claim.text,
        *claim.source.split("; "),
        *(a.text for a in claim.assumes),
        *claim.open_questions.values(),
    ):
        assert re.sub(r"\s", "", text) in "".join(words)
    listed = shown(claim_list([claim]), 200)
    assert listed[0].split()[:2] == [claim.catalogue, name]
    assert listed[1].strip() == claim.title
