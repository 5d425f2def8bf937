"""An implementation of one's own against a claim of the catalogue.

The implementation goes into the holes of a claim, which is then asked on generated instances that meet its assumptions,
at every level. It sees what the claim gives to the library's function in its place: an `MDP` where the claim is about
one, and arrays of float64, balls, exact numbers or field elements. Written over `mdps.scalars`, or in plain numpy
without transcendental functions, it carries all of them and can be proved right.

What carries floats alone is `out of reach`, for a claim has no bound for its roundings: its verdict says so, and names
`judge`, which has one. So is what turns exact numbers into floats on its way: it is found out, and not refuted for it.

An instance has the strongest word that holds at a level; the evidence is that of the weakest instance. An instance that
does not meet the assumptions, or that says nothing of the library's own functions either, is counted and decides
nothing, unless there is no other.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from equivalence.claims import Claim
from equivalence.evidence import Instance, Verdict, check, generated_instances
from equivalence.evidence.verdict import DIFFERS, FAILS, HOLDS, OUT_OF_REACH, VACUOUS
from equivalence.testing.passing import BEST_WORD, Evidence, strength
from mdps import MDP, InvalidArgument, OutOfReach
from mdps.scalars.duals import Dual

LEVELS = ("float", "ball", "exact", "field")
READABLE = ("field", "float", "ball", "symbolic", "exact")  # levels, by how well one can read a refutation
LARGEST_SHOWN = 64  # entries of an array

Holes = Mapping[str, Callable[..., Any]]


class Asked(NamedTuple):
    """An instance, the best verdict on it, and whether it is one that decides."""

    instance: Instance
    verdict: Verdict
    decides: bool


def check_claim(
    claim: Claim,
    holes: Holes,
    *,
    levels: Sequence[str] = LEVELS,
    seed: int = 0,
    budget: float | None = None,
) -> Evidence:
    """The evidence for a claim with implementations in its holes; `budget` seconds end the search for instances.

    Errors: `InvalidArgument` for a hole that the claim has not.
    """
    for name in holes:
        if name not in claim.holes:
            there = f"it has {', '.join(claim.holes)}" if claim.holes else "it has none"
            raise InvalidArgument(f"{claim.name} has no hole {name!r}; {there}")
    started = time.perf_counter()
    carried = {name: carrying(name, function) for name, function in holes.items()}
    found: list[Asked] = []
    for instance in generated_instances(claim, seed=seed):
        verdict = _best(_verdicts(claim, instance, levels, holes, carried))
        decides = verdict.outcome in (*HOLDS, *FAILS) or (
            verdict.outcome != VACUOUS and _best(_verdicts(claim, instance, levels, {}, {})).outcome in HOLDS
        )
        found.append(Asked(instance, verdict, decides))
        if budget is not None and time.perf_counter() - started > budget:
            break
    return _evidence(claim, holes, found, time.perf_counter() - started)


def carrying(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which is `OutOfReach` where it makes floats of numbers of another type."""

    def carried(*arguments: Any, **keywords: Any) -> Any:
        returned = function(*arguments, **keywords)
        if any(map(_beyond_floats, [*arguments, *keywords.values()])) and any(map(_has_floats, _leaves(returned))):
            raise OutOfReach(f"the implementation of {name!r} returned floats for numbers of another type")
        return returned

    return carried


def _beyond_floats(value: Any) -> bool:
    """Whether it has numbers of another type than floats, and than dual numbers of floats."""
    array = value.transition if isinstance(value, MDP) else np.asarray(value)
    return array.dtype == object and any(not isinstance(_real_part(x), (int, float)) for x in array.flat)


def _real_part(x: Any) -> Any:
    while isinstance(x, Dual):
        x = x.value
    return x


def _leaves(value: Any) -> Iterable[Any]:
    if isinstance(value, (tuple, list)):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


def _has_floats(value: Any) -> bool:
    """Whether it has floats, other than the log of 0."""
    array = np.asarray(value)
    if array.dtype == object:
        return any(isinstance(x, float) and x != -np.inf for x in array.flat)
    return array.dtype.kind == "f" and bool((array != -np.inf).any())


def _verdicts(
    claim: Claim, instance: Instance, levels: Sequence[str], holes: Holes, carried: Holes
) -> Iterable[Verdict]:
    """Level by level."""
    for level in levels:
        try:
            verdict = check(claim, instance, level, **carried)
        except Exception as error:  # of the implementation
            outcome, detail = _failed(claim, instance, level, holes, error)
            verdict = Verdict(claim.name, claim.catalogue, level, outcome, instance.text, detail=detail)
        yield verdict


def _failed(claim: Claim, instance: Instance, level: str, holes: Holes, error: Exception) -> tuple[str, str]:
    """What an exception is: a mistake where plain floats raise one too, and else too much for this arithmetic."""
    try:
        with np.errstate(all="ignore"):
            claim(instance.meeting(claim).at("float", claim.arguments), **holes)
    except Exception as plain:
        return DIFFERS, f"it raised {type(plain).__name__}: {plain}"
    raised = f"raised {type(error).__name__}: {error}"
    return OUT_OF_REACH, f"the implementation runs on floats, and at level {level} it {raised}"


def _best(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on an instance: one that refutes, in the numbers that are best to read, else the strongest."""

    def rank(verdict: Verdict) -> tuple[bool, int]:
        refuted = verdict.outcome in FAILS
        return refuted, READABLE.index(verdict.level) if refuted else strength(verdict.outcome)

    return max(verdicts, key=rank)


def _evidence(claim: Claim, holes: Holes, found: list[Asked], seconds: float) -> Evidence:
    def rank(asked: Asked) -> tuple[int, int]:
        if asked.verdict.outcome in FAILS:
            return -2, _size(claim, asked.instance)
        return strength(asked.verdict.outcome), 0

    instance, decisive, _ = min([asked for asked in found if asked.decides] or found, key=rank)
    margins = [asked.verdict.margin for asked in found if asked.verdict.margin is not None]
    names = ", ".join(f"{name}={_named(function)}" for name, function in holes.items()) or "the library"
    counts = Counter(asked.verdict.outcome for asked in found)
    return Evidence(
        subject=names,
        about=claim.name,
        outcome=decisive.outcome,
        level=decisive.level if decisive.outcome in (*HOLDS, *FAILS) else "",
        instances=len(found),
        seconds=seconds,
        message=_message(claim, names, instance, decisive, counts),
        catalogue=claim.catalogue,
        margin=max(margins) if margins and decisive.level == "float" else None,
        counts=dict(counts),
    )


def _named(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__).replace("<lambda>", "a function of yours")


def _message(claim: Claim, names: str, instance: Instance, verdict: Verdict, counts: Mapping[str, int]) -> str:
    """What was asked and what came out; of a refutation the instance in numbers, and both sides."""
    words = ", ".join(f"{n} {word}" for word, n in counts.items())
    head = f"{claim.catalogue} {claim.name}, with {names}: {verdict.outcome}"
    lines = [head, "", *(f"    {line}".rstrip() for line in claim.text.splitlines()), ""]
    if verdict.outcome in FAILS:
        lines += [f"The smallest of the instances on which it fails: {instance.text}", ""]
        lines += [f"    {line}" for line in _literal(claim, instance.meeting(claim))]
        lines += ["", f"There, at level {verdict.level}: {verdict.detail}", ""]
    elif verdict.detail:
        lines += [f"On {instance.text}: {verdict.detail}", ""]
    if verdict.outcome == OUT_OF_REACH:
        lines += ["Floats alone are judged by equivalence.testing.judge, which has bounds for their rounding.", ""]
    return "\n".join([*lines, f"Instances: {words}"])


def _literal(claim: Claim, instance: Instance) -> list[str]:
    """The arguments of the claim in exact numbers."""
    values: dict[str, Any] = {}
    for name in claim.arguments:
        value = instance.values[name]
        if isinstance(value, MDP):
            values |= {"transition": value.transition, "initial": value.initial, "horizon": value.horizon}
            values |= {"discount": value.discount, "final_value": value.final_value}
        else:
            values[name] = value
    return [f"{name} = {_shown(value)}" for name, value in values.items()]


def _shown(value: Any) -> str:
    array = np.asarray(value)
    if array.size > LARGEST_SHOWN:
        return f"an array of shape {array.shape}"
    if array.ndim:
        return f"[{', '.join(_shown(row) for row in array)}]"
    return str(array[()])


def _size(claim: Claim, instance: Instance) -> int:
    """How many numbers an instance has."""
    mdp = instance.values.get("mdp") if "mdp" in claim.arguments else None
    sizes = [np.size(instance.values[name]) for name in claim.arguments if name != "mdp"]
    return sum(sizes) + (0 if mdp is None else mdp.transition.size * (mdp.horizon or 1))


def checked_levels(levels: Iterable[str]) -> tuple[str, ...]:
    """Levels, each once, weak ones first.

    Errors: `InvalidArgument` for an unknown one, or none at all.
    """
    wanted = list(levels)
    if not wanted or any(level not in BEST_WORD for level in wanted):
        raise InvalidArgument(f"levels is {wanted!r}; expected some of {', '.join(BEST_WORD)}")
    return tuple(level for level in BEST_WORD if level in wanted)
