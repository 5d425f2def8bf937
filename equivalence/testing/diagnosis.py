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
from dataclasses import dataclass
from typing import Any

import numpy as np

from equivalence.testing.adapters.subject import subject_of
from equivalence.testing.answer import SHAPE, VALUES, Answer, asked, compared
from equivalence.testing.conventions.known import KnownMistake, explanations, mistaken
from equivalence.testing.generator import instances as generated
from equivalence.testing.kinds import kinds_for, largest
from equivalence.testing.question import Question, question
from equivalence.testing.reducer import complexity
from equivalence.testing.targets import Instance, Target, target_and_rest
from equivalence.testing.targets.layout import shown
from mdps import MDP, InvalidArgument, InvalidModel, scalars

INSTANCES = 60
FEWEST = 3  # wrong instances that a named mistake reproduces, unless there are fewer
MOST = 30  # instances that are compared
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
class Diagnosis:
    """What explains a subject's numbers.

    names          the known mistakes, one or two, that together reproduce them; () where none do.
    text           a sentence.
    reproduced_on  instances on which they do, which is all that ask something.
    alternatives   other explanations of as many mistakes that these instances cannot tell apart.
    no_objective   whether the Jacobian of a gradient was found not to be symmetric.
    """

    names: tuple[str, ...]
    text: str
    reproduced_on: int = 0
    alternatives: tuple[tuple[str, ...], ...] = ()
    no_objective: bool = False

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
    found = (question(target, instance) for instance in generated(target, wanted, instances, seed))
    return [asked(subject, q, dtype) for q in found if q is not None]


def explained(subject: Callable[..., Any], answers: Sequence[Answer], dtype: Any) -> Diagnosis:
    """The diagnosis from a subject's answers."""
    wrong = [answer for answer in answers if not answer.right]
    if not wrong:
        return Diagnosis((), "nothing to explain: it agrees")
    if any(answer.trouble not in ("", VALUES, SHAPE) for answer in wrong):
        return Diagnosis((), "unknown: it does not return numbers everywhere")
    curl = _curl(subject, answers, dtype)
    objective = f" No objective has this gradient: {curl}." if curl else ""
    chosen = _chosen(answers, wrong)
    floats = [_floats(answer.question) for answer in chosen]
    target = wrong[0].question.target
    for size in (1, 2):
        fitting: list[tuple[tuple[KnownMistake, ...], int]] = []
        for group in explanations(target, size):
            other = mistaken(target, group)
            if _plausible(other, chosen, floats) and (n := _reproduced(other, chosen, dtype)):
                fitting.append((group, n))
                if size > 1:
                    break
        if fitting:
            group, n = fitting[0]
            changed = {change for mistake in group for change in mistake.changes}
            others = [other for other, _ in fitting[1:] if not changed < {x for m in other for x in m.changes}]
            rest = [tuple(mistake.name for mistake in other) for other in others]
            told = " and ".join(f"{mistake.name} ({mistake.text})" for mistake in group)
            same = f" The same numbers here: {'; '.join(' and '.join(names) for names in rest)}." if rest else ""
            text = f"matches: {told}, on all of {n} instances.{same}{objective}"
            return Diagnosis(tuple(m.name for m in group), text, n, tuple(rest), bool(curl))
    return Diagnosis(
        (), f"unknown: no known mistake, nor two of them, reproduces these numbers.{objective}", 0, (), bool(curl)
    )


def _chosen(answers: Sequence[Answer], wrong: Sequence[Answer]) -> list[Answer]:
    """The answers to compare, those that reject most cheaply first: wrong ones of middling size, then the others."""
    ranked = sorted(wrong, key=lambda answer: complexity(answer.question.instance))
    middle = len(ranked) // 3
    ranked = ranked[middle:] + ranked[:middle]
    right = [answer for answer in answers if answer.right]
    n = min(len(right), max(MOST // 3, MOST - len(ranked)))
    return ranked[: MOST - n] + right[:n]


def _plausible(target: Target, answers: Sequence[Answer], floats: Sequence[dict[str, Any]]) -> bool:
    """Whether floats do not exclude it at once: a difference beyond anything that rounding does."""
    for answer, given in zip(answers, floats, strict=True):
        try:
            with np.errstate(all="ignore"):
                parts = target.value(given)
        except (ArithmeticError, InvalidArgument, InvalidModel):  # it has no answer here
            continue
        for part, returned in zip(parts, answer.returned, strict=True):
            expected = np.asarray(part, dtype=float)
            if expected.shape != returned.shape or _far(expected, returned, answer.unit_roundoff):
                return False
    return True


def _far(expected: np.ndarray, returned: np.ndarray, unit_roundoff: float) -> bool:
    finite = np.isfinite(expected)
    if (expected[~finite] != returned[~finite]).any():
        return True
    scale = max(1.0, float(np.abs(expected[finite]).max(initial=0.0)))
    # sqrt(u), not a verdict: what passes is held against derived bounds, what does not is not named
    return not bool((np.abs(expected[finite] - returned[finite]) <= np.sqrt(unit_roundoff) * scale).all())


def _reproduced(target: Target, answers: Sequence[Answer], dtype: Any) -> int:
    """On how many instances the mistaken formula reproduces the numbers within its own bounds; 0 unless on all."""
    count = wrong = 0
    for answer in answers:
        own = _question(target, answer.question.instance)
        if own is None:
            continue
        shapes = [truth.high.shape for truth in own.truth]
        if shapes != [array.shape for array in answer.returned]:
            return 0
        if not compared(own, answer.returned, dtype).right:
            return 0
        count, wrong = count + 1, wrong + (not answer.right)
    needed = min(FEWEST, sum(not answer.right for answer in answers))
    return count if wrong >= needed and 2 * count >= len(answers) else 0


def _question(target: Target, instance: Instance) -> Question | None:
    try:
        return question(target, instance)
    except ArithmeticError:
        return None


def _floats(asked_about: Question) -> dict[str, Any]:
    return {
        name: x.to("float") if isinstance(x, MDP) else scalars.convert(np.asarray(x, dtype=object), "float")[()]
        for name, x in asked_about.instance.items()
    }


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
