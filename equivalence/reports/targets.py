"""What can be judged, for a terminal: the targets of each module, each with its signature and a line of what it is.

An array is told by its axes: `reward [s, a]`. A number has none. A target that returns several arrays can be judged on
each of them alone, by its name after a dot; these are named with it and not shown again.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from equivalence.reports.rows import named_axes, target_options

MODEL = """\
A function is called with these by position, as numpy arrays and floats (horizon is an int). transition[s, a, s'] has a
row of zeros where an action is not available, and a state without actions is terminal. Options of `judge` change what
it is given: shapes by reward_axes, policy_axes and axes; temperature=True passes a temperature, last; features=True
features and theta in place of the reward, and the expert's feature expectations; costs=True costs, -reward;
transition_axes="asx" another order of axes; logs=True logarithms of policies; and mean=True expects means.
infinite_horizon=True passes no horizon and a discount below 1, and nothing has an axis t; with stops_at=X its
iterations may stop where their last change is X.
"""


def target_list(targets: Iterable[Any]) -> RenderableType:
    """Name, signature, meaning and options of each target (`equivalence.testing.Target`), by module."""
    listed = list(targets)
    parts = parts_alone(listed)
    lines: list[RenderableType] = []
    whole = sorted((target for target in listed if target.name not in parts), key=lambda target: module_of(target.name))
    for module, group in groupby(whole, key=lambda target: module_of(target.name)):
        lines += [Text(), Text(module, "bold underline")]
        for target in group:
            lines.append(Text(target.name, "bold"))
            lines.append(Padding(Text(signature(target)), (0, 0, 0, 4)))
            lines.append(Padding(Text(target.meaning), (0, 0, 0, 4)))
            alone = [name for name, parent in parts.items() if parent == target.name]
            if alone:
                lines.append(Padding(Text(f"alone: {', '.join(alone)}"), (0, 0, 0, 4)))
            if options := target_options(target):
                lines.append(Padding(Text(f"options: {', '.join(options)}", "dim"), (0, 0, 0, 4)))
    return Group(Text(MODEL.replace("\n", " ").strip()), *lines)


def module_of(name: str) -> str:
    """The module of a target.

    >>> module_of("causal.gradient"), module_of("soft_solution.q")
    ('causal', 'mdps')
    """
    module = name.partition(".")[0]
    return "mdps" if "." not in name or module in ("soft_solution", "optimal_solution") else module


def parts_alone(targets: Iterable[Any]) -> dict[str, str]:
    """The targets that are one part of another one, with its name.

    >>> from equivalence.testing import TARGETS
    >>> parts_alone(TARGETS.values())["soft_solution.q"]
    'soft_solution'
    """
    named = {target.name: {part for part, _ in target.parts} for target in targets}
    split = {name: name.rpartition(".") for name in named}
    return {name: parent for name, (parent, _, part) in split.items() if part in named.get(parent, ())}


def signature(target: Any) -> str:
    """What a function of a target takes and returns, in plain arrays.

    >>> from equivalence.testing import TARGETS
    >>> signature(TARGETS["ebm.log_likelihood"])
    '(energy [n], data [n]) -> a number'
    """
    taken = ", ".join(_array(name, named_axes(target.argument_axes(name))) for name in target.passed)
    returned = [_array(name, named_axes(axes)) or "a number" for name, axes in target.parts]
    return f"({taken}) -> {returned[0] if len(returned) == 1 else '(' + ', '.join(returned) + ')'}"


def _array(name: str, axes: list[str]) -> str:
    return f"{name} [{', '.join(axes)}]".strip() if axes else name
