"""The exact problem beneath an environment, or of a model.

Floats of a model become the rationals that they stand for (`mdps.exactness`), those of a reward the dyadic numbers that
they are. What that changed is said in the report.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from equivalence.testing.trained.numbers import ZERO
from equivalence.testing.trained.rewards import given_reward
from mdps import MDP, InvalidArgument, OutOfReach

BOOKKEEPING = ("OrderEnforcing", "PassiveEnvChecker", "Monitor", "RecordEpisodeStatistics", "RecordVideo")


class Problem(NamedTuple):
    """An exact model, an exact reward [s], [s, a] or [s, a, s'] (None if none is known), and what reading changed.

    given    the model as it came, if that is of interest
    trouble  why EPIC must not use the reward, if so
    """

    mdp: MDP
    reward: np.ndarray | None
    notes: tuple[str, ...]
    given: MDP | None = None
    trouble: str = ""


def problem(env_or_mdp: Any, reward: Any = None, *, name: str = "reward") -> Problem:
    """The exact problem of an environment that `to_gymnasium` made, or of a model.

    Errors: `InvalidArgument` says what is missing, and how to have it.
    """
    if isinstance(env_or_mdp, MDP):
        mdp, own, notes = env_or_mdp, None, ()
    else:
        bare = getattr(env_or_mdp, "unwrapped", env_or_mdp)
        mdp, own = getattr(bare, "mdp", None), getattr(bare, "reward", None)
        if not isinstance(mdp, MDP):
            raise _no_model(bare)
        wrappers = _wrappers(env_or_mdp, mdp)
        notes = (f"wrappers are not seen ({', '.join(wrappers)}): judged is the problem beneath",) if wrappers else ()
    if mdp.batch_shape:
        raise InvalidArgument(f"a stack of batch shape {mdp.batch_shape}; expected one model: mdp.at(i) takes one")
    if mdp.level not in ("float", "exact"):
        raise OutOfReach(f"the model is {mdp.level}; a verdict needs floats, which are made exact, or exact numbers")
    exact = mdp.to("exact")
    notes += exact.changes[len(mdp.changes) :]
    chosen = own if reward is None else reward
    table, trouble = (None, "") if chosen is None else given_reward(exact, chosen, name=name)
    return Problem(exact, table, notes, mdp, trouble)


def _no_model(bare: Any) -> InvalidArgument:
    kind = type(bare).__name__
    if hasattr(bare, "P"):
        return InvalidArgument(
            f"{kind} has a transition table, and neither a horizon nor a discount; expected a model or an environment "
            "made from one. mdp, reward = mdps.interop.from_gymnasium(env, horizon=..., discount=...) makes both: give "
            "the model, and reward=reward"
        )
    return InvalidArgument(
        f"{kind} has no model: expected env.unwrapped.mdp, as environments of mdps.interop.to_gymnasium(mdp, reward) "
        "have it, or an MDP. Of a vectorized environment give one of its parts"
    )


def _wrappers(env: Any, mdp: MDP) -> list[str]:
    """The names of what is around an environment, of those that act: no bookkeeping, no idle time limit."""
    names = []
    while (inner := getattr(env, "env", None)) is not None and inner is not env:
        name, limit = type(env).__name__, getattr(env, "_max_episode_steps", None)
        idle = name == "TimeLimit" and limit is not None and mdp.horizon is not None and limit >= mdp.horizon
        if name not in BOOKKEEPING and not idle:
            names.append(name)
        env = inner
    return names


def with_actions(mdp: MDP, allowed: np.ndarray) -> MDP:
    """The exact model in which only these actions [s, a] are available."""
    return replace(mdp, transition=np.where(allowed[..., None], mdp.transition, ZERO))
