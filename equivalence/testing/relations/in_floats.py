"""A relation in floats, where no truth is known that they could be held against.

Both sides are made of what the subject returned, exactly: its floats are rational numbers. They differ by its rounding
at least, of which nothing is known but what the subject itself shows. It is asked again at neighbors, instances whose
numbers are off by up to 4 u at random (rows of probabilities keep their sum), and

    allowed = ALLOWANCE * (u * size * scale + spread of the left side + spread of the right side),

u the unit roundoff of the coarsest floats that it takes or returns, scale the largest entry of both sides, size
1 + T + the largest value in nats that
the instance can have (an exponent of size M is off by M u, whatever comes of it: exp(Q - V) = 1 within |V| u), spread
the largest distance of a side from its value where every entry of every answer is off by as much as it is at a
neighbor, up or down at random (in a sum that is 1 at every neighbor, what is off cancels otherwise, and rounding does
not).

What is assumed: the subject is off by no more than ALLOWANCE times what exponents of that size, and so small changes
of its arguments, do to it. That is an estimate, and no bound: code that loses more digits than its arguments do, by
cancellation on the way, would be called violating. Over a field nothing is assumed.

    violated   a defect beyond what is allowed, or an entry that is not finite on one side alone
    undecided  the subject raised, or what is allowed is more than sqrt(u) of the scale
    holds      everything else
"""

import math
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from equivalence.testing.adapters.subject import Subject
from equivalence.testing.relations.relation import Asked, Pair, Relation
from equivalence.testing.relations.verdict import HOLDS, UNDECIDED, VIOLATED
from equivalence.testing.targets import AXIS_NAMES, Instance, Target, largest_number
from mdps import MDP, InvalidArgument, InvalidModel, scalars
from mdps.scalars.rationals import dyadic

ALLOWANCE = 8
NEIGHBORS = 4
NEAR = 4  # units of roundoff
ROWS = ("transition", "initial", "policy", "sampler", "data")  # whose last axis sums to 1


class Found(NamedTuple):
    """What floats say on one instance: the word, the defect with the largest margin, and where it is."""

    word: str
    what: str = ""
    place: str = ""
    lhs: float = 0.0
    rhs: float = 0.0
    defect: float = 0.0
    allowed: float = 0.0
    margin: float = 0.0
    floor: float = 0.0
    detail: str = ""


class Returned(NamedTuple):
    """What the subject returned, as rational numbers and floats that are not finite, and their unit roundoff."""

    array: np.ndarray
    unit_roundoff: float


class NoAnswer(Exception):
    """The subject did not answer with an array of numbers of the expected axes."""


class NotFinite(Exception):
    """The subject returned nan or inf where every right answer is finite."""


def in_floats(
    subject: Subject, relation: Relation, target: Target, returns: str, instance: Instance, *, spread: bool = False
) -> Found:
    """The word on an instance; with `spread` the neighbors are asked even where nothing depends on them."""
    try:
        answers: list[Returned] = []
        pairs = list(_pairs(subject, relation, target, returns, instance, answers, None))
    except NoAnswer as error:
        return Found(UNDECIDED, detail=str(error))
    except NotFinite as error:
        return Found(VIOLATED, defect=math.inf, margin=math.inf, detail=str(error))
    if not pairs:
        return Found(UNDECIDED, detail="nothing to compare")
    coarsest = max((answer.unit_roundoff for answer in answers), default=roundoff(subject.dtype))
    u = coarsest * size_of(instance)
    spreads = [(0.0, 0.0)] * len(pairs)
    if spread or any(_beyond(pair, u) for pair in pairs):
        spreads = _spreads(subject, relation, target, returns, instance, answers, pairs)
    share = math.sqrt(coarsest)
    return max((_found(pair, u, share, *s) for pair, s in zip(pairs, spreads, strict=True)), key=_gravity)


def _gravity(found: Found) -> tuple[bool, float, float]:
    return found.word == VIOLATED, found.word == UNDECIDED, found.margin


def roundoff(dtype: Any) -> float:
    """The unit roundoff of a dtype."""
    return float(np.finfo(dtype).eps) / 2


def size_of(instance: Instance) -> float:
    """1 + T + the largest value in nats that the instance can have: sum gamma^t max |r| / alpha + T log A, or |E|."""
    largest = largest_number(instance)
    mdp = instance.get("mdp")
    if mdp is None:
        return 1 + largest
    if "theta" in instance:
        largest *= float(np.abs(scalars.convert(instance["features"], "float")).sum(axis=-1).max(initial=0.0))
    horizon = int(mdp.horizon or 0)
    steps = sum(float(_float(mdp.discount)) ** t for t in range(horizon))
    alpha = float(_float(np.asarray(instance.get("temperature", fmpq(1)), dtype=object)[()]))
    return 1 + horizon * (1 + math.log(mdp.n_actions)) + steps * largest / alpha


def _pairs(
    subject: Subject,
    relation: Relation,
    target: Target,
    returns: str,
    instance: Instance,
    answers: list[Returned],
    rng: np.random.Generator | None,
) -> Iterator[Pair]:
    """The pairs of sides, and the answers that they are made of; with a generator those of a neighbor of these."""
    values = {name: x if isinstance(x, MDP) else np.asarray(x, dtype=object) for name, x in instance.items()}

    def answer(values: Mapping[str, Any]) -> np.ndarray:
        returned, coarse = answered(subject, target, arguments(target, values, subject.dtype, rng))
        if relation.finite and any(isinstance(x, float) for x in returned.flat):
            raise NotFinite(f"it returned {next(x for x in returned.flat if isinstance(x, float))}")
        if rng is None:
            answers.append(Returned(returned, coarse))
            return returned
        here = next(before).array
        return _moved(here, returned, rng) if here.shape == returned.shape else here

    def free(array: np.ndarray) -> np.ndarray:
        return np.asarray(array, dtype=object)

    before = iter(answers)
    return relation.sides(Asked(target, returns, values, answer, free))


def arguments(
    target: Target, values: Mapping[str, Any], dtype: Any, rng: np.random.Generator | None = None
) -> tuple[Any, ...]:
    """What the subject is given: fresh arrays of the dtype and Python numbers; near those with a generator."""
    named = named_arguments(target, values)
    given = []
    for name in target.passed:
        if name == "horizon":
            given.append(named[name])
            continue
        array = np.asarray(scalars.convert(np.asarray(named[name], dtype=object), "float"), dtype=float)
        array = array if rng is None else _near(array, name, roundoff(dtype), rng)
        axes = target.argument_axes(name)
        given.append(np.array(array, dtype=dtype) if axes else float(array))
    return tuple(given)


def _moved(here: np.ndarray, near: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every entry moved by as much as it does to the neighbor, up or down at random: what cancels in sums does not."""
    signs = rng.choice([-1, 1], size=here.shape)
    moved = [
        x if isinstance(x, float) or isinstance(y, float) else x + int(sign) * abs(y - x)
        for x, y, sign in zip(here.flat, near.flat, signs.flat, strict=True)
    ]
    return np.array([*moved, None], dtype=object)[:-1].reshape(here.shape)


def named_arguments(target: Target, values: Mapping[str, Any]) -> dict[str, Any]:
    """What the subject is given by name, in the arithmetic of the values; another start where there is one."""
    kept = {name: value for name, value in values.items() if name != "initial"}
    return target.given(kept) | {name: value for name, value in values.items() if name == "initial"}


def _near(array: np.ndarray, name: str, unit_roundoff: float, rng: np.random.Generator) -> np.ndarray:
    moved = array * (1 + NEAR * unit_roundoff * rng.uniform(-1, 1, size=array.shape))
    if name == "discount":
        return np.minimum(moved, 1.0) if array < 1 else array
    if name in ROWS:
        with np.errstate(invalid="ignore"):
            scaled = moved * (array.sum(axis=-1, keepdims=True) / moved.sum(axis=-1, keepdims=True))
        return np.where(array == 0, 0.0, scaled)
    return moved


def answered(subject: Subject, target: Target, given: tuple[Any, ...]) -> Returned:
    """What the subject returns; its floats may be coarser than those that it is given.

    Errors: `NoAnswer`.
    """
    try:
        with np.errstate(all="ignore"):
            returned = subject(*given)
    except Exception as error:
        raise NoAnswer(f"it raised {traceback.format_exception_only(error)[-1].strip()}") from error
    try:
        own = np.asarray(returned)
        array = own.astype(float)
    except (TypeError, ValueError) as error:
        raise NoAnswer(f"it returned no array of numbers, but a {type(returned).__name__}") from error
    axes = target.parts[0][1]
    if array.ndim != len(axes):
        raise NoAnswer(f"it returned an array of shape {array.shape}; expected axes {_axes(axes)}")
    u = roundoff(subject.dtype)
    return Returned(exact(array), max(u, roundoff(own.dtype)) if own.dtype.kind == "f" else u)


def exact(array: np.ndarray) -> np.ndarray:
    """Floats as the rational numbers that they are; those that are not finite stay."""
    numbers = [dyadic(float(x)) if math.isfinite(x) else float(x) for x in array.flat]
    return np.array([*numbers, None], dtype=object)[:-1].reshape(array.shape)


def _axes(axes: str) -> str:
    return f"[{', '.join(AXIS_NAMES.get(letter, letter) for letter in axes)}]" if axes else "none, a number"


def _sides(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Both sides as arrays of one shape.

    Errors: `NoAnswer` where they have none in common.
    """
    lhs, rhs = np.asarray(pair.lhs, dtype=object), np.asarray(pair.rhs, dtype=object)
    if lhs.shape != rhs.shape:
        raise NoAnswer(f"it returned arrays of shapes that do not fit: {pair.what}, {lhs.shape} and {rhs.shape}")
    return lhs, rhs


def _floats(side: np.ndarray) -> np.ndarray:
    return np.array([_float(x) for x in side.flat], dtype=float).reshape(side.shape)


def _float(x: Any) -> float:
    return x if isinstance(x, float) else int(x.p) / int(x.q) if isinstance(x, fmpq) else float(x)


def _defects(pair: Pair) -> np.ndarray:
    """How far the sides are from what they should be, entry by entry; inf where one alone is not finite."""
    lhs, rhs = _sides(pair)
    defects = np.zeros(lhs.shape)
    for index in np.ndindex(*lhs.shape):
        x, y = lhs[index], rhs[index]
        if isinstance(x, float) or isinstance(y, float):
            fine = _float(x) <= _float(y) if pair.at_most else _float(x) == _float(y)
            defects[index] = 0.0 if fine else math.inf
        else:
            gap = _float(x - y)
            defects[index] = max(gap, 0.0) if pair.at_most else abs(gap)
    return defects


def _scale(pair: Pair) -> float:
    both = np.concatenate([_floats(side).ravel() for side in _sides(pair)])
    return float(np.abs(both[np.isfinite(both)]).max(initial=0.0))


def _beyond(pair: Pair, u: float) -> bool:
    try:
        return bool(_defects(pair).max(initial=0.0) > ALLOWANCE * u * _scale(pair))
    except NoAnswer:
        return False


def _spreads(
    subject: Subject,
    relation: Relation,
    target: Target,
    returns: str,
    instance: Instance,
    answers: list[Returned],
    pairs: list[Pair],
) -> list[tuple[Any, Any]]:
    """The spread of each side of each pair over the neighbors that the subject answers."""
    spreads: list[tuple[Any, Any]] = [(0.0, 0.0)] * len(pairs)
    for seed in range(NEIGHBORS):
        with suppress(NoAnswer, NotFinite, InvalidModel, InvalidArgument):
            near = list(_pairs(subject, relation, target, returns, instance, answers, np.random.default_rng(seed)))
            for i, (pair, other) in enumerate(zip(pairs, near, strict=True)):
                with np.errstate(invalid="ignore"):
                    gaps = [
                        np.nan_to_num(np.abs(_floats(np.asarray(a)) - _floats(np.asarray(b))), nan=0.0)
                        for a, b in ((pair.lhs, other.lhs), (pair.rhs, other.rhs))
                    ]
                spreads[i] = (np.maximum(spreads[i][0], gaps[0]), np.maximum(spreads[i][1], gaps[1]))
    return spreads


def _found(pair: Pair, u: float, share: float, left: Any, right: Any) -> Found:
    try:
        defects = _defects(pair)
    except NoAnswer as error:
        return Found(UNDECIDED, detail=str(error))
    if not defects.size:
        return Found(HOLDS, pair.what)
    scale = _scale(pair)
    allowed = np.broadcast_to(ALLOWANCE * (u * scale + left + right), defects.shape)
    return found_in(pair, defects, allowed, scale, share)


def found_in(pair: Pair, defects: np.ndarray, allowed: np.ndarray, scale: float, share: float) -> Found:
    """The word on a pair, at the entry of the largest margin; undecided where too much of the scale is allowed."""
    with np.errstate(all="ignore"):
        margins = np.where(defects == 0, 0.0, defects / allowed)
    margins = np.where(np.isnan(margins), np.inf, margins)
    flat = int(margins.argmax())
    at = tuple(int(i) for i in np.unravel_index(flat, defects.shape))
    lhs, rhs = (_float(np.asarray(side, dtype=object)[at]) for side in (pair.lhs, pair.rhs))
    margin = float(margins[at])
    coarse = float(allowed.max()) > share * scale and float(defects.max()) > 0
    word = VIOLATED if margin > 1 else UNDECIDED if coarse else HOLDS
    detail = "what rounding may do is as large as what could be seen" if word == UNDECIDED else ""
    floor = float(allowed.max()) / scale if scale else 0.0
    return Found(
        word, pair.what, place(pair.axes, at), lhs, rhs, float(defects[at]), float(allowed[at]), margin, floor, detail
    )


def place(axes: str, at: tuple[int, ...]) -> str:
    """An index by the letters of its axes.

    >>> place("sa", (0, 2))
    '[s=0, a=2]'
    """
    if not at:
        return ""
    letters = axes if len(axes) == len(at) else " " * len(at)
    named = (f"{AXIS_NAMES.get(x, x)}={i}" if x != " " else str(i) for x, i in zip(letters, at, strict=True))
    return f"[{', '.join(named)}]"
