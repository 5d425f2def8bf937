"""Rewards as people have them, read into exact tables.

[s], [s, a], [s, a, s']                        arrays, tensors, lists
f(s), f(s, a), f(s, a, s')                     functions, told apart by the number of arguments they need
{s: r}, {(s, a): r}, {(s, a, s'): r}           dicts
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from equivalence.testing.trained.asking import fits, required
from equivalence.testing.trained.numbers import ZERO, exact_numbers, exact_table, plain
from mdps import MDP, InvalidArgument

AXES = ("s", "sa", "sas")


def given_reward(
    mdp: MDP,
    reward: Any,
    *,
    axes: str | None = None,
    observation: Callable[[int], Any] | None = None,
    name: str = "reward",
) -> tuple[np.ndarray, str]:
    """An exact table of a reward, where functions are asked everywhere; and why EPIC must not use it.

    axes         what a function is a function of, 's', 'sa' or 'sas'; by its signature if None
    observation  what a function is given for a state; the number of the state if None

    A function of (s, a, s') is asked for impossible transitions, too; where it raises an error there, its value is
    taken for 0, which nothing but EPIC sees.
    """
    if isinstance(reward, Mapping):
        reward, axes = _of_mapping(reward, name), _axes_of_keys(reward, name)
        observation = None
    if not callable(reward):
        return exact_table(mdp, reward, name), ""
    axes = _axes(reward, axes, name)
    seen = observation or int
    shape = (mdp.n_states, mdp.n_actions, mdp.n_states)[: len(axes)]
    table, trouble = np.full(shape, ZERO, dtype=object), ""
    for at in np.argwhere(~mdp.terminal if axes == "s" else mdp.available):
        for index in _completed(at.tolist(), axes, mdp.n_states):
            given = [int(i) if k == 1 else seen(i) for k, i in enumerate(index)]
            where = f"{name}({', '.join(map(str, index))})"
            try:
                value = plain(reward(*given))
            except Exception as error:
                if axes == "sas" and not mdp.support[tuple(index)]:
                    trouble = trouble or f"{where} raises an error, and EPIC asks for impossible transitions, too"
                    continue
                error.add_note(f"raised by {where}, which was given {', '.join(map(repr, given))}")
                raise
            if value.size != 1:
                raise InvalidArgument(f"{where} has shape {value.shape}; expected one number")
            table[tuple(index)] = exact_numbers(value.reshape(()), where)[()]
    return table, trouble


def _axes(reward: Callable[..., Any], axes: str | None, name: str) -> str:
    names = required(reward)
    if axes is None:
        count = 3 if names is None else len(names)
        if count not in (1, 2, 3):
            raise InvalidArgument(
                f"{name} needs {count} arguments ({', '.join(names or ())}); expected a function of (s), (s, a) or "
                "(s, a, s'): lambda s, a, x: ... fills in what else it needs"
            )
        return AXES[count - 1]
    if axes not in AXES:
        raise InvalidArgument(f"axes is {axes!r}; expected 's', 'sa' or 'sas': what {name} is a function of")
    if not fits(reward, len(axes)):
        raise InvalidArgument(
            f"{name} is a function of ({', '.join(names or ())}); expected {len(axes)} arguments, since axes='{axes}'"
        )
    return axes


def _axes_of_keys(reward: Mapping[Any, Any], name: str) -> str:
    lengths = {len(key) if isinstance(key, tuple) else 1 for key in reward}
    if len(lengths) != 1 or not lengths <= {1, 2, 3}:
        raise InvalidArgument(f"{name} is a dict; expected keys that are all s, all (s, a), or all (s, a, s')")
    return AXES[lengths.pop() - 1]


def _of_mapping(reward: Mapping[Any, Any], name: str) -> Callable[..., Any]:
    def entry(*index: Any) -> Any:
        key = index[0] if len(index) == 1 else index
        if key not in reward:
            raise InvalidArgument(f"{name} has no entry {key!r}; expected one for all that can happen")
        return reward[key]

    return entry


def _completed(at: list[int], axes: str, n_states: int) -> Iterator[list[int]]:
    return ([*at, end] for end in range(n_states)) if axes == "sas" else iter([at])
