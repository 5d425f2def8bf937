"""Exact models from float models: floats read as the rational numbers that they stand for.

A row of floats sums to 1 only within some 2^-53. Taken as the dyadic numbers that its entries are, it would
refute true theorems, so a float model is made exact before anything is proved on it. With u = 2^-53 and n
non-zero entries x,

    row           each x becomes the simplest rational r with |r - x| <= 4 n u x, if those sum to 1 exactly
                  (0.333... is 1/3); otherwise x / sum x, exactly, of the dyadic numbers that they are
    discount      the simplest rational within 4 u x (0.9 is 9/10), but 1 only if it is 1
    final value   the dyadic number that it is: no equation binds it

Zeros stay 0 and what is positive stays positive, so actions and terminal states are those of the float model.
Whatever changed is said in `changes`.

The simplest rational of an interval is the one of smallest denominator (and of those the one nearest 0). It
is where the walk down the Stern-Brocot tree first enters the interval, and the continued fractions of the two
ends spell that walk: follow their common quotients, and end with the smallest integer between the rest.

Cost: linear in the non-zero entries; equal floats are read once.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from mdps import scalars
from mdps.door import UNIT_ROUNDOFF
from mdps.errors import InvalidArgument
from mdps.kernels import Sparse
from mdps.model import MDP
from mdps.scalars.levels import exact_fraction
from mdps.scalars.rationals import dyadic

ZERO, ONE = fmpq(0), fmpq(1)
UNIT = dyadic(UNIT_ROUNDOFF)


class Reading(NamedTuple):
    """What reading rows of floats changed.

    simple   the number of rows that changed by being read as simple rationals
    divided  the number of rows that changed by being divided by their exact sums
    largest  the largest relative change |r - x| / x of an entry
    example  a float and the rational that it was read as, where there is one
    """

    simple: int
    divided: int
    largest: fmpq
    example: tuple[float, fmpq] | None


def simplest_rational(low: Any, high: Any) -> fmpq:
    """The rational of smallest denominator in [low, high], and of those the one nearest 0.

    The ends are exact numbers, or floats as the dyadic numbers that they are.

    >>> simplest_rational(0.333, 0.334), simplest_rational(3.14159, 3.1416)
    (1/3, 355/113)
    """
    low, high = exact_fraction(low), exact_fraction(high)
    if low > high:
        raise InvalidArgument(f"the interval [{low}, {high}] is empty; expected low <= high")
    if high < 0:
        return -simplest_rational(-high, -low)
    if low <= 0:
        return ZERO
    (a, b), (c, d) = ((int(x.p), int(x.q)) for x in (low, high))
    p, q, p_before, q_before = 1, 0, 0, 1  # the last two convergents p/q of the common quotients
    while True:
        quotient, rest = divmod(a, b)
        if rest == 0 or (quotient + 1) * d <= c:
            last = quotient if rest == 0 else quotient + 1
            return fmpq(last * p + p_before, last * q + q_before)
        p, q, p_before, q_before = quotient * p + p_before, quotient * q + q_before, p, q
        # What is left of the ends, and its reciprocals, which swaps them.
        a, b, c, d = d, c - quotient * d, b, rest


@lru_cache(maxsize=2**16)
def simplest_near(x: float, units: int = 4) -> fmpq:
    """The simplest rational within `units` u |x| of a finite float x; integers are themselves.

    >>> simplest_near(0.9), simplest_near(-1 / 3), simplest_near(1e17)
    (9/10, -1/3, 100000000000000000)
    """
    value = dyadic(x)
    if value.q == 1:
        return value
    slack = units * UNIT * abs(value)
    return simplest_rational(value - slack, value + slack)


def exact_discount(gamma: float) -> fmpq:
    """The discount that a float stands for. Just below 1 is not 1: that would be another kind of problem."""
    simple = simplest_near(float(gamma))
    return dyadic(gamma) if simple == 1 else simple


def exact_rows(rows: np.ndarray) -> tuple[np.ndarray, Reading]:
    """Rows [..., n] of floats that sum to 1 within rounding, as rows that sum to 1 exactly; zeros stay."""
    flat = rows.reshape(-1, rows.shape[-1])
    support = flat != 0
    row = np.nonzero(support)[0]
    if not len(row):
        return np.full(rows.shape, ZERO, dtype=object), Reading(0, 0, ZERO, None)
    _, first, row, entries = np.unique(row, return_index=True, return_inverse=True, return_counts=True)
    floats = flat[support].tolist()
    given = _objects(map(dyadic, floats))
    simple = _objects(map(simplest_near, floats, (4 * entries[row]).tolist()))
    summing = np.asarray(np.add.reduceat(simple, first) == 1, dtype=bool)
    exact = np.where(summing[row], simple, given)
    if not summing.all():
        loose = ~summing[row]
        exact[loose] = given[loose] / np.add.reduceat(given, first)[row[loose]]
    result = np.full(flat.shape, ZERO, dtype=object)
    result[support] = exact
    return result.reshape(rows.shape), _reading(floats, given, exact, row, summing)


def _objects(numbers: Any) -> np.ndarray:
    return np.array(list(numbers), dtype=object)


def _reading(floats: list, given: np.ndarray, exact: np.ndarray, row: np.ndarray, summing: np.ndarray) -> Reading:
    at = np.flatnonzero(np.asarray(exact != given, dtype=bool))
    if not len(at):
        return Reading(0, 0, ZERO, None)
    changed = np.unique(row[at])
    simple = int(summing[changed].sum())
    largest = max(abs(exact[i] / given[i] - 1) for i in at.tolist())
    example = next(((floats[i], exact[i]) for i in at.tolist() if summing[row[i]]), None)
    return Reading(simple, len(changed) - simple, largest, example)


def exact_distribution(row: Any) -> np.ndarray:
    """One probability vector [n] (or rows [..., n]: a policy, a law) in exact numbers that sum to 1.

    Exact numbers are kept. Rows of zeros, such as a policy's at terminal states, stay zeros.

    Errors: `InvalidArgument` for numbers that are no probabilities, and for a sum that is off by more than
    the rounding of n entries that are products of up to 128 factors: to divide by the sum is then no reading.

    >>> exact_distribution([0.2, 0.7, 0.1])
    array([1/5, 7/10, 1/10], dtype=object)
    """
    array = np.asarray(row)
    if array.dtype == object or array.dtype.kind in "iu":
        array = scalars.convert(array, "exact")
        wrong = np.asarray(array.sum(axis=-1) != 1, dtype=bool)
    else:
        array = np.asarray(array, dtype=float)
        wrong = ~(np.abs(array.sum(axis=-1) - 1) <= 2 * (array.shape[-1] + 128) * UNIT_ROUNDOFF)
    wrong &= np.asarray(array != 0, dtype=bool).any(axis=-1)
    if wrong.any() or np.asarray(array < 0, dtype=bool).any():
        sums = np.atleast_1d(array.sum(axis=-1))[np.atleast_1d(wrong)]
        found = f"a row sums to {sums[0]}" if len(sums) else "an entry is negative"
        raise InvalidArgument(f"{found}; expected probabilities that sum to 1. mdps.normalized(...) divides by the sum")
    return array if array.dtype == object else exact_rows(array)[0]


def said(name: str, reading: Reading) -> tuple[str, ...]:
    """What a reading changed, as a sentence for `MDP.changes`; none where nothing changed."""
    parts = []
    if reading.example is not None:
        x, r = reading.example
        parts.append(f"{_rows(reading.simple)} read as simple rationals (such as {x!r} as {r})")
    if reading.divided:
        parts.append(f"{_rows(reading.divided)} divided by the exact sum")
    if not parts:
        return ()
    change = int(reading.largest.p) / int(reading.largest.q)
    return (f"{name}: {' and '.join(parts)}; the largest relative change of a number is {change:.1e}",)


def _rows(n: int) -> str:
    return f"{n} row{'s were' if n > 1 else ' was'}"


def discount_said(given: Any, gamma: fmpq) -> tuple[str, ...]:
    """A changed discount, as a sentence for `MDP.changes`."""
    return () if exact_fraction(given) == gamma else (f"discount {float(given)!r} was read as {gamma}",)


def exact_model(mdp: MDP) -> MDP:
    """The exact model that a float model stands for, with what that changed in `changes`.

    Errors: `InvalidArgument` for a sparse model.
    """
    if mdp.level != "float":
        return mdp.to("exact")
    if isinstance(mdp.kernel, Sparse):
        raise InvalidArgument("a sparse model is float64 alone; build a dense one to make it exact")
    transition, of_transition = exact_rows(mdp.transition)
    initial, of_initial = exact_rows(mdp.initial)
    discount = exact_discount(mdp.discount)
    changes = (
        *mdp.changes,
        *said("transition", of_transition),
        *said("initial", of_initial),
        *discount_said(mdp.discount, discount),
    )
    return MDP(
        transition,
        initial,
        horizon=mdp.horizon,
        discount=discount,
        final_value=scalars.convert(mdp.final_value, "exact"),
        changes=changes,
    )
