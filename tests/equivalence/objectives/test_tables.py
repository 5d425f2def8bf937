"""The door of tables beside energies and laws: leading axes, and what overflows."""

import numpy as np
import pytest

from equivalence.objectives import contrastive, ebm, nce
from equivalence.objectives.tables import checked_tables, indicators, within_floats
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars.duals import gradient
from refusals import assert_refuses

HALVES = np.array([0.5, 0.5])


def test_arguments_come_back_in_order_and_in_one_arithmetic():
    kernel, energy, base = checked_tables(kernel=np.eye(2, dtype=int), energy=[0.0, 1.0], base=[1, 2])
    assert kernel.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert energy.tolist() == [0.0, 1.0]
    assert base.tolist() == [1.0, 2.0]
    assert all(x.dtype == float for x in (kernel, energy, base))


@pytest.mark.parametrize(
    "call",
    [
        lambda: nce.loss(np.zeros((3, 2)), np.full((4, 2), 0.5), HALVES, 0.0),
        lambda: nce.loss(np.zeros((3, 2)), HALVES, HALVES, np.zeros(4)),
        lambda: ebm.law(np.zeros((3, 2)), base=np.ones((4, 2))),
        lambda: contrastive.bias(np.zeros((3, 2)), HALVES, np.stack([np.eye(2)] * 4)),
    ],
)
def test_leading_axes_that_do_not_broadcast(call):
    assert_refuses(call, InvalidArgument, "leading axes do not broadcast")


def test_one_arithmetic():
    exact = scalars.convert(np.array([1, 1]), "exact") / 2
    assert_refuses(lambda: nce.loss(HALVES, exact, HALVES, 0.0), InvalidArgument, "noise is exact")
    assert_refuses(lambda: ebm.law(exact, base=HALVES), InvalidArgument, "base is float")


def test_what_overflows():
    assert within_floats("x", HALVES) is HALVES
    assert_refuses(lambda: within_floats("x", np.array([1.0, np.inf])), OutOfReach, "x leaves the range of floats")
    assert_refuses(lambda: within_floats("x", np.float64(np.nan)), OutOfReach, "x leaves the range of floats")


def test_indicators():
    assert indicators(HALVES).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    exact = scalars.convert(np.zeros(2, dtype=int), "exact")
    assert scalars.level_of(indicators(exact)) == "exact"
    # Dual numbers ride on any arithmetic: the sum of all indicators of a law does not move.
    slope = gradient(lambda e: (ebm.law(e)[:, None] * indicators(e)).sum(), HALVES)
    assert (np.abs(slope) <= 2.0**-52).all()
