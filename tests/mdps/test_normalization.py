"""Counts and rounded rows are divided by their sums on request, and only then."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
from flint import arb, fmpq
from hypothesis import given, strategies as st

from mdps import MDP, InvalidArgument, InvalidModel
from mdps.door import UNIT_ROUNDOFF
from mdps.normalization import normalized

COUNTS = [[[3, 1], [0, 4]], [[1, 1], [0, 7]]]


def fractions(array):
    return [Fraction(int(x.p), int(x.q)) for x in array.flat]


def test_counts_of_integers_give_floats():
    mdp = MDP.normalized(np.array(COUNTS), [1, 3], horizon=2, discount=0.9)
    assert mdp.level == "float"
    assert mdp.transition.tolist() == [[[0.75, 0.25], [0, 1]], [[0.5, 0.5], [0, 1]]]
    assert mdp.initial.tolist() == [0.25, 0.75]
    assert (mdp.horizon, mdp.discount, mdp.final_value.tolist()) == (2, 0.9, [0, 0])
    of_rows, of_initial = mdp.changes
    assert of_rows == (
        "transition: 4 rows were divided by their sums: [0, 0], [0, 1], [1, 0], [1, 1]; the sum farthest from 1 was 7.0"
    )
    assert of_initial == "initial: 1 row was divided by its sum; the sum farthest from 1 was 4.0"


def test_exact_weights_give_exact_rows():
    third = Fraction(1, 3)
    mdp = MDP.normalized([[[third, third], [0, fmpq(2)]], [[1, 2], [3, 3]]], [1, 2], horizon=2, final_value=third)
    assert mdp.level == "exact"
    assert fractions(mdp.transition) == [
        Fraction(1, 2),
        Fraction(1, 2),
        0,
        1,
        third,
        2 * third,
        *2 * [Fraction(1, 2)],
    ]
    assert fractions(mdp.initial) == [third, 2 * third]
    assert "the sum farthest from 1 was 6" in mdp.changes[0]
    assert "[0, 0], [0, 1], [1, 0], [1, 1]" in mdp.changes[0]


def test_integers_follow_the_level_of_the_rest():
    assert MDP.normalized(COUNTS, [1, 3], horizon=2, discount=Fraction(9, 10)).level == "exact"
    assert MDP.normalized(COUNTS, [arb(1), arb(3)], horizon=2).level == "ball"
    with pytest.raises(InvalidModel, match="one arithmetic"):
        MDP.normalized(COUNTS, [Fraction(1), 3], horizon=2, discount=0.9)


def test_balls():
    mdp = MDP.normalized([[[arb(1), arb("2 +/- 1e-9")]], [[0, 1]]], [0, 1], horizon=1)
    assert mdp.level == "ball"
    assert mdp.transition[0, 0, 0].contains(fmpq(1, 3))


def test_rounded_rows_and_only_they_are_divided():
    rounded = [0.333, 0.333, 0.333]
    fine = [0.1, 0.2, 0.7]  # sums to 1 within rounding
    transition = np.array([[rounded, fine]] * 3)
    mdp = MDP.normalized(transition, fine, horizon=1)
    assert mdp.transition[:, 1].tolist() == [fine] * 3
    assert mdp.initial.tolist() == fine
    total = 0.333 + 0.333 + 0.333
    assert mdp.transition[0, 0].tolist() == [0.333 / total] * 3
    assert mdp.changes == (
        f"transition: 3 rows were divided by their sums: [0, 0], [1, 0], [2, 0]; the sum farthest from 1 was {total}",
    )
    again = MDP.normalized(mdp.transition, mdp.initial, horizon=1)
    assert again.equals(mdp)
    assert again.changes == ()


def test_the_farthest_sum_may_be_below_1():
    mdp = MDP.normalized([[[0.5, 0.0]], [[0.75, 0.5]]], [0.0, 1.0], horizon=1)
    assert "the sum farthest from 1 was 0.5" in mdp.changes[0]


def test_many_places_are_not_all_listed():
    mdp = MDP.normalized(np.full((4, 3, 4), 2), [1, 0, 0, 0], horizon=1)
    assert (
        "12 rows were divided by their sums: [0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2] and 6 more"
        in mdp.changes[0]
    )


def test_float32_rows():
    transition = np.full((3, 1, 3), 1 / 3, dtype=np.float32)
    with pytest.raises(InvalidModel, match="normalized"):
        MDP(transition, [1.0, 0, 0], horizon=1)
    mdp = MDP.normalized(transition, np.full(3, 1 / 3, dtype=np.float32), horizon=1)
    assert mdp.transition.tolist() == [[[1 / 3] * 3]] * 3
    assert mdp.initial.tolist() == [1 / 3] * 3


EMPTY = [[[3, 1], [0, 0]], [[0, 0], [0, 7]]]


def versions(rows):
    """The same rows as integers, floats, exact numbers and a sparse matrix."""
    rows = np.array(rows)
    exact = np.vectorize(lambda x: Fraction(int(x)), otypes=[object])(rows)
    sparse = scipy.sparse.coo_array(rows.reshape(-1, rows.shape[-1]))
    return [rows, rows.astype(float), exact, sparse]


@pytest.mark.parametrize("rows", versions(EMPTY), ids=["int", "float", "exact", "sparse"])
class TestRowsOfZeros:
    def test_are_an_error(self, rows):
        with pytest.raises(
            InvalidModel, match=r"transition\[0, 1\] is the first of 2 rows of zeros.*'unavailable'.*'stay'"
        ):
            MDP.normalized(rows, [1, 0], horizon=1)

    def test_are_unavailable(self, rows):
        mdp = MDP.normalized(rows, [1, 0], horizon=1, empty="unavailable")
        assert mdp.available.tolist() == [[True, False], [False, True]]
        entering_0 = mdp.expectation(np.array([1, 0]) + 0 * mdp.initial)
        assert (4 * entering_0).tolist() == [[3, 0], [0, 0]]
        assert "2 rows of zeros were taken as actions that do not exist: [0, 1], [1, 0]" in mdp.changes[1]

    def test_are_stays(self, rows):
        mdp = MDP.normalized(rows, [1, 0], horizon=1, empty="stay")
        assert mdp.available.all()
        entering_1 = mdp.expectation(np.array([0, 1]) + 0 * mdp.initial)
        assert (4 * entering_1).tolist() == [[1, 0], [4, 4]]
        assert "2 rows of zeros were taken as leaving the state as it is: [0, 1], [1, 0]" in mdp.changes[1]

    def test_have_no_other_meaning(self, rows):
        with pytest.raises(InvalidArgument, match="empty is 'ignore'; expected 'unavailable', 'stay'"):
            MDP.normalized(rows, [1, 0], horizon=1, empty="ignore")


def test_one_row_of_zeros():
    with pytest.raises(InvalidModel, match=r"transition\[1, 0\] is a row of zeros"):
        MDP.normalized([[[1, 0]], [[0, 0]]], [1, 0], horizon=1)


def test_without_rows_of_zeros_empty_says_nothing():
    for rows in versions(COUNTS):
        for empty in ("unavailable", "stay"):
            assert len(MDP.normalized(rows, [1, 0], horizon=1, empty=empty).changes) == 1


def test_sparse_counts_are_those_of_the_dense_model():
    rows = np.random.default_rng(5).integers(0, 4, size=(6, 3, 6))
    rows[2, 1] = rows[5, 0] = 0
    dense = MDP.normalized(rows, [2, 2, 0, 0, 0, 0], horizon=3, empty="stay")
    counts = rows.reshape(18, 6)
    places = np.repeat(np.arange(6), 2)  # every count in two halves, zeros among them
    halves = np.repeat(counts / 2, 2, axis=1).ravel()
    doubled = scipy.sparse.csr_array((halves, np.tile(places, 18), np.arange(0, 217, 12)), shape=(18, 6))
    sparse = MDP.normalized(doubled, [2, 2, 0, 0, 0, 0], horizon=3, empty="stay")
    assert np.array_equal(sparse.transition.toarray().reshape(6, 3, 6), dense.transition)
    assert np.array_equal(sparse.initial, dense.initial)
    assert sparse.changes == dense.changes


def test_a_stack():
    stack = MDP.normalized([COUNTS, np.ones((2, 2, 2))], [[1, 3], [1, 1]], horizon=1)
    assert stack.batch_shape == (2,)
    assert stack.transition[0].tolist() == [[[0.75, 0.25], [0, 1]], [[0.5, 0.5], [0, 1]]]
    assert stack.initial.tolist() == [[0.25, 0.75], [0.5, 0.5]]
    assert "initial: 2 rows were divided by their sums: [0], [1]; the sum farthest from 1 was 4.0" in stack.changes[1]
    shared = MDP.normalized([COUNTS, np.ones((2, 2, 2))], [1, 3], horizon=1)
    assert shared.initial.tolist() == [[0.25, 0.75]] * 2


def with_entry(x):
    rows = np.array(COUNTS, dtype=float)
    rows[1, 0, 1] = x
    return [rows, scipy.sparse.csr_array(rows.reshape(4, 2))]


@pytest.mark.parametrize("x", [-1.0, np.nan, np.inf, -np.inf])
def test_weights_that_are_none(x):
    for rows in with_entry(x):
        with pytest.raises(InvalidModel, match=rf"transition\[1, 0, 1\] is {x}"):
            MDP.normalized(rows, [1, 0], horizon=1)
    with pytest.raises(InvalidModel, match=rf"initial\[1\] is {x}"):
        MDP.normalized(COUNTS, [1, x], horizon=1)
    with pytest.raises(InvalidArgument, match=rf"distribution\[0, 1\] is {x}"):
        normalized([[1, x]])


def test_negative_fractions():
    with pytest.raises(InvalidModel, match=r"transition\[0, 0, 1\] is -1/2, which is negative"):
        MDP.normalized([[[1, Fraction(-1, 2)]], [[0, 1]]], [1, 0], horizon=1)


def test_a_law_of_the_first_state_that_is_all_zero():
    for initial in ([0, 0], [0.0, 0.0], [Fraction(0), 0]):
        with pytest.raises(InvalidModel, match="initial is all zero"):
            MDP.normalized(COUNTS, initial, horizon=1)


def test_shapes():
    with pytest.raises(InvalidModel, match=r"shape \(2, 2\)"):
        MDP.normalized(np.ones((2, 2)), [1, 0], horizon=1)
    with pytest.raises(InvalidModel, match=r"shape \(3, 2\)"):
        MDP.normalized(scipy.sparse.csr_array(np.ones((3, 2))), [1, 0], horizon=1)
    with pytest.raises(InvalidModel, match="initial has shape"):
        MDP.normalized(COUNTS, [1, 0, 0], horizon=1)
    with pytest.raises(InvalidModel, match="horizon"):
        MDP.normalized(COUNTS, [1, 0], horizon=0)


def test_kinds_of_numbers():
    for dtype in (bool, complex):
        with pytest.raises(InvalidModel, match=f"transition has dtype {dtype.__name__}"):
            MDP.normalized(scipy.sparse.csr_array(np.eye(2, dtype=dtype)), [1, 0], horizon=1)
        with pytest.raises(InvalidModel, match=f"transition has dtype {dtype.__name__}"):
            MDP.normalized(np.ones((2, 1, 2), dtype=dtype), [1, 0], horizon=1)


def test_weights_beyond_the_floats():
    with pytest.raises(InvalidModel, match="more than a float holds"):
        MDP.normalized([[[1e308, 1e308]], [[0, 1]]], [1.0, 0], horizon=1)
    with pytest.raises(InvalidModel, match="too small beside its row"):
        MDP.normalized([[[1e300, 1e-300]], [[0, 1]]], [1.0, 0], horizon=1)
    exact = MDP.normalized([[[Fraction(10**300), Fraction(1, 10**300)]], [[0, 1]]], [1, 0], horizon=1)
    assert exact.transition[0, 0, 1] == fmpq(1, 10**600 + 1)


@given(st.lists(st.floats(1e-12, 1e12), min_size=1, max_size=60))
def test_the_quotients_pass_the_door(weights):
    row = normalized(weights)
    assert abs(row.sum() - 1) <= 2 * len(weights) * UNIT_ROUNDOFF
    total = sum(map(Fraction, weights))
    for x, p in zip(weights, row.tolist(), strict=True):
        # The rounding of the sum and of the quotient, or what a row may be off without being divided.
        assert abs(Fraction(p) * total / Fraction(x) - 1) <= Fraction(4 * len(weights), 2**53)


def test_normalized():
    assert normalized([[3, 1], [0, 0]]).tolist() == [[0.75, 0.25], [0, 0]]
    assert normalized(np.full((2, 1, 3), 0.1, dtype=np.float32)).tolist() == [[[1 / 3] * 3]] * 2
    assert fractions(normalized([Fraction(1, 2), 1])) == [Fraction(1, 3), Fraction(2, 3)]
    policy = np.array([[0.1, 0.2, 0.7]])
    assert np.array_equal(normalized(policy), policy)


@pytest.mark.parametrize("what", [1.0, "half", [[1, 2], [3]], [True, False]])
def test_what_has_no_weights(what):
    with pytest.raises(InvalidArgument, match="distribution"):
        normalized(what)
