"""Operations of torch on entries: arithmetic, exponentials, comparisons, choices, copies.

Each is a function of arrays of numbers that are followed, with the argument names of its ATen operation. What torch
decides by the value, what is cut off by clamp say, the shadows decide here.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

from equivalence.testing.adapters.arrays import MEANINGS
from equivalence.testing.adapters.numbers import sign_of, traced
from equivalence.testing.adapters.torch_memory import Lost, numbers
from mdps import OutOfReach


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of numbers that is lost where one of them is, or where it has no value in a field."""

    def of_numbers(*xs: Any) -> Any:
        for x in xs:
            if type(x) is Lost:
                return x
        try:
            return function(*xs)
        except OutOfReach as error:
            return Lost(str(error).split(";")[0])

    return of_numbers


class Entrywise:
    """A function of numbers as one of arrays of them; scalars are arrays without axes."""

    def __init__(self, function: Callable[..., Any], n: int, identity: Any) -> None:
        self._function = np.frompyfunc(guarded(function), n, 1, identity=identity)

    def __call__(self, *xs: Any) -> np.ndarray:
        """The function of each entry, of arrays as they broadcast."""
        return np.asarray(self._function(*map(numbers, xs)), dtype=object)

    def over(self, x: Any, axes: tuple[int, ...], keepdims: bool = False) -> np.ndarray:
        """One entry after the other along axes."""
        x = numbers(x)
        result = self._function.reduce(x, axis=axes, keepdims=keepdims) if x.ndim else x
        return np.asarray(result, dtype=object) if x.size else numbers(np.asarray(result, dtype=int))

    def along(self, x: Any, axis: int) -> np.ndarray:
        """All partial results along an axis."""
        x = numbers(x)
        return self._function.accumulate(x, axis=axis, dtype=object) if x.ndim else x


def entrywise(function: Callable[..., Any], n: int = 1, *, identity: Any = None) -> Entrywise:
    """A function of n numbers as one of arrays of objects."""
    return Entrywise(function, n, identity)


def meaning_of(function: Any) -> Callable[..., Any]:
    """What a function of numpy or scipy does to numbers that are followed (`arrays.MEANINGS`)."""
    meaning = MEANINGS[function]
    return lambda *xs: meaning(*map(numbers, xs))  # as arrays: a number alone would call for its own meaning


ADD = entrywise(operator.add, 2, identity=0)
SUB = entrywise(operator.sub, 2)
MUL = entrywise(operator.mul, 2, identity=1)
DIV = entrywise(operator.truediv, 2)
NEG = entrywise(operator.neg)
EXP = entrywise(lambda x: x.exp())
LOG = entrywise(lambda x: x.log())
SIGMOID = entrywise(meaning_of(scipy.special.expit))
LARGER = entrywise(meaning_of(np.maximum), 2)
SMALLER = entrywise(meaning_of(np.minimum), 2)
POWER = entrywise(operator.pow, 2)
XLOGY = entrywise(meaning_of(scipy.special.xlogy), 2)
LOG_OF_SUM = entrywise(meaning_of(np.logaddexp), 2, identity=-math.inf)


def registrar(
    table: dict[str, Callable[..., Any]],
) -> Callable[..., Callable[[Callable[..., Any]], Callable[..., Any]]]:
    """A decorator that enters the meaning of operations, by their names, into a table."""

    def called(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            table.update(dict.fromkeys(names, function))
            return function

        return register

    return called


ENTRIES: dict[str, Callable[..., Any]] = {}
called = registrar(ENTRIES)


def _register(function: Entrywise, *names: str) -> None:
    called(*names)(lambda *xs: function(*xs))


def _tanh(x: Any) -> Any:
    if isinstance(x.number, float):
        return traced(x.number if math.isnan(x.number) else sign_of(x.number))
    weight = (2 * x).exp()
    return (weight - 1) / (weight + 1)


def _nan_to(x: Any, nan: Any, high: Any, low: Any) -> Any:
    if not isinstance(x.number, float):
        return x
    return nan if math.isnan(x.number) else high if x.number > 0 else low


for _function, *_names in (
    (NEG, "neg"),
    (EXP, "exp"),
    (LOG, "log"),
    (entrywise(meaning_of(np.log1p)), "log1p"),
    (entrywise(meaning_of(np.expm1)), "expm1"),
    (SIGMOID, "sigmoid"),
    (entrywise(lambda x: meaning_of(scipy.special.log_expit)(x)), "log_sigmoid"),
    (entrywise(_tanh), "tanh"),
    (LOG_OF_SUM, "logaddexp"),
    (XLOGY, "xlogy"),
    (entrywise(meaning_of(scipy.special.entr)), "special_entr"),
    (MUL, "mul"),
    (LARGER, "maximum", "max.other", "fmax"),
    (SMALLER, "minimum", "min.other", "fmin"),
    (POWER, "pow"),
    (entrywise(lambda x: 1 / x), "reciprocal"),
    (entrywise(lambda x: x ** traced(0.5)), "sqrt"),
    (entrywise(lambda x: x ** traced(-0.5)), "rsqrt"),
    (entrywise(abs), "abs"),
    (entrywise(lambda x: traced(sign_of(x.number))), "sign", "sgn"),
    (entrywise(meaning_of(np.isfinite)), "isfinite"),
    (entrywise(meaning_of(np.isnan)), "isnan"),
    (entrywise(meaning_of(np.isinf)), "isinf"),
    (entrywise(lambda x: isinstance(x.number, float) and x.number == math.inf), "isposinf"),
    (entrywise(lambda x: isinstance(x.number, float) and x.number == -math.inf), "isneginf"),
    (entrywise(operator.eq, 2), "eq"),
    (entrywise(operator.ne, 2), "ne"),
    (entrywise(operator.lt, 2), "lt"),
    (entrywise(operator.le, 2), "le"),
    (entrywise(operator.gt, 2), "gt"),
    (entrywise(operator.ge, 2), "ge"),
    (entrywise(lambda x: not x), "logical_not"),
    (entrywise(lambda x, y: bool(x) and bool(y), 2), "logical_and"),
    (entrywise(lambda x, y: bool(x) or bool(y), 2), "logical_or"),
    (entrywise(lambda x, y: bool(x) != bool(y), 2), "logical_xor"),
):
    _register(_function, *_names)


@called("add")
def _add(self, other, alpha=1):
    return ADD(self, _scaled(other, alpha))


@called("sub")
def _sub(self, other, alpha=1):
    return SUB(self, _scaled(other, alpha))


@called("rsub")
def _rsub(self, other, alpha=1):
    return SUB(other, _scaled(self, alpha))


def _scaled(x: Any, factor: Any) -> np.ndarray:
    return numbers(x) if type(factor) is int and factor == 1 else MUL(x, factor)


@called("div", "true_divide")
def _div(self, other, rounding_mode=None):
    if rounding_mode is not None:
        raise OutOfReach(f"a quotient with rounding_mode={rounding_mode!r}")
    return DIV(self, other)


@called("addcmul")
def _addcmul(self, tensor1, tensor2, value=1):
    return ADD(self, _scaled(MUL(tensor1, tensor2), value))


@called("addcdiv")
def _addcdiv(self, tensor1, tensor2, value=1):
    return ADD(self, _scaled(DIV(tensor1, tensor2), value))


@called("lerp")
def _lerp(self, end, weight):
    return ADD(self, MUL(weight, SUB(end, self)))


@called("clamp")
def clamped(self, min=None, max=None):
    """x within two bounds."""
    x = self if min is None else LARGER(self, min)
    return x if max is None else SMALLER(x, max)


@called("clamp_min")
def _clamp_min(self, min):
    return LARGER(self, min)


@called("clamp_max")
def _clamp_max(self, max):
    return SMALLER(self, max)


@called("where")
def _where(condition, self, other):
    return np.where(np.asarray(condition, dtype=bool), numbers(self), numbers(other))


@called("clone", "_to_copy", "positive", "lift_fresh_copy", "detach_copy", "alias_copy", "contiguous")
def _same(self):
    return numbers(self)


@called("copy")
def _copied(self, src):
    return np.broadcast_to(numbers(src), np.shape(self))


@called("fill")
def _filled(self, value):
    return np.broadcast_to(numbers(value), np.shape(self))


@called("zero")
def _zero(self):
    return np.broadcast_to(numbers(0), np.shape(self))


@called("masked_fill")
def _masked_fill(self, mask, value):
    return np.where(mask, numbers(value), numbers(self))


@called("nan_to_num")
def _nan_to_num(self, nan=None, posinf=None, neginf=None):
    most = float(np.finfo(float).max)
    values = (0 if nan is None else nan, most if posinf is None else posinf, -most if neginf is None else neginf)
    return entrywise(_nan_to, 4)(self, *values)
