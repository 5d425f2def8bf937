"""Environments of gymnasium (0.29 and 1.x) with a transition table as models, and models as environments.

FrozenLake, CliffWalking, Taxi and environments like them hold their dynamics as `env.unwrapped.P` and the law
of their first state as `env.unwrapped.initial_state_distrib`; `mdps.interop.tables` says what such a table
means. Wrappers are not seen: a time limit is one, and the horizon is given here instead.

The other way, `to_gymnasium` makes a model an environment to act in, see `mdps.interop.environments`.

gymnasium is an optional package, imported when an environment is asked for by its id, or made.
"""

import warnings
from functools import cache
from typing import Any

import numpy as np

from mdps.errors import InvalidArgument, InvalidModel
from mdps.interop.environments import environment_class
from mdps.interop.tables import from_table
from mdps.model import MDP


def from_gymnasium(
    env_or_id: Any,
    *,
    horizon: int | None,
    discount: Any = 1,
    exact: bool = False,
    initial: Any = None,
    **make_arguments: Any,
) -> tuple[MDP, np.ndarray]:
    """The model of an environment with a transition table, and its reward [s, a, s'].

    env_or_id  an environment, or an id such as 'FrozenLake-v1' for gymnasium.make(id, **make_arguments)
    exact      whether floats are read as the rationals that they stand for (0.333... as 1/3), which
               `changes` of the model records
    initial    [s], the law of the first state, for an environment that does not say it

    Errors: `InvalidArgument` for an id that cannot be made, an environment without a table or without a law
    of the first state, and a missing gymnasium; `InvalidModel` for a table that is no model.
    """
    env, changes = _made(env_or_id, make_arguments)
    try:
        table, law, sizes = _table(env, initial)
    finally:
        if env is not env_or_id:
            env.close()
    return from_table(table, law, horizon=horizon, discount=discount, exact=exact, changes=changes, **sizes)


def to_gymnasium(mdp: MDP, reward: Any) -> Any:
    """An environment, a `gymnasium.Env` with Discrete spaces, whose dynamics and reward are those of a model.

    reward  [s], [s, a] or [s, a, s']

    Entering a terminal state terminates an episode, the horizon truncates it; the last step also pays gamma times the
    final value. `info` holds the action mask and t. The model stays at hand, in the numbers that it was given in:
    `env.unwrapped.mdp`, `env.unwrapped.reward`; what is sampled are its floats.

    Errors: `InvalidArgument` for a stack, a reward that does not fit, and a missing gymnasium; `InvalidModel` where
    an episode may start in a terminal state; `OutOfReach` for symbols.
    """
    return _model_env(_gymnasium("to_gymnasium"))(mdp, reward)


@cache
def _model_env(gymnasium: Any) -> Any:
    return environment_class(gymnasium)


def __getattr__(name: str) -> Any:
    """`ModelEnv`, the class of `to_gymnasium`, which exists where gymnasium does."""
    if name == "ModelEnv":
        return _model_env(_gymnasium("ModelEnv"))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _gymnasium(what: str) -> Any:
    try:
        import gymnasium
    except ImportError:
        raise InvalidArgument(
            f"{what} needs gymnasium, which is not installed; install extra gym: pip install 'irl-equivalence[gym]'"
        ) from None
    return gymnasium


def _made(env_or_id: Any, arguments: dict[str, Any]) -> tuple[Any, tuple[str, ...]]:
    """The environment, and what is to be said about how its id was read."""
    if not isinstance(env_or_id, str):
        if arguments:
            raise InvalidArgument(
                f"arguments ({', '.join(arguments)}) go with an id, not with an environment already made"
            )
        return env_or_id, ()
    gymnasium = _gymnasium(f"environment {env_or_id!r}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice on versions; the one that was made is recorded below
            env = gymnasium.make(env_or_id, **arguments)
    except Exception as error:  # whatever the code of an environment raises
        reason = " ".join(str(error).split())
        if not isinstance(error, gymnasium.error.Error):
            reason = f"{type(error).__name__}: {reason}"
        raise InvalidArgument(
            f"environment {env_or_id!r} cannot be made by gymnasium {gymnasium.__version__}: {reason}"
        ) from error
    made = env.spec.id if env.spec is not None else env_or_id
    return env, (() if made == env_or_id else (f"environment {env_or_id!r} was read as {made!r}",))


def _table(env: Any, initial: Any) -> tuple[Any, Any, dict[str, int]]:
    """The table of an environment, the law of its first state, and the numbers of its states and actions."""
    bare = getattr(env, "unwrapped", env)
    name = _name(env)
    table = getattr(bare, "P", None)
    if table is None and isinstance(getattr(bare, "mdp", None), MDP):
        raise InvalidModel(f"{name} pays a final value, which no transition table says; its model is env.unwrapped.mdp")
    if table is None:
        raise InvalidArgument(
            f"{name} has no transition table: expected env.unwrapped.P, with P[s][a] a list of "
            "(probability, next_state, reward, terminated), as FrozenLake, CliffWalking and Taxi have"
        )
    if getattr(bare, "fickle_passenger", False):
        raise InvalidModel(
            f"{name} with fickle_passenger=True changes destinations outside of its table P: expected an "
            "environment whose table is its dynamics; leave fickle_passenger out"
        )
    law = getattr(bare, "initial_state_distrib", None) if initial is None else initial
    if law is None:
        raise InvalidArgument(
            f"{name} has a transition table, but not the law of its first state: expected "
            "env.unwrapped.initial_state_distrib; give it as initial=[...], one probability for each state"
        )
    spaces = {"n_states": "observation_space", "n_actions": "action_space"}
    sizes = {size: getattr(getattr(bare, space, None), "n", 0) for size, space in spaces.items()}
    return table, law, {size: int(n) for size, n in sizes.items() if isinstance(n, (int, np.integer))}


def _name(env: Any) -> str:
    spec = getattr(env, "spec", None)
    return f"environment {spec.id!r}" if spec is not None else f"an environment of type {type(env).__name__}"
