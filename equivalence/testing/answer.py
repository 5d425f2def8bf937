"""What a subject answers to a question, or what went wrong before there was an answer.

A subject may return anything that numpy makes an array of numbers of, in the expected shape. It must leave its
arguments as they are. Floats of less precision than the arguments are judged by their own unit roundoff.
"""

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import dropwhile
from pathlib import Path
from typing import Any

import numpy as np

from equivalence.testing import adapters, advice
from equivalence.testing.adapters.guarded import DidNotReturn
from equivalence.testing.adapters.subject import told
from equivalence.testing.question import Question
from equivalence.testing.targets import axes_text

UNCALLABLE = "cannot be called"
RAISED = "raised"
NO_NUMBERS = "returned no numbers"
SHAPE = "returned another shape"
CHANGED = "changed its arguments"
VALUES = "returned other values"

ADAPTERS = Path(adapters.__file__).parent  # whose frames are none of the subject's
PLAIN = 0.25  # of what is allowed whatever the bound: so near the truth, the bound is not worth deriving


@dataclass(frozen=True, eq=False)
class Answer:
    """A subject's answer to a question.

    trouble    the kind of failure; '' where the answer is right.
    detail     what went wrong, in a sentence.
    parts      the returned arrays as float64, if they have the right shapes.
    returned   what was returned, as arrays of whatever shape, if they are numbers.
    margin     largest distance from the truth in units of what is allowed (or an upper bound of it).
    gross      whether the failure is beyond anything that rounding does.
    advice     lines for its author, where it has another signature.
    """

    question: Question
    trouble: str = ""
    detail: str = ""
    parts: tuple[np.ndarray, ...] = ()
    returned: tuple[np.ndarray, ...] = ()
    unit_roundoff: float = 2.0**-53
    margin: float = np.inf
    gross: bool = True
    advice: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether it agrees with the truth."""
        return not self.trouble


def asked(subject: Callable[..., Any], question: Question, dtype: Any) -> Answer:
    """Put the question to the subject."""
    answer = _asked(subject, question, dtype)
    return answer if answer.right else replace(answer, advice=tuple(advice.on_signature(subject, question.target)))


def _asked(subject: Callable[..., Any], question: Question, dtype: Any) -> Answer:
    arguments, kept = question.arguments(dtype), question.arguments(dtype)
    try:
        with np.errstate(all="ignore"):  # what counts is what it returns
            returned = subject(*arguments)
    except Exception as error:
        trouble = RAISED if advice.can_be_called(subject, question.target) else UNCALLABLE
        return Answer(question, trouble, _raised(subject, question, error, arguments, trouble))
    answer = _compared(question, returned, dtype)
    changed = [
        name
        for name, now, before in zip(question.target.passed, arguments, kept, strict=True)
        if isinstance(now, np.ndarray) and not np.array_equal(now, before, equal_nan=True)
    ]
    if changed and answer.trouble in ("", VALUES):
        names = " and ".join(f"`{name}`" for name in changed)
        values = "; what it returned is right" if answer.right else ""
        detail = f"it changed its argument {names} in place: work on a copy{values}"
        return Answer(question, CHANGED, detail, answer.parts, answer.returned, answer.unit_roundoff)
    return answer


def _raised(
    subject: Callable[..., Any], question: Question, error: Exception, arguments: tuple[Any, ...], trouble: str
) -> str:
    last = told(error)
    if trouble == UNCALLABLE:
        return f"it cannot be called with ({', '.join(question.target.passed)}): {last}"
    frames = traceback.extract_tb(error.__traceback__)[1:]  # without the one that called it
    frames = list(dropwhile(lambda frame: Path(frame.filename).parent == ADAPTERS, frames))
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    where = f" ({own[-1].filename.rsplit('/', 1)[-1]}:{own[-1].lineno})" if own else ""
    if isinstance(error, DidNotReturn):
        return f"{last}{where}{_endless(question)}"
    expects = _expects(subject, error) + advice.on_error(error, question.target, arguments)
    return f"it raised {last}{where}{expects}"


def _endless(question: Question) -> str:
    """What to say where an iteration may have no end."""
    mdp = question.instance.get("mdp")
    if mdp is None or mdp.discount != 1:
        return ""
    return "; if it iterates until nothing changes, that may never be at discount 1: judge(..., discounts=(0.5, 0.9))"


def _expects(subject: Callable[..., Any], error: Exception) -> str:
    """What to say where code of another framework was given numpy's arrays."""
    if getattr(subject, "framework", "") != "numpy":
        return ""
    for name, kind in (("torch", "Tensor"), ("jax", "Array")):
        known = getattr(sys.modules.get(name), kind, None)
        missed = (
            isinstance(error, AttributeError) and isinstance(error.obj, np.ndarray) and hasattr(known, str(error.name))
        )
        if missed or (isinstance(error, TypeError) and kind in str(error) and "ndarray" in str(error) and known):
            return f"; it was given numpy arrays: say framework={name!r} if it works with those of {name}"
    return ""


def _compared(question: Question, returned: Any, dtype: Any) -> Answer:
    target = question.target
    n = len(target.parts)
    if n > 1 and not (isinstance(returned, (tuple, list)) and len(returned) == n):
        names = ", ".join(f"{name} {axes_text(axes)}" for name, axes in target.parts)
        return Answer(question, NO_NUMBERS, f"it returned {_described(returned)}; expected a tuple of {n}: ({names})")
    try:
        arrays = tuple(_numbers(part) for part in (returned if n > 1 else (returned,)))
    except (TypeError, ValueError):
        expected = " and ".join(_expected(question, i) for i in range(n))
        return Answer(question, NO_NUMBERS, f"it returned {_described(returned)}; expected {expected}")
    for i, array in enumerate(arrays):
        if array.shape != question.truth[i].high.shape:
            what = f"its `{target.parts[i][0]}` has" if target.parts[i][0] else "it returned"
            detail = f"{what} shape {array.shape}; expected {_expected(question, i)}"
            return Answer(question, SHAPE, detail, returned=arrays)
    return compared(question, arrays, dtype)


def compared(question: Question, arrays: tuple[np.ndarray, ...], dtype: Any) -> Answer:
    """The answer that arrays of the right shapes are: bounds are derived only where one rounding would not do."""
    unit_roundoff = roundoff(dtype, arrays)
    parts = tuple(array.astype(float) for array in arrays)
    distances = [truth.distance(part) for truth, part in zip(question.truth, parts, strict=True)]
    floors = question.floor(unit_roundoff)
    ratios = [_ratio(distance, floor) for distance, floor in zip(distances, floors, strict=True)]
    if max(ratio.max(initial=0.0) for ratio in ratios) > PLAIN:
        allowed = question.allowed(unit_roundoff)
        ratios = [_ratio(distance, bound) for distance, bound in zip(distances, allowed, strict=True)]
    margin = float(max(ratio.max(initial=0.0) for ratio in ratios))
    gross = any(
        distance.max(initial=0.0) > np.sqrt(unit_roundoff) * max(1.0, truth.scale)
        for distance, truth in zip(distances, question.truth, strict=True)
    )
    return Answer(question, "" if margin <= 1 else VALUES, "", parts, arrays, unit_roundoff, margin, gross)


def _ratio(distance: np.ndarray, allowed: Any) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(distance == 0, 0.0, distance / allowed)
    return np.where(np.isnan(ratio), np.inf, ratio)  # inf off, where anything finite is allowed


def _numbers(value: Any) -> np.ndarray:
    array = np.array(value)  # a copy: a subject may fill the same memory again
    if array.dtype.kind == "O":
        array = array.astype(float)
    if array.dtype.kind not in "iuf" or value is None:
        raise TypeError
    return array


def roundoff(dtype: Any, arrays: tuple[np.ndarray, ...]) -> float:
    """The unit roundoff of the coarsest floats among the arguments and what was returned, at least that of float64."""
    kinds = [np.dtype(dtype), *(array.dtype for array in arrays)]
    return max(2.0**-53, *(float(np.finfo(kind).eps) / 2 for kind in kinds if kind.kind == "f"))


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of dtype {value.dtype}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return "None" if value is None else f"a {type(value).__name__}"


def _expected(question: Question, i: int) -> str:
    axes = question.target.parts[i][1]
    sizes = question.truth[i].high.shape
    return f"{axes_text(axes)} of shape {sizes}" if axes else "a number"
