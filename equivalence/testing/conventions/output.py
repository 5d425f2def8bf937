"""What is done to right or wrong numbers at the end: a sign, a factor, a constant, an order of axes.

    x -> -x,   c x,   x / T,   x / (2 n),   x + c,   x - log n,   x^T,   x in reverse time

Factors are those that stand between sums and means, counts and frequencies, JSD and its halves, nats and bits; there
may be several, "over 2 over n", and any fraction, "times 1/10".
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from equivalence.testing.targets import Target, sizes
from mdps import scalars

SIZES = ("T", "horizon", "S", "A", "n", "gamma", "log2")  # of factors; horizon is the discounted one


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
    def shift(self) -> str:
        """What to add."""
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
    shift: str = "none"
    layout: str = "given"


def answered(target: Target, c: Answered) -> Callable[..., Any]:
    """The reference of a target, with what the switches do to its answer."""

    def formula(**given: Any) -> Any:
        parts = finished(target, target.value(given), given, c)
        return parts if len(target.parts) > 1 else parts[0]

    return formula


def finished(target: Target, parts: tuple[Any, ...], given: dict[str, Any], c: Output) -> tuple[Any, ...]:
    """The parts of an answer with sign, factor, constant and layout."""
    if c.sign == "opposite":
        parts = tuple(-part for part in parts)
    words = iter(c.factor.split() if c.factor != "one" else ())
    for how, size in zip(words, words, strict=True):
        for x in size.split("/")[:1]:
            parts = _times(parts, _size(given, parts, x), how == "times")
        for x in size.split("/")[1:]:
            parts = _times(parts, _size(given, parts, x), how != "times")
    if c.shift != "none":
        parts = tuple(part + constant(given, part, c.shift) for part in parts)
    if c.layout == "given":
        return parts
    return tuple(
        _laid_out(np.asarray(part), axes, c.layout) for part, (_, axes) in zip(parts, target.parts, strict=True)
    )


def _times(parts: tuple[Any, ...], factor: Any, times: bool) -> tuple[Any, ...]:
    if factor is None:
        return parts
    return tuple(part * factor if times else part / factor for part in parts)


def constant(given: dict[str, Any], like: Any, name: str) -> Any:
    """A constant by its name, "plus 3/4", "minus log n", in the arithmetic of `like`."""
    how, *what = name.split()
    like = np.asarray(like)
    if what[0] == "log":
        size = _size(given, (), what[1])
        x = 0 if size is None else _logarithm(size, like)
    else:
        fraction = Fraction(what[0])
        x = scalars.constant(fraction.numerator, like) / fraction.denominator
    return x if how == "plus" else -x


def _logarithm(n: int, like: np.ndarray) -> Any:
    one = scalars.constant(n, like)
    return math.log(one) if isinstance(one, (int, float)) else scalars.log(one)


def _size(given: dict[str, Any], parts: tuple[Any, ...], size: str) -> Any:
    """A factor by its name: a whole number, a size of the instance; None where the instance has no such size."""
    if size.removeprefix("-").isdigit():
        return int(size)
    if size == "log2":
        return _logarithm(2, np.asarray(parts[0]))
    if "mdp" not in given:
        return sizes(given).get(size)
    mdp = given["mdp"]
    if size == "horizon":  # the discounted horizon sum_t<T gamma^t
        return sum((mdp.discount**t for t in range(1, mdp.horizon)), mdp.discount**0)
    return {"T": mdp.horizon, "S": mdp.n_states, "A": mdp.n_actions, "gamma": mdp.discount}.get(size)


def _laid_out(part: np.ndarray, axes: str, layout: str) -> np.ndarray:
    if layout == "steps reversed":
        return part[::-1] if axes.startswith("t") else part
    if layout == "last two axes swapped":
        return np.swapaxes(part, -1, -2) if part.ndim > 1 else part
    return np.moveaxis(part, 0, -1) if part.ndim > 1 else part  # "first axis last"
