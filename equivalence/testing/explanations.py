"""The search behind `diagnosis`: which known mistakes, and how many, reproduce the answers of a subject.

A candidate is asked in floats first, on the instances that reject most cheaply, and what is left is held in balls
against the bounds that are derived for its own formula. Fewer mistakes come before more:

    one known mistake
    one with a number that is read off the answers      log(q + 1e-8), D clipped to 1e-6
    single precision
    a factor or a constant that is read off             c times, over 2 n, plus log n
    two known mistakes
    one of them, and a factor or a constant

Pairs are made of mistakes that change something on these instances, one of those that change the same. The floats of a
mistaken formula are kept with the question, for the next subject.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from equivalence.testing.answer import Answer, compared
from equivalence.testing.conventions.known import KnownMistake, grouped, known_mistakes, mistaken, near
from equivalence.testing.conventions.mistake import known
from equivalence.testing.hints import less_precise
from equivalence.testing.kinds import SIZES, traits
from equivalence.testing.question import Question, question
from equivalence.testing.reducer import complexity
from equivalence.testing.targets import Instance, Target, is_integer, sizes
from mdps import MDP, InvalidArgument, InvalidModel, scalars

SINGLE = known(
    "single precision",
    "every difference is of the size of rounding to float32; if it should compute in that, judge it with "
    "dtype=np.float32",
)
FEWEST = 3  # wrong instances that a named mistake reproduces, unless there are fewer
MOST = 30  # instances that are compared
PROBES, FURTHER = 4, 6  # of them, by which mistakes are told apart before pairs are made
LARGE = ("S <= 6", "T <= 5", *SIZES)
NEAR = 1e-9  # of numbers that are read off floats; what they are is held against derived bounds afterwards

Group = tuple[KnownMistake, ...]
Parts = tuple[np.ndarray, ...]


class Explanation(NamedTuple):
    """Mistakes that together reproduce the answers, and on how many instances, which is all that ask something."""

    group: Group
    reproduced_on: int


class Search:
    """The search for explanations of the answers of one subject."""

    def __init__(self, answers: Sequence[Answer], dtype: Any):
        wrong = [answer for answer in answers if not answer.right]
        self.dtype, self.answers = dtype, answers
        self.target: Target = wrong[0].question.target
        self.chosen = _chosen(answers, wrong)
        self.known = known_mistakes(self.target)

    def explanations(self) -> list[Explanation]:
        """Those of the fewest mistakes; of one mistake all of them, else the first."""
        found = self.of_one()
        if not found:
            steps = (self._near, self._single, self._solved_of_none, self.of_two, self._solved_after_one)
            found = next((one for step in steps if (one := step())), [])
        return found

    def of_one(self) -> list[Explanation]:
        """Every single known mistake that explains the answers."""
        return [found for mistake in self.known if (found := self._explains((mistake,)))]

    def of_two(self) -> list[Explanation]:
        """The first pair that does."""
        pairs = grouped(self._distinct(), 2)
        return self._first(pairs)

    def _first(self, groups: Iterable[Group]) -> list[Explanation]:
        found = next((one for group in groups if (one := self._explains(group))), None)
        return [] if found is None else [found]

    def _explains(self, group: Group) -> Explanation | None:
        if not self._plausible(group):
            return None
        count = _reproduced(mistaken(self.target, group), self.chosen, self.dtype)
        return Explanation(group, count) if count else None

    def _plausible(self, group: Group) -> bool:
        """Whether floats do not exclude it at once: they are far off, or the right ones where the subject is wrong."""
        for answer in self.chosen:
            parts = _in_floats(answer.question, group)
            if parts is None:
                continue
            if not answer.right and _equal(parts, _in_floats(answer.question, ())):
                return False
            for expected, returned in zip(parts, answer.returned, strict=True):
                if expected.shape != returned.shape or _far(expected, returned, answer.unit_roundoff):
                    return False
        return True

    def _distinct(self) -> list[KnownMistake]:
        """The mistakes that change something, the first of those that change the same, as far as the probes tell."""
        probes = _covering(self.chosen, PROBES + FURTHER)
        kept = _told_apart(self.known, probes[:PROBES])
        for probe in probes[PROBES:]:  # of the others, those that a further instance tells from all that are kept
            rest = [mistake for mistake in self.known if mistake not in kept]
            apart = _told_apart([*kept, *rest], [probe])
            kept += [mistake for mistake in apart if mistake in rest]
        return [mistake for mistake in self.known if mistake in kept]

    # Numbers that are read off the answers

    def _near(self) -> list[Explanation]:
        """A mistake with a number: of each kind the one that comes nearest."""
        probes = [answer for answer in self.chosen if not answer.right][:PROBES]
        candidates = []
        for kind in near(self.target):
            ranked = [(self._distance(probes, (mistake,)), mistake) for mistake in kind]
            candidates.append(min(ranked, key=lambda pair: pair[0]))
        ordered = sorted(candidates, key=lambda pair: pair[0])
        return self._first((mistake,) for distance, mistake in ordered if distance < np.sqrt(NEAR))

    @staticmethod
    def _distance(probes: Sequence[Answer], group: Group) -> float:
        largest = 0.0
        for answer in probes:
            parts = _in_floats(answer.question, group)
            for expected, returned in zip(parts or (), answer.returned, strict=False):
                if expected.shape != returned.shape:
                    return np.inf
                finite = np.isfinite(expected) & np.isfinite(returned)
                scale = max(float(np.abs(expected[finite]).max(initial=0.0)), 1e-300)
                largest = max(largest, float(np.abs(expected - returned)[finite].max(initial=0.0)) / scale)
        return largest

    def _single(self) -> list[Explanation]:
        """Single precision inside, where every difference is of its size, and they are no exception."""
        wrong = sum(not answer.right for answer in self.answers)
        if np.dtype(self.dtype) != np.float64 or 5 * wrong < len(self.answers) or not less_precise(self.answers):
            return []
        return [Explanation((SINGLE,), len(self.answers))]

    def _solved_of_none(self) -> list[Explanation]:
        return self._solved([()])

    def _solved_after_one(self) -> list[Explanation]:
        return self._solved([(mistake,) for mistake in self._distinct()])

    def _solved(self, bases: Iterable[Group]) -> list[Explanation]:
        """A factor or a constant, after other mistakes."""
        for base in bases:
            changed = {name for mistake in base for name, _ in mistake.changes}
            if changed & {"factor", "shift"}:
                continue
            for last in self._read_off(base):
                if found := self._explains((*base, last)):
                    return [found]
        return []

    def _read_off(self, base: Group) -> Iterator[KnownMistake]:
        pairs = self._beside(base)
        if pairs is None:
            return
        ratios = _constants(pairs, lambda x, y: _ratio(x, y))
        if ratios:
            yield from _factors(ratios)
        shifts = _constants(pairs, lambda x, y: _gap(x, y))
        if shifts:
            yield from _shifts(shifts)

    def _beside(self, base: Group) -> list[tuple[Instance, np.ndarray, np.ndarray]] | None:
        """Instances, the numbers of a mistaken formula, and those of the subject; None where shapes differ."""
        pairs = []
        for answer in self.chosen:
            parts = _in_floats(answer.question, base)
            if parts is None:
                continue
            if [part.shape for part in parts] != [part.shape for part in answer.returned]:
                return None
            x, y = (
                np.concatenate([np.ravel(part) for part in side]).astype(float) for side in (parts, answer.returned)
            )
            finite = np.isfinite(x)
            if (x[~finite] != y[~finite]).any() or not np.isfinite(y[finite]).all():
                return None
            pairs.append((answer.question.instance, x[finite], y[finite]))
            if len(pairs) == 2 and not any(_constants(pairs, f) for f in (_ratio, _gap)):  # nothing to read off
                return None
        return pairs


# Floats of mistaken formulas

_FLOATS: "WeakKeyDictionary[Question, dict[str, Any]]" = WeakKeyDictionary()
_ANSWERED: "WeakKeyDictionary[Question, dict[Any, Parts | None]]" = WeakKeyDictionary()


def _in_floats(asked_about: Question, group: Group) -> Parts | None:
    """What a mistaken formula answers in floats; None where it has no answer."""
    kept = _ANSWERED.setdefault(asked_about, {})
    key = tuple(change for mistake in group for change in mistake.changes)
    if key not in kept:
        if asked_about not in _FLOATS:
            _FLOATS[asked_about] = _floats(asked_about)
        try:
            with np.errstate(all="ignore"):
                parts = mistaken(asked_about.target, group).value(dict(_FLOATS[asked_about]))
            kept[key] = tuple(np.asarray(part, dtype=float) for part in parts)
        except (ArithmeticError, ValueError, InvalidArgument, InvalidModel):  # swapped axes do not fit features
            kept[key] = None
    return kept[key]


def _floats(asked_about: Question) -> dict[str, Any]:
    def converted(name: str, x: Any) -> Any:
        if isinstance(x, MDP):
            return x.to("float")
        return x if is_integer(name) else scalars.convert(np.asarray(x, dtype=object), "float")[()]

    return {name: converted(name, x) for name, x in asked_about.instance.items()}


def _equal(parts: Parts, others: Parts | None) -> bool:
    return others is not None and all(np.array_equal(x, y) for x, y in zip(parts, others, strict=True))


def _far(expected: np.ndarray, returned: np.ndarray, unit_roundoff: float) -> bool:
    finite = np.isfinite(expected)
    if (expected[~finite] != returned[~finite]).any():
        return True
    scale = max(1.0, float(np.abs(expected[finite]).max(initial=0.0)))
    # sqrt(u), not a verdict: what passes is held against derived bounds, what does not is not named
    return not bool((np.abs(expected[finite] - returned[finite]) <= np.sqrt(unit_roundoff) * scale).all())


def _signature(probes: Sequence[Answer], group: Group) -> tuple[bytes, ...]:
    answered = (_in_floats(answer.question, group) for answer in probes)
    return tuple(b"" if parts is None else b"".join(_rounded(part) for part in parts) for parts in answered)


def _told_apart(mistakes: Sequence[KnownMistake], probes: Sequence[Answer]) -> list[KnownMistake]:
    """The mistakes that change something on the probes, the first of those that change the same."""
    seen = {_signature(probes, ())}
    kept = []
    for mistake in mistakes:
        signature = _signature(probes, (mistake,))
        if signature not in seen:
            seen.add(signature)
            kept.append(mistake)
    return kept


def _rounded(part: np.ndarray) -> bytes:
    scale = float(np.abs(part[np.isfinite(part)]).max(initial=0.0)) or 1.0
    with np.errstate(all="ignore"):
        return (np.round(part / scale, 9) + 0.0).tobytes() + repr((part.shape, f"{scale:.9g}")).encode()


# Which instances


def _chosen(answers: Sequence[Answer], wrong: Sequence[Answer]) -> list[Answer]:
    """The answers to compare, those that reject most cheaply first: wrong ones of middling size, then the others.

    The first is one whose floats are known already, or a small one on which much can go wrong.
    """
    ranked = sorted(wrong, key=lambda answer: _complexity(answer.question))
    middle = len(ranked) // 3
    ranked = ranked[middle:] + ranked[:middle]
    right = [answer for answer in answers if answer.right]
    n = min(len(right), max(MOST // 3, MOST - len(ranked)))
    chosen = ranked[: MOST - n] + right[:n]
    first = min(chosen[: len(chosen) - n], key=_cost)
    return [first, *(answer for answer in chosen if answer is not first)]


def _cost(answer: Answer) -> tuple[bool, int, int]:
    asked_about = answer.question
    open_ones = len(_open(asked_about.instance) & {"S = 1", "A = 1", "T = 1", "n = 1", "discount 1"})
    mdp = asked_about.instance.get("mdp")
    return len(_ANSWERED.get(asked_about, ())) < MOST, -open_ones, (mdp.horizon or 0) if mdp is not None else 0


_COMPLEXITY: "WeakKeyDictionary[Question, Any]" = WeakKeyDictionary()


def _complexity(asked_about: Question) -> Any:
    if asked_about not in _COMPLEXITY:
        _COMPLEXITY[asked_about] = complexity(asked_about.instance)
    return _COMPLEXITY[asked_about]


def _covering(answers: Sequence[Answer], count: int) -> list[Answer]:
    """A few answers on whose instances as much can go wrong as may be: of several starts, below discount 1, ..."""
    left = [(answer, _open(answer.question.instance)) for answer in answers]
    covered: set[str] = set()
    found = []
    for _ in range(min(count, len(left))):
        best = max(left, key=lambda pair: (len(pair[1] - covered), len(pair[1])))
        left.remove(best)
        covered |= best[1]
        found.append(best[0])
    return found


def _open(instance: Instance) -> set[str]:
    """The traits that an instance has not, each of which would hide something; large ones hide nothing."""
    return {name for name, has in traits(instance).items() if not has and name not in LARGE}


# Balls and bounds


def _reproduced(target: Target, answers: Sequence[Answer], dtype: Any) -> int:
    """On how many instances the mistaken formula reproduces the numbers within its own bounds; 0 unless on all."""
    count = wrong = 0
    for answer in answers:
        own = _question(target, answer.question.instance)
        if own is None or not _bounded(own, answer.unit_roundoff):
            continue
        shapes = [truth.high.shape for truth in own.truth]
        if shapes != [array.shape for array in answer.returned]:
            return 0
        if not compared(own, answer.returned, dtype).right:
            return 0
        count, wrong = count + 1, wrong + (not answer.right)
    needed = min(FEWEST, sum(not answer.right for answer in answers))
    return count if wrong >= needed and 2 * count >= len(answers) else 0


def _bounded(asked_about: Question, unit_roundoff: float) -> bool:
    """Whether there are bounds wherever the truth is finite: without one every number would do."""
    pairs = zip(asked_about.truth, asked_about.allowed(unit_roundoff), strict=True)
    return all(np.isfinite(bound[np.isfinite(truth.high)]).all() for truth, bound in pairs)


def _question(target: Target, instance: Instance) -> Question | None:
    try:
        return question(target, instance)
    except ArithmeticError:
        return None


# Factors and constants

Pair = tuple[Instance, np.ndarray, np.ndarray]
Constants = list[tuple[Instance, float]]


def _constants(pairs: Sequence[Pair], of: Callable[[np.ndarray, np.ndarray], float | None]) -> Constants:
    """What is read off each instance that tells something; [] where it is not one number on each."""
    found: Constants = []
    for instance, x, y in pairs:
        c = of(x, y)
        if c is None:
            return []
        if np.isfinite(c):
            found.append((instance, c))
    return found


def _ratio(x: np.ndarray, y: np.ndarray) -> float | None:
    """c with y = c x; nan where x = y = 0, None where there is none."""
    square = float(x @ x)
    if square == 0 or not np.isfinite(square):
        return None if (y != 0).any() or square else np.nan
    c = float(x @ y) / square
    return c if np.abs(y - c * x).max() <= NEAR * np.abs(y).max() and c != 0 else None


def _gap(x: np.ndarray, y: np.ndarray) -> float | None:
    """c with y = x + c; nan where that cannot be told, None where there is none."""
    if not x.size:
        return np.nan
    scale = max(1.0, float(np.abs(x).max()))
    if scale > 1e4:
        return np.nan
    c = float(np.median(y - x))
    return c if np.abs(y - x - c).max() <= NEAR * scale else None


def _same(values: Sequence[float], others: Sequence[float]) -> bool:
    return all(abs(x - y) <= NEAR * max(1.0, abs(y)) for x, y in zip(values, others, strict=True))


def _factors(ratios: Constants) -> Iterator[KnownMistake]:
    """Factors that are those numbers: one fraction, or a product of up to three sizes."""
    if len(ratios) < FEWEST:
        return
    values = [c for _, c in ratios]
    if _same(values, values[:1] * len(values)):
        fraction = Fraction(values[0]).limit_denominator(10**6)
        known_ones = (0, 1, 2, Fraction(1, 2))
        if abs(fraction) not in known_ones and abs(values[0] - fraction) <= NEAR * abs(fraction):
            size = abs(fraction)
            told = f"{float(size):g} times" if 10**6 % size.denominator == 0 else f"{size} times"
            sign = "opposite sign + " if fraction < 0 else ""
            yield known(f"{sign}{told}", f"{sign and 'minus '}{told} the right numbers", factor=f"times {fraction}")
        return
    table = {
        factor: [value(instance) for instance, _ in ratios]
        for factor, value in _sizes(ratios[0][0]).items()
        if all(_has_sizes(instance, factor) for instance, _ in ratios)
    }
    for count in (1, 2, 3):
        for group in combinations_with_replacement(table, count):
            product = np.prod([table[factor] for factor in group], axis=0)
            for sign in (1, -1):
                if _same(values, sign * product):
                    factor = " ".join((*group, *(("times -1",) if sign < 0 else ())))
                    named = " + ".join(NAMES.get(factor, factor) for factor in group)
                    yield known(f"opposite sign + {named}" if sign < 0 else named, factor, factor=factor)
                    return


NAMES = {  # of factors that are known mistakes
    "over 2": "half",
    "times 2": "twice",
    "over T": "mean over steps",
    "over S": "mean over states",
    "over A": "mean over actions",
    "over n": "mean over outcomes",
    "over horizon": "normalized by the discounted horizon",
    "times T": "sum over steps of a mean",
}


def _sizes(instance: Instance) -> dict[str, Callable[[Instance], float]]:
    """Factors of an instance by their names, those that are met most often first."""
    found: dict[str, Callable[[Instance], float]] = {"over 2": lambda x: 1 / 2, "times 2": lambda x: 2.0}
    if "mdp" not in instance:
        for letter in sizes(instance):
            found[f"over {letter}"] = lambda x, letter=letter: 1 / sizes(x)[letter]
            found[f"times {letter}"] = lambda x, letter=letter: float(sizes(x)[letter])
        return found
    found |= {
        "over S": lambda x: 1 / x["mdp"].n_states,
        "over A": lambda x: 1 / x["mdp"].n_actions,
        "times gamma": lambda x: float(x["mdp"].discount),
    }
    if instance["mdp"].horizon is not None:
        found |= {
            "over T": lambda x: 1 / x["mdp"].horizon,
            "over horizon": lambda x: 1 / float(sum(x["mdp"].discount ** t for t in range(x["mdp"].horizon))),
            "times T": lambda x: float(x["mdp"].horizon),
        }
    return found


def _has_sizes(instance: Instance, factor: str) -> bool:
    return "mdp" in instance or not factor[-1].isalpha() or factor.split()[1] in sizes(instance)


def _shifts(shifts: Constants) -> Iterator[KnownMistake]:
    """Constants that are those numbers: a fraction, or a logarithm of a size."""
    if len(shifts) < FEWEST:
        return
    values = [c for _, c in shifts]
    if _same(values, values[:1] * len(values)):
        fraction = Fraction(values[0]).limit_denominator(10**4)
        if fraction and abs(values[0] - fraction) <= NEAR:
            how = f"{'plus' if fraction > 0 else 'minus'} {abs(fraction)}"
            yield known(how, f"the right numbers {how}", shift=how)
            return
    on_model = "mdp" in shifts[0][0]
    logs: list[tuple[str, Callable[[Instance], float]]] = [("2", lambda x: 2.0)]
    if on_model:
        logs += [(name, lambda x, field=field: getattr(x["mdp"], field) or 1) for name, field in _COUNTS.items()]
    else:
        logs.append(("n", lambda x: float(sizes(x).get("n", 1))))
    for name, size in logs:
        expected = [float(np.log(size(instance))) for instance, _ in shifts]
        for how, sign in (("plus", 1), ("minus", -1)):
            if any(expected) and _same(values, [sign * x for x in expected]):
                yield known(f"{how} log {name}", f"the right numbers {how} log {name}", shift=f"{how} log {name}")
                return


_COUNTS = {"S": "n_states", "A": "n_actions", "T": "horizon"}
