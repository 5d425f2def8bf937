"""What can be judged, for a terminal: each target with its signature and a line of what it is.

An array is told by its axes: `reward [s, a]`. A number has none.
"""

from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from equivalence.reports.rows import named_axes, target_options

MODEL = """\
A function is called with these by position, as numpy arrays and floats (horizon is an int). transition[s, a, s'] has a
row of zeros where an action is not available, and a state without actions is terminal. `judge` changes shapes by
reward_axes, policy_axes and axes, and passes a temperature, last, where temperature is asked for.
"""


def target_list(targets: Iterable[Any]) -> RenderableType:
    """Name, signature, options and meaning of each target (`equivalence.testing.Target`)."""
    lines: list[RenderableType] = []
    for target in targets:
        lines.append(Text(target.name, "bold"))
        lines.append(Padding(Text(signature(target)), (0, 0, 0, 4)))
        lines.append(Padding(Text(target.meaning), (0, 0, 0, 4)))
        if options := target_options(target):
            lines.append(Padding(Text(f"options: {', '.join(options)}", "dim"), (0, 0, 0, 4)))
    return Group(Text(MODEL.replace("\n", " ").strip()), Text(), *lines)


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
