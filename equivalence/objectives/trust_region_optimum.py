"""The fixed point of trust-region inverse reinforcement learning, with a bound on what is left.

r* = beta log(n_E / n_{pi*}) is where G is least, see `trust_region`. From any reward, conjugate gradients lead there,
preconditioned by delta = beta (log n - log q) in place of the gradient n - q:

    p     <-  -delta + b p,        b = max(0, <n - q of now, delta - delta before> / <n - q, delta before>)
    r     <-  r + s p,             s between points at which the slope <n - q, p> of G has two signs, or small enough

G is convex, so as long as the slope at the new reward is not positive G has fallen, at each step, without a look at G,
whose differences rounding hides near the optimum. Left is, by KL(n || n*) <= KL(n || q) <= J and Pinsker's inequality,

    J        = KL(n || q) + KL(q || n) = sum (n - q) (log n - log q)
    G(r) - G(r*)  <=  beta J,          sum |n - n*| / 2  <=  sqrt(J / 2)

up to the rounding of n and q: `trust_region.gap` in balls at the reward found is a proof.
Source: diwan2026; nocedal2006.
"""

from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives.tilted_expert import State, delta, positive, solved
from mdps import MDP, InvalidArgument, OutOfReach
from mdps.arguments import checked_reward

MOST_STEPS = 10_000
PATIENCE = 50  # steps without a smaller J, after which rounding is taken to be all that is left
MOST_TRIALS = 30  # of the length of a step
ENOUGH = 0.25  # of the slope may be left when a length is accepted


class FixedPoint(NamedTuple):
    """Reward r with sum n_E exp(-r / beta) = 1, its policy, and its normalized occupancy n in the shape of r.

    gap    bound on G(r) - G(r*), in the unit of reward.
    error  bound on the total variation of n from the occupancy of the optimum.
    steps  how many were taken.
    """

    reward: np.ndarray
    policy: np.ndarray
    occupancy: np.ndarray
    gap: float
    error: float
    steps: int


def fixed_point(
    mdp: MDP, expert: Any, *, kl_weight: Any, temperature: Any = 1, start: Any = None, accuracy: float = 1e-9
) -> FixedPoint:
    """The reward whose soft-optimal policy maximizes alpha H(pi) / M - beta KL(n_pi || n_E), in floats.

    expert    expected discounted counts [s, a] (or [s], [s, a, s']), positive exactly where policies go.
    start     a reward in its shape; 0 by default.
    accuracy  the largest `error` that is accepted.

    Errors: `OutOfReach` for other numbers than floats, and where the accuracy is not met: temperature and weight then
    differ by too many orders of magnitude. `InvalidArgument` as `trust_region.dual`.

    >>> import numpy as np
    >>> stay = MDP(np.ones((1, 2, 1)), [1.0], horizon=None, discount=0.5)
    >>> fixed_point(stay, [[0.5, 1.5]], kl_weight=1.0).occupancy  # between 1/4 : 3/4 and 1/2 : 1/2, in logs
    array([[0.3660254, 0.6339746]])
    """
    if mdp.level != "float":
        raise OutOfReach("the fixed point is found in floats; trust_region.gap in balls certifies what they find")
    if mdp.batch_shape:
        raise InvalidArgument(f"the model is a stack of shape {mdp.batch_shape}; fixed points are of one at a time")
    if not accuracy > 0:
        raise InvalidArgument(f"accuracy is {accuracy}; expected a positive number")
    weight = positive("kl_weight", kl_weight, mdp.level)
    alpha = positive("temperature", temperature, mdp.level)
    reward = checked_reward(mdp, np.zeros(np.shape(expert)) if start is None else start)

    def state_at(reward: np.ndarray) -> State:
        return solved(mdp, reward, expert, kl_weight=weight, temperature=alpha)

    here = state_at(reward)
    slopes, steepest = here.occupancy - here.tilted, delta(weight, here)
    along, length, left, least, found_at = -steepest, np.inf, np.inf, np.inf, 0
    for step in range(MOST_STEPS):
        left = float((slopes * steepest).sum()) / weight
        if left < least:
            least, found_at = left, step
        elif step > found_at + PATIENCE:
            break
        error = float(np.sqrt(max(left, 0.0) / 2))
        if error <= accuracy:
            reward = reward + np.where(here.reached, weight * here.log_total, 0.0)
            return FixedPoint(reward, here.policy, here.occupancy, weight * max(left, 0.0), error, step)
        if (slopes * along).sum() >= 0:
            along = -steepest
        # No exponent moves by more than some nats at the first trial, where soft policies are about linear.
        farthest = 4 * min(alpha, weight) / np.abs(along).max()
        found = _moved(state_at, reward, along, (slopes * along).sum(), min(1.0, farthest, 4 * length))
        if found is None:
            break
        length, reward, here = found
        before, before_slopes = steepest, slopes
        slopes, steepest = here.occupancy - here.tilted, delta(weight, here)
        turn = (slopes * (steepest - before)).sum() / (before_slopes * before).sum()
        along = -steepest + max(0.0, turn) * along
    raise OutOfReach(
        f"the optimum is known within {np.sqrt(max(least, 0.0) / 2):.1e} in total variation, not within "
        f"{accuracy:.1e}; accept a larger error, or take a larger temperature or a smaller weight"
    )


def _moved(
    state_at: Any, reward: np.ndarray, along: np.ndarray, slope: float, length: float
) -> tuple[float, np.ndarray, State] | None:
    """A length at which the slope is down to a part of what it was, by false position; None where there is none."""
    low, high, slope_low, slope_high = 0.0, np.inf, slope, np.inf
    best = None
    for _ in range(MOST_TRIALS):
        moved = reward + length * along
        try:
            state = state_at(moved)
        except OutOfReach:  # an occupancy underflows so far away
            high, slope_high = length, np.inf
            length = (low + high) / 2
            continue
        here = float(((state.occupancy - state.tilted) * along).sum())
        if here <= 0:
            best, low, slope_low = (length, moved, state), length, here
        else:
            high, slope_high = length, here
        if abs(here) <= ENOUGH * abs(slope):
            return length, moved, state
        if np.isinf(high):
            length = 4 * length
        elif np.isinf(slope_high):
            length = (low + high) / 2
        else:
            share = slope_low / (slope_low - slope_high)
            length = low + (high - low) * min(max(share, 0.05), 0.95)
    return best
