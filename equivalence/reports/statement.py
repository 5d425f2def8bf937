"""The list of claims, and one claim in full."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from equivalence.claims import Claim
from equivalence.evidence import Instance
from equivalence.evidence.balls import check_in_balls
from equivalence.evidence.exact import check_exactly
from mdps import OutOfReach
from mdps.bibliography import REFERENCES


def claim_list(claims: Iterable[Claim]) -> RenderableType:
    """Id, name and title of each claim."""
    lines: list[RenderableType] = []
    claims = list(claims)
    ids = max((len(claim.catalogue) for claim in claims), default=0)
    for claim in claims:
        false = " (known to be false)" if claim.known_false else ""
        lines.append(Text.assemble(f"{claim.catalogue:{ids}}  ", (claim.name, "bold"), (false, "dim")))
        lines.append(Padding(Text(claim.title), (0, 0, 0, ids + 4)))
    return Group(*lines)


def claim_in_full(claim: Claim) -> RenderableType:
    """Statement, assumptions with what they mean, source, witnesses in numbers and open questions."""
    false = (" (published, and known to be false)", "dim") if claim.known_false else ""
    heading = Text.assemble(f"{claim.catalogue}  ", (claim.name, "bold"), false)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")

    def section(name: str, entries: Mapping[str, str]) -> None:
        for i, (key, text) in enumerate(entries.items()):
            grid.add_row(name if i == 0 else "", Text.assemble((key, "bold"), f": {text}"))

    section("assumes", {a.name: a.text for a in claim.assumes})
    if not claim.assumes:
        grid.add_row("assumes", "nothing")
    grid.add_row("about", ", ".join(claim.arguments))
    if claim.holes:
        grid.add_row("can be replaced", ", ".join(claim.holes))
    keys = claim.source.split("; ")
    for i, key in enumerate(keys):
        work = f": {REFERENCES[key]}" if key in REFERENCES else ""
        grid.add_row("" if i else "source", Text.assemble((key, "bold"), work))
    told = {a.name: "no witness is recorded" for a in claim.assumes if a.name not in claim.open_questions}
    told |= {key: _numbers(claim, witness) for key, witness in claim.witnesses.items()}
    section("fails", {key if key == "as printed" else f"without {key}": text for key, text in told.items()})
    section("open", {f"without {key}": text for key, text in claim.open_questions.items()})
    statement = Padding(Text(_flowing(claim.text)), (0, 0, 0, 2))
    return Group(heading, "", statement, "", Padding(grid, (0, 0, 0, 2)))


def _numbers(claim: Claim, witness: Callable[[], dict[str, Any]]) -> str:
    """What a witness is, and the two sides of the conclusion where they differ on it."""
    text = (inspect.getdoc(witness) or "").partition("\n")[0]
    instance = Instance(witness(), text)
    try:
        finding = check_exactly(claim, instance)
    except OutOfReach:
        finding = check_in_balls(claim, instance)
    return f"{text}\n{finding.detail}" if finding.detail else text


def _flowing(text: str) -> str:
    """Paragraphs on one line each, so that the terminal wraps them; indented lines are formulas and stay."""
    lines: list[str] = []
    for line in text.splitlines():
        joins = bool(lines and lines[-1] and line and not line.startswith(" ") and not lines[-1].startswith(" "))
        if joins:
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return "\n".join(lines)
