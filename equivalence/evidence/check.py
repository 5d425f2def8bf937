"""One claim on one instance at one level."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

from equivalence.claims import REGISTRY, Claim
from equivalence.evidence.balls import Finding, check_in_balls
from equivalence.evidence.exact import check_exactly
from equivalence.evidence.field import check_in_field
from equivalence.evidence.floats import check_in_floats
from equivalence.evidence.instance import Instance
from equivalence.evidence.symbolic import check_symbolically
from equivalence.evidence.verdict import OUT_OF_REACH, VACUOUS, Verdict
from mdps import InvalidArgument, OutOfReach

CHECKS: dict[str, Callable[..., Finding]] = {
    "float": check_in_floats,
    "ball": check_in_balls,
    "exact": check_exactly,
    "field": check_in_field,
    "symbolic": check_symbolically,
}
LEVELS = tuple(CHECKS)
NUMERIC_LEVELS = ("float", "ball", "exact", "field")


def check(claim: Claim, instance: Instance, level: str = "exact", **holes: Any) -> Verdict:
    """The verdict on a claim: `holes` put implementations of one's own into its keywords.

    Assumptions that can be met by changing other parts of the instance are established first; one that cannot makes
    the verdict `vacuous` and is named. What the arithmetic cannot express is `out of reach`.

    Errors: `InvalidArgument` for an unknown level.
    """
    return next(check_levels(claim, instance, (level,), **holes))


def check_levels(claim: Claim, instance: Instance, levels: Iterable[str], **holes: Any) -> Iterator[Verdict]:
    """The verdicts on a claim for one instance, level by level; every level sees the same instance."""
    levels = list(levels)
    for level in levels:
        if level not in CHECKS:
            raise InvalidArgument(f"level {level!r} is unknown; expected one of {', '.join(CHECKS)}")
    origin = None if holes else instance
    started = time.perf_counter()
    obstacle: Finding | None = None
    assumption: str | None = None
    try:
        instance = instance.meeting(claim)
        unmet = instance.unmet(claim)
        if unmet is not None:
            obstacle, assumption = Finding(VACUOUS, None, f"assumes {unmet.name}: {unmet.text}"), unmet.name
    except OutOfReach as error:
        obstacle = Finding(OUT_OF_REACH, None, str(error))
    for level in levels:
        try:
            finding = obstacle or CHECKS[level](claim, instance, **holes)
        except OutOfReach as error:
            finding = Finding(OUT_OF_REACH, None, str(error))
        yield Verdict(
            claim=claim.name,
            catalogue=claim.catalogue,
            level=level,
            outcome=finding.outcome,
            instance=instance.text,
            margin=finding.size if level == "float" else None,
            radius=finding.size if level == "ball" else None,
            assumption=assumption,
            detail=finding.detail,
            changes=instance.changes,
            seconds=time.perf_counter() - started,
            known_false=claim.known_false,
            proof=finding.proof,
            origin=origin,
        )
        started = time.perf_counter()


def verify(
    claims: Iterable[Claim],
    instances: Iterable[Instance] | Callable[[Claim], Iterable[Instance]],
    levels: Iterable[str] = NUMERIC_LEVELS,
    *,
    progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
) -> Iterator[Verdict]:
    """The verdicts on every claim for every instance that has what it is about, at every level.

    instances  the same for all claims, or a function from a claim to its own.
    progress   called with (done, all) after each verdict.
    workers    processes to share the work; more than one are started anew and import the library, which takes a second.
    """
    levels = tuple(levels)
    of_claim = instances if callable(instances) else (lambda claim, shared=list(instances): shared)
    wanted = [
        (claim, instance)
        for claim in claims
        for instance in of_claim(claim)
        if set(claim.arguments) <= set(instance.values)
    ]
    done = 0
    for verdicts in _shared_out(wanted, levels, workers):
        for verdict in verdicts:
            yield verdict
            done += 1
            if progress is not None:
                progress(done, len(wanted) * len(levels))


def _shared_out(
    wanted: list[tuple[Claim, Instance]], levels: tuple[str, ...], workers: int
) -> Iterator[Iterable[Verdict]]:
    """The verdicts on each pair of a claim and an instance, in order."""
    if workers == 1:
        for claim, instance in wanted:
            yield check_levels(claim, instance, levels)
        return
    distinct = {id(instance): instance for _, instance in wanted}
    places = {key: place for place, key in enumerate(distinct)}
    tasks = [(claim.name, places[id(instance)], levels) for claim, instance in wanted]
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_hold, initargs=(list(distinct.values()),)
    ) as pool:
        for verdicts, (_, instance) in zip(pool.map(_check_held, tasks), wanted, strict=True):
            yield [replace(verdict, origin=instance) for verdict in verdicts]


_held: list[Instance] = []


def _hold(instances: list[Instance]) -> None:
    """Keep the instances in a worker, where tasks name them by their place."""
    _held[:] = instances


def _check_held(task: tuple[str, int, tuple[str, ...]]) -> list[Verdict]:
    name, place, levels = task
    verdicts = check_levels(REGISTRY[name], _held[place], levels)
    return [replace(verdict, origin=None) for verdict in verdicts]  # which the other process has already
