"""Levels: the number types by name, and the conversion of arrays from one to another.

| level      | an array holds                                    | log 0                    |
|------------|---------------------------------------------------|--------------------------|
| `float`    | float64                                           | -inf                     |
| `ball`     | `flint.arb`                                       | `arb.neg_inf()`          |
| `exact`    | `flint.fmpq`, and `LogRational` for logarithms    | `LogRational.LOG_ZERO`   |
| `field`    | `FieldNumber`, and `LogField` for logarithms      | `LogField`, infinite     |
| `symbolic` | `sympy.Expr`                                      | `-sympy.oo`              |

An instance is born exact and converted downwards: to floats by correct rounding, to balls by enclosure at the current
precision, to the current finite field as known constants, to symbols as sympy numbers. Upwards, a float is the dyadic
number that it is. Types that ride on others (`Dual`, `Rounding`) belong to no level and pass through unchanged:
`level_of` says `carrier`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb, fmpq

from mdps.errors import InvalidArgument, OutOfReach
from mdps.scalars.elementary import entrywise, exp_of, log_of
from mdps.scalars.field import FieldNumber, LogField, current_field
from mdps.scalars.logs import LogRational
from mdps.scalars.rationals import dyadic, rational

LEVELS = ("float", "ball", "exact", "field", "symbolic")


def _is_symbolic(x: Any) -> bool:
    return type(x).__module__.startswith("sympy")


def _level_of_scalar(x: Any) -> str | None:
    """The level of one scalar; None for an int, which belongs to every level.

    Errors: `InvalidArgument` for what is no number here: None, text, a bool, a complex number.
    """
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        return None
    if isinstance(x, (float, np.floating)):
        return "float"
    if isinstance(x, arb):
        return "ball"
    if isinstance(x, (FieldNumber, LogField)):
        return "field"
    if isinstance(x, LogRational) or rational(x) is not None:
        return "exact"
    if _is_symbolic(x):
        return "symbolic"
    if isinstance(x, bool) or exp_of.dispatch(type(x)) is exp_of.dispatch(object):
        kind = type(x).__name__
        raise InvalidArgument(f"{x!r} ({kind}) is not a real number; expected floats, Fractions, fmpq, arb, sympy")
    return "carrier"


_LEVEL_OF_TYPE: dict[type, str | None] = {
    int: None,
    float: "float",
    fmpq: "exact",
    LogRational: "exact",
    arb: "ball",
    FieldNumber: "field",
    LogField: "field",
}


def _levels_of(array: np.ndarray) -> set[str | None]:
    """The levels of an object array's entries, looked up by type: None for integers."""
    levels: set[str | None] = set()
    unknown = set()
    for kind in set(map(type, array.flat)):
        if kind in _LEVEL_OF_TYPE:
            levels.add(_LEVEL_OF_TYPE[kind])
        else:
            unknown.add(kind)
    if unknown:
        levels |= {_level_of_scalar(x) for x in array.flat if type(x) in unknown}
    return levels


def level_of(array: np.ndarray) -> str:
    """The level of an array's numbers. Mixed levels are an `InvalidArgument`; integers alone are `float`."""
    if array.dtype != object:
        return "float"
    levels = _levels_of(array) - {None}
    if "carrier" in levels:
        return "carrier"
    if levels & {"symbolic", "field"}:
        levels -= {"exact"}
    if len(levels) > 1:
        kinds = ", ".join(sorted(map(str, levels)))
        raise InvalidArgument(f"numbers of different kinds in one array: {kinds}; choose one")
    return levels.pop() or "float" if levels else "float"


def _to_float(x: Any) -> float:
    number = rational(x)
    if number is not None:
        try:
            return int(number.p) / int(number.q)  # Python's division of integers rounds correctly
        except OverflowError:
            raise OutOfReach(f"a number of {int(number.p).bit_length()} bits is beyond the floats") from None
    if isinstance(x, arb):
        return float(x.mid())
    return float(x)


def _to_exact(x: Any) -> Any:
    if type(x) is fmpq:
        return x
    number = rational(x)
    if number is not None:
        return number
    if isinstance(x, (float, np.floating)):
        if np.isinf(x) and x < 0:
            return LogRational.LOG_ZERO
        if not np.isfinite(x):
            raise InvalidArgument(f"{x} is not a number that has an exact value")
        return dyadic(float(x))
    if isinstance(x, LogRational):
        return x
    raise OutOfReach(f"{x!r} of type {type(x).__name__} has no exact rational value")


def _to_ball(x: Any) -> arb:
    if isinstance(x, arb):
        return x
    exact = _to_exact(x)
    return exact.arb() if isinstance(exact, LogRational) else arb(exact)


def _to_field(x: Any) -> Any:
    if isinstance(x, (FieldNumber, LogField)):
        return x
    field = current_field()
    exact = _to_exact(x)
    if not isinstance(exact, LogRational):
        return field.constant(exact)
    if exact == LogRational.LOG_ZERO:
        return LogField(field, {}, True)
    total = LogField(field, {})
    for base, coefficient in exact.terms.items():
        total = total + log_of(field.constant(base)) * coefficient
    return field.constant(exact.constant) + total


def _to_symbol(x: Any) -> Any:
    if _is_symbolic(x):
        return x
    from mdps.scalars import symbols

    exact = _to_exact(x)
    return symbols.from_log(exact) if isinstance(exact, LogRational) else symbols.from_rational(exact)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "float": _to_float,
    "ball": _to_ball,
    "exact": _to_exact,
    "field": _to_field,
    "symbolic": _to_symbol,
}


def convert(array: Any, level: str) -> np.ndarray:
    """The array with its numbers at another level.

    Errors: `InvalidArgument` for an unknown level or a number that is none (NaN, inf); `OutOfReach` where the number
    has no value there (a ball has no exact value).
    """
    if level not in _CONVERSIONS:
        raise InvalidArgument(f"level {level!r} is unknown; expected one of {', '.join(LEVELS)}")
    array = np.asarray(array)
    if level == "float":
        if array.dtype != object:
            return np.asarray(array, dtype=float)
        return entrywise(_to_float)(array).astype(float)
    if array.dtype != object:
        array = array.astype(object)
    return entrywise(_CONVERSIONS[level])(array)


def constant(n: int, like: np.ndarray) -> Any:
    """The integer n in the arithmetic of an array."""
    if like.dtype != object:
        return float(n)
    level = next((level for x in like.flat if (level := _level_of_scalar(x))), "carrier")
    return n if level == "carrier" else _CONVERSIONS[level](n)


def log_zero(like: np.ndarray) -> Any:
    """Minus infinity, as the logarithm of 0 in the arithmetic of an array."""
    if like.dtype != object:
        return -np.inf
    level = next((level for x in like.flat if (level := _level_of_scalar(x))), "carrier")
    if level == "ball":
        return arb.neg_inf()
    if level == "exact":
        return LogRational.LOG_ZERO
    if level == "field":
        return LogField(current_field(), {}, True)
    if level == "symbolic":
        from mdps.scalars import symbols

        return symbols.LOG_ZERO
    return -np.inf


def zero_mask(array: np.ndarray) -> np.ndarray:
    """Which entries are exactly 0. A ball that contains 0 and other numbers is `OutOfReach`: nobody can tell."""
    if array.dtype != object:
        return array == 0
    if set(map(type, array.flat)) <= {int, fmpq}:
        return np.asarray(array == 0, dtype=bool)

    def is_zero(x: Any) -> bool:
        if isinstance(x, arb):
            if x.contains(0) and not x == 0:
                raise OutOfReach(
                    f"the ball {x} contains 0 and other numbers: whether it is 0 is open; raise the precision"
                )
            return bool(x == 0)
        if _is_symbolic(x):
            return x.is_zero is True
        return bool(x == 0)

    return entrywise(is_zero)(array).astype(bool)


def finite_mask(array: np.ndarray) -> np.ndarray:
    """Which entries are finite numbers: neither infinite, nor a log 0, nor nan."""
    if array.dtype != object:
        return np.isfinite(array)

    def is_finite(x: Any) -> bool:
        if isinstance(x, arb):
            return x.is_finite()
        if isinstance(x, LogRational):
            return x != LogRational.LOG_ZERO
        if isinstance(x, LogField):
            return not x.infinite
        if _is_symbolic(x):
            return x.is_finite is not False
        return not isinstance(x, (float, np.floating)) or bool(np.isfinite(x))

    return entrywise(is_finite)(array).astype(bool)


def negative_mask(array: np.ndarray) -> np.ndarray:
    """Which entries are certainly negative (a free symbol or field number is not)."""
    if array.dtype != object:
        return array < 0
    if set(map(type, array.flat)) <= {int, fmpq}:
        return np.asarray(array < 0, dtype=bool)

    def is_negative(x: Any) -> bool:
        if isinstance(x, LogField):
            return False
        if isinstance(x, FieldNumber):
            return x.constant is not None and bool(x.constant < 0)
        return x.is_negative is True if _is_symbolic(x) else bool(x < 0)

    return entrywise(is_negative)(array).astype(bool)


def exact_fraction(x: Any) -> fmpq:
    """A rational number of any exact type, or a float as the dyadic number that it is, as an fmpq."""
    number = _to_exact(x)
    if isinstance(number, LogRational):
        value = number.rational()
        if value is None:
            raise OutOfReach(f"{number} is irrational")
        return value
    return number
