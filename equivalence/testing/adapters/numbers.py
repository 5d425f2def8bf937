"""Numbers that somebody's code works with, in place of floats, and that are followed through it.

`Traced` holds

    a FieldNumber or a LogField of `mdps.scalars.field`, with the number of the instance as its shadow, or
    a float that is inf, -inf or nan, with the rules that floats have for it.

`+ - * / **`, exp and log are those of the field; e to the power of a mask such as -1e9, which is no logarithm, is 0, a
branch that floats take too. A comparison follows the shadows, a branch that is counted, unless the
field shows that both sides are equal; one with a number as small as 1e-6 is the end of an iteration, which is no
function of the parameters.

Floats in the code are read as what was meant (`written`).

What leaves the arithmetic (float(x), exp of what is no logarithm) raises `Untraceable` with the name of the operation.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from flint import arb, fmpq

from equivalence.testing.adapters.untraceable import Untraceable
from equivalence.testing.adapters.written import read
from mdps import OutOfReach
from mdps.scalars.elementary import exp_of, log_of
from mdps.scalars.field import FieldNumber, LogField, current_field
from mdps.scalars.rationals import rational

SMALL = fmpq(1, 10**6)  # such a number ends an iteration, or guards a logarithm
MASK = -(10**4)  # what is below and no logarithm stands for that of 0
GUARD = 1e-100  # what is smaller is added for where the other number is 0
NAN = math.nan
TIE = "a comparison of different numbers that tie on the instance"  # which is the instance's doing, not the code's

_operations: ContextVar[list[int]] = ContextVar("operations")


@contextmanager
def at_most(operations: int) -> Iterator[list[int]]:
    """A limit to the operations within the block; what is left of it comes first in the list."""
    token = _operations.set([operations, operations])
    try:
        yield _operations.get()
    finally:
        _operations.reset(token)


def _number(value: Any) -> Any:
    """What a Traced holds for a number; None for what is none."""
    kind = type(value)
    if kind is Traced:
        return value.number
    if kind is int or kind is bool:
        return current_field().constant(int(value))
    if kind is FieldNumber or kind is LogField:
        return value
    if isinstance(value, (float, np.floating)):
        return read(value)
    if isinstance(value, np.bool_):
        return current_field().constant(int(value))
    exact = None if isinstance(value, np.ndarray) else rational(value)
    return None if exact is None else current_field().constant(exact)


def traced(value: Any) -> "Traced":
    """A number of any kind as one that is followed through somebody's code.

    Errors: `Untraceable` for what is no number.
    """
    if type(value) is Traced:
        return value
    number = _number(value)
    if number is None:
        raise Untraceable(f"an object of type {type(value).__name__} among the numbers")
    return Traced(number)


def shadow_of(number: Any) -> arb:
    """The number of the instance that something stands for."""
    if isinstance(number, float):
        return arb(number)
    if isinstance(number, FieldNumber) and number.shadow is None:
        if number.constant is None:
            raise Untraceable("a comparison of numbers that have no shadows")
        return arb(number.constant)
    shadow: Any = number.shadow
    return shadow


def sign_of(number: Any) -> int:
    """The sign of a number: exact where it is known, else that of its shadow."""
    if isinstance(number, float):
        return 0 if math.isnan(number) else int(math.copysign(1, number))
    if _is_zero(number):
        return 0
    return -1 if is_less(number, current_field().constant(0)) else 1


def _is_zero(number: Any) -> bool:
    """Whether it is 0 as a function; a number that is 0 on the instance only is a tie."""
    return _equal(number, current_field().constant(0))


def _equal(x: Any, y: Any) -> bool:
    if isinstance(x, float) or isinstance(y, float):
        return _infinite(x) == _infinite(y) and isinstance(x, float) and isinstance(y, float)
    if x is y or bool(x == y):
        return True
    if not _both_constant(x, y):
        current_field().branches += 1
        if shadow_of(x).overlaps(shadow_of(y)):
            raise Untraceable(TIE)
    return False


def _both_constant(x: Any, y: Any) -> bool:
    return all(isinstance(z, FieldNumber) and z.constant is not None for z in (x, y))


def is_less(x: Any, y: Any) -> bool:
    """x < y, as the shadows have it; False where both are the same function."""
    if isinstance(x, float) or isinstance(y, float):
        return _infinite(x) < _infinite(y)
    if _both_constant(x, y):
        return x.constant < y.constant
    near, far = shadow_of(x), shadow_of(y)
    if near.overlaps(far):  # then they are the same function, or nobody can tell
        _equal(x, y)
        return False
    current_field().branches += 1
    return bool(near < far)


def _ordered(x: Any, y: Any) -> bool:
    """x < y, asked by the code itself.

    Errors: `Untraceable` where one of them is a tolerance.
    """
    for one, other in ((x, y), (y, x)):
        known = one.constant if isinstance(one, FieldNumber) else None
        if known is None or isinstance(other, float) or _both_constant(x, y):
            continue
        if 0 < abs(known) <= SMALL:
            raise Untraceable(f"a comparison with {int(known.p) / int(known.q):g}")
    return is_less(x, y)


def _infinite(x: Any) -> float:
    """inf, -inf or nan; 0 for anything finite."""
    return x if isinstance(x, float) else 0.0


class Traced:
    """A number that somebody's code works with; see the module."""

    __slots__ = ("number",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, number: Any) -> None:
        left = _operations.get()
        left[0] -= 1
        if left[0] < 0:
            raise Untraceable(f"more than {left[1]:,} operations")
        if type(number) is LogField:
            if number.infinite:
                number = -math.inf
            elif not number.terms:
                number = number.field.constant(0)
        self.number = number

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        from equivalence.testing.adapters.arrays import applied  # arrays hold these numbers

        return applied(ufunc, method, inputs, keywords)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise Untraceable("a number that is followed among tensors")  # where torch is followed, its adapter is asked

    def __add__(self, other: Any) -> Any:
        if type(other) is float and 0 < abs(other) < GUARD:
            raise Untraceable(f"adding {other!r}, a guard against 0 that floats do not see")
        x, y = self.number, _number(other)
        if y is None:
            return NotImplemented
        if isinstance(x, float) or isinstance(y, float):
            return Traced(_infinite(x) + _infinite(y))
        return Traced(x + y)

    __radd__ = __add__

    def __neg__(self) -> "Traced":
        return Traced(-self.number)

    def __pos__(self) -> "Traced":
        return self

    def __sub__(self, other: Any) -> Any:
        x, y = self.number, _number(other)
        if y is None:
            return NotImplemented
        if isinstance(x, float) or isinstance(y, float):
            return Traced(_infinite(x) - _infinite(y))
        return Traced(x - y)

    def __rsub__(self, other: Any) -> Any:
        y = _number(other)
        return NotImplemented if y is None else Traced(y) - self

    def __mul__(self, other: Any) -> Any:
        x, y = self.number, _number(other)
        if y is None:
            return NotImplemented
        if isinstance(x, float) or isinstance(y, float):
            return Traced(_times_infinite(x, y))
        return Traced(x * y)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        x, y = self.number, _number(other)
        if y is None:
            return NotImplemented
        if isinstance(y, float):
            infinite = math.isnan(y) or isinstance(x, float)
            return Traced(NAN if infinite else current_field().constant(0))
        if vanishes(y):  # as floats do
            sign = sign_of(x)
            return Traced(math.copysign(math.inf, sign) if sign else NAN)
        if isinstance(x, float):
            return Traced(_times_infinite(x, y))
        return Traced(x / y)

    def __rtruediv__(self, other: Any) -> Any:
        y = _number(other)
        return NotImplemented if y is None else Traced(y) / self

    def __pow__(self, exponent: Any) -> Any:
        x, power = self.number, _number(exponent)
        if power is None:
            return NotImplemented
        if not isinstance(power, FieldNumber) or power.constant is None:
            raise Untraceable("a power whose exponent is not a known number")
        if power.constant == 0:
            return traced(1)
        if isinstance(x, float):
            raise Untraceable(f"a power of {x}")
        if power.constant < 0 and vanishes(x):
            return traced(1) / self ** traced(-power.constant)
        if power.constant.q != 1 and sign_of(x) < 0:
            return Traced(NAN)
        return Traced(x**power.constant)

    def __rpow__(self, base: Any) -> Any:
        return self.exp() if type(base) is float and base == math.e else traced(base) ** self

    def __abs__(self) -> "Traced":
        return -self if sign_of(self.number) < 0 else self

    def __bool__(self) -> bool:
        return isinstance(self.number, float) or not _is_zero(self.number)

    def __eq__(self, other: Any) -> Any:
        y = _number(other)
        return NotImplemented if y is None else _equal(self.number, y)

    def __ne__(self, other: Any) -> Any:
        y = _number(other)
        return NotImplemented if y is None else not _equal(self.number, y)

    def __lt__(self, other: Any) -> Any:
        y = _number(other)
        return NotImplemented if y is None else _ordered(self.number, y)

    def __gt__(self, other: Any) -> Any:
        y = _number(other)
        return NotImplemented if y is None else _ordered(y, self.number)

    def __le__(self, other: Any) -> Any:
        y = _number(other)
        return NotImplemented if y is None else _at_most(self.number, y)

    def __ge__(self, other: Any) -> Any:
        y = _number(other)
        return NotImplemented if y is None else _at_most(y, self.number)

    def _known(self, operation: str) -> fmpq:
        x = self.number
        if not isinstance(x, FieldNumber) or x.constant is None:
            raise Untraceable(operation)
        return x.constant

    def __float__(self) -> float:
        if isinstance(self.number, float):
            return self.number
        known = self._known("float(x), or an array of floats made of numbers that are followed")
        return int(known.p) / int(known.q)

    def __int__(self) -> int:
        return int(float(self._known("int(x) of a number that is followed")))

    def __index__(self) -> int:
        known = self._known("an index that is a number that is followed")
        if known.q != 1:
            raise TypeError("not an integer")
        return int(known.p)

    def __complex__(self) -> complex:
        raise Untraceable("complex(x), or an array of complex numbers")

    def __repr__(self) -> str:
        return repr(self.number)

    def exp(self) -> "Traced":
        """e^x."""
        x = self.number
        if isinstance(x, float):
            return Traced(current_field().constant(0) if x == -math.inf else x)
        try:
            return Traced(exp_of(x))
        except OutOfReach:
            if shadow_of(x) < MASK:  # such as -1e9: a branch, which floats take too
                current_field().branches += 1
                return Traced(current_field().constant(0))
            raise

    def log(self) -> "Traced":
        """log x; log 0 is -inf, and that of a negative number nan."""
        x = self.number
        if isinstance(x, float):
            return Traced(x if x > 0 else NAN)
        if isinstance(x, FieldNumber) and x.constant is not None and x.constant < 0:
            return Traced(NAN)
        return Traced(log_of(x))

    def conjugate(self) -> "Traced":
        """x: it is real."""
        return self

    @property
    def real(self) -> "Traced":
        """x."""
        return self

    def item(self) -> "Traced":
        """x, as numpy's numbers have it."""
        return self


def _at_most(x: Any, y: Any) -> bool:
    if any(isinstance(z, float) and math.isnan(z) for z in (x, y)):
        return False
    return not _ordered(y, x)


def vanishes(number: Any) -> bool:
    """Whether a divisor is 0: a known 0, or a function that is 0."""
    if isinstance(number, LogField):
        return False
    if number.constant is not None:
        return not number.constant
    if number.value == 0:
        number.field.assume_zero(number)
        return True
    return False


def _times_infinite(x: Any, y: Any) -> float:
    """A product of which one factor is inf, -inf or nan."""
    if any(isinstance(z, float) and math.isnan(z) for z in (x, y)):
        return NAN
    sign = sign_of(x) * sign_of(y)
    return sign * math.inf if sign else NAN
