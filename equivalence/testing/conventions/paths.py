"""The maximum entropy law over trajectories and the gradient of its likelihood, with their conventions as switches.

    log z_t(s) = log sum_a,s' P exp(gamma^t r / alpha) z_{t+1}(s'),   z_T = 1,   Z = sum_s rho z_0
    step_t(s, a, s') = P exp(gamma^t r / alpha) z_{t+1}(s') / z_t(s),   visits = sum_t gamma^t mu_t step_t
    gradient = (expert - visits) / alpha

The law tilts chance as well. Much code does not: it keeps the action probabilities of these messages and lets the true
dynamics move, which is neither this law nor causal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from equivalence.testing.conventions.arguments import changed_model
from equivalence.testing.conventions.output import finished
from equivalence.testing.targets import Target
from mdps import MDP, OutOfReach, scalars, trajectories
from mdps.arguments import checked_horizon


@dataclass(frozen=True)
class Paths:
    """The library's conventions; any other value is a mistake."""

    chance: str = "weighted"  # ignored, averaged, hard max, unnormalized
    visits: str = "tilted"  # of the policy
    start: str = "tilted"  # kept, log mean, uniform
    terminal: str = "ends"  # not reset, forbidden
    reward: str = "given"  # opposite, of the next state
    return_discount: str = "given"  # none, recursive, one more
    count_discount: str = "given"  # none, one more
    sweeps: str = "T"  # T+1, T-1
    steps: str = "each its own"  # first, reversed
    counted: str = "decisions"  # T+1 states, terminal too, arrivals
    temperature: str = "given"  # none, twice
    gradient: str = "divided by temperature"  # not divided, multiplied
    expert: str = "given"  # frequencies, absent
    model: str = "given"  # frequencies, mean over steps
    sign: str = "given"  # opposite
    factor: str = "one"
    shift: str = "none"
    layout: str = "given"


def paths(target: Target, c: Paths) -> Any:
    """The formula of a target of this family under the switches, from its arguments by keyword."""

    def formula(**given: Any) -> Any:
        return finished(target, (_value(target, given, c),), given, c)[0]

    return formula


def _value(target: Target, given: dict[str, Any], c: Paths) -> Any:
    if target.name == "boltzmann.law":
        return _law(given, c)
    mdp: MDP = given["mdp"]
    alpha = given.get("temperature", scalars.constant(1, mdp.initial))
    messages, exponents = _messages(given, target.layout.reward, alpha, c)
    log_total = _log_partition(mdp, messages[0], c)
    if target.name == "boltzmann.log_partition":
        return log_total
    if target.name == "maxent.log_likelihood":
        if c.expert == "absent":
            return -log_total
        expert = _frequencies(given["expert"]) if c.expert == "frequencies" else given["expert"]
        return (expert * given["reward"]).sum() / alpha - log_total
    axes = target.layout.counts if target.name == "boltzmann.occupancy" else target.layout.reward
    visits = _visits(mdp, messages, exponents, axes, log_total, c)
    if c.model == "frequencies":
        visits = _frequencies(visits)
    elif c.model == "mean over steps":
        visits = visits / mdp.horizon
    if target.name == "boltzmann.occupancy":
        return visits
    expert = _frequencies(given["expert"]) if c.expert == "frequencies" else given["expert"]
    difference = -visits if c.expert == "absent" else expert - visits
    return {"not divided": difference, "multiplied": difference * alpha}.get(c.gradient, difference / alpha)


def _frequencies(counts: np.ndarray) -> np.ndarray:
    total = counts.sum()
    if scalars.zero_mask(np.asarray(total)).any():
        raise OutOfReach("there are no visits")
    return counts / total


def _alpha(alpha: Any, c: Paths) -> Any:
    return {"none": alpha / alpha, "twice": alpha * alpha}.get(c.temperature, alpha)


def _law(given: Mapping[str, Any], c: Paths) -> np.ndarray:
    mdp: MDP = given["mdp"]
    if c.chance not in ("weighted", "ignored", "unnormalized"):
        raise OutOfReach("backups of control give no law over trajectories")
    if c.return_discount == "none":
        mdp = changed_model(mdp, discount=0 * mdp.discount + 1)
    listed = trajectories(mdp)
    returns = listed.returns(given["reward"])
    alpha = _alpha(given.get("temperature", scalars.constant(1, mdp.initial)), c)
    exponent = (-returns if c.reward == "opposite" else returns) / alpha
    if c.chance == "weighted":
        exponent = exponent + scalars.log(listed.dynamics)
    if c.chance == "unnormalized":
        return scalars.exp(exponent + scalars.log(listed.dynamics))
    return scalars.log_normalized(exponent)[1]


def _weights(given: Mapping[str, Any], axes: str, alpha: Any, c: Paths) -> np.ndarray:
    """r / alpha over [s, a, s']."""
    reward = -given["reward"] if c.reward == "opposite" else given["reward"]
    weight = reward / _alpha(alpha, c)
    if axes == "s" and c.reward == "of the next state":
        return weight[None, None, :]
    return weight[(..., *(None,) * (3 - len(axes)))]


def _messages(given: Mapping[str, Any], axes: str, alpha: Any, c: Paths) -> tuple[list[Any], list[Any]]:
    """log z_t(s), rows of all sweeps and one more, and the exponents [s, a, s'] of each step."""
    mdp: MDP = given["mdp"]
    support, p = mdp.support, mdp.transition
    zero, one = scalars.constant(0, p), scalars.constant(1, p)
    weight = _weights(given, axes, alpha, c) + np.zeros(p.shape, dtype=int)
    log_p = scalars.over(support, scalars.log, p, otherwise=zero)
    message = np.full(mdp.initial.shape, zero, dtype=p.dtype)
    messages, exponents = [message], []
    sweeps = checked_horizon(mdp) + {"T+1": 1, "T-1": -1}.get(c.sweeps, 0)
    for t in reversed(range(sweeps)):
        power = (
            one
            if c.return_discount in ("none", "recursive")
            else mdp.discount ** (t + (c.return_discount == "one more"))
        )
        exponent = power * weight + (log_p if c.chance == "weighted" else zero)
        after = mdp.discount * message if c.return_discount == "recursive" else message
        ends = np.full(mdp.initial.shape, zero, dtype=p.dtype)
        if c.terminal == "not reset":  # a loop without reward at the end, and the 1 of the end added at each sweep
            ends = np.full(mdp.initial.shape, scalars.log(one * (sweeps - t + 1)), dtype=p.dtype)
        if c.chance in ("averaged", "hard max"):
            q = (p * (power * weight + after)).sum(axis=-1)
            backup = scalars.logsumexp if c.chance == "averaged" else scalars.largest
            message = backup(q, where=mdp.available, otherwise=zero)
            exponent = q
        else:
            message = scalars.logsumexp(exponent + after, axis=(-2, -1), where=support, otherwise=zero)
        message = np.where(mdp.terminal, ends, message)
        exponents.insert(0, exponent)
        messages.insert(0, message)
    return messages, exponents


def _log_partition(mdp: MDP, message: np.ndarray, c: Paths) -> Any:
    possible = ~scalars.zero_mask(mdp.initial)
    if c.start == "log mean":
        return (mdp.initial * message).sum()
    log_rho = scalars.over(possible, scalars.log, mdp.initial, otherwise=scalars.constant(0, mdp.initial))
    if c.start == "uniform":
        return scalars.logsumexp(message)
    return scalars.logsumexp(log_rho + message, where=possible)


def _visits(mdp: MDP, messages: list[Any], exponents: list[Any], axes: str, log_total: Any, c: Paths) -> np.ndarray:
    if c.start not in ("tilted", "kept"):
        raise OutOfReach("another log Z gives no visits")
    zero, one = scalars.constant(0, mdp.initial), scalars.constant(1, mdp.initial)
    possible = ~scalars.zero_mask(mdp.initial)
    mu = mdp.initial
    if c.start == "tilted" and c.chance not in ("averaged", "hard max"):
        log_rho = scalars.over(possible, scalars.log, mdp.initial, otherwise=zero)
        mu = scalars.over(possible, lambda x: scalars.exp(x - log_total), log_rho + messages[0], otherwise=zero)
    kernels = [
        _kernel(mdp, e, here, after, c) for e, here, after in zip(exponents, messages, messages[1:], strict=False)
    ]
    if c.steps != "each its own":
        kernels = kernels[::-1] if c.steps == "reversed" else kernels[:1] * len(kernels)
    visits, states = zero * mdp.transition, zero * mdp.initial
    for t, kernel in enumerate(kernels):
        weight = one if c.count_discount == "none" else mdp.discount ** (t + (c.count_discount == "one more"))
        joint = mu[:, None, None] * kernel
        visits = visits + weight * joint
        states = states + weight * (joint.sum(axis=(0, 1)) if c.counted == "arrivals" else mu)
        mu = joint.sum(axis=(0, 1))
    if axes == "s" and c.counted != "decisions":
        last = one if c.count_discount == "none" else mdp.discount ** len(kernels)
        return states + last * mu if c.counted == "T+1 states" else states
    return visits.sum(axis=(-2, -1)) if axes == "s" else visits.sum(axis=-1) if axes == "sa" else visits


def _kernel(mdp: MDP, exponent: np.ndarray, here: np.ndarray, after: np.ndarray, c: Paths) -> np.ndarray:
    """p(a, s' | s) of a step."""
    zero, support = scalars.constant(0, mdp.initial), mdp.support
    if c.chance in ("averaged", "hard max"):
        policy = scalars.log_normalized(exponent, where=mdp.available, otherwise=zero)[1]
        return policy[..., None] * mdp.transition
    after = mdp.discount * after if c.return_discount == "recursive" else after
    step = scalars.over(
        support, lambda e, z, n: scalars.exp(e + z - n), exponent, after, here[:, None, None], otherwise=zero
    )
    return step if c.visits == "tilted" else step.sum(axis=-1, keepdims=True) * mdp.transition
