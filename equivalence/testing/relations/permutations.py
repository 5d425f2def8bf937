"""Names of states and actions mean nothing: an answer to the renamed model is the renamed answer.

For a permutation of states (of actions, of outcomes), with (sigma x)[s] = x[sigma(s)] on every axis of states,

    f(sigma P, sigma rho, sigma r, ...) = sigma f(P, rho, r, ...).

Assumes: nothing about the model. Where the subject breaks ties, by `argmax` say, renaming breaks them otherwise: on
such instances the relation is rightly violated.
Sees: an axis that is taken for another of the same length, sweeps that overwrite what they read, indices in the wrong
order, a first or last state that is special. Does not see formulas that treat all states alike.
Source: none needed.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from equivalence.testing.relations.relation import Asked, Pair, Relation
from mdps import MDP


def _renamed(array: Any, axes: str, letters: str, order: np.ndarray) -> Any:
    for axis, letter in enumerate(axes):
        if letter in letters:
            array = np.take(array, order, axis=axis)
    return array


def _with_names(asked: Asked, letters: str, order: np.ndarray) -> dict[str, Any]:
    """The arguments, renamed."""
    changes: dict[str, Any] = {}
    for name, value in asked.values.items():
        if isinstance(value, MDP):
            transition = _renamed(value.transition, "sax", letters, order)
            initial = _renamed(value.initial, "s", letters, order)
            changes[name] = MDP(transition, initial, horizon=value.horizon, discount=value.discount)
        elif axes := asked.target.argument_axes(name):
            changes[name] = _renamed(value, axes, letters, order)
    return changes


def _equivariant(asked: Asked, letters: str, n: int, of_what: str) -> Iterator[Pair]:
    before = asked() if n > 1 else np.empty(0)
    for order in _orders(n):
        after = asked(**_with_names(asked, letters, order))
        told = f"with {of_what} in the order {', '.join(map(str, order))}, and in theirs, put into that order"
        yield Pair(told, asked.axes, after, _renamed(before, asked.axes, letters, order))


def _orders(n: int) -> list[np.ndarray]:
    """The reverse, and where that is not all a cycle."""
    orders = [np.arange(n)[::-1]] if n > 1 else []
    return orders + ([np.roll(np.arange(n), 1)] if n > 2 else [])


def of_states(asked: Asked) -> Iterator[Pair]:
    """The answer to a model whose states are renamed, and the renamed answer; of a finite space, its outcomes."""
    if "mdp" in asked.values:
        yield from _equivariant(asked, "sx", asked.values["mdp"].n_states, "states")
    else:
        first = next(value for name, value in asked.values.items() if asked.target.argument_axes(name))
        yield from _equivariant(asked, "n", len(first), "outcomes")


def of_actions(asked: Asked) -> Iterator[Pair]:
    """The answer to a model whose actions are renamed, and the renamed answer."""
    yield from _equivariant(asked, "a", asked.values["mdp"].n_actions, "actions")


_RETURNS = ("policy", "advantage", "q", "v", "gradient", "occupancy", "marginals", "state_marginals", "number")
PERMUTED_STATES = Relation(
    "permuted_states",
    "the answer to a model whose states have other numbers is the answer with these numbers",
    "ties are not broken by the number of a state",
    (*_RETURNS, "law"),
    (),
    of_states,
    trajectories=False,
    meets=lambda instance: "mdp" not in instance or instance["mdp"].n_states > 1,
)
PERMUTED_ACTIONS = Relation(
    "permuted_actions",
    "the answer to a model whose actions have other numbers is the answer with these numbers",
    "ties are not broken by the number of an action",
    _RETURNS,
    ("mdp",),
    of_actions,
    meets=lambda instance: instance["mdp"].n_actions > 1,
)
