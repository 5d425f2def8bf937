"""Level `float`: both sides in float64, against balls of the exact instance.

The float left side is held against the ball of the right one, and the other way round: this asks at once whether the
claim holds and whether floats compute it. What they are allowed to be off is the node-wise bound of
`mdps.scalars.rounding`, derived for this formula on this instance; nobody types a tolerance. `margin` is the largest
distance in units of that bound. A first-order bound makes floats `consistent` or `differs`, never a proof.
"""

from typing import Any

import numpy as np
from flint import arb

from equivalence.claims import AtMost, Claim
from equivalence.evidence.balls import FIRST_PRECISION, THIN, Enclosure, Finding, enclose
from equivalence.evidence.instance import Instance
from equivalence.evidence.sides import flat_sides, place
from equivalence.evidence.verdict import CONSISTENT, DIFFERS
from mdps.scalars.balls import precision
from mdps.scalars.rounding import Tape


def check_in_floats(claim: Claim, instance: Instance, **holes: Any) -> Finding:
    """Consistent or differs, with the margin."""
    conclusion, truth = enclose(claim, instance, 2 * FIRST_PRECISION, **holes)
    with np.errstate(all="ignore"):
        lhs, rhs, shape = flat_sides(claim(instance.at("float", claim.arguments), **holes))
    bound = np.add(*derived_bounds(claim, instance, **holes))
    if isinstance(conclusion, AtMost):
        distance = np.maximum(
            _distances(lhs, truth.rhs, signed=True), _distances(rhs, truth.lhs, signed=True, flip=True)
        )
    else:
        distance = np.maximum(_distances(lhs, truth.rhs), _distances(rhs, truth.lhs))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(distance == 0, 0.0, distance / bound)
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    worst = int(ratio.argmax()) if ratio.size else 0
    margin = float(ratio.max(initial=0.0))
    if margin <= 1:
        return Finding(CONSISTENT, margin)
    return Finding(DIFFERS, margin, _values(worst, lhs, rhs, truth, shape, float(bound[worst])))


def derived_bounds(claim: Claim, instance: Instance, **holes: Any) -> tuple[np.ndarray, np.ndarray]:
    """What floats may be off by in each entry of both sides, flat; the rounding of the inputs is included."""
    tape = Tape()
    recorded = instance.mapped(
        claim.arguments,
        lambda array: tape.leaves(array)[()],
        lambda mdp: mdp.with_numbers(lambda array: tape.leaves(array), "carrier"),
    )
    lhs, rhs, _ = flat_sides(claim(recorded, **holes))
    both = tape.bound(np.concatenate([lhs, rhs]))
    return both[: len(lhs)], both[len(lhs) :]


def _distances(floats: np.ndarray, balls: np.ndarray, *, signed: bool = False, flip: bool = False) -> np.ndarray:
    """How far x is outside the ball, which is thin; signed, by how much it exceeds it (or, flipped, falls short)."""
    with precision(2 * FIRST_PRECISION):

        def distance(x: Any, ball: Any) -> float:
            if not np.isfinite(float(x)):
                return np.inf
            difference = arb(float(x)) - arb(ball)
            if not difference.rad() < THIN * (1 + abs(arb(float(x)))):
                return np.inf
            if signed:
                return max(0.0, float((-difference if flip else difference).lower()))
            return float(difference.abs_lower())

        return np.array([distance(x, ball) for x, ball in zip(floats, balls, strict=True)], dtype=float)


def _values(
    index: int, lhs: np.ndarray, rhs: np.ndarray, truth: Enclosure, shape: tuple[int, ...], bound: float
) -> str:
    where = place(index, shape)
    exact = arb(truth.lhs[index]).str(17, radius=False), arb(truth.rhs[index]).str(17, radius=False)
    return (
        f"lhs{where} = {float(lhs[index])!r} (exact {exact[0]}), "
        f"rhs{where} = {float(rhs[index])!r} (exact {exact[1]}), "
        f"allowed {bound:.3g}"
    )
