"""The conventions in which a subject may take its arguments and return its answer, as options of a target.

    reward_axes      's', 'sa' or 'sas': rewards and experts (and features)
    policy_axes      'sa' or 'tsa': policies, and tables beside them
    axes             's', 'sa' or 'sas': counts that are returned or compared
    temperature      whether it takes the temperature, last; otherwise it is 1
    features         True: it takes features and theta in place of the reward, the expert as feature expectations [k],
                     and gradients are to theta [k]; 'table': the same with the expert as a table of visits
    costs            it takes costs, which are -rewards (-theta with features); gradients to them, and values that
                     are returned, have the other sign; log-likelihoods, duals and losses have not
    mean             answers are means, see MEANS
    transition_axes  the order of the axes of `transition`: 'sax' (x for s'), 'asx', 'xsa', ...
    logs             it takes logarithms of policies, -inf where an action is not taken
    infinite_horizon it takes no horizon: discounted without end, so that nothing has an axis t, see `without_end`
    stops_at         with that: the last change, in the sup norm, of iterations that it stops early

The truth is that of the target in its own convention: what is given is changed on its way to the subject, and the
reference's answer on its way to be compared.
"""

import math
from collections.abc import Callable, Mapping
from itertools import permutations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from equivalence.testing.targets.without_end import jumps, needs_a_horizon
from mdps import InvalidArgument, scalars

if TYPE_CHECKING:
    from equivalence.testing.targets.target import Target


class Layout(NamedTuple):
    """What a subject takes and returns; `policy` is '' for the target's own."""

    reward: str = "sa"
    policy: str = ""
    counts: str = "sa"
    temperature: bool = False
    features: bool | str = False
    costs: bool = False
    mean: bool = False
    transition: str = "sax"
    logs: bool = False
    infinite: bool = False
    stops_at: float = 0.0


class Option(NamedTuple):
    """An option of `judge`: the field of `Layout`, its values (none: positive numbers), and whether a target has it."""

    field: str
    allowed: tuple[Any, ...]
    has: "Callable[[Target], bool]"

    def admits(self, value: Any) -> bool:
        """Whether that is one of its values."""
        if not self.allowed:
            return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf
        return any(value == allowed and isinstance(value, type(allowed)) for allowed in self.allowed)


def _letters(target: "Target") -> str:
    return "".join([target.own_axes(name) for name in target.arguments] + [axes for _, axes in target.parts])


def _has_reward(target: "Target") -> bool:
    return "reward" in target.arguments and target.own_axes("reward") == "R"


def _has_features(target: "Target") -> bool:
    return _has_reward(target) and "r" not in "".join(axes for _, axes in target.parts)


POLICIES = ("policy", "expert_policy", "trial", "prior")
OPTIONS: dict[str, Option] = {
    "reward_axes": Option("reward", ("s", "sa", "sas"), lambda t: bool({"R", "r"} & set(_letters(t)))),
    "policy_axes": Option("policy", ("sa", "tsa"), lambda t: bool({"P", "V"} & set(_letters(t)))),
    "axes": Option("counts", ("s", "sa", "sas"), lambda t: "C" in _letters(t)),
    "temperature": Option("temperature", (False, True), lambda t: "temperature" in t.arguments),
    "features": Option("features", (False, True, "table"), _has_features),
    "costs": Option("costs", (False, True), _has_reward),
    "mean": Option("mean", (False, True), lambda t: bool(t.mean)),
    "transition_axes": Option(
        "transition", tuple(map("".join, permutations("sax"))), lambda t: t.on_model and "mdp" not in t.unseen
    ),
    "logs": Option("logs", (False, True), lambda t: t.on_model and bool(set(POLICIES) & set(t.arguments))),
    "infinite_horizon": Option("infinite", (False, True), lambda t: not needs_a_horizon(t)),
    "stops_at": Option("stops_at", (), lambda t: not (needs_a_horizon(t) or jumps(t))),
}


def options_of(target: "Target") -> list[str]:
    """The options that a target has."""
    return [name for name, option in OPTIONS.items() if option.has(target.row or target)]


def layout_of(options: Mapping[str, Any]) -> Layout:
    """The layout that options of `judge` ask for; others than those of `OPTIONS` are left alone.

    >>> layout_of({"reward_axes": "s", "max_states": 3}).reward
    's'
    """
    return Layout(**{option.field: options[name] for name, option in OPTIONS.items() if name in options})


def checked(target: "Target", layout: Layout, signature: str) -> Layout:
    """The layout with the target's own policies where nothing else is asked for.

    Errors: `InvalidArgument` for a value that an option has not, and for an option that the target has not.
    """
    for name, option in OPTIONS.items():
        value = getattr(layout, option.field)
        default = getattr(Layout(), option.field)
        if value == default and type(value) is type(default):
            continue
        if not option.admits(value):
            expected = " or ".join(map(repr, option.allowed)) or "a positive number"
            raise InvalidArgument(f"{name} is {value!r}; expected {expected}")
        if not option.has(target) and value != getattr(Layout(policy="tsa"), option.field):
            reason = signature
            if name in ("infinite_horizon", "stops_at"):
                reason = needs_a_horizon(target) or jumps(target)
            raise InvalidArgument(f"{target.name} takes no {name}: {reason}")
    if layout.stops_at and not layout.infinite:
        raise InvalidArgument("stops_at is of iterations without a horizon: say infinite_horizon=True")
    return layout._replace(policy=layout.policy or target.policy)


# Means ------------------------------------------------------------------------------------------------------------


def _steps(values: Mapping[str, Any]) -> Any:
    mdp = values["mdp"]
    if mdp.horizon is None:
        return 1 / (1 - mdp.discount)
    return sum((mdp.discount**t for t in range(1, mdp.horizon)), scalars.constant(1, mdp.initial))


class Mean(NamedTuple):
    """What an answer is divided by to be a mean: in words, and as a number of the arguments."""

    text: str
    divisor: Callable[[Mapping[str, Any]], Any]


MEANS: dict[str, Mean] = {
    "steps": Mean("divided by sum_t<T gamma^t, the discounted number of decisions", _steps),
    "halves": Mean("divided by 2: a mean over as many samples as data", lambda values: 2),
}


# On the way to the subject ----------------------------------------------------------------------------------------


def shown(name: str, layout: Layout) -> str:
    """The name under which a subject takes an argument.

    >>> shown("reward", Layout(costs=True)), shown("policy", Layout(logs=True))
    ('cost', 'log_policy')
    """
    if name == "reward" and layout.costs:
        return "cost"
    return f"log_{name}" if layout.logs and name in POLICIES else name


def given(values: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """What a subject is given, by name, in the arithmetic of the values; horizon is an int."""
    named = dict(values)
    mdp = named.pop("mdp", None)
    if mdp is not None:
        order = ["sax".index(letter) for letter in layout.transition]
        named |= {"transition": mdp.transition.transpose(order), "initial": mdp.initial}
        named |= {"horizon": int(mdp.horizon or 0), "discount": mdp.discount}
    if layout.features is True and "expert" in named:
        named["expert"] = _contracted(named["expert"], named["features"])
    for name in ("reward", "theta"):
        if layout.costs and name in named:
            named[shown(name, layout)] = -named.pop(name)
    if layout.logs:
        for name in set(POLICIES) & set(named):
            probabilities = named.pop(name)
            taken, nowhere = ~scalars.zero_mask(probabilities), scalars.log_zero(probabilities)
            named[shown(name, layout)] = scalars.over(taken, scalars.log, probabilities, otherwise=nowhere)
    return named


def _contracted(table: np.ndarray, features: np.ndarray) -> np.ndarray:
    """sum of table * features over all but the last axis of the features, [k]."""
    return (np.asarray(table)[..., None] * features).sum(axis=tuple(range(np.ndim(features) - 1)))


# On the way back --------------------------------------------------------------------------------------------------


def adapted(target: "Target", layout: Layout) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Arguments and parts, lettered, of a target in a layout."""
    arguments = target.arguments
    if layout.features:
        at = arguments.index("reward")
        arguments = (*arguments[:at], "features", "theta", *arguments[at + 1 :])
    parts = tuple((name, "k" if layout.features and axes == "R" else axes) for name, axes in target.parts)
    return arguments, parts


def around(function: Callable[..., Any], target: "Target", layout: Layout) -> Callable[..., Any]:
    """A function of the target's own arguments as one of those of the layout, with the answer in that layout.

    `target` has the parts of the function, with R for gradients to the reward.
    """
    if not (layout.features or layout.costs or layout.mean):
        return function

    def in_layout(**values: Any) -> Any:
        features = None
        if layout.features:
            features, theta = values.pop("features"), values.pop("theta")
            values["reward"] = (features * theta).sum(axis=-1)
        result = function(**values)
        parts = list(result) if len(target.parts) > 1 else [result]
        for i, (name, axes) in enumerate(target.parts):
            if axes == "R" and features is not None:
                parts[i] = _contracted(parts[i], features)
            if layout.costs and (axes in ("R", "r") or name in target.paid):
                parts[i] = -parts[i]
            if layout.mean:
                parts[i] = parts[i] / MEANS[target.mean].divisor(values)
        return tuple(parts) if len(target.parts) > 1 else parts[0]

    return in_layout
