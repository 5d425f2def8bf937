"""Subjects without a horizon that stop too early: after so many steps, or where the last change was small enough.

A finite horizon in place of none is recognized by its numbers: those of the same target with a horizon T, its first
step, on every instance. How far the subject is off is compared with T = 32, and gamma to the difference says which T.

An iteration that stops early leaves what `targets.without_end` derives for the last change tau. The tau that is needed
to allow for every difference is found, for the bound is linear in it; it is told where it is small and the same tau
serves all instances, which does not prove that the subject iterates.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from equivalence.testing.answer import VALUES, Answer
from equivalence.testing.diagnosis import Diagnosis
from equivalence.testing.question import Question
from equivalence.testing.targets import Target
from equivalence.testing.targets.without_end import SECOND_ORDER, jumps, open_log_policy
from mdps import InvalidArgument, InvalidModel, OutOfReach, scalars
from mdps.scalars.rounding import Tape

LARGEST_CHANGE = 0.01  # what is above is no iteration's last change
FIRST_GUESS = 32
LONGEST = 5000
COMPARED = 20  # instances, those of the largest discounts
FEWEST = 3  # wrong ones that have to be reproduced, if there are as many


def stopped(answers: Sequence[Answer]) -> Diagnosis | None:
    """What stopping early explains of a subject's answers; None where it explains nothing."""
    wrong = [answer for answer in answers if not answer.right]
    if not wrong or any(answer.trouble != VALUES for answer in wrong):
        return None
    horizon = truncated_at(answers, wrong)
    if horizon:
        text = f"its answers are those of a horizon of {horizon}: it stops after so many steps, and nothing ends there"
        return Diagnosis(("finite horizon",), f"matches: {text}", len(wrong))
    change = stopped_at(wrong)
    if change is None:
        return None
    text = f"every difference is what an iteration may leave that stops at a last change of {change:.0e} or more"
    remedy = f", or say stops_at={change:.0e}" if _is_derived(wrong, change) else ""
    return Diagnosis((), f"{text}: if that is what it does, let it go on{remedy}")


# After so many steps


def truncated_at(answers: Sequence[Answer], wrong: Sequence[Answer]) -> int:
    """The horizon whose numbers all answers are; 0 where there is none."""
    target = answers[0].question.target
    finite = _with_a_horizon(target)
    by_discount = sorted(answers, key=lambda answer: (answer.right, -_discount(answer.question)))[:COMPARED]
    enough = min(FEWEST, len(wrong))
    guesses = (t for t in _guesses(finite, by_discount[0]) if _reproduced(finite, by_discount, t) >= enough)
    return next(guesses, 0)


def _reproduced(finite: Target, answers: Sequence[Answer], horizon: int) -> int:
    """How many wrong answers are those of a horizon; 0 where an answer is not."""
    n = 0
    for answer in answers:
        same = _is_truncated(finite, answer, horizon)
        if same is False:
            return 0
        n += bool(same) and not answer.right
    return n


def _with_a_horizon(target: Target) -> Target:
    assert target.row is not None
    return target.row.in_layout(target.layout._replace(infinite=False, stops_at=0.0))


def _discount(question: Question) -> float:
    return _float(question.instance["mdp"].discount)


def _float(x: Any) -> float:
    return float(scalars.convert(np.asarray(x, dtype=object), "float"))


def _guesses(finite: Target, answer: Answer) -> Iterator[int]:
    yield from range(1, 13)
    first = FIRST_GUESS
    for _ in range(3):  # how fast it decays is gamma in the end, and not at once
        parts = _first_steps(finite, answer.question, first)
        off = _off(answer, answer.parts)
        if parts is None or not 0 < _off(answer, parts) < math.inf or not 0 < off < math.inf:
            return
        nearer = first + round(math.log(off / _off(answer, parts)) / math.log(_discount(answer.question)))
        first = min(max(1, nearer), LONGEST)
        yield from (t for t in (first, first - 1, first + 1) if t > 12)


def _off(answer: Answer, parts: Sequence[np.ndarray]) -> float:
    pairs = zip(answer.question.truth, parts, strict=True)
    return max(float(truth.distance(part).max(initial=0.0)) for truth, part in pairs)


def _is_truncated(finite: Target, answer: Answer, horizon: int) -> bool | None:
    """Whether the answer is that of a horizon; None where there is none to compare it with."""
    if not answer.parts:
        return None
    parts = _first_steps(finite, answer.question, horizon)
    if parts is None or any(x.shape != y.shape for x, y in zip(parts, answer.parts, strict=True)):
        return None
    allowed = answer.question.allowed(answer.unit_roundoff)
    with np.errstate(invalid="ignore"):
        pairs = zip(parts, answer.parts, allowed, strict=True)
        return all(bool(((x == y) | (np.abs(x - y) <= 2 * bound)).all()) for x, y, bound in pairs)


def _first_steps(finite: Target, question: Question, horizon: int) -> tuple[np.ndarray, ...] | None:
    """The target with a horizon in floats, its first step where it has any.

    An expert's counts have the mass of no horizon: as recorded numbers they are not checked.
    """
    values: dict[str, Any] = {}
    for name, x in question.instance.items():
        if name == "mdp":
            values[name] = replace(x.to("float"), horizon=horizon)
        else:
            floats = scalars.convert(np.asarray(x, dtype=object), "float")
            values[name] = Tape().leaves(floats, exact=True) if name == "expert" else floats[()]
    try:
        with np.errstate(all="ignore"):
            parts = finite.value(values)
    except (InvalidArgument, InvalidModel, OutOfReach, ArithmeticError, ValueError):
        return None
    arrays = [np.asarray(part).astype(float) for part in parts]
    steps = [axes[:1] in ("t", "h") for _, axes in finite.parts]
    return tuple(array[0] if first else array for array, first in zip(arrays, steps, strict=True))


# Where the last change was small


def stopped_at(wrong: Sequence[Answer]) -> float | None:
    """The least power of ten that as a last change allows for every answer; None where no small one does."""
    target = wrong[0].question.target
    if jumps(target) or target.layout.stops_at:
        return None
    needed = 0.0
    for answer in wrong:
        question = answer.question
        unit = replace(target, layout=target.layout._replace(stops_at=1.0))
        left_open = Question(unit, question.instance, question.truth).left_open(answer.unit_roundoff, first_order=True)
        allowed = question.allowed(answer.unit_roundoff)
        for truth, part, bound, left in zip(question.truth, answer.parts, allowed, left_open, strict=True):
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = (truth.distance(part) - bound) / left
            needed = max(needed, float(np.where(truth.distance(part) <= bound, 0.0, ratio).max(initial=0.0)))
    if not 0 < needed <= LARGEST_CHANGE:
        return None
    return float(f"1e{math.ceil(math.log10(needed))}")


def _is_derived(wrong: Sequence[Answer], change: float) -> bool:
    """Whether what a last change leaves is derived on these instances."""
    target = wrong[0].question.target
    early = replace(target, layout=target.layout._replace(stops_at=change))
    given = [answer.question.instance for answer in wrong]
    shares = [open_log_policy(early, _float(x["mdp"].discount), _float(x.get("temperature", 1))) for x in given]
    return max(shares) <= SECOND_ORDER
