"""What claims are verified on: an environment, the model in a file, or generated instances."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from equivalence.claims import Claim
from equivalence.cli.options import environment_id
from equivalence.evidence import (
    Instance,
    Verdict,
    default_horizon,
    generated_instances,
    instances_on,
    verify_on_stacks,
)
from mdps import MDP, InvalidArgument, OutOfReach, interop, scalars, trajectory_count
from mdps.exactness import simplest_near

MOST_TRAJECTORIES = 10**6
MANY_TRAJECTORIES = 200  # from here on a second of start-up is little


class Subject(NamedTuple):
    """The instances (of all claims, or of each), where they are, and what was changed to make them.

    on_stacks  the verdicts on thousands more, from claims and levels; None where there is a model.
    """

    instances: list[Instance] | Callable[[Claim], list[Instance]]
    where: str
    changes: tuple[str, ...]
    on_stacks: Callable[..., Iterator[Verdict]] | None = None


def chosen_subject(
    env: str | None,
    model: Path | None,
    *,
    arguments: dict[str, Any],
    horizon: int | None,
    seed: int,
    quick: bool,
) -> Subject:
    """What the options ask for: an environment or a file, else generated instances."""
    if env is not None and model is not None:
        raise InvalidArgument("--env and --model are two subjects; give one of them")
    if env is not None:
        return environment(environment_id(env), arguments, horizon=horizon, seed=seed, quick=quick)
    if arguments:
        raise InvalidArgument("--env-arg is an argument of --env, which is not given")
    if model is not None:
        return file(model, horizon=horizon, seed=seed, quick=quick)
    if horizon is not None:
        raise InvalidArgument("--horizon belongs to --env or --model, and none is given")
    return generated(seed=seed, quick=quick)


def environment(name: str, arguments: dict[str, Any], *, horizon: int | None, seed: int, quick: bool) -> Subject:
    """An environment of gymnasium with a transition table; `quick` keeps one instance."""
    mdp, reward = interop.from_gymnasium(name, horizon=horizon or 1, exact=True, **arguments)
    given = ", ".join(f"{key}={value}" for key, value in arguments.items())
    name = f"{name}({given})" if given else name
    return _subject(mdp, reward, name, horizon or default_horizon(mdp), seed, quick)


def file(path: str | os.PathLike[str], *, horizon: int | None, seed: int, quick: bool) -> Subject:
    """The model in an .npz file; a horizon that is given replaces its own, and `quick` keeps one instance."""
    mdp, reward = interop.load_npz(path)
    mdp = mdp.to("exact")
    if reward is not None and reward.dtype != object:
        reward, read = _exact_reward(reward)
        mdp = replace(mdp, changes=(*mdp.changes, *read))
    name = Path(path).name
    if horizon is None and (horizon := mdp.horizon) is None:
        horizon = default_horizon(replace(mdp, horizon=1))
        without = f"horizon: {name} has none, and these claims are about finite ones; {horizon} is taken"
        mdp = replace(mdp, changes=(*mdp.changes, without))
    return _subject(mdp, reward, name, horizon, seed, quick)


def worthwhile_workers(subject: Subject) -> int:
    """How many processes to share the work: one, unless there is a model of many trajectories and a core to spare."""
    if callable(subject.instances):
        return 1
    largest = max((len(instance.values["data"]) for instance in subject.instances), default=0)
    return os.cpu_count() or 1 if largest >= MANY_TRAJECTORIES else 1


def generated(*, seed: int, quick: bool) -> Subject:
    """Small instances, named and drawn, that suit each claim, and stacks of drawn ones."""
    instances = partial(generated_instances, seed=seed, quick=quick)
    on_stacks = partial(verify_on_stacks, seed=seed, quick=quick)
    return Subject(instances, f"on generated instances (seed {seed})", (), on_stacks)


def _subject(mdp: MDP, reward: np.ndarray | None, name: str, horizon: int, seed: int, quick: bool) -> Subject:
    mdp = replace(mdp, horizon=horizon)
    count = trajectory_count(mdp)
    if count > MOST_TRAJECTORIES:
        raise OutOfReach(
            f"{name} has {count:,} trajectories at horizon {horizon}, and at most {MOST_TRAJECTORIES:,} are "
            "listed: give a shorter --horizon"
        )
    instances = instances_on(mdp, reward, seed=seed)[: 1 if quick else None]
    trajectories = "1 trajectory" if count == 1 else f"{count:,} trajectories"
    where = f"on {name}, horizon {horizon} ({trajectories})"
    changes = dict.fromkeys([*mdp.changes, *(text for made in instances for text in made.changes)])
    return Subject(instances, where, tuple(changes))


def _exact_reward(reward: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """A float reward as simple rationals, like that of an environment, and what is to be said about it."""
    exact = np.asarray(np.frompyfunc(simplest_near, 1, 1)(reward))
    changed = np.asarray(exact != scalars.convert(reward, "exact"))
    if not changed.any():
        return exact, ()
    at = tuple(int(i) for i in np.argwhere(changed)[0])
    example = f"such as {float(reward[at])!r} as {exact[at]}"
    count = "1 float was" if changed.sum() == 1 else f"{changed.sum()} floats were"
    return exact, (f"reward: {count} read as simple rationals ({example})",)
