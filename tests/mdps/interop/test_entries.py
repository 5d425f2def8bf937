"""What a table may hold, and what it says where it holds something else."""

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq

from mdps import InvalidModel
from mdps.interop.entries import Entry, entries_of


def test_dicts_lists_and_numpy_numbers_are_the_same():
    entries = [Entry(0, 1, 0.5, 0, fmpq(-1), False), Entry(0, 1, 0.5, 2, fmpq(3), True)]
    outcomes = [(0.5, 0, -1, False), (0.5, 2, 3, True)]
    in_numpy = [(np.float64(0.5), np.int64(0), np.int32(-1), np.False_), (np.float32(0.5), np.uint8(2), 3, 1)]
    for table in ({0: {1: outcomes}}, [[[], outcomes]], {np.int64(0): [(), tuple(in_numpy)]}):
        assert entries_of(table) == (entries, 3)


def test_numbers_keep_their_kind():
    ((entry,), _) = entries_of([[[(Fraction(1, 3), 0, 0.1, False)]]])
    assert entry.probability == fmpq(1, 3)
    assert entry.reward == 0.1
    ((entry,), _) = entries_of([[[(1.0, 0, True, False)]]])
    assert type(entry.probability) is float
    assert entry.reward == fmpq(1)


def test_entries_of_probability_0_are_left_out():
    entries, n_states = entries_of([[[(1.0, 0, 0, False), (0.0, 5, 0, True), (0, 7, 0, True)]]])
    assert (len(entries), n_states) == (1, 1)


def test_the_states_are_those_of_the_table_and_of_its_targets():
    assert entries_of({}) == ([], 0)
    assert entries_of({0: {}, 4: {}})[1] == 5
    assert entries_of({0: {0: [(1.0, 6, 0, False)]}})[1] == 7


@pytest.mark.parametrize(
    "table, text",
    [
        (3, "P is a int"),
        ("P", "P is a str"),
        ([3], r"P\[0\] is a int"),
        ([{2: 3}], r"P\[0\]\[2\] is a int"),
        ([[[(1.0, 0, 0)]]], r"P\[0\]\[0\] has the entry \(1.0, 0, 0\); expected \(probability, next_state"),
        ([[[1.0]]], r"P\[0\]\[0\] has the entry 1.0"),
        ([[[(1.0, "A", 0, False)]]], r"P\[0\]\[0\] has the index 'A'"),
        ([[[(1.0, -1, 0, False)]]], "has the index -1"),
        ([[[(1.0, 0.0, 0, False)]]], "has the index 0.0"),
        ({"A": {0: []}}, "P has the index 'A'"),
        ({0: {-1: []}}, r"P\[0\] has the index -1"),
        ([[[(-0.5, 0, 0, False)]]], r"a probability in P\[0\]\[0\] is -0.5, which is negative"),
        ([[[(np.nan, 0, 0, False)]]], r"a probability in P\[0\]\[0\] is nan"),
        ([[[("1", 0, 0, False)]]], r"a probability in P\[0\]\[0\] is '1'"),
        ([[[(1.0, 0, np.inf, False)]]], r"a reward in P\[0\]\[0\] is inf"),
        ([[[(1.0, 0, np.float32("nan"), False)]]], r"a reward in P\[0\]\[0\] is nan"),
        ([[[(1.0, 0, None, False)]]], r"a reward in P\[0\]\[0\] is None"),
    ],
)
def test_what_is_no_table(table, text):
    with pytest.raises(InvalidModel, match=text):
        entries_of(table)
