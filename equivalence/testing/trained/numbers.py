"""Arrays, tensors and lists as people have them, read as exact numbers.

Floats of any dtype are the dyadic numbers that they are: 0.1 is 3602879701896397 / 2^55, and float32 another number.
Nothing is rounded, and nothing that is not finite is a number.
"""

from typing import Any

import numpy as np
from flint import fmpq

from mdps import MDP, InvalidArgument, OutOfReach, scalars
from mdps.arguments import reward_axes

ZERO: Any = fmpq(0)
ONE: Any = fmpq(1)


def plain(value: Any) -> np.ndarray:
    """An array, a tensor or nested lists as a numpy array, in the dtype that it has."""
    for method in ("detach", "cpu"):
        value = getattr(value, method, lambda value=value: value)()
    if not isinstance(value, np.ndarray) and callable(getattr(value, "numpy", None)):
        try:
            value = value.numpy()
        except TypeError as error:
            raise InvalidArgument(f"a tensor that numpy cannot hold ({error}); give tensor.float()") from None
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InvalidArgument(f"not a rectangular array: {error}") from None
    if array.dtype.kind == "V":  # bfloat16 and smaller ones, as JAX has them
        raise InvalidArgument(
            f"an array of {array.dtype}, which numpy cannot compute with; give array.astype('float32')"
        )
    return array


def exact_table(mdp: MDP, value: Any, name: str) -> np.ndarray:
    """A reward [s], [s, a] or [s, a, s'] in exact numbers; floats are the dyadic numbers that they are."""
    array = _array(value, name)
    reward_axes(mdp, array, name)
    return exact_numbers(array, name)


def exact_numbers(value: Any, name: str) -> np.ndarray:
    """Finite numbers, exactly; floats of any dtype are the dyadic numbers that they are."""
    array = _array(value, name)
    if array.dtype.kind not in "iufO":
        raise InvalidArgument(f"{name} has dtype {array.dtype}; expected numbers")
    if array.dtype == object and scalars.level_of(array) not in ("exact", "float"):
        raise OutOfReach(f"{name} is {scalars.level_of(array)}; a verdict needs floats or exact numbers")
    if not scalars.finite_mask(array).all():
        at = np.argwhere(~scalars.finite_mask(array))[0].tolist()
        raise InvalidArgument(f"{name}{at or ''} is {array[tuple(at)]}; expected finite numbers")
    return scalars.convert(array, "exact")


def _array(value: Any, name: str) -> np.ndarray:
    if callable(value) or isinstance(value, (dict, str)) or value is None:
        kind = "function" if callable(value) else type(value).__name__
        raise InvalidArgument(f"{name} is a {kind}; expected an array of numbers")
    return plain(value)
