"""What arguments of targets are drawn from: exact numbers of an instance, one argument after the other.

`Draw` serves two callers. The generator (`place` None) wants many instances of every kind: rewards are k/2 or k/3 with
|k| <= 6, some of them scaled by 10, 100 or 1000; many are 0 or +-1, so that ties are common. The cases of a field
(`place` 0, 1, ...) are few: what is free gets different numbers k / 7, so that they do not tie, and denominators of
what is not free are odd where roots of their order are taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from flint import fmpq

from equivalence.testing.targets.axes import LARGEST, LEAST, OF_A_MODEL
from mdps import MDP, marginals, occupancy, trajectory_count
from mdps.random_models import random_distribution, random_expert, random_policy

SCALES = (1, 1, 1, 1, 10, 100, 1000)
WEIGHTS = (fmpq(1), fmpq(3), fmpq(1, 2), fmpq(2))  # positive numbers beside objectives
WEIGHTS_OF_CASES = (fmpq(1), fmpq(3), fmpq(1, 3))


@dataclass
class Draw:
    """One instance that is being drawn.

    axes      of the argument that is drawn now, letters.      name  its name.
    largest   what the kinds of instances allow for |reward| or |energy|.
    n         outcomes, on a finite space.
    full      whether distributions on a space are positive everywhere; `whole` names the arguments that have to be.
    values    what was drawn before: the model as `mdp`, arguments by name.
    """

    rng: np.random.Generator
    values: dict[str, Any]
    largest: float
    place: int | None = None
    n: int = 1
    full: bool = False
    denominator: int = 12
    temperatures: Sequence[Any] = (fmpq(1),)
    whole: tuple[str, ...] = ()
    sizes: dict[str, int] = field(default_factory=dict)
    name: str = ""
    axes: str = ""

    def of(self, name: str, axes: str) -> "Draw":
        """The same draw for another argument."""
        return replace(self, name=name, axes=axes)

    @property
    def few(self) -> bool:
        """Whether it is a case of a field."""
        return self.place is not None

    @property
    def mdp(self) -> MDP:
        """The model."""
        return self.values["mdp"]

    def size(self, letter: str) -> int:
        """How long an axis is; what nothing decides is drawn once."""
        if letter in OF_A_MODEL and "mdp" in self.values:
            mdp = self.mdp
            sizes = {"s": mdp.n_states, "x": mdp.n_states, "a": mdp.n_actions}
            return sizes.get(letter, int(mdp.horizon or 1) + (letter == "h"))
        if letter == "n" and "mdp" in self.values:
            return self.sizes.setdefault("n", trajectory_count(self.mdp))
        if letter in self.sizes:
            return self.sizes[letter]
        if letter in LARGEST:
            low, high = LEAST[letter], LARGEST[letter]
            drawn = low + (self.place or 0) % (high - low + 1) if self.few else int(self.rng.integers(low, high + 1))
            return self.sizes.setdefault(letter, drawn)
        return self.n

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of its axes."""
        return tuple(map(self.size, self.axes))

    def one_of(self, options: Sequence[Any]) -> Any:
        """One of several values."""
        if self.place is not None:
            return options[self.place % len(options)]
        return options[int(self.rng.integers(len(options)))]


def numbers(draw: Draw) -> np.ndarray:
    """Rewards, energies, logits: small rationals of one scale, or different ones where they are free."""
    if draw.few:
        return _different(draw.rng, draw.shape, draw.largest)
    scales = [scale for scale in SCALES if scale <= draw.largest]
    scale = scales[draw.rng.integers(len(scales))]
    top, denominator = ((1, 1), (6, 2), (6, 3))[draw.rng.integers(3)]
    top = int(min(top, denominator * draw.largest / scale))
    return _fractions(draw.rng.integers(-top, top + 1, size=draw.shape) * scale, denominator)


def _different(rng: np.random.Generator, shape: Sequence[int], limit: float) -> np.ndarray:
    """Different numbers k / 7 with |k| <= 20, or of a larger denominator where these are too few."""
    count = int(np.prod(shape))
    denominator = next(d for d in (7, 41, 1009, 10**6) if 2 * min(20, int(limit)) * d >= 7 * count)
    most = min(3 * denominator, int(denominator * limit))
    return _fractions(rng.permutation(np.arange(-most, most + 1))[:count].reshape(shape), denominator)


def _fractions(counts: np.ndarray, denominator: int) -> np.ndarray:
    return np.asarray(np.frompyfunc(lambda k: fmpq(int(k), denominator), 1, 1)(counts), dtype=object)


def values_to_the_end(draw: Draw) -> np.ndarray:
    """Values of T+1 rows, 0 in the last one and in terminal states; without a horizon one row."""
    drawn = numbers(draw)
    if draw.mdp.horizon is not None:
        drawn[-1] = fmpq(0)
    drawn[..., draw.mdp.terminal] = fmpq(0)
    return drawn


def small_integers(draw: Draw) -> np.ndarray:
    """Whole numbers from -1 to 2: features."""
    return _fractions(draw.rng.integers(-1, 3, size=draw.shape), 1)


def below_zero(draw: Draw) -> np.ndarray:
    """Numbers below 0: costs in the domain of a regularizer."""
    return _fractions(-draw.rng.integers(1, 21, size=draw.shape), 7 if draw.few else 4)


def weight(draw: Draw) -> Any:
    """A positive number."""
    return draw.one_of(WEIGHTS_OF_CASES if draw.few else WEIGHTS)


def share(draw: Draw) -> Any:
    """A number strictly between 0 and 1."""
    return draw.one_of((fmpq(1, 3), fmpq(2, 3)) if draw.few else (fmpq(1, 2), fmpq(1, 4), fmpq(9, 10)))


def temperature(draw: Draw) -> Any:
    """One of the temperatures of the kinds."""
    return draw.one_of(draw.temperatures)


def distribution(draw: Draw) -> np.ndarray:
    """Probabilities; each row along the last axis sums to 1."""
    full = draw.full or draw.name in draw.whole
    result = np.empty(draw.shape, dtype=object)
    for row in np.ndindex(draw.shape[:-1]):
        result[row] = random_distribution(draw.rng, draw.shape[-1], denominator=draw.denominator, full_support=full)
    return result


def policy(draw: Draw) -> np.ndarray:
    """A policy, [s, a] or [t, s, a]; some leave actions out. Without a model any rows of probabilities."""
    if "mdp" not in draw.values:
        return distribution(draw)
    full = bool(draw.place % 2) if draw.place is not None else bool(draw.rng.integers(3))
    full = full or draw.name in draw.whole
    return random_policy(draw.rng, draw.mdp, steps=draw.axes == "tsa", full_support=full, largest=4)


def expert(draw: Draw) -> np.ndarray:
    """Expected discounted visits over s, sa or sax, of a policy or of none; marginals [t, s, a] are undiscounted."""
    kind = draw.one_of(("policy", "table"))
    if draw.name in draw.whole or draw.axes == "tsa" or (draw.mdp.horizon is None and kind == "policy"):
        return visits(draw)
    if draw.mdp.horizon is None:
        return any_counts(draw)
    return random_expert(draw.rng, draw.mdp, axes=draw.axes.replace("x", "s"), kind=kind)


def any_counts(draw: Draw) -> np.ndarray:
    """Discounted counts over s, sa or sax of the largest mass, against the flow, without a horizon."""
    mdp = draw.mdp
    support = {"s": ~mdp.terminal, "sa": mdp.available, "sax": mdp.support}[draw.axes]
    table = np.full(support.shape, fmpq(0), dtype=object)
    table[support] = random_distribution(draw.rng, int(support.sum())) / (1 - mdp.discount)
    return table


def visits(draw: Draw) -> np.ndarray:
    """Expected visits of a policy: discounted over s, sa or sax; marginals [t, s, a] undiscounted."""
    full = draw.name in draw.whole or bool(draw.rng.integers(2))
    steps = random_policy(draw.rng, draw.mdp, steps=draw.mdp.horizon is not None, full_support=full, largest=4)
    if draw.axes == "tsa":
        return marginals(draw.mdp, steps)
    return occupancy(draw.mdp, steps, axes=draw.axes.replace("x", "s"))


def against_the_flow(draw: Draw) -> np.ndarray:
    """Probabilities of decisions at each step [t, s, a] that no policy needs to have; 0 at unavailable actions.

    Without a horizon discounted counts.
    """
    available = draw.mdp.available
    if draw.mdp.horizon is None:
        return any_counts(draw)
    result = np.full(draw.shape, fmpq(0), dtype=object)
    for t in range(len(result)):
        result[t][available] = random_distribution(draw.rng, int(available.sum()))
    return result


def difference_of_visits(draw: Draw) -> np.ndarray:
    """Visits of a policy less those of the expert, weighted by gamma^t."""
    own, other = visits(draw), draw.values["expert"]
    if draw.axes != "tsa":
        return own - other
    powers = np.array([draw.mdp.discount**t for t in range(len(own))], dtype=object)
    return powers[:, None, None] * (own - other)


def seen_states(draw: Draw) -> np.ndarray:
    """States [i, h] of demonstrations, -1 past their ends; their actions [i, t] are drawn with them."""
    mdp, rng, horizon = draw.mdp, draw.rng, draw.size("t")
    states = np.full((draw.size("i"), horizon + 1), -1)
    actions = np.full((len(states), horizon), -1)
    starts = np.flatnonzero([x != 0 for x in mdp.initial])
    for i in range(len(states)):
        s = states[i, 0] = rng.choice(starts)
        for t in range(horizon):
            if not mdp.available[s].any():
                break
            actions[i, t] = a = rng.choice(np.flatnonzero(mdp.available[s]))
            states[i, t + 1] = s = rng.choice(np.flatnonzero(mdp.support[s, a]))
    draw.values["actions"] = actions
    return states


def seen_actions(draw: Draw) -> np.ndarray:
    """The actions that were drawn with the states."""
    return draw.values["actions"]


def counts(draw: Draw) -> np.ndarray:
    """Whole numbers of transitions [s, a, s'] that were seen, where the model goes."""
    support = draw.mdp.support
    drawn = np.where(support, draw.rng.integers(0, 4, size=support.shape), 0)
    return _fractions(drawn, 1)
