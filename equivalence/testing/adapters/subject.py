"""A subject: somebody's function of plain arrays, over floats and over numbers that are followed.

Whatever the framework, a subject is called with numpy arrays and Python numbers and answers with numpy arrays. The
module of its framework says how that is done, and how the function is run over other numbers than floats:

    in_floats(function, dtype)             the function of numpy arrays that calls it with arrays of the framework
    followed(function, floats, numbers)    what it returns over `numbers`, arrays of `Traced`; `floats` are the same
                                           arguments as floats, for a framework that traces a program first

numpy is followed by calling the function (`numpy_code`), JAX through its jaxpr (`jax_code`), torch operation by
operation as it runs (`torch_code`). Where the framework was found out, another way to call the function is tried if the
first one raises (`ways`).
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from equivalence.testing.adapters.guarded import DidNotReturn, Patience
from equivalence.testing.adapters.reached import contents, functions_reached, names_in
from equivalence.testing.adapters.ways import MODULES, Way, way_of, way_that_works
from mdps import InvalidArgument


@dataclass(eq=False)
class Subject:
    """A function that is judged.

    function    as it was given.
    dtype       of the floats that it works with.
    way         how it is called.
    settled     whether that is how; else it is found out where it is called first.
    """

    function: Callable[..., Any]
    dtype: Any
    way: Way
    settled: bool = True
    patience: Patience = field(default_factory=Patience)

    def __call__(self, *arguments: Any) -> Any:
        """What it returns, as numpy arrays.

        Errors: `DidNotReturn`, beside what it raises.
        """
        return self.patience.answer(lambda: self._way(arguments).in_floats(*arguments))

    @property
    def framework(self) -> str:
        """'numpy', 'jax' or 'torch'."""
        return self.way.framework

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

        Errors: `Untraceable` with the operation that has no meaning there; `DidNotReturn`.
        """
        return self.patience.answer(lambda: self._way(floats).followed(floats, numbers))

    def _way(self, arguments: Sequence[Any]) -> Way:
        """How it is called, which is found out with the first arguments."""
        if not self.settled:
            self.settled = True
            self.way = way_that_works(self.way, arguments, self.dtype)
        return self.way


def subject_of(function: Callable[..., Any], *, framework: str | None = None, dtype: Any = np.float64) -> Subject:
    """The subject that a function is; its framework is found out if it is not said.

    Errors: `InvalidArgument` for a framework that is unknown or not installed.
    """
    if isinstance(function, Subject):
        return function
    if framework is not None and framework not in MODULES:
        raise InvalidArgument(f"framework is {framework!r}; expected {' or '.join(map(repr, MODULES))}")
    way = way_of(function, framework or framework_of(function), dtype)
    return Subject(function, np.dtype(dtype), way, settled=framework is not None)


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
    if isinstance(error, DidNotReturn):
        return str(error)
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
