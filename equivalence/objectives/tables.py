"""The door of what stands beside energies and laws on a finite space: base measures, noise, kernels, features.

    base          [..., n]      b(x) >= 0, positive somewhere; it need not sum to 1
    noise         [..., n]      a probability vector, like `data` and `sampler`
    kernel        [..., n, n]   K(x, y) >= 0, rows sum to 1
    proposal      [..., n, n]   a symmetric kernel
    connectivity  [n, n]        symmetric, not negative, 0 on the diagonal
    log_weight    [..., n]      one number an outcome
    features      [n, k]        one row an outcome
    values        [n]           one number an outcome
    noise_ratio   ()            noise samples a data sample, positive

All arguments of one call are in one arithmetic, see `equivalence.objectives.space`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from equivalence.objectives.space import checked, common_arithmetic
from mdps import InvalidArgument, InvalidModel, OutOfReach, scalars
from mdps.arguments import FACTORS_OF_A_LAW
from mdps.door import check_distribution


def _distribution(name: str, array: np.ndarray, n: int) -> None:
    if array.shape[-1:] != (n,):
        raise InvalidArgument(f"{name} has shape {array.shape}; expected [..., n] with the n of energy, {(n,)}")
    if scalars.level_of(array) == "carrier":
        return
    try:
        check_distribution(name, array, factors=FACTORS_OF_A_LAW)
    except InvalidModel as error:
        if array.ndim == 1:
            raise InvalidArgument(str(error)) from None
    else:
        return
    for index in np.ndindex(array.shape[:-1]):  # which of them it is
        _distribution(f"{name}{list(index)}", array[index], n)


def _first(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(mask)[0])


def _not_negative(name: str, array: np.ndarray) -> None:
    if scalars.level_of(array) == "carrier":
        return
    negative = scalars.negative_mask(array)
    if negative.any():
        at = _first(negative)
        raise InvalidArgument(f"{name}{list(at)} is {array[at]}, which is negative")


def _base(name: str, array: np.ndarray, n: int) -> None:
    if array.shape[-1:] != (n,):
        raise InvalidArgument(f"{name} has shape {array.shape}; expected [..., n] with the n of energy, {(n,)}")
    _not_negative(name, array)
    if scalars.zero_mask(array).all(axis=-1).any():
        raise InvalidArgument(f"{name} is 0 everywhere; expected a measure with some mass")


def _kernel(name: str, array: np.ndarray, n: int) -> None:
    if array.shape[-2:] != (n, n):
        raise InvalidArgument(f"{name} has shape {array.shape}; expected [..., x, y], {(n, n)} for this energy")
    _distribution(name, array, n)


def _symmetric(name: str, array: np.ndarray) -> None:
    if scalars.level_of(array) in ("carrier", "symbolic"):
        return
    # Two balls differ where they have no number in common.
    different = np.asarray(array != np.swapaxes(array, -1, -2), dtype=bool)
    if different.any():
        at = _first(different)
        mirrored = (*at[:-2], at[-1], at[-2])
        raise InvalidArgument(
            f"{name}{list(at)} is {array[at]} and {name}{list(mirrored)} is {array[mirrored]}; "
            "expected a symmetric table"
        )


def _proposal(name: str, array: np.ndarray, n: int) -> None:
    _kernel(name, array, n)
    _symmetric(name, array)


def _connectivity(name: str, array: np.ndarray, n: int) -> None:
    if array.shape != (n, n):
        raise InvalidArgument(f"{name} has shape {array.shape}; expected [x, y], {(n, n)} for this energy")
    _not_negative(name, array)
    _symmetric(name, array)
    if not scalars.zero_mask(np.diagonal(array)).all():
        raise InvalidArgument(f"{name} connects an outcome with itself; expected 0 on the diagonal")


def _features(name: str, array: np.ndarray, n: int) -> None:
    if array.ndim != 2 or array.shape[0] != n or array.shape[1] == 0:
        raise InvalidArgument(f"{name} has shape {array.shape}; expected [n, k], {n} rows for this space")


def _log_weight(name: str, array: np.ndarray, n: int) -> None:
    if array.shape[-1:] != (n,):
        raise InvalidArgument(f"{name} has shape {array.shape}; expected [..., n] with the n of energy, {(n,)}")


def _values(name: str, array: np.ndarray, n: int) -> None:
    if array.shape != (n,):
        raise InvalidArgument(f"{name} has shape {array.shape}; expected [n], {(n,)} for this energy")


def _noise_ratio(name: str, array: np.ndarray, n: int) -> None:
    if array.shape != ():
        raise InvalidArgument(f"{name} has shape {array.shape}; expected one positive number")
    if scalars.level_of(array) in ("float", "ball", "exact") and not array[()] > 0:
        raise InvalidArgument(f"{name} is {array[()]}; expected a positive number of noise samples a data sample")


_CHECKS: dict[str, Callable[[str, np.ndarray, int], None]] = {
    "base": _base,
    "noise": _distribution,
    "kernel": _kernel,
    "proposal": _proposal,
    "connectivity": _connectivity,
    "log_weight": _log_weight,
    "features": _features,
    "values": _values,
    "noise_ratio": _noise_ratio,
}


def checked_tables(**arguments: Any) -> tuple[np.ndarray, ...]:
    """The arguments as arrays in their common arithmetic, in the order given; `energy` is one of them.

    Names of the table above are checked as it says, all others as `space.checked` does. A batch of energies may meet
    one table, or a batch of as many.

    Errors: `InvalidArgument` for a wrong shape, numbers that are not finite, a wrong sign or sum, or floats beside
    exact numbers.
    """
    arrays = common_arithmetic(**arguments)
    plain = {name: array for name, array in arrays.items() if name not in _CHECKS}
    plain = dict(zip(plain, checked(**plain), strict=True))
    n = plain["energy"].shape[-1]
    for name, array in arrays.items():
        if name in _CHECKS:
            _CHECKS[name](name, array, n)
    try:
        np.broadcast_shapes(
            plain["energy"].shape[:-1],
            *(a.shape[:-1] for k, a in arrays.items() if k in ("base", "noise", "data", "sampler", "log_weight")),
            *(a.shape[:-2] for k, a in arrays.items() if k in ("kernel", "proposal")),
        )
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InvalidArgument(f"leading axes do not broadcast: {shapes}") from None
    return tuple({**arrays, **plain}[name] for name in arguments)


def within_floats(name: str, array: Any) -> Any:
    """The array, where no float overflowed on the way to it.

    Errors: `OutOfReach` where one did.
    """
    if np.asarray(array).dtype != object and not np.isfinite(array).all():
        raise OutOfReach(f"{name} leaves the range of floats; take balls (scalars.convert(..., 'ball'))")
    return array


def indicators(like: np.ndarray) -> np.ndarray:
    """The features of a table, [n, n]: one for each outcome of an array [..., n], in its arithmetic."""
    level = scalars.level_of(like)
    return scalars.convert(np.eye(like.shape[-1], dtype=int), "float" if level == "carrier" else level)
