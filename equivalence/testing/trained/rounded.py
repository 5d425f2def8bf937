"""Rewards in floats that would be the same up to shaping in exact numbers.

Shaping that is computed in floats is off by rounding, and exact numbers are then not equal. What one rounding of each
number can change of r - k r' is at most e = u |r| + u' k |r'| at each (s, a); of its value-adjusted form, with W the
value of e under the same policy,

    |c_t(s, a)| <= e(s, a) + gamma sum_s' P(s' | s, a) W_{t+1}(s') + W_t(s)

u is 2^-24 where all numbers are those of float32, else 2^-53. Two rewards are said to be the same but for rounding if
they are within some such units, which are said, too. It is no proof, and nothing else depends on it. The final value is
taken to be 0.
Source: derived.
"""

from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from equivalence.objectives.reward_distances import counted, uniform_policy
from equivalence.testing.trained.figures import Figure, figure
from mdps import MDP, policy_value, scalars
from mdps.arguments import expected_reward
from mdps.exactness import dyadic, simplest_rational

MOST = 2.0**10  # units that are still called rounding
GUESS = fmpq(1, 2**16)  # relative: a factor is the simplest one as near as this to that of the largest entry


class Rounded(NamedTuple):
    """The canonical form is `scale` times that of the true reward, within `units` of one rounding of each number."""

    scale: Figure
    units: float


def but_for_rounding(
    mdp: MDP, learned: Any, true: Any, forms: tuple[np.ndarray, np.ndarray], policy: Any = None
) -> Rounded | None:
    """Whether a learned reward is a multiple of the true one up to shaping, within some roundings of floats.

    mdp            in exact numbers, as the rewards are
    forms, policy  value-adjusted forms of both rewards, in exact numbers or balls, and the policy that they are of
    """
    units = (_unit(learned), _unit(true))
    x, y = forms
    size = np.abs(scalars.convert(y, "float"))
    if units[0] is None or units[1] is None or not size.any():
        return None
    at = np.unravel_index(size.argmax(), size.shape)
    first, second = (dyadic(float(scalars.convert([table[at]], "float")[0])) for table in (x, y))
    factor = first / second
    if factor <= 0:
        return None
    floats, met = mdp.to("float"), counted(mdp, reached=True)
    own, theirs = (u * _size(floats, r) for u, r in zip(units, (learned, true), strict=True))
    pi = uniform_policy(floats) if policy is None else scalars.convert(policy, "float")
    for k in (simplest_rational(factor * (1 - GUESS), factor * (1 + GUESS)), factor):
        bound = _largest_change(floats, own + float(k) * theirs, pi)[met]
        gap = np.abs(scalars.convert((x - scalars.convert([k], scalars.level_of(x))[0] * y)[met], "float"))
        if (gap[bound == 0] == 0).all():
            most = float((gap[bound > 0] / bound[bound > 0]).max(initial=0.0))
            if most <= MOST:
                return Rounded(figure(k), most)
    return None


def _size(floats: MDP, reward: Any) -> np.ndarray:
    """E|r| at each available (s, a)."""
    return np.where(floats.available, expected_reward(floats, np.abs(scalars.convert(reward, "float"))), 0.0)


def _largest_change(floats: MDP, off: np.ndarray, policy: np.ndarray) -> np.ndarray:
    """What the value-adjusted form of a reward below `off` [s, a] can be, [t, s, a]."""
    values = policy_value(floats, off, policy)
    if floats.horizon is None:
        return off + floats.discount * floats.expectation(values) + values[:, None]
    later = np.stack([floats.expectation(v) for v in values[1:]])
    return off + floats.discount * later + values[:-1, :, None]


def _unit(reward: Any) -> float | None:
    """The unit roundoff of floats that a table consists of; None where it is none of floats."""
    table = np.asarray(reward, dtype=object).ravel()
    if not all(isinstance(x, fmpq) and int(x.q) & (int(x.q) - 1) == 0 for x in table):
        return None
    floats = scalars.convert(table, "float")
    with np.errstate(over="ignore", under="ignore"):
        single = floats.astype(np.float32).astype(float) == floats
    return 2.0**-24 if single.all() else 2.0**-53
