"""What all answers of a subject together say about a failure: where it is right, and what would make it right.

Only what was checked on every instance is said. A trait (discount 1, say) is named where the subject is right on all
instances that have it and wrong on some that have not. Two or three traits together, of which there are hundreds, are
named where that is no chance: so many instances, drawn from all without regard to them, would all be right with a
probability below CHANCE, over all groups that were tried. A remedy (the negative, a transpose, half of it, ...) is
named where it makes the subject right on every instance, or, for the type of floats, covers every failure.
"""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, permutations
from typing import Any

import numpy as np

from equivalence.testing.answer import SHAPE, VALUES, Answer, roundoff
from equivalence.testing.kinds import SIZES, traits
from equivalence.testing.question import ALLOWANCE, Question
from equivalence.testing.targets import axes_text, sizes
from mdps import scalars

FEWEST = 5  # instances with a trait, and without it, for it to be named
CHANCE = 1e-3
FAR = 2.0**-16  # of what single precision is allowed: what computes in it comes this far off somewhere
MOST = 4  # traits that are named
TRIVIAL = ("S = 1", "A = 1", "T = 1", "n = 1")  # true of many a wrong function, so they are named last
IMPLIES = {  # where the wider trait is named, the narrower one says nothing
    **{f"|{size.name}| <= 10": (f"|{size.name}| <= 100",) for size in SIZES.values()},
    "S = 1": ("S <= 6",),
    "T = 1": ("T <= 5",),
    "no rows of zeros": ("no terminal state", "every action available"),
    "no terminal state": ("no terminal start",),
}
OPTIONS = {  # how to be asked on such instances alone
    "deterministic dynamics": "deterministic=True",
    "discount 1": "discounts=(1,)",
    "no terminal state": "terminal=False",
    "no terminal start": "terminal_start=False",
    "every action available": "unavailable=False",
    "no rows of zeros": "terminal=False, unavailable=False",
    "a single start": "single_start=True",
    **{trait: f"largest_reward={size.limit}" for trait, size in SIZES.items()},  # `largest_energy` on a finite space
}

OF_SPACES = ("n", "the number of prompts", "the number of comparisons")

Remedy = Callable[[np.ndarray, Question], np.ndarray]
Traits = tuple[str, ...]


def where_right(answers: Sequence[Answer]) -> list[str]:
    """Sentences: the traits with which the subject is always right, and how to be asked on such instances alone.

    Where no trait but a trivial one is such, the two or three traits that together are.
    """
    table = [(traits(answer.question.instance), answer.right) for answer in answers]
    names = list(table[0][0])
    single = _always_right(table, [(name,) for name in names])
    found: dict[Traits, int] = {
        group: n for group, n in single.items() if not any((wider,) in single for wider in IMPLIES.get(group[0], ()))
    }
    telling = [name for name in names if name not in TRIVIAL]
    if all(group[0] in TRIVIAL for group in found):
        rest = [row for row in table if not any(_has(row[0], group) for group in found)]
        for size in (2, 3):
            new = _always_right(rest, list(combinations(telling, size)))
            if new:
                widest = max(new, key=lambda group: new[group])
                found[widest] = sum(_has(has, widest) for has, _ in table)
                break
    if not found:
        return []
    named = sorted(found, key=lambda group: group[0] in TRIVIAL)[:MOST]
    others = [right for has, right in table if not any(_has(has, group) for group in named)]
    listed = " or ".join(f"{' and '.join(group)} ({found[group]})" for group in named)
    wrong = f"it differs on {others.count(False)} of the {len(others)} others"
    lines = [f"It is right on all instances with {listed}; {wrong}."]
    if all(name in OPTIONS for name in named[0]):
        options = ", ".join(OPTIONS[name] for name in named[0])
        if not answers[0].question.target.on_model:
            options = options.replace("largest_reward", "largest_energy")
        lines.append(f"To judge it with {' and '.join(named[0])} alone: judge(..., {options}).")
    return lines


def _has(has: dict[str, bool], group: Traits) -> bool:
    return all(has[name] for name in group)


def _always_right(table: Sequence[tuple[dict[str, bool], bool]], groups: Sequence[Traits]) -> dict[Traits, int]:
    """The groups of traits that tell where the subject is right, with how many instances have them."""
    total, right = len(table), sum(right for _, right in table)
    found = {}
    for group in groups:
        having = [right for has, right in table if _has(has, group)]
        n = len(having)
        if FEWEST <= n <= total - FEWEST and all(having):
            by_chance = math.comb(right, n) / math.comb(total, n)  # n of the instances are right ones
            if len(group) == 1 or by_chance * len(groups) < CHANCE:
                found[group] = n
    return found


def remedies(answers: Sequence[Answer], dtype: Any) -> list[str]:
    """Sentences: what makes every answer right."""
    comparable = all(answer.trouble in ("", VALUES, SHAPE) for answer in answers)
    if not comparable or not any(map(_tells, answers)) or len(answers[0].question.target.parts) > 1:
        return []
    return [text for text, remedy in _remedies(answers) if all(_heals(remedy, a, dtype) for a in answers)][:1]


def less_precise(answers: Sequence[Answer]) -> str:
    """A sentence where single precision explains every failure; '' where it does not."""
    wrong = [answer for answer in answers if not answer.right]
    if answers[0].question.target.layout.infinite:  # as likely an iteration that stops early, see `stopping`
        return ""
    if any(answer.trouble != VALUES or answer.unit_roundoff > 2.0**-53 for answer in wrong):
        return ""
    share = max((_share_of_single(answer) for answer in wrong), default=0.0)
    if not FAR <= share <= 1:
        return ""
    text = "every difference is of the size of rounding to float32: if it computes in that, "
    text += "judge it with dtype=np.float32"
    # torch.nn.functional.softplus returns x itself above its threshold
    softplus = "; if it calls torch's softplus, that is x itself above 20, off by 2e-9, and -logsigmoid(-x) is not"
    return text + (softplus if "torch" in sys.modules else "")


def _share_of_single(answer: Answer) -> float:
    """The largest distance from the truth, in units of what single precision is allowed; inf where that is nothing."""
    parts = zip(answer.question.truth, answer.parts, answer.question.allowed(2.0**-24), strict=True)
    with np.errstate(all="ignore"):
        shares = [np.where((d := truth.distance(part)) > 0, d / bound, 0.0) for truth, part, bound in parts]
    return max(float(np.where(np.isnan(share), np.inf, share).max(initial=0.0)) for share in shares)


def _tells(answer: Answer) -> bool:
    return any(truth.scale > 0 for truth in answer.question.truth)


def _heals(remedy: Remedy, answer: Answer, dtype: Any) -> bool:
    truth = answer.question.truth[0]
    try:
        with np.errstate(all="ignore"):
            healed = remedy(answer.returned[0], answer.question)
    except (ValueError, IndexError):
        return False
    if healed.shape != truth.high.shape:
        return False
    u = roundoff(dtype, answer.returned)
    # The remedy itself rounds what it is applied to.
    size = np.abs(answer.returned[0])
    largest = float(size[np.isfinite(size)].max(initial=0.0))
    slack = ALLOWANCE * u * largest * max(1.0, truth.scale)
    return bool((truth.distance(np.asarray(healed, dtype=float)) <= answer.question.allowed(u)[0] + slack).all())


def _remedies(answers: Sequence[Answer]) -> Iterator[tuple[str, Remedy]]:
    question = answers[0].question
    yield "its negative is right", lambda x, q: -x
    yield "twice its answer is right", lambda x, q: 2 * x
    yield "half its answer is right", lambda x, q: x / 2
    for name, factor in _FACTORS.items():
        known = ("mdp" in question.instance) == (name not in OF_SPACES)
        if known and any(factor(answer.question.instance) != 1 for answer in answers):
            yield f"its answer times {name} is right", lambda x, q, f=factor: x * f(q.instance)
            yield f"its answer divided by {name} is right", lambda x, q, f=factor: x / f(q.instance)
    axes = question.target.parts[0][1]
    for order in permutations(range(len(axes))):
        if order != tuple(range(len(axes))):
            theirs = axes_text("".join(axes[order.index(i)] for i in range(len(axes))))
            yield f"its axes are {theirs}; expected {axes_text(axes)}", lambda x, q, order=order: x.transpose(order)
    if axes.startswith("t"):
        yield "its steps are in reverse order: t = 0 comes first", lambda x, q: x[::-1]
        yield "its first rows are right, and it has a row too many", lambda x, q: x[: len(q.truth[0].high)]
        yield "its last rows are right, and it has a row too many", lambda x, q: x[-len(q.truth[0].high) :]
        text = "its rows are right, and the last one is missing"
        yield text, lambda x, q: np.concatenate([x, q.truth[0].high[len(x) :]])
    if axes == "":
        yield "its answer is right, but not a number: take it out of the array", lambda x, q: x.reshape(())
    if question.target.name == "gan.discriminator":
        text = "1 - its answer is right: it is the probability of being a sample, expected that of being data"
        yield text, lambda x, q: 1 - x
    yield "the logarithm of its answer is right", lambda x, q: np.log(x)
    yield "the exponential of its answer is right", lambda x, q: np.exp(x)


def _discounted_horizon(instance: Any) -> float:
    mdp = instance["mdp"]
    if mdp.horizon is None:
        return 1 / (1 - _float(mdp.discount))
    return _float(sum(mdp.discount**t for t in range(mdp.horizon)))


def _float(x: Any) -> float:
    return float(scalars.convert(np.asarray(x, dtype=object), "float"))


_FACTORS: dict[str, Callable[[Any], float]] = {
    "T": lambda instance: float(instance["mdp"].horizon or 1),
    "sum_t<T gamma^t": _discounted_horizon,
    "the discount": lambda instance: _float(instance["mdp"].discount),
    "the temperature": lambda instance: _float(instance.get("temperature", 1)),
    "S": lambda instance: float(instance["mdp"].n_states),
    "A": lambda instance: float(instance["mdp"].n_actions),
    "n": lambda instance: float(sizes(instance).get("n", 1)),
    "the number of prompts": lambda instance: float(sizes(instance).get("p", 1)),
    "the number of comparisons": lambda instance: float(sizes(instance).get("p", 1) * sizes(instance).get("y", 1) ** 2),
}
