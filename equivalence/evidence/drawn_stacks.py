"""Stacks: a thousand instances of one shape and structure, whose numbers are drawn all at once.

A draw decides what the instances of a stack have in common: sizes, what is zero (support of dynamics, starts, policies,
laws), discount, temperature, the axes of rewards. Everything else is a quotient of small whole numbers of its own in
each instance. So each is born exact, and a stack needs one pass of a formula, whatever its size:

    stack.values        all instances at once, as arrays of `Stacked` floats with bounds on their rounding errors
    stack.instance(k)   the k-th in exact numbers

Both are completed by the same lines (energies are minus logs of weights, laws are products along trajectories), in
their own arithmetic. Claim, seed, number and index give the same instance again:
`stacks_of(claim, seed=0)[2].instance(417)`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from equivalence.claims import Claim
from equivalence.claims.trajectories import trajectory_energy
from equivalence.evidence.generated import HALF, KINDS
from equivalence.evidence.instance import Instance
from mdps import MDP, scalars, trajectories, trajectory_count
from mdps.random_models import random_model
from mdps.scalars.levels import exact_fraction
from mdps.scalars.stacked import quotients

SIZE, STACKS = 512, 8
QUICK_SIZE = 256
MOST_TRAJECTORIES = 48
MODEL = ("transition", "initial", "final_weight")


class Ratio(NamedTuple):
    """Rational numbers p / q of all instances: whole numbers [b, ...]."""

    p: np.ndarray
    q: np.ndarray

    def exact(self, index: int) -> np.ndarray:
        """The numbers of one instance, in exact arithmetic."""
        return np.asarray(np.frompyfunc(lambda p, q: fmpq(int(p), int(q)), 2, 1)(self.p[index], self.q[index]))


Complete = Callable[[Mapping[str, Any], MDP | None], dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Stack:
    """Instances that differ in their numbers alone.

    drawn     what was drawn, by name.
    frame     horizon and discount of models; None for games on finite spaces.
    complete  from drawn numbers in some arithmetic, and the model made of them, to the values of an instance.
    """

    drawn: Mapping[str, Ratio]
    frame: Mapping[str, Any] | None
    complete: Complete
    text: str

    def __len__(self) -> int:
        return len(next(iter(self.drawn.values())).p)

    def instance(self, index: int) -> Instance:
        """The instance at an index, in exact numbers."""
        drawn = {name: ratio.exact(index) for name, ratio in self.drawn.items()}
        return Instance(self.complete(drawn, self._model(drawn)), f"instance {index} of {self.text}")

    @property
    def names(self) -> set[str]:
        """What an instance holds."""
        return set(self.first.values)

    @cached_property
    def first(self) -> Instance:
        """The instance at 0; what all have in common can be read off it."""
        return self.instance(0)

    @cached_property
    def values(self) -> dict[str, Any]:
        """The values of all instances, as object arrays of `Stacked` floats."""
        drawn = {name: quotients(*ratio) for name, ratio in self.drawn.items()}
        if self.frame is None:
            return self.complete(drawn, None)
        template: MDP = self.first.values["mdp"]
        numbers = [
            (template.transition, drawn["transition"]),
            (template.initial, drawn["initial"]),
            (template.final_value, scalars.log(drawn["final_weight"])),
        ]

        def stacked(array: np.ndarray) -> np.ndarray:
            for exact, ours in numbers:
                if array is exact:
                    return np.copy(ours)
            return quotients(*_ratio(array[()], len(self)))  # the discount

        return self.complete(drawn, template.with_numbers(stacked, "carrier"))

    def _model(self, drawn: Mapping[str, Any]) -> MDP | None:
        if self.frame is None:
            return None
        transition, initial, weight = (drawn[name] for name in MODEL)
        return MDP(transition, initial, final_value=scalars.log(weight), **self.frame)


def _ratio(number: Any, size: int) -> Ratio:
    """One rational number that all instances have in common."""
    exact = exact_fraction(number)
    return Ratio(np.full(size, int(exact.p)), np.full(size, int(exact.q)))


def stacks_of(claim: Claim, *, seed: int = 0, quick: bool = False) -> list[Stack]:
    """The stacks that a claim is asked on, of the structure that its assumptions ask for; `quick` makes a small one."""
    asked = {key: value for needed in claim.assumes for key, value in needed.structure.items()}
    draw = _models if "mdp" in claim.arguments else _games
    size, count = (QUICK_SIZE, 1) if quick else (SIZE, STACKS)
    return [draw(seed, number, size, tuple(sorted(asked.items()))) for number in range(count)]


# Drawing numbers -------------------------------------------------------------------------------------------------


def _weights(rng: np.random.Generator, size: int, shape: tuple[int, ...], largest: int = 9) -> Ratio:
    """Fractions i / j with 1 <= i, j <= largest."""
    return Ratio(*rng.integers(1, largest + 1, size=(2, size, *shape)))


def _integers(rng: np.random.Generator, size: int, shape: tuple[int, ...], low: int, high: int) -> Ratio:
    drawn = rng.integers(low, high + 1, size=(size, *shape))
    return Ratio(drawn, np.ones_like(drawn))


def _probabilities(rng: np.random.Generator, size: int, support: np.ndarray, largest: int = 9) -> Ratio:
    """Rows of probabilities proportional to 1 ... largest, on a support [..., n]; rows without support are zero."""
    weight = np.where(support, rng.integers(1, largest + 1, size=(size, *support.shape)), 0)
    total = np.maximum(weight.sum(axis=-1, keepdims=True), 1)
    return Ratio(weight, np.broadcast_to(total, weight.shape))


def _some(rng: np.random.Generator, support: np.ndarray) -> np.ndarray:
    """About half of a support [..., n]; all of a row of which nothing would be left."""
    thinned = support & (rng.integers(2, size=support.shape) == 1)
    return np.where(thinned.any(axis=-1, keepdims=True), thinned, support)


def _most(rng: np.random.Generator, n: int) -> np.ndarray:
    """n outcomes without one to n / 2 of them."""
    return rng.permutation(n) >= rng.integers(1, n // 2 + 1)


# Games on finite spaces ------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _games(seed: int, number: int, size: int, asked: tuple[tuple[str, Any], ...]) -> Stack:
    rng = np.random.default_rng([seed, number])
    n = int(rng.integers(2, 6)) + number % 2
    everything = np.ones(n, dtype=bool)
    sampled = _most(rng, n) if number % 4 == 2 and "full_support" not in dict(asked) else everything
    seen = _most(rng, n) if number % 4 == 1 else everything
    drawn = {
        "weight": _weights(rng, size, (n,), largest=99 if number % 4 == 3 else 9),
        "sampler": _probabilities(rng, size, sampled),
        "data": _probabilities(rng, size, seen),
        "normalizer": _weights(rng, size, ()),
        "direction": _integers(rng, size, (n,), -3, 3),
        "noise_ratio": _weights(rng, size, (), largest=5),
    }
    missed = [f"{name} misses {k}" for name, k in (("sampler", n - sampled.sum()), ("data", n - seen.sum())) if k]
    return Stack(drawn, None, _completed_game, f"stack {number} ({', '.join([f'{n} outcomes', *missed])}; seed {seed})")


def _completed_game(drawn: Mapping[str, Any], mdp: MDP | None) -> dict[str, Any]:
    return {
        "energy": -scalars.log(drawn["weight"]),
        "sampler": drawn["sampler"],
        "data": drawn["data"],
        "log_normalizer": scalars.log(drawn["normalizer"]),
        "direction": drawn["direction"],
        "noise_ratio": drawn["noise_ratio"][()],
    }


# Models ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _models(seed: int, number: int, size: int, asked: tuple[tuple[str, Any], ...]) -> Stack:
    rng = np.random.default_rng([seed, number])
    structure = KINDS[number % len(KINDS)] | dict(asked)
    discounts = structure.pop("discounts", None)
    if discounts is not None:
        structure["discount"] = discounts[number % len(discounts)]
    mask = _small_model(rng, structure)
    n_states, n_actions = mask.available.shape
    steps = (mask.horizon or 1, n_states, n_actions)
    axes = ((n_states,), (n_states, n_actions), (n_states, n_actions, n_states))[number % 3]
    acted = _some(rng, mask.available) if number % 2 else mask.available
    final = _weights(rng, size, (n_states,))
    nothing = Ratio(np.ones_like(final.p), np.ones_like(final.p))
    drawn = {
        "transition": _probabilities(rng, size, mask.support),
        "initial": _probabilities(rng, size, ~scalars.zero_mask(mask.initial)),
        "final_weight": final if structure.get("final_value") else nothing,
        "reward": _weights(rng, size, axes),
        "policy": _probabilities(rng, size, mask.available),
        "expert": _probabilities(rng, size, np.broadcast_to(acted, steps)),
        "normalizer": _weights(rng, size, ()),
        "features": _integers(rng, size, (n_states, n_actions, 2), 0, 2),
        "theta": _weights(rng, size, (2,)),
        "potential": _weights(rng, size, (n_states,)),
        "constant": _weights(rng, size, ()),
        "direction": _integers(rng, size, (trajectory_count(mask),), -2, 2),
        "airl_reward": _weights(rng, size, (n_states, n_actions)),
        "noise_ratio": _weights(rng, size, (), largest=5),
        "dynamics": _probabilities(rng, size, mask.support),
        "discounting": _ratio(fmpq(9, 10), size),
        "continuation": _weights(rng, size, (n_states,)),
        "continuation_slope": _integers(rng, size, (n_states,), -2, 2),
        "continuation_curvature": _integers(rng, size, (n_states,), -2, 2),
        "reward_slope": _integers(rng, size, axes, -2, 2),
        "temperature": _ratio(HALF if number % 4 == 1 else 1, size),
    }
    kinds = [key.replace("_", " ") for key, value in structure.items() if value is True]
    shape = f"S={n_states}, A={n_actions}, T={mask.horizon}, discount {mask.discount}"
    text = f"stack {number} ({', '.join([shape, *kinds])}; seed {seed})"
    return Stack(drawn, {"horizon": mask.horizon, "discount": mask.discount}, _completed_model, text)


def _small_model(rng: np.random.Generator, structure: Mapping[str, Any]) -> MDP:
    """A model with few trajectories, which says what is possible in a stack."""
    while True:
        shape = int(rng.integers(2, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 4))
        mdp = random_model(rng, *shape, denominator=3, **structure)
        if 1 < trajectory_count(mdp) <= MOST_TRAJECTORIES:
            return mdp


def _completed_model(drawn: Mapping[str, Any], mdp: MDP | None) -> dict[str, Any]:
    assert mdp is not None
    paths = trajectories(mdp)
    reward, temperature = scalars.log(drawn["reward"]), drawn["temperature"][()]
    logs = {
        name: scalars.log(drawn[name]) for name in ("theta", "potential", "constant", "continuation", "airl_reward")
    }
    slopes = ("direction", "continuation_slope", "continuation_curvature", "reward_slope")
    plain = {name: drawn[name] for name in ("policy", "dynamics", "features", *slopes)}
    return {
        **logs,
        **plain,
        "mdp": mdp,
        "reward": reward,
        "temperature": temperature,
        "noise_ratio": drawn["noise_ratio"][()],
        "discounting": drawn["discounting"][()],
        "energy": trajectory_energy(paths, reward, temperature),
        "sampler": paths.law(drawn["policy"]),
        "data": paths.law(drawn["expert"]),
        "log_normalizer": scalars.log(drawn["normalizer"]),
    }
