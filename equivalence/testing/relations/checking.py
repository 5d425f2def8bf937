"""Checking a relation: the subject over a field first, then on some hundred instances in floats, small first.

print(check_relation(my_gradient, "symmetric_jacobian"))

@related("shaping", returns="policy")        # with pytest, or any other runner
def test_policy():
    return my_policy
"""

import inspect
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import wraps
from typing import Any

import numpy as np

from equivalence.evidence.verdict import OUT_OF_REACH
from equivalence.testing.adapters.cases import cases
from equivalence.testing.adapters.subject import Subject, subject_of
from equivalence.testing.generator import instances as generated
from equivalence.testing.kinds import Kinds, kinds_of
from equivalence.testing.passing import Evidence, checked_demand, settle
from equivalence.testing.reducer import reduced
from equivalence.testing.reduction.arrays import raw_of
from equivalence.testing.reduction.complexity import Complexity
from equivalence.testing.relations.flow import CONSERVATION
from equivalence.testing.relations.horizons import HORIZON_SPLITTING
from equivalence.testing.relations.in_floats import Found, arguments, exact, in_floats
from equivalence.testing.relations.invariances import CONSTANT_SHIFT, SCALING, SHAPING
from equivalence.testing.relations.jacobian import SYMMETRIC_JACOBIAN, symmetric_in_floats, symmetric_tested
from equivalence.testing.relations.normalization import NORMALIZATION
from equivalence.testing.relations.over_field import Proved, over_field, sides_tested
from equivalence.testing.relations.permutations import PERMUTED_ACTIONS, PERMUTED_STATES
from equivalence.testing.relations.relation import Relation, asked_about, names_taken
from equivalence.testing.relations.told import coverage, report
from equivalence.testing.relations.verdict import HOLDS, UNDECIDED, VIOLATED, RelationVerdict
from equivalence.testing.targets import Instance, Layout, Target
from mdps import InvalidArgument

ATTRIBUTE = "__evidence__"  # that of `equivalence.pytest_plugin`, which marks the test
INSTANCES = 100
VECTOR = "energy"  # the name that the machinery knows the only argument by, where points are given
DERIVATIVES = 40  # instances on which derivatives are taken
SPREADS = 10  # one in so many instances is asked with its neighbors in any case, for the floor
REDUCTION = 1.0  # seconds
RELATIONS: dict[str, Relation] = {
    relation.name: relation
    for relation in (
        SYMMETRIC_JACOBIAN,
        CONSERVATION,
        SHAPING,
        CONSTANT_SHIFT,
        SCALING,
        PERMUTED_STATES,
        PERMUTED_ACTIONS,
        HORIZON_SPLITTING,
        NORMALIZATION,
    )
}


def check_relation(
    subject: Callable[..., Any],
    relation: str,
    *,
    returns: str | None = None,
    takes: str | None = None,
    reward_axes: str = "sa",
    policy_axes: str = "tsa",
    axes: str = "sa",
    returned_axes: str | None = None,
    at: Sequence[Any] | None = None,
    dtype: Any = np.float64,
    framework: str | None = None,
    instances: int | None = None,
    seed: int = 0,
    field: bool = True,
    reduction: float = REDUCTION,
    **kinds: Any,
) -> RelationVerdict:
    """Whether a relation holds of a function that has no target: one of `RELATIONS`.

    subject    takes plain arrays by position as subjects of `judge` do, a model as `transition, initial, horizon,
               discount` first, and returns an array.
    returns    what it returns: 'policy', 'q', 'v', 'advantage' [t, s, a], 'gradient' (in the shape of the reward or the
               energy), 'occupancy' (`axes`), 'marginals' [t, s, a], 'state_marginals' [t, s], 'law' [n], 'number'.
               Not needed where the relation is about one of them alone.
    takes      its arguments in order, 'mdp reward temperature'; by default what its parameters without defaults are
               called.
    reduction  seconds for making an instance smaller that violates the relation.
    at         for symmetric_jacobian of a function of one vector: the points, each an array [k].
    reward_axes, policy_axes, axes, dtype, framework, instances, seed, field, kinds   as those of `judge`.
    returned_axes  where the subject returns other axes than these: 'sa' for the policy of the first step.

    Errors: `InvalidArgument` where the relation is not about such a subject, or no instance meets what it assumes.

    >>> check_relation(lambda x: [2 * x[1], x[0]], "symmetric_jacobian", returns="gradient", at=[[1.0, 2.0]]).outcome
    'violated'
    """
    started = time.perf_counter()
    known = find_relation(relation)
    told = returns or (known.returns[0] if len(known.returns) == 1 else None)
    if told is None:
        raise InvalidArgument(f"say what the subject returns: returns={' or '.join(map(repr, known.returns))}")
    count = (DERIVATIVES if known is SYMMETRIC_JACOBIAN else INSTANCES) if instances is None else instances
    if count < 1:
        raise InvalidArgument(f"instances is {instances}; expected at least 1")
    if at is not None and known is not SYMMETRIC_JACOBIAN:
        raise InvalidArgument(f"{relation} is not asked at points")
    names = (VECTOR,) if at is not None else names_taken(subject, takes)
    layout = Layout(reward_axes, policy_axes, axes, "temperature" in names)
    target = asked_about(known, names, told, layout, returned_axes)
    if known is SHAPING and reward_axes == "s":
        raise InvalidArgument("a shaped reward depends on the action: shaping needs reward_axes='sa' or 'sas'")
    theirs = subject_of(subject, framework=framework, dtype=dtype)
    wanted = _kinds(known, target, kinds)
    question = _Question(theirs, known, target, told, wanted)
    points = None if at is None else [{VECTOR: exact(np.array(point, dtype=float))} for point in at]
    small = (question.small() if points is None else points[:8]) if field else []
    found = over_field(theirs, target, small, question.tested()) if field else None
    drawn = question.drawn(count, seed) if points is None else points
    if not drawn:
        raise InvalidArgument("at has no points")
    answers = [(x, question.asked(x, spread=i % SPREADS == 0)) for i, x in enumerate(drawn)]
    outcome = _outcome(found, [answer for _, answer in answers])
    shown = question.smallest(answers, found, 0.0 if at is not None else reduction) if outcome == VIOLATED else None
    message = report(theirs.name, known, target, outcome, answers, found, shown, kinds, theirs.dtype)
    if at is not None:
        message = message.replace(VECTOR, _only_parameter(subject))
    decided = [answer for _, answer in answers if answer.word != UNDECIDED]
    floors = sorted(answer.floor for answer in decided if answer.floor)
    return RelationVerdict(
        theirs.name,
        known.name,
        outcome,
        "field" if found is not None and found.outcome == outcome else "float",
        len(answers),
        sum(answer.word == VIOLATED for answer in decided),
        len(answers) - len(decided),
        max((answer.margin for answer in decided), default=0.0),
        coverage([x for x, _ in answers]),
        message,
        defect=shown[1].defect if shown else max((answer.defect for answer in decided), default=0.0),
        allowed=shown[1].allowed if shown else 0.0,
        place=f"{shown[1].what} {shown[1].place}".strip() if shown else "",
        floor=floors[len(floors) // 2] if floors else 0.0,
        arguments=arguments(target, shown[0], theirs.dtype) if shown else (),
        seconds=time.perf_counter() - started,
        proof=found.proof if found else None,
        over_field=found.detail if found else "",
    )


def _only_parameter(subject: Callable[..., Any]) -> str:
    try:
        return next(iter(inspect.signature(subject).parameters), "x")
    except (TypeError, ValueError):
        return "x"


def find_relation(name: str) -> Relation:
    """The relation of that name.

    Errors: `InvalidArgument` for a name that is none.
    """
    if name not in RELATIONS:
        raise InvalidArgument(f"no relation is called {name!r}; there are {', '.join(RELATIONS)}")
    return RELATIONS[name]


def related(
    relation: str, *, at_least: str | None = None, allow: Collection[str] = (), **options: Any
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Decorate a test that returns the subject: it passes if the relation holds.

    at_least, allow  as of `judged`; a relation that holds is weaker than any level.     options  of `check_relation`.

    Errors: `Refuted`, an AssertionError with the report, where it is violated; `NotEstablished` where it is undecided.
    """
    least, allowed = checked_demand(at_least, allow)
    find_relation(relation)

    def decorate(test: Callable[..., Any]) -> Callable[..., None]:
        @wraps(test)
        def related_test(*arguments: Any, **keywords: Any) -> None:
            __tracebackhide__ = True
            subject = test(*arguments, **keywords)
            if not callable(subject):
                raise InvalidArgument(f"{test.__name__} returned {subject!r}; expected the function to check")
            settle(evidence_of(check_relation(subject, relation, **options)), at_least=least, allow=allowed)

        setattr(related_test, ATTRIBUTE, "relation")
        return related_test

    return decorate


def assert_relation(subject: Callable[..., Any], relation: str, **options: Any) -> RelationVerdict:
    """The verdict, where the relation holds.

    Errors: `Refuted` with the report where it is violated; `NotEstablished` where it is undecided.
    """
    __tracebackhide__ = True
    verdict = check_relation(subject, relation, **options)
    settle(evidence_of(verdict))
    return verdict


def evidence_of(verdict: RelationVerdict) -> Evidence:
    """What a verdict on a relation is for a test."""
    holding = verdict.instances - verdict.violating - verdict.undecided
    counts = {HOLDS: holding, VIOLATED: verdict.violating, UNDECIDED: verdict.undecided}
    return Evidence(
        verdict.subject,
        verdict.relation,
        verdict.outcome,
        verdict.level,
        verdict.instances,
        verdict.seconds,
        verdict.message,
        margin=verdict.margin,
        counts={word: n for word, n in counts.items() if n},
    )


def _kinds(relation: Relation, target: Target, options: dict[str, Any]) -> Kinds:
    """The kinds that are asked for, as far as the relation has a meaning on them."""
    fixed: dict[str, Any] = {}
    if target.on_model:
        fixed = dict(relation.kinds) if target.layout.temperature else {"temperatures": (1,), **relation.kinds}
        if target.parts[0][1] == "n":
            fixed["max_trajectories"] = 300
    if relation is SYMMETRIC_JACOBIAN and target.on_model:
        # derivatives of a softmax of large rewards are 0, and there are S A evaluations of each
        fixed |= {"max_states": 3, "max_actions": 3, "largest_reward": 10, "horizons": (1, 2, 3, 4)}
    elif relation is SYMMETRIC_JACOBIAN:
        fixed |= {"max_outcomes": 6, "largest_energy": 10}
    clash = [name for name in relation.kinds if name in options and options[name] != relation.kinds[name]]
    if clash and clash != ["max_states"]:
        raise InvalidArgument(f"{relation.name} assumes {relation.assumes}; {clash[0]}={options[clash[0]]!r} does not")
    return kinds_of(target.on_model, {**fixed, **options})


class _Question:
    """A subject and a relation, to be asked on instances."""

    def __init__(self, subject: Subject, relation: Relation, target: Target, returns: str, kinds: Kinds) -> None:
        self.subject, self.relation, self.target, self.returns, self.kinds = subject, relation, target, returns, kinds

    def asked(self, instance: Instance, spread: bool = False) -> Found:
        if self.relation is SYMMETRIC_JACOBIAN:
            return symmetric_in_floats(self.subject, self.target, instance, spread)
        return in_floats(self.subject, self.relation, self.target, self.returns, instance, spread=spread)

    def tested(self) -> Any:
        if self.relation is SYMMETRIC_JACOBIAN:
            return symmetric_tested
        return sides_tested(self.relation, self.returns)

    def _meeting(self, found: Iterator[Instance]) -> Iterator[Instance]:
        for instance in found:
            fitted = self.relation.fitted(instance)
            if self.relation.meets(fitted):
                yield fitted

    def small(self) -> list[Instance]:
        """The instances that are asked over a field."""
        return list(self._meeting(cases(self.target, self.kinds, self.relation.shapes)))

    def drawn(self, count: int, seed: int) -> list[Instance]:
        """Instances that meet what the relation assumes."""
        found: list[Instance] = []
        for attempt in range(4):  # few small ones meet what some relations assume
            more = max(count, 4**attempt)
            found += self._meeting(generated(self.target, self.kinds, more, seed + 1000 * attempt))
            if len(found) >= count:
                break
        if not found:
            raise InvalidArgument(f"{self.relation.name} assumes {self.relation.assumes}; no instance drawn meets it")
        return found[:count]

    def smallest(
        self, answers: Sequence[tuple[Instance, Found]], found: Proved | None, seconds: float
    ) -> tuple[Instance, Found]:
        """The smallest instance found on which it is violated, in floats if they show it, else over the field."""
        wrong = [(x, answer) for x, answer in answers if answer.word == VIOLATED]
        if not wrong:
            assert found is not None
            first = found.instances[0]
            return first, Found(VIOLATED, found.what, found.place, defect=found.defect, detail=found.detail)
        gross = max(answer.margin for _, answer in wrong) > 1e6
        candidates = [row for row in wrong if not gross or row[1].margin > 1e6]
        best = min(candidates, key=lambda row: Complexity(raw_of(row[0])))

        def shows(instance: Instance) -> bool:
            nonlocal best
            if not (self.kinds.admit(instance) and self.relation.meets(instance)):
                return False
            answer = self.asked(instance)
            if answer.word != VIOLATED or (gross and answer.margin <= 1e6):
                return False
            best = instance, answer
            return True

        if not seconds:
            return best
        reduced(best[0], self.target, shows, seconds=seconds)
        return best


def _outcome(found: Proved | None, answers: Sequence[Found]) -> str:
    """The strongest word: a violation, then what was decided."""
    if (found is not None and found.outcome == VIOLATED) or any(answer.word == VIOLATED for answer in answers):
        return VIOLATED
    holding = sum(answer.word == HOLDS for answer in answers)
    proved = found is not None and found.outcome not in (VIOLATED, OUT_OF_REACH)
    return HOLDS if proved or holding > len(answers) / 2 else UNDECIDED


__all__ = ["RELATIONS", "assert_relation", "check_relation", "evidence_of", "find_relation", "related"]
