"""What is done to right or wrong numbers at the end: a sign, a factor, an order of axes.

    x -> -x,   c x,   x / T,   x^T,   x in reverse time

Factors are those that stand between sums and means, counts and frequencies, and JSD and its halves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from equivalence.testing.targets import Target, sizes


class Output(Protocol):
    """The switches that every family has."""

    @property
    def sign(self) -> str:
        """Given or opposite."""
        ...

    @property
    def factor(self) -> str:
        """What to multiply or divide by."""
        ...

    @property
    def layout(self) -> str:
        """The order of axes and steps."""
        ...


@dataclass(frozen=True)
class Answered:
    """The switches of a target whose formula has no others."""

    sign: str = "given"
    factor: str = "one"
    layout: str = "given"


def answered(target: Target, c: Answered) -> Callable[..., Any]:
    """The reference of a target, with what the switches do to its answer."""

    def formula(**given: Any) -> Any:
        parts = finished(target, target.value(given), given, c)
        return parts if len(target.parts) > 1 else parts[0]

    return formula


def finished(target: Target, parts: tuple[Any, ...], given: dict[str, Any], c: Output) -> tuple[Any, ...]:
    """The parts of an answer with sign, factor and layout."""
    factor = _factor(given, c.factor)
    if c.sign == "opposite":
        parts = tuple(-part for part in parts)
    if factor is not None:
        parts = tuple(part * factor if c.factor.startswith("times") else part / factor for part in parts)
    if c.layout == "given":
        return parts
    return tuple(
        _laid_out(np.asarray(part), axes, c.layout) for part, (_, axes) in zip(parts, target.parts, strict=True)
    )


def _factor(given: dict[str, Any], name: str) -> Any:
    if name == "one":
        return None
    size = name.split()[-1]
    if size in ("0", "2"):
        return int(size)
    if "mdp" not in given:
        return sizes(given).get("n") if size == "n" else None
    mdp = given["mdp"]
    if size == "horizon":  # the discounted horizon sum_t<T gamma^t
        return sum((mdp.discount**t for t in range(1, mdp.horizon)), mdp.discount**0)
    return {"T": mdp.horizon, "S": mdp.n_states, "A": mdp.n_actions}.get(size)


def _laid_out(part: np.ndarray, axes: str, layout: str) -> np.ndarray:
    if layout == "steps reversed":
        return part[::-1] if axes.startswith("t") else part
    if layout == "last two axes swapped":
        return np.swapaxes(part, -1, -2) if part.ndim > 1 else part
    return np.moveaxis(part, 0, -1) if part.ndim > 1 else part  # "first axis last"
