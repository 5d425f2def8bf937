"""What a piece of the museum is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Piece:
    """A wrong implementation beside a right one.

    target    what both claim to compute.
    function  the wrong one.     twin  the right one.
    mistake   the short name of the mistake, two of them joined by ' + ', or 'unknown' where no known one explains it.
    number    of the mistake in our list of those seen in public; 0 for others.
    options   of `judge`, for both: the shapes they take, and the kinds of instances that they are made for.
    held_out  whether it was written after the library of known mistakes, which was not changed for it.
    """

    target: str
    function: Callable[..., Any]
    twin: Callable[..., Any]
    mistake: str
    number: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    held_out: bool = False
    framework: str = "numpy"

    @property
    def name(self) -> str:
        """The name of the wrong function."""
        return self.function.__name__

    @property
    def text(self) -> str:
        """What is wrong: the docstring."""
        return " ".join((self.function.__doc__ or "").split())


def collector(
    pieces: list[Piece], *, held_out: bool = False, framework: str = "numpy"
) -> Callable[..., Callable[[Callable[..., Any]], Callable[..., Any]]]:
    """A decorator `wrong(target, twin, mistake, ...)` that adds pieces to a list."""

    def wrong(target: str, twin: Callable[..., Any], mistake: str, number: int = 0, **options: Any) -> Any:
        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            pieces.append(Piece(target, function, twin, mistake, number, options, held_out, framework))
            return function

        return register

    return wrong
