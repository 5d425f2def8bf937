"""Minimum probability flow: no partition function, and no samples of the model.

Dynamics that would carry data to the model run along the edges of a graph, with rates that keep p_theta in balance:
from x to y at the rate g(x, y) e^{(E(x) - E(y)) / 2}, for a symmetric connectivity g. The flow that sets in at once is

    K          = sum_{x != y} p(x) g(x, y) e^{(E(x) - E(y)) / 2}
    dK/dE(x)   = (out(x) - in(x)) / 2,      out(x) the flow that leaves x, in(x) that which arrives
    d2K/dE2    = the Laplacian of the flow, symmetrized, / 4

It is convex in E, and in balance, out = in, where p_theta = p: there e^{-(E(x) + E(y)) / 2} is the flow in both
directions. If g connects everything and p > 0, that is its only minimum, up to a constant energy.

*As published*, K is the rate at which KL(p || p_t) rises, and counts only flow to outcomes that are not in the data
(`unseen_only`): a list of data in a space much larger than the list. On a small space with data everywhere that sum is
empty. With a sum over all neighbours the statement about the minimum above holds for populations.
Source: sohldickstein2011; derived.
"""

from typing import Any

import numpy as np

from equivalence.objectives.tables import checked_tables, within_floats
from mdps import scalars


def flow(energy: Any, data: Any, connectivity: Any, *, unseen_only: bool = False) -> np.ndarray:
    """p(x) g(x, y) e^{(E(x) - E(y)) / 2}, [..., x, y]: what flows from x to y in a unit of time.

    energy, data [..., n]; connectivity g [x, y], symmetric, not negative, 0 on the diagonal.
    unseen_only  flow to outcomes that have data is left out.

    Errors: `OutOfReach` where floats overflow.
    """
    energy, data, connectivity = checked_tables(energy=energy, data=data, connectivity=connectivity)
    seen = ~scalars.zero_mask(data)
    runs = seen[..., :, None] & ~scalars.zero_mask(connectivity)
    if unseen_only:
        runs = runs & ~seen[..., None, :]

    def rate(source: np.ndarray, here: np.ndarray, there: np.ndarray, g: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return source * g * scalars.exp((here - there) / 2)

    rates = scalars.over(
        runs,
        rate,
        data[..., :, None],
        energy[..., :, None],
        energy[..., None, :],
        connectivity,
        otherwise=scalars.constant(0, data),
    )
    return within_floats("the probability flow", rates)


def loss(energy: Any, data: Any, connectivity: Any, *, unseen_only: bool = False) -> Any:
    """K = sum_{x != y} p(x) g(x, y) e^{(E(x) - E(y)) / 2}, in units of 1 / time; minimized.

    >>> import numpy as np
    >>> from fractions import Fraction
    >>> from mdps import log
    >>> energy = -log(np.array([Fraction(1), Fraction(4)], dtype=object))
    >>> loss(energy, [Fraction(1, 5), Fraction(4, 5)], np.array([[0, 1], [1, 0]]))
    4/5
    """
    return flow(energy, data, connectivity, unseen_only=unseen_only).sum(axis=(-2, -1))


def gradient(energy: Any, data: Any, connectivity: Any, *, unseen_only: bool = False) -> np.ndarray:
    """dK/dE(x) = (out(x) - in(x)) / 2, [..., n]."""
    rates = flow(energy, data, connectivity, unseen_only=unseen_only)
    return (rates.sum(axis=-1) - rates.sum(axis=-2)) / 2


def hessian(energy: Any, data: Any, connectivity: Any, *, unseen_only: bool = False) -> np.ndarray:
    """d2K/dE(x)dE(y), [..., x, y]: (out(x) + in(x)) / 4 on the diagonal, minus the flow both ways / 4 elsewhere."""
    rates = flow(energy, data, connectivity, unseen_only=unseen_only)
    both = rates + np.swapaxes(rates, -1, -2)
    return (both.sum(axis=-1)[..., None] * np.eye(rates.shape[-1], dtype=int) - both) / 4
