"""A question: one exact instance, what a subject is given of it, the true answer, and what floats may be off by.

The truth is a ball of the exact instance, kept as two floats high + low. The subject sees the instance rounded to its
type of floats, so

    allowed = ALLOWANCE * max(bound, u * scale),      u the unit roundoff of that type

where `bound` is the node-wise rounding bound of `mdps.scalars.rounding`, derived for this formula (and for other right
ones, `Target.roads`) on this instance, rounding of the inputs included, and `scale` is the largest absolute entry of
the answer. Nobody types a tolerance.

Why the allowance. The bound holds for any order of summation within one formula. A subject may compute other nodes: an
exponent twice, a recursion forwards, a linear system in one piece (which is accurate to the norm of the answer and not
entry by entry, hence the scale), every trajectory by itself. ALLOWANCE = 8 gives away 3 bits of 53; the right variants
in tests/equivalence/testing reach less than half of it.

Without a horizon the bound is that of equations, however they are solved (`mdps.recorded`), and what a subject leaves
open that says where its iterations stop is allowed besides, see `targets.without_end`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from equivalence.testing.targets import Instance, Target, is_integer
from equivalence.testing.targets.without_end import open_log_policy
from mdps import MDP, InvalidArgument, InvalidModel, OutOfReach, scalars
from mdps.scalars.balls import precision
from mdps.scalars.rounding import Tape

ALLOWANCE = 8
BITS = (192, 384, 768)


class Truth(NamedTuple):
    """One part of the true answer: the numbers high + low, low = 0 where it is infinite."""

    high: np.ndarray
    low: np.ndarray

    @property
    def scale(self) -> float:
        """The largest absolute value of the finite entries."""
        return float(np.abs(self.high[np.isfinite(self.high)]).max(initial=0.0))

    def distance(self, answer: np.ndarray) -> np.ndarray:
        """|answer - truth|, entry by entry; inf where one of them is not finite and they are not the same."""
        with np.errstate(all="ignore"):
            off = np.abs((answer - self.high) - self.low)
        off = np.where(answer == self.high, np.abs(self.low), off)
        return np.where(np.isnan(off), np.inf, off)


@dataclass(frozen=True, eq=False)
class Question:
    """One instance for a target, with the truth; bounds are derived when they are asked for."""

    target: Target
    instance: Instance
    truth: tuple[Truth, ...]
    _allowed: dict[float, tuple[np.ndarray, ...]] = field(default_factory=dict, repr=False)
    _given: dict[str, Any] = field(default_factory=dict, repr=False)

    def arguments(self, dtype: Any) -> tuple[Any, ...]:
        """What the subject is given: fresh writable arrays of the dtype, Python numbers for numbers."""
        if not self._given:
            given = self.target.given(self.instance)
            self._given.update({name: x if is_integer(name) else _floats(x) for name, x in given.items()})
        return tuple(self._argument(name, dtype) for name in self.target.passed)

    def _argument(self, name: str, dtype: Any) -> Any:
        value = self._given[name]
        if not self.target.argument_axes(name):
            return value if isinstance(value, int) else float(value)
        return np.array(value, dtype=int if is_integer(name) else dtype)

    def floor(self, unit_roundoff: float) -> list[float]:
        """What is allowed whatever the bound, of each part."""
        return [ALLOWANCE * unit_roundoff * truth.scale for truth in self.truth]

    def allowed(self, unit_roundoff: float) -> tuple[np.ndarray, ...]:
        """What each entry of each part may be off by.

        Cost: the formula over recorded floats, and a triangular solve; kept for the next subject.
        """
        if unit_roundoff not in self._allowed:
            rounding = [
                np.maximum(ALLOWANCE * bound, floor)
                for bound, floor in zip(self._bounds(unit_roundoff), self.floor(unit_roundoff), strict=True)
            ]
            if self.target.layout.stops_at:
                rounding = [x + y for x, y in zip(rounding, self.left_open(unit_roundoff), strict=True)]
            self._allowed[unit_roundoff] = tuple(rounding)
        return self._allowed[unit_roundoff]

    def left_open(self, unit_roundoff: float, *, first_order: bool = False) -> list[np.ndarray]:
        """What each entry may be off by where iterations stop where the layout says, see `targets.without_end`."""
        layout, instance = self.target.layout, self.instance
        function = self.target.reference
        early = Tape(last_change=layout.stops_at / unit_roundoff)
        parts = self._recorded(function, early)
        within = self._bounds_of(function, unit_roundoff)
        if parts is None:
            return within
        gamma, alpha = _float(instance["mdp"].discount), _float(instance.get("temperature", 1))
        share = 0.0 if first_order else open_log_policy(self.target, gamma, alpha)
        both = [early.bound(part, unit_roundoff=unit_roundoff) for part in parts]
        forward = [unit_roundoff * early.forwards(part) for part in parts]
        with np.errstate(invalid="ignore"):
            found = [2 * (x - y) + share * z for x, y, z in zip(both, within, forward, strict=True)]
        return [np.where(np.isnan(x), np.inf, x) for x in found]

    def _bounds(self, unit_roundoff: float) -> list[np.ndarray]:
        bounds = self._bounds_of(self.target.reference, unit_roundoff)
        for road in self.target.roads:
            pairs = zip(self._bounds_of(road, unit_roundoff), bounds, strict=True)
            # where a road leaves the range of floats it is no road
            bounds = [np.where(np.isfinite(other), np.maximum(other, own), own) for other, own in pairs]
        return bounds

    def _bounds_of(self, function: Any, unit_roundoff: float) -> list[np.ndarray]:
        tape = Tape()
        parts = self._recorded(function, tape)
        if parts is None:
            return [np.full(truth.high.shape, np.inf) for truth in self.truth]
        return [tape.bound(part, unit_roundoff=unit_roundoff) for part in parts]

    def _recorded(self, function: Any, tape: Tape) -> tuple[Any, ...] | None:
        """The parts of a function over recorded floats; None where it leaves what it has an answer for."""
        try:
            with np.errstate(all="ignore"):  # a road may overflow; the bound is then infinite
                return self.target.parts_of(function, _on_tape(tape, self.instance))
        except (InvalidArgument, InvalidModel, OutOfReach):  # so may the reference, to where it has no answer
            return None


def question(target: Target, instance: Instance) -> Question | None:
    """The question of an instance; None where it has no answer, or balls do not find it."""
    for bits in BITS:
        try:
            with precision(bits):
                parts = target.value(_at("ball", instance))
                truths = [_truth(np.asarray(part, dtype=object)) for part in parts]
        except OutOfReach as error:
            if "raise the precision" not in str(error):
                return None
        except (InvalidArgument, InvalidModel):
            return None
        else:
            if all(truth is not None for truth in truths):
                return Question(target, instance, tuple(truth for truth in truths if truth is not None))
    return None


def _at(level: str, instance: Instance) -> dict[str, Any]:
    """The instance in the arithmetic of a level."""
    return _mapped(instance, lambda array: scalars.convert(array, level), lambda mdp: mdp.to(level))


def _float(x: Any) -> float:
    return float(scalars.convert(np.asarray(x, dtype=object), "float"))


def _floats(value: Any) -> Any:
    return value if isinstance(value, int) else scalars.convert(np.asarray(value, dtype=object), "float")


def _on_tape(tape: Tape, instance: Instance) -> dict[str, Any]:
    """The floats of the instance, recorded as inputs that were rounded."""
    return _mapped(instance, tape.leaves, lambda mdp: mdp.with_numbers(tape.leaves, "carrier"))


def _mapped(
    instance: Instance, on_numbers: Callable[[np.ndarray], np.ndarray], on_model: Callable[[MDP], MDP]
) -> dict[str, Any]:
    def mapped(name: str, x: Any) -> Any:
        if isinstance(x, MDP):
            return on_model(x)
        return x if is_integer(name) else on_numbers(np.asarray(x, dtype=object))[()]

    return {name: mapped(name, x) for name, x in instance.items()}


def _truth(balls: np.ndarray) -> Truth | None:
    """The balls as pairs of floats; None where they are thicker than floats of twice the precision."""
    high, low = np.empty(balls.shape), np.empty(balls.shape)
    for index in np.ndindex(balls.shape):
        entry: Any = balls[index]
        x = arb(entry)
        if x.is_finite():
            radius, size = float(x.rad()), float(abs(x).mid())
            if radius > max(2.0**-90 * size, 2.0**-140):
                return None
            if np.isinf(float(x.mid())):  # beyond what a float can be
                return None
            # So thin a ball contains 0 where the answer is 0, or too small for any bound to notice.
            high[index] = 0.0 if x.contains(0) else float(x.mid())
            low[index] = 0.0 if x.contains(0) else float((x - arb(float(x.mid()))).mid())
        elif x < 0 or x > 0:
            high[index], low[index] = (-np.inf if x < 0 else np.inf), 0.0
        else:
            return None
    return Truth(high, low)
