"""Counts, and probabilities that were rounded, divided by their sums: on request, and recorded.

    P(s' | s, a) = N(s, a, s') / sum_x N(s, a, x),        rho(s) = N(s) / sum_x N(x)

in the arithmetic of the numbers that came: exact ones give exact rows, integers alone give floats. A row that
sums to 1 already (floats: within the 2 n u that a model may be off) is left as it is, so dividing twice
changes nothing more.

A row without any count has no such quotient. It may mean that the action does not exist there, or that nobody
tried it, and only the caller knows: by default it is an error.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from mdps import door, scalars
from mdps.errors import InvalidArgument, InvalidModel
from mdps.model import MDP

EMPTY = ("unavailable", "stay")
SHOWN = 6


class Sums(NamedTuple):
    """Sums of rows: `total` [...], and which rows are `empty` and which are `off`, so are to be divided."""

    total: np.ndarray
    empty: np.ndarray
    off: np.ndarray


def normalized(distribution: Any) -> np.ndarray:
    """Weights divided by their sums along the last axis; rows of zeros, as of terminal states, stay zeros.

    float32 becomes float64 first. Errors: `InvalidArgument` for negative, infinite or NaN weights.

    >>> normalized([[3, 1], [0, 0]])
    array([[0.75, 0.25], [0.  , 0.  ]])
    """
    try:
        array = door.numbers("distribution", distribution)
        weights = scalars.convert(array, scalars.level_of(array))
        if weights.ndim == 0:
            raise InvalidModel("distribution is a single number; expected weights along the last axis")
        return _divided(weights, _sums("distribution", weights))
    except InvalidModel as error:
        raise InvalidArgument(str(error)) from None


def normalized_model(
    transition: Any, initial: Any, *, horizon: int | None, discount: Any, final_value: Any, empty: str | None
) -> MDP:
    """The model of counts or rounded rows; what `MDP.normalized` documents."""
    if empty is not None and empty not in EMPTY:
        raise InvalidArgument(f"empty is {empty!r}; expected 'unavailable', 'stay' or None")
    others = {
        "final_value": door.numbers("final_value", final_value),
        "discount": door.numbers("discount", discount),
    }
    starts = door.numbers("initial", initial)
    if scipy.sparse.issparse(transition):
        rows, changes = _sparse_rows(transition, empty)
        starts = scalars.convert(starts, door.common_level(transition=rows, initial=starts, **others))
    else:
        weights = door.numbers("transition", transition)
        door.check_transition_shape(weights)
        level = door.common_level(transition=weights, initial=starts, **others)
        rows, changes = _dense_rows(scalars.convert(weights, level), empty)
        starts = scalars.convert(starts, level)
    sums = _sums("initial", starts)
    if sums.empty.any():
        raise InvalidModel("initial is all zero; expected where trajectories start, as counts or probabilities")
    changes += _said("initial", sums)
    starts = _divided(starts, sums)
    return MDP(rows, starts, horizon=horizon, discount=discount, final_value=final_value, changes=changes)


def _sums(name: str, weights: np.ndarray) -> Sums:
    if weights.dtype != object and not np.isfinite(weights).all():
        at = np.argwhere(~np.isfinite(weights))[0]
        raise InvalidModel(
            f"{name}{at.tolist()} is {weights[tuple(at)]}; expected a count or a weight, which is finite"
        )
    negative = scalars.negative_mask(weights)
    if negative.any():
        at = np.argwhere(negative)[0]
        raise InvalidModel(
            f"{name}{at.tolist()} is {weights[tuple(at)]}, which is negative; expected a count or a weight"
        )
    positive = ~scalars.zero_mask(weights)
    return _with_sums(_total(weights), positive.sum(axis=-1))


def _with_sums(total: np.ndarray, entries: np.ndarray) -> Sums:
    total, empty = np.asarray(total), np.asarray(entries == 0)
    if total.dtype == object:
        return Sums(total, empty, ~empty & ~np.asarray(total == 1, dtype=bool))
    return Sums(total, empty, ~empty & ~(np.abs(total - 1) <= 2 * entries * door.UNIT_ROUNDOFF))


def _total(weights: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        total = weights.sum(axis=-1)
    if weights.dtype != object and np.isinf(total).any():
        at = np.argwhere(np.isinf(np.atleast_1d(total)))[0].tolist()
        raise InvalidModel(
            f"row {at} of weights sums to more than a float holds; divide the weights by a constant first"
        )
    return total


def _divided(weights: np.ndarray, sums: Sums) -> np.ndarray:
    result = weights.copy()
    result[sums.off] = weights[sums.off] / sums.total[sums.off][..., None]
    return _still_positive(result, weights)


def _still_positive(divided: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if divided.dtype != object and ((divided == 0) & (weights != 0)).any():
        small = weights[(divided == 0) & (weights != 0)][0]
        raise InvalidModel(f"the weight {small} is positive, but too small beside its row for a float; write Fractions")
    return divided


def _dense_rows(weights: np.ndarray, empty: str | None) -> tuple[np.ndarray, tuple[str, ...]]:
    sums = _sums("transition", weights)
    rows = _divided(weights, sums)
    holes = np.argwhere(sums.empty).tolist()
    if empty == "stay":
        for at in holes:
            rows[(*at, at[-2])] = scalars.constant(1, rows)
    return rows, _said("transition", sums) + _filled(holes, empty)


def _sparse_rows(matrix: Any, empty: str | None) -> tuple[Any, tuple[str, ...]]:
    if matrix.dtype.kind not in "iuf":
        raise InvalidModel(f"sparse transition has dtype {matrix.dtype}; expected counts or weights")
    matrix = scipy.sparse.csr_array(matrix, dtype=float, copy=True)
    matrix.sum_duplicates()
    n_rows, n_states = matrix.shape
    if n_states == 0 or n_rows == 0 or n_rows % n_states:
        raise InvalidModel(f"sparse transition has shape {matrix.shape}; expected (S A, S) with rows s A + a")
    n_actions = n_rows // n_states
    wrong = np.flatnonzero(~(np.isfinite(matrix.data) & (matrix.data >= 0)))
    if len(wrong):
        row = int(np.searchsorted(matrix.indptr, wrong[0], side="right")) - 1
        place = [*divmod(row, n_actions), int(matrix.indices[wrong[0]])]
        raise InvalidModel(f"transition{place} is {matrix.data[wrong[0]]}; expected a weight, finite and not negative")
    matrix.eliminate_zeros()
    entries = np.diff(matrix.indptr)
    sums = _with_sums(_total(matrix), entries)
    divisor = np.where(sums.off, sums.total, 1.0)
    matrix.data = _still_positive(matrix.data / np.repeat(divisor, entries), matrix.data)
    holes = np.flatnonzero(sums.empty)
    if empty == "stay":
        stays = (np.ones(len(holes)), (holes, holes // n_actions))
        matrix = scipy.sparse.csr_array(matrix + scipy.sparse.csr_array(stays, shape=matrix.shape))
    by_state = Sums(*(field.reshape(n_states, n_actions) for field in sums))
    return matrix, _said("transition", by_state) + _filled(np.argwhere(by_state.empty).tolist(), empty)


def _filled(holes: list[list[int]], empty: str | None) -> tuple[str, ...]:
    if not holes:
        return ()
    if empty is None:
        which = "is a row of zeros" if len(holes) == 1 else f"is the first of {len(holes)} rows of zeros"
        raise InvalidModel(
            f"transition{holes[0]} {which}. If the action does not exist there, say empty='unavailable'; if "
            "nothing was counted and the state shall be left as it is, say empty='stay'"
        )
    meaning = "actions that do not exist" if empty == "unavailable" else "leaving the state as it is"
    return (f"transition: {_rows(len(holes), ' of zeros')} taken as {meaning}: {_places(holes)}",)


def _said(name: str, sums: Sums) -> tuple[str, ...]:
    """Which rows were divided and how far the farthest was off, as a sentence for `MDP.changes`."""
    if not sums.off.any():
        return ()
    totals = sums.total[sums.off].ravel()
    which = f": {_places(np.argwhere(sums.off).tolist())}" if sums.off.ndim else ""
    farthest = ""
    if scalars.level_of(totals) in ("float", "exact"):
        farthest = f"; the sum farthest from 1 was {max(totals.tolist(), key=lambda total: abs(total - 1))}"
    sums_of_it = "its sum" if len(totals) == 1 else "their sums"
    return (f"{name}: {_rows(len(totals))} divided by {sums_of_it}{which}{farthest}",)


def _rows(n: int, kind: str = "") -> str:
    return f"{n} row{'s' if n > 1 else ''}{kind} {'were' if n > 1 else 'was'}"


def _places(places: list[list[int]]) -> str:
    listed = ", ".join(map(str, places[:SHOWN]))
    return f"{listed} and {len(places) - SHOWN} more" if len(places) > SHOWN else listed
