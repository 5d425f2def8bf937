"""Inverse soft-Q learning (IQ-Learn): the reward is a function of Q, and imitation is a problem in Q alone.

For a temperature alpha, with V(s) = alpha log sum_a exp(Q(s, a) / alpha), the final value f at the horizon and in
terminal states, and pi_Q = exp((Q - V) / alpha),

    r_Q(s, a) = Q(s, a) - gamma E[V(s') | s, a]                          the inverse soft Bellman operator

is one to one: the soft action values of r_Q are Q again. In place of max_r min_pi E_E[r] - psi(r) - E_pi[r] - alpha
H(pi), with -alpha H as large as ever and the inner minimum -rho V, one maximizes over Q

    J(Q)      = <rho_E, r_Q> - sum w r_Q^2 - sum_s rho(s) V(s)
    dJ/dr     = rho_E - 2 w r_Q =: x
    dJ/dQ     = x(s, a) - pi_Q(a | s) (rho(s) + gamma sum x P)(s)        (rho at t = 0, x P of the step before)

    w = 0                                no regularizer: J = alpha E_E[sum gamma^t log pi_Q], behavioral cloning, up to
                                         the expert's final value, for an expert of the same dynamics
    w = rho_E / (4 a)                    chi-square on the expert: phi(r) = r - r^2 / (4 a)
    w = (rho_E + rho_mu) / (4 a)         chi-square on expert and policy data rho_mu (LS-IQ; its alpha is 1 / (2 a))

Saddle point.  For a policy pi, sup_r <rho_E - rho_pi, r> - sum w r^2 is attained at

    r* = 2 a (1 - rho_pi / rho_E),                        with value a sum (rho_pi - rho_E)^2 / rho_E
    r* = 2 a (rho_E - rho_pi) / (rho_E + rho_pi),         with value a sum (rho_pi - rho_E)^2 / (rho_E + rho_pi)

so max_Q J = min_pi of that value - alpha H(pi) - (final value of pi). The second r* is bounded by 2 a, the first is not
from below: where the policy goes and the expert never does it is minus infinity.

J is concave in r, but in Q only where dJ/dr = x >= 0, since V is convex: for chi-square on the expert where r_Q <= 2 a.
Beyond it J may be convex in a direction, and its maximum over Q is not found by ascent from everywhere.

Telescope.  sum rho (V - gamma P V) = sum_s rho(s) V(s), up to final values, for visits rho of the same dynamics: the
second is J's term, the first its form on data (`start_value`, `visited_value`). On data off the flow they differ.

Tables Q are [s, a]; with a horizon also [t, s, a], and [s, a] is the same at each step, with V = f behind the last.
There the expert is given as marginals [t, s, a], since V behind the last step is another one; else as its occupancy.
Source: garg2021; alhafez2023.
"""

from typing import Any

import numpy as np

from equivalence.objectives.steps import (
    ahead,
    all_steps,
    at_start,
    behind,
    checked_table,
    checked_visits,
    expectation,
    from_start,
    going_on,
    has_steps,
    like_given,
    on_available,
    pushforward,
    total,
)
from mdps import MDP, InvalidArgument, scalars
from mdps.arguments import checked_temperature, numbers

PENALIZED = ("expert", "mixture")


def soft_values(mdp: MDP, q: Any, *, temperature: Any = 1) -> np.ndarray:
    """V(s) = alpha log sum_a exp(Q / alpha) at each decision, [s], or [t, s] of T rows; f in terminal states."""
    return soft_step(mdp, *_checked(mdp, q, temperature))[0]


def policy_of_q(mdp: MDP, q: Any, *, temperature: Any = 1) -> np.ndarray:
    """pi_Q = exp((Q - V) / alpha), [s, a] or [t, s, a]; 0 at unavailable actions."""
    return soft_step(mdp, *_checked(mdp, q, temperature))[1]


def reward_of_q(mdp: MDP, q: Any, *, temperature: Any = 1) -> np.ndarray:
    """r_Q = Q - gamma E[V(s')], [s, a] or [t, s, a]; 0 at unavailable actions.

    >>> from mdps import gallery, soft_solution
    >>> mdp, reward = gallery.fork()
    >>> reward, reward_of_q(mdp, soft_solution(mdp, reward).q)[0, :, 0]
    (array([0, 0, log(3)], dtype=object), array([0, 0, log(3)], dtype=object))
    """
    table, alpha = _checked(mdp, q, temperature)
    return _reward(mdp, table, soft_step(mdp, table, alpha)[0])


def objective(
    mdp: MDP,
    q: Any,
    expert: Any,
    *,
    chi_square: Any = None,
    visits: Any = None,
    temperature: Any = 1,
) -> Any:
    """J(Q) = <rho_E, r_Q> - sum w r_Q^2 - rho V, in the unit of the reward; maximized.

    expert      marginals [t, s, a] with a horizon, else the occupancy [s, a].
    chi_square  a > 0, for w = rho_E / (4 a); None for w = 0.
    visits      rho_mu, of policy data and given like the expert, for w = (rho_E + rho_mu) / (4 a).
    """
    table, alpha, rho, w = _problem(mdp, q, expert, chi_square, visits, temperature)
    v, _ = soft_step(mdp, table, alpha)
    r = _reward(mdp, table, v)
    earned = total(mdp, rho * r) - at_start(mdp, v)
    return earned if w is None else earned - total(mdp, w * r * r)


def gradient(
    mdp: MDP,
    q: Any,
    expert: Any,
    *,
    chi_square: Any = None,
    visits: Any = None,
    temperature: Any = 1,
) -> np.ndarray:
    """dJ/dQ in the shape of Q; 0 at unavailable actions. `visits` are frozen."""
    table, alpha, rho, w = _problem(mdp, q, expert, chi_square, visits, temperature)
    v, policy = soft_step(mdp, table, alpha)
    x = rho if w is None else rho - 2 * w * _reward(mdp, table, v)
    to_v = from_start(mdp, v) + mdp.discount * behind(mdp, pushforward(mdp, x))
    return like_given(mdp, x - policy * to_v[..., None], q)


def optimal_reward(mdp: MDP, expert: Any, visits: Any, *, chi_square: Any, over: str = "expert") -> np.ndarray:
    """r* of a policy's visits rho_pi, given like the expert: [s, a] or [t, s, a]; 0 where neither goes.

    over  'expert': 2 a (1 - rho_pi / rho_E); 'mixture': 2 a (rho_E - rho_pi) / (rho_E + rho_pi).

    Errors: `InvalidArgument` where the policy goes and the expert never does, for 'expert': minus infinity.
    """
    a, rho, mu, weight, goes = _penalized(mdp, expert, visits, chi_square, over)
    zero = scalars.constant(0, mdp.initial)
    return scalars.over(goes, lambda e, m, w: 2 * a * (e - m) / w, rho, mu, weight, otherwise=zero)


def penalized_distance(mdp: MDP, expert: Any, visits: Any, *, chi_square: Any, over: str = "expert") -> Any:
    """sup_r <rho_E - rho_pi, r> - sum w r^2 = a sum (rho_pi - rho_E)^2 / (rho_E, or rho_E + rho_pi)."""
    a, rho, mu, weight, goes = _penalized(mdp, expert, visits, chi_square, over)
    zero = scalars.constant(0, mdp.initial)
    return total(mdp, scalars.over(goes, lambda e, m, w: a * (e - m) * (e - m) / w, rho, mu, weight, otherwise=zero))


def start_value(mdp: MDP, v: Any) -> Any:
    """sum_s rho(s) V(s), of values [s] or [t, s]."""
    return at_start(mdp, _checked_values(mdp, v))


def visited_value(mdp: MDP, v: Any, visits: Any) -> Any:
    """sum rho (V(s) - gamma E[V(s')]) over visits rho, marginals [t, s, a] beside v [t, s], else [s, a] beside [s].

    V of terminal states and behind the last step is 0 here: this is what visits of the same dynamics telescope to
    `start_value`, as far as starts that are not terminal go.
    """
    v = _checked_values(mdp, v)
    none = np.full(mdp.initial.shape, scalars.constant(0, mdp.initial), dtype=mdp.initial.dtype)
    v = going_on(mdp, v, scalars.constant(0, mdp.initial))
    differences = v[..., None] - mdp.discount * expectation(mdp, ahead(mdp, v, none))
    return total(mdp, checked_visits(mdp, visits) * differences)


# Arguments and parts ---------------------------------------------------------------------------------------------


def _checked(mdp: MDP, q: Any, temperature: Any) -> tuple[np.ndarray, Any]:
    """Q over all steps, 0 at unavailable actions, and alpha."""
    alpha = checked_temperature(temperature, mdp.level)
    return all_steps(mdp, checked_table(mdp, "q", q)), alpha


def _checked_values(mdp: MDP, v: Any) -> np.ndarray:
    array = numbers("v", v, mdp.level)
    one = mdp.initial.shape
    expected = one if mdp.horizon is None else (*mdp.batch_shape, mdp.horizon, mdp.n_states)
    if array.shape != expected:
        raise InvalidArgument(f"v has shape {array.shape}; expected {expected}, values at each decision")
    return array


def _checked_penalty(mdp: MDP, chi_square: Any) -> Any:
    a = numbers("chi_square", chi_square, mdp.level)
    if a.shape != () or not a[()] > 0:
        raise InvalidArgument(f"chi_square is {chi_square}; expected one positive number a, as in r - r^2 / (4 a)")
    return a[()]


def _problem(
    mdp: MDP, q: Any, expert: Any, chi_square: Any, visits: Any, temperature: Any
) -> tuple[np.ndarray, Any, np.ndarray, np.ndarray | None]:
    """Q, alpha, rho_E and the weights w of r^2."""
    table, alpha = _checked(mdp, q, temperature)
    rho = checked_visits(mdp, expert)
    if chi_square is None:
        if visits is not None:
            raise InvalidArgument("visits are given and chi_square is not: without a regularizer nothing is penalized")
        return table, alpha, rho, None
    a = _checked_penalty(mdp, chi_square)
    penalized = rho if visits is None else rho + checked_visits(mdp, visits)
    return table, alpha, rho, penalized / (4 * a)


def _penalized(
    mdp: MDP, expert: Any, visits: Any, chi_square: Any, over: str
) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """a, rho_E, rho_pi, what the penalty is weighted by, and where that is positive."""
    if over not in PENALIZED:
        raise InvalidArgument(f"over is {over!r}; expected 'expert' or 'mixture'")
    a, rho, mu = _checked_penalty(mdp, chi_square), checked_visits(mdp, expert), checked_visits(mdp, visits)
    weight = rho if over == "expert" else rho + mu
    goes = ~scalars.zero_mask(weight)
    alone = ~goes & ~scalars.zero_mask(mu)
    if alone.any():
        at = [int(i) for i in np.argwhere(alone)[0]]
        raise InvalidArgument(f"at {at} the policy goes and the expert never does: r* is minus infinity there")
    return a, rho, mu, weight, goes


def soft_step(mdp: MDP, q: np.ndarray, alpha: Any) -> tuple[np.ndarray, np.ndarray]:
    """V at each decision, and pi_Q, of a checked table [s, a] or [t, s, a]."""
    f = mdp.final_value[..., None, :] if has_steps(mdp, q) else mdp.final_value
    final = np.broadcast_to(f, q.shape[:-1])
    log_total, policy = scalars.log_normalized(q / alpha, where=on_available(mdp, q), otherwise=final)
    return going_on(mdp, alpha * log_total, mdp.final_value), policy


def _reward(mdp: MDP, q: np.ndarray, v: np.ndarray) -> np.ndarray:
    r = q - mdp.discount * expectation(mdp, ahead(mdp, v, mdp.final_value))
    return np.where(on_available(mdp, q), r, scalars.constant(0, mdp.initial))
