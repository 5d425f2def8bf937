"""Numbers as they are reported: exactly, as a float, and as text.

A figure that is rational is a `Fraction`; one that is a combination of logarithms a `LogRational`; every other one a
ball (`flint.arb`) that is proved to contain it. What is infinite says where.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from flint import arb, fmpq

from mdps.scalars import LogRational
from mdps.scalars.rationals import fraction

SHORT = 24  # characters of a fraction that is printed
LONGEST = 1_000  # characters of one in a file


class Figure(NamedTuple):
    """A number: `exact` a Fraction, LogRational or ball, None where infinite; `value` the float; `where` it comes from.

    >>> str(Figure(Fraction(1, 3), 1 / 3))
    '1/3 = 0.333333'
    """

    exact: Any
    value: float
    where: str = ""

    @property
    def radius(self) -> float:
        """Above the distance of the number from the middle of its ball; 0 where it is known exactly."""
        return float(self.exact.rad()) if isinstance(self.exact, arb) else 0.0

    @property
    def is_zero(self) -> bool:
        """Whether it is certainly 0."""
        return self.exact is not None and bool(self.exact == 0)

    def __str__(self) -> str:
        if self.exact is None:
            return f"{'infinite' if self.value > 0 else '-infinite'}{f': {self.where}' if self.where else ''}"
        approximate = f"{self.value:.6g}"
        if isinstance(self.exact, arb):
            if self.exact.contains(0):
                return f"0 +- {float(abs(self.exact).upper()):.2g}"
            return f"{approximate} +- {self.radius:.1g}"
        text = _text(self.exact, SHORT)
        if text in (None, approximate):
            return approximate
        return f"{text} = {approximate}"


def _text(exact: Any, longest: int) -> str | None:
    """A number in full, if that is short. (Python does not print integers of more than some thousand digits.)"""
    if isinstance(exact, Fraction) and exact.denominator.bit_length() + exact.numerator.bit_length() > 4 * longest:
        return None
    text = str(exact)
    return text if len(text) <= longest else None


def figure(x: Any) -> Figure:
    """A number of an exact type, or a ball, as a figure."""
    if isinstance(x, LogRational):
        rational = x.rational()
        if rational is None:
            return Figure(x, float(x))
        x = rational
    if isinstance(x, arb):
        if x.is_exact() and x.is_finite():
            return figure(x.fmpq())
        return Figure(x, float(x))
    if not isinstance(x, fmpq):
        x = fmpq(int(x))
    return Figure(fraction(x), int(x.p) / int(x.q))


def norm(x: Any) -> arb:
    """The Euclidean norm of balls, in a ball of numbers that are not negative."""
    square = sum((y * y for y in x), arb(0))
    return square.sqrt() if square > 0 else arb(0).union(arb(max(square.upper(), arb(0))).sqrt())


def infinite(where: str) -> Figure:
    """A figure that is plus infinity."""
    return Figure(None, float("inf"), where)


def rows(table: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines with columns of equal width, indented."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)] if table else []
    padded = ("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table)
    return [f"    {line}".rstrip() for line in padded]


def place(index: Sequence[Any], letters: Sequence[str]) -> str:
    """'s=1, a=0'."""
    return ", ".join(f"{letter}={int(i)}" for letter, i in zip(letters, index, strict=True))


def as_json(x: Any) -> Any:
    """Figures and arrays of them as plain objects: exact ones as text, floats beside it."""
    if isinstance(x, Figure):
        finite = np.isfinite(x.value)
        exact = None if x.exact is None else _text(x.exact, LONGEST)
        return {"value": x.value if finite else None, "exact": exact} | ({"where": x.where} if x.where else {})
    if isinstance(x, dict):
        return {name: as_json(value) for name, value in x.items()}
    if isinstance(x, tuple) and hasattr(x, "_asdict"):
        return as_json(getattr(x, "_asdict")())  # noqa: B009  (a named tuple)
    if isinstance(x, (tuple, list)):
        return [as_json(value) for value in x]
    if isinstance(x, (np.integer, np.bool_)):
        return x.item()
    return x
