"""What a model must satisfy, checked once at the door.

Each check raises `InvalidModel` with what was expected, what came, where, and what to do. A row of floats sums to 1
within 2 n u, where n counts its non-zero entries and u = 2^-53 is the unit roundoff: the rounding of n probabilities
and of their sum. A row of any exact type sums to 1 exactly.
"""

from typing import Any

import numpy as np
import scipy.sparse

from mdps import scalars
from mdps.errors import InvalidArgument, InvalidModel, OutOfReach

UNIT_ROUNDOFF = 2.0**-53


def frozen(array: np.ndarray) -> np.ndarray:
    """A read-only copy of an array (itself, if it is read-only)."""
    if array.flags.writeable:
        array = np.copy(array)
        array.flags.writeable = False
    return array


def numbers(name: str, value: Any) -> np.ndarray:
    """An array of floats or of scalars of an exact type; everything else is an error at the door."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InvalidModel(f"{name} is not a rectangular array: {error}") from None
    if array.dtype.kind in "iuf":
        array = array.astype(float) if array.dtype.kind == "f" else array.astype(object)
    elif array.dtype.kind != "O":
        raise InvalidModel(f"{name} has dtype {array.dtype}; expected numbers (floats, Fractions, fmpq, arb, sympy)")
    try:
        scalars.level_of(array)
    except (InvalidArgument, TypeError) as error:
        raise InvalidModel(f"{name}: {error}") from None
    return array


def common_level(**arrays: Any) -> str:
    """The arithmetic of the model; integers fit every one."""
    levels = {}
    for name, array in arrays.items():
        if scipy.sparse.issparse(array):
            levels[name] = "float"
        elif array.dtype != object or not all(isinstance(x, (int, np.integer)) for x in array.flat):
            levels[name] = scalars.level_of(array)
    if set(levels.values()) == {"exact", "symbolic"}:
        return "symbolic"  # sympy's own rationals are exact numbers, too
    if len(set(levels.values())) > 1:
        found = ", ".join(f"{name} is {level}" for name, level in levels.items())
        raise InvalidModel(f"one model, one arithmetic: {found}; write exact numbers as Fractions, or all as floats")
    return next(iter(levels.values()), "float")


def check_horizon(horizon: Any) -> None:
    """None, or a whole number of decisions, at least 1."""
    if horizon is None:
        return
    if isinstance(horizon, bool) or not isinstance(horizon, (int, np.integer)) or horizon < 1:
        raise InvalidModel(f"horizon is {horizon!r}; expected a whole number of decisions, at least 1, or None")


def check_transition_shape(transition: np.ndarray) -> None:
    """[..., s, a, s'] with as many s as s'."""
    shape = transition.shape
    if len(shape) < 3 or shape[-1] != shape[-3] or 0 in shape:
        raise InvalidModel(
            f"transition has shape {shape}; expected [..., s, a, s'] with as many s as s', and at least one"
        )


def checked_sparse(matrix: Any) -> Any:
    """A sparse matrix of shape (S A, S) as CSR of floats, without stored zeros; its rows are probabilities."""
    if matrix.dtype.kind not in "iuf":
        raise InvalidModel(f"sparse transition has dtype {matrix.dtype}; expected real numbers")
    matrix = scipy.sparse.csr_array(matrix, dtype=float, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    n_rows, n_states = matrix.shape
    if n_states == 0 or n_rows == 0 or n_rows % n_states:
        raise InvalidModel(f"sparse transition has shape {matrix.shape}; expected (S A, S) with rows s A + a")
    n_actions = n_rows // n_states
    if not np.isfinite(matrix.data).all() or (matrix.data < 0).any():
        at = int(np.flatnonzero(~np.isfinite(matrix.data) | (matrix.data < 0))[0])
        row = int(np.searchsorted(matrix.indptr, at, side="right")) - 1
        place = f"transition[{row // n_actions}, {row % n_actions}, {matrix.indices[at]}]"
        raise InvalidModel(f"{place} is {matrix.data[at]}; expected a probability")
    entries = np.diff(matrix.indptr)
    off = np.abs(matrix.sum(axis=1) - 1) > 2 * entries * UNIT_ROUNDOFF
    if (off & (entries > 0)).any():
        row = int(np.flatnonzero(off & (entries > 0))[0])
        total = float(matrix[[row]].sum())
        raise _row_error(f"transition[{row // n_actions}, {row % n_actions}]", total, int(entries[row]))
    return matrix


def _row_error(place: str, total: Any, entries: int | None) -> InvalidModel:
    within = "exactly" if entries is None else f"within {2 * entries}·2⁻⁵³"
    remedy = "mdps.normalized(...) divides by the sum"
    if place.startswith(("transition", "initial")):
        remedy = "For counts or rounded numbers, MDP.normalized(...) divides each row and records that it did"
    if place.startswith("transition"):
        remedy += "; a row of zeros says that the action is not available"
    return InvalidModel(f"{place} sums to {total}; expected 1 {within}. {remedy}")


def _first(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(mask)[0])


def _check_probabilities(name: str, array: np.ndarray) -> None:
    if array.dtype != object and not np.isfinite(array).all():
        at = _first(~np.isfinite(array))
        raise InvalidModel(f"{name}{list(at)} is {array[at]}; expected a probability")
    negative = scalars.negative_mask(array)
    if negative.any():
        at = _first(negative)
        raise InvalidModel(f"{name}{list(at)} is {array[at]}, which is negative; expected a probability")


def _sums_to_one(array: np.ndarray, factors: int = 0) -> np.ndarray:
    """Which slices along the last axis sum to 1: within rounding for floats, exactly for exact types.

    `factors` roundings are allowed beside those of the n entries, for probabilities that are products.
    """
    total = array.sum(axis=-1)
    if array.dtype != object:
        return np.abs(total - 1) <= 2 * ((array != 0).sum(axis=-1) + factors) * UNIT_ROUNDOFF
    level = scalars.level_of(array)
    if level == "ball":
        return np.asarray(np.frompyfunc(lambda x: x.contains(1), 1, 1)(total), dtype=bool)
    if level == "symbolic":
        from mdps.scalars import symbols

        return np.asarray(np.frompyfunc(lambda x: symbols.is_zero(x - 1) is not False, 1, 1)(total), dtype=bool)
    return np.asarray(total == 1, dtype=bool)


def check_rows(transition: np.ndarray) -> None:
    """Rows are probabilities that sum to 1, or all zero."""
    _check_probabilities("transition", transition)
    empty = scalars.zero_mask(transition).all(axis=-1)
    wrong = ~(_sums_to_one(transition) | empty)
    if wrong.any():
        at = _first(wrong)
        entries = int((transition[at] != 0).sum()) if transition.dtype != object else None
        raise _row_error(f"transition{list(at)}", transition[at].sum(), entries)


def check_initial(initial: np.ndarray) -> None:
    """A law of the first state that sums to 1."""
    _check_probabilities("initial", initial)
    wrong = ~np.atleast_1d(_sums_to_one(initial))
    if wrong.any():
        at = _first(wrong) if initial.ndim > 1 else ()
        entries = int((initial[at] != 0).sum()) if initial.dtype != object else None
        raise _row_error(f"initial{list(at) if at else ''}", initial[at].sum(), entries)


def check_distribution(name: str, array: np.ndarray, *, factors: int = 0) -> None:
    """One probability vector [n]; floats may each be a product of up to `factors` rounded factors."""
    _check_probabilities(name, array)
    if not _sums_to_one(array, factors).all():
        entries = int((array != 0).sum()) + factors if array.dtype != object else None
        raise _row_error(name, array.sum(), entries)


def fitted(name: str, array: np.ndarray, batch: tuple[int, ...], n_states: int, level: str) -> np.ndarray:
    """An array of one number a state, broadcast over the batch; a single number stands for every state."""
    shape = (*batch, n_states)
    one_for_all = name == "final_value" and array.shape == ()
    fits = array.shape[-1:] == (n_states,) and array.ndim <= len(shape) and array.shape[:-1] in {(), batch}
    if not (fits or one_for_all):
        raise InvalidModel(f"{name} has shape {array.shape}; expected {shape}, one number for each state")
    return frozen(np.broadcast_to(scalars.convert(array, level), shape))


def check_finite(name: str, array: np.ndarray) -> None:
    """No NaN and no infinity."""
    infinite = ~scalars.finite_mask(array)
    if infinite.any():
        at = _first(infinite)
        raise InvalidModel(f"{name}{list(at)} is {array[at]}; expected a finite number")


def checked_discount(discount: np.ndarray, level: str) -> Any:
    """One number between 0 and 1, in the arithmetic of the model."""
    if discount.shape != ():
        raise InvalidModel(f"discount has shape {discount.shape}; expected one number between 0 and 1")
    gamma = scalars.convert(discount, level)[()]
    if not scalars.level_of(discount) == "symbolic" and not (gamma >= 0 and gamma <= 1):
        raise InvalidModel(f"discount is {gamma}; expected a number between 0 and 1")
    return gamma


def check_underflow(name: str, exact: np.ndarray, floats: np.ndarray) -> None:
    """A probability that is positive must not become the float 0."""
    lost = (floats == 0) & ~scalars.zero_mask(exact)
    if lost.any():
        at = _first(lost)
        raise OutOfReach(f"{name}{list(at)} is positive and too small for a float; take balls or exact numbers")
