"""Does the library say what the independent enumeration says, at every level? Nobody types a tolerance.

    float   |x - truth| <= the bound that a `Tape` derives for the very formula on the very instance, rounding of the
            inputs included; the truth is a ball of 300 bits around the exact instance
    ball    the library's ball and that of the enumeration overlap, and both are thin
    exact   the same number; or `OutOfReach`, where the arithmetic cannot express it

`None` in a table of truths stands for log 0.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from flint import arb

from enumeration import BITS
from mdps import MDP, OutOfReach, scalars
from mdps.scalars.balls import precision
from mdps.scalars.rounding import Tape

THIN = arb(2) ** -150


def array(table: Mapping[tuple[int, ...], Any], shape: tuple[int, ...]) -> np.ndarray:
    """A table of entries as an array, 0 where it has none."""
    filled = np.full(shape, 0, dtype=object)
    for index, value in table.items():
        filled[index] = value
    return filled


def objects(nested: Any) -> np.ndarray:
    """Nested lists of numbers as an object array."""
    filled = np.empty(_shape(nested), dtype=object)
    for index in np.ndindex(filled.shape):
        entry = nested
        for i in index:
            entry = entry[i]
        filled[index] = entry
    return filled


def _shape(nested: Any) -> tuple[int, ...]:
    return (len(nested), *_shape(nested[0])) if isinstance(nested, (list, tuple)) else ()


def at(level: str, value: Any) -> Any:
    """An exact argument at a level; what holds no numbers stays."""
    if isinstance(value, MDP):
        return value.to(level)
    return scalars.convert(value, level)[()] if _is_numeric(value) else value


def on_tape(tape: Tape, value: Any) -> Any:
    """An exact argument as its float value, recorded."""
    if isinstance(value, MDP):
        return value.with_numbers(tape.leaves, "carrier")
    return tape.leaves(value)[()] if _is_numeric(value) else value


def stacked(tables: list[Any]) -> Any:
    """Arrays, or tuples of arrays, with a leading axis over the list."""
    if isinstance(tables[0], tuple):
        return tuple(stacked([table[i] for table in tables]) for i in range(len(tables[0])))
    return np.stack([np.asarray(table, dtype=object) for table in tables])


def _is_numeric(value: Any) -> bool:
    return np.asarray(value).dtype.kind in "iufO"


def margin(function: Callable[..., Any], truth: Any, *exact: Any) -> float:
    """The largest distance of float64 from the truth, in units of the derived bound; inf for another shape."""
    with np.errstate(all="ignore"):
        floats = function(*(at("float", x) for x in exact))
    tape = Tape()
    recorded = function(*(on_tape(tape, x) for x in exact))
    largest = 0.0
    for x, y, z in zip(_shaped(floats), _shaped(recorded), _shaped(truth), strict=True):
        if x.shape != z.shape or y.shape != z.shape or x.dtype != np.float64:
            return np.inf
        bounds = tape.bound(y).ravel()
        for number, bound, true in zip(x.ravel(), bounds, z.ravel(), strict=True):
            largest = max(largest, _distance(float(number), true, float(bound)))
    return largest


def _shaped(result: Any) -> list[np.ndarray]:
    return [np.asarray(x) for x in (result if isinstance(result, tuple) else (result,))]


def _distance(number: float, true: Any, bound: float) -> float:
    if true is None:
        return 0.0 if number == -np.inf else np.inf
    if not np.isfinite(number):
        return np.inf
    with precision(BITS):
        distance = float(abs(arb(number) - true).lower())
    if distance <= 0.0:
        return 0.0
    return distance / bound if bound > 0.0 else np.inf


def assert_agrees(function: Callable[..., Any], truth: Any, *exact: Any, bits: int = BITS) -> None:
    """Floats are within the derived bound, and balls overlap; `truth` are balls of the exact arguments."""
    with precision(bits):
        balls = function(*(at("ball", x) for x in exact))
        for x, z in zip(_shaped(balls), _shaped(truth), strict=True):
            assert x.shape == z.shape
            for index in np.ndindex(z.shape):
                _assert_ball(x[index], z[index], index)
    largest = margin(function, truth, *exact)
    assert largest <= 1, f"floats are off by {largest} times the derived bound"


def _assert_ball(ball: Any, true: Any, index: tuple[int, ...]) -> None:
    if true is None:
        assert ball == arb.neg_inf(), f"at {index}: {ball}, expected log 0"
        return
    ball, true = arb(ball), arb(true)
    assert ball.overlaps(true), f"at {index}: {ball}, by enumeration {true}"
    for x in (ball, true):
        assert arb(x.rad()) < THIN * (1 + abs(x)), f"at {index}: the ball {x} says too little"


def overlap(balls: Any, others: Any) -> bool:
    """Whether two arrays of thin balls have a number in common everywhere."""
    balls, others = np.asarray(balls), np.asarray(others)
    for index in np.ndindex(others.shape):
        _assert_ball(balls[index], others[index], index)
    return balls.shape == others.shape


def assert_equals(function: Callable[..., Any], truth: Callable[[Any], Any], *exact: Any) -> bool:
    """Exact numbers are those of the enumeration; False where both are out of reach of exact arithmetic.

    Where the library says `OutOfReach`, the enumeration must meet an irrational number, too.
    """
    try:
        result = function(*exact)
    except OutOfReach:
        try:
            truth(exact)
        except ArithmeticError:
            return False
        raise
    for x, z in zip(_shaped(result), _shaped(truth(exact)), strict=True):
        assert x.shape == z.shape
        for index in np.ndindex(z.shape):
            expected = scalars.LogRational.LOG_ZERO if z[index] is None else z[index]
            assert x[index] == expected, f"at {index}: {x[index]}, by enumeration {expected}"
    return True
