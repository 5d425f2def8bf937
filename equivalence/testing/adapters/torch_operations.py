"""The ATen operations that have a meaning over other numbers than floats, by name.

What is not here is followed through the operations that torch knows to take its place, if they are; anything else makes
numbers that are lost, with its name. Views need no meaning, see `torch_memory`.
"""

from collections.abc import Callable
from typing import Any

from equivalence.testing.adapters.torch_activations import ACTIVATIONS
from equivalence.testing.adapters.torch_entries import ENTRIES
from equivalence.testing.adapters.torch_linear import LINEAR
from equivalence.testing.adapters.torch_losses import LOSSES
from equivalence.testing.adapters.torch_order import ORDER
from equivalence.testing.adapters.torch_places import PLACES
from equivalence.testing.adapters.torch_sums import SUMS

OPERATIONS: dict[str, Callable[..., Any]] = {**ENTRIES, **ACTIVATIONS, **SUMS, **ORDER, **LINEAR, **PLACES, **LOSSES}
CONSTANTS = frozenset(  # their values do not depend on the tensor that they are given
    {
        *("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"),
        *("arange", "eye", "full", "linspace", "ones", "scalar_tensor", "zeros", "lift_fresh_copy"),
    }
)
# Beside what says so of itself: the same memory in another shape.
VIEWS = frozenset(
    {"_unsafe_view", "squeeze_", "unsqueeze_", "t_", "transpose_", "swapaxes_", "swapdims_", "as_strided_", "detach_"}
)
MOVED = frozenset({"set_", "resize_", "resize_as_"})
KNOWN_TO_PYTHON = frozenset({"_local_scalar_dense", "is_nonzero", "equal", "allclose"})
UNFILLED = frozenset({"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "empty_permuted"})
# What an argument says about types and memory makes no difference to a number.
IGNORED = frozenset(
    {"dtype", "layout", "device", "pin_memory", "memory_format", "non_blocking", "generator", "implicit", "out_dtype"}
)


def name_of(operation: str) -> str:
    """The name here of an operation `aten::add`, or of the same one that decompositions know as `prims::add`."""
    library, _, name = operation.partition("::")
    same = library == "aten" or (library == "prims" and name in ENTRIES)
    return name if same else operation


def meaning(name: str, overload: str) -> Callable[..., Any] | None:
    """The meaning of an operation, of its overload if that has one of its own."""
    return OPERATIONS.get(f"{name}.{overload}", OPERATIONS.get(name))
