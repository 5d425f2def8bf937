"""Densities integrate to 1 in the coordinates in which they are used.

A density of x = g(y) is that of y over |det dg/dy|. For an action a = tanh(y) the log density is
log f(y) - log(1 - a^2) a dimension, and with a range [low, high] also - log((high - low) / 2): left out, it is a
density in other coordinates than those of the action, and the integral over the actions is not 1.

The integral is a trapezoidal sum after a double exponential change of variables,

    x = middle + half tanh(pi/2 sinh t)  on an interval,      x = center + scale sinh(pi/2 sinh t)  on the line,

which decays at both ends whatever the density does there, and whose error falls faster than any power of the step for
densities that are analytic inside. The step is halved until three sums in a row agree. In two dimensions it is a
product.

    allowed = 8 (|last sum - the one before| + u sum |terms| (1 + |log density|) + the outermost terms)

Assumes, and nobody checks: the density is analytic between the points `breaks`, and is not much narrower than a
thousandth of an interval (between breaks), or of `scale` on the line; a narrower peak is not found and counts as
missing mass (none at all is undecided). An integral above 1 is violated without the second of these.
Sees: any factor, a Jacobian that is missing, mass outside of the support that is said; to about 1e-13. Does not see a
wrong density that integrates to 1.
Where sums do not agree, the word is undecided.
Source: takahasi1974.
"""

import math
import time
from collections.abc import Callable, Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np

from equivalence.testing.relations.verdict import HOLDS, UNDECIDED, VIOLATED, RelationVerdict
from mdps import InvalidArgument

ALLOWANCE = 8
LAST = {1: 13, 2: 9}  # log2 of the most points along an axis
FIRST = {1: 6, 2: 5}
REACH = 4.0  # |t| of the outermost points: exp(-pi/2 e^4) is less than any float
COARSE = 2.0**-20  # an error above which nothing is said
UNIT = 2.0**-53


class Integral(NamedTuple):
    """A sum, what it may be off by, and what went wrong where nothing is known."""

    value: float
    allowed: float
    trouble: str = ""
    negative: str = ""


class _Point(NamedTuple):
    x: float
    weight: float


def check_density(
    density: Callable[..., Any],
    *,
    on: Any = "line",
    log: bool = False,
    breaks: Sequence[float] = (),
    center: float = 0.0,
    scale: float = 1.0,
    cases: Sequence[tuple[Any, ...]] = ((),),
) -> RelationVerdict:
    """Whether a density integrates to 1 over the coordinates that it is called with.

    density   takes x, a float (an array [2] in two dimensions), and what is in a case, and returns a number.
    on        'line', an interval (low, high), or a list of two of these for a density on a product.
    log       whether it returns the logarithm of the density, -inf where that is 0.
    breaks    points at which the density is not smooth, in one dimension.
    center, scale  of the line: where about the mass is, and how wide.
    cases     further arguments, one tuple a density: parameters, states.

    Errors: `InvalidArgument` for a domain that is none.
    """
    started = time.perf_counter()
    axes = _axes(on, breaks, center, scale)
    name = getattr(density, "__name__", type(density).__name__)
    found = [(case, integral(lambda x, case=case: _value(density(x, *case), log), axes)) for case in cases]
    words = [_word(one) for _, one in found]
    order = [VIOLATED, UNDECIDED, HOLDS]
    outcome = min(words, key=order.index)
    case, worst = max(found, key=lambda row: (-order.index(_word(row[1])), _margin(row[1])))
    decided = [one for (_, one), word in zip(found, words, strict=True) if word != UNDECIDED]
    message = _told(name, on, log, outcome, words, case, worst)
    return RelationVerdict(
        name,
        "normalized_density",
        outcome,
        "quadrature",
        len(words),
        words.count(VIOLATED),
        words.count(UNDECIDED),
        max(map(_margin, decided), default=0.0),
        {},
        message,
        defect=abs(worst.value - 1) if math.isfinite(worst.value) else math.inf,
        allowed=worst.allowed,
        place=f"case {case!r}" if case else "",
        floor=2 * max((one.allowed for one in decided), default=0.0),
        arguments=case if outcome == VIOLATED else (),
        seconds=time.perf_counter() - started,
    )


def _margin(one: Integral) -> float:
    return abs(one.value - 1) / one.allowed if one.allowed else math.inf


def _word(one: Integral) -> str:
    if one.negative:
        return VIOLATED
    if one.trouble:
        return UNDECIDED
    return HOLDS if abs(one.value - 1) <= one.allowed else VIOLATED


def _told(
    name: str, on: Any, log: bool, outcome: str, words: Sequence[str], case: tuple[Any, ...], worst: Integral
) -> str:
    counts = ", ".join(f"{words.count(word)} {word}" for word in (HOLDS, VIOLATED, UNDECIDED) if word in words)
    said = {HOLDS: f"holds of {name}", VIOLATED: f"is violated by {name}", UNDECIDED: f"is undecided of {name}"}
    lines = [
        f"normalized_density {said[outcome]}: quadrature, {len(words)} ({counts})",
        f"    relation  the integral of {'exp of ' if log else ''}{name}(x) over {_domain(on)} is 1",
        "    assumes   it is analytic between breaks, and no peak is narrower than a thousandth of the domain",
    ]
    at = f"{name}(x{''.join(f', {part!r}' for part in case)})"
    if worst.negative:
        lines.append(f"{at} {worst.negative}")
    elif worst.trouble:
        lines.append(f"{at}: {worst.trouble}")
    else:
        off = f"off by {abs(worst.value - 1):.2g}, allowed {worst.allowed:.2g}"
        lines.append(f"{at}: the integral is {worst.value!r}, {off}")
        if outcome == VIOLATED and worst.value > 0:
            lines.append(f"log of the integral: {math.log(worst.value):.6g}, what the log density is too high by")
    return "\n".join(lines)


def _domain(on: Any) -> str:
    if on == "line":
        return "the line"
    if _is_interval(on):
        return f"[{on[0]:g}, {on[1]:g}]"
    return " x ".join(_domain(axis) for axis in on)


def _is_interval(on: Any) -> bool:
    return isinstance(on, tuple) and len(on) == 2 and all(isinstance(x, (int, float)) for x in on)


def _axes(on: Any, breaks: Sequence[float], center: float, scale: float) -> list[list[Callable[[float], _Point]]]:
    """For each dimension the maps from t to points with weights, one a piece."""
    domains = [on] if on == "line" or _is_interval(on) else list(on) if isinstance(on, list) else None
    if domains is None or len(domains) not in (1, 2) or not all(d == "line" or _is_interval(d) for d in domains):
        raise InvalidArgument(f"on is {on!r}; expected 'line', an interval (low, high), or a list of two of these")
    if breaks and len(domains) > 1:
        raise InvalidArgument("breaks are points of one dimension")
    if not scale > 0:
        raise InvalidArgument(f"scale is {scale}; expected a positive number")
    axes = []
    for domain in domains:
        low, high = (-math.inf, math.inf) if domain == "line" else map(float, domain)
        if not low < high:
            raise InvalidArgument(f"the interval {domain!r} is empty")
        inner = sorted(x for x in breaks if low < x < high)
        axes.append([_map(a, b, center, scale) for a, b in pairwise([low, *inner, high])])
    return axes


def _map(low: float, high: float, center: float, scale: float) -> Callable[[float], _Point]:
    """The double exponential change of variables of a piece."""

    def onto(t: float) -> _Point:
        s, ds = math.pi / 2 * math.sinh(t), math.pi / 2 * math.cosh(t)
        if math.isinf(low) and math.isinf(high):
            return _Point(center + scale * math.sinh(s), scale * math.cosh(s) * ds)
        if math.isinf(low) or math.isinf(high):
            end, sign = (low, 1.0) if math.isinf(high) else (high, -1.0)
            return _Point(end + sign * scale * math.exp(s), scale * math.exp(s) * ds)
        # from the nearer end, so that what is close to it keeps its digits
        share = 1 / (1 + math.exp(2 * abs(s)))
        x = high - (high - low) * share if s > 0 else low + (high - low) * share
        return _Point(x, (high - low) / 2 * ds / math.cosh(s) ** 2)

    def inside(t: float) -> _Point:
        point = onto(t)
        outside = point.x <= low or point.x >= high or not math.isfinite(point.x)
        return _Point(math.nan, 0.0) if outside else point

    return inside


def integral(density: Callable[[Any], float], axes: list[list[Callable[[float], _Point]]]) -> Integral:
    """The integral of a density over a product of pieces."""
    total = allowed = 0.0
    for pieces in product(*axes):
        one = _piece(density, pieces)
        if one.trouble or one.negative:
            return one
        total, allowed = total + one.value, allowed + one.allowed
    if total <= COARSE:
        return Integral(total, math.inf, "no mass was found on this domain; say breaks, or center and scale")
    return Integral(total, allowed)


def _piece(density: Callable[[Any], float], maps: tuple[Callable[[float], _Point], ...]) -> Integral:
    dimensions = len(maps)
    sums: list[float] = []
    for level in range(FIRST[dimensions], LAST[dimensions] + 1):
        step = 2 * REACH / 2**level
        ts = [step * (k - 2 ** (level - 1)) for k in range(1, 2**level)]
        terms = [0.0]
        rounding = outer = 0.0
        axes = [[(i, point) for i, t in enumerate(ts) if (point := m(t)).weight] for m in maps]
        for chosen in product(*axes):
            x = chosen[0][1].x if dimensions == 1 else np.array([point.x for _, point in chosen])
            try:
                f = density(x)
            except Exception as error:
                return Integral(math.nan, math.inf, f"at x = {x} it raised {type(error).__name__}: {error}")
            if not math.isfinite(f):
                return Integral(math.nan, math.inf, f"at x = {x} the density is {f}")
            if f < 0:
                return Integral(math.nan, math.inf, negative=f"is {f} at x = {x}, and a density is not negative")
            term = f * math.prod(point.weight for _, point in chosen) * step**dimensions
            terms.append(term)
            rounding += term * (1 + (abs(math.log(f)) if f else 0.0))
            if any(i in (ends[0][0], ends[-1][0]) for (i, _), ends in zip(chosen, axes, strict=True)):
                outer += term
        sums.append(math.fsum(terms))
        if len(sums) >= 3 and _agree(sums):
            off = abs(sums[-1] - sums[-2]) + UNIT * rounding + outer / step
            if off * ALLOWANCE <= COARSE:
                return Integral(sums[-1], ALLOWANCE * off)
    return Integral(sums[-1], math.inf, f"its sums do not agree: {', '.join(f'{x:.6g}' for x in sums[-3:])}")


def _agree(sums: list[float]) -> bool:
    last, before, first = sums[-1], sums[-2], sums[-3]
    size = max(abs(last), 1.0)
    return abs(last - before) <= 2.0**-36 * size and abs(before - first) <= 2.0**-16 * size


def _value(returned: Any, log: bool) -> float:
    number = float(np.asarray(returned, dtype=float).reshape(()))
    return math.exp(number) if log and number < 709 else math.inf if log and not math.isnan(number) else number
