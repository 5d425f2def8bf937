"""Returns, optimal values and regret of a policy that was read, in rationals or in balls.

visits   gamma^t mu_t(s, a)
return   what is paid at each decision, and the final value where an episode is over
losses   gamma^t mu_t(s, a) (V*_t(s) - Q*_t(s, a)), which sum to the regret
soft     alpha gamma^t mu_t(s, a) (log pi_t(a | s) - log pi*_t(a | s)), which sum to the soft regret
"""

from collections.abc import Sequence
from math import lcm
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from equivalence.testing.trained import divergences
from equivalence.testing.trained.figures import Figure, figure
from equivalence.testing.trained.policies import GivenPolicy
from equivalence.testing.trained.problem import Problem
from mdps import MDP, InvalidModel, OutOfReach, marginals, occupancy, optimal_solution, scalars, soft_solution
from mdps.arguments import expected_reward
from mdps.scalars.balls import precision

LONG = 2 * 10**7  # bits of all fractions, times steps, from which on balls are taken
PRECISIONS = (256, 512, 1024, 4096)
NARROW = 2.0**-64  # radius of a regret in balls, beside 1 + |return|, at which precision is enough


class Loss(NamedTuple):
    """How much of the regret comes from a state s (at step t; None without a horizon), and which actions are best."""

    t: int | None
    s: int
    regret: Figure
    best: tuple[int, ...]


def is_long(mdp: MDP, tables: Sequence[np.ndarray] = ()) -> bool:
    """Whether fractions of T steps would take long: each step multiplies by the common denominator of all numbers."""
    if mdp.horizon is None:
        return False

    def bits(table: np.ndarray) -> int:
        return lcm(*(int(x.q) for x in table.flat)).bit_length()

    step = bits(np.asarray([mdp.discount])) + bits(mdp.transition) + sum(map(bits, tables))
    return int(mdp.support.sum()) * mdp.horizon**2 * step > LONG


def discounted_visits(mdp: MDP, pi: np.ndarray) -> np.ndarray:
    """gamma^t mu_t(s, a), [t, s, a]; or the occupancy [s, a] without a horizon."""
    if mdp.horizon is None:
        return occupancy(mdp, pi)
    weights, steps = scalars.constant(1, mdp.initial), []
    for step in marginals(mdp, pi):
        steps.append(weights * step)
        weights = weights * mdp.discount
    return np.stack(steps)


def return_of(mdp: MDP, reward: Any, visited: np.ndarray) -> Any:
    """J of discounted visits: what is paid at each decision, and the final value where an episode is over."""
    zero = scalars.constant(0, mdp.initial)
    at_once = summed(mdp.initial * mdp.final_value, mdp.terminal)
    paid = expected_reward(mdp, reward)
    ended = mdp.discount * mdp.expectation(np.where(mdp.terminal, mdp.final_value, zero))
    if mdp.horizon is None:
        return at_once + summed(visited * (paid + ended), mdp.available)
    last = mdp.discount * mdp.expectation(mdp.final_value)
    earned = np.stack([paid + ended] * (mdp.horizon - 1) + [paid + last])
    return at_once + summed(visited * earned, np.broadcast_to(mdp.available, earned.shape))


def summed(table: np.ndarray, mask: np.ndarray) -> Any:
    """The sum of the entries that the mask marks."""
    return np.where(mask, table, scalars.constant(0, table)).sum()


def optimal_values(given: Problem, mdp: MDP, reward: Any) -> tuple[np.ndarray, np.ndarray]:
    """Q* and V* in the arithmetic of the model; without a horizon by exact policy iteration, whatever it is."""
    if mdp.horizon is None or mdp.level == "exact":
        solution = optimal_solution(given.mdp, given.reward if mdp.level != "exact" else reward)
        v = scalars.convert(solution.v, mdp.level)
        q = np.where(mdp.available, solution.q, scalars.constant(0, solution.v))
        return scalars.convert(q, mdp.level), v
    r, v = expected_reward(mdp, reward), mdp.final_value
    qs, vs = [], [v]
    for _ in range(mdp.horizon):
        qs.append(r + mdp.discount * mdp.expectation(v))
        v = scalars.largest(qs[-1], where=mdp.available, otherwise=mdp.final_value)
        vs.append(v)
    return np.stack(qs[::-1]), np.stack(vs[::-1])


def worst_return(given: Problem, mdp: MDP, reward: Any) -> Any:
    """The smallest return; None where there is none, since a policy can lose for ever."""
    assert given.reward is not None
    negated = given._replace(mdp=given.mdp.with_final_value(-given.mdp.final_value), reward=-given.reward)
    try:
        _, v = optimal_values(negated, mdp.with_final_value(-mdp.final_value), -reward)
    except (InvalidModel, OutOfReach):
        return None
    return -summed(mdp.initial * (v if mdp.horizon is None else v[0]), ~scalars.zero_mask(mdp.initial))


def losses(
    given: Problem, policy: GivenPolicy, mdp: MDP, visited: np.ndarray, q: np.ndarray, v: np.ndarray
) -> tuple[Loss, ...]:
    """gamma^t mu_t(s, a) (V*_t(s) - Q*_t(s, a)), summed over actions, where it is not 0; the largest first."""
    zero = scalars.constant(0, mdp.initial)
    now = v if mdp.horizon is None else v[:-1]
    behind = np.where(mdp.available, now[..., None] - q, zero)
    met = divergences.reached_pairs(given.mdp, policy.support)
    best = mdp.available & ~np.asarray(behind > 0, dtype=bool)
    lost = np.where(met & ~best, visited * behind, zero).sum(axis=-1)
    found = []
    for at in np.argwhere((met & ~best).any(axis=-1)).tolist():
        t, s = (None, at[0]) if mdp.horizon is None else at
        found.append(Loss(t, s, figure(lost[tuple(at)]), tuple(np.flatnonzero(best[tuple(at)]).tolist())))
    return tuple(sorted(found, key=lambda loss: -loss.regret.value))


def soft_figures(given: Problem, policy: GivenPolicy, temperature: Any) -> dict[str, Figure]:
    """The soft return of the policy, the best one, and the soft regret, in balls."""
    for bits in PRECISIONS:
        with precision(bits):
            mdp, reward = given.mdp.to("ball"), scalars.convert(given.reward, "ball")
            alpha = scalars.convert([temperature], "ball")[0]
            try:
                solution = soft_solution(mdp, reward, temperature=alpha)
                pi = policy.in_balls()
                visited = discounted_visits(mdp, pi)
            except OutOfReach:
                if bits == PRECISIONS[-1]:
                    raise
                continue
            met = divergences.reached_pairs(given.mdp, policy.support)
            now = solution.v if mdp.horizon is None else solution.v[:-1]
            taken = [np.broadcast_to(x, met.shape)[met] for x in (visited, pi, solution.q, now[..., None])]
            entropy = -sum((w * p.log() for w, p, _, _ in zip(*taken, strict=True)), arb(0))
            lost = sum((w * (alpha * p.log() - q + v) for w, p, q, v in zip(*taken, strict=True)), arb(0))
            soft_value = return_of(mdp, reward, visited) + alpha * entropy
            first = solution.v if mdp.horizon is None else solution.v[0]
            best = summed(mdp.initial * first, ~scalars.zero_mask(mdp.initial))
            figures = {"soft_value": figure(soft_value), "soft_best": figure(best), "soft_regret": figure(lost)}
            if figures["soft_regret"].radius <= NARROW * (1 + abs(figures["soft_value"].value)):
                return figures
    raise OutOfReach(f"the soft regret is not known within {NARROW} of the return at {PRECISIONS[-1]} bits")
