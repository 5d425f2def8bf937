"""An instance as Python code that makes it again, and numbers as people read them."""

import re
from typing import Any

import numpy as np

from equivalence.testing.question import Question
from equivalence.testing.targets import axes_text, is_integer
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
    if q > LARGEST_DENOMINATOR**2:  # nobody wrote this: a float of 17 digits is shorter
        return repr(p / q)
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
    values = question.target.given(question.instance)
    kind = "np.float32" if np.dtype(dtype) == np.float32 else "float"
    lines = []
    for name in question.target.passed:
        axes, value = question.target.argument_axes(name), values[name]
        if axes:
            numbers = nested(np.asarray(value, dtype=object))
            own = "int" if is_integer(name) else kind
            lines.append(f"{name} = np.array({numbers}, dtype={own})  # {axes_text(axes)}{NOTES.get(name, '')}")
        else:
            text = number(np.asarray(value, dtype=object)[()])
            point = ".0" if text.lstrip("-").isdigit() and not isinstance(value, int) else ""
            lines.append(f"{name} = {text}{point}")
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


def pytest_code(question: Question, name: str, module: str, unit_roundoff: float, dtype: Any) -> str:
    """A complete test for pytest: the function `name` of a module ('' if unknown) against the true answer there.

    It allows what rounding may be off by, as derived for the instance.
    """
    target = question.target
    parts = [part or "answer" for part, _ in target.parts]
    one = len(parts) == 1
    lines = [
        "import numpy as np",
        "",
        f"from {module} import {name}" if module else f"# import your function {name} here",
        "",
        "",
        f"def test_{name}_on_a_small_model():",
        *(f"    {line}" for line in code(question, dtype)),
        f"    {', '.join(parts)} = {name}({', '.join(target.passed)})",
    ]
    allowed = question.allowed(unit_roundoff)
    for part, text, truth, bound in zip(parts, exact_texts(question), question.truth, allowed, strict=True):
        largest = _rounded_up(float(bound[np.isfinite(bound)].max(initial=0.0)))
        expected = _nested_texts(text, truth.high)
        lines.append(f"    # {target.name}{f', {part}' if not one else ''}; atol is what rounding may be off by")
        lines.append(f"    np.testing.assert_allclose({part}, {expected}, rtol=0, atol={largest})")
    return "\n".join(lines) + "\n"


def _rounded_up(bound: float) -> str:
    """A bound in two digits that is no smaller."""
    if not bound:
        return "0"
    shown = f"{bound:.1e}"
    return shown if float(shown) >= bound else f"{bound * 1.05:.1e}"


def _nested_texts(text: np.ndarray, high: np.ndarray) -> str:
    """The true numbers as an expression: exact where they are fractions."""
    if text.ndim:
        rows = (_nested_texts(np.asarray(row, dtype=object), np.asarray(x)) for row, x in zip(text, high, strict=True))
        return f"[{', '.join(rows)}]"
    shown, value = str(text[()]), float(high)
    if not np.isfinite(value):
        return "np.inf" if value > 0 else "-np.inf"
    return shown if re.fullmatch(r"-?[0-9]+(/[0-9]+)?", shown) and len(shown) <= LONGEST else repr(value)


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
