"""The door of divergences: probability vectors, measures, and tables beside them, over the same outcomes.

    law      [..., n]   probabilities that sum to 1 (floats: within 2 (n + 128) u)
    measure  [..., n]   numbers that are not negative, of any sum: unnormalized occupancies, parts of a law
    table    [..., n]   one finite number an outcome: a critic, logits, costs

All arguments of one call are in one arithmetic, see `equivalence.objectives.space`; leading axes broadcast.
"""

import operator
from typing import Any

import numpy as np

from equivalence.objectives.space import common_arithmetic
from mdps import InvalidArgument, InvalidModel, OutOfReach, scalars
from mdps.arguments import FACTORS_OF_A_LAW
from mdps.door import check_distribution


def checked_laws(**laws: Any) -> tuple[np.ndarray, ...]:
    """Probability vectors [..., n] over the same n outcomes, broadcast against each other.

    Errors: `InvalidArgument` for other shapes, NaN, negative probabilities, a wrong sum, floats beside exact numbers.
    """
    return checked_tables(laws=tuple(laws), **laws)


def checked_measures(**measures: Any) -> tuple[np.ndarray, ...]:
    """Measures [..., n] over the same n outcomes, broadcast against each other.

    Errors: `InvalidArgument` for other shapes, NaN, negative numbers, floats beside exact numbers.
    """
    return checked_tables(measures=tuple(measures), **measures)


def checked_tables(
    *, laws: tuple[str, ...] = (), measures: tuple[str, ...] = (), **arguments: Any
) -> tuple[np.ndarray, ...]:
    """Tables [..., n] over the same n outcomes, broadcast against each other, in the order given.

    `laws` and `measures` name those of them that have to be such.
    """
    arrays = common_arithmetic(**arguments)
    n = next(iter(arrays.values())).shape[-1:]
    for name, array in arrays.items():
        if n in ((), (0,)) or array.shape[-1:] != n:
            raise InvalidArgument(
                f"{name} has shape {array.shape}; expected [..., n] of the same outcomes, at least one, "
                f"as all of {', '.join(arrays)}"
            )
        if name in laws:
            check_law(name, array)
        if name in measures:
            check_measure(name, array)
    try:
        return tuple(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InvalidArgument(f"leading axes do not broadcast: {shapes}") from None


def check_law(name: str, array: np.ndarray) -> None:
    """Probabilities that sum to 1 along the last axis. Errors: `InvalidArgument`, with the law of a stack."""
    if scalars.level_of(array) == "carrier":
        return
    try:
        check_distribution(name, array, factors=FACTORS_OF_A_LAW)
    except InvalidModel as error:
        for index in np.ndindex(array.shape[:-1]):  # which law of the stack it is
            try:
                check_distribution(f"{name}{list(index)}" if index else name, array[index], factors=FACTORS_OF_A_LAW)
            except InvalidModel as of_one:
                raise InvalidArgument(str(of_one)) from None
        raise InvalidArgument(str(error)) from None


def check_measure(name: str, array: np.ndarray) -> None:
    """Numbers that are not negative. Errors: `InvalidArgument`, with the outcome."""
    if scalars.level_of(array) == "carrier":
        return
    negative = scalars.negative_mask(array)
    if negative.any():
        at = first(negative)
        raise InvalidArgument(f"{name}{at} is {array[tuple(at)]}, which is negative; expected a measure")


def first(mask: np.ndarray) -> list[int]:
    """The index of the first entry that holds."""
    return [int(i) for i in np.argwhere(mask)[0]]


def exceeds(x: Any, y: Any) -> np.ndarray:
    """Where x > y, decided. Errors: `OutOfReach` where balls overlap, or symbols leave it open."""
    x, y = np.broadcast_arrays(x, y)
    if x.dtype != object and y.dtype != object:
        return x > y
    found = np.empty(x.shape, dtype=bool)
    for index in np.ndindex(x.shape):
        a, b = x[index], y[index]
        if bool_of(a > b):
            found[index] = True
        elif bool_of(a <= b):
            found[index] = False
        else:
            raise OutOfReach(f"whether {a} exceeds {b} at {list(index)} is open; raise the precision, or go exact")
    return found


def bool_of(decision: Any) -> bool:
    """Whether a comparison is certainly true: of balls that overlap and of free symbols it is not."""
    return bool(decision is True or operator.eq(decision, True))  # sympy's true equals True and is not it


def in_range(value: np.ndarray, name: str, *, where: Any = True) -> np.ndarray:
    """The value where floats could hold it. Errors: `OutOfReach` for what overflowed, with the outcome."""
    value = np.asarray(value)
    if value.dtype != object:
        lost = ~np.isfinite(value) & where
        if lost.any():
            raise OutOfReach(f"{name}{first(lost) or ''} is beyond the floats; take balls or exact numbers")
    return value[()]
