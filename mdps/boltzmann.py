"""The maximum entropy law over trajectories (Boltzmann law of the return).

    p(tau) = rho(s_0) prod_t P(s_{t+1} | s_t, a_t) exp(R(tau) / alpha) / Z

The density relative to rho prod P is exp(R / alpha) / Z, so this is the law of largest entropy relative to the
dynamics among those of its expected return. It is what Finn et al. call the trajectory model p_theta. Where dynamics
are stochastic no policy has this law: it also tilts chance, P(s' | s, a) exp(V(s')) / sum, and is optimistic. There
are two roads, and they share no code: the list of all trajectories (`law`), and messages,

    log z_T(s) = gamma^T f(s) / alpha,
    log z_t(s) = log sum_a,s' P(s' | s, a) exp(gamma^t r(s, a, s') / alpha) z_{t+1}(s'),    Z = sum_s rho(s) z_0(s),

forward through which flow the marginals (`occupancy`). alpha log z_t is the optimistic value; a terminal state has
log z_t = gamma^t f / alpha.
Source: ziebart2008; finn2016; levine2018.
"""

from typing import Any, NamedTuple

import numpy as np

from mdps import scalars
from mdps.arguments import checked_horizon, checked_reward, checked_temperature, reward_axes
from mdps.errors import OutOfReach
from mdps.kernels import Sparse
from mdps.model import MDP
from mdps.occupancy import checked_axes
from mdps.stacks import in_chunks
from mdps.trajectories import Trajectories, trajectories


def log_partition(mdp: MDP, reward: Any, *, temperature: Any = 1) -> Any:
    """log Z in nats, by messages; one number for each model of a stack."""

    def solve(mdp: MDP, reward: np.ndarray) -> Any:
        messages, _ = _messages(mdp, reward, temperature)
        return _log_partition(mdp, messages)

    return in_chunks(solve, mdp, checked_reward(mdp, reward))


def law(mdp: MDP | Trajectories, reward: Any, *, temperature: Any = 1) -> np.ndarray:
    """p(tau) for every trajectory [n], in the order of `trajectories(mdp)`, by listing them all.

    >>> from mdps import gallery, trajectories
    >>> mdp, reward = gallery.lottery()
    >>> paths = trajectories(mdp)
    >>> paths.marginals(law(paths, reward))[0, 0]
    array([8/25, 17/25], dtype=object)
    """
    paths = mdp if isinstance(mdp, Trajectories) else trajectories(mdp)
    alpha = checked_temperature(temperature, paths.mdp.level)
    log_weight = scalars.log(paths.dynamics) + paths.returns(reward) / alpha
    return scalars.log_normalized(log_weight, overwrite=True)[1]


class TiltedKernel(NamedTuple):
    """The MaxEnt law as a Markov chain: initial [..., s], and steps [..., s, a, s'] for t = 0 ... T-1.

    steps[t][s, a, s'] = p(a_t = a, s_{t+1} = s' | s_t = s) = P(s' | s, a) exp(gamma^t r / alpha) z_{t+1}(s') / z_t(s).
    """

    initial: np.ndarray
    steps: list[np.ndarray]


def tilted_kernel(mdp: MDP, reward: Any, *, temperature: Any = 1) -> TiltedKernel:
    """The law p(tau) factored forward in time: where it starts, and what it chooses, for itself and for chance."""
    messages, exponents = _messages(mdp, reward, temperature)
    support = _support(mdp)
    zero = scalars.constant(0, mdp.initial)

    def tilted(log_prior: np.ndarray, message: np.ndarray, log_total: np.ndarray) -> np.ndarray:
        return scalars.exp(log_prior + message - log_total)

    log_total = np.asarray(_log_partition(mdp, messages))[..., None]
    possible = ~scalars.zero_mask(mdp.initial)
    initial = scalars.over(possible, tilted, scalars.log(mdp.initial), messages[0], log_total, otherwise=zero)
    steps = [
        scalars.over(support, tilted, exponent, after[..., None, None, :], here[..., :, None, None], otherwise=zero)
        for exponent, here, after in zip(exponents, messages, messages[1:], strict=False)
    ]
    return TiltedKernel(initial, steps)


def occupancy(mdp: MDP, reward: Any, *, temperature: Any = 1, axes: str = "sa") -> np.ndarray:
    """Discounted expected visits under p(tau), by messages; over `axes` 's', 'sa' (default) or 'sas'."""
    checked_axes(axes)
    summed = {"s": (-2, -1), "sa": (-1,), "sas": ()}[axes]

    def solve(mdp: MDP, reward: np.ndarray) -> np.ndarray:
        mu, steps = tilted_kernel(mdp, reward, temperature=temperature)
        zero = scalars.constant(0, mdp.initial)
        visits: Any = zero
        weight: Any = 1
        for step in steps:
            joint = mu[..., :, None, None] * step
            visits = visits + weight * joint
            weight = weight * mdp.discount
            mu = joint.sum(axis=(-3, -2)) + np.where(mdp.terminal, mu, zero)
        return visits.sum(axis=summed) if summed else visits

    return in_chunks(solve, mdp, checked_reward(mdp, reward))


def log_messages(mdp: MDP, reward: Any, *, temperature: Any = 1) -> np.ndarray:
    """log z_t(s), [..., t, s] of T+1 rows: the log weight of all that can follow s at t."""

    def solve(mdp: MDP, reward: np.ndarray) -> list[np.ndarray]:
        return _messages(mdp, reward, temperature)[0]

    return in_chunks(solve, mdp, checked_reward(mdp, reward))


def _log_partition(mdp: MDP, messages: list[np.ndarray]) -> Any:
    possible = ~scalars.zero_mask(mdp.initial)
    return scalars.logsumexp(scalars.log(mdp.initial) + messages[0], where=possible)


def _messages(mdp: MDP, reward: Any, temperature: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """log z_0 ... log z_T [s], and the exponents log P + gamma^t r / alpha [s, a, s'] of steps 0 ... T-1."""
    horizon = checked_horizon(mdp)
    reward = checked_reward(mdp, reward)
    alpha = checked_temperature(temperature, mdp.level)
    support = _support(mdp)
    missing = 3 - len(reward_axes(mdp, reward))
    weight = reward[(..., *(None,) * missing)] / alpha
    log_dynamics = scalars.over(support, scalars.log, mdp.transition, otherwise=scalars.log_zero(mdp.transition))
    final = mdp.final_value / alpha
    powers = [mdp.discount**t for t in range(horizon + 1)]
    message = powers[horizon] * final
    messages, exponents = [message], []
    for power in powers[horizon - 1 :: -1]:
        exponent = log_dynamics + power * weight
        message = scalars.logsumexp(
            exponent + message[..., None, None, :], axis=(-2, -1), where=support, otherwise=power * final
        )
        exponents.append(exponent)
        messages.append(message)
    return messages[::-1], exponents[::-1]


def _support(mdp: MDP) -> np.ndarray:
    if isinstance(mdp.kernel, Sparse):
        raise OutOfReach("trajectory MaxEnt tilts P by reward and message; build a dense model")
    return mdp.kernel.support
