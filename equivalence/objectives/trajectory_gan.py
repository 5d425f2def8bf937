"""A GAN over the trajectories of an MDP, whose discriminator is given the law of the policy.

Outcomes are trajectories tau. The model is that of maximum entropy, the sampler a policy, the data any law over them:

    p~(tau) = rho prod P exp(R(tau)/alpha) / Z,      q(tau) = rho prod P prod_t pi_t(a_t | s_t)
    l(tau)  = log p~ - log q = R(tau)/alpha - log Z - sum_t log pi_t(a_t | s_t)            the dynamics cancel
    D(tau)  = sigmoid(l(tau))
    L_D     = E_data[-log D] + E_q[-log(1 - D)]
    dL_D/dR(tau) = -(p (1 - D) - q D) / alpha,       dL_D/dr = sum_tau dL_D/dR(tau) counts(tau)
    L_G     = E_q[log(1 - D) - log D] = log Z - E_q[R]/alpha + E_q[sum_t log pi_t]

So L_G is what soft control minimizes, with the causal entropy of the policy (undiscounted, whatever the discount of
the returns) in place of the entropy of trajectories, although it is a GAN over trajectories. And L_D is `gan`'s, with
energy -R/alpha - log(rho prod P).

Where the expert is a policy of the same dynamics, l* = sum_t log pi_E - log pi: the reward log pi_E with log Z = 0 is
optimal, whatever the policy. But with stochastic dynamics no policy has the law p~ / sum p~, so the sampler cannot be
the model, and what holds at q = p_theta is out of reach.

A policy's score. With c(tau) the cost of a trajectory and logits of pi_t(. | s), pi = exp(l) / sum exp(l),

    d E_q[c] / dl_t(s, a) = sum over tau through (s, a) at t of q c  -  pi_t(a | s) sum over tau through s at t of q c

Trajectories that the policy never takes have D = 1 and add nothing. log q is a sum of logs, so it is right where the
product of probabilities underflows. Trajectories are listed: small models alone.
Source: finn2016; ziebart2008.
"""

from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives.laws import in_range
from mdps import MDP, Trajectories, scalars, trajectories
from mdps.arguments import checked_law, checked_policy, checked_reward, checked_temperature, numbers, reward_axes
from mdps.errors import InvalidArgument


class TrajectoryGradient(NamedTuple):
    """Partial derivatives of the discriminator loss: to the reward, in its shape, and to the log normalizer."""

    reward: np.ndarray
    log_normalizer: Any


class _Game(NamedTuple):
    """Trajectories, logits [n] where the policy goes (0 elsewhere), where that is, its law [n], and alpha."""

    paths: Trajectories
    logit: np.ndarray
    taken: np.ndarray
    law: np.ndarray
    temperature: Any


def log_policy_product(paths: Trajectories, policy: Any) -> np.ndarray:
    """sum_t log pi_t(a_t | s_t) along each trajectory, [n]; log 0 where the policy does not take it."""
    steps = checked_policy(paths.mdp, policy)
    zero = scalars.constant(0, paths.dynamics)
    taken = _taken(paths, steps)
    total = np.full(len(paths), zero, dtype=steps.dtype if steps.dtype == object else float)
    for t in range(paths.actions.shape[1]):
        alive = taken & (paths.actions[:, t] >= 0)
        chosen = steps[t, paths.states[:, t], paths.actions[:, t]]
        total = scalars.over(alive, lambda x, p: x + scalars.log(p), total, chosen, otherwise=total)
    return np.where(taken, total, scalars.log_zero(steps))


def logit(mdp: MDP, reward: Any, policy: Any, log_normalizer: Any, *, temperature: Any = 1) -> np.ndarray:
    """l(tau) = R(tau)/alpha - log Z - sum_t log pi_t, [n] over `trajectories(mdp)`.

    Errors: `InvalidArgument` where the policy never takes a trajectory, for which l is plus infinity.
    """
    game = _game(mdp, reward, policy, log_normalizer, temperature)
    if not game.taken.all():
        at = int(np.flatnonzero(~game.taken)[0])
        raise InvalidArgument(f"the policy never takes trajectory {at}: its logit is plus infinity, and D is 1")
    return game.logit


def discriminator(mdp: MDP, reward: Any, policy: Any, log_normalizer: Any, *, temperature: Any = 1) -> np.ndarray:
    """D(tau) = sigmoid(l(tau)), [n] over `trajectories(mdp)`; 1 where the policy never goes."""
    game = _game(mdp, reward, policy, log_normalizer, temperature)
    return scalars.over(game.taken, scalars.sigmoid, game.logit, otherwise=scalars.constant(1, game.law))


def discriminator_loss(
    mdp: MDP, reward: Any, policy: Any, data: Any, log_normalizer: Any, *, temperature: Any = 1
) -> Any:
    """L_D = E_data[-log D] + E_q[-log(1 - D)], in nats; minimized. data [n]: a law over `trajectories(mdp)`."""
    game = _game(mdp, reward, policy, log_normalizer, temperature)
    data = checked_law(len(game.paths), data, mdp.level, "data")
    losses = scalars.over(
        game.taken,
        lambda logit, p, q: p * scalars.softplus(-logit) + q * scalars.softplus(logit),
        game.logit,
        data,
        game.law,
        otherwise=scalars.constant(0, game.law),
    )
    return losses.sum(axis=-1)


def discriminator_gradient(
    mdp: MDP, reward: Any, policy: Any, data: Any, log_normalizer: Any, *, temperature: Any = 1
) -> TrajectoryGradient:
    """dL_D/dr = sum_tau counts(tau) (q D - p (1 - D)) / alpha, in the reward's shape, and dL_D/dlogZ."""
    game = _game(mdp, reward, policy, log_normalizer, temperature)
    data = checked_law(len(game.paths), data, mdp.level, "data")
    slope = scalars.over(
        game.taken,
        lambda logit, p, q: q * scalars.sigmoid(logit) - p * scalars.sigmoid(-logit),
        game.logit,
        data,
        game.law,
        otherwise=scalars.constant(0, game.law),
    )
    axes = reward_axes(mdp, checked_reward(mdp, reward))
    return TrajectoryGradient(game.paths.pullback(slope / game.temperature, axes=axes), -slope.sum(axis=-1))


def generator_loss(mdp: MDP, reward: Any, policy: Any, log_normalizer: Any, *, temperature: Any = 1) -> Any:
    """L_G = E_q[log(1 - D) - log D] = log Z - E_q[R]/alpha + E_q[sum_t log pi_t], in nats; minimized by the policy."""
    game = _game(mdp, reward, policy, log_normalizer, temperature)
    terms = scalars.over(game.taken, np.multiply, -game.law, game.logit, otherwise=scalars.constant(0, game.law))
    return terms.sum(axis=-1)


def optimal_logit(mdp: MDP, policy: Any, expert_policy: Any) -> np.ndarray:
    """l*(tau) = sum_t log pi_E,t - log pi_t, [n] over `trajectories(mdp)`; log 0 where the expert never goes.

    Errors: `InvalidArgument` where the policy never takes a trajectory.
    """
    paths = trajectories(mdp)
    ours, theirs = (log_policy_product(paths, x) for x in (policy, expert_policy))
    nowhere = scalars.log_zero(ours)
    untaken = np.asarray(ours == nowhere, dtype=bool)
    if untaken.any():
        raise InvalidArgument(f"the policy never takes trajectory {int(np.flatnonzero(untaken)[0])}: no finite logit")
    seen = ~np.asarray(theirs == nowhere, dtype=bool)
    return scalars.over(seen, np.subtract, theirs, ours, otherwise=nowhere)


def policy_gradient(mdp: MDP, policy: Any, cost: Any) -> np.ndarray:
    """dE_q[c] / dl_t(s, a), [t, s, a], the cost c(tau) [n] of trajectories frozen, l the logits of each pi_t(. | s).

    With c = -l it is the gradient of `generator_loss`, moving or not: E_q[d log pi] = 0.
    """
    paths = trajectories(mdp)
    steps = checked_policy(mdp, policy)
    cost = numbers("cost", cost, mdp.level)
    if cost.shape != (len(paths),):
        raise InvalidArgument(f"cost has shape {cost.shape}; expected ({len(paths)},), one number a trajectory")
    weighted = paths.law(policy) * cost
    out = np.full(steps.shape, scalars.constant(0, weighted), dtype=weighted.dtype)
    for t in range(paths.actions.shape[1]):
        alive = paths.actions[:, t] >= 0
        np.add.at(out[t], (paths.states[alive, t], paths.actions[alive, t]), weighted[alive])
    return out - steps * out.sum(axis=-1, keepdims=True)


def _taken(paths: Trajectories, steps: np.ndarray) -> np.ndarray:
    """Which trajectories a policy takes, [n], whatever underflows in the product of its probabilities."""
    positive = ~scalars.zero_mask(steps)
    taken = np.ones(len(paths), dtype=bool)
    for t in range(paths.actions.shape[1]):
        alive = paths.actions[:, t] >= 0
        taken &= ~alive | positive[t, paths.states[:, t], paths.actions[:, t]]
    return taken


def _game(mdp: MDP, reward: Any, policy: Any, log_normalizer: Any, temperature: Any) -> _Game:
    reward = checked_reward(mdp, reward)
    alpha = checked_temperature(temperature, mdp.level)
    normalizer = numbers("log_normalizer", log_normalizer, mdp.level)
    if normalizer.shape != ():
        raise InvalidArgument(f"log_normalizer has shape {normalizer.shape}; expected one number")
    paths = trajectories(mdp)
    steps = checked_policy(mdp, policy)
    taken = _taken(paths, steps)
    with np.errstate(all="ignore"):
        model = in_range(paths.returns(reward) / alpha - normalizer[()], "R(tau)/alpha - log Z of trajectory")
    logits = scalars.over(
        taken, np.subtract, model, log_policy_product(paths, policy), otherwise=scalars.constant(0, model)
    )
    return _Game(paths, logits, taken, paths.law(policy), alpha)
