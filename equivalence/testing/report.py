"""What is said about a subject: a few lines where it agrees, and where it differs all that one needs to mend it.

The report of a difference names the likely mistake, where one is known. It shows what is expected; the smallest
instance found, as code to paste; what the subject said and what is true, where the largest difference is and what was
allowed; and in which kinds of instances it is right.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from equivalence.evidence.verdict import OUT_OF_REACH, PROVED_FOR_ALL, Proof
from equivalence.testing import hints
from equivalence.testing.adapters.over_field import Finding
from equivalence.testing.answer import VALUES, Answer
from equivalence.testing.diagnosis import Diagnosis
from equivalence.testing.kinds import TRAITS, traits
from equivalence.testing.literal import code, exact_texts
from equivalence.testing.question import ALLOWANCE, Question
from equivalence.testing.targets import AXIS_NAMES, Instance, Target, axes_text, sizes

ROWS = 12  # entries that are shown


class Part(NamedTuple):
    """One part of an answer beside the truth: arrays of one shape, `axes` of which `name` is returned."""

    name: str
    axes: str
    yours: np.ndarray
    true: np.ndarray
    text: np.ndarray
    distance: np.ndarray
    allowed: np.ndarray

    @property
    def off(self) -> np.ndarray:
        """Which entries differ."""
        return (self.distance > self.allowed) | np.isinf(self.distance)


def coverage(answers: Sequence[Answer]) -> dict[str, int]:
    """How many instances have a trait, and how many have it not, for the traits that tell instances apart."""
    table = [traits(answer.question.instance) for answer in answers]
    counts = {}
    for trait in table[0]:
        n = sum(row[trait] for row in table)
        if 0 < n < len(table):
            counts |= {trait: n, TRAITS[trait].opposite: len(table) - n}
    return counts


def agreement(
    name: str,
    answers: Sequence[Answer],
    margin: float,
    seconds: float,
    options: Mapping[str, Any],
    found: Finding | None = None,
) -> str:
    """The report on a subject that agrees: how well, and on what; the strongest evidence first."""
    first = f"{name} agrees with {answers[0].question.target.name}: "
    floats = f"{_floats(answers, margin)}, {seconds:.1f} s"
    if found is None:
        return f"{first}{floats}\n{_covered(answers, options)}"
    if found.outcome == PROVED_FOR_ALL:
        return f"{first}{field_line(found)}\n{' ' * len(first)}{floats}\n{_covered(answers, options)}"
    return f"{first}{floats}\n{_covered(answers, options)}\n{field_line(found)}"


def _floats(answers: Sequence[Answer], margin: float) -> str:
    u = f"2^{int(np.log2(max(answer.unit_roundoff for answer in answers)))}"
    stops_at = answers[0].question.target.layout.stops_at
    left = f", and what stopping at a last change of {stops_at:.2g} leaves" if stops_at else ""
    error = f"at most {_short(margin)} of the allowed error ({ALLOWANCE} derived bounds, u = {u}{left})"
    return f"float, {len(answers)} instances, {error}"


def field_line(found: Finding) -> str:
    """What a field said: `field, all energy, data on this path, n = 1...6, error <= 2^-243, 0.02 s`."""
    if found.outcome == OUT_OF_REACH:
        return f"field: out of reach: {found.detail}"
    sizes = _sizes(found.instances)
    if found.proof is None:
        return f"field: refuted, a proof ({sizes}): {found.detail}"
    free, error = scope(found.proof)
    open_ones = f", others out of reach: {found.detail}" if found.detail else ""
    return f"field, {free}, {sizes}, {error}, {found.seconds:.2f} s{open_ones}"


def scope(proof: Proof) -> tuple[str, str]:
    """What a proof speaks of: 'all energy, data on this path of 3 branches'; and 'error <= 2^-243'."""
    error = "no error" if proof.log2_error == -np.inf else f"error <= 2^{proof.log2_error:.0f}"
    path = f"on this path of {proof.branches} branches" if proof.branches else "without a branch"
    free = f"all {', '.join(proof.free)}" if proof.free else "the numbers of the instances alone"
    return f"{free} {path}", error


def unseen_difference(
    name: str,
    shown: Question,
    found: Finding,
    answers: Sequence[Answer],
    dtype: Any,
    margin: float,
    options: Mapping[str, Any],
) -> str:
    """The report on a subject that a field refutes and floats do not."""
    target = shown.target
    lines = [
        f"{name} differs from {target.name}: refuted over a field; floats are too coarse to show it",
        "",
        *_block([f"expected  {target.signature}", f"          {_meaning(target)}"]),
        "",
        f"The smallest instance found on which it differs ({_size(shown)}), where numbers are not rounded:",
        "",
        *_block([*code(shown, dtype), f"{name}({', '.join(target.passed)})"]),
        "",
        *_zero_rows(shown),
        f"There {found.detail}.",
        "",
        f"In floats it is consistent: {_floats(answers, margin)}.",
        _covered(answers, options),
    ]
    return "\n".join(line.rstrip() for line in lines)


def difference(
    name: str,
    smallest: Answer,
    answers: Sequence[Answer],
    dtype: Any,
    options: Mapping[str, Any],
    found: Finding | None = None,
    diagnosis: Diagnosis | None = None,
) -> str:
    """The report on a subject that differs, `smallest` being the answer to show."""
    target = smallest.question.target
    called, told = f"{name}({', '.join(target.passed)})", smallest.detail.split(";")[0]
    explained = [] if diagnosis is None else [f"Diagnosis: {diagnosis.text}"]
    named = diagnosis is not None and bool(diagnosis.names)
    lines = [
        f"{name} differs from {target.name}{told and f': {told}'}",
        *(explained if named else []),
        "",
        *_block([f"expected  {target.signature}", f"          {_meaning(target)}"]),
        "",
        f"The smallest instance found on which it differs ({_size(smallest.question)}):",
        "",
        *_block([*code(smallest.question, dtype), called]),
        "",
        *_zero_rows(smallest.question),
        *_finding(smallest),
        "",
        *([*smallest.advice, ""] if smallest.advice else []),
        *_over_all(answers, dtype),
        *([] if named else explained),
        _covered(answers, options),
        *([] if found is None else [_beside_floats(found)]),
    ]
    return "\n".join(line.rstrip() for line in lines)


def shown(name: str, answer: Answer, dtype: Any) -> list[str]:
    """One instance as code to paste, what its rows of zeros say, and the answer beside the truth."""
    asks = answer.question
    called = f"{name}({', '.join(asks.target.passed)})"
    return [*_block([*code(asks, dtype), called]), "", *_zero_rows(asks), *_finding(answer)]


def _beside_floats(found: Finding) -> str:
    """What a field said about a subject whose floats differ."""
    if found.outcome != PROVED_FOR_ALL:
        return field_line(found)
    return f"But {field_line(found)}: what differs is rounding, overflow, or a case that did not run there."


def _meaning(target: Target) -> str:
    fixed = "temperature" in target.arguments and "alpha" in target.meaning and not target.layout.temperature
    return f"{target.meaning}{'; alpha = 1' if fixed else ''}"


def _block(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _zero_rows(question: Question) -> list[str]:
    """What the rows of zeros of the instance mean, where there are any."""
    mdp = question.instance.get("mdp")
    if mdp is None or mdp.available.all():
        return []
    terminal = [f"state {s} is terminal" for s in np.flatnonzero(mdp.terminal)]
    missing = [
        f"action {a} is not available in state {s}" for s, a in np.argwhere(~mdp.available & ~mdp.terminal[:, None])
    ]
    return [f"Its rows of zeros say: {', '.join(terminal + missing)}.", ""]


def _finding(answer: Answer) -> list[str]:
    lines = [] if answer.trouble == VALUES else [f"There {answer.detail}."]
    for part in _parts(answer) if answer.parts else ():
        if part.off.any():
            lines += [*([""] if lines else []), _worst(part), "", *_block(_table(part))]
        elif part.name:
            lines.append(f"`{part.name}` is right there.")
    return lines


def _parts(answer: Answer) -> list[Part]:
    question = answer.question
    rows = zip(
        question.target.parts,
        answer.parts,
        question.truth,
        exact_texts(question),
        question.allowed(answer.unit_roundoff),
        strict=True,
    )
    return [
        Part(name, axes, yours, truth.high, text, truth.distance(yours), allowed)
        for (name, axes), yours, truth, text, allowed in rows
    ]


def _worst(part: Part) -> str:
    """Where the largest difference is; one that is not a number comes before all others."""
    at = np.unravel_index(int(np.where(part.off, part.distance, -1.0).argmax()), part.off.shape)
    size = float(part.distance[at])
    how_much = f"off by {_short(size)}" if np.isfinite(size) else f"it is {float(part.yours[at])}"
    counted = "The number differs"
    if part.axes:
        letters = zip(part.axes, at, strict=True)
        index = ", ".join(f"{AXIS_NAMES.get(letter, letter)}={int(i)}" for letter, i in letters)
        counted = f"{int(part.off.sum())} of {part.off.size} entries differ, most at [{index}]"
    named = f"`{part.name}`: " if part.name else ""
    return f"{named}{counted}: {how_much}, allowed {_short(float(part.allowed[at]))}."


def _table(part: Part) -> list[str]:
    """The entries, or those that are farthest off, with the truth beside them."""
    order = np.arange(part.off.size)
    if part.off.size > ROWS:
        order = np.argsort(-np.where(part.off, part.distance, -1.0), axis=None, kind="stable")[:ROWS]
    rows = [(axes_text(part.axes) if part.axes else "", "exact", "yours", "yours - exact", "yours / exact")]
    for flat in order:
        at = np.unravel_index(int(flat), part.off.shape)
        x, y, off = part.yours[at], part.true[at], bool(part.off[at])
        with np.errstate(all="ignore"):
            gap, ratio = f"{x - y:.6g}", f"{x / y:.6g}" if y != 0 else ""
        index = str([int(i) for i in at]) if part.axes else ""
        rows.append((index, str(part.text[at]), repr(float(x)), gap if off else "right", ratio if off else ""))
    columns = [column for column in zip(*rows, strict=True) if any(column)]
    padded = [[cell.ljust(max(map(len, column))) for cell in column] for column in columns]
    lines = ["   ".join(row) for row in zip(*padded, strict=True)]
    return lines + ([f"... and {part.off.size - ROWS} more"] if part.off.size > ROWS else [])


def _over_all(answers: Sequence[Answer], dtype: Any) -> list[str]:
    wrong = [answer for answer in answers if not answer.right]
    lines = [f"Of {len(answers)} instances it differs on {len(wrong)}."]
    found = hints.remedies(answers, dtype)
    lines += [f"On every instance {text}." for text in found]
    if precise := hints.less_precise(answers):
        lines.append(f"But {precise}.")
    if not found and not precise:
        lines += hints.where_right(answers)
    return lines


def _covered(answers: Sequence[Answer], options: Mapping[str, Any]) -> str:
    table = [traits(answer.question.instance) for answer in answers]
    told = [trait for trait in table[0] if trait not in (*hints.TRIVIAL, "no rows of zeros")]
    if not answers[0].question.target.layout.temperature:
        told = [trait for trait in told if trait != "temperature 1"]
    counts = {TRAITS[trait].opposite: sum(not row[trait] for row in table) for trait in told}
    asked = ", ".join(f"{name}={value!r}" for name, value in options.items())
    parts = [
        _sizes([answer.question.instance for answer in answers]),
        ", ".join(f"{n} with {kind}" for kind, n in counts.items() if n),
        ", ".join(f"none with {kind}" for kind, n in counts.items() if not n),
        f"asked for {asked}" if asked else "",
    ]
    return f"covered: {'; '.join(filter(None, parts))}"


def _sizes(instances: Sequence[Instance]) -> str:
    if "mdp" not in instances[0]:
        found = [sizes(instance) for instance in instances]
        return ", ".join(f"{AXIS_NAMES.get(x, x)} = {extent([own[x] for own in found])}" for x in found[0])
    return sizes_of_models(instances)


def sizes_of_models(instances: Sequence[Instance]) -> str:
    """'S = 1...3, A = 2, T = 1...3', or 'S = 1...3, A = 2, no horizon'."""
    models = [instance["mdp"] for instance in instances]
    names = {"S": "n_states", "A": "n_actions"} | ({"T": "horizon"} if models[0].horizon is not None else {})
    said = ", ".join(f"{name} = {extent([getattr(mdp, size) for mdp in models])}" for name, size in names.items())
    return said if "T" in names else f"{said}, no horizon"


def extent(numbers: Sequence[int]) -> str:
    """'3', or '1...3'."""
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}...{high}"


def _size(question: Question) -> str:
    if "mdp" not in question.instance:
        return _sizes([question.instance])
    return sizes_of_models([question.instance])


def _short(x: float) -> str:
    return f"{x:.2g}"
