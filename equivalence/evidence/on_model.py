"""Instances on somebody's model: what `equivalence verify --env` and `--model` run on.

The outcomes are the trajectories of the model. The learner's reward is drawn with rational weights, and the
environment's own is run too. The sampler is the law of a drawn policy; the data are the law of a soft-optimal policy,
of the environment's reward or of a drawn one, rounded to rational probabilities. Every level sees the same instance.
"""

from dataclasses import replace
from itertools import islice, takewhile
from typing import Any

import numpy as np
from flint import fmpq

from equivalence.claims.assumptions import reward_varies
from equivalence.claims.trajectories import trajectory_energy
from equivalence.evidence.instance import Instance
from mdps import MDP, InvalidArgument, scalars, soft_solution, trajectories, trajectory_count
from mdps.random_models import random_policy, random_reward
from mdps.trajectories import trajectory_counts

LONGEST = 50
MOST_TRAJECTORIES = 2_000
DENOMINATOR = 64


def default_horizon(mdp: MDP) -> int:
    """The largest horizon up to 50 with at most 2,000 trajectories (at least 1)."""
    counts = islice(trajectory_counts(mdp), LONGEST)
    fitting = sum(1 for _ in takewhile(lambda count: count <= MOST_TRAJECTORIES, counts))
    return max(1, fitting)


def instances_on(mdp: MDP, reward: np.ndarray | None, *, seed: int = 0) -> list[Instance]:
    """The instances on an exact model with an exact reward (or without): drawn ones, and the environment's own.

    The environment's reward r enters as r log 2, so that its weight 2^r is rational where r is a whole number. It
    shows nothing where no trajectory earns anything else than the others: `reward_varies`.
    """
    if mdp.level != "exact":
        raise InvalidArgument(f"the model is {mdp.level}; expected exact numbers: mdp.to('exact')")
    rng = np.random.default_rng(seed)
    shape = mdp.available.shape
    drawn, other = random_reward(rng, shape), random_reward(rng, shape)
    sampler = random_policy(rng, mdp)
    one, half = fmpq(1), fmpq(1, 2)
    extras = model_values(rng, mdp, trajectory_count(mdp))
    instances = []
    if reward is None:
        instances.append(_instance(mdp, drawn, other, sampler, one, f"reward drawn (seed {seed}), expert of another"))
    else:
        own = in_logs(reward)
        changes = ("the environment's reward r is taken as r·log 2, so that its weights 2^r are rational",)
        instances.append(
            _instance(mdp, drawn, own, sampler, one, f"reward drawn (seed {seed}), environment's expert", changes)
        )
        environment = _instance(mdp, own, other, sampler, one, "environment's reward, expert of a drawn one", changes)
        instances.append(replace(environment, requires=(reward_varies,)))
    warm = _instance(mdp, other, drawn, sampler, half, f"another reward drawn (seed {seed}), temperature 1/2")
    return [
        replace(made, values={**extras, **step_values(rng, mdp, made.values["reward"]), **made.values})
        for made in (*instances, warm)
    ]


def model_values(rng: np.random.Generator, mdp: MDP, n_trajectories: int) -> dict[str, Any]:
    """What some claims also ask for: features and theta, a potential, a constant, a direction of energies."""
    return {
        "features": scalars.convert(rng.integers(0, 3, size=(*mdp.available.shape, 2)), "exact"),
        "theta": random_reward(rng, (2,)),
        "potential": random_reward(rng, (mdp.n_states,)),
        "constant": random_reward(rng, (1,))[0],
        "airl_reward": random_reward(rng, mdp.available.shape),
        "noise_ratio": fmpq(int(rng.integers(1, 6)), int(rng.integers(1, 4))),
        "direction": scalars.convert(rng.integers(-2, 3, size=n_trajectories), "exact"),
    }


def step_values(rng: np.random.Generator, mdp: MDP, reward: np.ndarray) -> dict[str, Any]:
    """What claims about one step ask for: a continuation, and directions of it and of the reward."""
    return {
        "dynamics": mdp.transition,
        "discounting": fmpq(int(rng.integers(1, 10)), 10),
        "continuation": random_reward(rng, (mdp.n_states,)),
        "continuation_slope": scalars.convert(rng.integers(-2, 3, size=mdp.n_states), "exact"),
        "continuation_curvature": scalars.convert(rng.integers(-2, 3, size=mdp.n_states), "exact"),
        "reward_slope": scalars.convert(rng.integers(-2, 3, size=reward.shape), "exact"),
    }


def in_logs(reward: np.ndarray) -> np.ndarray:
    """r log 2 for a rational reward r; one that is in logs already stays."""
    log_two = scalars.LogRational.log(2)
    result = np.empty(reward.shape, dtype=object)
    for index in np.ndindex(*reward.shape):
        r = reward[index]
        result[index] = r if isinstance(r, scalars.LogRational) else log_two * r
    return result


def _instance(
    mdp: MDP,
    reward: np.ndarray,
    expert_reward: np.ndarray,
    policy: np.ndarray,
    temperature: Any,
    text: str,
    changes: tuple[str, ...] = (),
) -> Instance:
    paths = trajectories(mdp)
    expert = rounded_policy(mdp, soft_solution(mdp.to("float"), scalars.convert(expert_reward, "float")).policy)
    energy = trajectory_energy(paths, reward, temperature)
    values = {
        "mdp": mdp,
        "reward": reward,
        "temperature": temperature,
        "policy": policy,
        "energy": energy,
        "sampler": paths.law(policy),
        "data": paths.law(expert),
        "log_normalizer": scalars.log(fmpq(3, 2)),
    }
    rounded = f"the expert's policy is rounded to probabilities k/{DENOMINATOR}"
    return Instance(values, text, (*changes, rounded))


def rounded_policy(mdp: MDP, policy: np.ndarray) -> np.ndarray:
    """A float policy [t, s, a] with probabilities rounded to k / 64 that sum to 1; positive ones stay positive."""
    denominator = DENOMINATOR
    available = np.broadcast_to(mdp.available, policy.shape)
    spare = denominator - available.sum(axis=-1, keepdims=True)  # each available action has 1/64 for certain
    wanted = np.where(available, policy, 0.0) * spare
    counts = np.floor(wanted).astype(int)
    left = np.where(available.any(axis=-1), spare[..., 0] - counts.sum(axis=-1), 0)
    order = np.argsort(np.argsort(-(wanted - counts), axis=-1, kind="stable"), axis=-1, kind="stable")
    counts = counts + (order < left[..., None]) + available
    return scalars.convert(counts, "exact") / fmpq(denominator)
