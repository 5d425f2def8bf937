"""An instance as arrays by name, in floats or in exact numbers: how they are cut, merged, fitted and read.

Every argument has axes, and one of four roles:

    rows      probabilities along the last axis: transition, initial, policies, samplers, data
    measure   counts that are added up where states are merged: experts, visits
    index     whole numbers that name states, actions or outcomes
    numbers   anything else: rewards, energies, potentials

To merge states means: the rows of all but one of them go, and what led to the others leads to that one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from equivalence.testing.targets import ARGUMENTS, Instance, Target
from equivalence.testing.targets.argument import DISTRIBUTION
from mdps import MDP, InvalidArgument, InvalidModel, scalars, trajectory_count
from mdps.exactness import exact_distribution, simplest_near
from mdps.scalars.rationals import dyadic, rational

Raw = dict[str, Any]  # arrays, in floats or exact; `horizon` is an int or None, discount and temperature are exact

ROWS, MEASURE, INDEX, NUMBERS = "rows", "measure", "index", "numbers"
LAWS = ("pairs", "comparisons", "full_comparisons")  # over all of their entries, which sum to 1
NAMED = {"states": "s", "actions": "a", "shape": "", "n_tokens": ""}  # what whole numbers name, if no outcomes
Indices = Sequence[int] | np.ndarray

KNOBS = ("horizon", "discount", "temperature")  # neither arrays nor numbers to make 0
LARGEST_DENOMINATOR = 1000  # of a float that is read as a simple fraction
ZERO: Any = fmpq(0)
ONE: Any = fmpq(1)


class Argument(NamedTuple):
    """An argument: its axes, s' being another s, and its role."""

    axes: str
    role: str


Table = dict[str, Argument]


def table_of(target: Target) -> Table:
    """The arguments of a target that are arrays or numbers, by name."""
    names = [x for name in target.arguments for x in (("transition", "initial") if name == "mdp" else (name,))]
    return {name: Argument(target.axes_of(name).replace("x", "s"), _role(name)) for name in names if name not in KNOBS}


def _role(name: str) -> str:
    if name in ("transition", "initial") or ARGUMENTS[name].role == DISTRIBUTION:
        return ROWS
    if ARGUMENTS[name].integer:
        return INDEX
    return MEASURE if ARGUMENTS[name].measure or name in LAWS else NUMBERS


def raw_of(instance: Instance) -> Raw:
    """The exact arrays of an exact instance."""
    raw = {name: x if name in KNOBS else np.asarray(x, dtype=object) for name, x in instance.items() if name != "mdp"}
    mdp = instance.get("mdp")
    if mdp is not None:
        raw |= {"transition": mdp.transition, "initial": mdp.initial}
        raw |= {"horizon": mdp.horizon, "discount": mdp.discount}
    return raw


def in_floats(raw: Raw) -> Raw:
    """The same in floats, but for discount and temperature."""
    return {name: x if name in KNOBS else scalars.convert(x, "float") for name, x in raw.items()}


def read_exactly(raw: Raw, table: Table) -> Raw:
    """The exact arrays that floats stand for: simple fractions as such, rows that sum to 1 exactly."""
    exact = dict(raw)
    for name, (_, role) in table.items():
        if role == ROWS:
            exact[name] = exact_distribution(raw[name])
        elif role == INDEX:
            exact[name] = raw[name].astype(int).astype(object)
        else:
            exact[name] = np.asarray(np.frompyfunc(_read, 1, 1)(raw[name]), dtype=object)
    return exact


def _read(x: float) -> fmpq:
    simple = simplest_near(float(x))
    return simple if simple.q <= LARGEST_DENOMINATOR else dyadic(float(x))


def is_float(raw: Raw) -> bool:
    """Whether the arrays are floats."""
    return all(x.dtype != object for name, x in raw.items() if name not in KNOBS)


def assembled(raw: Raw, table: Table) -> dict[str, Any] | None:
    """The instance of fitted arrays; None where it is no model."""
    floats = is_float(raw)
    knobs = {name: _nearest(raw[name]) if floats else raw[name] for name in ("discount", "temperature") if name in raw}
    values = {
        name: raw[name].astype(int)[()] if argument.role == INDEX else raw[name][()]
        for name, argument in table.items()
        if name not in ("transition", "initial")
    }
    values |= {name: x for name, x in knobs.items() if name != "discount"}
    if "transition" not in raw:
        return values
    try:
        mdp = MDP(raw["transition"], raw["initial"], horizon=raw["horizon"], discount=knobs["discount"])
    except (InvalidModel, InvalidArgument):
        return None
    return {"mdp": mdp, **values}


def _nearest(x: Any) -> float:
    exact = rational(x)
    return float(x) if exact is None else int(exact.p) / int(exact.q)


# Sizes


def size_of(raw: Raw, table: Table, letter: str) -> int:
    """How long the axes of a letter are; 0 where there are none."""
    if letter == "t":
        return raw.get("horizon") or 0
    found = (raw[name].shape[x.axes.index(letter)] for name, x in table.items() if letter in x.axes)
    return next(found, 0)


def kept_alone(raw: Raw, table: Table, letter: str, kept: Indices, into: Indices | None = None) -> Raw:
    """The entries `kept` of each axis of a letter; what is measured of entry i is added to entry kept[into[i]]."""
    places = [int(i) for i in kept]
    labels = None if into is None else np.asarray(into)
    result = dict(raw)
    for name, (axes, role) in table.items():
        array = raw[name]
        added = [role == MEASURE or (role == ROWS and axis == len(axes) - 1) for axis in range(len(axes))]
        mine = [axis for axis, own in enumerate(axes) if own == letter]
        for axis in mine:
            if labels is None or not added[axis]:
                array = array.take(places, axis=axis)
        for axis in mine:
            if labels is not None and added[axis]:
                array = _added(array, axis, labels, len(places))
        if role == INDEX and letter == NAMED.get(name, "n"):
            array = _renamed(array, places, labels)
        result[name] = array
    return result


def _renamed(x: np.ndarray, places: Sequence[int], labels: np.ndarray | None) -> np.ndarray:
    """Whole numbers that name what was merged; those below 0 name nothing."""
    new = {old: place for place, old in enumerate(places)} if labels is None else dict(enumerate(labels.tolist()))
    renamed = [new.get(int(number), 0) if number >= 0 else int(number) for number in x.ravel().tolist()]
    return np.array(renamed, dtype=x.dtype).reshape(x.shape)


def _added(x: np.ndarray, axis: int, labels: np.ndarray, n: int) -> np.ndarray:
    moved = np.moveaxis(x, axis, 0)
    sums = np.full((n, *moved.shape[1:]), ZERO if x.dtype == object else 0.0, dtype=x.dtype)
    np.add.at(sums, labels, moved)
    return np.moveaxis(sums, 0, axis)


def cut(raw: Raw, table: Table, horizon: int, start: int = 0) -> Raw:
    """Some steps alone, from `start` on."""
    result: Raw = {**raw, "horizon": horizon}
    for name, argument in table.items():
        for axis, own in enumerate(argument.axes):
            if own in "th":
                length = raw[name].shape[axis] - (raw["horizon"] - horizon)
                result[name] = result[name].take(range(start, start + length), axis=axis)
    return result


# Fits


def fitted(raw: Raw, table: Table) -> Raw:
    """Rows scaled to sum to 1 and what the model supports; experts of a mass that they can have."""
    result = raw | _of_trajectories(raw, table)
    for name, (axes, role) in table.items():
        if role == ROWS and axes[-1] == "a":
            result[name] = _fitted_policy(result[name], ~missing_rows(raw))
        elif role == ROWS:
            result[name] = _normalized(result[name], empty=name == "transition")
        elif name in LAWS:
            result[name] = _normalized(result[name].reshape(1, -1), empty=False).reshape(result[name].shape)
    if "expert" in table and table["expert"].axes in ("s", "sa", "sas") and "transition" in table:
        result["expert"] = _fitted_expert(result)
    return result


def _of_trajectories(raw: Raw, table: Table) -> Raw:
    """Arrays over the trajectories of a model, as many entries as it has: cut, or with zeros at the end."""
    names = [name for name, argument in table.items() if "n" in argument.axes]
    if "transition" not in raw or not names or not raw["horizon"]:
        return {}
    present = np.where(raw["transition"] != 0, 1.0, 0.0)
    rows = np.maximum(present.sum(axis=-1, keepdims=True), 1)
    starts = np.where(raw["initial"] != 0, 1.0, 0.0)
    n = trajectory_count(MDP(present / rows, starts / starts.sum(), horizon=raw["horizon"]))
    result = {}
    for name in names:
        axis = table[name].axes.index("n")
        array = raw[name].take(range(min(n, raw[name].shape[axis])), axis=axis)
        padding = [(0, n - size if i == axis else 0) for i, size in enumerate(array.shape)]
        zero = ZERO if array.dtype == object else 0.0
        result[name] = np.pad(array, padding, constant_values=zero)
    return result


def missing_rows(raw: Raw) -> np.ndarray:
    """Which actions are not available, [s, a]."""
    return np.asarray(~np.asarray(raw["transition"] != 0, dtype=bool).any(axis=-1))


def _normalized(rows: np.ndarray, *, empty: bool) -> np.ndarray:
    """Rows that sum to 1: floats within rounding, so that they do it within that of few entries, too.

    empty  whether rows of zeros stay; otherwise their first entry becomes 1.
    """
    total = rows.sum(axis=-1, keepdims=True)
    zero = np.asarray(total == 0, dtype=bool)
    if np.asarray((total == 1) | zero, dtype=bool).all() and (empty or not zero.any()):
        return rows
    one = ONE if rows.dtype == object else 1.0
    scaled = rows / np.where(zero, one, total)
    if not empty:
        scaled[..., :1] = np.where(zero, one, scaled[..., :1])
    return scaled


def _fitted_expert(raw: Raw) -> np.ndarray:
    """The part of a table that the model supports, scaled to a mass that it can have."""
    table, exact = raw["expert"], raw["expert"].dtype == object
    missing = missing_rows(raw)
    terminal = missing.all(axis=-1)
    support = (~terminal, ~missing, np.asarray(raw["transition"] != 0, dtype=bool))[table.ndim - 1]
    zero, one = (ZERO, ONE) if exact else (0.0, 1.0)
    kept = np.where(support, table, zero)
    if not support.any():
        return kept
    mass = kept.sum()
    if mass == 0:
        kept[tuple(np.argwhere(support)[0])] = mass = one
    gamma = raw["discount"] if exact else _nearest(raw["discount"])
    if raw["horizon"] is None and gamma == 1:
        return kept if mass >= 1 else kept / mass
    longest = 1 / (1 - gamma) if raw["horizon"] is None else sum(gamma**t for t in range(raw["horizon"]))
    if mass == longest or (terminal.any() and 1 <= mass <= longest):
        return kept
    return kept * ((one if terminal.any() and mass < 1 else longest) / mass)


def _fitted_policy(policy: np.ndarray, available: np.ndarray) -> np.ndarray:
    """The part of a policy on available actions, with rows that sum to 1."""
    zero, one = (ZERO, ONE) if policy.dtype == object else (0.0, 1.0)
    available = np.broadcast_to(available, policy.shape)
    kept = np.where(available, policy, zero)
    empty = np.asarray(kept == 0, dtype=bool).all(axis=-1) & available.any(axis=-1)
    for row in np.argwhere(empty):
        kept[(*row, np.flatnonzero(available[tuple(row)])[0])] = one
    total = kept.sum(axis=-1, keepdims=True)
    return kept / np.where(np.asarray(total == 0, dtype=bool), one, total)
