"""Kinds of instances with values of another type are a sentence, not a traceback."""

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq

from equivalence.testing import judge
from equivalence.testing.wanted import checked_options
from mdps import InvalidArgument

WRONG = {
    "max_states": (2.5, "3", None, True, [3]),
    "max_outcomes": (2.5, None),
    "max_trajectories": ("few",),
    "largest_reward": ("big", None, True, [1]),
    "largest_energy": ("big",),
    "discounts": (0.5, "0.5", ["a"], None, [True], {"a": 1}),
    "horizons": (3, ["a"], [1.5], "12", [Fraction(3, 2)]),
    "terminal": (1, "false", 0.0),
    "full_support": (1,),
}
RIGHT = {
    "max_states": np.int64(3),
    "max_trajectories": None,
    "largest_reward": Fraction(21, 2),
    "largest_energy": np.float32(10),
    "discounts": (1, 0.5, Fraction(1, 3), fmpq(1, 4), np.float64(0.25)),
    "horizons": range(1, 4),
    "terminal": np.False_,
    "unavailable": None,
}


@pytest.mark.parametrize("name, value", [(name, value) for name, values in WRONG.items() for value in values])
def test_a_value_of_another_type_is_named(name, value):
    with pytest.raises(InvalidArgument, match=f"^{name} is .*; expected "):
        checked_options({name: value})


def test_values_of_the_type_are_left_alone():
    assert checked_options(RIGHT) is RIGHT


def test_a_number_alone_is_shown_as_a_list():
    with pytest.raises(InvalidArgument, match=r"^discounts is 0.5; expected a list of numbers, as \[0.5\]$"):
        checked_options({"discounts": Fraction(1, 2)})


@pytest.mark.parametrize("kinds", [{"max_states": 10**6}, {"max_actions": 10**6}, {"horizons": [10**6]}])
def test_models_that_nobody_can_wait_for_are_refused(kinds):
    with pytest.raises(InvalidArgument, match="at most 1000"):
        judge(lambda *a: a, to="causal.dual", **kinds)
