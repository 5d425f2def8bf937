"""The table at the widths of terminals and in a pipe: nothing is lost, no line is too long."""

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st
from rich.console import Console

from equivalence.evidence.verdict import Verdict
from equivalence.reports.table import cell, rounded_up, verdict_table

LEVELS = ("float", "ball", "exact")
LONG = "discriminator_gradient_eq_half_maxent_gradient_at_own_sampler"
INSTANCES = ("reward drawn (seed 0), environment's expert", "another reward drawn (seed 0), temperature 1/2")


def verdict(level, outcome, claim=LONG, catalogue="F-04d", instance=INSTANCES[0], **more):
    return Verdict(claim=claim, catalogue=catalogue, level=level, outcome=outcome, instance=instance, **more)


def holding(claim=LONG, catalogue="F-04d"):
    return [
        v
        for instance in INSTANCES
        for v in (
            verdict("float", "consistent", claim, catalogue, instance, margin=0.123),
            verdict("ball", "enclosed", claim, catalogue, instance, radius=2.91e-38),
            verdict("exact", "proved here", claim, catalogue, instance),
        )
    ]


def vacuous(claim="a_eq_b", instances=INSTANCES, assumption="deterministic_dynamics", **more):
    return [
        verdict(level, "vacuous", claim, "M-01", instance, assumption=assumption, **more)
        for instance in instances
        for level in LEVELS
    ]


def lines(verdicts, width=100, levels=LEVELS):
    console = Console(width=width, highlight=False, markup=False, color_system=None)
    with console.capture() as captured:
        console.print(verdict_table(verdicts, levels, width=width))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_rows_are_instances_and_columns_are_levels():
    assert lines(holding(), 120) == [
        "id     claim and instances                               float            ball             exact",
        f"F-04d  {LONG}",
        "F-04d    reward drawn (seed 0), environment's expert     consistent 0.13  enclosed ±3e-38  proved here",
        "F-04d    another reward drawn (seed 0), temperature 1/2  consistent 0.13  enclosed ±3e-38  proved here",
    ]


@pytest.mark.parametrize("width", [80, 90, 100, 120, 10_000])
def test_no_width_loses_an_id_or_a_verdict(width):
    found = lines(holding() + vacuous(), width)
    assert max(map(len, found)) <= width
    rows = [line for line in found if "consistent 0.13" in line]
    assert len(rows) == 2
    for row in rows:
        assert row.startswith("F-04d ")
        assert row.split()[-5:] == ["0.13", "enclosed", "±3e-38", "proved", "here"]
    assert any(line.split() == ["F-04d", LONG] for line in found)
    assert "vacuous: deterministic_dynamics" in " ".join(found)
    assert "…" not in "".join(found)


@pytest.mark.parametrize("width", [60, 70, 79])
def test_a_narrow_terminal_wraps_and_loses_nothing(width):
    found = lines([*holding()[:3], *vacuous(instances=INSTANCES[:1])], width)
    assert max(map(len, found)) <= width
    text = "".join("".join(found).split())
    assert text.count("F-04d") == text.count("M-01") == 2
    for word in ("consistent", "0.13", "enclosed", "±3e-38", "proved", "here", "vacuous:"):
        assert any(word in line.split() for line in found)


def test_a_wide_line_holds_a_whole_row():
    found = lines(holding(), 10_000)
    assert len(found) == 4
    assert all(instance in row for instance, row in zip(INSTANCES, found[2:], strict=True))


def test_a_claim_that_is_vacuous_everywhere_has_one_row():
    found = lines(holding() + vacuous())
    assert [line.split() for line in found[-2:]] == [
        ["M-01", "a_eq_b"],
        ["M-01", "2", "instances", "vacuous:", "deterministic_dynamics"],
    ]


def test_a_claim_that_is_vacuous_somewhere_names_the_instance():
    found = lines(holding("a_eq_b", "M-01")[:3] + vacuous(instances=INSTANCES[1:]) + holding(), 120)
    assert found[3].split("  ")[0] == "M-01"
    assert INSTANCES[1] in found[3]
    assert found[3].endswith("vacuous: deterministic_dynamics")


def test_an_instance_on_which_all_is_vacuous_has_one_row():
    idle = [v for name in ("a", "b") for v in vacuous(name, ("nowhere",), "reward_varies")]
    found = lines(holding("a", "A-01") + holding("b", "B-01") + idle)
    assert [line for line in found if "nowhere" in line] == [found[1]]
    assert found[1].split() == ["all", "nowhere", "vacuous:", "reward_varies"]


def test_a_failure_is_followed_by_its_place_and_size():
    detail = "lhs[0, 1] = 1/3, rhs[0, 1] = 2/3"
    found = lines([*holding()[:2], verdict("exact", "refuted", detail=detail)])
    assert found[-2].endswith("refuted")
    assert found[-1].split(maxsplit=1) == ["F-04d", f"exact: {detail}"]


def many(words):
    """A claim on as many instances as there are words, at one level."""
    return [verdict("float", w, instance=f"coin {k}", margin=k / 16) for k, w in enumerate(words)]


def test_of_many_instances_those_with_the_same_words_share_a_row():
    found = lines(many(["consistent"] * 9), levels=("float",))
    assert [line.split() for line in found[2:]] == [["F-04d", "9", "instances", "consistent", "0.5"]]
    assert len(lines(many(["consistent"] * 4), levels=("float",))) == 2 + 4


def test_a_failure_shares_its_row_with_none():
    found = lines(many(["consistent", "differs", "consistent", "differs", "consistent"]), levels=("float",))
    assert [line.split()[1:] for line in found[2:]] == [
        ["3", "instances", "consistent", "0.25"],
        ["coin", "1", "differs", "0.063"],
        ["coin", "3", "differs", "0.19"],
    ]


def test_a_stack_has_a_row_of_its_own_and_counts_what_is_vacuous():
    stacked = verdict(
        "float", "consistent", "a_eq_b", "X-01", "3,072 in stacks", margin=0.25, instances=3072, vacuous=1024,
        assumption="sunshine",
    )  # fmt: skip
    many = [verdict("float", "consistent", "a_eq_b", "X-01", f"coin {k}", margin=0.5) for k in range(7)]
    found = lines([*many, stacked], 200, ("float", "ball"))
    assert [line.split("  ")[-1].strip() for line in found[2:]] == ["-", "-"]
    assert [" ".join(line.split()) for line in found[2:]] == [
        "X-01 7 instances consistent 0.5 -",
        "X-01 3,072 in stacks, 1,024 more vacuous: sunshine consistent 0.25 -",
    ]


def test_a_stack_that_differs_says_where():
    text = "3 of 4,096 are not within their bounds; instance 7 of stack 2 (5 outcomes; seed 0): lhs = 1.0, rhs = 2.0"
    stacked = verdict("float", "differs", "a_eq_b", "X-01", "4,096 in stacks", margin=9.0, instances=4096, detail=text)
    assert lines([stacked], 200, ("float",))[-2:] == [
        "X-01    4,096 in stacks    differs 9",
        f"X-01    float: {text}",
    ]


def test_vacuous_stacks_are_counted_with_the_instances():
    stacked = verdict("float", "vacuous", "a_eq_b", "M-01", "4,096 in stacks", instances=4096, assumption="rain")
    assert any("4,098 instances" in line for line in lines([*vacuous(assumption="rain"), stacked]))


def test_reasons_are_told_once():
    rows = [
        verdict(level, "out of reach", claim, f"{claim}-01", instance, detail="log 2 is irrational")
        for claim in ("A", "B")
        for instance in INSTANCES
        for level in ("float", "exact")
    ]
    found = lines([*rows, verdict("ball", "undecided", "C", "C-01", detail="at 4096 bits")])
    assert found[-3:] == [
        "",
        "out of reach (float, exact) A-01, B-01: log 2 is irrational",
        "undecided (ball) C-01: at 4096 bits",
    ]


def test_a_level_that_was_not_asked_is_a_dash():
    assert lines(holding()[:2])[-1].split()[-1] == "-"


def test_one_level_does_not_cut_what_stands_across():
    found = lines([*holding()[2::3], *(v for v in vacuous() if v.level == "exact")], 80, levels=("exact",))
    assert found[-1].endswith("vacuous: deterministic_dynamics")


def test_known_falsehoods_are_marked_and_not_mourned():
    found = lines([verdict("exact", "refuted", known_false=True, detail="1 is not 2")], levels=("exact",))
    assert found[1].endswith(f"{LONG} (known to be false)")
    assert found[2].endswith("refuted")
    assert len(found) == 3


def test_colors_carry_nothing_that_words_do_not():
    assert cell(verdict("exact", "refuted")).style == "bold red"
    assert cell(verdict("exact", "refuted", known_false=True)).style == ""


@pytest.mark.parametrize(
    "margin, text", [(0.0, "0"), (1e-300, "0.01"), (0.01, "0.011"), (0.5, "0.5"), (1.0, "1"), (1.001, "1.1")]
)
def test_margins_are_rounded_up(margin, text):
    word = "consistent" if margin <= 1 else "differs"
    assert cell(verdict("float", word, margin=margin)).plain == f"{word} {text}"


def test_an_infinite_margin_is_shown():
    assert cell(verdict("float", "differs", margin=float("inf"))).plain == "differs Infinity"


@given(st.floats(min_value=0, allow_nan=False, allow_infinity=False), st.integers(1, 4))
def test_rounding_up_is_up_and_close(x, digits):
    shown, exact = Fraction(rounded_up(x, digits)), Fraction(x)
    assert exact <= shown <= exact + exact / 10 ** (digits - 1)
    assert sum(c.isdigit() for c in rounded_up(x, digits).partition("e")[0].replace(".", "").strip("0")) <= digits
