"""Instances for claims about no model in particular: named ones, and drawn ones that are built to meet the assumptions.

A claim about a finite space gets the games of `equivalence.claims.games` and drawn ones; a claim about an MDP gets the
models of `mdps.gallery` and drawn ones whose structure its assumptions ask for (`Assumption.structure`). Named models
that do not meet an assumption are left out here: they are its witnesses.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from flint import fmpq

from equivalence.claims import Claim, games
from equivalence.claims.trajectories import trajectory_energy
from equivalence.evidence.instance import Instance
from equivalence.evidence.on_model import model_values, step_values
from mdps import MDP, OutOfReach, gallery, scalars, trajectories
from mdps.random_models import random_distribution, random_model, random_policy, random_reward

DRAWN = 4
HALF = fmpq(1, 2)
# What drawn models vary in, one kind a draw; what the assumptions of a claim ask for goes before it.
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"terminal": True, "final_value": True},
    {"unavailable": True, "single_start": True},
    {"discount": HALF, "final_value": True},
)


def generated_instances(claim: Claim, *, seed: int = 0, quick: bool = False) -> list[Instance]:
    """Named and drawn instances of what the claim is about; `quick` keeps one of each."""
    rng = np.random.default_rng(seed)
    about_model = "mdp" in claim.arguments
    named = _named_models(rng) if about_model else _named_games()
    drawn = _drawn_models(claim, rng, seed) if about_model else _drawn_games(rng, seed)
    suitable = [instance for instance in named if _meets(instance, claim)]
    made = list(drawn)
    return suitable[:1] + made[:1] if quick else suitable + made


def _meets(instance: Instance, claim: Claim) -> bool:
    try:
        return instance.meeting(claim).unmet(claim) is None
    except OutOfReach:
        return False


def _named_games() -> Iterator[Instance]:
    makers: tuple[Callable[[], dict[str, Any]], ...] = (games.coin, games.die, games.half_covered)
    for make in makers:
        yield Instance(make(), make.__name__.replace("_", " "))


def _drawn_games(rng: np.random.Generator, seed: int) -> Iterator[Instance]:
    for k in range(DRAWN):
        n = int(rng.integers(2, 7))
        values = {
            "energy": -random_reward(rng, (n,), largest=99),
            "sampler": random_distribution(rng, n, denominator=97, full_support=True),
            "data": random_distribution(rng, n, denominator=60, full_support=k % 2 == 0),
            "log_normalizer": random_reward(rng, (1,))[0],
            "direction": scalars.convert(rng.integers(-3, 4, size=n), "exact"),
            "noise_ratio": fmpq(int(rng.integers(1, 6)), int(rng.integers(1, 4))),
        }
        yield Instance(values, f"drawn space {k} of {n} outcomes (seed {seed})")


def _named_models(rng: np.random.Generator) -> Iterator[Instance]:
    for name, make in gallery.MODELS.items():
        mdp, reward = make()
        yield Instance(_values(rng, mdp, reward, fmpq(1)), name.replace("_", " "))


def _drawn_models(claim: Claim, rng: np.random.Generator, seed: int) -> Iterator[Instance]:
    asked = {key: value for needed in claim.assumes for key, value in needed.structure.items()}
    discounts = asked.pop("discounts", None)
    for k, kind in enumerate(KINDS):
        structure = {**kind, **asked}
        if discounts is not None:
            structure["discount"] = discounts[k % len(discounts)]
        shape = int(rng.integers(2, 4)), int(rng.integers(1, 3)), int(rng.integers(1, 4))
        mdp = random_model(rng, *shape, denominator=6, **structure)
        n_states, n_actions = mdp.available.shape
        axes = ((n_states,), (n_states, n_actions), (n_states, n_actions, n_states))[k % 3]
        temperature = HALF if k == 1 else fmpq(1)
        # With weights that are powers, exp(gamma^t r) is rational: more of what is drawn is in the reach of `exact`.
        whole = int(mdp.discount.q) ** shape[2]
        mdp = mdp.with_final_value(whole * mdp.final_value)
        kinds = ", ".join(key for key, value in structure.items() if value is True) or "no structure"
        text = (
            f"drawn model {k} (S={shape[0]}, A={shape[1]}, T={shape[2]}, discount {mdp.discount}, {kinds}; seed {seed})"
        )
        yield Instance(_values(rng, mdp, whole * random_reward(rng, axes), temperature), text)


def _values(rng: np.random.Generator, mdp: MDP, reward: np.ndarray, temperature: Any) -> dict[str, Any]:
    paths = trajectories(mdp)
    data = paths.law(random_policy(rng, mdp, steps=True))
    values = model_values(rng, mdp, len(paths))
    return (
        values
        | step_values(rng, mdp, reward)
        | {
            "mdp": mdp,
            "reward": reward,
            "temperature": temperature,
            "policy": (policy := random_policy(rng, mdp)),
            "energy": trajectory_energy(paths, reward, temperature),
            "sampler": paths.law(policy),
            "data": data,
            "log_normalizer": scalars.log(fmpq(3, 2)),
        }
    )
