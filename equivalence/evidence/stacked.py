"""Level `float` on stacks: thousands of instances of a claim, each held against a bound of its own, in one pass.

The claim runs on arrays of `Stacked` numbers (`mdps.scalars.stacked`): float64 values of all instances of a stack, with
bounds on their rounding errors that run along. In each instance and each entry,

    |lhs - rhs| <= bound,    or lhs - rhs <= bound for an inequality,

where the bound is that of the computed difference; the largest ratio is the margin. Said to be `consistent` are those
instances, and no other, whose entries are all within finite bounds. An instance that is not is taken out of the stack
and checked as any other, at every level that was asked for: `exact` and `ball` tell whether it was the claim or its
floats.

Assumptions are built in, all in exact numbers up to roundings that the bounds include: by the structure of the draw,
or established as in `equivalence.claims.assumptions`. Where an instance cannot meet one it is vacuous, and counted.

An implementation in a hole of the claim must be written over `mdps.scalars`, as claims are. It is not numpy's road
through float64 arrays that is judged here, but the formula in float64, one operation after another.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from equivalence.claims import Assumption, AtMost, Claim
from equivalence.claims.assumptions import data_flow_as_dynamics, optimal_normalizer, stationary_along_direction
from equivalence.evidence.check import check_levels
from equivalence.evidence.drawn_stacks import Stack, stacks_of
from equivalence.evidence.sides import flat_sides, place
from equivalence.evidence.verdict import CONSISTENT, DIFFERS, OUT_OF_REACH, VACUOUS, Verdict
from equivalence.objectives import gan
from mdps import OutOfReach, scalars
from mdps.scalars.stacked import Stacked, errors, values

MOST_TAKEN_OUT = 3
APART = 2.0**-20  # numbers that are divided by are to differ from 0 by so much

Values = Mapping[str, Any]


class StackFinding(NamedTuple):
    """A claim on a stack.

    ratio    [b]: the largest distance in units of the bound; inf where there is no finite bound.
    unmet    [b]: the name of the first assumption that an instance does not meet; empty if it meets all.
    detail   of the instance at an index: the entry with the largest ratio, both sides and the bound.
    """

    ratio: np.ndarray
    unmet: np.ndarray
    detail: Callable[[int], str]

    @property
    def judged(self) -> np.ndarray:
        """[b]: which instances meet all assumptions."""
        return np.asarray(self.unmet == "", dtype=bool)

    @property
    def exceeding(self) -> np.ndarray:
        """The indices of those that are not within their bounds, farthest first."""
        outside = np.flatnonzero(self.judged & ~(self.ratio <= 1))
        return outside[np.argsort(-self.ratio[outside], kind="stable")]


def check_on_stack(claim: Claim, stack: Stack, **holes: Any) -> StackFinding:
    """The claim on every instance of the stack; `OutOfReach` where instances branch off from each other."""
    size = len(stack)
    with np.errstate(all="ignore"):
        met, unmet = established(claim, stack)
        if (unmet != "").all():
            return StackFinding(np.zeros(size), unmet, lambda index: "")
        conclusion = claim(met, **holes)
        lhs, rhs, shape = flat_sides(conclusion)
        difference = lhs.astype(object) - rhs
        distance, bound = values(difference, size), errors(difference, size)
        distance = np.maximum(distance, 0.0) if isinstance(conclusion, AtMost) else np.abs(distance)
        ratio = np.where(distance == 0.0, 0.0, distance / bound)
    ratio = np.where(np.isfinite(distance) & np.isfinite(bound), ratio, np.inf)

    def detail(index: int) -> str:
        worst = int(ratio[index].argmax())
        where = place(worst, shape)
        sides = (float(values(side[worst], size)[index]) for side in (lhs, rhs))
        left, right = (repr(side) for side in sides)
        return f"lhs{where} = {left}, rhs{where} = {right}, allowed {bound[index, worst]:.3g}"

    return StackFinding(ratio.max(axis=-1, initial=0.0), unmet, detail)


# Assumptions -----------------------------------------------------------------------------------------------------


def established(claim: Claim, stack: Stack) -> tuple[dict[str, Any], np.ndarray]:
    """The values of the stack with what the claim assumes, and [b] the first assumption that is not met, or "".

    What depends on the structure of a stack is looked up in its first instance; what depends on numbers is established.
    An assumption that is neither built in nor established is not met.
    """
    met: dict[str, Any] = dict(stack.values)
    unmet = np.full(len(stack), "", dtype=object)
    for needed in claim.assumes:
        if needed in ESTABLISHED:
            changed, holds = ESTABLISHED[needed](met, len(stack))
        elif needed.establish is not None:
            changed = needed.establish(met)
            holds = bool(changed)
        else:
            built_in = bool(needed.structure) or needed in BY_DRAW
            changed, holds = {}, built_in and needed(stack.first.values)
        met |= changed
        unmet[(unmet == "") & ~np.broadcast_to(holds, unmet.shape)] = needed.name
    return met, unmet


def _with_optimal_normalizer(given: Values, size: int) -> tuple[dict[str, Any], np.ndarray]:
    """A float Z close to the optimum, and data moved by a hair between two outcomes so that it is the optimum.

    sum (p + q) D = 1 is linear in p. The outcomes are those with the largest and the smallest D among the data; where
    these are not apart the instance is left out.
    """
    energy, sampler, data = given["energy"], given["sampler"], given["data"]
    nobody = np.zeros(size, dtype=bool)
    if not (~scalars.zero_mask(data) & ~scalars.zero_mask(sampler)).any():
        return {}, nobody
    floats = [values(x, size) for x in (energy, sampler, data)]
    normalizer = np.asarray(Stacked(np.exp(gan.optimal_log_normalizer(*floats))), dtype=object)
    log_normalizer = scalars.log(normalizer)
    probability = gan.discriminator(energy, sampler, log_normalizer)
    seen = ~scalars.zero_mask(data)
    share = values(probability, size)
    give, take = np.where(seen, share, -1.0).argmax(axis=-1), np.where(seen, share, 2.0).argmin(axis=-1)
    giving, taking = (_indicator(index, len(data)) for index in (give, take))
    excess = 1 - ((data + sampler) * probability).sum()
    rows = np.arange(size)
    apart = share[rows, give] - share[rows, take] > APART
    moved = _where(apart, excess / ((giving - taking) * probability).sum())
    return {"log_normalizer": log_normalizer, "data": data + moved * (giving - taking)}, apart


def _indicator(index: np.ndarray, n: int) -> np.ndarray:
    """[n]: 1 at the index [b] of each instance, 0 elsewhere."""
    result = np.empty(n, dtype=object)
    for i in range(n):
        result[i] = Stacked((index == i).astype(float))
    return result


def _stationary_direction(given: Values, size: int) -> tuple[dict[str, Any], np.ndarray]:
    """The direction, solved for its entry at the first sampled outcome; left out if the loss hardly depends on that."""
    slope = gan.discriminator_gradient(*(given[k] for k in ("energy", "sampler", "data", "log_normalizer"))).energy
    pivot = int(np.argmax(~scalars.zero_mask(given["sampler"])))
    direction, others = np.copy(given["direction"]), np.arange(len(slope)) != pivot
    apart = np.abs(values(slope[pivot], size)) > APART
    direction[pivot] = _where(apart, -(direction[others] * slope[others]).sum() / slope[pivot])
    return {"direction": direction}, apart


def _where(mask: np.ndarray, x: Stacked) -> Stacked:
    """x in the instances of the mask [b], and 0 in the others, lest what is no number there decides for all."""
    return Stacked(np.where(mask, x.value, 0.0), np.where(mask, x.error, 0.0))


ESTABLISHED: dict[Assumption, Callable[[Values, int], tuple[dict[str, Any], np.ndarray]]] = {
    optimal_normalizer: _with_optimal_normalizer,
    stationary_along_direction: _stationary_direction,
}
BY_DRAW = (data_flow_as_dynamics,)  # the data are the law of a policy


# Verdicts --------------------------------------------------------------------------------------------------------


def verify_on_stacks(
    claims: Iterable[Claim],
    levels: Iterable[str],
    *,
    seed: int = 0,
    quick: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Verdict]:
    """The verdict on each claim over its stacks, followed by those on instances that were taken out, at all levels.

    There are none without level `float`, and none on a claim about something that no stack has.
    """
    claims, levels = list(claims), tuple(levels)
    if "float" not in levels:
        return
    for done, claim in enumerate(claims, 1):
        stacks = stacks_of(claim, seed=seed, quick=quick)
        if all(set(claim.arguments) <= stack.names for stack in stacks):
            yield from check_stacks(claim, stacks, levels)
        if progress is not None:
            progress(done, len(claims))


def check_stacks(
    claim: Claim, stacks: Iterable[Stack], levels: Iterable[str] = ("float",), **holes: Any
) -> Iterator[Verdict]:
    """The verdict on a claim over stacks (another one on those that are out of reach), and those taken out of them."""
    started = time.perf_counter()
    found: list[tuple[Stack, StackFinding]] = []
    beyond: list[tuple[Stack, str]] = []
    for stack in stacks:
        try:
            found.append((stack, check_on_stack(claim, stack, **holes)))
        except OutOfReach as error:
            beyond.append((stack, str(error)))

    def verdict(outcome: str, instances: int, **more: Any) -> Verdict:
        text, seconds = f"{instances:,} in stacks", time.perf_counter() - started
        return Verdict(
            claim.name, claim.catalogue, "float", outcome, text, instances=instances, known_false=claim.known_false,
            seconds=seconds, **more,
        )  # fmt: skip

    if beyond:
        yield verdict(OUT_OF_REACH, sum(len(stack) for stack, _ in beyond), detail=beyond[0][1])
    if not found:
        return
    outside = [(stack, finding, int(k)) for stack, finding in found for k in finding.exceeding]
    outside.sort(key=lambda taken: -taken[1].ratio[taken[2]])
    judged = sum(int(finding.judged.sum()) for _, finding in found)
    vacuous = Counter(name for _, finding in found for name in finding.unmet if name)
    shown = {"vacuous": vacuous.total(), "assumption": ", ".join(vacuous) or None}
    if not judged:
        yield verdict(VACUOUS, vacuous.total(), **shown | {"vacuous": 0})
        return
    margin = max(float(finding.ratio[finding.judged].max(initial=0.0)) for _, finding in found)
    if not outside:
        yield verdict(CONSISTENT, judged, margin=margin, **shown)
        return
    stack, finding, index = outside[0]
    text = f"{len(outside):,} of {judged:,} are not within their bounds; instance {index} of {stack.text}: "
    yield verdict(DIFFERS, judged, margin=margin, detail=text + finding.detail(index), **shown)
    for stack, _, index in outside[: 1 if claim.known_false else MOST_TAKEN_OUT]:
        yield from check_levels(claim, stack.instance(index), levels, **holes)
