"""A model as an environment to act in, for code that learns from samples.

An episode draws s_0 from rho, then s_{t+1} from P(. | s_t, a_t), and pays

    r_t = r(s_t, a_t, s_{t+1}) + [the episode is over at t + 1] gamma f(s_{t+1}),

so that sum_t gamma^t r_t is the return of the trajectory, final value included, as `mdps.trajectories` has it.

    terminated   s_{t+1} is terminal
    truncated    t + 1 is the horizon, and s_{t+1} is not terminal

The horizon is the end of the problem, not a limit on time: an agent that bootstraps from a value of s_{t+1} where it is
truncated counts what follows, which here is worth f alone and has been paid. The observation is the state alone, while
optimal policies of a finite horizon also depend on `info["t"]`. The discount is the agent's business and in `env.mdp`.

`info["action_mask"]` is 1 for available actions, as in Gymnasium's Taxi; an action that is not available is an error,
since the model says nothing about it. So Gymnasium's `check_env`, which samples actions without a mask, passes for
models in which every action is available; and it takes truncation after one step for a fault, so not with horizon 1.

The base class is given, so that nothing is imported here.
"""

import copy
from typing import Any

import numpy as np

from mdps import scalars
from mdps.arguments import checked_reward, reward_axes
from mdps.errors import InvalidArgument, InvalidModel, OutOfReach
from mdps.interop.tables import to_table
from mdps.kernels import Sparse
from mdps.model import MDP

SAMPLED = ("float", "ball", "exact")
SHARED = ("mdp", "reward", "spec", "_model", "_paid", "_rows")  # read-only, and balls cannot be copied


def checked_problem(mdp: MDP, reward: Any) -> np.ndarray:
    """The reward of a model that an environment can show: one model, of numbers, whose episodes have a decision."""
    if mdp.batch_shape:
        raise InvalidArgument(f"a stack of batch shape {mdp.batch_shape}; expected one model: mdp.at(i) takes one")
    if mdp.level not in SAMPLED:
        raise OutOfReach(f"the model is {mdp.level}; an environment needs numbers: floats, balls or exact ones")
    reward = checked_reward(mdp, reward)
    over = mdp.terminal & ~scalars.zero_mask(mdp.initial)
    if over.any():
        raise InvalidModel(
            f"episodes may start in state {int(np.flatnonzero(over)[0])}, which is terminal: an environment has no "
            "episode without a step; take another initial law"
        )
    return reward


def environment_class(gymnasium: Any) -> Any:
    """The class of environments that show a model, over `gymnasium.Env`."""

    class ModelEnv(gymnasium.Env):
        """A finite MDP and a reward as an environment; see `mdps.interop.environments`.

        mdp, reward            the model and its reward, exactly as they were given
        P                      the transition table, in floats; there is none where a final value is paid
        initial_state_distrib  [s], the law of the first state, in floats
        """

        metadata: Any = {"render_modes": []}  # noqa: RUF012

        def __init__(self, mdp: MDP, reward: Any) -> None:
            self.mdp = mdp
            self.reward = checked_problem(mdp, reward)
            self.observation_space = gymnasium.spaces.Discrete(mdp.n_states)
            self.action_space = gymnasium.spaces.Discrete(mdp.n_actions)
            self.render_mode = None
            self.spec = gymnasium.envs.registration.EnvSpec(
                id="mdps/Model-v0", entry_point=lambda **_: type(self)(mdp, reward)
            )
            self._model = mdp.to("float")
            self._paid = scalars.convert(self.reward, "float")
            self._axes = reward_axes(mdp, self.reward)
            self._rows: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
            self._state: int | None = None
            self._t = 0

        def __deepcopy__(self, memo: dict[int, Any]) -> Any:
            other = object.__new__(type(self))
            for name, value in vars(self).items():
                setattr(other, name, value if name in SHARED else copy.deepcopy(value, memo))
            return other

        @property
        def P(self) -> dict[int, dict[int, list[tuple[float, int, float, bool]]]]:
            if not hasattr(self, "_table"):
                try:
                    self._table = to_table(self._model, self._paid)
                except (InvalidModel, OutOfReach) as error:
                    raise AttributeError(str(error)) from None
            return self._table

        @property
        def initial_state_distrib(self) -> np.ndarray:
            return self._model.initial

        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict]:
            super().reset(seed=seed)
            if options:
                raise InvalidArgument(f"options {options!r} are not known; expected none")
            self._t = 0
            self._state = self._drawn(*_support(self._model.initial))
            return self._state, self._info(self._state)

        def step(self, action: Any) -> tuple[int, float, bool, bool, dict]:
            if self._state is None:
                raise gymnasium.error.ResetNeeded("no episode is under way; call reset() first")
            state, chosen = self._state, self._checked(action)
            following = self._drawn(*self._row(state, chosen))
            self._t += 1
            terminated = bool(self._model.terminal[following])
            truncated = not terminated and self._t == self.mdp.horizon
            paid = self._paid[(state, chosen, following)[: len(self._axes)]]
            if terminated or truncated:
                paid = paid + self._model.discount * self._model.final_value[following]
            self._state = None if terminated or truncated else following
            return following, float(paid), terminated, truncated, self._info(following)

        def _checked(self, action: Any) -> int:
            if not self.action_space.contains(action):
                raise InvalidArgument(f"action is {action!r}; expected a whole number below {self.mdp.n_actions}")
            chosen, available = int(action), self.mdp.available[self._state]
            if not available[chosen]:
                raise InvalidArgument(
                    f"action {chosen} is not available in state {self._state}; expected one of "
                    f"{np.flatnonzero(available).tolist()}, which info['action_mask'] marks"
                )
            return chosen

        def _row(self, state: int, action: int) -> tuple[np.ndarray, np.ndarray]:
            place = state, action
            if place not in self._rows:
                if isinstance(self._model.kernel, Sparse):
                    row = self._model.transition[[state * self.mdp.n_actions + action]].toarray()[0]
                else:
                    row = self._model.transition[place]
                self._rows[place] = _support(row)
            return self._rows[place]

        def _drawn(self, outcomes: np.ndarray, cumulated: np.ndarray) -> int:
            """The first outcome whose cumulated probability exceeds a uniform number; rounding of the sum is scaled."""
            at = int(np.searchsorted(cumulated, self.np_random.random() * cumulated[-1], side="right"))
            return int(outcomes[min(at, len(outcomes) - 1)])

        def _info(self, state: int) -> dict[str, Any]:
            return {"action_mask": self.mdp.available[state].astype(np.int8), "t": self._t}

    ModelEnv.__module__, ModelEnv.__qualname__ = "mdps.interop.gymnasium", "ModelEnv"
    return ModelEnv


def _support(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    outcomes = np.flatnonzero(row)
    return outcomes, np.cumsum(row[outcomes])
