"""Dual numbers: derivatives without finite differences, over any number type.

A dual number carries a value x and its partial derivatives in k directions,

    x + sum_i d_i eps_i,      eps_i eps_j = 0,

so that the rules of calculus are its arithmetic:

    (x y)' = x y' + y x',         exp(x)' = exp(x) x',     softplus(x)' = sigmoid(x) x',
    (x / y)' = (x' - x/y y')/y,   log(x)' = x' / x,        sigmoid(x)' = sigmoid(x) sigmoid(-x) x'.

One pass through a formula gives its whole gradient, as exact as the numbers inside: over `fmpq` and
`LogRational` the derivatives are rational numbers and sums of logs, over balls they are proved, over floats
accurate to rounding. What the numbers inside cannot express is `OutOfReach` here too.

    >>> import numpy as np
    >>> from flint import fmpq
    >>> from mdps.scalars import log, LogRational
    >>> x = np.array([fmpq(1, 2), fmpq(3)])
    >>> gradient(lambda x: x[0] ** 2 * x[1] + log(x[1]), x)
    array([3, 7/12], dtype=object)
    >>> jacobian(lambda y: gradient(lambda x: x[0] ** 2 * x[1] + log(x[1]), y), x)  # the Hessian
    array([[6, 1],
           [1, -1/9]], dtype=object)

Levels.  Duals nest: the value may itself be dual. Every call of `gradient` or `jacobian` has a level of its
own, later calls higher ones, and a number of a lower level is a constant of the higher. Without levels the
derivative in x of x * (derivative of x + y in y), which is 1, comes out as 2.

Zeros.  Float derivatives are dense float64 arrays; others are kept as {direction: partial}, so that
directions in which a number does not move cost nothing.

Source: siskind2008, for the need of levels.
"""

import itertools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from mdps.errors import InvalidArgument, OutOfReach
from mdps.scalars.elementary import anchor_of, exp_of, larger_of, log_of, sigmoid_of, softplus_of
from mdps.scalars.field import LogField
from mdps.scalars.logs import LogRational

# Partial derivatives: a dense array, or the partials of the directions that matter.
Partials = np.ndarray | dict[int, Any]

_levels = itertools.count(1)


class Dual:
    """A scalar `value` with its partial derivatives `derivative [k]` in k directions.

    Comparisons look at the value alone. Numbers of other types are constants.

    Errors: `InvalidArgument` for a derivative that is not a vector.
    """

    __slots__ = ("_partials", "directions", "level", "value")

    def __init__(self, value: Any, derivative: Any, *, level: int | None = None):
        derivative = np.asarray(derivative)
        if derivative.ndim != 1:
            raise InvalidArgument(f"derivative: expected a vector of partials, not shape {derivative.shape}")
        self.value = value
        self.directions = len(derivative)
        self.level = level if level is not None else value.level + 1 if isinstance(value, Dual) else 0
        dense = derivative.dtype == float and isinstance(value, float)
        self._partials = derivative if dense else _without_zeros(derivative)

    @property
    def derivative(self) -> np.ndarray:
        """The partial derivatives `[k]`; in object arrays, directions without effect hold the int 0."""
        if isinstance(self._partials, np.ndarray):
            return self._partials
        derivative = np.zeros(self.directions, dtype=object)
        for i, partial in self._partials.items():
            derivative[i] = partial
        return derivative

    def __neg__(self) -> "Dual":
        return self._with(-self.value, _scaled(self._partials, -1))

    def __pos__(self) -> "Dual":
        return self

    def __abs__(self) -> "Dual":
        if self.value == 0:
            raise OutOfReach("|x| has no derivative at x = 0")
        return -self if self.value < 0 else self

    def __add__(self, other: Any) -> Any:
        return _combined(_SUM, self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return _combined(_DIFFERENCE, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _combined(_DIFFERENCE, other, self)

    def __mul__(self, other: Any) -> Any:
        return _combined(_PRODUCT, self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return _combined(_QUOTIENT, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _combined(_QUOTIENT, other, self)

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, (Dual, np.ndarray)):
            return NotImplemented
        if exponent == 0:
            return self.value**0
        return self._with(self.value**exponent, _scaled(self._partials, exponent * self.value ** (exponent - 1)))

    def __bool__(self) -> bool:
        return bool(_bare(self) != 0)

    def __eq__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else _bare(self) == _bare(other)

    def __lt__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else _bare(self) < _bare(other)

    def __le__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else _bare(self) <= _bare(other)

    def __gt__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else _bare(self) > _bare(other)

    def __ge__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else _bare(self) >= _bare(other)

    def __repr__(self) -> str:
        return f"Dual({self.value!r}, {list(self.derivative)!r})"

    def _with(self, value: Any, partials: Partials) -> "Dual":
        return _dual(value, partials, self.directions, self.level)


def _dual(value: Any, partials: Partials, directions: int, level: int) -> Dual:
    x = object.__new__(Dual)
    x.value, x._partials, x.directions, x.level = value, partials, directions, level
    return x


class _Rule(NamedTuple):
    """An operation on two numbers x and y with result z, and its derivatives in x and in y."""

    operation: Callable[[Any, Any], Any]
    by_x: Callable[[Any, Any, Any], Any]
    by_y: Callable[[Any, Any, Any], Any]


def _inverse(y: Any, like: Any) -> Any:
    """1 / y in the arithmetic of `like`: Python's 1 / 3 is a float."""
    return (_unit(like) if isinstance(y, (int, np.integer)) else 1) / y


_SUM = _Rule(operator.add, lambda x, y, z: 1, lambda x, y, z: 1)
_DIFFERENCE = _Rule(operator.sub, lambda x, y, z: 1, lambda x, y, z: -1)
_PRODUCT = _Rule(operator.mul, lambda x, y, z: y, lambda x, y, z: x)
_QUOTIENT = _Rule(operator.truediv, lambda x, y, z: _inverse(y, x), lambda x, y, z: -z * _inverse(y, x))


def _combined(rule: _Rule, x: Any, y: Any) -> Any:
    """The result of a rule with its derivatives.

    The higher level of the two is differentiated; a number of a lower level, or of none, is a constant.
    """
    if isinstance(x, np.ndarray) or isinstance(y, np.ndarray):
        return NotImplemented  # numpy then goes through the array
    level = max(number.level for number in (x, y) if isinstance(number, Dual))
    x_moves = isinstance(x, Dual) and x.level == level
    y_moves = isinstance(y, Dual) and y.level == level
    a, b = x.value if x_moves else x, y.value if y_moves else y
    z = rule.operation(a, b)
    if not y_moves:
        return x._with(z, _scaled(x._partials, rule.by_x(a, b, z)))
    partials = _scaled(y._partials, rule.by_y(a, b, z))
    if not x_moves:
        return y._with(z, partials)
    if x.directions != y.directions:
        raise InvalidArgument(f"dual numbers in {x.directions} and in {y.directions} directions do not mix")
    return x._with(z, _added(_scaled(x._partials, rule.by_x(a, b, z)), partials))


def _scaled(partials: Partials, factor: Any) -> Partials:
    if type(factor) is int and factor == 1:
        return partials
    if isinstance(partials, dict):
        return {i: factor * partial for i, partial in partials.items()}
    return factor * partials


def _added(partials: Partials, others: Partials) -> Partials:
    if isinstance(partials, np.ndarray) and isinstance(others, np.ndarray):
        return partials + others
    partials, others = _sparse(partials), _sparse(others)
    if len(partials) < len(others):
        partials, others = others, partials
    total = dict(partials)
    for i, partial in others.items():
        total[i] = total[i] + partial if i in total else partial
    return total


def _sparse(partials: Partials) -> dict[int, Any]:
    return partials if isinstance(partials, dict) else _without_zeros(partials)


def _without_zeros(derivative: np.ndarray) -> dict[int, Any]:
    # Only Python's own zeros: whether another number is 0 may be costly, or open.
    entries = enumerate(derivative.tolist())
    return {i: partial for i, partial in entries if not (type(partial) in (int, float) and partial == 0)}


def _moves(partials: Partials) -> bool:
    return bool(partials) if isinstance(partials, dict) else bool(np.any(partials != 0))


def _bare(x: Any) -> Any:
    """The number inside, without any derivatives."""
    while isinstance(x, Dual):
        x = x.value
    return x


@exp_of.register
def _(x: Dual) -> Dual:
    value = exp_of(x.value)
    return x._with(value, _scaled(x._partials, value))


@log_of.register
def _(x: Dual) -> Any:
    value = log_of(x.value)
    if not _moves(x._partials):
        return value
    if x == 0:
        raise OutOfReach("log(x) has no derivative at x = 0")
    return x._with(value, _scaled(x._partials, 1 / x.value))


@softplus_of.register
def _(x: Dual) -> Dual:
    return x._with(softplus_of(x.value), _scaled(x._partials, sigmoid_of(x.value)))


@sigmoid_of.register
def _(x: Dual) -> Dual:
    value = sigmoid_of(x.value)
    return x._with(value, _scaled(x._partials, value * sigmoid_of(-x.value)))


@anchor_of.register
def _(x: Dual) -> float:
    return anchor_of(x.value)


@larger_of.register
def _(x: Dual, y: Any) -> Any:
    """The larger of two; of two equal ones the first, whose derivative is a subgradient of the maximum."""
    if x >= y:
        return x
    if y > x:
        return y
    raise OutOfReach(
        f"which of {_bare(x)} and {_bare(y)} is larger is open, and so is the derivative; raise the precision"
    )


def _unit(x: Any) -> Any:
    """The derivative of x in x: 1, in the arithmetic to which derivatives belong."""
    x = _bare(x)
    if isinstance(x, LogField):
        return x.field.constant(1)
    return fmpq(1) if isinstance(x, LogRational) else x**0


def gradient(f: Callable[[np.ndarray], Any], x: Any) -> np.ndarray:
    """The partial derivatives of a scalar-valued f at an array x, in the shape of x.

    f takes an object array of the shape of x. A float64 x gives float64 derivatives, an object array gives
    them in its own arithmetic: at a `LogRational` the unit is the rational 1.

    Errors: `InvalidArgument` if f is not scalar-valued; `OutOfReach` where the arithmetic cannot express f.
    Cost: one pass through f, in which an operation takes up to k = x.size times as long.
    """

    def scalar_valued(x: np.ndarray) -> Any:
        y = f(x)
        if np.shape(y) != ():
            raise InvalidArgument(f"gradient: f has shape {np.shape(y)}, not (); take the jacobian")
        return y

    return jacobian(scalar_valued, x)


def jacobian(f: Callable[[np.ndarray], Any], x: Any) -> np.ndarray:
    """The partial derivatives of f at an array x, in the shape f(x).shape + x.shape; see `gradient`."""
    x = np.asarray(x)
    if x.dtype != object:
        x = x.astype(float)
    level, k = next(_levels), x.size
    seeds = np.empty(x.shape, dtype=object)
    zeros = np.empty(k, dtype=object)
    for i, (index, entry) in enumerate(np.ndenumerate(x)):
        one = _unit(entry)
        zeros[i] = one - one
        if x.dtype == object:
            seeds[index] = _dual(entry, {i: one}, k, level)
        else:
            row = np.zeros(k)
            row[i] = 1.0
            seeds[index] = _dual(float(entry), row, k, level)
    y = np.asarray(f(seeds), dtype=object)
    rows = np.empty((y.size, k), dtype=object)
    rows[...] = zeros
    for row, entry in zip(rows, y.flat, strict=True):
        if isinstance(entry, Dual) and entry.level == level:
            partials = entry._partials
            for i, partial in partials.items() if isinstance(partials, dict) else enumerate(partials):
                row[i] = partial
    if x.dtype != object and all(isinstance(partial, float) for partial in rows.flat):
        rows = rows.astype(float)
    return rows.reshape(y.shape + x.shape)
