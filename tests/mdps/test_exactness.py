"""Floats are read as the rationals that they stand for, and rows of them sum to 1 exactly."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
import scipy.sparse
from flint import fmpq
from hypothesis import given, strategies as st

from mdps import MDP, InvalidArgument
from mdps.exactness import exact_discount, exact_distribution, exact_rows, simplest_near, simplest_rational

UNIT = Fraction(1, 2**53)


def fraction(x):
    assert isinstance(x, fmpq)
    return Fraction(int(x.p), int(x.q))


def fractions(array):
    return [fraction(x) for x in array.flat]


def simplest_by_search(low, high):
    """The first denominator that has a numerator in the interval, and the smallest of its numerators."""
    q = 1
    while ceil(low * q) > floor(high * q):
        q += 1
    return Fraction(min(range(ceil(low * q), floor(high * q) + 1), key=abs), q)


rationals = st.fractions(min_value=-3, max_value=3, max_denominator=60)


@given(rationals, rationals)
def test_simplest_rational_is_the_first_found(x, y):
    low, high = sorted((x, y))
    assert fraction(simplest_rational(low, high)) == simplest_by_search(low, high)


def test_simplest_rational_contains_its_ends():
    third, half = Fraction(1, 3), Fraction(1, 2)
    assert fraction(simplest_rational(third, third)) == third
    assert fraction(simplest_rational(Fraction(3, 10), third)) == third
    assert fraction(simplest_rational(half, Fraction(51, 100))) == half
    assert fraction(simplest_rational(Fraction(1, 1000), 1)) == 1
    assert fraction(simplest_rational(0, half)) == 0
    assert fraction(simplest_rational(0.5, 0.5)) == half


def test_an_empty_interval_is_an_error():
    with pytest.raises(InvalidArgument, match="empty"):
        simplest_rational(Fraction(1, 2), Fraction(1, 3))


def test_every_fraction_up_to_a_thousandth_is_read_back():
    for q in range(1, 1001):
        for p in {1, q // 3, q // 2 + 1, q - 1, q} - {0}:
            assert fraction(simplest_near(p / q)) == Fraction(p, q)
            assert fraction(simplest_near(-p / q)) == -Fraction(p, q)


def test_integers_are_themselves():
    for x in (0.0, 7.0, -1e17, 2.0**80):
        assert fraction(simplest_near(x)) == int(x)


@given(st.floats(min_value=1e-300, max_value=1e6))
def test_the_reading_is_near_and_no_less_simple(x):
    reading = fraction(simplest_near(x))
    assert abs(reading - Fraction(x)) <= 4 * UNIT * Fraction(x)
    assert reading.denominator <= Fraction(x).denominator


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(any))
def test_rows_of_counts_over_their_sum_are_read_back(counts):
    total = sum(counts)
    row, reading = exact_rows(np.array([[k / total for k in counts]]))
    assert fractions(row) == [Fraction(k, total) for k in counts]
    assert reading.divided == 0


@pytest.mark.parametrize("n", [1, 2, 3, 7, 50])
def test_rows_without_simple_rationals_are_divided_by_their_exact_sum(n):
    rows = np.random.default_rng(n).dirichlet(np.ones(n), size=200)
    rows[:, 0] += 1 - rows.sum(axis=1)
    rows[3] = 0
    exact, reading = exact_rows(rows)
    for given_row, row in zip(rows.tolist(), exact, strict=True):
        total = sum(map(Fraction, given_row))
        assert sum(fractions(row)) == (1 if total else 0)
        assert [x == 0 for x in fractions(row)] == [x == 0 for x in given_row]
        for x, y in zip(given_row, fractions(row), strict=True):
            assert abs(y - Fraction(x)) <= 4 * n * UNIT * Fraction(x)
            # A sum of 1 may have come from simple rationals, which only n <= 2 finds in random numbers.
            assert n <= 2 or not total or y == Fraction(x) / total
    changed = [row for row in rows.tolist() if sum(map(Fraction, row)) not in (0, 1)]
    if n > 2:
        assert (reading.simple, reading.divided) == (0, len(changed))
        assert fraction(reading.largest) == max(abs(1 / sum(map(Fraction, row)) - 1) for row in changed)


def test_a_row_is_read_within_four_roundings_for_each_entry():
    ulp = 2.0**-54  # of a third, so that 8 ulps are 12 u x and 9 are more
    for steps, third_is_read in [(1, True), (4, True), (7, True), (9, False)]:
        row = [1 / 3 + steps * ulp, 1 / 3 - steps * ulp, 1 / 3]
        (exact,), _ = exact_rows(np.array([row]))
        assert (fractions(exact) == [Fraction(1, 3)] * 3) == third_is_read
        assert sum(fractions(exact)) == 1


def test_a_tiny_probability_stays_positive():
    for tiny in (5e-324, 1e-300, 2.0**-60):
        (row,), _ = exact_rows(np.array([[1.0, tiny, 0.0]]))
        big, small, none = fractions(row)
        assert small > 0
        assert none == 0
        assert big == 1 - small


def test_readings_count_the_rows_that_changed():
    rows = np.array([[1 / 3, 2 / 3, 0], [0.5, 0.5, 0], [0, 0, 0], [0.1, 0.2, 0.7], [2**-54, 1 - 2**-53, 0]])
    exact, reading = exact_rows(rows)
    assert (reading.simple, reading.divided) == (2, 1)
    assert reading.example is not None
    assert reading.example[0] == 1 / 3
    assert fraction(reading.example[1]) == Fraction(1, 3)
    assert fractions(exact[1]) == [Fraction(1, 2), Fraction(1, 2), 0]
    assert fractions(exact[4])[:2] == [Fraction(1, 2**54 - 1), Fraction(2**54 - 2, 2**54 - 1)]


def coin(p=1 / 3, **options):
    transition = [[[0.0, p, 1 - p], [1.0, 0, 0]], [[0, 0, 0], [0, 0, 0]], [[0.1, 0.2, 0.7], [0, 0, 0]]]
    return MDP(transition, [0.1, 0.9, 0], **{"horizon": 3, "discount": 0.9, "final_value": [0.1, 0, -2]} | options)


def test_an_exact_model():
    mdp = coin()
    exact = mdp.to("exact")
    assert exact.level == "exact"
    assert fractions(exact.transition[0, 0]) == [0, Fraction(1, 3), Fraction(2, 3)]
    assert fractions(exact.transition[2, 0]) == [Fraction(1, 10), Fraction(1, 5), Fraction(7, 10)]
    assert fractions(exact.initial) == [Fraction(1, 10), Fraction(9, 10), 0]
    assert fraction(exact.discount) == Fraction(9, 10)
    assert fractions(exact.final_value) == [Fraction(0.1), 0, -2]
    assert (exact.available == mdp.available).all()
    assert (exact.terminal == mdp.terminal).all()
    assert exact.horizon == 3
    transition, initial, discount = exact.changes
    assert transition.startswith("transition: 2 rows were read as simple rationals (such as 0.333")
    assert "as 1/3" in transition
    assert initial.startswith("initial: 1 row was read as simple rationals (such as 0.1 as 1/10)")
    assert discount == "discount 0.9 was read as 9/10"


def test_a_model_whose_floats_are_exact_is_not_said_to_change():
    exact = coin(p=0.25, discount=0.5).to("exact")
    assert len(exact.changes) == 2  # the row of tenths, and the initial law
    mdp = MDP([[[0.25, 0.75], [0, 0]], [[0, 1.0], [0.5, 0.5]]], [1.0, 0], horizon=1)
    assert mdp.to("exact").changes == ()


def test_the_changes_before_are_kept():
    assert coin(changes=("rounded by hand",)).to("exact").changes[0] == "rounded by hand"


def test_division_is_said_with_the_largest_change():
    row = [0.1234567890123456, 1 - 0.1234567890123456 - 2.0**-53]
    total = sum(map(Fraction, row))
    assert total != 1
    exact = MDP([[row], [[0, 1.0]]], [1.0, 0], horizon=1).to("exact")
    change = f"{float(abs(1 / total - 1)):.1e}"
    assert exact.changes == (
        f"transition: 1 row was divided by the exact sum; the largest relative change of a number is {change}",
    )
    assert fractions(exact.transition[0, 0]) == [Fraction(x) / total for x in row]


def test_a_discount_below_1_stays_below_1():
    assert fraction(exact_discount(1 - 2.0**-53)) == 1 - UNIT
    assert [fraction(exact_discount(x)) for x in (1.0, 0.0, 0.99)] == [1, 0, Fraction(99, 100)]
    assert coin(horizon=None, discount=1 - 2.0**-53).to("exact").discount < 1


def test_a_stack_is_read_model_by_model():
    singles = [coin(p) for p in (1 / 3, 0.25, 0.1234567890123456)]
    stack = MDP(
        np.stack([m.transition for m in singles]),
        np.stack([m.initial for m in singles]),
        horizon=3,
        discount=0.9,
        final_value=singles[0].final_value,
    ).to("exact")
    for i, mdp in enumerate(singles):
        single = mdp.to("exact")
        assert (stack.transition[i] == single.transition).all()
        assert (stack.initial[i] == single.initial).all()
        assert (stack.final_value[i] == single.final_value).all()


def test_the_way_down_and_up_again():
    exact = coin().to("exact")
    assert exact.to("exact") is exact
    assert exact.to("float").to("exact").equals(exact)
    assert np.array_equal(coin().to("exact").to("float").initial, coin().initial)
    ball = coin().to("ball")
    assert ball.level == "ball"
    assert ball.transition[0, 0].sum().contains(1)


def test_a_model_of_terminal_states_alone():
    mdp = MDP(np.zeros((2, 1, 2)), [0.5, 0.5], horizon=1)
    assert fractions(mdp.to("exact").transition) == [0, 0, 0, 0]


def test_a_sparse_model_is_refused():
    mdp = MDP(scipy.sparse.csr_array(np.eye(2)), [1.0, 0], horizon=1)
    with pytest.raises(InvalidArgument, match="sparse"):
        mdp.to("exact")


def test_distributions():
    assert fractions(exact_distribution([1 / 3, 1 / 3, 1 / 3])) == [Fraction(1, 3)] * 3
    policy = exact_distribution(np.array([[[0.9, 0.1], [0, 0]], [[1.0, 0], [0.3, 0.7]]]))
    assert policy.shape == (2, 2, 2)
    tenths = [fraction(10 * x) for x in policy.flat]
    assert tenths == [9, 1, 0, 0, 10, 0, 3, 7]
    kept = exact_distribution([Fraction(1, 7), Fraction(6, 7)])
    assert fractions(kept) == [Fraction(1, 7), Fraction(6, 7)]
    assert fractions(exact_distribution([0, 1])) == [0, 1]


@pytest.mark.parametrize(
    "row, text",
    [
        ([0.5, 0.4], "sums to 0.9"),
        ([1.5, -0.5], "negative"),
        ([np.nan, 1.0], "sums to nan"),
        ([Fraction(1, 3), Fraction(1, 3)], "sums to 2/3"),
        ([[0.5, 0.5], [0.5, 0.25]], "sums to 0.75"),
    ],
)
def test_what_is_no_distribution(row, text):
    with pytest.raises(InvalidArgument, match=text):
        exact_distribution(row)
