"""A subject: somebody's function of plain arrays, over floats and over numbers that are followed.

Whatever the framework, a subject is called with numpy arrays and Python numbers and answers with numpy arrays. The
module of its framework says how that is done, and how the function is run over other numbers than floats:

    in_floats(function, dtype)             the function of numpy arrays that calls it with arrays of the framework
    followed(function, floats, numbers)    what it returns over `numbers`, arrays of `Traced`; `floats` are the same
                                           arguments as floats, for a framework that traces a program first

numpy is followed by calling the function (`numpy_code`), JAX through its jaxpr (`jax_code`), torch operation by
operation as it runs (`torch_code`).
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from equivalence.testing.adapters.reached import contents, functions_reached, names_in
from mdps import InvalidArgument

MODULES = {name: f"equivalence.testing.adapters.{name}_code" for name in ("numpy", "jax", "torch")}


@dataclass(frozen=True, eq=False)
class Subject:
    """A function that is judged.

    function    as it was given.
    framework   'numpy', 'jax' or 'torch'.
    dtype       of the floats that it works with.
    in_floats   the function of numpy arrays.
    """

    function: Callable[..., Any]
    framework: str
    dtype: Any
    in_floats: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        """What it returns, as numpy arrays."""
        return self.in_floats(*arguments)

    @property
    def __wrapped__(self) -> Callable[..., Any]:  # for inspect
        return self.function

    @property
    def name(self) -> str:
        """The name of the function, for a report."""
        inner = getattr(self.function, "func", self.function)  # of a functools.partial
        name = getattr(inner, "__name__", type(inner).__name__)
        return name if name.isidentifier() else "subject"

    def followed(self, floats: Sequence[Any], numbers: Sequence[Any]) -> Any:
        """What it returns over numbers that are followed.

        Errors: `Untraceable` with the operation that has no meaning there.
        """
        return importlib.import_module(MODULES[self.framework]).followed(self.function, floats, numbers)


def subject_of(function: Callable[..., Any], *, framework: str | None = None, dtype: Any = np.float64) -> Subject:
    """The subject that a function is; its framework is found out if it is not said.

    Errors: `InvalidArgument` for a framework that is unknown or not installed.
    """
    if isinstance(function, Subject):
        return function
    if framework is not None and framework not in MODULES:
        raise InvalidArgument(f"framework is {framework!r}; expected {' or '.join(map(repr, MODULES))}")
    name = framework or framework_of(function)
    try:
        module = importlib.import_module(MODULES[name])
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise InvalidArgument(f"framework is {name!r}, which is not installed: pip install {name}") from error
    return Subject(function, name, np.dtype(dtype), module.in_floats(function, dtype))


def framework_of(function: Callable[..., Any]) -> str:
    """The framework whose names a function uses, itself or in what it calls by name; numpy if it is none of the others.

    Errors: `InvalidArgument` where it uses two.
    """
    roots = set(_roots(function))
    found = [name for name in MODULES if name != "numpy" and name in roots and name in sys.modules]
    if len(found) > 1:
        raise InvalidArgument(
            f"the subject uses {' and '.join(found)}: say which it works with, framework={found[0]!r}"
        )
    return found[0] if found else "numpy"


def _roots(function: Any) -> Iterator[str]:
    """The packages that a function, its class and the names in its code are of."""
    for x in (function, type(function), inspect.unwrap(function)):
        yield _root(x)
    yield from _defined(function)
    yield from (_root(base) for base in type(function).__mro__)
    for reached in functions_reached(function):
        names = names_in(reached.__code__)
        yield from {name.split(".")[0] for name in names} & MODULES.keys()  # imported within the function
        for x in (reached.__globals__[name] for name in names if name in reached.__globals__):
            yield from map(_root, x.__mro__ if inspect.isclass(x) else (x,))
        yield from map(_root, contents(reached))


def told(error: Exception) -> str:
    """An error on one line, without the notes that JAX adds to it."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__


def _defined(function: Any) -> Iterator[str]:
    """The packages whose code runs first, where decorators are around a function, `torch.no_grad()` say."""
    while function is not None:
        yield str(getattr(function, "__globals__", {}).get("__name__", "")).split(".")[0]
        function = getattr(function, "__wrapped__", None)


def _root(x: Any) -> str:
    name = x.__name__ if inspect.ismodule(x) else getattr(x, "__module__", None) or ""
    return {"jaxlib": "jax"}.get(str(name).split(".")[0], str(name).split(".")[0])
