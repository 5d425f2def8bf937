"""Rows of the tables of targets, written short.

    row("causal.gradient", "mdp reward expert temperature", "R", causal.gradient, "(expert - ...) / alpha")

Several parts are pairs of a name and axes; `members` makes a target of each of them, with its name after a dot.
"""

from collections.abc import Callable, Sequence
from typing import Any

from equivalence.testing.targets.target import Target


def row(
    name: str,
    arguments: str,
    returns: str | Sequence[tuple[str, str]],
    reference: Callable[..., Any],
    meaning: str,
    **more: Any,
) -> Target:
    """A target; `returns` are the axes of the one array, or pairs of names and axes.

    Axes and roles may be those of a whole table: what is said of other arguments is left out.
    """
    parts = (("", returns),) if isinstance(returns, str) else tuple(returns)
    names = tuple(arguments.split())
    for field in {"axes", "roles"} & set(more):
        more[field] = {argument: x for argument, x in more[field].items() if argument in names}
    return Target(name, names, parts, reference, meaning, **more)


def members(
    name: str,
    arguments: str,
    parts: Sequence[tuple[str, str, str]],
    reference: Callable[..., Any],
    meaning: str,
    *,
    paid: Sequence[str] = (),
    **more: Any,
) -> tuple[Target, ...]:
    """The target that returns several parts (name, axes, meaning), and one for each of them alone."""
    pairs = [(part, axes) for part, axes, _ in parts]
    roads = more.pop("roads", ())
    each = (
        row(
            f"{name}.{part}",
            arguments,
            axes,
            member(reference, i),
            own,
            paid=("",) if part in paid else (),
            roads=tuple(member(road, i) for road in roads),
            **more,
        )
        for i, (part, axes, own) in enumerate(parts)
    )
    return (row(name, arguments, pairs, reference, meaning, paid=tuple(paid), roads=roads, **more), *each)


def member(function: Callable[..., Any], i: int) -> Callable[..., Any]:
    """The i-th of what a function returns."""
    return lambda **values: function(**values)[i]


def with_form(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """The function with options of its own."""
    return lambda **values: function(**values, **options)
