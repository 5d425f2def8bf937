"""The few exact instances whose shapes and structures somebody's code is run on over a field.

A handful of small shapes stands for the features that code gets wrong: unavailable actions, terminal states, several
starts, discount, temperature, zeros of distributions. What is random are the numbers that stay numbers (dynamics) and
the shadows of the free ones, which decide branches: rewards and energies are different numbers k / 7, so that
they do not tie.

Where the logarithm of a sum is averaged, roots are taken, unique in a field for odd degrees: the denominators of the
dynamics are 3 and 15, and the discount is 2/3 where the kinds leave it open.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from equivalence.testing.kinds import Kinds, ModelKinds, SpaceKinds
from equivalence.testing.targets import Instance, Target
from equivalence.testing.targets.drawing import Draw
from mdps import MDP, InvalidArgument
from mdps.random_models import random_model

ATTEMPTS = 20


class Shape(NamedTuple):
    """Sizes of a model and what it has; `rank` counts the horizons of the kinds, from the shortest."""

    n_states: int
    n_actions: int
    rank: int
    deterministic: bool = False
    terminal: bool = False
    unavailable: bool = False
    single_start: bool = False
    discounted: bool = False
    denominator: int = 15


MODELS = (
    Shape(1, 1, 0),
    Shape(1, 2, 1, deterministic=True),
    Shape(2, 2, 0),
    Shape(3, 2, 1, deterministic=True, unavailable=True),
    Shape(2, 2, 1, discounted=True, denominator=3),
    Shape(3, 2, 1, terminal=True, unavailable=True),
    Shape(3, 2, 2, deterministic=True, terminal=True, single_start=True, discounted=True),
    Shape(2, 2, 2, denominator=3, single_start=True),
)
SPACES = ((1, True), (2, True), (3, False), (5, True), (6, False))


def cases(target: Target, kinds: Kinds, more: Sequence[Shape] = ()) -> Iterator[Instance]:
    """Instances of the kinds, the smallest first; none where the kinds allow none of these shapes, or of some more."""
    seen = set()
    models = (*MODELS, *more)
    sizes = models if isinstance(kinds, ModelKinds) else SPACES
    for place in range(len(sizes)):
        for attempt in range(ATTEMPTS):
            rng = np.random.default_rng([place, attempt])
            if isinstance(kinds, ModelKinds):
                instance, admitting = _on_model(rng, target, kinds, models[place], place)
            else:
                instance, admitting = _on_space(rng, target, kinds, place, *SPACES[place]), kinds
            if instance is not None and admitting.admit(instance):
                key = str(sorted((name, _texts(value)) for name, value in instance.items()))
                if key not in seen:
                    seen.add(key)
                    yield instance
                break


def _texts(value: Any) -> Any:
    if isinstance(value, MDP):
        return _texts(value.transition), _texts(value.initial), value.horizon, str(value.discount)
    return np.asarray(value, dtype=object).astype(str).tolist()


def _on_model(
    rng: np.random.Generator, target: Target, kinds: ModelKinds, shape: Shape, place: int
) -> tuple[dict[str, Any] | None, ModelKinds]:
    def wanted(name: str) -> bool:
        asked = getattr(kinds, name)
        return getattr(shape, name, False) if asked is None else asked

    n_states, n_actions = min(shape.n_states, kinds.max_states), min(shape.n_actions, kinds.max_actions)
    horizon = kinds.horizons[min(shape.rank, len(kinds.horizons) - 1)]
    kinds = replace(kinds, discounts=_discounts(kinds))
    least, most = min(kinds.discounts), max(kinds.discounts)
    try:
        mdp = random_model(
            rng,
            n_states,
            n_actions,
            horizon,
            deterministic=wanted("deterministic"),
            single_start=wanted("single_start"),
            terminal=n_states > 1 and wanted("terminal"),
            terminal_start=n_states > 1 and wanted("terminal") and wanted("terminal_start"),
            unavailable=n_actions > 1 and wanted("unavailable"),
            discount=least if shape.discounted else most,
            denominator=shape.denominator,
        )
    except InvalidArgument:
        return None, kinds
    if not kinds.admit({"mdp": mdp}):
        return None, kinds
    temperatures = kinds.temperatures if target.layout.temperature else (fmpq(1),)
    largest = kinds.largest_reward
    draw = Draw(rng, {"mdp": mdp}, largest, place=place, temperatures=temperatures, whole=target.whole)
    return target.drawn(draw), kinds


def _discounts(kinds: ModelKinds) -> tuple[Any, ...]:
    """The discounts of the kinds whose denominators are odd; those and 2/3 where the kinds are left as they are."""
    odd = tuple(gamma for gamma in kinds.discounts if int(gamma.q) % 2)
    if tuple(kinds.discounts) == tuple(ModelKinds().discounts):
        return (*odd, fmpq(2, 3))
    return odd or tuple(kinds.discounts)


def _on_space(
    rng: np.random.Generator, target: Target, kinds: SpaceKinds, place: int, n: int, full_support: bool
) -> dict[str, Any]:
    full = full_support if kinds.full_support is None else kinds.full_support
    n = min(n, kinds.max_outcomes)
    return target.drawn(Draw(rng, {}, kinds.largest_energy, place=place, n=n, full=full, whole=target.whole))
