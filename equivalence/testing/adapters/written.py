"""The numbers that floats in somebody's code stand for.

A float is read as what was meant: the shortest decimal (.9 is 9/10) of at most 12 digits, or of 15 where at
most 4 are not 0 (1 + 1e-13), else the fraction of a denominator up to 1000 that has this float, else log n for n up to
100, else the float itself where at most three of its binary digits, with signs, are not 0 and it is above 1e-6
(1 + 2^-40). A float that is none of these was computed outside of the arrays, and nobody knows from what. Of a float32
they are 6 digits and denominators up to 100.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from equivalence.testing.adapters.untraceable import Untraceable
from mdps.scalars.elementary import log_of
from mdps.scalars.field import current_field

MOST_DIGITS = 12  # of a decimal that somebody wrote
ROUND_TRIP, MOST_NONZERO = 15, 4  # digits of one with hardly any other than 0
LARGEST_DENOMINATOR = 1000
LARGEST_LOGARITHM = 100
MOST_BITS = 3  # of a float that is read as it is


def read(x: Any) -> Any:
    """The number that a float, of Python or numpy, stands for in somebody's code.

    Errors: `Untraceable` for a float that nobody writes down.
    """
    precise = np.finfo(type(x)).eps < 1e-10
    value = float(x)
    if not math.isfinite(value):
        return value
    if value.is_integer() and abs(value) < 10**MOST_DIGITS:
        return current_field().constant(int(value))
    shortest = str(x).lower()
    significand = shortest.split("e")[0].replace(".", "").strip("-0")
    if len(significand) <= (MOST_DIGITS if precise else MOST_DIGITS // 2) or (precise and _is_sparse(significand)):
        return current_field().constant(Fraction(shortest))
    simple = Fraction(value).limit_denominator(LARGEST_DENOMINATOR if precise else LARGEST_DENOMINATOR // 10)
    if type(x)(simple.numerator / simple.denominator) == x:
        return current_field().constant(simple)
    n = round(math.exp(min(abs(value), 9.0)))
    if 2 <= n <= LARGEST_LOGARITHM and type(x)(math.log(n)) == abs(x):
        return log_of(current_field().constant(n)) * (1 if value > 0 else -1)
    exact = Fraction(value)
    if precise and abs(value) > 1e-6 and _signed_bits(abs(exact.numerator)) <= MOST_BITS:
        return current_field().constant(exact)
    raise Untraceable(f"the float {value!r}, which was computed outside of the arrays")


def _is_sparse(digits: str) -> bool:
    """Whether hardly any of the digits is other than 0; rounding would be seen in the 16th and 17th."""
    return len(digits) <= ROUND_TRIP and len(digits) - digits.count("0") <= MOST_NONZERO


def _signed_bits(n: int) -> int:
    """How few powers of 2 add up to n, some of them with a minus: 1 + 2^40 and 1 - 2^40 are two."""
    return (n ^ 3 * n).bit_count()
