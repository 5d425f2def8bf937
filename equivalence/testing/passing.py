"""When evidence is a pass: what a test makes of a verdict.

A verdict that holds passes: `holds` (a relation without reference), `consistent`, `enclosed`, `proved here`, `proved
for all`, from weak to strong. One that fails (`differs`, `refuted`, `violated`) raises `Refuted` with the report.

Every other word (`undecided`, `out of reach`, `vacuous`, `underpowered`) says that nothing was established: it is shown
and counted, and never a pass. The test fails (`NotEstablished`), or is skipped where the word is allowed explicitly,
`@judged(..., allow=["out of reach"])`. Weaker evidence than is asked for, or than it was in the baseline, fails too.
"""

import sys
import unittest
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

from equivalence.evidence.verdict import (
    CONSISTENT,
    DIFFERS,
    ENCLOSED,
    PROVED_FOR_ALL,
    PROVED_HERE,
    REFUTED,
)
from equivalence.testing.judge import Refuted
from equivalence.testing.verdict import Verdict
from mdps import InvalidArgument

STRENGTH = ("holds", CONSISTENT, ENCLOSED, PROVED_HERE, PROVED_FOR_ALL)
WRONG = (DIFFERS, REFUTED, "violated")
BEST_WORD = {
    "float": CONSISTENT,
    "ball": ENCLOSED,
    "exact": PROVED_HERE,
    "field": PROVED_FOR_ALL,
    "symbolic": PROVED_FOR_ALL,
}


class NotEstablished(AssertionError):
    """A test whose subject was not refuted, and whose evidence is none, or weaker than is asked for."""

    __module__ = "equivalence.testing"  # where it is imported from, and shown first by pytest


@dataclass(frozen=True)
class Evidence:
    """What a test has found out about a subject.

    about     the target, or the claim; `catalogue` is the id of the claim.
    outcome   the word of the verdict.     level  the arithmetic that it was found in.
    counts    how many instances have which word.
    margin    of floats: the largest distance in units of what is allowed.
    message   the whole report.
    proved    the line that says what is proved over a field, where something is.
    """

    subject: str
    about: str
    outcome: str
    level: str
    instances: int
    seconds: float
    message: str
    catalogue: str = ""
    margin: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    proved: str = ""

    @property
    def passes(self) -> bool:
        """Whether the word is one that holds."""
        return self.outcome in STRENGTH

    @property
    def trailer(self) -> str:
        """The verdict on one line: `agrees: float, 214 instances, margin 0.07, 0.3 s`."""
        many = f"{self.instances:,} instance{'' if self.instances == 1 else 's'}"
        if len(self.counts) > 1:
            many += f" ({', '.join(f'{n:,} {word}' for word, n in self.counts.items())})"
        margin = self.passes and self.margin is not None and f"margin {self.margin:.2g}"
        parts = ["float" if self.proved else self.level, many, margin, f"{self.seconds:.1f} s"]
        word = "agrees" if self.passes and self.outcome != "holds" else self.outcome
        return f"{word}: {f'{self.proved}; ' if self.proved else ''}{', '.join(part for part in parts if part)}"

    def as_json(self) -> dict[str, Any]:
        """The evidence as a plain object; the keys are stable."""
        margin = self.margin if self.margin is not None and isfinite(self.margin) else None
        return asdict(self) | {"counts": dict(self.counts), "margin": margin, "trailer": self.trailer}


def evidence_of(verdict: Verdict) -> Evidence:
    """What a verdict of the judge is for a test."""
    counts = {DIFFERS: verdict.differing, CONSISTENT: verdict.instances - verdict.differing}
    return Evidence(
        verdict.subject,
        verdict.target,
        verdict.outcome,
        verdict.level,
        verdict.instances,
        verdict.seconds,
        verdict.message,
        margin=verdict.margin,
        counts={word: n for word, n in counts.items() if n},
        proved=verdict.over_field if verdict.outcome in (PROVED_FOR_ALL, PROVED_HERE) else "",
    )


def strength(word: str) -> int:
    """How strong a word is; -1 where it is none that holds.

    >>> strength("consistent") < strength("proved here") < strength("proved for all"), strength("vacuous")
    (True, -1)
    """
    return STRENGTH.index(word) if word in STRENGTH else -1


def checked_demand(at_least: str | None, allow: Collection[str]) -> tuple[str | None, frozenset[str]]:
    """A least level, and words that skip the test instead of failing it.

    Errors: `InvalidArgument` for an unknown level, and for words that hold or fail: they need no permission.
    """
    if at_least is not None and at_least not in BEST_WORD:
        raise InvalidArgument(f"at_least is {at_least!r}; expected {', '.join(BEST_WORD)}")
    words = frozenset([allow] if isinstance(allow, str) else allow)
    for word in sorted(words):
        if word not in ("undecided", "out of reach", "vacuous", "underpowered"):
            raise InvalidArgument(f"allow has {word!r}; expected undecided, out of reach, vacuous or underpowered")
    return at_least, words


def running() -> Any:
    """The session of pytest's plugin, while it runs a test; None elsewhere."""
    plugin = sys.modules.get("equivalence.pytest_plugin")
    return None if plugin is None else plugin.running()


def settle(evidence: Evidence, *, at_least: str | None = None, allow: Collection[str] = ()) -> None:
    """Pass, fail or skip, as the evidence is; told to the plugin, where there is one.

    Errors: `Refuted`, `NotEstablished`, `unittest.SkipTest` (which every runner knows).
    """
    __tracebackhide__ = True
    session = running()
    least, allowed = checked_demand(at_least, allow)
    minimum = max((least, session and session.minimum), key=lambda level: strength(BEST_WORD.get(level or "", "")))
    before = session and session.before(evidence.about)
    complaint = _complaint(evidence, minimum, before)
    if session is not None:
        skipped = evidence.outcome in allowed
        word = "skipped" if skipped else "failed" if evidence.outcome in WRONG or complaint else "passed"
        session.add(evidence.as_json() | {"test": session.test, "result": word, "baseline": before})
    if evidence.outcome in WRONG:
        raise Refuted(evidence.message)
    if evidence.outcome in allowed:
        raise unittest.SkipTest(f"{evidence.trailer}; allowed, and no pass")
    if complaint:
        raise NotEstablished(f"{complaint}\n{evidence.message}")


def _complaint(evidence: Evidence, minimum: str | None, before: str | None) -> str:
    """Why evidence that refutes nothing is no pass; '' where it is one."""
    named = f"{evidence.subject}, {evidence.about}"
    if not evidence.passes:
        return f"{named}: {evidence.outcome}, which is never a pass (allow=[{evidence.outcome!r}] skips the test)"
    if minimum is not None and strength(evidence.outcome) < strength(BEST_WORD[minimum]):
        wanted = f"{minimum} ({BEST_WORD[minimum]})"
        fixed = evidence.outcome == PROVED_HERE and evidence.level == "field"  # all that it takes are numbers
        most = "; nothing that it takes is free over a field, so at most exact can be asked for" if fixed else ""
        return f"{named}: {evidence.outcome}, at level {evidence.level}; asked for is at least {wanted}{most}"
    if before is not None and strength(evidence.outcome) < strength(before):
        return f"{named}: {evidence.outcome}, and it was {before} in the baseline"
    return ""
