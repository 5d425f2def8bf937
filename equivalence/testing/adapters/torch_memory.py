"""The numbers that the memory of torch's tensors stands for while a function is followed.

Tensors that share memory (views, `x.data`, a parameter made of a tensor) share numbers: a storage has one array of
them, and a tensor is a view of it with the tensor's own sizes and strides. So operations in place need no rules of
their own. Memory that nobody followed the making of holds constants, which are read (`written.read`).

Only floats are kept here; tensors of integers and booleans hold their values themselves. A number that cannot be
computed is `Lost`, and so is what is computed from it. It matters where it is returned, or decides a branch.
"""

from typing import Any

import numpy as np
import torch

from equivalence.testing.adapters.numbers import Traced, traced
from equivalence.testing.adapters.untraceable import Untraceable
from equivalence.testing.adapters.written import read
from mdps import OutOfReach


class Lost:
    """A number that could not be computed: the reason, and the line of the code, once it is known."""

    __slots__ = ("line", "reason")

    def __init__(self, reason: str, line: str = "") -> None:
        self.reason = reason
        self.line = line


def number(x: Any) -> Any:
    """A scalar as a number that is followed, or lost where it cannot be read."""
    if type(x) is Traced or type(x) is Lost:
        return x
    try:
        return traced(int(x) if isinstance(x, (bool, np.bool_, np.integer)) else x)
    except OutOfReach as error:
        return Lost(str(error))


_numbers = np.frompyfunc(number, 1, 1)


def numbers(x: Any) -> np.ndarray:
    """A scalar or an array of numbers as an array of numbers that are followed."""
    if isinstance(x, np.ndarray):
        return x.view(np.ndarray) if x.dtype == object else np.asarray(_numbers(x.astype(object)), dtype=object)
    array = np.empty((), dtype=object)
    array[()] = number(x)
    return array


def first_lost(array: np.ndarray) -> Lost | None:
    """A number of an array that is lost, if there is any."""
    return next((x for x in array.ravel() if type(x) is Lost), None)


def found(values: np.ndarray, *, after: bool = False) -> np.ndarray:
    """A copy of numbers of which none may be lost.

    after  whether the code has run: then an error has not gone through its line, which is named.

    Errors: `Untraceable` with the reason of one that is.
    """
    lost = first_lost(values) if values.dtype == object else None
    if lost is not None:
        raise Untraceable(lost.reason + lost.line * after)
    return values.copy()


class Memory:
    """The numbers of storages, by the place of a storage; what is kept here is not freed."""

    def __init__(self) -> None:
        self._floats: dict[int, tuple[torch.Tensor, np.ndarray]] = {}
        self._lost: dict[int, tuple[torch.Tensor, Lost]] = {}  # storages of integers and booleans
        self.performing = False  # whether an operation is being performed

    def of(self, tensor: torch.Tensor) -> Any:
        """The numbers of a tensor of floats as a view of memory; a copy of the values of any other, unless it is lost.

        Errors: `Untraceable` for memory without a plain layout, or seen as of another type.
        """
        if not tensor.is_floating_point():
            return self._values(tensor)
        if not tensor.numel():
            return np.empty(tuple(tensor.shape), dtype=object)
        place = _place(tensor)
        if not place:
            return np.full(tuple(tensor.shape), number(0), dtype=object)
        if place in self._lost:
            return np.full(tuple(tensor.shape), self._lost[place][1], dtype=object)
        if place not in self._floats:
            self._keep(tensor, _constants(_whole(tensor)))
        kept, held = self._floats[place]
        if kept.dtype != tensor.dtype:
            raise Untraceable(_seen_as(kept, tensor))
        strides = [held.itemsize * step for step in tensor.stride()]
        return np.lib.stride_tricks.as_strided(held[tensor.storage_offset() :], tuple(tensor.shape), strides)

    def _values(self, tensor: torch.Tensor) -> np.ndarray:
        """The values of integers, booleans or complex numbers."""
        place = _place(tensor)
        if place in self._lost:
            return np.full(tuple(tensor.shape), self._lost[place][1], dtype=object)
        if tensor.numel() and place in self._floats:
            raise Untraceable(_seen_as(self._floats[place][0], tensor))
        return tensor.detach().resolve_conj().numpy().copy()

    def write(self, tensor: torch.Tensor, values: np.ndarray) -> None:
        """From now on the tensor stands for these numbers; integers and booleans are written into the tensor."""
        if not tensor.numel():
            return
        if not tensor.is_floating_point():
            self._write_known(tensor, values)
            return
        if _place(tensor) not in self._floats:
            size = tensor.untyped_storage().nbytes() // tensor.element_size()
            self._keep(tensor, np.full(size, Lost("memory that was not filled"), dtype=object))
        self.of(tensor)[...] = numbers(values)

    def _write_known(self, tensor: torch.Tensor, values: np.ndarray) -> None:
        kind = bool if tensor.dtype == torch.bool else int
        array = np.empty(tuple(tensor.shape), dtype=kind)
        lost = Lost("complex numbers") if tensor.is_complex() else first_lost(values)
        try:
            array[...] = array if lost else np.frompyfunc(kind, 1, 1)(values)
        except OutOfReach as error:
            lost = Lost(str(error))
        if lost:
            self._lost[_place(tensor)] = tensor, lost
            return
        tensor.copy_(torch.from_numpy(array))
        if tensor.numel() * tensor.element_size() == tensor.untyped_storage().nbytes():
            self._lost.pop(_place(tensor), None)

    def holds(self, tensor: torch.Tensor) -> bool:
        """Whether something is known of the memory of a tensor."""
        place = _place(tensor)
        return place in self._floats or place in self._lost

    def _keep(self, tensor: torch.Tensor, held: np.ndarray) -> None:
        self._floats[_place(tensor)] = tensor.detach(), held


def _seen_as(kept: torch.Tensor, tensor: torch.Tensor) -> str:
    return f"numbers of {kept.dtype} seen as {tensor.dtype}"


def _place(tensor: torch.Tensor) -> int:
    if tensor.layout != torch.strided:
        raise Untraceable(f"a tensor of layout {tensor.layout}")
    if tensor._is_zerotensor():  # a derivative that torch knows to be 0 has no memory
        return 0
    return tensor.untyped_storage().data_ptr()


def place_of(tensor: torch.Tensor) -> int:
    """Where the storage of a tensor is; 0 where it has none."""
    return _place(tensor)


def _whole(tensor: torch.Tensor) -> np.ndarray:
    """All floats in the storage of a tensor."""
    size = tensor.untyped_storage().nbytes() // tensor.element_size()
    flat = tensor.detach().as_strided((size,), (1,), 0)
    return (flat if flat.dtype in (torch.float32, torch.float64) else flat.float()).numpy()


def _constants(floats: np.ndarray) -> np.ndarray:
    """What floats stand for, entry by entry."""
    values, places = np.unique(floats, return_inverse=True)
    known = np.empty(len(values), dtype=object)
    known[:] = [_constant(x) for x in values]
    return known[places.reshape(-1)]


def _constant(x: Any) -> Any:
    try:
        return traced(read(x))
    except OutOfReach as error:
        return Lost(str(error))
