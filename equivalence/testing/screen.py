"""Whether a failure shows on an instance: in floats, where that decides in a moment, and exactly.

A failure is known by its kind: what was raised, a shape, numbers that are off, numbers that are not finite where they
should be. In floats an answer is held against the reference in floats: it counts as off where it is so by far more than
any rounding, or, of a failure that is small itself, by more than the geometric mean of that and rounding. What the
screen says is asked again exactly of what was found in the end, see `reducer`.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from equivalence.testing.answer import RAISED, VALUES, Answer, asked
from equivalence.testing.kinds import Kinds
from equivalence.testing.question import Question, Truth, question
from equivalence.testing.targets import Instance, Target
from mdps import OutOfReach
from mdps.exactness import exact_discount

LARGE = 100  # units roundoff: of less than these floats say nothing


@dataclass(frozen=True, eq=False)
class Rough(Question):
    """A question of which the truth is the reference in floats, and nothing is allowed but a rounding."""

    def allowed(self, unit_roundoff: float) -> tuple[np.ndarray, ...]:
        """The rounding of the largest entry."""
        pairs = zip(self.truth, self.floor(unit_roundoff), strict=True)
        return tuple(np.full(truth.high.shape, floor) for truth, floor in pairs)


def rough(target: Target, instance: Instance) -> Rough | None:
    """The question of an instance in floats; None where the reference has no answer."""
    try:
        with np.errstate(all="ignore"):
            parts = [np.asarray(part, dtype=float) for part in target.value(instance)]
    except (ArithmeticError, ValueError, OutOfReach):
        return None
    if any(np.isnan(part).any() for part in parts):
        return None
    return Rough(target, instance, tuple(Truth(part, np.zeros(part.shape)) for part in parts))


class Kind(NamedTuple):
    """A kind of failure: what is wrong, and how far the numbers are off, in units of the largest true one (or 1)."""

    trouble: str
    finite: bool
    least: float


def kind_of(answer: Answer) -> Kind:
    """The kind of failure of an answer that is wrong.

    `least` is how far off another answer has to be to count as the same failure.
    """
    if answer.trouble != VALUES:
        raised = answer.detail.split(":")[0] if answer.trouble == RAISED else ""
        return Kind(f"{answer.trouble} {raised}", True, 0.0)
    off = _off(answer)
    return Kind(VALUES, bool(np.isfinite(off)), float(np.sqrt(answer.unit_roundoff * min(off, 1.0))))


def _off(answer: Answer) -> float:
    pairs = zip(answer.parts, answer.question.truth, strict=True)
    return max(float(truth.distance(part).max(initial=0.0)) / max(1.0, truth.scale) for part, truth in pairs)


def is_like(answer: Answer | None, kind: Kind) -> bool:
    """Whether an answer fails in this way, as far off."""
    if answer is None or answer.right:
        return False
    own = kind_of(answer)
    if (own.trouble, own.finite) != (kind.trouble, kind.finite):
        return False
    return answer.trouble != VALUES or _off(answer) > kind.least


def can_screen(kind: Kind, dtype: Any) -> bool:
    """Whether floats can tell that an answer fails in this way."""
    return kind.trouble != VALUES or kind.least >= LARGE * float(np.finfo(dtype).eps) / 2


def screen_for(
    subject: Callable[..., Any], target: Target, dtype: Any, kind: Kind, kinds: Kinds
) -> Callable[[Instance], bool] | None:
    """Whether a subject fails in this way on an instance in floats, of some kinds; None where floats cannot tell."""
    if not can_screen(kind, dtype):
        return None

    def screen(instance: Instance) -> bool:
        if not admits(kinds, instance):
            return False
        asks = rough(target, instance)
        return asks is not None and is_like(asked(subject, asks, dtype), kind)

    return screen


def admits(kinds: Kinds, instance: Instance) -> bool:
    """Whether an instance in floats is of these kinds, of which discounts and temperatures are exact."""
    mdp = instance.get("mdp")
    if mdp is None:
        return kinds.admit(instance)
    other = copy.copy(mdp)
    object.__setattr__(other, "discount", exact_discount(float(mdp.discount)))
    read = {name: exact_discount(float(instance[name])) for name in ("temperature",) if name in instance}
    return kinds.admit({**instance, **read, "mdp": other})


def answered(subject: Callable[..., Any], target: Target, dtype: Any, instance: Instance) -> Answer | None:
    """What the subject answers to the exact question of an instance; None where it has none."""
    asks = question(target, instance)
    return None if asks is None else asked(subject, asks, dtype)
