"""Exact instances to ask a subject on: small first, then of every kind.

Sizes climb a ladder from the smallest models to the largest allowed ones; on each rung structure, discount, scale and
kind of expert are drawn. Numbers are small rationals, so that what is printed can be read: rewards are k/2 or k/3 with
|k| <= 6, some of them scaled by 10, 100 or 1000; many are 0 or +-1, so that ties are common.
"""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from flint import fmpq

from equivalence.testing.kinds import Kinds, ModelKinds, SpaceKinds, largest
from equivalence.testing.targets import Instance, Target
from mdps import MDP, InvalidArgument
from mdps.random_models import random_distribution, random_expert, random_model, random_policy

RUNGS = 24
LARGEST_PRODUCT = 96  # S A T of the largest models, except where the options ask for more
SCALES = (1, 1, 1, 1, 10, 100, 1000)
ATTEMPTS = 200  # for each instance, until one is of the kinds that are asked for


def instances(target: Target, kinds: Kinds, count: int, seed: int) -> Iterator[Instance]:
    """`count` instances of the kinds.

    Errors: `InvalidArgument` where hardly any instance is of these kinds.
    """
    rungs = _rungs(kinds)
    for number in range(count):
        rung = rungs[number * len(rungs) // count]
        for attempt in range(ATTEMPTS):
            rng = np.random.default_rng([seed, number, attempt])
            if attempt >= 20:  # this rung has few or none
                rung = rungs[rng.integers(len(rungs))]
            instance = _drawn(rng, target, kinds, rung)
            if kinds.admit(instance):
                yield instance
                break
        else:
            raise InvalidArgument(f"in {ATTEMPTS} attempts no instance was of the kinds {kinds}; allow more kinds")


def _rungs(kinds: Kinds) -> list[tuple[int, ...]]:
    """Shapes (S, A, T) or (n,) from the smallest up, denser among the small ones; each limit is reached."""
    if isinstance(kinds, SpaceKinds):
        return [(n,) for n in range(1, kinds.max_outcomes + 1)]
    shapes = product(range(1, kinds.max_states + 1), range(1, kinds.max_actions + 1), kinds.horizons)
    ladder = sorted(shapes, key=lambda shape: (math.prod(shape), shape))
    limit = max(LARGEST_PRODUCT, 12 * kinds.horizons[0])
    climbed = [shape for shape in ladder if math.prod(shape) <= limit]
    ranks = np.unique((np.linspace(0, 1, RUNGS) ** 1.5 * (len(climbed) - 1)).astype(int))
    rungs = [climbed[rank] for rank in ranks]
    two_steps = next((t for t in kinds.horizons if t > 1), 1)
    low = (min(2, kinds.max_states), min(2, kinds.max_actions), two_steps)
    high = (kinds.max_states, kinds.max_actions, kinds.horizons[-1])
    rungs += [(*low[:axis], high[axis], *low[axis + 1 :]) for axis in range(3)]
    return sorted(set(rungs), key=lambda shape: (math.prod(shape), shape))


def _drawn(rng: np.random.Generator, target: Target, kinds: Kinds, rung: tuple[int, ...]) -> dict[str, Any]:
    if isinstance(kinds, SpaceKinds):
        return _space(rng, target, kinds, *rung)
    mdp = _model(rng, kinds, *rung)
    instance: dict[str, Any] = {"mdp": mdp}
    axes = target.layout.reward
    if "reward" in target.arguments:
        shape = {"s": (0,), "sa": (0, 1), "sas": (0, 1, 0)}[axes]
        instance["reward"] = _numbers(rng, [mdp.available.shape[i] for i in shape], kinds.largest_reward)
    if "expert" in target.arguments:
        instance["expert"] = random_expert(rng, mdp, axes=axes, kind=("policy", "table")[rng.integers(2)])
    if "policy" in target.arguments:
        steps = target.layout.policy == "tsa"
        instance["policy"] = random_policy(rng, mdp, steps=steps, full_support=bool(rng.integers(3)), largest=4)
    if "temperature" in target.arguments:
        temperatures = kinds.temperatures if target.layout.temperature else (fmpq(1),)
        instance["temperature"] = temperatures[int(rng.integers(len(temperatures)))]
    return instance


def _model(rng: np.random.Generator, kinds: ModelKinds, n_states: int, n_actions: int, horizon: int) -> MDP:
    def wanted(name: str, share: float) -> bool:
        want = getattr(kinds, name)
        return bool(rng.random() < share) if want is None else want

    terminal = n_states > 1 and wanted("terminal", 0.35)
    mdp = random_model(
        rng,
        n_states,
        n_actions,
        horizon,
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
    return MDP(transition, mdp.initial[order], horizon=horizon, discount=mdp.discount)


def _numbers(rng: np.random.Generator, shape: Any, limit: float) -> np.ndarray:
    """Rewards or energies: small rationals, of one scale."""
    scales = [scale for scale in SCALES if scale <= limit]
    scale = scales[rng.integers(len(scales))]
    top, denominator = ((1, 1), (6, 2), (6, 3))[rng.integers(3)]
    top = int(min(top, denominator * limit / scale))
    draws = rng.integers(-top, top + 1, size=shape)
    return np.asarray(np.frompyfunc(lambda k: fmpq(int(k) * scale, denominator), 1, 1)(draws), dtype=object)


def _space(rng: np.random.Generator, target: Target, kinds: SpaceKinds, n: int) -> dict[str, Any]:
    full = bool(rng.integers(2)) if kinds.full_support is None else kinds.full_support
    denominator = (4, 10, 12)[rng.integers(3)]
    sampler, data = (random_distribution(rng, n, denominator=denominator, full_support=full) for _ in range(2))
    if rng.integers(8) == 0:
        data = sampler
    instance = {"energy": _numbers(rng, (n,), kinds.largest_energy), "sampler": sampler, "data": data}
    log_normalizer = fmpq(int(rng.integers(-6, 7)), 2) if kinds.largest_energy >= 3 else fmpq(0)
    if rng.integers(2):  # near where the discriminator is undecided, whatever the scale of the energies
        log_normalizer -= instance["energy"][rng.integers(n)]
    drawn = np.asarray(log_normalizer, dtype=object)
    instance["log_normalizer"] = drawn if largest(drawn) <= kinds.largest_energy else 0 * drawn
    return {name: instance[name] for name in target.arguments}
