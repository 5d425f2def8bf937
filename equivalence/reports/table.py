"""Verdicts as a table: for each claim a line with its id and name, then a row an instance, a column a level.

    id    claim and instances             float            ball             exact
    F-01  discriminator_eq_density_ratio
    F-01    reward drawn (seed 0)         consistent 0.28  enclosed ±1e-37  proved here

The id stands on every row, so that a search finds it. Beside `consistent` and `differs` stands the margin,
the distance in units of the derived bound, and beside `enclosed` the radius; both are rounded up. Where an
assumption is not met the row names it instead; an instance on which every claim is vacuous has one row, and
so has a claim that is vacuous on every instance. Of more than four instances those with the same words share
a row, with the largest margin and radius; so has what was asked in stacks, with the number of instances. What should
hold and does not has a row of its own, followed by its place and size. Why a level could say nothing is told below.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Context, Decimal

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from equivalence.evidence.verdict import (
    CONSISTENT,
    DIFFERS,
    ENCLOSED,
    OUT_OF_REACH,
    PROVED_FOR_ALL,
    PROVED_HERE,
    REFUTED,
    UNDECIDED,
    VACUOUS,
    Verdict,
)
from equivalence.reports.standing import by_claim, by_instance, failed, idle_instances

STYLES = {
    PROVED_FOR_ALL: "green",
    PROVED_HERE: "green",
    ENCLOSED: "green",
    CONSISTENT: "",
    DIFFERS: "bold red",
    REFUTED: "bold red",
    UNDECIDED: "yellow",
    OUT_OF_REACH: "yellow",
    VACUOUS: "dim",
}
HEADING = "claim and instances"
INDENT, GAP, NARROWEST, MANY = 2, 2, 14, 4


def rounded_up(x: float, digits: int) -> str:
    """A number >= 0 in at most so many digits, no smaller than it is.

    >>> rounded_up(0.0321, 2), rounded_up(0.0, 2), rounded_up(1500.1, 2), rounded_up(2.91e-38, 1)
    ('0.033', '0', '1.6e+3', '3e-38')
    """
    up = Context(prec=digits, rounding=ROUND_CEILING).create_decimal_from_float(x).normalize()
    plain = up == 0 or up.is_infinite() or Decimal("0.01") <= up < 1000
    return f"{up:f}" if plain else f"{up:e}"


def cell(verdict: Verdict) -> Text:
    """The word of a verdict, and the number that belongs to it; a margin below 0.01 is rounded up to that."""
    text = verdict.outcome
    if verdict.outcome in (CONSISTENT, DIFFERS) and verdict.margin is not None:
        text += " 0.01" if 0 < verdict.margin < 0.01 else f" {rounded_up(verdict.margin, 2)}"
    elif verdict.outcome == ENCLOSED and verdict.radius is not None:
        text += f" ±{rounded_up(verdict.radius, 1)}"
    elif verdict.outcome == VACUOUS:
        text += f": {verdict.assumption}"
    return Text(text, "" if verdict.known_false else STYLES[verdict.outcome])


def verdict_table(verdicts: Sequence[Verdict], levels: Sequence[str], *, width: int) -> RenderableType:
    """The table for a terminal of that width: ids do not wrap, and verdicts below 80 columns alone."""
    idle = idle_instances(verdicts)
    asked = [v for v in verdicts if v.instance not in idle]
    rows = {claim: _rows(group) for claim, group in by_claim(asked).items()}
    labels = [*idle, *(label for of_claim in rows.values() for label, _ in of_claim)]
    full = _widths(verdicts, labels, levels, width)
    joined, plain = (*full[:2], None), (full[0], None)

    lines = [_line(full, "id", HEADING, *levels, style="bold")]
    for instance, assumptions in idle.items():
        lines.append(_line(joined, "all", _indented(instance), _vacuous(assumptions)))
    for claim, of_claim in rows.items():
        first = of_claim[0][1][0]
        catalogue, note = first.catalogue, " (known to be false)" if first.known_false else ""
        lines.append(_line(plain, catalogue, Text.assemble((claim, "bold"), (note, "dim"))))
        for instance, found in of_claim:
            if all(v.outcome == VACUOUS for v in found):
                lines.append(_line(joined, catalogue, _indented(instance), _vacuous(failed(found))))
                continue
            at = {v.level: cell(v) for v in found}
            said = [at.get(level, Text("-", "dim")) for level in levels]
            lines.append(_line(full, catalogue, _indented(instance), *said))
            for v in found:
                if v.alarming and v.detail:
                    lines.append(_line(plain, catalogue, _indented(f"{v.level}: {v.detail}", "red")))
    return Group(*lines, *_reasons(asked))


def _widths(verdicts: Sequence[Verdict], labels: Sequence[str], levels: Sequence[str], width: int) -> tuple[int, ...]:
    """The widths of ids, instances and levels: what they need, and on a narrow terminal less for what can wrap."""
    spoken = [v for v in verdicts if v.outcome != VACUOUS]
    ids = max([len("id"), *(len(v.catalogue) for v in verdicts)])
    cells = [max([len(level), *(len(cell(v)) for v in spoken if v.level == level)]) for level in levels]
    while ids + NARROWEST + sum(cells) + GAP * (len(cells) + 1) > width and max(cells) > len(CONSISTENT):
        cells[cells.index(max(cells))] -= 1
    longest = max([len(HEADING), *(INDENT + len(label) for label in labels)])
    across = max((len(cell(v)) for v in verdicts if v.outcome == VACUOUS), default=0)
    rest = max(sum(cells) + GAP * (len(cells) - 1), across)
    return ids, max(NARROWEST, min(longest, width - ids - GAP - GAP - rest)), *cells


def _line(widths: Sequence[int | None], *entries: RenderableType, style: str = "") -> Table:
    """One line of columns with these widths; None is up to the margin. Ids do not wrap."""
    grid = Table.grid(padding=(0, GAP, 0, 0))
    for i, width in enumerate(widths):
        grid.add_column(width=width, overflow="fold", no_wrap=i == 0)
    grid.add_row(*entries, style=style)
    return grid


def _indented(text: str, style: str = "") -> Padding:
    return Padding(Text(text, style), (0, 0, 0, INDENT))


def _vacuous(assumptions: str) -> Text:
    return Text(f"{VACUOUS}: {assumptions}", STYLES[VACUOUS])


def _rows(group: Sequence[Verdict]) -> list[tuple[str, list[Verdict]]]:
    """The rows of a claim: its instances, or where there are many, one for those with the same words."""
    instances = by_instance(group)
    if len(instances) > 1 and all(v.outcome == VACUOUS for v in group):
        return [(f"{sum(found[0].instances for found in instances):,} instances", list(group))]
    alike: dict[object, list[list[Verdict]]] = {}
    for number, found in enumerate(instances):
        apart = len(instances) <= MANY or any(v.alarming or v.instances > 1 for v in found)
        words = number if apart else tuple((v.level, v.outcome, v.assumption) for v in found)
        alike.setdefault(words, []).append(found)
    return [
        (_label(rows[0][0]) if len(rows) == 1 else f"{len(rows)} instances", _widest(rows)) for rows in alike.values()
    ]


def _label(verdict: Verdict) -> str:
    """What was asked; of stacks also how many more instances do not meet which assumption."""
    if not verdict.vacuous:
        return verdict.instance
    return f"{verdict.instance}, {verdict.vacuous:,} more {VACUOUS}: {verdict.assumption}"


def _widest(rows: Sequence[Sequence[Verdict]]) -> list[Verdict]:
    """For verdicts in the same words one a level, with the largest margin and radius."""

    def largest(numbers: Iterable[float | None]) -> float | None:
        return max((x for x in numbers if x is not None), default=None)

    return [
        replace(same[0], margin=largest(v.margin for v in same), radius=largest(v.radius for v in same))
        for same in zip(*rows, strict=True)
    ]


def _reasons(verdicts: Iterable[Verdict]) -> list[Text]:
    """Why a level could say nothing: the first reason of each claim and level, and equal reasons once."""
    first: dict[tuple[str, str], Verdict] = {}
    for v in verdicts:
        if v.outcome in (OUT_OF_REACH, UNDECIDED) and v.detail:
            first.setdefault((v.level, v.claim), v)
    alike: dict[tuple[str, str], list[Verdict]] = {}
    for v in first.values():
        alike.setdefault((v.outcome, v.detail), []).append(v)
    reasons = []
    for (word, detail), same in alike.items():
        levels = ", ".join(dict.fromkeys(v.level for v in same))
        ids = ", ".join(dict.fromkeys(v.catalogue for v in same))
        reasons.append(Text.assemble((word, STYLES[word]), f" ({levels}) {ids}: {detail}"))
    return [Text(), *reasons] if reasons else []
