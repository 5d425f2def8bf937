"""Random exact models, rewards and policies, for checks that need many.

All numbers are rational with small denominators: probabilities k / D, and rewards log(i / j), so that every number
type sees the same instance. A `numpy.random.Generator` decides; `mdps.strategies` lets Hypothesis drive one.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq

from mdps import scalars
from mdps.model import MDP


def random_distribution(rng: np.random.Generator, n: int, *, denominator: int = 12, full_support: bool = False) -> np.ndarray:
    """n probabilities k / D, object array of fmpq; with full support each is at least 1 / D."""
    if full_support:
        denominator = max(denominator, n)
        counts = 1 + rng.multinomial(denominator - n, np.full(n, 1 / n))
    else:
        counts = rng.multinomial(denominator, rng.dirichlet(np.full(n, 0.5)))
    return np.array([fmpq(int(k), denominator) for k in counts], dtype=object)


def random_model(
    rng: np.random.Generator,
    n_states: int,
    n_actions: int,
    horizon: int,
    *,
    deterministic: bool = False,
    single_start: bool = False,
    terminal: bool = False,
    unavailable: bool = False,
    full_support: bool = False,
    discount: Any = 1,
    final_value: bool = False,
    denominator: int = 12,
) -> MDP:
    """An exact model of the given shape and structure.

    deterministic  every row is a point mass.      single_start  one start state.
    terminal       the last state is terminal (needs two states); unavailable: some rows are zero.
    full_support   every available row reaches every state with positive probability.
    final_value    random logs of rationals instead of 0.
    """
    transition = np.full((n_states, n_actions, n_states), fmpq(0), dtype=object)
    for s, a in np.ndindex(n_states, n_actions):
        if deterministic:
            transition[s, a, rng.integers(n_states)] = fmpq(1)
        else:
            transition[s, a] = random_distribution(rng, n_states, denominator=denominator, full_support=full_support)
    if unavailable and n_actions > 1:
        for s in range(n_states):
            for a in rng.permutation(n_actions)[: rng.integers(n_actions)]:
                transition[s, a] = fmpq(0)
    if terminal and n_states > 1:
        transition[-1] = fmpq(0)
    live = n_states - 1 if terminal and n_states > 1 else n_states
    initial = np.full(n_states, fmpq(0), dtype=object)
    if single_start:
        initial[rng.integers(live)] = fmpq(1)
    else:
        initial[:live] = random_distribution(rng, live, full_support=True)
    values = random_reward(rng, (n_states,)) if final_value else 0
    return MDP(transition, initial, horizon=horizon, discount=discount, final_value=values)


def random_reward(rng: np.random.Generator, shape: Sequence[int], *, largest: int = 9) -> np.ndarray:
    """Logs of random fractions i / j with 1 <= i, j <= largest: rewards whose weights are rational."""
    weights = np.empty(tuple(shape), dtype=object)
    for index in np.ndindex(*weights.shape):
        weights[index] = Fraction(int(rng.integers(1, largest + 1)), int(rng.integers(1, largest + 1)))
    return scalars.log(weights)


def random_policy(rng: np.random.Generator, mdp: MDP, *, steps: bool = False, largest: int = 9) -> np.ndarray:
    """A policy of rational probabilities, positive at every available action; [s, a], or [t, s, a] with `steps`."""
    shape = (mdp.horizon or 1, *mdp.available.shape) if steps else mdp.available.shape
    weights = np.where(mdp.available, rng.integers(1, largest + 1, size=shape), 0)
    total = np.maximum(weights.sum(axis=-1, keepdims=True), 1)
    return np.frompyfunc(lambda k, n: fmpq(int(k), int(n)), 2, 1)(weights, total)
