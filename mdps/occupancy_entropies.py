"""Entropies of where a policy has been: of its occupancy, not of its trajectories.

For expected discounted visits mu(s, a), with mass |mu| = sum mu and mu(s) = sum_a mu(s, a),

    occupancy entropy   -sum (mu / |mu|) log (mu / |mu|)                  of one visit, drawn at random
    choice entropy      -sum_s,a mu(s, a) log (mu(s, a) / mu(s))          of the choices in all of them

The choice entropy is concave in mu. For a policy that does not depend on time it is the causal entropy, since
mu(s, a) / mu(s) = pi(a | s). For one that does it is larger, by how much a choice tells of its time, and is the causal
entropy of the policy mu(s, a) / mu(s), if that one visits as often, as it does without end.
Source: ho2016; hazan2019.
"""

from typing import Any

import numpy as np

from mdps import scalars
from mdps.errors import InvalidArgument
from mdps.occupancy import checked_axes


def occupancy_entropy(occupancy: Any, *, axes: str = "sa") -> Any:
    """-sum n log n of n = mu / |mu|, in nats; one number for each table of a stack.

    occupancy  [..., s, a] visits, or [..., s], [..., s, a, s'] with `axes` 's', 'sas'; at least one is positive

    >>> from fractions import Fraction
    >>> occupancy_entropy([[Fraction(3, 2), 0], [0, Fraction(3, 2)]])
    log(2)
    """
    visits = _checked(occupancy, checked_axes(axes))
    summed = tuple(range(-len(axes), 0))
    total = visits.sum(axis=summed, keepdims=True)
    if scalars.zero_mask(total).any():
        raise InvalidArgument("the occupancy is 0 everywhere: there is no visit to draw")
    return -_weighted_logs(visits / total, np.broadcast_to(scalars.constant(1, visits), visits.shape), len(axes))


def choice_entropy(occupancy: Any) -> Any:
    """-sum mu(s, a) log(mu(s, a) / mu(s)) of visits [..., s, a], in nats; one number for each table of a stack."""
    visits = _checked(occupancy, "sa")
    return -_weighted_logs(visits, np.broadcast_to(visits.sum(axis=-1, keepdims=True), visits.shape), 2)


def _weighted_logs(weight: np.ndarray, divisor: np.ndarray, n_axes: int) -> Any:
    """sum w log(w / divisor), over the last axes; 0 log 0 = 0."""
    terms = scalars.over(
        ~scalars.zero_mask(weight),
        lambda w, d: w * (scalars.log(w) - scalars.log(d)),
        weight,
        divisor,
        otherwise=scalars.constant(0, weight),
    )
    return terms.sum(axis=tuple(range(-n_axes, 0)))


def _checked(occupancy: Any, axes: str) -> np.ndarray:
    try:
        table = np.asarray(occupancy)
        if table.dtype.kind not in "iufO" or table.ndim < len(axes):
            raise InvalidArgument(f"dtype {table.dtype} and shape {table.shape}")
        own = scalars.level_of(table)
        if own != "carrier":
            table = scalars.convert(table, own)
        wrong = ~scalars.finite_mask(table) | scalars.negative_mask(table)
    except (InvalidArgument, ValueError) as error:
        raise InvalidArgument(f"occupancy: {error}; expected visits [..., {', '.join(axes)}]") from None
    if wrong.any():
        at = np.argwhere(wrong)[0].tolist()
        raise InvalidArgument(f"occupancy{at} is {table[tuple(at)]}; expected a finite number, not negative")
    return table
