"""Log-sum-exp of floats: masks, memory and range. What it is over other numbers, the tests of solvers show."""

import math
from fractions import Fraction

import numpy as np
import pytest

from mdps import scalars
from mdps.scalars import log_normalized, logsumexp
from mdps.scalars.rounding import Tape

RNG = np.random.default_rng(0)
X = 5 * RNG.normal(size=(6, 7, 4))
MASK = RNG.random(X.shape) < 0.6
MASK[2] = MASK[:, 3] = False
MASK[0, 0] = True
MEMORY_ORDERS = [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)]


def stored(x, order) -> np.ndarray:
    """The same array in another memory order."""
    return np.array(x.transpose(order), order="C").transpose(np.argsort(order))


def rounding_of(function, x) -> np.ndarray:
    tape = Tape()
    return tape.bound(function(tape.leaves(x, exact=True)))


@pytest.mark.parametrize("order", MEMORY_ORDERS)
@pytest.mark.parametrize("overwrite", [False, True])
def test_entries_that_take_no_part_are_as_if_absent(order, overwrite):
    otherwise = np.arange(42.0).reshape(6, 7)
    x = stored(X, order)
    log_total, probabilities = log_normalized(x, where=MASK, otherwise=otherwise, overwrite=overwrite)
    assert (probabilities[~MASK] == 0).all()
    assert (logsumexp(X, where=MASK, otherwise=otherwise) == log_total).all()
    for index in np.ndindex(6, 7):
        present = X[index][MASK[index]]
        if not len(present):
            assert log_total[index] == otherwise[index]
            continue
        own_log_total, own = log_normalized(present)
        off = np.abs(probabilities[index][MASK[index]] - own)
        assert np.abs(log_total[index] - own_log_total) <= 2 * rounding_of(logsumexp, present)
        assert (off <= 2 * rounding_of(lambda x: log_normalized(x)[1], present)).all()


@pytest.mark.parametrize("order", MEMORY_ORDERS)
def test_memory_is_reused_where_that_is_allowed_and_only_there(order):
    for where in (True, MASK):
        x = stored(X, order)
        _, kept = log_normalized(x, where=where, otherwise=0.0)
        assert (x == X).all()
        assert kept.strides == x.strides
        _, reused = log_normalized(x, where=where, otherwise=0.0, overwrite=True)
        assert np.shares_memory(reused, x)
        assert (reused == kept).all()


@pytest.mark.parametrize("axes", [0, 1, 2, (0, 2), (1, 2), (0, 1, 2)])
def test_sums_over_several_axes(axes):
    flat = np.moveaxis(X, axes, range(-len(np.atleast_1d(axes)), 0))
    flat = flat.reshape(*flat.shape[: 3 - len(np.atleast_1d(axes))], -1)
    result = logsumexp(X, axis=axes)
    for index in np.ndindex(flat.shape[:-1]):
        exact = math.log(math.fsum(map(math.exp, flat[index])))
        assert abs(result[index] - exact) <= 2 * rounding_of(logsumexp, flat[index])


def test_no_overflow_and_no_underflow():
    for shift in (-1e5, 0.0, 1e5):
        log_total, probabilities = log_normalized(np.array([0.0, math.log(3.0)]) + shift)
        assert abs(log_total - shift - math.log(4.0)) <= 4 * 2.0**-53 * (abs(shift) + 2)
        assert np.abs(probabilities - [0.25, 0.75]).max() <= 4 * 2.0**-53 * (abs(shift) + 2)


def test_log_zero_takes_part_with_weight_zero():
    log_zero = float("-inf")
    assert logsumexp(np.array([log_zero, 0.0])) == 0
    assert logsumexp(np.array([log_zero, log_zero])) == log_zero
    assert log_normalized(np.array([log_zero, 2.0]))[1].tolist() == [0, 1]
    assert logsumexp(np.array([[1.0, log_zero]]), where=[[False, True]], otherwise=7.0).tolist() == [log_zero]


def test_integers_are_numbers():
    assert logsumexp(np.array([0, 0])) == np.log(2.0)


def test_the_same_over_exact_numbers():
    weights = np.array([[Fraction(1, 2), Fraction(3, 2)], [5, 7]], dtype=object)
    mask = np.array([[True, True], [False, False]])
    otherwise = scalars.log(np.array([Fraction(1), Fraction(9)], dtype=object))
    log_total, probabilities = log_normalized(scalars.log(weights), where=mask, otherwise=otherwise)
    assert (scalars.exp(log_total) == [2, 9]).all()
    assert probabilities[0, 0] * 4 == 1
    assert probabilities[0, 1] * 4 == 3
    assert (probabilities[1] == 0).all()
