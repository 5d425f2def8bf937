"""One claim on one instance at one level."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from equivalence.claims import Claim
from equivalence.evidence.balls import Finding, check_in_balls
from equivalence.evidence.exact import check_exactly
from equivalence.evidence.floats import check_in_floats
from equivalence.evidence.instance import Instance
from equivalence.evidence.verdict import OUT_OF_REACH, VACUOUS, Verdict
from mdps import InvalidArgument, OutOfReach

CHECKS: dict[str, Callable[..., Finding]] = {
    "float": check_in_floats,
    "ball": check_in_balls,
    "exact": check_exactly,
}
LEVELS = tuple(CHECKS)


def check(claim: Claim, instance: Instance, level: str = "exact", **holes: Any) -> Verdict:
    """The verdict on a claim: `holes` put implementations of one's own into its keywords.

    Assumptions that can be met by changing other parts of the instance are established first; one that cannot makes
    the verdict `vacuous` and is named. What the arithmetic cannot express is `out of reach`.

    Errors: `InvalidArgument` for an unknown level.
    """
    if level not in CHECKS:
        raise InvalidArgument(f"level {level!r} is unknown; expected one of {', '.join(CHECKS)}")
    started = time.perf_counter()
    assumption: str | None = None
    try:
        instance = instance.meeting(claim)
        unmet = instance.unmet(claim)
        if unmet is None:
            finding = CHECKS[level](claim, instance, **holes)
        else:
            finding, assumption = Finding(VACUOUS, None, f"assumes {unmet.name}: {unmet.text}"), unmet.name
    except OutOfReach as error:
        finding = Finding(OUT_OF_REACH, None, str(error))
    return Verdict(
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
    )


def verify(
    claims: Iterable[Claim],
    instances: Iterable[Instance],
    levels: Iterable[str] = LEVELS,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Verdict]:
    """The verdicts on every claim for every instance that has what it is about, at every level.

    progress  called with (done, all) after each verdict.
    """
    instances, levels = list(instances), list(levels)
    wanted = [
        (claim, instance, level)
        for claim in claims
        for instance in instances
        if set(claim.arguments) <= set(instance.values)
        for level in levels
    ]
    for done, (claim, instance, level) in enumerate(wanted, 1):
        yield check(claim, instance, level)
        if progress is not None:
            progress(done, len(wanted))
