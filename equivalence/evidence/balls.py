"""Level `ball`: both sides in ball arithmetic, with precision raised until the difference is decided or thin.

A difference whose ball does not contain 0 refutes an equality, and one that is certainly positive refutes lhs <= rhs:
proofs. An equality can never be proved by balls: it is `enclosed`, with the radius, once the radius is below 2^-64
times the size of the sides. An inequality is `enclosed` once it is certain, or touches equality within that radius;
`detail` says how tight it is, by the least rhs - lhs.
"""

from typing import Any, NamedTuple

import numpy as np
from flint import arb

from equivalence.claims import AtMost, Claim
from equivalence.evidence.instance import Instance
from equivalence.evidence.sides import flat_sides, place
from equivalence.evidence.verdict import ENCLOSED, REFUTED, UNDECIDED, Proof
from mdps import OutOfReach
from mdps.scalars.balls import precision

FIRST_PRECISION = 128
LAST_PRECISION = 4096
THIN = arb(2) ** -64


class Enclosure(NamedTuple):
    """Certified balls of both sides, flat, and their common shape."""

    lhs: np.ndarray
    rhs: np.ndarray
    shape: tuple[int, ...]


class Finding(NamedTuple):
    """What a level found: the word, the largest radius or margin, where the trouble is, and the proof in a field."""

    outcome: str
    size: float | None
    detail: str = ""
    proof: Proof | None = None


def enclose(claim: Claim, instance: Instance, bits: int, **holes: Any) -> tuple[Any, Enclosure]:
    """Both sides of the conclusion at a precision."""
    with precision(bits):
        conclusion = claim(instance.at("ball", claim.arguments), **holes)
        return conclusion, Enclosure(*flat_sides(conclusion))


def check_in_balls(claim: Claim, instance: Instance, **holes: Any) -> Finding:
    """Refuted, enclosed or undecided; `OutOfReach` where balls cannot express the claim at any precision."""
    bits, trouble = FIRST_PRECISION, ""
    while bits <= LAST_PRECISION:
        try:
            conclusion, sides = enclose(claim, instance, bits, **holes)
        except OutOfReach as error:
            if "raise the precision" not in str(error):
                raise
            trouble = str(error)
        else:
            with precision(bits):
                finding = _compared(sides, inequality=isinstance(conclusion, AtMost))
            if finding.outcome != UNDECIDED:
                return finding
            trouble = finding.detail
        bits *= 2
    return Finding(UNDECIDED, None, f"at {LAST_PRECISION} bits: {trouble}")


def _compared(sides: Enclosure, *, inequality: bool) -> Finding:
    largest: arb | None = None
    slacks: list[arb] = []
    thick = ""
    for index, (lhs, rhs) in enumerate(zip(sides.lhs, sides.rhs, strict=True)):
        difference = arb(lhs) - arb(rhs)
        if (inequality and difference > 0) or (not inequality and not difference.contains(0)):
            return Finding(REFUTED, None, _values(index, sides, difference))
        if inequality:
            slacks.append(-difference)
        if inequality and difference < 0:
            continue
        radius = arb(difference.rad()) if difference.is_finite() else arb.pos_inf()
        largest = radius if largest is None else largest.max(radius)
        if not radius < THIN * (1 + abs(arb(arb(lhs).mid()))):
            thick = thick or f"the difference{place(index, sides.shape)} is {difference.str(5)}"
    if thick:
        return Finding(UNDECIDED, None, thick)
    return Finding(ENCLOSED, None if largest is None else float(largest.mid()), _tightness(slacks))


def _tightness(slacks: list[arb]) -> str:
    """How far an inequality is from equality where it is closest."""
    if not slacks:
        return ""
    least = min(slacks, key=lambda slack: float(slack.mid()))
    return "tight: equality is not excluded" if least.contains(0) else f"rhs - lhs is at least {least.str(5)}"


def _values(index: int, sides: Enclosure, difference: arb) -> str:
    where = place(index, sides.shape)
    lhs, rhs = arb(sides.lhs[index]), arb(sides.rhs[index])
    left, right = lhs.str(12, radius=False), rhs.str(12, radius=False)
    return f"lhs{where} = {left}, rhs{where} = {right}, difference {difference.str(5)}"
