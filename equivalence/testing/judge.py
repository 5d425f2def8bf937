"""Judging somebody's function: does it compute what it says it computes?

    verdict = judge(my_gradient, to="causal.gradient")

runs the function over a finite field first, at a handful of shapes and horizons, where numpy code can be followed
(`adapters.over_field`): zero tolerance, for all parameters. Then it asks the function on several hundred exact
instances, small first, and holds its floats against the enclosed truth; what they may be off by is derived for each
entry, see `question`. The verdict is the strongest word: `proved for all` (and consistent floats), `consistent`,
`differs`, `refuted` (by proof); where it differs, on which instance, the smallest found, by how much and where.
"""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from equivalence.evidence.verdict import CONSISTENT, DIFFERS, PROVED_FOR_ALL, PROVED_HERE, REFUTED
from equivalence.testing import hints, report
from equivalence.testing.adapters.over_field import Finding, judged_on, over_field
from equivalence.testing.adapters.subject import Subject, subject_of
from equivalence.testing.answer import SHAPE, VALUES, Answer, asked
from equivalence.testing.diagnosis import Diagnosis, explained
from equivalence.testing.generator import instances as generated
from equivalence.testing.kinds import Kinds, kinds_for
from equivalence.testing.question import Question, question
from equivalence.testing.reducer import complexity, reduced
from equivalence.testing.screen import answered, is_like, kind_of, screen_for
from equivalence.testing.stopping import stopped
from equivalence.testing.targets import Instance, Layout, Target, find_target, target_and_rest
from equivalence.testing.verdict import Verdict
from mdps import InvalidArgument

INSTANCES = 300
WITHOUT_END = 100  # without a horizon, where subjects iterate
COMPILED = ("jax",)  # frameworks that make a program for each shape
REDUCTION = 1.0  # seconds for making an instance smaller on which only a field sees the difference


class Refuted(AssertionError):
    """A judged test whose subject differs from its target; the message is the whole report."""

    __module__ = "equivalence.testing"  # where it is imported from, and shown first by pytest


def judge(
    subject: Callable[..., Any],
    *,
    to: str,
    dtype: Any = np.float64,
    framework: str | None = None,
    instances: int | None = None,
    seed: int = 0,
    field: bool = True,
    **options: Any,
) -> Verdict:
    """The verdict on a function that should compute the target `to`, one of `TARGETS`.

    subject      takes the target's arguments by position as plain arrays, a model as `transition, initial, horizon,
                 discount`, and returns an array (or a tuple of arrays); it must not change what it is given.
    dtype        of the arrays that it is given, np.float64 or np.float32; also how exactly it is judged.
    framework    'numpy', 'jax' or 'torch': whose arrays it takes; found out if it is not said.
    instances    how many are asked in floats: 300, or 100 without a horizon, where subjects iterate.
    seed         which ones; the same seed gives the same ones.
    field        whether it is run over a finite field first.
    options      its conventions, see `targets.layout`: `reward_axes="s"`, `policy_axes="sa"`, `temperature=True`,
                 `features=True`, `costs=True`, `mean=True`, `transition_axes="asx"`, `infinite_horizon=True` (it then
                 takes no horizon), ...; and which kinds of instances it is asked on, see `ModelKinds` and `SpaceKinds`:
                 `terminal=False` leaves out models with terminal states, `discounts=(1,)`, `largest_reward=50`,
                 `max_states=3`, ...

    Errors: `InvalidArgument` for an unknown target or option, and where no instance is of the kinds asked for. What the
    subject raises is part of the verdict.

    >>> from scipy.special import logsumexp
    >>> [judge(lambda E: logsumexp(s * E), to="ebm.log_partition", instances=30).outcome for s in (-1, 1)]
    ['proved for all', 'refuted']
    """
    if not callable(subject):
        raise InvalidArgument(f"the subject is {subject!r}; expected a function")
    if np.dtype(dtype) not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise InvalidArgument(f"dtype is {dtype}; expected np.float64 or np.float32")
    if "temperatures" in options and not options.get("temperature"):
        raise InvalidArgument("temperatures are passed to a subject that takes one: say temperature=True")
    if instances is None:
        instances = WITHOUT_END if options.get("infinite_horizon") else INSTANCES
    if instances < 1:
        raise InvalidArgument(f"instances is {instances}; expected at least 1")
    started = time.perf_counter()
    target, kinds = target_and_rest(to, options)
    wanted = kinds_for(target, kinds)
    subject = subject_of(subject, framework=framework, dtype=dtype)
    found = over_field(subject, target, wanted, dtype) if field else None
    asking = _questions(target.name, target.layout, wanted, instances, seed, subject.framework in COMPILED)
    answers = [asked(subject, q, dtype) for q in asking]
    wrong = [answer for answer in answers if not answer.right]
    smallest = _smallest(subject, wrong, wanted, dtype) if wrong else None
    name, margin = subject.name, max(answer.margin for answer in answers)
    seconds = time.perf_counter() - started - (found.seconds if found else 0.0)
    shown = smallest.question if smallest else None
    diagnosis = _diagnosis(subject, answers, dtype, found) if wrong else None
    if smallest is not None:
        message = report.difference(name, smallest, answers, dtype, kinds, found, diagnosis)
    elif found is not None and found.outcome == REFUTED:
        found = _smaller(subject, target, found, wanted, dtype)
        shown = Question(target, found.instances[0], ())
        message = report.unseen_difference(name, shown, found, answers, dtype, margin, kinds)
    else:
        message = report.agreement(name, answers, margin, seconds, kinds, found)
    return Verdict(
        subject=name,
        target=target.name,
        outcome=_outcome(found, bool(wrong)),
        instances=len(answers),
        differing=len(wrong),
        margin=margin,
        unit_roundoff=max(answer.unit_roundoff for answer in answers),
        covered=report.coverage(answers),
        message=message,
        arguments=shown.arguments(dtype) if shown else (),
        level="field" if _outcome(found, bool(wrong)) in (PROVED_FOR_ALL, PROVED_HERE, REFUTED) else "float",
        seconds=time.perf_counter() - started,
        proof=found.proof if found else None,
        over_field=report.field_line(found) if found else "",
        mistakes=diagnosis.names if diagnosis else (),
    )


def _diagnosis(subject: Subject, answers: list[Answer], dtype: Any, found: Finding | None) -> Diagnosis | None:
    """Which known mistakes reproduce the answers; None where the report says what is wrong without."""
    if any(answer.trouble not in ("", VALUES, SHAPE) for answer in answers):
        return None
    if answers[0].question.target.layout.infinite:
        return None if hints.remedies(answers, dtype) else stopped(answers)
    right_formula = found is not None and found.outcome == PROVED_FOR_ALL
    said = bool(hints.remedies(answers, dtype) or hints.less_precise(answers))
    diagnosis = explained(subject, answers, dtype, single=said)
    return None if (said or right_formula) and not diagnosis.names else diagnosis


def _outcome(found: Finding | None, differs: bool) -> str:
    """The strongest word: a proof against it, floats against it, a proof, floats."""
    if found is not None and found.outcome == REFUTED:
        return REFUTED
    if differs:
        return DIFFERS
    if found is None or found.proof is None:
        return CONSISTENT
    return PROVED_FOR_ALL if found.proof.free else PROVED_HERE


@lru_cache(maxsize=32)
def _questions(
    name: str, layout: Layout, kinds: Kinds, count: int, seed: int, few_shapes: bool
) -> tuple[Question, ...]:
    """The questions of a target, kept for the next subject."""
    target = find_target(name, layout)
    found = [question(target, instance) for instance in generated(target, kinds, count, seed, few_shapes=few_shapes)]
    answered = tuple(q for q in found if q is not None)
    if not answered:
        raise InvalidArgument(f"no instance of the kinds {kinds} has an answer; allow more kinds")
    return answered


def _smallest(subject: Subject, wrong: list[Answer], kinds: Kinds, dtype: Any) -> Answer:
    """The answer to the smallest instance found on which the subject fails as it does."""
    first = min(wrong, key=lambda answer: (not answer.gross, complexity(answer.question.instance)))
    target = first.question.target
    found = first

    def shows(instance: Instance) -> bool:
        nonlocal found
        answer = answered(subject, target, dtype, instance) if kinds.admit(instance) else None
        if answer is None or not is_like(answer, kind):
            return False
        found = answer
        return True

    kind = kind_of(first)
    screen = screen_for(subject, target, dtype, kind, kinds)
    reduced(first.question.instance, target, shows, screen=screen)
    return found


def _smaller(subject: Subject, target: Target, found: Finding, kinds: Kinds, dtype: Any) -> Finding:
    """The finding on the smallest instance found on which a field shows a difference at the numbers of the instance."""
    deadline = time.perf_counter() + REDUCTION

    def shows(instance: Instance) -> bool:
        nonlocal found
        if time.perf_counter() > deadline or not kinds.admit(instance) or question(target, instance) is None:
            return False
        smaller = judged_on(subject, target, [instance], dtype)
        if smaller.outcome != REFUTED or not smaller.visible:
            return False
        found = smaller
        return True

    reduced(found.instances[0], target, shows)
    return found
