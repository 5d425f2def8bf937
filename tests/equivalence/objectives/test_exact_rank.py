"""Exact elimination against determinants of small integers, and directions against their definition."""

import itertools

import numpy as np
from flint import arb, fmpq, fmpq_mat

from equivalence.objectives.exact_rank import exactly, is_exact, null_space, pivots, rising_direction, shown
from mdps import OutOfReach, scalars
from refusals import assert_refuses


def tables(number):
    for i in range(number):
        rng = np.random.default_rng(i)
        yield scalars.convert(rng.integers(-2, 3, size=(1 + i % 4, 1 + i % 3)), "exact")


def rank_by_minors(table):
    """The size of the largest minor that is not 0."""
    rows, columns = table.shape
    for size in range(min(rows, columns), 0, -1):
        for some in itertools.combinations(range(rows), size):
            for others in itertools.combinations(range(columns), size):
                if fmpq_mat(table[np.ix_(some, others)].tolist()).det() != 0:
                    return size
    return 0


def test_pivots_are_the_columns_that_raise_the_rank():
    for table in tables(240):
        ranks = [rank_by_minors(table[:, : j + 1]) for j in range(table.shape[1])]
        assert pivots(table, exact=True).tolist() == [b > a for a, b in itertools.pairwise([0, *ranks])]
        if ranks[-1] < table.shape[1]:
            assert_refuses(lambda t=table: pivots(t, exact=False), OutOfReach, "depend on each other")


def test_null_space_is_all_that_is_orthogonal():
    for table in tables(240):
        basis = null_space(table)
        assert basis.shape == (table.shape[1], table.shape[1] - rank_by_minors(table))
        assert (table @ basis == 0).all()
        assert rank_by_minors(basis) == basis.shape[1] if basis.size else True


def test_rising_directions_rise_and_are_found_where_small_integers_show_one():
    """All directions of entries up to 2 are tried; the programme must find one whenever they have one."""
    found = 0
    for table in tables(240):
        direction = rising_direction(table)
        if direction is not None:
            slopes = table @ direction
            assert (slopes >= 0).all()
            assert (slopes != 0).any()
            found += 1
            continue
        for entries in itertools.product(range(-2, 3), repeat=table.shape[1]):
            slopes = table @ scalars.convert(np.array(entries), "exact")
            assert not ((slopes >= 0).all() and (slopes != 0).any())
    assert 100 <= found <= 230


def test_directions_that_no_float_holds_are_found_all_the_same():
    """3 v_0 = v_1, say: the programme's vertex (1/3, 1) is rounded, and projected onto what it nearly solves."""
    for a, b in itertools.product((3, 5, 7, 11), (1, 2, 13)):
        table = scalars.convert(np.array([[a, -b, 0], [-a, b, 0], [1, 0, 0], [7, 3, -a]]), "exact")
        direction = rising_direction(table)
        assert direction is not None
        slopes = table @ direction
        assert slopes[0] == 0
        assert (slopes >= 0).all()
        assert (slopes != 0).any()


def test_floats_and_midpoints_are_rationals():
    assert exactly(np.array([0.5, -3.0, 0.1])).tolist() == [
        fmpq(1, 2),
        fmpq(-3),
        fmpq(3602879701896397, 36028797018963968),
    ]
    assert exactly(np.array([arb("0.25", "0.1")], dtype=object)).tolist() == [fmpq(1, 4)]
    assert is_exact(0.1)
    assert is_exact(arb(1) / 4)
    assert not is_exact(arb(1) / 3)
    assert shown(np.array([fmpq(1, 2), fmpq(-2)], dtype=object)) == "(0.25, -1)"
