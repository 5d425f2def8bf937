"""What brings numbers out of torch's tensors, or into them, without an operation: x.numpy(), x.item(), torch.tensor."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from equivalence.testing.adapters.arrays import traced_array
from equivalence.testing.adapters.numbers import Traced
from equivalence.testing.adapters.torch_memory import Memory, found, numbers


class Outside(TorchFunctionMode):
    """What brings numbers out of tensors, or into them, without an operation."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self._memory = memory

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What torch's function returns, with the numbers for the few that these rules are of."""
        kwargs = kwargs or {}
        if self._memory.performing:  # asked by the operations themselves, within a script that torch compiled
            return func(*args, **kwargs)
        if func is torch.Tensor.__array_wrap__:
            return self.made(kwargs["array"] if "array" in kwargs else args[1])
        if any(type(x) is Traced for x in args):
            args = tuple(self.made(x) if type(x) is Traced else x for x in args)
        if func in (torch.tensor, torch.as_tensor, torch.asarray) and _holds_numbers(args[0] if args else kwargs):
            return self.made(*args, **kwargs)
        if func in FILLED and isinstance(kwargs.get("fill_value", args[-1] if args else None), torch.Tensor):
            return FILLED[func](*args, **kwargs)
        if func in (torch.Tensor.numpy, torch.Tensor.__array__) and args[0].is_floating_point():
            array = traced_array(found(self._memory.of(args[0].detach())))
            return array if isinstance(array, np.ndarray) else np.asarray(array, dtype=object)
        if func in (torch.Tensor.__format__, torch.Tensor.__repr__) and args[0].is_floating_point():
            return _shown(args[0].detach(), *args[1:])
        if func in (torch.Tensor.item, torch.Tensor.tolist) and args[0].is_floating_point():
            return _listed(args[0].detach())
        return func(*args, **kwargs)

    def made(self, data: Any, *, dtype: Any = None, requires_grad: bool = False, **kwargs: Any) -> torch.Tensor:
        """A new tensor of tensors and numbers."""
        kwargs.pop("copy", None)
        return self._collected(data, dtype).detach().clone().requires_grad_(requires_grad)

    def _collected(self, data: Any, dtype: Any) -> torch.Tensor:
        if isinstance(data, torch.Tensor):
            return data if dtype is None else data.to(dtype)
        if isinstance(data, np.ndarray) and data.dtype == object:
            if not any(isinstance(x, torch.Tensor) for x in data.flat):
                tensor = torch.zeros(data.shape, dtype=dtype or torch.float64)
                self._memory.write(tensor, numbers(np.asarray(data)))
                return tensor
            data = list(data) if data.ndim else data[()]
        if isinstance(data, (list, tuple)):
            parts = [self._collected(x, dtype) for x in data]
            kind = torch.get_default_dtype() if not parts else parts[0].dtype
            for part in parts:
                kind = torch.promote_types(kind, part.dtype)
            return torch.stack([part.to(kind) for part in parts]) if parts else torch.tensor([])
        if isinstance(data, Traced):
            tensor = torch.zeros((), dtype=dtype or torch.float64)
            self._memory.write(tensor, numbers(data))
            return tensor
        return torch.tensor(data, dtype=dtype)


@contextmanager
def outside(memory: Memory) -> Iterator[None]:
    """A block in which the rules hold, for functions of torch that no mode can see too."""
    mode = Outside(memory)
    kept = torch.from_numpy
    torch.from_numpy = lambda x: mode.made(x) if _holds_numbers(x) else kept(x)
    try:
        with mode, warnings.catch_warnings():
            # numpy's, of a number that is a tensor here and a float otherwise
            warnings.filterwarnings("ignore", "__array_wrap__ must accept context", DeprecationWarning)
            yield
    finally:
        torch.from_numpy = kept


def _holds_numbers(data: Any) -> bool:
    """Whether there is a tensor, or a number that is followed, in what a tensor is to be made of."""
    if isinstance(data, (list, tuple)):
        return any(map(_holds_numbers, data))
    return isinstance(data, (torch.Tensor, Traced)) or (isinstance(data, np.ndarray) and data.dtype == object)


def _shown(tensor: torch.Tensor, how: str = "", **kwargs: Any) -> str:
    """What is printed in passing: the floats that go along."""
    array = tensor.resolve_neg().numpy()
    return f"tensor({array})" if tensor.ndim or not how else format(float(array), how)


def _full(
    size: Any, fill_value: torch.Tensor, *, dtype: Any = None, requires_grad: bool = False, **kwargs: Any
) -> torch.Tensor:
    kind = dtype or (torch.get_default_dtype() if fill_value.is_floating_point() else fill_value.dtype)
    return fill_value.detach().to(kind).expand(size).clone().requires_grad_(requires_grad)


def _full_like(tensor: torch.Tensor, fill_value: torch.Tensor, *, dtype: Any = None, **kwargs: Any) -> torch.Tensor:
    return _full(
        tensor.shape, fill_value, dtype=dtype or tensor.dtype, requires_grad=kwargs.get("requires_grad", False)
    )


def _new_full(
    tensor: torch.Tensor, size: Any, fill_value: torch.Tensor, *, dtype: Any = None, **kwargs: Any
) -> torch.Tensor:
    return _full(size, fill_value, dtype=dtype or tensor.dtype, requires_grad=kwargs.get("requires_grad", False))


FILLED = {torch.full: _full, torch.full_like: _full_like, torch.Tensor.new_full: _new_full}


def _listed(tensor: torch.Tensor) -> Any:
    """Entries as tensors without axes, in lists."""
    return [_listed(x) for x in tensor] if tensor.ndim else tensor.clone()
