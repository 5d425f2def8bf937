"""The door of objectives over prompts x and responses y.

    policy, reference   [..., x, y]      rows are probability vectors
    reward, logits      [..., x, y]      finite numbers
    comparisons         [..., x, w, l]   a law over a prompt, a preferred response w and a rejected one l
    pairs               [..., x, y, z]   a law over a prompt and two responses that are to be compared
    preferences         [..., x, y, z]   the probability that y is preferred to z: that and its mirror sum to 1

All arguments of one call are in one arithmetic, see `equivalence.objectives.space`. Leading axes broadcast.
"""

from typing import Any

import numpy as np

from equivalence.objectives.space import common_arithmetic
from mdps import InvalidArgument, InvalidModel, scalars
from mdps.arguments import FACTORS_OF_A_LAW, checked_temperature
from mdps.door import check_distribution

ROWS = ("policy", "reference")
TABLES = (*ROWS, "reward", "logits")
LAWS = ("comparisons", "pairs")


def checked(**arguments: Any) -> tuple[np.ndarray, ...]:
    """The arguments as arrays in their common arithmetic, in the order given; of the table above, or `temperature`.

    Errors: `InvalidArgument` for another shape, NaN, infinite numbers, negative probabilities, a wrong sum, or floats
    beside exact numbers.
    """
    arrays = common_arithmetic(**arguments)
    shapes = {}
    for name, array in arrays.items():
        if name == "temperature":
            checked_temperature(array, scalars.level_of(array))
            continue
        axes = 2 if name in TABLES else 3
        square = axes == 2 or array.shape[-1:] == array.shape[-2:-1]
        if array.ndim < axes or 0 in array.shape[-axes:] or not square:
            expected = "[..., x, y]" if axes == 2 else "[..., x, y, y']"
            raise InvalidArgument(f"{name} has shape {array.shape}; expected {expected}, prompts and responses")
        shapes[name] = array.shape[: array.ndim + 2 - axes]
        if scalars.level_of(array) != "carrier":
            _check_numbers(name, array)
    if len({shape[-2:] for shape in shapes.values()}) > 1:
        found = ", ".join(f"{name} {arrays[name].shape}" for name in shapes)
        raise InvalidArgument(f"prompts and responses differ: {found}")
    try:
        np.broadcast_shapes(*shapes.values())
    except ValueError:
        found = ", ".join(f"{name} {arrays[name].shape}" for name in shapes)
        raise InvalidArgument(f"leading axes do not broadcast: {found}") from None
    return tuple(arrays.values())


def _check_numbers(name: str, array: np.ndarray) -> None:
    rows = array
    if name in LAWS:
        rows = array.reshape(*array.shape[:-3], -1)
    elif name == "preferences":
        negative = scalars.negative_mask(array)
        if negative.any():
            at = [int(i) for i in np.argwhere(negative)[0]]
            raise InvalidArgument(f"preferences{at} is {array[tuple(at)]}, which is negative; expected a probability")
        rows = np.stack([array, np.swapaxes(array, -1, -2)], axis=-1)
    elif name not in ROWS:
        return
    for index in np.ndindex(rows.shape[:-1]):
        place = f"{name}{list(index)}" if index else name
        if name == "preferences":
            place = f"preferences{list(index)} and its mirror"
        try:
            check_distribution(place, rows[index], factors=FACTORS_OF_A_LAW)
        except InvalidModel as error:
            raise InvalidArgument(str(error)) from None


def check_covered(policy: np.ndarray, reference: np.ndarray, names: str = "policy") -> None:
    """The policy does nothing that the reference never does: KL(policy || reference) is finite."""
    policy, reference = np.broadcast_arrays(policy, reference)
    stray = ~scalars.zero_mask(policy) & scalars.zero_mask(reference)
    if stray.any():
        at = [int(i) for i in np.argwhere(stray)[0]]
        raise InvalidArgument(
            f"{names}{at} is {policy[tuple(at)]} where the reference is 0: KL(policy || reference) is infinite"
        )
