"""The smallest instance on which a function of yours is wrong, found from one of any size on which it is.

    print(smallest_failure(my_gradient, to="causal.gradient", transition=P, initial=rho, horizon=10, discount=0.9,
                           reward=reward, expert=expert))

takes what the function was called with, floats of real data and fifty states included, and gives back a model that can
be read: the sizes, the exact answer beside that of the function, the model as code to paste, and as a test.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from equivalence.testing import literal, report
from equivalence.testing.adapters.subject import subject_of
from equivalence.testing.answer import Answer, asked
from equivalence.testing.kinds import Kinds, ModelKinds, SpaceKinds, kinds_of
from equivalence.testing.question import Question
from equivalence.testing.reducer import SECONDS, smallest
from equivalence.testing.reduction.arrays import (
    KNOBS,
    Raw,
    assembled,
    fitted,
    raw_of,
    read_exactly,
    size_of,
    table_of,
)
from equivalence.testing.reduction.sizes import HALF
from equivalence.testing.screen import answered, can_screen, is_like, kind_of, rough, screen_for
from equivalence.testing.targets import MODEL, OPTIONS, TARGETS, Instance, Target, axes_text, find_target, layout_of
from mdps import MDP, InvalidArgument, scalars
from mdps.exactness import exact_discount


@dataclass(frozen=True, eq=False)
class Failure:
    """A function that is wrong, and the smallest instance found on which it is.

    name      of the function.            target    what it should compute.
    given     the sizes of the instance that was given, as text, and `found` those of the smallest one.
    answer    what it says there, with the question and the truth.
    calls     how often the function was called.     seconds   how long it took.
    """

    name: str
    module: str
    target: Target
    given: str
    answer: Answer
    dtype: Any
    calls: int
    seconds: float

    @property
    def question(self) -> Question:
        """The smallest instance with its true answer."""
        return self.answer.question

    @property
    def instance(self) -> Instance:
        """The smallest instance, in exact numbers."""
        return self.question.instance

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What the function is called with there."""
        return self.question.arguments(self.dtype)

    @property
    def found(self) -> str:
        """The sizes of the smallest instance."""
        instance = self.instance
        return _sizes(raw_of(instance), self.target)

    @property
    def literal(self) -> str:
        """The smallest instance as code: one assignment for each argument."""
        return "\n".join(literal.code(self.question, self.dtype))

    @property
    def test(self) -> str:
        """A complete test for pytest, which fails until the function is right there."""
        return literal.pytest_code(self.question, self.name, self.module, self.answer.unit_roundoff, self.dtype)

    def __str__(self) -> str:
        lines = [
            f"{self.name} differs from {self.target.name} where {self.given}, and where {self.found} "
            f"({self.calls} calls, {self.seconds:.2f} s):",
            "",
            *report.shown(self.name, self.answer, self.dtype),
            "",
            "As a test:",
            "",
            *(f"    {line}" for line in self.test.splitlines()),
        ]
        return "\n".join(line.rstrip() for line in lines)


def smallest_failure(
    subject: Callable[..., Any],
    *,
    to: str,
    dtype: Any = np.float64,
    framework: str | None = None,
    seconds: float = SECONDS,
    **options: Any,
) -> Failure:
    """The smallest instance found on which a function differs from the target `to`, from one on which it does.

    dtype      of the arrays that the function is given.     framework  'numpy', 'jax' or 'torch', as for `judge`.
    seconds    when to stop looking for a smaller one.
    options    the arguments of the target by name (`transition`, `initial`, `horizon`, `discount`, `reward`, ...;
               instead of the first four there may be an `mdp`), and what `judge` has to be told about the function:
               `axes`, `costs`, `features`, ..., and kinds of models that it is not made for: `terminal=False`, ...
               A temperature that is given is passed on; `reward_axes` and `policy_axes` are read off the shapes.
               Arguments are always those of the target: rewards, where the function takes costs; an expert's table,
               where it takes feature expectations (say `feature_expectations=False` where it takes the table, too).

    The function is called as `judge` calls it: by position, with plain arrays. It is called with smaller models, too,
    of fewer states, actions and steps, all of them valid; a row of zeros or a discount is kept or goes.

    Errors: `InvalidArgument` where an argument is missing or unknown, where the target has no answer, and where the
    function agrees with it; `InvalidModel` for rows that do not sum to 1.

    Cost: some hundred calls, most of them on small models.

    >>> from scipy.special import logsumexp
    >>> found = smallest_failure(lambda E: logsumexp(E), to="ebm.log_partition", energy=np.arange(9.0))
    >>> found.given, found.found
    ('n = 9', 'n = 1')
    """
    start = time.perf_counter()
    raw, target, rest = _given(to, options)
    kinds = _kinds(raw, target, rest)
    counted = _Counted(subject_of(subject, framework=framework, dtype=dtype))
    name, module = _named(subject)
    first = _first(counted, name, target, raw, dtype)
    kind = kind_of(first)
    latest: list[Answer] = []

    def shows(instance: Mapping[str, Any]) -> bool:
        answer = answered(counted, target, dtype, instance) if kinds.admit(instance) else None
        if answer is None or not is_like(answer, kind):
            return False
        latest.append(answer)
        return True

    table = table_of(target)
    screen = screen_for(counted, target, dtype, kind, kinds)
    left = seconds - (time.perf_counter() - start)
    if screen is None:
        smallest(fitted(read_exactly(raw, table), table), table, shows, seconds=left)
    else:
        smallest(raw, table, shows, seconds=left, screen=screen)
    answer = latest[-1] if latest else _exact_answer(counted, name, target, raw, dtype)
    spent = time.perf_counter() - start
    return Failure(name, module, target, _sizes(raw, target), answer, dtype, counted.calls, spent)


class _Counted:
    """A subject, and how often it was called."""

    def __init__(self, subject: Callable[..., Any]) -> None:
        self.subject, self.calls = subject, 0
        self.__wrapped__ = subject  # for inspect

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        return self.subject(*arguments)


def _named(subject: Callable[..., Any]) -> tuple[str, str]:
    """Its name and module; '' where it cannot be imported by that name."""
    inner = getattr(subject, "func", subject)  # of a functools.partial
    name, module = getattr(inner, "__name__", ""), getattr(inner, "__module__", "")
    importable = getattr(inner, "__qualname__", "") == name and inner is subject and module != "__main__"
    return (name if name.isidentifier() else "subject"), (module if importable and name.isidentifier() else "")


def _given(to: str, options: Mapping[str, Any]) -> tuple[Raw, Target, dict[str, Any]]:
    """What was given as arrays of floats, the target in the layout of these, and the kinds that are asked for."""
    layout = {name: value for name, value in options.items() if name in OPTIONS and name != "temperature"}
    named = {name: value for name, value in options.items() if name not in layout}
    if np.ndim(layout.get("features", False)):  # an option and an argument have this name
        named["features"] = layout["features"]
        layout["features"] = True if named.pop("feature_expectations", True) else "table"
    if getattr(named.get("mdp"), "horizon", named.get("horizon", 0)) is None:
        layout.setdefault("infinite_horizon", True)
    target = find_target(to, layout_of(_read_off(to, named) | layout))
    mdp = named.pop("mdp", None)
    if target.on_model and mdp is None:
        taken = {name: named.pop(name) for name in MODEL if name in named}
        if target.layout.infinite:
            taken.setdefault("horizon", None)
        missing = [name for name in ("transition", "initial", "horizon") if name not in taken]
        if missing:
            raise InvalidArgument(f"{to} is about a model: give it as mdp=..., or also {', '.join(missing)}")
        mdp = MDP(**taken)
    if mdp is not None:
        _check_model(mdp)
        named["mdp"] = mdp
    if target.on_model and "temperature" in target.arguments:
        named.setdefault("temperature", 1)
    expected = set(target.arguments)
    rest = {name: named.pop(name) for name in KIND_NAMES[target.on_model] if name in named}
    if wrong := [*sorted(expected - set(named)), *sorted(set(named) - expected)]:
        state = "is missing" if wrong[0] in expected else "is none of its arguments"
        raise InvalidArgument(f"{wrong[0]} {state}; {to} is about {', '.join(target.arguments)}")
    return _raw(named, target), target, rest


KIND_NAMES = {True: [f.name for f in fields(ModelKinds)], False: [f.name for f in fields(SpaceKinds)]}


def _kinds(raw: Raw, target: Target, asked_for: dict[str, Any]) -> Kinds:
    """The kinds that are asked for, and whatever is no larger than what was given."""
    largest = max(1.0, *(float(np.abs(x).max(initial=0.0)) for name, x in raw.items() if name not in KNOBS))
    if not target.on_model:
        outcomes = size_of(raw, table_of(target), "n") or 1
        return kinds_of(False, {"max_outcomes": outcomes, "largest_energy": largest} | asked_for)
    limits = {
        "max_states": len(raw["initial"]),
        "max_actions": raw["transition"].shape[1],
        "horizons": range(1, raw["horizon"] + 1) if raw["horizon"] else (None,),
        "discounts": (1, HALF, raw["discount"]) if raw["horizon"] else (HALF, raw["discount"]),
        "temperatures": (1, HALF, 2, raw.get("temperature", 1)),
        "largest_reward": largest,
    }
    return kinds_of(True, limits | asked_for)


def _read_off(to: str, named: Mapping[str, Any]) -> dict[str, Any]:
    """The options that shapes tell."""
    found: dict[str, Any] = {}
    has = TARGETS[to].options if to in TARGETS else []
    by_dimension = {1: "s", 2: "sa", 3: "sas"}
    for name in ("reward", "expert"):
        if name in named and "reward_axes" in has and np.ndim(named[name]) in by_dimension:
            found.setdefault("reward_axes", by_dimension[np.ndim(named[name])])
    policies = [np.ndim(named[name]) for name in ("policy", "expert_policy", "trial") if name in named]
    if policies and "policy_axes" in has:
        found["policy_axes"] = "sa" if policies[0] == 2 else "tsa"
    if "temperature" in named and "temperature" in has:
        found["temperature"] = True
    return found


def _check_model(mdp: Any) -> None:
    if not isinstance(mdp, MDP):
        raise InvalidArgument(f"mdp is a {type(mdp).__name__}; expected an MDP, or its arrays by name")
    if mdp.batch_shape or not isinstance(mdp.transition, np.ndarray):
        raise InvalidArgument("mdp is a stack of models, or sparse; expected one model with an array of transitions")
    if np.asarray(mdp.final_value != 0, dtype=bool).any():
        raise InvalidArgument("mdp has a final value, which functions that are judged do not take; leave it out")


def _raw(named: Mapping[str, Any], target: Target) -> Raw:
    """Arrays in floats, whatever they were given in."""
    values: dict[str, Any] = {}
    for name, value in named.items():
        if isinstance(value, MDP):
            values[name] = value.to("float")
            continue
        array = np.asarray(value)
        values[name] = array.astype(float) if array.dtype.kind in "iuf" else scalars.convert(array, "float")
        axes = target.axes_of(name)
        if values[name].ndim != len(axes):
            raise InvalidArgument(f"{name} has shape {array.shape}; expected {axes_text(axes)}")
        if not np.isfinite(values[name]).all():
            raise InvalidArgument(f"{name} has an entry that is not finite")
    raw = raw_of(values)
    knobs = {name: exact_discount(float(raw[name])) for name in ("discount", "temperature") if name in raw}
    arrays = {name: np.asarray(x, dtype=float) for name, x in raw.items() if name not in KNOBS}
    return raw | arrays | knobs


def _first(subject: Callable[..., Any], name: str, target: Target, raw: Raw, dtype: Any) -> Answer:
    """The answer on what was given: in floats where it is wrong by far, else to the exact question.

    Errors: `InvalidArgument` where it is right, and where there is no answer.
    """
    instance = assembled(raw, table_of(target))
    assert instance is not None
    target.value(instance)  # raises what is wrong with the arguments
    asks = rough(target, instance)
    if asks is not None:
        answer = asked(subject, asks, dtype)
        if not answer.right and can_screen(kind_of(answer), dtype):
            return answer
    return _exact_answer(subject, name, target, raw, dtype)


def _exact_answer(subject: Callable[..., Any], name: str, target: Target, raw: Raw, dtype: Any) -> Answer:
    table = table_of(target)
    instance = assembled(fitted(read_exactly(raw, table), table), table)
    answer = None if instance is None else answered(subject, target, dtype, instance)
    if answer is None:
        raise InvalidArgument(f"{target.name} has no answer for these arguments; expected {target.signature}")
    if answer.right:
        raise InvalidArgument(
            f"{name} agrees with {target.name} there: off by at most {answer.margin:.2g} of what rounding allows. "
            f"judge({name}, to={target.name!r}) looks for a model on which it does not"
        )
    return answer


def _sizes(raw: Raw, target: Target) -> str:
    letters = {"S": "s", "A": "a", "T": "t", "n": "n"}
    sizes = {name: size_of(raw, table_of(target), letter) for name, letter in letters.items()}
    return ", ".join(f"{name} = {size}" for name, size in sizes.items() if size)
