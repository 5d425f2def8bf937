"""More than a thousand small random models, of every kind that the main job names, each with rewards and laws.

`KINDS` are the 16 kinds: deterministic or stochastic, one start or several, with or without terminal states, with or
without unavailable actions. Each kind has every discount, temperature and horizon below, three models each: 1,296 in
all. They are always the same ones; the tests that Hypothesis drives see others each time.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pytest

from mdps import MDP
from mdps.random_models import Game, random_game, random_model, random_reward
from mdps.scalars.levels import exact_fraction
from mdps.scalars.rationals import fraction

AXES = ("s", "sa", "sas")

DISCOUNTS = (1, Fraction(1, 2), Fraction(9, 10))
TEMPERATURES = (1, Fraction(1, 10), 10)
HORIZONS = (1, 2, 3)
DRAWS = 3

STRUCTURE = ("deterministic", "single_start", "terminal", "unavailable")
KINDS = {
    "-".join(name for name, has in zip(STRUCTURE, flags, strict=True) if has) or "plain": flags
    for flags in itertools.product((False, True), repeat=len(STRUCTURE))
}
# Every kind; and, where slow tests are asked for, five times as many other models of each.
each_kind = pytest.mark.parametrize(
    "kind", [*KINDS, *(pytest.param(f"{kind}/{n}", marks=pytest.mark.slow) for kind in KINDS for n in range(1, 6))]
)
# Shapes (S, A) with few trajectories even where every row reaches every state.
SHAPES = {1: ((1, 1), (2, 3), (3, 2), (3, 3)), 2: ((2, 2), (2, 3), (3, 2)), 3: ((2, 2), (1, 3), (3, 1))}
SHAPES_OF_DETERMINISTIC = ((1, 2), (2, 2), (3, 2), (2, 3), (3, 3))


class Drawn(NamedTuple):
    """An exact model, a temperature, the axes of a reward, and the generator for whatever else is to be drawn."""

    mdp: MDP
    temperature: Any
    axes: str
    rng: np.random.Generator


def models_of(kind: str) -> Iterator[Drawn]:
    """The 81 models of a kind, or of a kind with a number: `plain/2`; models do not change, so tests share them."""
    for drawn in _drawn(kind):
        yield drawn._replace(rng=deepcopy(drawn.rng))


@lru_cache(maxsize=2 * len(KINDS))
def _drawn(kind: str) -> tuple[Drawn, ...]:
    return tuple(_models_of(kind))


def _models_of(kind: str) -> Iterator[Drawn]:
    name, _, series = kind.partition("/")
    deterministic, single_start, terminal, unavailable = KINDS[name]
    cells = itertools.product(DISCOUNTS, TEMPERATURES, HORIZONS, range(DRAWS))
    for number, (discount, temperature, horizon, draw) in enumerate(cells):
        rng = np.random.default_rng([*KINDS[name], number, int(series or 0)])
        shapes = SHAPES_OF_DETERMINISTIC if deterministic else SHAPES[horizon]
        n_states, n_actions = shapes[rng.integers(len(shapes))]
        mdp = random_model(
            rng,
            max(n_states, 2) if terminal else n_states,
            max(n_actions, 2) if unavailable else n_actions,
            horizon,
            deterministic=deterministic,
            single_start=single_start,
            terminal=terminal,
            terminal_start=terminal and draw == 1,
            unavailable=unavailable,
            discount=discount,
            final_value=draw > 0,
        )
        digits = number + number // 3 + number // 9 + number // 27  # each shape of reward meets all that varies
        yield Drawn(mdp, temperature, AXES[digits % 3], rng)


class InReach(NamedTuple):
    """A model whose final values, and a reward, are such that exact arithmetic can express exp(gamma^t R / alpha)."""

    mdp: MDP
    reward: np.ndarray
    temperature: Any
    rng: np.random.Generator


def in_reach(kind: str) -> Iterator[InReach]:
    """The models of a kind, rewards and final values multiplied until gamma^t P r / alpha is a whole number of logs.

    Left out are those that need powers with thousands of digits.
    """
    for mdp, temperature, axes, rng in models_of(kind):
        gamma = fraction(exact_fraction(mdp.discount))
        factor = Fraction(temperature).numerator * gamma.denominator**mdp.horizon
        if mdp.horizon == 1:
            factor *= math.lcm(*(int(p.q) for p in mdp.transition.ravel()))
        elif factor > 100:
            continue
        reward = random_reward(rng, shape_of(mdp, axes))
        yield InReach(replace(mdp, final_value=factor * mdp.final_value), factor * reward, temperature, rng)


def soft_solution_in_reach(mdp: MDP) -> bool:
    """Whether exact arithmetic can express soft control of `in_reach`: no power of a sum of weights but whole ones."""
    deterministic = bool((mdp.kernel.support.sum(axis=-1) <= 1).all())
    return mdp.horizon == 1 or (deterministic and mdp.discount == 1)


def shape_of(mdp: MDP, axes: str) -> tuple[int, ...]:
    """The shape of a reward over 's', 'sa' or 'sas'."""
    return (mdp.n_states, mdp.n_actions, mdp.n_states)[: len(axes)]


def drawn_games(number: int, *, extreme: bool = False) -> Iterator[Game]:
    """Games on one to six outcomes; in every second one sampler and data leave outcomes out."""
    for i in range(number):
        rng = np.random.default_rng([number, extreme, i])
        yield random_game(rng, 1 + i % 6, full_support=i % 4 < 2, extreme=extreme)


def stacks(games: Iterator[Game], size: int = 12) -> Iterator[list[Game]]:
    """Games on equally many outcomes, so many at a time: what costs a call costs as much for a stack as for one."""
    waiting: dict[int, list[Game]] = defaultdict(list)
    for game in games:
        alike = waiting[len(game.energy)]
        alike.append(game)
        if len(alike) == size:
            yield waiting.pop(len(game.energy))
    yield from waiting.values()
