"""Which known mistake makes the numbers that a subject returns?

    diagnosis = diagnose(my_gradient, to="causal.gradient")
    diagnosis.names                                              ('no discount in the counts',)

A mistake is a change of the reference's own formula (`conventions`): the right formula with one switch, or two
different ones, in another position. It is asked the same exact instances as the subject, in balls, and is named only
if on every one of them the subject's floats lie within the rounding bound that is derived for the mistaken formula, as
a right subject's would for the right one. Fewer mistakes come before more. Where none explains the numbers, the answer
is `unknown`. An instance on which a mistake has no answer (a tie that rounding decides, 0/0) asks nothing; at least
half of the instances, and at least `FEWEST` on which the subject is wrong, must ask something.

A gradient has a symmetric Jacobian. For targets that are gradients, d_i g_j of the subject is found by differences,
and where |d_i g_j - d_j g_i| is above all that truncation and rounding can do it is the gradient of no objective: the
usual sign of a mixed convention. Truncation is estimated by the change between two extrapolations, not proved.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from equivalence.testing import hints
from equivalence.testing.adapters.subject import subject_of
from equivalence.testing.answer import SHAPE, VALUES, Answer, asked
from equivalence.testing.conventions.mistake import KnownMistake
from equivalence.testing.explanations import Explanation, Search
from equivalence.testing.generator import instances as generated
from equivalence.testing.kinds import Kinds, kinds_for, largest, traits
from equivalence.testing.question import Question, question
from equivalence.testing.reducer import complexity
from equivalence.testing.targets import Layout, find_target, target_and_rest
from equivalence.testing.targets.layout import shown

INSTANCES = 60
OF_TWO = ("deterministic dynamics", "discount 1", "no rows of zeros", "a single start", "temperature 1")
FEWEST_IN_PART = 5  # wrong instances with a trait, for a mistake to be named on these alone
GRADIENTS = {  # the argument whose derivative they are
    "causal.gradient": "reward",
    "maxent.gradient": "reward",
    "ebm.gradient": "energy",
    "gan.discriminator_gradient.energy": "energy",
    "gan.discriminator_gradient.with_ratio.energy": "energy",
    "nce.gradient.energy": "energy",
    "pseudo_likelihood.gradient": "energy",
    "probability_flow.gradient": "energy",
    "dpo.gradient": "logits",
    "bradley_terry.gradient": "reward",
}
STEP = 2.0**-6
LARGEST_ASYMMETRY_OF_ERRORS = 16  # times the estimated error of differences: what is above it is no error


@dataclass(frozen=True)
class Part:
    """What explains a subject's numbers on the instances with some trait alone."""

    trait: str
    names: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Diagnosis:
    """What explains a subject's numbers.

    names          the known mistakes, one or two, that together reproduce them; () where none do.
    text           a sentence.
    reproduced_on  instances on which they do, which is all that ask something.
    alternatives   other explanations of as many mistakes that these instances cannot tell apart.
    no_objective   whether the Jacobian of a gradient was found not to be symmetric.
    part           where nothing explains all of them: the mistake that does so on the instances with some trait.
    mistakes       those of `names`, with what they change.
    """

    names: tuple[str, ...]
    text: str
    reproduced_on: int = 0
    alternatives: tuple[tuple[str, ...], ...] = ()
    no_objective: bool = False
    part: Part | None = None
    mistakes: tuple[KnownMistake, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return self.text


def diagnose(
    subject: Callable[..., Any], *, to: str, dtype: Any = np.float64, framework: str | None = None, **options: Any
) -> Diagnosis:
    """The known mistake, or pair of them, that reproduces what a subject returns; options are those of `judge`.

    Cost: every mistake in floats on a few instances, then those that fit in balls on all: some tenths of a second,
    more where pairs are tried.
    """
    subject = subject_of(subject, framework=framework, dtype=dtype)
    return explained(subject, answers_of(subject, to=to, dtype=dtype, **options), dtype)


def answers_of(
    subject: Callable[..., Any],
    *,
    to: str,
    dtype: Any = np.float64,
    framework: str | None = None,
    instances: int = INSTANCES,
    seed: int = 0,
    **options: Any,
) -> list[Answer]:
    """What a subject answers on generated instances, in floats; options are those of `judge`."""
    target, kinds = target_and_rest(to, options)
    subject = subject_of(subject, framework=framework, dtype=dtype)
    wanted = kinds_for(target, kinds)
    return [asked(subject, q, dtype) for q in _questions(target.name, target.layout, wanted, instances, seed)]


@lru_cache(maxsize=48)
def _questions(name: str, layout: Layout, kinds: Kinds, count: int, seed: int) -> tuple[Question, ...]:
    """The questions of a target, kept with their bounds for the next subject."""
    target = find_target(name, layout)
    found = (question(target, instance) for instance in generated(target, kinds, count, seed))
    return tuple(q for q in found if q is not None)


def explained(subject: Callable[..., Any], answers: Sequence[Answer], dtype: Any, *, single: bool = False) -> Diagnosis:
    """The diagnosis from a subject's answers; `single` looks for one known mistake alone, which is quick."""
    wrong = [answer for answer in answers if not answer.right]
    if not wrong:
        return Diagnosis((), "nothing to explain: it agrees")
    if any(answer.trouble not in ("", VALUES, SHAPE) for answer in wrong):
        return Diagnosis((), "unknown: it does not return numbers everywhere")
    if wrong[0].question.target.layout.infinite:
        return Diagnosis((), "unknown: known mistakes are of targets with a horizon; `judge` says where it stops early")
    curl = _curl(subject, answers, dtype)
    objective = f" No objective has this gradient: {curl}." if curl else ""
    search = Search(answers, dtype)
    found = search.of_one() if single else search.explanations()
    if found:
        rest = _alternatives(found)
        same = f" The same numbers here: {'; '.join(' and '.join(names) for names in rest)}." if rest else ""
        text = f"matches: {_told(found[0].group)}, on all of {found[0].reproduced_on} instances.{same}{objective}"
        return Diagnosis(
            _names(found[0].group), text, found[0].reproduced_on, tuple(rest), bool(curl), None, found[0].group
        )
    text = "unknown: no known mistake, nor two of them, reproduces these numbers."
    part = None if single else _in_part(answers, dtype)
    if part:
        text = f"unknown as a whole, but {part.text}"
    return Diagnosis((), f"{text}{objective}", no_objective=bool(curl), part=part)


def _names(group: Sequence[KnownMistake]) -> tuple[str, ...]:
    return tuple(mistake.name for mistake in group)


def _told(group: Sequence[KnownMistake]) -> str:
    return " and ".join(f"{mistake.name} ({mistake.text})" for mistake in group)


def _alternatives(found: Sequence[Explanation]) -> list[tuple[str, ...]]:
    """The names of other explanations, without those that change what the first one does and more."""
    changed = {change for mistake in found[0].group for change in mistake.changes}
    others = [other.group for other in found[1:]]
    return [_names(group) for group in others if not changed < {x for m in group for x in m.changes}]


def _in_part(answers: Sequence[Answer], dtype: Any) -> Part | None:
    """The known mistake that explains all instances with a trait or two, those of most of them first."""
    table = [(answer, traits(answer.question.instance)) for answer in answers]
    known = [name for name in (*hints.OPTIONS, "temperature 1") if name in table[0][1]]
    for groups in (((name,) for name in known), combinations([x for x in known if x in OF_TWO], 2)):
        having = {group: [answer for answer, has in table if all(has[x] for x in group)] for group in groups}
        telling = {
            group: those
            for group, those in having.items()
            if len(those) < len(answers) and sum(not answer.right for answer in those) >= FEWEST_IN_PART
        }
        for group in sorted(telling, key=lambda group: -len(telling[group])):
            if found := Search(telling[group], dtype).of_one():
                told, where = _told(found[0].group), " and ".join(group)
                on = f"on all of {found[0].reproduced_on}"
                text = f"with {where} it matches: {told}, {on}; elsewhere something else is wrong too."
                return Part(where, _names(found[0].group), text)
    return None


def _curl(subject: Callable[..., Any], answers: Sequence[Answer], dtype: Any) -> str:
    """What shows that the Jacobian is not symmetric, in words; '' where nothing does, and for what is no gradient."""
    target = answers[0].question.target
    if target.name not in GRADIENTS or np.dtype(dtype) != np.float64:
        return ""
    argument = "theta" if target.layout.features else GRADIENTS[target.name]
    passed = target.passed.index(shown(argument, target.layout))
    plain = [
        a.question
        for a in answers
        if a.trouble in ("", VALUES) and largest(a.question.instance[argument]) <= 10 and a.parts[0].size > 1
    ]
    telling = sorted(plain, key=lambda q: complexity(q.instance))[len(plain) // 4 :: max(1, len(plain) // 6)]
    for posed in telling[:4]:
        try:
            skew, error = _asymmetry(subject, posed, passed)
        except Exception:  # of the subject, at arguments that are no instance
            continue
        if skew > LARGEST_ASYMMETRY_OF_ERRORS * error:
            return f"its Jacobian is not symmetric, by {skew:.2g} (differences are good to {error:.1g})"
    return ""


def _asymmetry(subject: Callable[..., Any], question: Question, position: int) -> tuple[float, float]:
    """max |d_i g_j - d_j g_i| by differences, extrapolated, and an estimate of its error."""
    n = question.arguments(np.float64)[position].size

    def difference(i: int, h: float) -> np.ndarray:
        sides = []
        for sign in (1, -1):
            arguments = question.arguments(np.float64)
            arguments[position].flat[i] += sign * h
            sides.append(np.ravel(subject(*arguments)).astype(float))
        return (sides[0] - sides[1]) / (2 * h)

    with np.errstate(all="ignore"):
        rows = [np.array([difference(i, STEP / 2**k) for i in range(n)]) for k in range(3)]
    coarse, fine = (4 * rows[1] - rows[0]) / 3, (4 * rows[2] - rows[1]) / 3
    rounding = float(max(bound.max(initial=0.0) for bound in question.allowed(2.0**-53))) / (STEP / 4)
    error = float(np.abs(fine - coarse).max()) + 2 * rounding
    skew = float(np.abs(fine - fine.T).max())
    return (skew, error) if np.isfinite(skew) and np.isfinite(error) else (0.0, 1.0)
