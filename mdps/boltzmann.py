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

Episodes without a bound (no horizon, discount 1) have the same law over all trajectories that end, where their sum
converges; messages, kernel and occupancy then have no t (`mdps.episodic`). Discounted and without end there is none.
Source: ziebart2008; finn2016; levine2018.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mdps import scalars
from mdps.arguments import checked_horizon, checked_reward, checked_temperature, reward_axes
from mdps.episodic import episodes
from mdps.errors import OutOfReach
from mdps.kernels import Sparse
from mdps.model import MDP
from mdps.occupancy import checked_axes
from mdps.stacks import in_chunks
from mdps.stationary import one_by_one
from mdps.trajectories import Trajectories, trajectories
from mdps.visits import certain_visits


def log_partition(mdp: MDP, reward: Any, *, temperature: Any = 1) -> Any:
    """log Z in nats, by messages; one number for each model of a stack.

    Errors: without a horizon `InvalidModel` where Z diverges, with a bound on the spectral radius.
    """
    if mdp.horizon is None:

        def endless(mdp: MDP, reward: np.ndarray, alpha: Any) -> Any:
            return _log_partition(mdp, [episodes(mdp, reward, alpha).log_message])

        return _without_horizon(endless, mdp, reward, temperature)

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

    Without a horizon there is one step, the same for all t.

    steps[t][s, a, s'] = p(a_t = a, s_{t+1} = s' | s_t = s) = P(s' | s, a) exp(gamma^t r / alpha) z_{t+1}(s') / z_t(s).
    """

    initial: np.ndarray
    steps: list[np.ndarray]


def tilted_kernel(mdp: MDP, reward: Any, *, temperature: Any = 1) -> TiltedKernel:
    """The law p(tau) factored forward in time: where it starts, and what it chooses, for itself and for chance."""
    if mdp.horizon is None:
        return _tilted_episodes(mdp, reward, temperature)
    messages, exponents = _messages(mdp, reward, temperature)
    support = _support(mdp)
    zero = scalars.constant(0, mdp.initial)
    log_total = np.asarray(_log_partition(mdp, messages))[..., None]
    possible = ~scalars.zero_mask(mdp.initial)
    initial = scalars.over(possible, _tilted, scalars.log(mdp.initial), messages[0], log_total, otherwise=zero)
    steps = [
        scalars.over(support, _tilted, exponent, after[..., None, None, :], here[..., :, None, None], otherwise=zero)
        for exponent, here, after in zip(exponents, messages, messages[1:], strict=False)
    ]
    return TiltedKernel(initial, steps)


def _tilted(log_prior: np.ndarray, message: np.ndarray, log_total: np.ndarray) -> np.ndarray:
    return scalars.exp(log_prior + message - log_total)


class EpisodeLaw(NamedTuple):
    """The MaxEnt law of episodes without a bound, of one model: initial and visits [s], and the step [s, a, s'].

    visits mu = initial + mu p, expected at the states that go on.
    """

    initial: np.ndarray
    step: np.ndarray
    visits: np.ndarray


def episode_law(mdp: MDP, reward: np.ndarray, alpha: Any) -> EpisodeLaw:
    """The law of all trajectories that end, of one model; arguments are checked already."""
    found = episodes(mdp, reward, alpha)
    log_total = np.asarray(_log_partition(mdp, [found.log_message]))[..., None]
    possible = _possible_starts(mdp, found.log_message)
    zero = scalars.constant(0, mdp.initial)
    log_initial = scalars.over(possible, scalars.log, mdp.initial, otherwise=zero)
    initial = scalars.over(possible, _tilted, log_initial, found.log_message, log_total, otherwise=zero)
    going = np.where(mdp.terminal, zero, initial)
    # The errors of two messages and of the exponent that each probability is made of.
    slack = 4 * found.error if initial.dtype != object else 0.0
    chain = np.where(mdp.support, found.step, zero).sum(axis=1)
    visits = certain_visits(mdp, chain, going, slack)
    return EpisodeLaw(initial, found.step, np.where(scalars.finite_mask(found.log_message), visits, zero))


def _tilted_episodes(mdp: MDP, reward: Any, temperature: Any) -> TiltedKernel:
    initial, step, _ = _without_horizon(episode_law, mdp, reward, temperature)
    return TiltedKernel(initial, [step])


def _possible_starts(mdp: MDP, log_message: np.ndarray) -> np.ndarray:
    return ~scalars.zero_mask(mdp.initial) & scalars.finite_mask(log_message)


def _without_horizon(solve: Callable[..., Any], mdp: MDP, reward: Any, temperature: Any) -> Any:
    _support(mdp)
    reward = checked_reward(mdp, reward)
    alpha = checked_temperature(temperature, mdp.level)
    return one_by_one(lambda m, r: solve(m, r, alpha), mdp, reward)


def occupancy(mdp: MDP, reward: Any, *, temperature: Any = 1, axes: str = "sa") -> np.ndarray:
    """Discounted expected visits under p(tau), by messages; over `axes` 's', 'sa' (default) or 'sas'."""
    checked_axes(axes)
    summed = {"s": (-2, -1), "sa": (-1,), "sas": ()}[axes]
    if mdp.horizon is None:

        def endless(mdp: MDP, reward: np.ndarray, alpha: Any) -> np.ndarray:
            law = episode_law(mdp, reward, alpha)
            visits = law.visits[:, None, None] * law.step
            return visits.sum(axis=summed) if summed else visits

        return _without_horizon(endless, mdp, reward, temperature)

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
    """log z_t(s), [..., t, s] of T+1 rows: the log weight of all that can follow s at t; [..., s] without a horizon."""
    if mdp.horizon is None:
        return _without_horizon(
            lambda m, r, alpha: episodes(m, r, alpha, everywhere=True).log_message, mdp, reward, temperature
        )

    def solve(mdp: MDP, reward: np.ndarray) -> list[np.ndarray]:
        return _messages(mdp, reward, temperature)[0]

    return in_chunks(solve, mdp, checked_reward(mdp, reward))


def _log_partition(mdp: MDP, messages: list[np.ndarray]) -> Any:
    possible = ~scalars.zero_mask(mdp.initial) if mdp.horizon is not None else _possible_starts(mdp, messages[0])
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
