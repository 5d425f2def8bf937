"""Named tiny models, in exact numbers: each is the smallest that shows what it shows.

Every function returns `(mdp, reward)`.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from mdps import scalars
from mdps.model import MDP

HALF = Fraction(1, 2)


def lottery() -> tuple[MDP, np.ndarray]:
    """A sure thing against a coin toss between a good and a bad state.

    In state 0 the first action stays and the second tosses a fair coin between state 1, whose visits weigh 4, and
    state 2, whose visits weigh 1/4. Trajectory MaxEnt hopes for the good one and tosses with probability 17/25; soft
    control, which cannot choose chance, sees an expected reward of 0 and tosses with 1/2.
    """
    transition: Any = [
        [[1, 0, 0], [0, HALF, HALF]],
        [[0, 1, 0], [0, 1, 0]],
        [[0, 0, 1], [0, 0, 1]],
    ]
    reward = scalars.log(np.array([Fraction(1), Fraction(4), Fraction(1, 4)], dtype=object))
    return MDP(transition, [1, 0, 0], horizon=2), reward
