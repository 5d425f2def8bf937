"""What the verdicts on a claim amount to, and one sentence for all claims.

A claim is looked at on several instances, and on each at several levels.

    on an instance   the strongest word that a level said
    of a claim       the weakest of those over the instances that meet its assumptions; a failure outweighs everything

So a claim is `proved here` if it was proved on every instance that meets its assumptions, and it is established if
its standing is `enclosed` or stronger. Floats alone establish nothing.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from equivalence.evidence.verdict import (
    CONSISTENT,
    DIFFERS,
    ENCLOSED,
    FAILS,
    OPEN,
    OUT_OF_REACH,
    PROVED_FOR_ALL,
    PROVED_HERE,
    REFUTED,
    UNDECIDED,
    VACUOUS,
    Verdict,
)

STRENGTH = (VACUOUS, OUT_OF_REACH, UNDECIDED, CONSISTENT, ENCLOSED, PROVED_HERE, PROVED_FOR_ALL)
ESTABLISHED = (PROVED_FOR_ALL, PROVED_HERE, ENCLOSED)


class Standing(NamedTuple):
    """One claim over all its instances and levels.

    word       the verdict word that sums them up
    weakest    the instances on which it is no stronger than that
    instances  all its instances that meet the assumptions (where the claim is vacuous: all)
    """

    claim: str
    catalogue: str
    word: str
    known_false: bool
    weakest: int
    instances: int
    assumptions: tuple[str, ...]


def by_claim(verdicts: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    """The verdicts of each claim, in the order in which they come."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(verdict.claim, []).append(verdict)
    return groups


def by_instance(verdicts: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    """The verdicts on each instance, in the order in which they come."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(verdict.instance, []).append(verdict)
    return groups


def word_of(outcomes: Sequence[str]) -> str:
    """The strongest word of several levels on one instance; a failure is stronger than all."""
    for failure in (REFUTED, DIFFERS):
        if failure in outcomes:
            return failure
    return max(outcomes, key=STRENGTH.index)


def standing(verdicts: Sequence[Verdict]) -> Standing:
    """What the verdicts on one claim amount to."""
    words = [word_of([v.outcome for v in group]) for group in by_instance(verdicts).values()]
    met = [w for w in words if w != VACUOUS] or words
    failures = [w for w in met if w in FAILS]
    word = word_of(failures) if failures else min(met, key=STRENGTH.index)
    first = verdicts[0]
    assumptions = dict.fromkeys(v.assumption for v in verdicts if v.assumption is not None)
    return Standing(
        first.claim, first.catalogue, word, first.known_false, met.count(word), len(met), tuple(assumptions)
    )


def standings(verdicts: Iterable[Verdict]) -> list[Standing]:
    """What the verdicts amount to, claim by claim."""
    return [standing(group) for group in by_claim(verdicts).values()]


def conclusion(verdicts: Sequence[Verdict], where: str) -> str:
    """One sentence: what was established `where`, and what was not."""
    found = standings(verdicts)
    if not found:
        return f"No claim can be asked {where}: nothing was established."
    ids = [s.catalogue for s in found]

    def label(s: Standing, note: str) -> str:
        name = s.catalogue if ids.count(s.catalogue) == 1 else f"{s.catalogue} {s.claim}"
        return f"{name} ({note})" if note else name

    def listed(word: str, claims: list[Standing]) -> str:
        notes = {
            VACUOUS: lambda s: ", ".join(s.assumptions),
            CONSISTENT: lambda s: "",
        }
        note = notes.get(word, lambda s: "" if s.weakest == s.instances else f"on {s.weakest} of {s.instances} instances")
        return ", ".join(label(s, note(s)) for s in claims)

    supposed = [s for s in found if not s.known_false]
    falsehoods = [s for s in found if s.known_false]
    words = {word: [s for s in supposed if s.word == word] for word in (*STRENGTH, *FAILS)}
    established = sum(len(words[word]) for word in ESTABLISHED)
    parts = []
    if supposed:
        counts = [f"{len(words[w])} {w}" for w in ESTABLISHED if words[w]]
        how = f": {', '.join(counts)}" if counts else ""
        parts.append(f"{established} of {_counted(len(supposed), 'claim')} established {where}{how}")
    if words[CONSISTENT]:
        n = len(words[CONSISTENT])
        parts.append(f"{n} only consistent in floating point, which proves nothing")
    parts += [f"{w}: {listed(w, words[w])}" for w in OPEN if words[w]]
    refuted = [s for s in falsehoods if s.word in FAILS]
    if refuted:
        parts.append(f"known to be false and refuted, as they should be: {listed(REFUTED, refuted)}")
    if others := [s for s in falsehoods if s.word not in FAILS]:
        parts.append(f"known to be false in general, and not refuted here: {listed(REFUTED, others)}")
    failed = [f"{w}, and should hold: {listed(w, words[w])}" for w in FAILS if words[w]]
    parts += [w.upper() if False else w for w in failed] or ["nothing that should hold was refuted"]
    return "; ".join(parts) + "."


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" + ("" if n == 1 else "s")
