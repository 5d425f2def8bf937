"""Named assumptions: predicates on an instance, defined once and bound by the names of their arguments."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


@dataclass(frozen=True, eq=False)
class Assumption:
    """A predicate on exact instances.

    structure   keywords of `mdps.strategies` and `mdps.random_models` that build models which meet it.
    establish   where it can be met by changing other parts of an instance: a function from the instance to the
                parts that change.
    """

    predicate: Callable[..., bool]
    structure: Mapping[str, Any] = field(default_factory=dict)
    establish: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None

    @property
    def name(self) -> str:
        """The assumption, as an identifier."""
        return self.predicate.__name__

    @property
    def text(self) -> str:
        """What is assumed, in a line."""
        return (inspect.getdoc(self.predicate) or "").splitlines()[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The parts of an instance that it is about."""
        return tuple(inspect.signature(self.predicate).parameters)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by name, as functions are."""
        return _by_name, (self.predicate.__module__, self.name)

    def __call__(self, instance: Mapping[str, Any]) -> bool:
        """Whether the instance meets the assumption."""
        return bool(self.predicate(**{name: instance[name] for name in self.arguments}))


def _by_name(module: str, name: str) -> Assumption:
    return getattr(import_module(module), name)


def assumption(
    *, establish: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None, **structure: Any
) -> Callable[[Callable[..., bool]], Assumption]:
    """Make a predicate an assumption."""
    return lambda predicate: Assumption(predicate, structure, establish)
