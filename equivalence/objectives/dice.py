"""Value-based dual imitation (ValueDICE): a divergence of occupancies without samples of the policy.

Let n_pi and n_E be the occupancies of policy and expert, normalized to sum 1, and M the sum of the policy's, which is
1 / (1 - gamma) without end and terminal states. Donsker and Varadhan bound the divergence with any critic x(s, a),

    -KL(n_pi || n_E) <= log E_{n_E}[e^x] - E_{n_pi}[x],            with equality at x = log(n_pi / n_E) + const,

and the change of variables x = nu - B nu, B nu(s, a) = gamma E[nu(s', a') | s, a] with a' ~ pi, 0 where it is over,
makes the second term one over starts: E_{n_pi}[nu - B nu] = E_{rho, pi}[nu] / M. So the critic minimizes

    L(nu)     = log E_{n_E}[exp(nu - B nu)] - E_{rho, pi}[nu(s_0, a_0)] / M
    dL/dnu    = (1 - B)' w - rho pi / M,      w(s, a) = n_E e^x / sum n_E e^x,      ' the adjoint
    nu*       = the action values of pi for the reward log(n_pi / n_E)

and the policy then maximizes. No visits of the policy are sampled, but M and B nu are expectations under it.

Bias.  With one sampled (s', a') inside the exponential the first term becomes, in expectation,

    log E_{n_E, s', a'}[exp(nu(s, a) - gamma nu(s', a'))] >= log E_{n_E}[exp(nu - B nu)]          (Jensen)

with equality where dynamics and policy leave no choice of nu(s', a'). The minimum of that is not -KL.

Tables nu are [s, a]; with a horizon also [t, s, a], and the expert is given as marginals [t, s, a], since nothing
follows the last step. Entries where the expert never goes enter through B and starts alone.
Source: kostrikov2020.
"""

from typing import Any

import numpy as np

from equivalence.objectives.adversarial import optimal_logit
from equivalence.objectives.policy_gradients import action_values
from equivalence.objectives.steps import (
    ahead,
    all_steps,
    at_start,
    behind,
    checked_step_policy,
    checked_table,
    checked_visits,
    dense_transition,
    expectation,
    from_start,
    going_on,
    like_given,
    mask_like,
    policy_visits,
    pushforward,
    total,
)
from mdps import MDP, InvalidArgument, scalars


def critic_loss(mdp: MDP, nu: Any, policy: Any, expert: Any) -> Any:
    """L(nu) = log E_{n_E}[exp(nu - B nu)] - E_{rho, pi}[nu] / M, in nats; minimized by the critic, at least -KL.

    nu      [s, a], or [t, s, a] with a horizon; policy likewise.
    expert  marginals [t, s, a] with a horizon, else the occupancy [s, a].
    """
    nu, pi, rho, visits = _checked(mdp, nu, policy, expert)
    x = nu - _expected_next(mdp, nu, pi)
    log_weights, exists = _log_weights(mdp, x, rho)
    started = at_start(mdp, (pi * nu).sum(axis=-1))
    return _logsumexp(mdp, log_weights, exists) - started / total(mdp, visits)


def critic_gradient(mdp: MDP, nu: Any, policy: Any, expert: Any) -> np.ndarray:
    """dL/dnu = (1 - B)' w - rho pi / M, in the shape of nu; 0 at unavailable actions."""
    table, pi, rho, visits = _checked(mdp, nu, policy, expert)
    log_weights, exists = _log_weights(mdp, table - _expected_next(mdp, table, pi), rho)
    log_total = np.asarray(_logsumexp(mdp, log_weights, exists))
    shift = np.broadcast_to(np.expand_dims(log_total, tuple(range(log_total.ndim, rho.ndim))), rho.shape)
    zero = scalars.constant(0, mdp.initial)
    w = scalars.over(exists, lambda a, b: scalars.exp(a - b), log_weights, shift, otherwise=zero)
    arrived = going_on(mdp, mdp.discount * behind(mdp, pushforward(mdp, w)), zero)
    mass = np.asarray(total(mdp, visits))
    started = from_start(mdp, arrived) / np.expand_dims(mass, tuple(range(mass.ndim, arrived.ndim)))
    return like_given(mdp, w - (arrived + started)[..., None] * pi, nu)


def optimal_critic(mdp: MDP, policy: Any, expert: Any) -> np.ndarray:
    """nu*, the action values of pi for the reward log(n_pi / n_E), with nothing paid at the end; [t, s, a] or [s, a].

    Errors: `InvalidArgument` where one side alone goes: the divergence is infinite, or no finite critic is optimal.
    """
    pi, rho, visits = _sides(mdp, policy, expert)
    zero = scalars.constant(0, mdp.initial)
    shift = scalars.log(np.asarray(total(mdp, rho))) - scalars.log(np.asarray(total(mdp, visits)))
    shift = np.expand_dims(shift, tuple(range(np.ndim(shift), rho.ndim)))
    reward = np.where(scalars.zero_mask(visits), zero, shift - optimal_logit(rho, visits))
    nothing = mdp.with_final_value(np.full(mdp.final_value.shape, zero, dtype=mdp.initial.dtype))
    nu, _ = action_values(nothing, reward, pi, zero)
    return np.where(mask_like(mdp, mdp.available, nu), nu, zero)


def sampled_critic_loss(mdp: MDP, nu: Any, policy: Any, expert: Any) -> Any:
    """L with (s', a') sampled inside the exponential, in expectation: never below `critic_loss`."""
    nu, pi, rho, visits = _checked(mdp, nu, policy, expert)
    zero = scalars.constant(0, mdp.initial)
    nothing = np.full((*mdp.initial.shape, mdp.n_actions), zero, dtype=nu.dtype)
    # Behind the end, in terminal states and after the last step, nu is 0 and there is one a', the first.
    once = np.where(np.arange(mdp.n_actions) == 0, scalars.constant(1, mdp.initial), nothing)
    ended = mask_like(mdp, mdp.terminal[..., None], nu)
    value = _shifted(mdp, nu, nothing)
    weight = _shifted(mdp, np.where(ended, once if mdp.horizon is None else once[..., None, :, :], pi), once)
    transition = mask_like(mdp, dense_transition(mdp), nu)
    joint = (rho[..., None] * transition)[..., None] * weight[..., None, None, :, :]
    exponent = np.broadcast_to(nu[..., None, None] - mdp.discount * value[..., None, None, :, :], joint.shape)
    exists = ~scalars.zero_mask(joint)
    log_terms = scalars.over(exists, lambda j, e: scalars.log(j) + e, joint, exponent, otherwise=zero)
    started = at_start(mdp, (pi * nu).sum(axis=-1))
    log_mass = scalars.log(total(mdp, rho))
    return _logsumexp(mdp, log_terms, exists) - log_mass - started / total(mdp, visits)


def _sides(mdp: MDP, policy: Any, expert: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """pi, rho_E and rho_pi over all steps.

    Errors: `InvalidArgument` where the expert decides nothing: there is no distribution of decisions.
    """
    pi = all_steps(mdp, checked_step_policy(mdp, policy))
    visits = checked_visits(mdp, expert)
    if scalars.zero_mask(np.asarray(total(mdp, visits))).any():
        raise InvalidArgument(
            "the expert visits nothing, expected a positive number of decisions; every start is terminal: take a model "
            "with a start in which something is decided"
        )
    return pi, visits, policy_visits(mdp, pi)


def _checked(mdp: MDP, nu: Any, policy: Any, expert: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """nu over all steps, 0 at unavailable actions, and the sides."""
    table = all_steps(mdp, checked_table(mdp, "nu", nu))
    zero = scalars.constant(0, mdp.initial)
    return np.where(mask_like(mdp, mdp.available, table), table, zero), *_sides(mdp, policy, expert)


def _shifted(mdp: MDP, table: np.ndarray, last: np.ndarray) -> np.ndarray:
    """A table [t, s, a] one step on, `last` behind the last; [s, a] as it is."""
    if mdp.horizon is None:
        return table
    return np.concatenate([table[..., 1:, :, :], last[..., None, :, :]], axis=-3)


def _expected_next(mdp: MDP, nu: np.ndarray, policy: np.ndarray) -> np.ndarray:
    """B nu = gamma E[nu(s', a')], 0 where it is over."""
    zero = scalars.constant(0, mdp.initial)
    v = going_on(mdp, (policy * nu).sum(axis=-1), zero)
    nothing = np.full(mdp.initial.shape, zero, dtype=mdp.initial.dtype)
    return mdp.discount * expectation(mdp, ahead(mdp, v, nothing))


def _log_weights(mdp: MDP, x: np.ndarray, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log(n_E e^x), and where n_E > 0."""
    exists = ~scalars.zero_mask(rho)
    mass = np.asarray(total(mdp, rho))
    mass = np.broadcast_to(np.expand_dims(mass, tuple(range(mass.ndim, rho.ndim))), rho.shape)
    zero = scalars.constant(0, mdp.initial)
    return scalars.over(
        exists, lambda x, e, m: x + scalars.log(e) - scalars.log(m), x, rho, mass, otherwise=zero
    ), exists


def _logsumexp(mdp: MDP, x: np.ndarray, exists: np.ndarray) -> Any:
    n = len(mdp.batch_shape)
    return scalars.logsumexp(x, axis=tuple(range(n - x.ndim, 0)), where=exists)
