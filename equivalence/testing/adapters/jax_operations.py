"""The operations of a jaxpr, over numpy arrays of objects for what is a float and of integers for what is none.

`OPERATIONS` has, by the name of each primitive, a function of the equation and the arrays that go in; it returns the
array that comes out, or a list of them where there are several. Where a primitive has two names, that of older releases
stands beside it. Here are those of entries; `jax_shapes` has those of shapes and along axes, `jax_indexing` slices,
gathers and scatters, `jax_linear` products and linear systems, `jax_code` control flow.

Rounding does not exist here: a conversion to floats of fewer digits leaves a number as it is.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from equivalence.testing.adapters.arrays import MEANINGS
from equivalence.testing.adapters.numbers import NAN, Traced, Untraceable, sign_of, traced

Operation = Callable[..., Any]
OPERATIONS: dict[str, Operation] = {}


def operation(*names: str) -> Callable[[Operation], Operation]:
    """A decorator that puts a function into the table."""

    def register(function: Operation) -> Operation:
        OPERATIONS.update(dict.fromkeys(names, function))
        return function

    return register


def is_nan(x: Traced) -> bool:
    """Whether a number is nan."""
    return isinstance(x.number, float) and math.isnan(x.number)


def is_known(x: Traced) -> bool:
    """Whether a number is a known rational one, and neither free nor made of what is free."""
    return getattr(x.number, "constant", None) is not None


def as_array(x: Any) -> np.ndarray:
    """An array of objects; a number alone as one without axes."""
    if isinstance(x, np.ndarray):
        return x
    held = np.empty((), dtype=object)
    held[()] = x
    return held


def as_numbers(x: np.ndarray) -> np.ndarray:
    """An array of numbers that are followed, of integers too."""
    return x if x.dtype == object else as_array(_entries(x))


def in_type(x: Any, dtype: Any) -> np.ndarray:
    """An array of integers in the type that the jaxpr has for it."""
    return np.asarray(x).astype(dtype, copy=False)


_entries = np.frompyfunc(lambda x: traced(int(x)), 1, 1)


# Entry by entry


def entrywise(on_numbers: Any, on_integers: Any = None) -> Operation:
    """The operation of functions of entries, of numbers and of integers."""

    def apply(eqn: Any, *inputs: np.ndarray) -> np.ndarray:
        out = eqn.outvars[0].aval.dtype
        if any(x.dtype == object for x in inputs):
            result = as_array(on_numbers(*map(as_numbers, inputs)))
            return result if out.kind in "fV" else in_type(result, out)
        if on_integers is None:
            raise Untraceable("it has no meaning for integers")
        return in_type(on_integers(*inputs), out)

    return apply


def _of_one(function: Callable[[Traced], Any]) -> np.ufunc:
    return np.frompyfunc(function, 1, 1)


def power(x: Traced, exponent: Any) -> Traced:
    """x to a known exponent, by logarithms where it is a fraction."""
    y = traced(exponent)
    known = getattr(y.number, "constant", None)
    if known is not None and known.q != 1 and not isinstance(x.number, float):
        return Traced(NAN) if sign_of(x.number) < 0 else (x.log() * y).exp()
    return x**y


def _cube_root(x: Traced) -> Traced:
    return -power(-x, Fraction(1, 3)) if x < 0 else power(x, Fraction(1, 3))


def _tanh(x: Traced) -> Traced:
    return 1 - 2 / (1 + (2 * x).exp())


def _sign(x: Traced) -> Traced:
    return x if is_nan(x) else traced(sign_of(x.number))


def _of_known(function: Callable[[Fraction], int]) -> np.ufunc:
    """A function that jumps, of numbers that are known."""

    def apply(x: Traced) -> Traced:
        if isinstance(x.number, float):
            return x
        known = getattr(x.number, "constant", None)
        if known is None:
            raise Untraceable("of a number that is followed")
        return traced(function(Fraction(int(known.p), int(known.q))))

    return np.frompyfunc(apply, 1, 1)


def _remainder(x: Traced, y: Traced) -> Traced:
    known = [getattr(z.number, "constant", None) for z in (x, y)]
    if known[0] is None or not known[1]:
        raise Untraceable("of a number that is followed")
    first, second = (Fraction(int(z.p), int(z.q)) for z in known if z is not None)
    return traced(first - second * math.trunc(first / second))


def _quotient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of integers, towards 0; by 0 it is -1, as XLA has it."""
    safe = np.where(y == 0, 1, y)
    floor = x // safe
    return np.where(y == 0, -1, floor + ((floor < 0) & (floor * safe != x)))


def _rounded(eqn: Any, x: np.ndarray) -> np.ndarray:
    away = str(eqn.params["rounding_method"].name) == "AWAY_FROM_ZERO"

    def nearest(value: Fraction) -> int:
        return int(math.copysign(math.floor(abs(value) + Fraction(1, 2)), value)) if away else round(value)

    return as_array(_of_known(nearest)(x)) if x.dtype == object else x


ENTRYWISE: dict[str, tuple[Any, Any]] = {
    "add": (np.add, np.add),
    "add_any": (np.add, np.add),
    "sub": (np.subtract, np.subtract),
    "mul": (np.multiply, np.multiply),
    "div": (np.true_divide, _quotient),
    "rem": (np.frompyfunc(_remainder, 2, 1), lambda x, y: np.where(y == 0, x, np.fmod(x, np.where(y == 0, 1, y)))),
    "neg": (np.negative, np.negative),
    "abs": (MEANINGS[np.absolute], np.absolute),
    "sign": (_of_one(_sign), np.sign),
    "max": (MEANINGS[np.maximum], np.maximum),
    "min": (MEANINGS[np.minimum], np.minimum),
    "pow": (np.frompyfunc(power, 2, 1), np.power),
    "square": (_of_one(lambda x: x * x), np.square),
    "sqrt": (_of_one(lambda x: power(x, Fraction(1, 2))), None),
    "rsqrt": (_of_one(lambda x: 1 / power(x, Fraction(1, 2))), None),
    "cbrt": (_of_one(_cube_root), None),
    "exp": (MEANINGS[np.exp], None),
    "exp2": (_of_one(lambda x: (x * traced(2).log()).exp()), None),
    "log": (MEANINGS[np.log], None),
    "log1p": (MEANINGS[np.log1p], None),
    "expm1": (MEANINGS[np.expm1], None),
    "logistic": (_of_one(lambda x: 1 / (1 + (-x).exp())), None),
    "tanh": (_of_one(_tanh), None),
    "sinh": (_of_one(lambda x: (x.exp() - (-x).exp()) / 2), None),
    "cosh": (_of_one(lambda x: (x.exp() + (-x).exp()) / 2), None),
    "floor": (_of_known(math.floor), np.floor),
    "ceil": (_of_known(math.ceil), np.ceil),
    "real": (lambda x: x, None),
    "conj": (lambda x: x, None),
    "eq": (np.equal, np.equal),
    "ne": (np.not_equal, np.not_equal),
    "lt": (np.less, np.less),
    "le": (np.less_equal, np.less_equal),
    "gt": (np.greater, np.greater),
    "ge": (np.greater_equal, np.greater_equal),
    "is_finite": (MEANINGS[np.isfinite], np.isfinite),
    "and": (None, np.bitwise_and),
    "or": (None, np.bitwise_or),
    "xor": (None, np.bitwise_xor),
    "not": (None, np.invert),
    "shift_left": (None, np.left_shift),
    "shift_right_arithmetic": (None, np.right_shift),
    "population_count": (None, np.bitwise_count),
}
OPERATIONS |= {name: entrywise(*functions) for name, functions in ENTRYWISE.items()}
OPERATIONS["round"] = _rounded


@operation("integer_pow")
def _integer_power(eqn: Any, x: np.ndarray) -> np.ndarray:
    y = int(eqn.params["y"])
    return as_array(_of_one(lambda z: z ** traced(y))(x)) if x.dtype == object else in_type(x**y, x.dtype)


@operation("clamp")
def _clamp(eqn: Any, low: np.ndarray, x: np.ndarray, high: np.ndarray) -> np.ndarray:
    return OPERATIONS["min"](eqn, OPERATIONS["max"](eqn, x, low), high)


@operation("stop_gradient", "copy", "copy_p", "device_put", "reduce_precision", "name", "sharding_constraint", "pvary")
def _same(eqn: Any, *inputs: np.ndarray) -> Any:
    return list(inputs) if len(eqn.outvars) > 1 else inputs[0]


@operation("optimization_barrier")
def _barrier(eqn: Any, *inputs: np.ndarray) -> list[np.ndarray]:
    return list(inputs)


@operation("convert_element_type")
def _converted(eqn: Any, x: np.ndarray) -> np.ndarray:
    kind = np.dtype(eqn.outvars[0].aval.dtype)
    if kind.kind == "c":
        raise Untraceable("complex numbers")
    if kind.kind in "iub":
        return in_type(np.frompyfunc(bool if kind.kind == "b" else int, 1, 1)(x), kind)
    return as_numbers(x)


@operation("select_n")
def _selected(eqn: Any, which: np.ndarray, *choices: np.ndarray) -> np.ndarray:
    if which.ndim == 0:
        return choices[int(which)]
    result = choices[0].copy()
    for k, choice in enumerate(choices[1:], 1):
        result[which == k] = choice[which == k]
    return result
