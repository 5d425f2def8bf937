"""Decorators that make a test of a function of yours.

    @judged(to="causal.gradient")
    def test_gradient():
        return my_gradient

    @parametrize_with_claims("F-04", "F-13")
    def test_claims(claim):
        return {"weights": my_weights} if "weights" in claim.holes else {"gcl_gradient": my_gradient}

    @parametrize_with_claims(replacing="gan.discriminator_gradient")
    def test_claims_about_my_gradient(claim):
        return my_discriminator_gradient

A judged test returns the function, and is judged against an exact answer, in whatever runner. A test of claims returns
what is put into the holes of the claim, by name; a function alone goes wherever the claim uses the one that is
`replaced`. It needs pytest, which runs it once for each claim.

Which verdicts pass is said in `equivalence.testing.passing`. Where the plugin of pytest is there, both have a line in
the terminal, go into the JSON report, and are held against the baseline.
"""

import inspect
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from equivalence.claims import REGISTRY, Claim, find
from equivalence.testing.claimed import LEVELS, check_claim, checked_levels
from equivalence.testing.judge import judge
from equivalence.testing.passing import checked_demand, evidence_of, running, settle
from equivalence.testing.verdict import Verdict
from mdps import InvalidArgument

ATTRIBUTE = "__evidence__"  # that of `equivalence.pytest_plugin`, which marks the test
FIRST_INSTANCES = 30  # with a budget: asked in any case
MOST_INSTANCES = 20_000
STEP = 8  # with a budget: at most so many times as many instances in the next round

Test = Callable[..., Any]


def judged(
    *, to: str, at_least: str | None = None, allow: Collection[str] = (), **options: Any
) -> Callable[[Test], Callable[..., None]]:
    """Decorate a test that returns the subject: it passes if the subject agrees with the target `to`.

        @judged(to="causal.gradient")
        def test_gradient():
            return my_gradient

    at_least  the least level of evidence that passes: float, ball, exact, field.
    allow     words that skip the test instead of failing it: undecided, out of reach, vacuous, underpowered.
    options   those of `judge`. With `--evidence-budget` as many instances are asked as fit into it.

    Errors: `Refuted`, an AssertionError with the report, where the subject differs; `NotEstablished`, one too, where
    nothing is established, or less than is asked for.
    """
    least, allowed = checked_demand(at_least, allow)

    def decorate(test: Test) -> Callable[..., None]:
        @wraps(test)
        def judged_test(*arguments: Any, **keywords: Any) -> None:
            __tracebackhide__ = True  # pytest shows the report alone
            subject = test(*arguments, **keywords)
            if not callable(subject):
                returned = f"{test.__name__} returned {subject!r}"
                raise InvalidArgument(f"{returned}; a judged test returns the function to judge")
            session = running()
            try:
                verdict = judged_within(subject, to, options, session and session.budget)
            except InvalidArgument as error:  # of the test: where in the library it was noticed says nothing
                raise error.with_traceback(None) from None
            settle(evidence_of(verdict), at_least=least, allow=allowed)

        setattr(judged_test, ATTRIBUTE, "judged")
        return judged_test

    return decorate


def judged_within(subject: Callable[..., Any], to: str, options: Mapping[str, Any], budget: float | None) -> Verdict:
    """The verdict on as many instances as fit into a budget in seconds, and on at least 30; without one, as asked."""
    if budget is None:
        return judge(subject, to=to, **options)
    started, count = time.perf_counter(), FIRST_INSTANCES
    verdict = first = judge(subject, to=to, **{**options, "instances": count})
    while verdict.agrees and (began := time.perf_counter()) < started + budget:
        verdict = _joined(first, judge(subject, to=to, **{**options, "instances": count, "field": False}))
        now = time.perf_counter()
        following = min(int(count * (started + budget - now) / (now - began)), STEP * count, MOST_INSTANCES)
        if following <= count:
            break
        count = following
    return verdict


def _joined(first: Verdict, later: Verdict) -> Verdict:
    """A verdict on more instances, with what the first one proved, if nothing was found against it."""
    if not later.agrees:
        return later
    own = {"outcome": first.outcome, "level": first.level, "proof": first.proof, "over_field": first.over_field}
    return replace(later, **own, message=f"{first.message}\n{later.message}")


def parametrize_with_claims(
    *chosen: str,
    replacing: str | Callable[..., Any] | None = None,
    levels: Sequence[str] = LEVELS,
    at_least: str | None = None,
    allow: Collection[str] = (),
    seed: int = 0,
) -> Callable[[Test], Callable[..., None]]:
    """Parametrize a test by claims: it gets a `claim`, and returns what is put into the holes of the claim.

    chosen     names, catalogue ids or families of claims, as `equivalence list` shows them; all if none is given.
    replacing  only claims with a hole for this function of the library, the function itself or its name,
               as 'gan.discriminator_gradient'; what the test returns goes there.
    levels     the arithmetics to ask in.     seed  what instances are drawn from.
    at_least, allow  as of `judged`.

    The test returns a mapping from holes to functions, or the function that replaces. Claims without holes and those
    that are known to be false are left out.

    Errors: `InvalidArgument` where no such claim is left; in the test, `Refuted` and `NotEstablished`.
    """
    least, allowed = checked_demand(at_least, allow)
    asked = checked_levels(levels)
    claims = chosen_claims(chosen, replacing)

    def decorate(test: Test) -> Callable[..., None]:
        import pytest

        @wraps(test)
        def test_of_a_claim(*arguments: Any, claim: Claim, **keywords: Any) -> None:
            __tracebackhide__ = True
            holes = _holes(test, claim, replacing, test(*arguments, claim=claim, **keywords))
            session = running()
            evidence = check_claim(claim, holes, levels=asked, seed=seed, budget=session and session.budget)
            settle(evidence, at_least=least, allow=allowed)

        setattr(test_of_a_claim, ATTRIBUTE, "claims")
        parameters = [pytest.param(claim, id=f"{claim.catalogue}-{claim.name}") for claim in claims]
        return pytest.mark.parametrize("claim", parameters)(test_of_a_claim)

    return decorate


def chosen_claims(chosen: Sequence[str], replacing: str | Callable[..., Any] | None = None) -> list[Claim]:
    """The claims of these names, ids and families that have a hole (for the function that is replaced).

    Errors: `InvalidArgument` where there is none, with what there is.
    """
    claims = list(REGISTRY.values())
    families = {claim.family for claim in claims}
    if chosen:
        wanted = [
            claim
            for text in chosen
            for claim in ([c for c in claims if c.family == text] if text in families else find(text))
        ]
        claims = list(dict.fromkeys(wanted))
    found = [claim for claim in claims if not claim.known_false and holes_for(claim, replacing)]
    if not found:
        asked = ", ".join(chosen) or "the catalogue"
        what = "with a hole" if replacing is None else f"with a hole for {_library_name(replacing)}"
        there = sorted({_library_name(x) for c in claims for x in _defaults(c).values()}) if chosen else []
        hint = f"; their holes are for {', '.join(there)}" if there else ""
        raise InvalidArgument(f"no claim of {asked} {what} is to hold{hint}")
    return sorted(found, key=lambda claim: (claim.catalogue, claim.name))


def holes_for(claim: Claim, replacing: str | Callable[..., Any] | None) -> tuple[str, ...]:
    """The holes of a claim that the library fills with a function; all of them for None."""
    if replacing is None:
        return claim.holes
    return tuple(name for name, own in _defaults(claim).items() if own is replacing or _library_name(own) == replacing)


def _defaults(claim: Claim) -> dict[str, Any]:
    """The library's functions in the holes of a claim."""
    parameters = inspect.signature(claim.statement).parameters
    return {name: parameters[name].default for name in claim.holes}


def _library_name(function: Any) -> str:
    """'gan.discriminator_gradient'."""
    if isinstance(function, str):
        return function
    return f"{function.__module__.rsplit('.', 1)[-1]}.{function.__name__}"


def _holes(test: Test, claim: Claim, replacing: Any, returned: Any) -> dict[str, Callable[..., Any]]:
    if callable(returned):
        where = holes_for(claim, replacing) if replacing is not None or len(claim.holes) == 1 else ()
        if not where:
            said = f"{test.__name__} returned a function, and {claim.name} has the holes {', '.join(claim.holes)}"
            raise InvalidArgument(f"{said}; return a mapping from holes to functions, or say what it is `replacing`")
        return dict.fromkeys(where, returned)
    if not (isinstance(returned, Mapping) and returned and all(map(callable, returned.values()))):
        said = f"{test.__name__} returned {returned!r} for {claim.name}"
        raise InvalidArgument(f"{said}; expected functions by hole: {', '.join(claim.holes)}")
    return dict(returned)
