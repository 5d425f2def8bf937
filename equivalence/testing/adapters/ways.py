"""The ways to call somebody's function, of which the first that works is kept.

A framework is found by the names that a function uses (`subject.framework_of`), which does not always tell. One that
uses nothing but methods of its arguments may want tensors: where it raises with numpy's arrays what a method that they
do not have raises, it is called with the arrays of torch, or of JAX. One that names torch may make tensors itself, of
numpy's arrays: where it raises with tensors it is called with these. What works with the first instance is how it is
called from then on; where nothing does, what it raised the first way is what is said.
"""

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from mdps import InvalidArgument

MODULES = {name: f"equivalence.testing.adapters.{name}_code" for name in ("numpy", "jax", "torch")}


class Way(NamedTuple):
    """A way to call a function: `function` takes arrays of the framework, `in_floats` numpy's."""

    framework: str
    function: Callable[..., Any]
    in_floats: Callable[..., Any]

    def followed(self, floats: Sequence[Any], numbers: Sequence[Any]) -> Any:
        """What the function returns over numbers that are followed."""
        return _module(self.framework).followed(self.function, floats, numbers)


def way_of(function: Callable[..., Any], framework: str, dtype: Any) -> Way:
    """The way of a function of arrays of a framework.

    Errors: `InvalidArgument` where it is not installed.
    """
    return Way(framework, function, _module(framework).in_floats(function, dtype))


def way_that_works(first: Way, arguments: Sequence[Any], dtype: Any) -> Way:
    """The first of the ways in which the function returns; the first of all where it does in none."""
    error = _raised(first, arguments)
    if error is None:
        return first
    return next((way for way in _others(first, error, dtype) if _raised(way, arguments) is None), first)


def _others(first: Way, error: Exception, dtype: Any) -> Iterator[Way]:
    """The ways to call a function that raised an error the first way."""
    if first.framework == "torch":
        yield way_of(_module("torch").of_arrays(first.function), "torch", dtype)
    if first.framework == "numpy" and isinstance(error, (AttributeError, TypeError)):
        names = [name for name in ("torch", "jax") if name in sys.modules or find_spec(name) is not None]
        for name in sorted(names, key=lambda name: name not in sys.modules):
            yield way_of(first.function, name, dtype)


def _raised(way: Way, arguments: Sequence[Any]) -> Exception | None:
    """What the function raises, of a copy of the arguments."""
    try:
        with np.errstate(all="ignore"):
            way.in_floats(*(x.copy() if isinstance(x, np.ndarray) else x for x in arguments))
    except Exception as error:
        return error
    return None


def _module(framework: str) -> Any:
    try:
        return importlib.import_module(MODULES[framework])
    except ModuleNotFoundError as error:
        if error.name != framework:
            raise
        raise InvalidArgument(f"framework is {framework!r}, which is not installed: pip install {framework}") from error
