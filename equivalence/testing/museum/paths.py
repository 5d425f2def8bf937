"""The maximum entropy law over trajectories: partition function, law, visits, likelihood."""

import numpy as np
from scipy.special import logsumexp, softmax

from equivalence.testing.museum.passes import backups, by_action, log_of, log_sum, masks, messages, visits_of
from equivalence.testing.museum.piece import Piece, collector

PIECES: list[Piece] = []
wrong = collector(PIECES)
LISTED = {"max_states": 3, "max_actions": 2, "horizons": (1, 2, 3), "max_trajectories": 300}


def listed(transition, initial, horizon):
    """Every trajectory of positive probability: its probability under the dynamics, and its moves (s, a, s')."""
    available, terminal = masks(transition)

    def go_on(s, depth):
        if depth == horizon or terminal[s]:
            yield 1.0, ()
            return
        for a in np.flatnonzero(available[s]):
            for x in np.flatnonzero(transition[s, a]):
                for p, rest in go_on(x, depth + 1):
                    yield transition[s, a, x] * p, ((s, a, x), *rest)

    for s in np.flatnonzero(initial):
        for p, moves in go_on(s, 0):
            yield initial[s] * p, moves


def log_weights_of(paths, reward, discount):
    """log p + R of each listed trajectory."""
    returns = [sum(discount**t * reward[move[: reward.ndim]] for t, move in enumerate(moves)) for _, moves in paths]
    return np.array([np.log(p) + r for (p, _), r in zip(paths, returns, strict=True)])


def law_by_listing(transition, initial, horizon, discount, reward):
    """Softmax over all trajectories."""
    return softmax(log_weights_of(list(listed(transition, initial, horizon)), reward, discount))


def log_partition_by_listing(transition, initial, horizon, discount, reward):
    """Log sum over all trajectories."""
    return logsumexp(log_weights_of(list(listed(transition, initial, horizon)), reward, discount))


def visits_by_listing(transition, initial, horizon, discount, reward):
    """Discounted visits of each trajectory, by its probability."""
    visits = np.zeros(transition.shape[:2])
    law = law_by_listing(transition, initial, horizon, discount, reward)
    for p, (_, moves) in zip(law, listed(transition, initial, horizon), strict=True):
        for t, (s, a, _) in enumerate(moves):
            visits[s, a] += discount**t * p
    return visits


def gradient_by_listing(transition, initial, horizon, discount, reward, expert):
    """Expert minus model, trajectory by trajectory."""
    return expert - visits_by_listing(transition, initial, horizon, discount, reward)


def gradient_of_state_rewards_by_listing(transition, initial, horizon, discount, reward, expert):
    """The same for r(s)."""
    visits = visits_by_listing(transition, initial, horizon, discount, by_action(reward, transition))
    return expert - visits.sum(axis=1)


def log_likelihood_by_listing(transition, initial, horizon, discount, reward, expert):
    """<expert, r> - log Z."""
    return (expert * reward).sum() - log_partition_by_listing(transition, initial, horizon, discount, reward)


def log_likelihood_by_messages(transition, initial, horizon, discount, reward, expert):
    """log Z = log sum rho z_0 by messages."""
    rows, _ = messages(transition, horizon, discount, reward)
    return np.vdot(expert, reward) - log_sum(log_of(initial) + rows[0], 0)


@wrong("maxent.gradient", gradient_by_listing, "Ziebart's forward pass", **LISTED)
def policy_of_messages_in_true_dynamics(transition, initial, horizon, discount, reward, expert):
    """Action probabilities of the messages z, then a forward pass in the true dynamics from rho.

    The classic two-pass algorithm for stochastic dynamics. It is neither the law over trajectories nor causal entropy.
    """
    rows, exponents = messages(transition, horizon, discount, reward)
    policies = []
    for exponent, here, after in zip(exponents, rows, rows[1:], strict=False):
        policies.append(np.exp(exponent + after - here[:, None, None]).sum(axis=2))
    return expert - visits_of(transition, initial, discount, policies)


@wrong("maxent.gradient", gradient_by_listing, "causal in place of trajectories", 6, **LISTED, discounts=(1,))
def causal_gradient_for_trajectories(transition, initial, horizon, discount, reward, expert):
    """Soft value iteration under the name of the law over trajectories: the same for deterministic dynamics."""
    _, _, policies = backups(transition, initial, horizon, discount, reward)
    return expert - visits_of(transition, initial, discount, policies)


@wrong("maxent.gradient", gradient_of_state_rewards_by_listing, "T+1 states counted", 1, reward_axes="s", **LISTED)
def states_of_trajectories_counted(transition, initial, horizon, discount, reward, expert):
    """s_0 ... s_T are counted, ends included, while the partition function is over T rewards."""
    visits = np.zeros(len(initial))
    law = law_by_listing(transition, initial, horizon, discount, by_action(reward, transition))
    paths = [moves for _, moves in listed(transition, initial, horizon)]
    for p, moves in zip(law, paths, strict=True):
        for t, (s, _, _) in enumerate(moves):
            visits[s] += discount**t * p
        if moves:
            visits[moves[-1][2]] += discount ** len(moves) * p
    ended_at_once = law.sum() - sum(p for p, moves in zip(law, paths, strict=True) if moves)
    starts = np.where(masks(transition)[1], initial, 0)
    return expert - visits - starts / max(starts.sum(), 1e-300) * ended_at_once


@wrong("maxent.log_likelihood", log_likelihood_by_messages, "opposite sign", 18)
def loss_in_place_of_likelihood(transition, initial, horizon, discount, reward, expert):
    """The negative log-likelihood, under the name of the likelihood."""
    message = np.zeros(len(initial))
    for t in reversed(range(horizon)):
        weight = log_of(transition) + discount**t * reward[:, :, None] + message
        message = np.where(masks(transition)[1], 0, log_sum(weight, (1, 2)))
    return log_sum(log_of(initial) + message, 0) - (expert * reward).sum()


@wrong("maxent.log_likelihood", log_likelihood_by_listing, "mean of log z", **LISTED)
def log_z_averaged_over_starts(transition, initial, horizon, discount, reward, expert):
    """One log Z for each start and their mean: the likelihood given the start, which is another model."""
    rows, _ = messages(transition, horizon, discount, reward)
    return (expert * reward).sum() - initial @ rows[0]


@wrong("boltzmann.log_partition", log_partition_by_listing, "log z discounted", 3, **LISTED)
def discounted_messages(transition, initial, horizon, discount, reward):
    """z^gamma in place of weights exp(gamma^t r): a soft backup, of which no sum over trajectories is the result."""
    _, terminal = masks(transition)
    message = np.zeros(len(initial))
    for _ in range(horizon):
        weight = log_of(transition) + reward[:, :, None] + discount * message
        message = np.where(terminal, 0, log_sum(weight, (1, 2)))
    return log_sum(log_of(initial) + message, 0)


@wrong("boltzmann.log_partition", log_partition_by_listing, "partition of the end not reset", 10, **LISTED)
def partition_of_the_end_grows(transition, initial, horizon, discount, reward):
    """Each sweep adds the 1 of the end to what the end had already."""
    _, terminal = masks(transition)
    z = np.ones(len(initial))
    message = np.log(z)
    for t in reversed(range(horizon)):
        z = np.where(terminal, z + 1, z)
        weight = log_of(transition) + discount**t * reward[:, :, None] + message
        message = np.where(terminal, np.log(z), log_sum(weight, (1, 2)))
    return log_sum(log_of(initial) + message, 0)


@wrong("boltzmann.law", law_by_listing, "dynamics left out", **LISTED)
def law_of_returns_alone(transition, initial, horizon, discount, reward):
    """exp(R) / Z over possible trajectories: right for deterministic dynamics and one start."""
    paths = list(listed(transition, initial, horizon))
    return softmax(log_weights_of([(1.0, moves) for _, moves in paths], reward, discount))


@wrong("boltzmann.occupancy", visits_by_listing, "start not tilted", **LISTED)
def law_from_the_given_start(transition, initial, horizon, discount, reward):
    """The forward pass of the law starts at rho; the law starts at rho z_0 / Z."""
    rows, exponents = messages(transition, horizon, discount, reward)
    mu, visits = initial, np.zeros(transition.shape[:2])
    for t, exponent in enumerate(exponents):
        joint = mu[:, None, None] * np.exp(exponent + rows[t + 1] - rows[t][:, None, None])
        visits += discount**t * joint.sum(axis=2)
        mu = joint.sum(axis=(0, 1))
    return visits


@wrong("boltzmann.occupancy", visits_by_listing, "no discount in returns", 3, **LISTED)
def undiscounted_returns(transition, initial, horizon, discount, reward):
    """Trajectories weigh by their plain return, visits are discounted."""
    visits = np.zeros(transition.shape[:2])
    law = law_by_listing(transition, initial, horizon, 1.0, reward)
    for p, (_, moves) in zip(law, listed(transition, initial, horizon), strict=True):
        for t, (s, a, _) in enumerate(moves):
            visits[s, a] += discount**t * p
    return visits
