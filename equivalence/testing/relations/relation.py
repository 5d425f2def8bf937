"""What a relation is, and what a subject is asked about it.

A relation is a theorem about right code that can be checked without knowing what the code should return: it names two
numbers, made of one or several answers of the subject, that are equal. `sides` writes them once, over numbers of a
field and over the floats that were returned, taken as the rational numbers that they are.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from equivalence.testing.adapters.cases import Shape
from equivalence.testing.kinds import Predicate
from equivalence.testing.targets import ARGUMENTS, MODEL, Instance, Layout, Target
from mdps import InvalidArgument

ZERO: Any = fmpq(0)
ONE: Any = fmpq(1)
AXES = {  # of what a subject may return
    "policy": "tsa",
    "q": "tsa",
    "advantage": "tsa",
    "v": "ts",
    "marginals": "tsa",
    "state_marginals": "ts",
    "law": "n",
    "number": "",
}


class Pair(NamedTuple):
    """Two sides that are equal, entry by entry, or of which the left one is at most the right one.

    what   of what they are, in a few words: 'rows of the policy'.
    axes   of the sides.
    """

    what: str
    axes: str
    lhs: np.ndarray
    rhs: np.ndarray
    at_most: bool = False


@dataclass(frozen=True, eq=False)
class Asked:
    """A subject, the arguments of one instance, and what it is to return.

    values   by name: the exact model `mdp`, other arguments as arrays of the numbers in which is asked.
    answer   the subject's array for arguments by name, in which `initial` comes before that of the model.
    free     other numbers of the instance (a potential) in the numbers in which is asked.
    """

    target: Target
    returns: str
    values: Mapping[str, Any]
    answer: Callable[[Mapping[str, Any]], np.ndarray]
    free: Callable[[np.ndarray], Any]

    @property
    def axes(self) -> str:
        """The axes of what is returned."""
        return self.target.parts[0][1]

    def __call__(self, **changes: Any) -> np.ndarray:
        """The answer to the arguments of the instance, some of them changed."""
        return self.answer({**self.values, **changes})


@dataclass(frozen=True, eq=False)
class Relation:
    """A relation: the theorem, what it assumes, and its two sides.

    returns   what a subject may return for it.
    needs     arguments that the subject takes, without which there is nothing to ask.
    kinds     the kinds of instances that meet the assumption, as options.
    trajectories  whether it is about laws over trajectories, too.     finite  whether every right answer is finite.
    meets     whether an instance meets it.     fitted  the instance, changed so that it does.
    shapes    more shapes that are run over a field, where fitting takes from the others what could show a mistake.
    sides     the pairs of sides, of what is asked.
    """

    name: str
    theorem: str
    assumes: str
    returns: tuple[str, ...]
    needs: tuple[str, ...]
    sides: Callable[[Asked], Iterator[Pair]]
    kinds: Mapping[str, Any] = field(default_factory=dict)
    trajectories: bool = True
    finite: bool = False
    meets: Predicate = lambda instance: True
    fitted: Callable[[Instance], Instance] = lambda instance: instance
    shapes: tuple[Shape, ...] = ()


def names_taken(function: Callable[..., Any], takes: str | None) -> tuple[str, ...]:
    """The arguments of a subject, `mdp` for the four of a model: as they are said, or by its parameters' names.

    Errors: `InvalidArgument` where its parameters have other names, and nothing is said.

    >>> names_taken(lambda transition, initial, horizon, discount, reward, verbose=False: reward, None)
    ('mdp', 'reward')
    """
    if takes is not None:
        names = tuple(takes.replace(",", " ").split())
    else:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            parameters = []
        names = tuple(p.name for p in parameters if p.default is p.empty)
    if names[:4] == MODEL:
        names = ("mdp", *names[4:])
    unknown = [name for i, name in enumerate(names) if name not in ARGUMENTS and (i, name) != (0, "mdp")]
    if unknown or not names or len(set(names)) < len(names):
        said = f"it has the parameters {', '.join(names)}" if takes is None else f"takes is {takes!r}"
        raise InvalidArgument(
            f"what the subject takes is not known: {said}; say takes='mdp reward', in its order, of mdp (that is "
            f"{', '.join(MODEL)}), {', '.join(ARGUMENTS)}"
        )
    return names


def asked_about(
    relation: Relation, takes: tuple[str, ...], returns: str, layout: Layout, returned_axes: str | None
) -> Target:
    """The subject's signature, as that of a target without reference.

    Errors: `InvalidArgument` where the relation is not about such a subject.
    """
    if returns not in relation.returns:
        raise InvalidArgument(f"{relation.name} is about {', '.join(relation.returns)}; returns is {returns!r}")
    for names in relation.needs:
        if not set(names.split("|")) & set(takes):
            raise InvalidArgument(f"{relation.name} needs a subject that takes {names.replace('|', ' or ')}")
    if returns == "law" and "mdp" in takes and not relation.trajectories:
        raise InvalidArgument(f"{relation.name} is about laws over outcomes: trajectories have names of their own")
    axes = returned_axes or axes_returned(returns, takes, layout)
    parts = (("", axes.replace("sas", "sax")),)
    return Target(relation.name, takes, parts, _none, relation.theorem, layout=layout)


def axes_returned(returns: str, takes: tuple[str, ...], layout: Layout) -> str:
    """The axes of what a subject returns, where nothing is said about it."""
    if returns == "gradient":
        return "k" if "theta" in takes else layout.reward if "mdp" in takes else "n"
    return layout.counts if returns == "occupancy" else AXES[returns]


def _none(**_: Any) -> Any:
    raise NotImplementedError("a relation has no reference")


def added(array: np.ndarray, others: Any) -> np.ndarray:
    """The sum of arrays of numbers in which floats that are not finite stay as they are."""
    array, others = np.broadcast_arrays(array, np.asarray(others, dtype=object))
    return np.array(
        [x if isinstance(x, float) else x + y for x, y in zip(array.flat, others.flat, strict=True)] + [None],
        dtype=object,
    )[:-1].reshape(array.shape)


def constants(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An array of one number."""
    return np.full(shape, value, dtype=object)
