"""What the verdicts on a claim amount to, and one sentence for all claims.

A claim is asked on several instances, and on each at several levels.

    on an instance   the strongest word that a level said
    of a claim       the weakest of those over the instances that meet its assumptions

Stacks are asked in floats alone. They count where they fail; where they do not, they take nothing from what was proved
on other instances, and are told in a sentence of their own.

Either way a failure outweighs everything. So a claim is `proved here` if it was proved on every instance that
meets its assumptions, and it is established if it is `enclosed` or stronger: floats alone establish nothing.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from equivalence.evidence.verdict import (
    CONSISTENT,
    DIFFERS,
    ENCLOSED,
    FAILS,
    OUT_OF_REACH,
    PROVED_FOR_ALL,
    PROVED_HERE,
    REFUTED,
    UNDECIDED,
    VACUOUS,
    Verdict,
)

STRENGTH = (
    VACUOUS,
    OUT_OF_REACH,
    UNDECIDED,
    CONSISTENT,
    ENCLOSED,
    PROVED_HERE,
    PROVED_FOR_ALL,
    DIFFERS,
    REFUTED,
)
ESTABLISHED = (PROVED_FOR_ALL, PROVED_HERE, ENCLOSED)


class Standing(NamedTuple):
    """One claim over all its instances and levels: the word that sums them up, and what is to be added."""

    claim: str
    catalogue: str
    known_false: bool
    word: str
    note: str


def by_claim(verdicts: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    """The verdicts of each claim, in the order in which they come."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(verdict.claim, []).append(verdict)
    return groups


def by_instance(verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    """The verdicts of one claim on each instance; with one description for two, each has a level once."""
    groups: dict[tuple[str, int], list[Verdict]] = {}
    seen: dict[tuple[str, str], int] = {}
    for verdict in verdicts:
        at = verdict.instance, verdict.level
        seen[at] = seen.get(at, 0) + 1
        groups.setdefault((verdict.instance, seen[at]), []).append(verdict)
    return list(groups.values())


def idle_instances(verdicts: Sequence[Verdict]) -> dict[str, str]:
    """The instances on which every claim was asked and is vacuous, and what fails; {} if those are all."""
    claims = {verdict.claim for verdict in verdicts}
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(verdict.instance, []).append(verdict)
    idle = {
        name: failed(group)
        for name, group in groups.items()
        if all(v.outcome == VACUOUS for v in group) and {v.claim for v in group} == claims
    }
    return idle if len(idle) < len(groups) else {}


def failed(verdicts: Iterable[Verdict]) -> str:
    """The assumptions that vacuous verdicts name."""
    return ", ".join(dict.fromkeys(v.assumption for v in verdicts if v.assumption is not None))


def standing(verdicts: Sequence[Verdict]) -> Standing:
    """What the verdicts on one claim amount to."""
    alone = [v for v in verdicts if v.instances == 1 or v.alarming] or verdicts
    words = [max((v.outcome for v in group), key=STRENGTH.index) for group in by_instance(alone)]
    met = [word for word in words if word != VACUOUS] or words
    word = (max if set(met) & set(FAILS) else min)(met, key=STRENGTH.index)
    first, note = verdicts[0], ""
    if word == VACUOUS:
        note = failed(verdicts)
    elif met.count(word) < len(met):
        note = f"on {met.count(word)} of {len(met)} instances"
    return Standing(first.claim, first.catalogue, first.known_false, word, note)


def conclusion(verdicts: Sequence[Verdict], where: str) -> str:
    """One sentence: what was established `where`, and what was not.

    >>> on = dict(claim="heads_eq_tails", catalogue="X-01", instance="a coin")
    >>> floats = Verdict(**on, level="float", outcome="consistent")
    >>> conclusion([floats, Verdict(**on, level="ball", outcome="enclosed")], "on a coin")
    '1 of 1 claim established on a coin: 1 enclosed; nothing was refuted.'
    """
    idle = idle_instances(verdicts)
    found = [standing(group) for group in by_claim(v for v in verdicts if v.instance not in idle).values()]
    if not found:
        return f"No claim could be asked {where}, so nothing was established."
    said = [s for s in found if not s.known_false]
    parts = []
    if said:
        counts = {word: sum(s.word == word for s in said) for word in ESTABLISHED}
        how = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
        claims = "1 claim" if len(said) == 1 else f"{len(said)} claims"
        parts.append(f"{sum(counts.values())} of {claims} established {where}" + (f": {how}" if how else ""))
    for word in (REFUTED, DIFFERS, CONSISTENT, UNDECIDED, OUT_OF_REACH, VACUOUS):
        if chosen := [s for s in said if s.word == word]:
            extra = " in floating point only" if word == CONSISTENT else ""
            parts.append(f"{word}{extra}: {_named(chosen, found)}")
    for refuted, words in (
        (True, "known to be false, and refuted"),
        (False, "known to be false, and not refuted"),
    ):
        if chosen := [s for s in found if s.known_false and (s.word in FAILS) == refuted]:
            parts.append(f"{words}{'' if said else f' {where}'}: {_named(chosen, found)}")
    parts += [f"all are vacuous on one more instance ({name}: {assumptions})" for name, assumptions in idle.items()]
    if stacked := [v for v in verdicts if v.instances > 1 and v.outcome == CONSISTENT and not v.known_false]:
        parts.append(f"{CONSISTENT} in floating point: {sum(v.instances for v in stacked):,} instances in stacks")
    if not any(s.word in FAILS for s in said):
        parts.append(f"nothing {'else ' if any(s.word in FAILS for s in found) else ''}was refuted")
    return "; ".join(parts) + "."


def _named(chosen: list[Standing], found: list[Standing]) -> str:
    """Claims by their catalogue id, which stands for all its claims; where it would not, by name too."""
    labels: dict[str, dict[str, None]] = {}
    for s in chosen:
        together = all(other in chosen for other in found if other.catalogue == s.catalogue)
        notes = labels.setdefault(s.catalogue if together else f"{s.catalogue} {s.claim}", {})
        if s.note:
            notes[s.note] = None
    return ", ".join(f"{label} ({', '.join(notes)})" if notes else label for label, notes in labels.items())
