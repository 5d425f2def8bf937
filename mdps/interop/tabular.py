"""Tabular environments of seals and imitation, as models; nothing of them is imported.

Such an environment has

    transition_matrix    [s, a, s'], probability
    reward_matrix        [s], [s, a] or [s, a, s'], paid for (s_t, a_t, s_{t+1}) at each of the steps t = 0 ... T-1
    horizon              T, or None
    initial_state_dist   [s], probability

and neither a discount, which belongs to the algorithm, nor terminal states: every episode lasts T steps. Its
observations, where it has other ones than states, are not part of the model. Any object with these attributes serves.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from mdps import door, scalars
from mdps.arguments import checked_reward
from mdps.errors import InvalidArgument, InvalidModel, OutOfReach
from mdps.exactness import simplest_near
from mdps.kernels import Sparse
from mdps.model import MDP

ATTRIBUTES = ("transition_matrix", "reward_matrix", "horizon", "initial_state_dist")


class Tabular(NamedTuple):
    """What a tabular environment holds; `seals.base_envs.TabularModelMDP(**model._asdict())` is one."""

    transition_matrix: np.ndarray
    reward_matrix: np.ndarray
    horizon: int | None
    initial_state_dist: np.ndarray


def from_tabular(env: Any, *, discount: Any = 1, exact: bool = False) -> tuple[MDP, np.ndarray]:
    """The model of a tabular environment, and its reward [s], [s, a] or [s, a, s'] as it has it.

    discount  of the algorithm: the environment has none
    exact     whether floats are read as the rationals that they stand for: probabilities and the discount as by
              `mdps.exactness`, rewards as the simplest rational within 4 u |r|

    Errors: `InvalidArgument` for an object without these attributes and a reward that does not fit, `InvalidModel` for
    numbers that are no model.

    >>> from types import SimpleNamespace
    >>> stay = {"transition_matrix": np.eye(2)[:, None], "reward_matrix": np.array([0.1, 0.0])}
    >>> mdp, reward = from_tabular(SimpleNamespace(**stay, horizon=3, initial_state_dist=[0.5, 0.5]), exact=True)
    >>> mdp.horizon, reward.tolist()
    (3, [1/10, 0])
    """
    bare = env if all(hasattr(env, name) for name in ATTRIBUTES) else getattr(env, "unwrapped", env)
    missing = [name for name in ATTRIBUTES if not hasattr(bare, name)]
    if missing:
        raise InvalidArgument(
            f"an environment of type {type(env).__name__} has no {', '.join(missing)}; expected the attributes of a "
            f"tabular environment: {', '.join(ATTRIBUTES)}"
        )
    transition, gamma = door.numbers("transition_matrix", bare.transition_matrix), door.numbers("discount", discount)
    gamma = scalars.convert(gamma, "float") if transition.dtype != object else gamma
    mdp = MDP(transition, bare.initial_state_dist, horizon=bare.horizon, discount=gamma)
    if mdp.batch_shape:
        raise InvalidModel(f"transition_matrix has shape {mdp.transition.shape}; expected [s, a, s']")
    reward = checked_reward(mdp, bare.reward_matrix)
    if not exact or mdp.level != "float":
        return mdp, reward
    rationals = np.array([simplest_near(x) for x in reward.ravel().tolist()], dtype=object)
    changed = int((scalars.convert(reward.ravel(), "exact") != rationals).sum())
    model = mdp.to("exact")
    if changed:
        said = f"reward: {changed} number{'s' * (changed > 1)} read as simple rationals"
        model = replace(model, changes=(*model.changes, said))
    return model, rationals.reshape(reward.shape)


def to_tabular(mdp: MDP, reward: Any) -> Tabular:
    """The floats of a model and a reward as a tabular environment has them.

    Errors: `InvalidModel` for what such an environment does not know: terminal states, unavailable actions, a final
    value; `OutOfReach` for stacks and sparse models. The discount is left to the algorithm.
    """
    reward = checked_reward(mdp, reward)
    if mdp.batch_shape or isinstance(mdp.kernel, Sparse):
        raise OutOfReach("a tabular environment is one dense model; mdp.at(i) takes one of a stack")
    if not mdp.available.all():
        s, a = np.argwhere(~mdp.available)[0].tolist()
        raise InvalidModel(
            f"action {a} is not available in state {s}; a tabular environment has every action in every state, and no "
            "terminal states"
        )
    if not scalars.zero_mask(mdp.final_value).all():
        raise InvalidModel("the model has a final value, which a tabular environment does not pay")
    floats = mdp.to("float")
    return Tabular(floats.transition, scalars.convert(reward, "float"), mdp.horizon, floats.initial)
