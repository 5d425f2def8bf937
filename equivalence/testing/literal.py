"""An instance as Python code that makes it again, and numbers as people read them."""

from typing import Any

import numpy as np

from equivalence.testing.question import Question
from equivalence.testing.targets import axes_text
from mdps import scalars
from mdps.exactness import simplest_rational
from mdps.scalars.rationals import dyadic, rational

NOTES = {"expert": ", expected visits"}
LONGEST = 24  # characters of a sum of logs that is shown
LARGEST_DENOMINATOR = 1000


def number(x: Any) -> str:
    """An exact number as an expression whose value is the nearest float.

    >>> from flint import fmpq
    >>> number(fmpq(1, 3)), number(fmpq(-3, 4)), number(fmpq(9, 10)), number(fmpq(2))
    ('1/3', '-0.75', '0.9', '2')
    """
    exact = rational(x)
    if exact is None:
        return repr(float(scalars.convert(np.asarray(x, dtype=object), "float")))
    p, q = int(exact.p), int(exact.q)
    if q == 1:
        return str(p)
    rest = q
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return repr(p / q) if rest == 1 and len(repr(p / q)) <= 8 else f"{p}/{q}"


def nested(array: np.ndarray) -> str:
    """An array of exact numbers as nested lists."""
    if array.ndim == 0:
        return number(array[()])
    return f"[{', '.join(nested(np.asarray(row, dtype=object)) for row in array)}]"


def code(question: Question, dtype: Any) -> list[str]:
    """The instance as lines of code: one assignment for each argument of the subject."""
    values = dict(question.instance)
    mdp = values.pop("mdp", None)
    if mdp is not None:
        values |= {"transition": mdp.transition, "initial": mdp.initial}
        values |= {"horizon": mdp.horizon, "discount": mdp.discount}
    kind = "np.float32" if np.dtype(dtype) == np.float32 else "float"
    lines = []
    for name in question.target.passed:
        axes, value = question.target.argument_axes(name), values[name]
        if axes:
            numbers = nested(np.asarray(value, dtype=object))
            lines.append(f"{name} = np.array({numbers}, dtype={kind})  # {axes_text(axes)}{NOTES.get(name, '')}")
        else:
            text = number(np.asarray(value, dtype=object)[()])
            lines.append(f"{name} = {text}" + (".0" if name != "horizon" and text.lstrip("-").isdigit() else ""))
    return lines


def exact_texts(question: Question) -> list[np.ndarray]:
    """The true answer as text, entry by entry: exact numbers where arithmetic can express them, else 17 digits."""
    texts = [np.asarray(np.frompyfunc(_recognized, 2, 1)(*truth), dtype=object) for truth in question.truth]
    try:
        parts = question.target.value(question.instance)
    except (ArithmeticError, ValueError):
        return texts
    for text, part in zip(texts, parts, strict=True):
        array = np.asarray(part, dtype=object)
        for index in np.ndindex(array.shape):
            exact, known = rational(array[index]), str(array[index])
            if array[index] == scalars.LogRational.LOG_ZERO:
                text[index] = "-inf"
            elif exact is not None or len(known) <= LONGEST:
                text[index] = known
    return texts


def _recognized(high: float, low: float) -> str:
    """The fraction of small denominator that a number is to 90 bits, else 17 digits."""
    if not high:
        return "0"
    if np.isfinite(high):
        exact, slack = dyadic(high) + dyadic(low), dyadic(abs(high)) * dyadic(2.0**-90)
        simple = simplest_rational(exact - slack, exact + slack)
        if simple.q <= LARGEST_DENOMINATOR:
            return str(simple)
    return repr(high)
