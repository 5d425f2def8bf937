"""Exact rational numbers: `flint.fmpq`, at the level `exact`.

Whatever is a rational number outside (int, Fraction, numpy integers, sympy.Rational) becomes an fmpq at the door,
because `fmpq(1, 3) == Fraction(1, 3)` is silently False. A float is dyadic, so it is a rational number too, but it is
never taken for one by itself: 0.1 is not 1/10. The logarithm of a rational is a `LogRational` (module `logs`).
"""

from fractions import Fraction
from numbers import Rational
from typing import Any

import numpy as np
from flint import fmpq, fmpz


def rational(x: Any) -> fmpq | None:
    """x as an fmpq where it is a rational number of an exact type, else None."""
    kind = type(x)
    if kind is fmpq:
        return x
    if kind is int:
        return fmpq(x)
    if kind is float:
        return None
    if isinstance(x, (bool, np.bool_)):
        return None
    if isinstance(x, (int, np.integer, fmpz)):
        return fmpq(int(x))
    if isinstance(x, (Fraction, Rational)):
        return fmpq(int(x.numerator), int(x.denominator))
    if getattr(x, "is_Rational", False):  # sympy.Rational, without importing sympy
        return fmpq(int(x.p), int(x.q))
    return None


def dyadic(x: float) -> fmpq:
    """The rational number that a finite float is."""
    return fmpq(*map(int, float(x).as_integer_ratio()))


def fraction(x: fmpq) -> Fraction:
    """An fmpq as a Fraction of the standard library."""
    return Fraction(int(x.p), int(x.q))
