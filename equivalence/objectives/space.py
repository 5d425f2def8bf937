"""The door of objectives on a finite space: energies, probability vectors and a log normalizer.

All arguments of one call are in one arithmetic; exact numbers are converted to that of the others, floats are never
taken for exact numbers. Leading axes broadcast.
"""

from typing import Any

import numpy as np

from mdps import InvalidArgument, InvalidModel, scalars
from mdps.arguments import FACTORS_OF_A_LAW, numbers
from mdps.door import check_distribution

DISTRIBUTIONS = ("data", "sampler")


def _own_level(name: str, value: Any) -> str | None:
    """The level of an argument; None for integers, which fit every one."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InvalidArgument(f"{name} is not a rectangular array: {error}") from None
    if array.dtype != object:
        return None if array.dtype.kind in "iu" else "float"
    try:
        level = scalars.level_of(array)
    except InvalidArgument as error:
        raise InvalidArgument(f"{name}: {error}") from None
    return None if all(isinstance(x, (int, np.integer)) for x in array.flat) else level


def common_arithmetic(**arguments: Any) -> dict[str, np.ndarray]:
    """The arguments as arrays in their common arithmetic.

    Errors: `InvalidArgument` for what is not finite numbers, or floats beside exact numbers.
    """
    found = {name: _own_level(name, value) for name, value in arguments.items()}
    levels = {own for own in found.values() if own is not None} - {"carrier"}
    for coarser in ("symbolic", "field", "ball"):
        if coarser in levels:
            levels -= {"exact"}
    if len(levels) > 1:
        kinds = ", ".join(f"{name} is {own or 'integers'}" for name, own in found.items())
        raise InvalidArgument(f"one call, one arithmetic: {kinds}")
    level = levels.pop() if levels else "carrier" if "carrier" in found.values() else "float"
    return {name: numbers(name, value, level) for name, value in arguments.items()}


def checked(**arguments: Any) -> tuple[np.ndarray, ...]:
    """The arguments as arrays in their common arithmetic, in the order given.

    `energy` [..., n] is finite, `data` and `sampler` [..., n] are probability vectors, anything else is a number
    (with the batch axes, if any).

    Errors: `InvalidArgument` for another shape, NaN, infinite energies, negative probabilities, a wrong sum, or floats
    beside exact numbers.
    """
    arrays = common_arithmetic(**arguments)
    n = arrays["energy"].shape[-1:]
    if n in ((), (0,)):
        raise InvalidArgument(f"energy has shape {arrays['energy'].shape}; expected [..., n] of at least one outcome")
    for name, array in arrays.items():
        if name in DISTRIBUTIONS and array.shape[-1:] != n:
            raise InvalidArgument(f"{name} has shape {array.shape}; expected [..., n] with the n of energy, {n}")
        if name in DISTRIBUTIONS and scalars.level_of(array) != "carrier":
            try:
                check_distribution(name, array, factors=FACTORS_OF_A_LAW)
            except InvalidModel as error:
                raise InvalidArgument(str(error)) from None
    try:
        np.broadcast_shapes(*(a.shape if k in ("energy", *DISTRIBUTIONS) else (*a.shape, 1) for k, a in arrays.items()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InvalidArgument(f"leading axes do not broadcast: {shapes}") from None
    return tuple(arrays.values())


def inner(x: np.ndarray, y: np.ndarray) -> Any:
    """sum_x x y over outcomes."""
    return (x * y).sum(axis=-1)
