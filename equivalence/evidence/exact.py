"""Level `exact`: both sides as rational combinations of logarithms of rationals, whose equality is decidable.

Equal entries are the same number, and the claim is `proved here`, on this instance. A difference is a proof too.
"""

from typing import Any

from equivalence.claims import AtMost, Claim
from equivalence.evidence.balls import Finding
from equivalence.evidence.instance import Instance
from equivalence.evidence.sides import flat_sides, place
from equivalence.evidence.verdict import PROVED_HERE, REFUTED


def check_exactly(claim: Claim, instance: Instance, **holes: Any) -> Finding:
    """Proved here or refuted; `OutOfReach` where a number on the way is neither rational nor a sum of logs."""
    conclusion = claim(instance.at("exact", claim.arguments), **holes)
    lhs, rhs, shape = flat_sides(conclusion)
    for index, (x, y) in enumerate(zip(lhs, rhs, strict=True)):
        wrong = x > y if isinstance(conclusion, AtMost) else x != y
        if wrong:
            where = place(index, shape)
            return Finding(REFUTED, None, f"lhs{where} = {x}, rhs{where} = {y}")
    return Finding(PROVED_HERE, None)
