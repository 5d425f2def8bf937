"""Named tiny models, in exact numbers: each is the smallest that shows what it shows.

Every function returns `(mdp, reward)`; rewards are logarithms of rational weights, so that every arithmetic can
express them. `MODELS` lists them all by name.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from mdps import scalars
from mdps.model import MDP

HALF = Fraction(1, 2)
Model = tuple[MDP, np.ndarray]

MODELS: dict[str, Callable[[], Model]] = {}


def _named(model: Callable[[], Model]) -> Callable[[], Model]:
    MODELS[model.__name__] = model
    return model


def _logs(weights: Sequence[Any]) -> np.ndarray:
    return scalars.log(np.array(weights, dtype=object))


def _moves(*targets: Sequence[int | None]) -> list[list[list[Fraction]]]:
    """Deterministic dynamics: the next state of each (s, a), None where the action is not available."""
    n_states = len(targets)
    return [[[Fraction(target == s) for s in range(n_states)] for target in row] for row in targets]


@_named
def lottery() -> Model:
    """A sure thing against a toss between a good and a bad state: M-01, M-02, M-03, M-07 need deterministic dynamics.

    In state 0 the first action stays and the second tosses a fair coin between state 1, whose visits weigh 4, and
    state 2, whose visits weigh 1/4. Trajectory MaxEnt hopes for the good one and tosses with probability 17/25; soft
    control, which cannot choose chance, sees an expected reward of 0 and tosses with 1/2.
    """
    transition: Any = [
        [[1, 0, 0], [0, HALF, HALF]],
        [[0, 1, 0], [0, 1, 0]],
        [[0, 0, 1], [0, 0, 1]],
    ]
    return MDP(transition, [1, 0, 0], horizon=2), _logs([1, 4, Fraction(1, 4)])


@_named
def fork() -> Model:
    """A deterministic choice between a poor and a rich state: where all roads agree (M-01, F-04d)."""
    return MDP(_moves([1, 2], [1, 1], [2, 2]), [1, 0, 0], horizon=2), _logs([1, 1, 3])


@_named
def discounted_fork() -> Model:
    """The fork at discount 1/2, with a choice in the rich state: the MaxEnt law is not that of the soft policy (M-15).

    The soft policy values the choice between weights 9 and 16 at sqrt(9 + 16) = 5, the MaxEnt law at
    sqrt(9) + sqrt(16) = 7: one entropy is discounted and the other is not.
    """
    return MDP(_moves([1, 2], [1, None], [2, 2]), [1, 0, 0], horizon=2, discount=HALF), _logs([[1, 1], [1, 1], [9, 16]])


@_named
def two_starts() -> Model:
    """Two start states of unequal worth: a single Z tilts the law of the start (M-13)."""
    return MDP(_moves([0], [1]), [HALF, HALF], horizon=1), _logs([1, 3])


@_named
def exit_or_stay() -> Model:
    """Leave for a terminal state or earn on: a constant added to the reward changes the policy (S-02)."""
    return MDP(_moves([0, 1], [None, None]), [1, 0], horizon=2), _logs([2, 1])


@_named
def chance_pays() -> Model:
    """One action, and the reward depends on where chance leads: optimism pays even without a future (M-03)."""
    transition: Any = [[[0, HALF, HALF]], [[0, 1, 0]], [[0, 0, 1]]]
    reward = _logs([1] * 9).reshape(3, 1, 3)
    reward[0, 0, 1:] = _logs([4, Fraction(1, 4)])
    return MDP(transition, [1, 0, 0], horizon=1), reward


@_named
def risky_path() -> Model:
    """A short way that may end in a pit, and a safe long one: conditioning on success tilts chance (M-05)."""
    transition: Any = [
        [[0, 1, 0, 0], [0, 0, HALF, HALF]],
        [[0, 0, 1, 0], [0, 0, 1, 0]],
        [[0, 0, 1, 0], [0, 0, 1, 0]],
        [[0, 0, 0, 0], [0, 0, 0, 0]],
    ]
    return MDP(transition, [1, 0, 0, 0], horizon=3, final_value=_logs([1, 1, 1, Fraction(1, 9)])), _logs([1, 1, 3, 1])


@_named
def cycle() -> Model:
    """Two states that take turns whatever one does: rewards are known up to a shaping of period two (I-03, A-12)."""
    return MDP(_moves([1, 1], [0, 0]), [1, 0], horizon=3), _logs([[1, 2], [3, 1]])


@_named
def deaf_dynamics() -> Model:
    """Transitions that do not depend on the action: nothing about state rewards can be learned (A-10)."""
    rows: Any = [[[HALF, HALF], [HALF, HALF]], [[Fraction(1, 4), Fraction(3, 4)], [Fraction(1, 4), Fraction(3, 4)]]]
    return MDP(rows, [HALF, HALF], horizon=2), _logs([2, 5])


@_named
def closed_door() -> Model:
    """An action that is not available in one state, and a state that nothing reaches (L-08)."""
    return MDP(_moves([1, None], [0, 1], [0, 2]), [1, 0, 0], horizon=3), _logs([[2, 1], [1, 3], [5, 7]])


@_named
def dead_start() -> Model:
    """Half of the starts are terminal: trajectories of no decision at all count, with their final value."""
    model = MDP(_moves([0, 0], [None, None]), [HALF, HALF], horizon=2, final_value=_logs([1, 3]))
    return model, _logs([[1, 2], [1, 1]])


@_named
def warm_up() -> Model:
    """One state, two actions, one step: soft control is a Boltzmann choice (M-17), and gradients fit in a line."""
    return MDP(_moves([0, 0]), [1], horizon=1), _logs([[1, 2]])


@_named
def noisy_walk() -> Model:
    """Two states, slippery moves and a random start: nothing special holds, so gaps show (F-19, M-09)."""
    third = Fraction(1, 3)
    rows: Any = [[[1 - third, third], [third, 1 - third]], [[third, 1 - third], [1 - third, third]]]
    return MDP(rows, [Fraction(3, 4), Fraction(1, 4)], horizon=2), _logs([[1, 2], [3, Fraction(1, 2)]])
