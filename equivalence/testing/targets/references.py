"""What references are made of: functions that have an answer for some arguments only, and roots that ride on floats.

Entropies have a road of their own. Of a float p = 1, which is not rounded, log p = 0 and -p log p = 0, and nothing
is allowed. But probabilities are quotients, weights by their sum, as whoever normalizes them again computes them: then
1 is rounded as any quotient is, and the entropy of what is certain is off by that much. (Distributions of torch do, and
keep p an ulp from 1.)
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from mdps import InvalidArgument, InvalidModel, OutOfReach, scalars


def where_defined(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, out of reach where it refuses its arguments: an instance without an answer asks nothing."""

    @wraps(function)
    def asked(*given: Any, **values: Any) -> Any:
        try:
            return function(*given, **values)
        except (InvalidArgument, InvalidModel) as error:
            raise OutOfReach(f"it has no answer: {error}") from error

    return asked


def named(function: Callable[..., Any], **names: str) -> Callable[..., Any]:
    """The function, out of reach where it refuses, whose arguments have other names here: here="there"."""

    def asked(**values: Any) -> Any:
        return function(**{names.get(name, name): x for name, x in values.items()})

    return where_defined(asked)


def part_of(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """One field of the named tuple that a function returns."""
    return lambda **values: getattr(function(**values), name)


def normalized_again(probabilities: Any) -> np.ndarray:
    """w / sum w along the last axis for the weights w = p / 3, which no type of floats has; rows of zeros stay."""
    weights = np.asarray(probabilities) / 3
    sums = weights.sum(axis=-1, keepdims=True)
    return scalars.over(~scalars.zero_mask(sums), np.divide, weights, sums, otherwise=scalars.constant(0, weights))


def entropy_of_quotients(weights: Any) -> Any:
    """-sum p log p along the last axis, p = w / sum w."""
    law = normalized_again(weights)
    zero = scalars.constant(0, law)
    return -scalars.over(~scalars.zero_mask(law), lambda p: p * scalars.log(p), law, otherwise=zero).sum(axis=-1)


def whole_number(x: Any) -> int:
    """A whole number from one in any arithmetic.

    >>> from flint import arb, fmpq
    >>> whole_number(arb(3)), whole_number(fmpq(2)), whole_number(1.0)
    (3, 2, 1)
    """
    known = getattr(x, "constant", None)  # of a finite field
    return round(float(scalars.convert(np.asarray(_value(x) if known is None else known, dtype=object), "float")))


def whole_numbers(array: Any) -> tuple[int, ...]:
    """Whole numbers from those of an array in any arithmetic."""
    return tuple(map(whole_number, np.asarray(array, dtype=object)))


def rides_on_floats(*arrays: Any) -> bool:
    """Whether numbers carry floats and something besides, such as their place on a rounding tape."""
    return any(scalars.level_of(np.asarray(array)) == "carrier" for array in arrays)


def values_of(array: Any) -> np.ndarray:
    """The floats that such numbers carry."""
    return np.asarray(np.frompyfunc(_value, 1, 1)(np.asarray(array, dtype=object)), dtype=float)


def _value(x: Any) -> Any:
    while hasattr(x, "value"):
        x = x.value
    return x


def newton_step(solution: np.ndarray, slope: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """One step from a root that was found in floats, in numbers that ride on them: first derivatives come along.

    solution [k]; slope [k] there, in those numbers; hessian [k, k] in floats. Directions without curvature stay.
    """
    inverse: Any = np.linalg.pinv(hessian)
    return solution - (inverse * slope).sum(axis=-1)
