"""Exact instances to ask a subject on: small first, then of every kind.

Sizes climb a ladder from the smallest models to the largest allowed ones; on each rung structure, discount, scale and
kind of expert are drawn. What the arguments of a target are drawn from is said with them, `targets.drawing`: small
rationals, so that what is printed can be read, with ties and zeros common.
"""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from flint import fmpq

from equivalence.testing.adapters.cases import MODELS, SPACES
from equivalence.testing.kinds import Kinds, ModelKinds, SpaceKinds
from equivalence.testing.targets import Instance, Target
from equivalence.testing.targets.axes import LARGEST, LEAST
from equivalence.testing.targets.drawing import Draw
from mdps import MDP, InvalidArgument
from mdps.random_models import random_model

RUNGS = 24
LARGEST_PRODUCT = 96  # S A T of the largest models, except where the options ask for more
ATTEMPTS = 200  # for each instance, until one is of the kinds that are asked for


def instances(target: Target, kinds: Kinds, count: int, seed: int, *, few_shapes: bool = False) -> Iterator[Instance]:
    """`count` instances of the kinds.

    few_shapes  whether there are a dozen shapes of them, for code that is compiled for each; no sizes are drawn then.

    Errors: `InvalidArgument` where hardly any instance is of these kinds.
    """
    rungs = _few_rungs(kinds) if few_shapes else _rungs(kinds)
    for number in range(count):
        place = number * len(rungs) // count
        for attempt in range(ATTEMPTS):
            rng = np.random.default_rng([seed, number, attempt])
            if attempt >= 20:  # this rung has few or none
                place = int(rng.integers(len(rungs)))
            instance = _drawn(rng, target, kinds, rungs[place], _other_sizes(place) if few_shapes else {})
            if kinds.admit(instance):
                yield instance
                break
        else:
            raise InvalidArgument(f"in {ATTEMPTS} attempts no instance was of the kinds {kinds}; allow more kinds")


def _few_rungs(kinds: Kinds) -> list[tuple[int, ...]]:
    """The shapes of the cases of a field, for which programs are there already, and larger ones to each limit."""
    every = _rungs(kinds)
    if isinstance(kinds, SpaceKinds):
        rungs = [(min(n, kinds.max_outcomes),) for n, _ in SPACES]
        return rungs + [rung for rung in every if rung not in rungs]
    rungs = [
        (min(s, kinds.max_states), min(a, kinds.max_actions), kinds.horizons[min(rank, len(kinds.horizons) - 1)] or 1)
        for s, a, rank, *_ in MODELS
    ]
    larger = [rung for rung in every if rung not in rungs]
    return rungs + [rung for rung in larger if rung in _limits(kinds) or rung in larger[-1:] + larger[-3:-2]]


def _other_sizes(place: int) -> dict[str, int]:
    """Sizes that the shape of a model does not decide, as the cases of a field have them."""
    return {letter: low + place % (LARGEST[letter] - low + 1) for letter, low in LEAST.items()}


def _rungs(kinds: Kinds) -> list[tuple[int, ...]]:
    """Shapes (S, A, T) or (n,) from the smallest up, denser among the small ones; each limit is reached."""
    if isinstance(kinds, SpaceKinds):
        return [(n,) for n in range(1, kinds.max_outcomes + 1)]
    horizons = [t or 1 for t in kinds.horizons]  # without one: as if it were 1
    shapes = product(range(1, kinds.max_states + 1), range(1, kinds.max_actions + 1), horizons)
    ladder = sorted(shapes, key=lambda shape: (math.prod(shape), shape))
    limit = max(LARGEST_PRODUCT, 12 * horizons[0])
    climbed = [shape for shape in ladder if math.prod(shape) <= limit]
    ranks = np.unique((np.linspace(0, 1, RUNGS) ** 1.5 * (len(climbed) - 1)).astype(int))
    rungs = [climbed[rank] for rank in ranks]
    return sorted({*rungs, *_limits(kinds)}, key=lambda shape: (math.prod(shape), shape))


def _limits(kinds: ModelKinds) -> list[tuple[int, ...]]:
    """A shape for each limit of the kinds, small otherwise."""
    horizons = [t or 1 for t in kinds.horizons]
    two_steps = next((t for t in horizons if t > 1), 1)
    low = (min(2, kinds.max_states), min(2, kinds.max_actions), two_steps)
    high = (kinds.max_states, kinds.max_actions, horizons[-1])
    return [(*low[:axis], high[axis], *low[axis + 1 :]) for axis in range(3)]


def _drawn(
    rng: np.random.Generator, target: Target, kinds: Kinds, rung: tuple[int, ...], sizes: dict[str, int]
) -> dict[str, Any]:
    if isinstance(kinds, SpaceKinds):
        full = bool(rng.integers(2)) if kinds.full_support is None else kinds.full_support
        denominator = (4, 10, 12)[rng.integers(3)]
        largest = kinds.largest_energy
        draw = Draw(rng, {}, largest, n=rung[0], full=full, denominator=denominator, whole=target.whole, sizes=sizes)
    else:
        temperatures = kinds.temperatures if target.layout.temperature else (fmpq(1),)
        model = {"mdp": _model(rng, kinds, *rung)}
        if not kinds.admit(model):
            return model  # before its trajectories are listed, say
        draw = Draw(rng, model, kinds.largest_reward, temperatures=temperatures, whole=target.whole, sizes=sizes)
    return target.drawn(draw)


def _model(rng: np.random.Generator, kinds: ModelKinds, n_states: int, n_actions: int, horizon: int) -> MDP:
    def wanted(name: str, share: float) -> bool:
        want = getattr(kinds, name)
        return bool(rng.random() < share) if want is None else want

    terminal = n_states > 1 and wanted("terminal", 0.35)
    mdp = random_model(
        rng,
        n_states,
        n_actions,
        None if kinds.horizons[0] is None else horizon,
        deterministic=wanted("deterministic", 0.35),
        single_start=wanted("single_start", 0.5),
        terminal=terminal,
        terminal_start=terminal and wanted("terminal_start", 0.2),
        unavailable=n_actions > 1 and wanted("unavailable", 0.35),
        discount=kinds.discounts[int(rng.integers(len(kinds.discounts)))],
        denominator=(2, 4, 10, 12)[rng.integers(4)],
    )
    if not terminal:
        return mdp
    order = rng.permutation(n_states)  # the terminal state need not be the last
    transition = mdp.transition[order][:, :, order]
    return MDP(transition, mdp.initial[order], horizon=mdp.horizon, discount=mdp.discount)
