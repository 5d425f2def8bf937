"""One number in each of many instances: floats with a bound on their rounding errors that runs along.

All instances of a stack run the same operations. So one scalar may carry them all: a `Stacked` holds float64 values
x [b], and errors e [b] with |x - exact| <= e. An object array of such scalars is the stack of its arrays, and a formula
that is written for one instance runs on it as it stands, once, in place of b times. What costs a microsecond a node
in Python is shared by the stack.

The errors follow from those of the operands and from the one rounding that the operation makes itself (running error
analysis: wilkinson1986; higham2002, section 3.3). With u = 2^-53:

=============  ====================================================================
z              error
=============  ====================================================================
x + y,  x - y  e_x + e_y                                           + u |z|
x * y          |x| e_y + |y| e_x + e_x e_y                         + u |z|
x / y          (e_x + |z| e_y) / (|y| - e_y), inf if |y| <= e_y    + u |z|
exp x          z (exp(e_x) - 1)                                    + 2 u |z|
log x          -log(1 - e_x / x), inf if x <= e_x                  + 2 u |z|
sigmoid x      z (1 - z) (exp(e_x) - 1)                            + 4 u |z|
softplus x     sigmoid(x) (exp(e_x) - 1)                           + 5 u |z|
-x,  |x|       e_x
=============  ====================================================================

2 u |z| is 1 ulp, for numpy's exp and log (its vector loops had at most 0.6 ulp on ten million numbers); 4 and 5 count
the roundings of 1 / (1 + e^-x) and of max(x, 0) + log(1 + e^-|x|). The bounds are not of first order: with the
accuracy of exp and log they are valid as they stand. u is enlarged by 2^-20 of itself for the rounding of the bounds
themselves, and what may underflow by the smallest normal number.

Beside `mdps.scalars.rounding`: a bound that is carried forward adds absolute values where errors cancel, on a
formula of a few steps a few times what the adjoints give; but it needs no tape, and costs a few products a node for
any number of outputs. It bounds the error of these very floats, computed in this very order, and of no other road.

Masks are common to a stack: a comparison that some instances answer with yes and others with no is `OutOfReach`. Only
x != y has an answer then: they are not the same. Python's numbers are exact constants, the same in all instances; a
constant 0 takes part in nothing, and an infinite one (-inf is the log of 0) stays what it is in sums.

Source: wilkinson1986; higham2002.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb

from mdps.errors import OutOfReach
from mdps.scalars.elementary import anchor_of, exp_of, log_of, sigmoid_of, softplus_of
from mdps.scalars.rationals import rational

UNIT = 2.0**-53 * (1 + 2.0**-20)
TINY = 2.0**-1022


class Stacked:
    """A number in each of b instances: `value` [b] and `error` [b], or one float of each for all instances."""

    __slots__ = ("error", "value")

    def __init__(self, value: Any, error: Any = 0.0) -> None:
        self.value = value
        self.error = error

    def __repr__(self) -> str:
        return f"Stacked({self.value!r}, {self.error!r})"

    def __bool__(self) -> bool:
        return _common(self.value != 0.0)

    def __eq__(self, other: Any) -> Any:
        return _compared(operator.eq, self, other)

    def __ne__(self, other: Any) -> Any:
        y = _operand(other)
        return NotImplemented if y is None else not np.all(self.value == y.value)

    def __lt__(self, other: Any) -> Any:
        return _compared(operator.lt, self, other)

    def __le__(self, other: Any) -> Any:
        return _compared(operator.le, self, other)

    def __gt__(self, other: Any) -> Any:
        return _compared(operator.gt, self, other)

    def __ge__(self, other: Any) -> Any:
        return _compared(operator.ge, self, other)

    def __neg__(self) -> "Stacked":
        return Stacked(-self.value, self.error)

    def __pos__(self) -> "Stacked":
        return self

    def __abs__(self) -> "Stacked":
        return Stacked(np.abs(self.value), self.error)

    def __add__(self, other: Any) -> Any:
        return _applied(_sum, self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        other = _operand(other)
        return NotImplemented if other is None else self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        return _applied(_product, self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return _applied(_quotient, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        other = _operand(other)
        return NotImplemented if other is None else other / self

    def __pow__(self, n: Any) -> Any:
        if not isinstance(n, (int, np.integer)):
            return NotImplemented
        power = constant(1)
        for _ in range(abs(int(n))):
            power = power * self
        return power if n >= 0 else 1 / power


def constant(x: float) -> Stacked:
    """A number that is exact, and the same in all instances."""
    return Stacked(np.float64(x))


def quotient(p: np.ndarray, q: np.ndarray) -> Stacked:
    """The rational numbers p / q [b] of whole numbers below 2^24, rounded to the nearest floats."""
    value = p / q
    if (value == value[0]).all():
        p, q, value = p[0], q[0], value[0]
    short = np.float32(value) == value  # then value * q is exact, and so is the comparison with p
    exact = short & (value * q == p)
    return Stacked(value, np.where(exact, 0.0, UNIT * np.abs(value))[()])


def quotients(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The rational numbers p / q [b, ...] as an object array [...] of `Stacked` ones."""
    result = np.empty(p.shape[1:], dtype=object)
    for index in np.ndindex(result.shape):
        result[index] = quotient(p[(slice(None), *index)], q[(slice(None), *index)])
    return result


def values(array: Any, size: int) -> np.ndarray:
    """The floats [b, ...] of an object array [...] of `Stacked` numbers, or of plain ones."""
    return _unstacked(array, size, lambda x: x.value if isinstance(x, Stacked) else float(x))


def errors(array: Any, size: int) -> np.ndarray:
    """The bounds [b, ...] on the rounding errors of an object array [...]; plain numbers are exact."""
    return _unstacked(array, size, lambda x: x.error if isinstance(x, Stacked) else 0.0)


def _unstacked(array: Any, size: int, part: Callable[[Any], Any]) -> np.ndarray:
    array = np.asarray(array, dtype=object)
    result = np.empty((size, *array.shape))
    for index in np.ndindex(array.shape):
        result[(slice(None), *index)] = part(array[index])
    return result


def _operand(x: Any) -> Stacked | None:
    """The other operand as a Stacked; None if it is no float."""
    if isinstance(x, Stacked):
        return x
    if isinstance(x, (float, int, np.floating, np.integer, np.bool_)):
        return constant(float(x))
    if rational(x) is not None or isinstance(x, arb):
        raise TypeError(f"{x!r} of type {type(x).__name__} meets stacked floats; make it an input")
    return None


def _common(mask: Any) -> bool:
    if np.all(mask):
        return True
    if np.any(mask):
        n, size = np.count_nonzero(mask), np.size(mask)
        raise OutOfReach(f"{n:,} of {size:,} stacked instances branch off from the others; take one at a time")
    return False


def _compared(comparison: Callable[[Any, Any], Any], x: Stacked, other: Any) -> Any:
    y = _operand(other)
    return NotImplemented if y is None else _common(comparison(x.value, y.value))


def _is_constant(x: Stacked, value: float | None = None) -> bool:
    """Whether x is exact and the same in all instances, and of that value."""
    common = not isinstance(x.value, np.ndarray) and not isinstance(x.error, np.ndarray) and x.error == 0.0
    return common and (value is None or bool(x.value == value))


def _is_infinite_constant(x: Stacked) -> bool:
    return _is_constant(x) and not np.isfinite(x.value)


def _applied(operation: Callable[[Stacked, Stacked], Stacked], x: Stacked, other: Any) -> Any:
    y = _operand(other)
    if y is None:
        return NotImplemented
    with np.errstate(all="ignore"):
        return operation(x, y)


def _sum(x: Stacked, y: Stacked) -> Stacked:
    if _is_constant(x, 0.0):
        return y
    if _is_constant(y, 0.0):
        return x
    for a, b in ((x, y), (y, x)):
        if _is_infinite_constant(a) and not _is_infinite_constant(b):
            return a
    value = x.value + y.value
    if _are_small_integers(x, y, value):
        return Stacked(value)
    return Stacked(value, x.error + y.error + UNIT * np.abs(value))


def _product(x: Stacked, y: Stacked) -> Stacked:
    if _is_constant(x, 0.0) or _is_constant(y, 0.0):
        return constant(0)
    if _is_constant(x, 1.0):
        return y
    if _is_constant(y, 1.0):
        return x
    value = x.value * y.value
    if _are_small_integers(x, y, value):
        return Stacked(value)
    error = UNIT * np.abs(value) + TINY
    if not _is_constant(x):
        error = error + np.abs(y.value) * x.error
    if not _is_constant(y):
        error = error + (np.abs(x.value) + x.error) * y.error
    return Stacked(value, error)


def _quotient(x: Stacked, y: Stacked) -> Stacked:
    if _is_constant(y, 1.0):
        return x
    if _is_constant(x, 0.0) and bool(np.all(np.abs(y.value) > y.error)):
        return constant(0)
    value = x.value / y.value
    error = UNIT * np.abs(value) + TINY
    if _is_constant(y) and y.value != 0.0:
        return Stacked(value, error + x.error / np.abs(y.value))
    distance = np.abs(y.value) - y.error
    moved = (x.error + np.abs(value) * y.error) / distance
    return Stacked(value, error + np.where(distance > 0.0, moved, np.inf)[()])


def _are_small_integers(x: Stacked, y: Stacked, value: Any) -> bool:
    """Whether an operation on constants, whole numbers, has a result that floats hold exactly."""
    if not (_is_constant(x) and _is_constant(y)):
        return False
    return all(abs(n) <= 2.0**24 and float(n).is_integer() for n in (x.value, y.value, value))


def _moved(slope: Any, x: Stacked) -> Any:
    """slope (exp(e_x) - 1): how far f goes within e_x, where f' = slope and |log f'| grows by at most 1 a unit."""
    return slope * np.expm1(x.error) if isinstance(x.error, np.ndarray) or x.error else 0.0


@anchor_of.register
def _(x: Stacked) -> float:
    return float(np.max(x.value))


@exp_of.register
def _(x: Stacked) -> Stacked:
    with np.errstate(all="ignore"):
        value = np.exp(x.value)
        if _is_constant(x, 0.0) or _is_infinite_constant(x):
            return Stacked(value)
        return Stacked(value, _moved(value, x) + (2 * UNIT * value + TINY))


@log_of.register
def _(x: Stacked) -> Stacked:
    with np.errstate(all="ignore"):
        value = np.log(x.value)
        if _is_constant(x) and x.value in (0.0, 1.0, np.inf):
            return Stacked(value)
        moved = np.where(x.value > x.error, -np.log1p(-x.error / x.value), np.inf)[()]
        return Stacked(value, moved + 2 * UNIT * np.abs(value))


def _shares(x: Any) -> tuple[Any, Any]:
    """sigmoid(x) and sigmoid(-x)."""
    weight = np.exp(-np.abs(x))
    larger, smaller = 1 / (1 + weight), weight / (1 + weight)
    return np.where(x >= 0.0, larger, smaller)[()], np.where(x >= 0.0, smaller, larger)[()]


@sigmoid_of.register
def _(x: Stacked) -> Stacked:
    with np.errstate(all="ignore"):
        value, rest = _shares(x.value)
        return Stacked(value, _moved(value * rest, x) + (4 * UNIT * value + TINY))


@softplus_of.register
def _(x: Stacked) -> Stacked:
    with np.errstate(all="ignore"):
        value = np.maximum(x.value, 0.0) + np.log1p(np.exp(-np.abs(x.value)))
        slope, _ = _shares(x.value)
        return Stacked(value, _moved(slope, x) + (5 * UNIT * value + TINY))
