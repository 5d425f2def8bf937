"""How far two float computations of soft control may differ: bounds that are derived, in units of u = 2^-53.

Let a row of P have at most k entries, |r| <= R, final value 0, alpha = gamma = 1, and

    M = R + T (R + log A),

which bounds |r| + |V_t| and |Q_t|. To first order in u, whatever the order of summation:

* Q_t sums k products and r, at most k + 1 roundings of terms of absolute sum M; V_{t+1} enters with weights that sum
  to 1. So |error of Q_t| <= |error of V_{t+1}| + (k + 1) M u.
* V_t is 1-Lipschitz in Q_t in the largest norm. Its own roundings: the shifted exponents, 2 M; exponentials of 2 u
  and a sum of A positive terms, A + 1; the log, 2 (1 + log A); the shift added back, M. All are within 3 M + 3 A + 2.

So an error of V grows by c u a step, c = (k + 4) M + 3 A + 2, and with n = T - t steps to go

    |error of V_t|, |error of Q_t|  <=  n c u              relative error of pi_t  <=  (2 n + 1) c u

since pi_t = exp(Q_t - V_t), with no more roundings of its own than a step of V has. All terms of a marginal are
positive, so relative errors only add up. With at most d entries in a column of P (and two products),

    relative error of mu_t+1(s')  <=  that of mu_t + that of pi_t + (d + 1) u,

and of the occupancy, T terms,  <=  u (T (T + 2) c + T (d + 3)). The bounds are some thousand times what happens, as
forward bounds are; what they do not allow is a mistake.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mdps import MDP
from mdps.scalars.rounding import Tape

U = 2.0**-53


class Bounds(NamedTuple):
    """Absolute for q and v, relative for policy and occupancy."""

    value: float
    policy: float
    occupancy: float


def bounds(largest_reward: float, n_actions: int, horizon: int, *, in_row: int, in_column: int) -> Bounds:
    """The bounds above, at t = 0 where they are largest."""
    magnitude = largest_reward + horizon * (largest_reward + math.log(n_actions))
    step = (in_row + 4) * magnitude + 3 * n_actions + 2
    return Bounds(
        value=horizon * step * U,
        policy=(2 * horizon + 1) * step * U,
        occupancy=(horizon * (horizon + 2) * step + horizon * (in_column + 3)) * U,
    )


def assert_close(ours: np.ndarray, theirs: np.ndarray, allowed: np.ndarray | float, what: str) -> None:
    """Each of two computations may be off by `allowed`, so they may differ by twice that."""
    difference = np.abs(ours - theirs)
    within = difference <= 2 * np.asarray(allowed)
    largest = np.max(difference, where=~within, initial=0.0)
    assert within.all(), f"{what}: they differ by {largest:.3g}, allowed was {2 * np.max(allowed):.3g}"


def node_wise_bound(function: Callable[..., np.ndarray], mdp: MDP, *arrays: np.ndarray) -> np.ndarray:
    """The far sharper bound of `mdps.scalars.rounding` on function(mdp, *arrays), for small dense float models."""
    tape = Tape()

    def recorded(numbers: np.ndarray) -> np.ndarray:
        return tape.leaves(numbers, exact=True)

    return tape.bound(function(mdp.with_numbers(recorded, "carrier"), *map(recorded, arrays)))
