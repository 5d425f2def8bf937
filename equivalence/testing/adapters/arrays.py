"""Numbers of a finite field inside numpy arrays, for code that knows nothing of them.

Somebody's numpy function is called with arrays of objects, `FieldArray`, whose entries are `Traced`: each holds

    a FieldNumber or a LogField of `mdps.scalars.field`, with the number of the instance as its shadow, or
    a float that is inf, -inf or nan, with the rules that floats have for it.

`+ - * / **` are those of the field. numpy's functions of object arrays (sum, einsum, @, where, argmax, cumsum, ...)
need nothing else; the others that have a meaning here (exp, log, maximum, logaddexp, log1p, expm1, abs, isfinite, and
of scipy.special expit, xlogy, entr) are in the table `MEANINGS`. Some are no ufuncs and forget what they are given
(scipy's logsumexp and softmax, numpy.linalg.solve), and numpy.zeros makes floats: `functions_by_meaning` puts others
in their place in the namespaces of the code, while it runs. A comparison follows the shadows, a branch that is counted,
unless the field shows that both sides are equal; one with a number as small as 1e-6 is the end of an iteration, which
is no function of the parameters.

Floats in the code are read as what was meant: the shortest decimal (.9 is 9/10) of at most 12 digits, else the fraction
of a denominator up to 1000 that has this float, else log n for n up to 100. A float that is none of these was computed
outside of the arrays, and nobody knows from what.

What leaves the arithmetic (float(x), np.asarray(x, dtype=float), a function without a meaning, exp of what is no
logarithm) raises `Untraceable` with the name of the operation.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.special
from flint import arb, fmpq

from mdps import OutOfReach
from mdps.scalars.elementary import exp_of, log_of
from mdps.scalars.field import FieldNumber, LogField, current_field
from mdps.scalars.rationals import rational

MOST_DIGITS = 12  # of a decimal that somebody wrote
LARGEST_DENOMINATOR = 1000
LARGEST_LOGARITHM = 100
TOLERANCE = fmpq(1, 10**6)
NAN = math.nan


_operations: ContextVar[list[int]] = ContextVar("operations")


@contextmanager
def at_most(operations: int) -> Iterator[list[int]]:
    """A limit to the operations within the block; what is left of it comes first in the list."""
    token = _operations.set([operations, operations])
    try:
        yield _operations.get()
    finally:
        _operations.reset(token)


class Untraceable(OutOfReach):
    """The code does something that has no meaning over a field; the message names it."""


def read(x: float) -> Any:
    """The number that a float stands for in somebody's code.

    Errors: `Untraceable` for a float that nobody writes down.
    """
    if not math.isfinite(x):
        return float(x)
    if x.is_integer() and abs(x) < 10**MOST_DIGITS:
        return current_field().constant(int(x))
    significand = repr(x).lower().split("e")[0]
    if len(significand.replace(".", "").strip("-0")) <= MOST_DIGITS:
        return current_field().constant(Fraction(repr(x)))
    simple = Fraction(x).limit_denominator(LARGEST_DENOMINATOR)
    if simple.numerator / simple.denominator == x:
        return current_field().constant(simple)
    n = round(math.exp(min(abs(x), 9.0)))
    if 2 <= n <= LARGEST_LOGARITHM and math.log(n) == abs(x):
        return log_of(current_field().constant(n)) * (1 if x > 0 else -1)
    raise Untraceable(f"the float {x!r}, which was computed outside of the arrays")


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
        return read(float(value))
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


def traced_array(values: Any) -> Any:
    """An array of numbers as one that is followed; a number alone as a `Traced`."""
    array = np.asarray(values, dtype=object)
    return _wrapped(array) if array.ndim else traced(array[()])


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


def _sign(number: Any) -> int:
    """The sign of a number: exact where it is known, else that of its shadow."""
    if isinstance(number, float):
        return 0 if math.isnan(number) else int(math.copysign(1, number))
    if _is_zero(number):
        return 0
    return -1 if _less(number, current_field().constant(0)) else 1


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
            raise Untraceable("a comparison of different numbers that tie on the instance")
    return False


def _both_constant(x: Any, y: Any) -> bool:
    return all(isinstance(z, FieldNumber) and z.constant is not None for z in (x, y))


def _less(x: Any, y: Any) -> bool:
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
        if 0 < abs(known) <= TOLERANCE:
            raise Untraceable(f"a comparison with {int(known.p) / int(known.q):g}")
    return _less(x, y)


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
        return _apply(ufunc, method, inputs, keywords)

    def __add__(self, other: Any) -> Any:
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
        if _vanishes(y):  # as floats do
            sign = _sign(x)
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
        if power.constant < 0 and _vanishes(x):
            return traced(1) / self ** traced(-power.constant)
        if power.constant.q != 1 and _sign(x) < 0:
            return Traced(NAN)
        return Traced(x**power.constant)

    def __rpow__(self, base: Any) -> Any:
        return traced(base) ** self

    def __abs__(self) -> "Traced":
        return -self if _sign(self.number) < 0 else self

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
        return Traced(exp_of(x))

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


def _vanishes(number: Any) -> bool:
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
    sign = _sign(x) * _sign(y)
    return sign * math.inf if sign else NAN


# Functions by their meaning


def _log_of_sum(x: Traced, y: Traced) -> Traced:
    x, y = traced(x), traced(y)
    for one, other in ((x, y), (y, x)):
        if isinstance(one.number, float):
            return other if one.number == -math.inf else one
    return (x.exp() + y.exp()).log()


def _is_finite(x: Any) -> bool:
    return not isinstance(traced(x).number, float)


def _is_nan(x: Any) -> bool:
    number = traced(x).number
    return isinstance(number, float) and math.isnan(number)


def _is_inf(x: Any) -> bool:
    number = traced(x).number
    return isinstance(number, float) and math.isinf(number)


def _xlogy(x: Any, y: Any) -> Traced:
    return traced(0) if traced(x) == 0 and not _is_nan(y) else traced(x) * traced(y).log()


def _expit(x: Any) -> Traced:
    weight = (-traced(x)).exp()
    return traced(0) if _is_inf(weight) else 1 / (1 + weight)


def _larger(x: Any, y: Any) -> Traced:
    x, y = traced(x), traced(y)
    return x if _is_nan(x) or not (_less(x.number, y.number) or _is_nan(y)) else y


MEANINGS: dict[Any, np.ufunc] = {
    np.exp: np.frompyfunc(lambda x: traced(x).exp(), 1, 1),
    np.log: np.frompyfunc(lambda x: traced(x).log(), 1, 1),
    np.expm1: np.frompyfunc(lambda x: traced(x).exp() - 1, 1, 1),
    np.log1p: np.frompyfunc(lambda x: (1 + traced(x)).log(), 1, 1),
    np.logaddexp: np.frompyfunc(_log_of_sum, 2, 1, identity=-math.inf),
    np.maximum: np.frompyfunc(_larger, 2, 1, identity=None),  # None: in any order
    np.minimum: np.frompyfunc(lambda x, y: -_larger(-traced(x), -traced(y)), 2, 1, identity=None),
    np.absolute: np.frompyfunc(lambda x: abs(traced(x)), 1, 1),
    np.fabs: np.frompyfunc(lambda x: abs(traced(x)), 1, 1),
    np.sign: np.frompyfunc(lambda x: traced(_sign(traced(x).number)), 1, 1),
    np.isfinite: np.frompyfunc(_is_finite, 1, 1),
    np.isnan: np.frompyfunc(_is_nan, 1, 1),
    np.isinf: np.frompyfunc(_is_inf, 1, 1),
    scipy.special.expit: np.frompyfunc(_expit, 1, 1),
    scipy.special.xlogy: np.frompyfunc(_xlogy, 2, 1),
    scipy.special.entr: np.frompyfunc(lambda x: -_xlogy(x, x), 1, 1),
    scipy.special.rel_entr: np.frompyfunc(lambda x, y: _xlogy(x, x) - _xlogy(x, y), 2, 1),
    scipy.special.logit: np.frompyfunc(lambda x: traced(x).log() - (1 - traced(x)).log(), 1, 1),
    scipy.special.log_expit: np.frompyfunc(lambda x: _expit(x).log(), 1, 1),
}
BOOLEAN = (np.isfinite, np.isnan, np.isinf)
AS_THEY_ARE = frozenset(
    {
        *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive, np.power, np.square, np.reciprocal),
        *(np.matmul, np.conjugate),
        *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
        *(np.logical_and, np.logical_or, np.logical_not),
    }
)


class FieldArray(np.ndarray):
    """An array of objects whose functions are those of the numbers in it."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        return _apply(ufunc, method, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in (np.isclose, np.allclose):  # the end of an iteration
            raise Untraceable(f"numpy.{function.__name__}, a comparison with a tolerance")
        try:
            return _rewrapped(super().__array_function__(function, types, args, kwargs))
        except TypeError as error:
            raise Untraceable(f"{function.__module__}.{function.__name__}: {error}") from error


def _apply(ufunc: Any, method: str, inputs: Any, keywords: dict[str, Any]) -> Any:
    """One of numpy's functions of entries, by its meaning."""
    name = f"{'scipy.special' if ufunc in vars(scipy.special).values() else 'numpy'}.{ufunc.__name__}"
    if ufunc.__name__ == "clip":
        x, low, high = inputs
        return _apply(np.minimum, method, (_apply(np.maximum, method, (x, low), {}), high), keywords)
    meaning = MEANINGS.get(ufunc, ufunc if ufunc in AS_THEY_ARE else None)
    if meaning is None:
        raise Untraceable(f"{name}, which has no meaning over a field")
    outputs = keywords.pop("out", None)
    if outputs is not None:
        keywords["out"] = tuple(_plain(x) for x in outputs)
    try:
        with np.errstate(all="ignore"):
            result = getattr(meaning, method)(*map(_plain, inputs), **keywords)
    except (TypeError, ValueError) as error:
        into = [str(x.dtype) for x in outputs or () if isinstance(x, np.ndarray) and x.dtype != object]
        where = f" into an array of {into[0]}" if into else ""
        raise Untraceable(f"{name}{where}: {error}") from error
    if outputs is not None:
        return outputs[0] if len(outputs) == 1 else outputs
    if ufunc in BOOLEAN:
        return np.asarray(result, dtype=bool)[()]
    return _rewrapped(result)


def _plain(x: Any) -> Any:
    if isinstance(x, FieldArray):
        return x.view(np.ndarray)
    if isinstance(x, Traced):
        held = np.empty((), dtype=object)
        held[()] = x
        return held
    return x


_traced_entries = np.frompyfunc(lambda x: None if x is None else traced(x), 1, 1)  # None: not filled yet


def _wrapped(array: np.ndarray) -> FieldArray:
    return np.asarray(_traced_entries(array.view(np.ndarray)), dtype=object).view(FieldArray)


def _rewrapped(result: Any) -> Any:
    """Arrays of objects as such of numbers that are followed; anything else as it is."""
    if isinstance(result, np.ndarray):
        if result.dtype != object:
            return result.view(np.ndarray) if isinstance(result, FieldArray) else result
        if result.ndim == 0:
            return traced(result[()])
        if result.base is not None:  # a view: it shares its memory
            return result.view(FieldArray)
        return _wrapped(result)
    if type(result) in (tuple, list) and not all(isinstance(x, (int, str)) for x in result):
        return type(result)(map(_rewrapped, result))
    return result


def numbers_of(result: Any) -> np.ndarray:
    """What a followed function returned, as an array of field numbers, sums of logarithms and infinite floats.

    Errors: `Untraceable` for what is no array of numbers.
    """
    try:
        array = np.asarray(result, dtype=object)
    except (TypeError, ValueError) as error:
        raise Untraceable(f"what it returns is no array: {error}") from error
    flat = np.empty(array.size, dtype=object)
    flat[:] = [traced(x).number for x in array.ravel()]
    return flat.reshape(array.shape)


# Functions that are no ufuncs and forget what kind of array they are given


def _log_sum_exp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    weights = np.exp(traced_array(a)) if b is None else traced_array(b) * np.exp(traced_array(a))
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    if return_sign:
        raise Untraceable("scipy.special.logsumexp with return_sign=True")
    return np.log(total)


def _soft_maximum(x: Any, axis: Any = None) -> Any:
    weights = np.exp(traced_array(x))
    return weights / np.sum(weights, axis=axis, keepdims=True)


def _log_soft_maximum(x: Any, axis: Any = None) -> Any:
    return traced_array(x) - _log_sum_exp(x, axis=axis, keepdims=True)


def _solution(a: Any, b: Any) -> Any:
    """The solution of one square linear system, by elimination; rows are exchanged where a pivot is 0."""
    matrix, right = np.array(traced_array(a)), np.array(traced_array(b))
    if matrix.ndim != 2 or right.ndim > 2:
        raise Untraceable("numpy.linalg.solve of several systems at once")
    n = len(matrix)
    rows = np.concatenate([matrix, right.reshape(n, -1)], axis=1)
    for k in range(n):
        pivot = next((i for i in range(k, n) if not _vanishes(traced(rows[i, k]).number)), None)
        if pivot is None:
            raise Untraceable("numpy.linalg.solve of a singular system")
        rows[[k, pivot]] = rows[[pivot, k]]
        rows[k] = rows[k] / rows[k, k]
        for i in range(n):
            if i != k and not _vanishes(traced(rows[i, k]).number):
                rows[i] = rows[i] - rows[i, k] * rows[k]
    return traced_array(rows[:, n:].reshape(right.shape))


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    scipy.special.logsumexp: _log_sum_exp,
    scipy.special.softmax: _soft_maximum,
    scipy.special.log_softmax: _log_soft_maximum,
    np.linalg.solve: _solution,
    np.linalg.inv: lambda a: _solution(a, np.eye(len(a))),
    math.exp: lambda x: traced(x).exp(),
    math.log: lambda x: traced(x).log(),
    math.expm1: lambda x: traced(x).exp() - 1,
    math.log1p: lambda x: (1 + traced(x)).log(),
}
MAKERS = (np.zeros, np.ones, np.empty, np.full, np.eye, np.identity, np.array, np.asarray)


def _by_meaning(function: Any, meaning: Callable[..., Any]) -> Callable[..., Any]:
    def chosen(*args: Any, **keywords: Any) -> Any:
        objects = any(np.asarray(x).dtype == object for x in (*args, *keywords.values()) if x is not None)
        return (meaning if objects else function)(*args, **keywords)

    return chosen


def _maker(function: Any) -> Callable[..., Any]:
    """numpy's function that makes an array, of numbers that are followed where it would be one of floats."""

    def chosen(*args: Any, **keywords: Any) -> Any:
        array = function(*args, **keywords)
        made_of = function in (np.array, np.asarray)  # numbers that are given: floats stay floats
        if array.dtype == object or (array.dtype.kind == "f" and not made_of):
            return _rewrapped(array if array.dtype == object else array.astype(object))
        return array

    return chosen


class _Library:
    """numpy, scipy, a part of them or math as a module of which some functions have their meaning here."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return _meant(getattr(self._module, name))


def _meant(value: Any) -> Any:
    """A module or a function of numpy, scipy or math as it is meant here; anything else as it is."""
    if inspect.ismodule(value):
        return _Library(value) if value.__name__.split(".")[0] in ("numpy", "scipy", "math") else value
    return next((other for function, other in _REPLACED if value is function), value)


_REPLACED = [(function, _by_meaning(function, meaning)) for function, meaning in FUNCTIONS.items()]
_REPLACED += [(function, _maker(function)) for function in MAKERS]


@contextmanager
def functions_by_meaning(namespaces: Iterable[dict[str, Any]]) -> Iterator[None]:
    """The functions above by their meaning within the block, in the namespaces of the code alone."""
    kept = [(names, name, value) for names in namespaces for name, value in names.items() if _meant(value) is not value]
    try:
        for names, name, value in kept:
            names[name] = _meant(value)
        yield
    finally:
        for names, name, value in kept:
            names[name] = value


def functions_reached(function: Any) -> list[Any]:
    """The Python functions that a function may call by name, itself first; those of numpy, scipy and mdps left out."""
    found: list[Any] = []
    pending = [function]
    while pending:
        current = inspect.unwrap(getattr(pending[0], "func", pending[0]))
        pending = pending[1:]
        current = getattr(current, "__func__", current)
        if not hasattr(current, "__code__") and callable(current):  # an object that is called
            current = type(current).__call__
        code, names = getattr(current, "__code__", None), getattr(current, "__globals__", None)
        if code is None or names is None or any(current is known for known in found):
            continue
        if str(names.get("__name__", "")).split(".")[0] in ("numpy", "scipy", "mdps"):
            continue  # what the numbers themselves are made of is left alone
        found.append(current)
        for name in _names_in(code):
            pending += [names[name]] if callable(names.get(name)) else []
            for value in names.values():
                if inspect.ismodule(value) and callable(vars(value).get(name)):
                    pending.append(vars(value)[name])
        pending += [x for cell in current.__closure__ or () if callable(x := _content(cell))]
    return found


def _names_in(code: Any) -> set[str]:
    inner = [c for c in code.co_consts if inspect.iscode(c)]
    return set(code.co_names).union(*(_names_in(c) for c in inner))


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None
