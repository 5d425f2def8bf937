"""Random exact models, rewards, policies, experts and games, for checks that need many.

All numbers are rational with small denominators: probabilities k / D, and rewards log(i / j), so that every number
type sees the same instance. A `numpy.random.Generator` decides, and the same one in the same state decides the same;
`mdps.strategies` lets Hypothesis choose shapes, structure and a seed.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from mdps import scalars
from mdps.arguments import checked_horizon
from mdps.errors import InvalidArgument
from mdps.model import MDP
from mdps.occupancy import checked_axes, occupancy
from mdps.trajectories import trajectories

EXPERTS = ("policy", "law", "sample", "table")


class Game(NamedTuple):
    """A sample-space game: energies [n] and a log normalizer in nats; probability vectors sampler and data [n]."""

    energy: np.ndarray
    sampler: np.ndarray
    data: np.ndarray
    log_normalizer: Any


def random_distribution(
    rng: np.random.Generator, n: int, *, denominator: int = 12, full_support: bool = False
) -> np.ndarray:
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
    horizon: int | None,
    *,
    deterministic: bool = False,
    single_start: bool = False,
    terminal: bool = False,
    terminal_start: bool = False,
    unavailable: bool = False,
    full_support: bool = False,
    discount: Any = 1,
    final_value: bool = False,
    denominator: int = 12,
) -> MDP:
    """An exact model of the given shape and structure.

    deterministic  every row is a point mass.      single_start  one start state.
    terminal       the last state is terminal (needs two states); terminal_start: it may be a start, too.
    unavailable    some rows are zero.             full_support  every other row reaches every state.
    final_value    random logs of rationals instead of 0.

    What is not asked for may come about by chance, except that every other state has an action.
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
    first = n_states if terminal_start or not terminal or n_states == 1 else n_states - 1
    initial = np.full(n_states, fmpq(0), dtype=object)
    if single_start:
        initial[rng.integers(first)] = fmpq(1)
    else:
        initial[:first] = random_distribution(rng, first, full_support=True)
    values = random_reward(rng, (n_states,)) if final_value else 0
    return MDP(transition, initial, horizon=horizon, discount=discount, final_value=values)


def random_reward(rng: np.random.Generator, shape: Sequence[int], *, largest: int = 9) -> np.ndarray:
    """Logs of random fractions i / j with 1 <= i, j <= largest: rewards whose weights are rational."""
    weights = np.empty(tuple(shape), dtype=object)
    for index in np.ndindex(*weights.shape):
        weights[index] = Fraction(int(rng.integers(1, largest + 1)), int(rng.integers(1, largest + 1)))
    return scalars.log(weights)


def random_policy(
    rng: np.random.Generator, mdp: MDP, *, steps: bool = False, full_support: bool = True, largest: int = 9
) -> np.ndarray:
    """A policy of rational probabilities, [s, a], or [t, s, a] with `steps`.

    full_support  every available action has a positive probability; otherwise about half of them have none.
    """
    shape = (mdp.horizon or 1, *mdp.available.shape) if steps else mdp.available.shape
    available = np.broadcast_to(mdp.available, shape)
    weights = np.where(available, rng.integers(1, largest + 1, size=shape), 0)
    if not full_support:
        thinned = np.where(rng.integers(2, size=shape) == 1, weights, 0)
        weights = np.where(thinned.any(axis=-1, keepdims=True), thinned, weights)
    total = np.maximum(weights.sum(axis=-1, keepdims=True), 1)
    return scalars.convert(weights, "exact") / scalars.convert(total, "exact")


def random_expert(rng: np.random.Generator, mdp: MDP, *, axes: str = "sa", kind: str = "policy") -> np.ndarray:
    """A table of expected discounted counts over `axes`.

    kind  'policy': of a policy in this model; 'law': of a law over trajectories, which no policy may have;
          'sample': of three trajectories; 'table': any counts on the support, of the largest mass, against the flow.
    """
    if kind not in EXPERTS:
        raise InvalidArgument(f"kind of expert is {kind!r}; expected one of {', '.join(EXPERTS)}")
    horizon = checked_horizon(mdp)
    if kind == "policy":
        return occupancy(mdp, random_policy(rng, mdp, steps=True, full_support=bool(rng.integers(2))), axes=axes)
    if kind == "table":
        support = {"s": ~mdp.terminal, "sa": mdp.available, "sas": mdp.support}[checked_axes(axes)]
        table = np.full(support.shape, fmpq(0), dtype=object)
        table[support] = random_distribution(rng, int(support.sum())) * sum(mdp.discount**t for t in range(horizon))
        return table
    paths = trajectories(mdp)
    law = random_distribution(rng, len(paths), denominator=3 if kind == "sample" else 12)
    return paths.occupancy(law, axes=axes)


def random_game(
    rng: np.random.Generator, n: int, *, full_support: bool = True, extreme: bool = False, largest: int = 9
) -> Game:
    """A game on n outcomes, in exact numbers.

    full_support  sampler and data are positive everywhere; otherwise each may leave outcomes out.
    extreme       each energy is moved by +-700 nats or more, or left as it is: beyond what exp can hold in floats.
    """
    energy = -random_reward(rng, (n,), largest=largest)
    if extreme:
        nats = rng.integers(-2, 3, size=n) * rng.integers(1_010, 2_000, size=n)  # times log 2
        energy = energy + np.array([int(k) * scalars.LogRational.log(2) for k in nats], dtype=object)
    sampler, data = (random_distribution(rng, n, full_support=full_support) for _ in range(2))
    return Game(energy, sampler, data, random_reward(rng, (), largest=largest))
