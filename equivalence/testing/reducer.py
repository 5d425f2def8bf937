"""The smallest instance on which a failure still shows.

A greedy search: candidates that are simpler are tried one after the other, the first one on which the failure still
shows is taken, and the search begins anew from there, until no candidate shows it or the time is over. Simpler is
less in lexicographic order of

    (S, A, T, other conventions in use, numbers other than 0 and +-1, numbers other than 0, digits)

Candidates of a model shorten T, drop an action, merge two states (the row of the second goes, what led to it leads to
the first), make the discount and the temperature 1, make unavailable rows stay where they are, make rows point masses
and numbers 0, +-1 or integers. Of a finite space they merge outcomes and simplify numbers. Experts and policies are
refitted to the smaller model: cut to what is available, and scaled to their mass.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from flint import fmpq

from equivalence.testing.targets import Instance, Target
from mdps import MDP, InvalidArgument, InvalidModel
from mdps.scalars.rationals import rational

SECONDS = 2.0
Raw = dict[str, Any]  # arrays of exact numbers, and numbers, by name

MEASURES = ("initial", "expert", "sampler", "data")  # added up where entries are merged, and so is the last axis of P
ZERO: Any = fmpq(0)
ONE: Any = fmpq(1)


def reduced(
    instance: Instance, target: Target, shows: Callable[[Instance], bool], *, seconds: float = SECONDS
) -> Instance:
    """A simpler instance on which the failure still shows, as `shows` decides; the same one if there is none."""
    deadline = time.perf_counter() + seconds
    raw, current, size = _raw(instance), instance, complexity(instance)
    while True:
        for candidate in _simpler(raw, target):
            if time.perf_counter() > deadline:
                return current
            smaller = _assembled(candidate, target)
            if smaller is None or not complexity(smaller) < size:
                continue
            if shows(smaller):
                raw, current, size = _raw(smaller), smaller, complexity(smaller)
                break
        else:
            return current


def complexity(instance: Instance) -> tuple[int, ...]:
    """What reduction makes less of, in lexicographic order."""
    raw = _raw(instance)
    if "transition" in raw:
        n_states, n_actions = raw["transition"].shape[:2]
        shape: tuple[int, ...] = (n_states, n_actions, raw["horizon"])
        missing = int((raw["transition"] == 0).all(axis=-1).sum())
        others = missing + (raw["discount"] != 1) + (raw.get("temperature", 1) != 1)
    else:
        shape, others = (len(raw["energy"]),), 0
    numbers = [x for name, value in raw.items() if name != "horizon" for x in np.ravel(np.asarray(value, dtype=object))]
    nonzero = [x for x in numbers if x != 0]
    digits = sum(_digits(x) for x in nonzero)
    return (*shape, int(others), sum(abs(x) != 1 for x in nonzero), len(nonzero), digits)


def _digits(x: Any) -> int:
    exact = rational(x)
    return 64 if exact is None else int(abs(exact.p)).bit_length() + int(exact.q).bit_length()


def _raw(instance: Instance) -> Raw:
    raw = dict(instance)
    mdp = raw.pop("mdp", None)
    if mdp is not None:
        raw |= {"transition": mdp.transition, "initial": mdp.initial}
        raw |= {"horizon": mdp.horizon, "discount": mdp.discount}
    return raw


def _assembled(raw: Raw, target: Target) -> dict[str, Any] | None:
    """The instance; None where it is no model."""
    if "transition" not in raw:
        return {name: raw[name] for name in target.arguments}
    try:
        mdp = MDP(raw["transition"], raw["initial"], horizon=raw["horizon"], discount=raw["discount"])
    except (InvalidModel, InvalidArgument):
        return None
    values = {name: raw[name] for name in target.arguments if name != "mdp"}
    if "expert" in values:
        values["expert"] = _fitted_expert(values["expert"], mdp)
    if "policy" in values:
        values["policy"] = _fitted_policy(values["policy"], mdp)
    return {"mdp": mdp, **values}


def _fitted_expert(table: np.ndarray, mdp: MDP) -> np.ndarray:
    """The part of a table that the model supports, scaled to a mass that it can have."""
    support = (~mdp.terminal, mdp.available, mdp.transition != 0)[table.ndim - 1]
    fitted = np.where(support, table, ZERO)
    if not support.any():
        return fitted
    mass = fitted.sum()
    if mass == 0:
        fitted[tuple(np.argwhere(support)[0])] = mass = ONE
    longest = sum(mdp.discount**t for t in range(mdp.horizon or 1))
    fits = mdp.terminal.any() and 1 <= mass <= longest
    return fitted if fits else fitted * ((ONE if mdp.terminal.any() and mass < 1 else longest) / mass)


def _fitted_policy(policy: np.ndarray, mdp: MDP) -> np.ndarray:
    """The part of a policy on available actions, with rows that sum to 1."""
    available = np.broadcast_to(mdp.available, policy.shape)
    fitted = np.where(available, policy, ZERO)
    for row in np.argwhere((fitted == 0).all(axis=-1) & available.any(axis=-1)):
        fitted[(*row, np.flatnonzero(available[tuple(row)])[0])] = ONE
    total = fitted.sum(axis=-1, keepdims=True)
    return fitted / np.where(total == 0, ONE, total)


def _simpler(raw: Raw, target: Target) -> Iterator[Raw]:
    if "transition" in raw:
        yield from _simpler_models(raw, target)
    else:
        yield from _simpler_spaces(raw)
    yield from _simpler_numbers(raw)


def _simpler_models(raw: Raw, target: Target) -> Iterator[Raw]:
    n_states, n_actions = raw["transition"].shape[:2]
    horizon = raw["horizon"]
    for i in range(n_states):
        for j in range(n_states):
            if i != j:
                yield _with_axis(raw, target, "s", lambda x, axis, measure, i=i, j=j: _merged(x, axis, i, j, measure))
    for a in range(n_actions):
        if n_actions > 1:
            yield _with_axis(raw, target, "a", lambda x, axis, measure, a=a: np.delete(x, a, axis=axis))
    for shorter in sorted({1, 2, horizon // 2, horizon - 1}):
        if 0 < shorter < horizon:
            cut = _with_axis(raw, target, "t", lambda x, axis, measure, n=shorter: x.take(range(n), axis=axis))
            yield cut | {"horizon": shorter}
    for name in ("discount", "temperature"):
        if raw.get(name, 1) != 1:
            yield raw | {name: ONE}
    empty = (raw["transition"] == 0).all(axis=-1)
    for s, a in np.argwhere(empty):
        stays = raw["transition"].copy()
        stays[s, a, s] = ONE
        yield raw | {"transition": stays}
    for s in np.flatnonzero(empty.all(axis=-1)):
        stays = raw["transition"].copy()
        stays[s, :, s] = ONE
        yield raw | {"transition": stays}
    for name in ("transition", "initial", "policy"):
        if name in raw:
            yield from _simpler_rows(raw, name)


def _axes(target: Target, name: str) -> str:
    return (target.argument_axes(name) or "").replace("x", "s")


def _with_axis(raw: Raw, target: Target, letter: str, change: Callable[[Any, int, bool], np.ndarray]) -> Raw:
    """Every array changed along each axis of that letter; the last axis of `transition` is a measure."""
    result = dict(raw)
    for name in raw:
        for axis, own in enumerate(_axes(target, name)):
            if own == letter:
                measure = name in MEASURES or (name == "transition" and axis == 2)
                result[name] = change(result[name], axis, measure)
    return result


def _merged(x: np.ndarray, axis: int, i: int, j: int, measure: bool) -> np.ndarray:
    """Entry j goes; a measure adds it to entry i."""
    if measure:
        x = x.copy()
        target, source = ([slice(None)] * x.ndim for _ in range(2))
        target[axis], source[axis] = i, j  # type: ignore[call-overload]
        x[tuple(target)] = x[tuple(target)] + x[tuple(source)]
    return np.delete(x, j, axis=axis)


def _simpler_rows(raw: Raw, name: str) -> Iterator[Raw]:
    """Rows as point masses, all of them at once and one by one."""
    rows = raw[name]
    points = np.full(rows.shape, ZERO, dtype=object)
    for index in np.ndindex(rows.shape[:-1]):
        positive = np.flatnonzero(rows[index] != 0)
        if len(positive):
            points[(*index, positive[0])] = ONE
    yield raw | {name: points}
    for index in np.ndindex(rows.shape[:-1]):
        positive = np.flatnonzero(rows[index] != 0)
        for k in positive if len(positive) > 1 else ():
            changed = rows.copy()
            changed[index] = [ONE if m == k else ZERO for m in range(rows.shape[-1])]
            yield raw | {name: changed}
        if len(positive) > 1:
            changed = rows.copy()
            changed[(*index, positive)] = fmpq(1, len(positive))
            yield raw | {name: changed}


def _simpler_spaces(raw: Raw) -> Iterator[Raw]:
    n = len(raw["energy"])
    for i in range(n):
        for j in range(n):
            if i != j:
                yield {name: _merged(x, 0, i, j, name in MEASURES) if np.ndim(x) else x for name, x in raw.items()}
    if {"sampler", "data"} <= set(raw):
        yield raw | {"data": raw["sampler"]}
        yield raw | {"sampler": raw["data"]}
    uniform = np.full(n, fmpq(1, n), dtype=object)
    for name in ("sampler", "data"):
        if name in raw:
            yield from ({**raw, name: row} for row in (uniform, *_simplest_rows(n)))


def _simplest_rows(n: int) -> Iterator[np.ndarray]:
    for k in range(n):
        yield np.array([ONE if m == k else ZERO for m in range(n)], dtype=object)


def _simpler_numbers(raw: Raw) -> Iterator[Raw]:
    """Rewards, energies, experts and log normalizers as 0, +-1, or integers; an expert in a single place."""
    for name in ("reward", "energy", "log_normalizer", "expert"):
        if name not in raw:
            continue
        array = np.asarray(raw[name], dtype=object)
        if name != "expert":
            yield raw | {name: np.full(array.shape, ZERO, dtype=object)}
        for index in np.ndindex(array.shape):
            for value in _simpler_values(array[index]):
                changed = array.copy()
                changed[index] = value
                yield raw | {name: changed}
            if name == "expert" and array[index] != 0:
                alone = np.full(array.shape, ZERO, dtype=object)
                alone[index] = array[index]
                yield raw | {name: alone}


def _simpler_values(x: Any) -> list[fmpq]:
    exact = rational(x)
    if exact is None or exact in (0, 1, -1):
        return []
    sign = 1 if exact > 0 else -1
    whole = abs(int(exact.p)) // int(exact.q)
    return [fmpq(sign * size) for size in dict.fromkeys((0, 1, 2, whole // 2, whole))]
