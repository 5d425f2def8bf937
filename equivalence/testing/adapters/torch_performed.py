"""The operations that torch performs, performed a second time on the numbers that its tensors stand for.

Booleans and integers that come of numbers are written into torch's tensors, so that whatever they choose is chosen by
the numbers. An operation without a meaning is followed through those that torch knows to take its place; where there
are none, what it returns or changes is lost, with its name and the line that called for it.
"""

import os
import sys
from typing import Any

import numpy as np
import torch

from equivalence.testing.adapters.numbers import Traced, traced
from equivalence.testing.adapters.torch_memory import Lost, Memory, first_lost, found, numbers, place_of
from equivalence.testing.adapters.torch_names import TorchDispatchMode, decomposition_table, tree_flatten, tree_map
from equivalence.testing.adapters.torch_operations import (
    CONSTANTS,
    IGNORED,
    KNOWN_TO_PYTHON,
    MOVED,
    UNFILLED,
    VIEWS,
    meaning,
    name_of,
)
from equivalence.testing.adapters.untraceable import Untraceable
from mdps import OutOfReach
from mdps.scalars.field import current_field

MOST = 20_000  # operations of torch in one call, a second or two


class Operations(TorchDispatchMode):
    """Every operation within the block is also performed on the numbers in memory."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self._memory = memory
        self._left = MOST

    @classmethod
    def _should_skip_dynamo(cls) -> bool:  # else torch imports its compiler first, for two seconds
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What torch returns; the numbers of it are in memory."""
        before, self._memory.performing = self._memory.performing, True
        try:
            return self._dispatched(func, args, kwargs or {})
        finally:
            self._memory.performing = before

    def _dispatched(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Untraceable(f"more than {MOST:,} operations of torch")
        traced(0)  # raises after too many operations on numbers
        operation, _, overload = func.name().partition(".")
        name = name_of(operation)
        if name in MOVED:
            raise Untraceable(f"{_label(name)}, which gives a tensor other memory")
        if name in KNOWN_TO_PYTHON:
            return self._python_value(name, func, args)
        result_is_view = any(x.alias_info and not x.alias_info.is_write for x in func._schema.returns)
        if result_is_view or name in VIEWS or name in CONSTANTS:
            return func(*args, **kwargs)
        tensors = _tensors((args, kwargs))
        if name in UNFILLED or torch.Tag.nondeterministic_seeded in func.tags:
            return self._unknown(func, args, kwargs, name, tensors)
        followed = any(x.is_floating_point() or self._memory.holds(x) for x in tensors)
        if not followed and (not tensors or meaning(name, overload) is None):
            return func(*args, **kwargs)
        written = [i for i, x in enumerate(func._schema.arguments) if x.alias_info and x.alias_info.is_write]
        if not written and meaning(name, overload) is None and func in decomposition_table:
            with self:
                return decomposition_table[func](*args, **kwargs)
        return self._performed(func, args, kwargs, name, overload, written)

    def _performed(
        self, func: Any, args: Any, kwargs: dict[str, Any], name: str, overload: str, written: list[int]
    ) -> Any:
        """The operation, on floats and on numbers."""
        base = name.removesuffix("_") if written else name
        own = [x.name for x in func._schema.arguments]
        left_out = {own[i] for i in written} if overload.endswith("out") else set()
        given, named, lost = self._operands(args, {k: x for k, x in kwargs.items() if k not in IGNORED | left_out})
        if base == "nonzero" and lost is None:
            return func(self._which(args[0], given[0]), *args[1:])
        places = {place_of(x) for x in _tensors((args, kwargs))}
        result = func(*args, **kwargs)
        if written:
            into = tree_flatten([args[i] if i < len(args) else kwargs.get(own[i]) for i in written])[0]
        else:
            into = tree_flatten(result)[0]
            if all(not isinstance(x, torch.Tensor) or place_of(x) in places for x in into):
                return result  # it shares the memory of an argument
        values = lost or self._values(base, overload, given, named)
        parts = values if isinstance(values, tuple) else (values,) * (len(into) if isinstance(values, Lost) else 1)
        for tensor, part in zip(into, parts, strict=True):
            if isinstance(tensor, torch.Tensor):
                self._memory.write(tensor, _located(base, part, tensor))
        return result

    def _operands(self, args: Any, kwargs: dict[str, Any]) -> tuple[Any, Any, Lost | None]:
        """Arguments with numbers in place of tensors; and what is lost, if nothing can be chosen by it."""
        lost = []

        def operand(x: Any) -> Any:
            if not isinstance(x, torch.Tensor):
                return x
            values = self._memory.of(x)
            if not x.is_floating_point() and values.dtype == object and values.size:
                lost.append(first_lost(values))
            return values

        try:
            given, named = tree_map(operand, (args, kwargs))
        except OutOfReach as error:
            return (), {}, Lost(str(error))
        return given, named, lost[0] if lost else None

    def _values(self, name: str, overload: str, given: Any, named: dict[str, Any]) -> Any:
        """The numbers of the outputs, or why they are lost."""
        function = meaning(name, overload)
        if function is None:
            return Lost(f"{_label(name)}, which has no meaning over a field", _line())
        try:
            return function(*given, **named)
        except OutOfReach as error:
            return Lost(str(error))

    def _which(self, tensor: torch.Tensor, values: np.ndarray) -> torch.Tensor:
        """Which entries are not 0, by the numbers."""
        result = torch.empty(tensor.shape, dtype=torch.bool)
        self._memory.write(result, np.asarray(np.frompyfunc(bool, 1, 1)(numbers(found(values))), dtype=object))
        return result

    def _unknown(self, func: Any, args: Any, kwargs: Any, name: str, tensors: list[torch.Tensor]) -> Any:
        """What has no numbers: memory that is not filled yet, and random numbers.

        Random integers that come of no floats, an order to go through a batch say, are a branch.
        """
        result = func(*args, **kwargs)
        if name not in UNFILLED and not any(x.is_floating_point() for x in (*tensors, *_tensors(result))):
            current_field().branches += 1
            for x in _tensors(result):
                self._memory.write(x, x.numpy().copy())
            return result
        reason = "memory that was not filled" if name in UNFILLED else "random numbers"
        for x in _tensors(result):
            self._memory.write(x, np.full(tuple(x.shape), Lost(f"{_label(name)}: {reason}", _line()), dtype=object))
        return result

    def _python_value(self, name: str, func: Any, args: Any) -> Any:
        """What Python gets to know of numbers.

        Errors: `Untraceable` where it is a float that nobody knows, or a tolerance.
        """
        values = [found(self._memory.of(x)) for x in args[:2] if isinstance(x, torch.Tensor)]
        if name in ("equal", "allclose"):
            x, y = map(numbers, values)
            same = x.shape == y.shape or name == "allclose"
            same = same and all(a == b for a, b in zip(*map(np.ravel, np.broadcast_arrays(x, y)), strict=True))
            if name == "allclose" and not same:
                raise Untraceable("torch.allclose of different numbers, a comparison with a tolerance")
            return same
        [value] = values[0].ravel()
        if name == "is_nonzero":
            return bool(value)
        if not isinstance(value, Traced):
            return func(*args)
        try:
            return float(value)
        except Untraceable as error:
            raise Untraceable("float(x) of a tensor, where x.item() is followed") from error


def _tensors(x: Any) -> list[torch.Tensor]:
    return [y for y in tree_flatten(x)[0] if isinstance(y, torch.Tensor)]


def _label(name: str) -> str:
    return name.replace("::", ".") if "::" in name else f"aten.{name}"


def _located(name: str, part: Any, tensor: torch.Tensor) -> np.ndarray:
    """Numbers in the shape of an output; what is lost for the first time by the operation and its line."""
    shape = tuple(tensor.shape)
    part = Lost("a result that serves floats alone") if part is None else part
    array = np.full(shape, part, dtype=object) if isinstance(part, Lost) else np.asarray(part, dtype=object)
    array = array if array.shape == shape else np.broadcast_to(array, shape)
    for x in array.ravel():
        if type(x) is Lost and not x.line:
            x.reason, x.line = f"{_label(name)}: {x.reason}", _line()
    return array


def _line() -> str:
    """The line that called for the operation, outside of torch and of this package."""
    frame: Any = sys._getframe()
    own = os.path.dirname(__file__), os.path.dirname(torch.__file__)
    while frame is not None and frame.f_code.co_filename.startswith(own):
        frame = frame.f_back
    return "" if frame is None else f" ({os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno})"
