"""Exact models without a horizon: discounted without end, and episodes that end, of every kind.

Numbers are as in `instances`: probabilities k / 12, rewards logs of fractions. Undiscounted models have a way to the
end from each state. In every third of them each action may end the episode, so that every policy ends, whatever the
reward; in the others rewards are so low that a step costs more than the choice among its actions is worth.
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from instances import AXES, shape_of
from mdps import MDP, graphs, scalars
from mdps.random_models import random_model, random_reward

DISCOUNTS = (Fraction(1, 2), 1, Fraction(9, 10), Fraction(99, 100), 1)
TEMPERATURES = (1, Fraction(1, 10), 10)


class Endless(NamedTuple):
    mdp: MDP
    reward: np.ndarray
    temperature: Any
    rng: np.random.Generator


def endless(number: int, *, discounts=DISCOUNTS, deterministic: bool | None = None) -> Iterator[Endless]:
    """So many models, always the same ones."""
    for i in range(number):
        rng = np.random.default_rng([i, len(discounts)])
        discount, alpha = discounts[i % len(discounts)], TEMPERATURES[(i // 5) % 3]
        mdp = _model(rng, i, discount, deterministic)
        axes = AXES[(i // 15) % 3]
        reward = random_reward(rng, shape_of(mdp, axes))
        if discount == 1 and not _always_may_end(mdp):
            cost = scalars.log(np.array(18 * Fraction(mdp.n_actions) ** int(np.ceil(float(alpha)))))
            reward = reward - cost
        yield Endless(mdp, reward, alpha, rng)


def _model(rng: np.random.Generator, i: int, discount: Any, deterministic: bool | None) -> MDP:
    certain = i % 4 == 3 if deterministic is None else deterministic
    while True:
        mdp = random_model(
            rng,
            int(rng.integers(2, 5)),
            int(rng.integers(1, 4)),
            1,
            deterministic=certain,
            single_start=i % 2 == 0,
            terminal=discount == 1 or i % 3 == 0,
            terminal_start=i % 7 == 0,
            unavailable=i % 3 == 1,
            full_support=i % 3 == 2 and not certain,
            final_value=i % 4 > 1,
        )
        mdp = replace(mdp, horizon=None, discount=discount)
        edges = graphs.steps(graphs.moves(mdp), mdp.available)
        if discount != 1 or np.isfinite(graphs.distance_to(edges, mdp.terminal)).all():
            return mdp


def _always_may_end(mdp: MDP) -> bool:
    ends = mdp.support[:, :, mdp.terminal].any(axis=-1)
    return bool((ends | ~mdp.available).all())
