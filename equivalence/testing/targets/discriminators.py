"""Discriminators as they are written: losses, gradients and rewards on an MDP through D and 1 - D.

The library computes from logits, where nothing cancels. With D itself,

    L         = sum -p log D - q log(1 - D)
    dL/dl     = (p + q) D - p                                           by hand
    dL/dl     = (q / (1 - D) - p / D) dD/dl                             as a program is differentiated
    dD/df     = e / s - e e / s^2,   e = exp f,   s = e + pi            the quotient D = e / s, term by term

are the same numbers with fewer digits: 1 - D is rounded at the size of 1, so that log(1 - D) loses e^l of them. These
are roads of targets, see `targets.target`: what they lose is derived and allowed, as far as they go. Where D rounds to
1 or exp f overflows there is no such road, and code that has taken it is wrong there.

p: data or expert, q: sampler or policy, both as they are weighted; D is the probability of being data.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from equivalence.objectives import airl, gail, gail_saddle, trajectory_gan
from equivalence.objectives.policy_gradients import logit_gradient, policy_gradient
from equivalence.objectives.steps import Sides, checked_step_policy, has_steps, on_available, sides, total
from mdps import causal_entropy, scalars, trajectories
from mdps.arguments import reward_axes

Slope = Callable[..., np.ndarray]  # dL/dl of a logit, a density beside it, p and q; D = exp l / (exp l + density)

REWARDS: dict[str, Callable[[Any], Any]] = {
    "f - log pi": lambda d: scalars.log(d) - scalars.log(1 - d),
    "log D - log(1-D)": lambda d: scalars.log(d) - scalars.log(1 - d),
    "-log(1-D)": lambda d: -scalars.log(1 - d),
    "log D": scalars.log,
    "rho_E/rho": lambda d: d / (1 - d),
}


def _quotient(logit: Any, density: Any) -> Any:
    e = scalars.exp(logit)
    return e / (e + density)


def _loss(logit: Any, density: Any, p: Any, q: Any) -> Any:
    d = _quotient(logit, density)
    return -p * scalars.log(d) - q * scalars.log(1 - d)


def _by_hand(logit: Any, density: Any, p: Any, q: Any) -> Any:
    return (p + q) * _quotient(logit, density) - p


def _differentiated(logit: Any, density: Any, p: Any, q: Any) -> Any:
    e = scalars.exp(logit)
    s = e + density
    d = e / s
    to_d = q / (1 - d) - p / d
    return e * (to_d / s - to_d * e / (s * s))


SLOPES: tuple[Slope, ...] = (_by_hand, _differentiated)


# AIRL and GAIL ----------------------------------------------------------------------------------------------------


def _where_chosen(function: Slope, f: Any, both: Sides) -> np.ndarray:
    """A function of AIRL's f, pi and both sides, 0 where pi is 0."""
    pi = both.policy if both.policy.ndim == np.ndim(f) else both.policy[..., None]
    zero = scalars.constant(0, both.visits)
    return scalars.over(~scalars.zero_mask(pi), function, f, pi, both.expert, both.visits, otherwise=zero)


def _beside(mdp: Any, f: Any, policy: Any, expert: Any) -> Sides:
    return sides(mdp, policy, expert, transitions=np.ndim(f) > np.ndim(policy))


def airl_loss(mdp: Any, f: Any, policy: Any, expert: Any) -> Any:
    """`airl.discriminator_loss` through D."""
    return total(mdp, _where_chosen(_loss, f, _beside(mdp, f, policy, expert)))


def _airl_gradient(slope: Slope) -> Callable[..., np.ndarray]:
    def road(mdp: Any, f: Any, policy: Any, expert: Any) -> np.ndarray:
        return _where_chosen(slope, f, _beside(mdp, f, policy, expert))

    return road


def _shaped_gradient(slope: Slope) -> Callable[..., airl.ShapedGradient]:
    """Of tables [s, a] and [s, a, s'] for f = g + gamma h(s') - h(s)."""

    def road(mdp: Any, airl_reward: Any, airl_potential: Any, policy: Any, expert: Any) -> airl.ShapedGradient:
        transitions = np.ndim(expert) > np.ndim(policy)
        f = (airl.f_of_transitions if transitions else airl.f_of_actions)(mdp, airl_reward, airl_potential)
        to_f = _airl_gradient(slope)(mdp, f, policy, expert)
        spread = to_f if transitions else to_f[..., None] * mdp.transition
        n = np.ndim(airl_reward)
        to_reward = spread if n == 3 else to_f.sum(axis=tuple(range(n, to_f.ndim)))
        left, reached = to_f.sum(axis=tuple(range(1, to_f.ndim))), spread.sum(axis=(0, 1))
        to_potential = np.where(mdp.terminal, scalars.constant(0, mdp.initial), mdp.discount * reached - left)
        return airl.ShapedGradient(to_reward, to_potential)

    return road


def airl_reward(form: str) -> Callable[..., np.ndarray]:
    """`airl.policy_reward` through D, where pi is positive."""

    def road(mdp: Any, f: Any, policy: Any) -> np.ndarray:
        d, pi = airl.discriminator(mdp, f, policy), checked_step_policy(mdp, policy)
        return scalars.over(~scalars.zero_mask(pi), REWARDS[form], d, otherwise=scalars.constant(0, pi))

    return road


def _on_logits(function: Slope, mdp: Any, logit: Any, policy: Any, expert: Any) -> np.ndarray:
    """A function of GAIL's logit, 1 and both sides, 0 at unavailable actions."""
    both = sides(mdp, policy, expert)
    zero, one = scalars.constant(0, both.visits), np.asarray(scalars.constant(1, both.visits))
    return scalars.over(on_available(mdp, both.policy), function, logit, one, both.expert, both.visits, otherwise=zero)


def gail_loss(mdp: Any, logit: Any, policy: Any, expert: Any) -> Any:
    """`gail.discriminator_loss` through D."""
    return total(mdp, _on_logits(_loss, mdp, logit, policy, expert))


def _gail_gradient(slope: Slope) -> Callable[..., np.ndarray]:
    return lambda mdp, logit, policy, expert: _on_logits(slope, mdp, logit, policy, expert)


def gail_reward(form: str) -> Callable[..., np.ndarray]:
    """`gail.policy_reward` through D."""

    def road(mdp: Any, logit: Any) -> np.ndarray:
        zero = scalars.constant(0, mdp.initial)
        there = on_available(mdp, logit)
        return scalars.over(there, lambda x: REWARDS[form](scalars.sigmoid(x)), logit, otherwise=zero)

    return road


AIRL_GRADIENTS = tuple(map(_airl_gradient, SLOPES))
SHAPED_GRADIENTS = tuple(map(_shaped_gradient, SLOPES))
GAIL_GRADIENTS = tuple(map(_gail_gradient, SLOPES))


# The optimal D ----------------------------------------------------------------------------------------------------


def _of_optimum(mdp: Any, policy: Any, expert: Any) -> tuple[Sides, np.ndarray]:
    return sides(mdp, policy, expert), gail.optimal_discriminator(mdp, policy, expert)


def optimal_cost(mdp: Any, policy: Any, expert: Any) -> np.ndarray:
    """log(1 - D*); -inf where the expert alone goes."""
    both, d = _of_optimum(mdp, policy, expert)
    finite = ~scalars.zero_mask(both.visits) | scalars.zero_mask(both.expert)
    return scalars.over(finite, lambda d: scalars.log(1 - d), d, otherwise=scalars.log_zero(d))


def imitation_loss(mdp: Any, policy: Any, expert: Any, entropy_weight: Any = None) -> Any:
    """sum rho log(1 - D*) + rho_E log D*, less lambda H(pi)."""
    both, d = _of_optimum(mdp, policy, expert)
    zero = scalars.constant(0, both.visits)
    fake = scalars.over(
        ~scalars.zero_mask(both.visits), lambda d, q: q * scalars.log(1 - d), d, both.visits, otherwise=zero
    )
    real = scalars.over(
        ~scalars.zero_mask(both.expert), lambda d, p: p * scalars.log(d), d, both.expert, otherwise=zero
    )
    value = total(mdp, fake + real)
    return value if entropy_weight is None else value - entropy_weight * causal_entropy(mdp, policy)


def _imitation_gradient(gradient: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """The policy gradient of the reward -log(1 - D*), D* frozen."""

    def road(mdp: Any, policy: Any, expert: Any, entropy_weight: Any = 0) -> np.ndarray:
        both, d = _of_optimum(mdp, policy, expert)
        goes, zero = ~scalars.zero_mask(both.visits), scalars.constant(0, both.visits)
        reward = scalars.over(goes, lambda d: -scalars.log(1 - d), d, otherwise=zero)
        steps = has_steps(mdp, both.policy)
        return -gradient(gail.unpaid(mdp), reward, policy, entropy_weight=entropy_weight, steps=steps)

    return road


imitation_gradient = _imitation_gradient(policy_gradient)
imitation_logit_gradient = _imitation_gradient(logit_gradient)


# psi_GA -----------------------------------------------------------------------------------------------------------


def regularizer(mdp: Any, cost: Any, expert: Any) -> Any:
    """psi_GA(c) = sum rho_E (-c - log(1 - e^c))."""
    rho = gail.expert_like(mdp, expert, cost)
    goes, zero = ~scalars.zero_mask(rho), scalars.constant(0, rho)
    terms = scalars.over(goes, lambda c, p: p * (-c - scalars.log(1 - scalars.exp(c))), cost, rho, otherwise=zero)
    return total(mdp, terms)


def _less_regularizer(function: Callable[..., Any]) -> Callable[..., Any]:
    """A value of `gail_saddle` with psi_GA, from that without."""

    def road(mdp: Any, cost: Any, expert: Any, **values: Any) -> Any:
        return function(mdp=mdp, cost=cost, expert=expert, psi="none", **values) - regularizer(mdp, cost, expert)

    return road


SADDLE_ROADS = {
    "saddle_value": _less_regularizer(gail_saddle.saddle_value),
    "irl_value": _less_regularizer(gail_saddle.irl_value),
}


# Trajectories -----------------------------------------------------------------------------------------------------


def _on_trajectories(function: Slope, mdp: Any, reward: Any, policy: Any, law: Any, log_z: Any, alpha: Any) -> Any:
    """A function of R / alpha - log Z, prod pi and both laws [n], 0 where the policy never goes."""
    paths = trajectories(mdp)
    logit = paths.returns(reward) / alpha - log_z
    log_pi, q = trajectory_gan.log_policy_product(paths, policy), paths.law(policy)
    zero = scalars.constant(0, q)

    def of_logs(logit: Any, log_pi: Any, p: Any, q: Any) -> Any:
        return function(logit, scalars.exp(log_pi), p, q)

    return scalars.over(~scalars.zero_mask(q), of_logs, logit, log_pi, law, q, otherwise=zero)


def trajectory_loss(mdp: Any, reward: Any, policy: Any, law: Any, log_normalizer: Any, temperature: Any = 1) -> Any:
    """`trajectory_gan.discriminator_loss` through D."""
    return _on_trajectories(_loss, mdp, reward, policy, law, log_normalizer, temperature).sum()


def trajectory_generator_loss(mdp: Any, reward: Any, policy: Any, log_normalizer: Any, temperature: Any = 1) -> Any:
    """E_q[log(1 - D) - log D]."""

    def terms(logit: Any, density: Any, _: Any, q: Any) -> Any:
        d = _quotient(logit, density)
        return q * (scalars.log(1 - d) - scalars.log(d))

    law = trajectories(mdp).law(policy)
    return _on_trajectories(terms, mdp, reward, policy, law, log_normalizer, temperature).sum()


def _trajectory_gradient(slope: Slope) -> Callable[..., trajectory_gan.TrajectoryGradient]:
    def road(
        mdp: Any, reward: Any, policy: Any, law: Any, log_normalizer: Any, temperature: Any = 1
    ) -> trajectory_gan.TrajectoryGradient:
        to_logit = _on_trajectories(slope, mdp, reward, policy, law, log_normalizer, temperature)
        to_reward = trajectories(mdp).pullback(to_logit / temperature, axes=reward_axes(mdp, reward))
        return trajectory_gan.TrajectoryGradient(to_reward, -to_logit.sum())

    return road


TRAJECTORY_GRADIENTS = tuple(map(_trajectory_gradient, SLOPES))
