"""What is said about a relation: a few lines where it holds, and where it does not the instance that shows it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from equivalence.evidence.verdict import OUT_OF_REACH
from equivalence.testing.kinds import TRAITS, traits
from equivalence.testing.literal import code
from equivalence.testing.question import Question
from equivalence.testing.relations.in_floats import Found
from equivalence.testing.relations.over_field import Proved
from equivalence.testing.relations.relation import Relation
from equivalence.testing.relations.verdict import HOLDS, UNDECIDED, VIOLATED
from equivalence.testing.report import extent, scope, sizes_of_models
from equivalence.testing.targets import Instance, Target

TRIVIAL = ("S = 1", "A = 1", "T = 1", "n = 1", "no rows of zeros")

Answers = Sequence[tuple[Instance, Found]]


def coverage(instances: Sequence[Instance]) -> dict[str, int]:
    """How many instances have a trait, and how many have it not, for the traits that tell instances apart."""
    table = [traits(instance) for instance in instances]
    counts = {}
    for trait in table[0]:
        n = sum(row[trait] for row in table)
        if 0 < n < len(table):
            counts |= {trait: n, TRAITS[trait].opposite: len(table) - n}
    return counts


def report(
    name: str,
    relation: Relation,
    target: Target,
    outcome: str,
    answers: Answers,
    found: Proved | None,
    shown: tuple[Instance, Found] | None,
    options: Mapping[str, Any],
    dtype: Any,
) -> str:
    """The report."""
    said = {HOLDS: f"{relation.name} holds of {name}", VIOLATED: f"{relation.name} is violated by {name}"}
    first = said.get(outcome, f"{relation.name} is undecided of {name}")
    theorem = [f"    relation  {relation.theorem}", f"    assumes   {relation.assumes}"]
    if shown is None:
        lines = [f"{first}: {_counted(answers)}", *theorem]
    else:
        instance, worst = shown
        question = Question(target, instance, ())
        lines = [
            first,
            "",
            *theorem,
            "",
            f"The smallest instance found that violates it ({_sizes([instance])}):",
            "",
            *(f"    {line}" for line in [*code(question, dtype), f"{name}({', '.join(target.passed)})"]),
            "",
            _worst(worst),
            "",
            f"{_counted(answers)}.",
        ]
    lines += [] if found is None else [field_line(found)]
    lines.append(_covered(answers, options))
    why = [answer.detail for _, answer in answers if answer.word == UNDECIDED and answer.detail]
    if why:
        lines.append(f"undecided on {sum(a.word == UNDECIDED for _, a in answers)}, for one: {why[0]}")
    return "\n".join(line.rstrip() for line in lines)


def _worst(found: Found) -> str:
    if found.detail:
        return f"There {found.detail}."
    sides = f"{found.lhs!r} and {found.rhs!r}"
    if np.isinf(found.defect):
        sides += "; expected two equal numbers"
    else:
        sides += f", off by {found.defect:.2g}, allowed {found.allowed:.2g}"
    return f"There {found.what}{', ' if found.place else ''}{found.place}: {sides}."


def _counted(answers: Answers) -> str:
    words = [answer.word for _, answer in answers]
    counts = ", ".join(f"{words.count(word)} {word}" for word in (HOLDS, VIOLATED, UNDECIDED) if word in words)
    margins = [answer.margin for _, answer in answers if answer.word == HOLDS]
    worst = f", at most {max(margins):.2g} of what is allowed" if margins and VIOLATED not in words else ""
    floors = sorted(answer.floor for _, answer in answers if answer.floor)
    floor = f", floor {floors[len(floors) // 2]:.1g} of the scale" if floors else ""
    return f"float, {len(answers)} instances ({counts}){worst}{floor}"


def field_line(found: Proved) -> str:
    """What a field said."""
    if found.outcome == OUT_OF_REACH:
        return f"field: out of reach: {found.detail}"
    sizes = _sizes(found.instances)
    if found.proof is None:
        return f"field: violated, a proof ({sizes}): {found.detail}"
    free, error = scope(found.proof)
    order = ", inequalities at these numbers" if found.ordered else ""
    return f"field: holds for {free}{order}, {sizes}, {error}, {found.seconds:.2f} s"


def _covered(answers: Answers, options: Mapping[str, Any]) -> str:
    instances = [instance for instance, _ in answers]
    table = [traits(instance) for instance in instances]
    counts = {TRAITS[t].opposite: sum(not row[t] for row in table) for t in table[0] if t not in TRIVIAL}
    parts = [
        _sizes(instances),
        ", ".join(f"{n} with {kind}" for kind, n in counts.items() if n),
        ", ".join(f"none with {kind}" for kind, n in counts.items() if not n),
        f"asked for {', '.join(f'{name}={value!r}' for name, value in options.items())}" if options else "",
    ]
    return f"covered: {'; '.join(filter(None, parts))}"


def _sizes(instances: Sequence[Instance]) -> str:
    if "mdp" not in instances[0]:
        lengths = [max(np.size(value) for value in instance.values()) for instance in instances]
        return f"n = {extent(lengths)}"
    return sizes_of_models(instances)
