"""Adversarial inverse reinforcement learning (AIRL).

The discriminator is given the density of the policy, pi(a | s), in place of a logit of its own:

    D(s, a)  = exp f(s, a) / (exp f(s, a) + pi(a | s)) = sigmoid(l),        l = f - log pi
    L_D      = sum rho_E softplus(-l) + rho softplus(l)
    dL_D/df  = rho D - rho_E (1 - D)

with D the probability of being the expert's, rho_E and rho what expert and policy visit, both weighted by gamma^t. It
is the GAIL discriminator with logits l: the same optimum, and another table is kept. The policy is frozen in L_D. It
is then paid

    log D - log(1 - D) = f - log pi                              "f - log pi", the reward that AIRL names

(the paper's section 3 prints it with the other sign as what the policy maximizes). "-log(1-D)" and "log D" pay other
rewards; "f" is right only beside an entropy bonus of exactly 1.

Optimum.  f* = log pi_E(a | s) + log d_E(s) / d(s), where d are state visits. It is the expert's advantage log pi_E
where the two visit states alike, hence at equilibrium, and not before.

Where f is the soft advantage A_r = Q - V of a reward r and pi its soft-optimal policy, f = log pi, D = 1/2 and

    dL_D/df = -(rho_E - rho) / 2

half the gradient of maximum causal entropy. With f = r itself, D = sigmoid(V(s) - gamma E V(s')) is not 1/2, and the
gradient of L_D is not 0 even where the expert is pi: appendix A.2 of the paper needs f to be an advantage.

Shaping.  With a reward g and a potential h,

    f(s, a, s') = g(s, a) + gamma h(s') - h(s)                   over transitions, as in the paper
    f(s, a)     = g(s, a) + gamma E[h(s') | s, a] - h(s)         over actions

Where s' is terminal h(s') is V(s') there, the final value, 0 unless the model says otherwise: gamma (1 - done) h' - h,
never (1 - done)(gamma h' - h). h [t, s] has T rows, and what follows the last decision is the final value again; h [s]
makes one table for all steps, in which s_T counts like any other state. Where final values are not 0 they are part of
f: as a reward it belongs to the same model without them.

For stochastic dynamics the two forms differ: f over transitions cannot be log pi(a | s), which does not depend on s',
so that even the true reward and its value are not stationary; f over actions can.

Tables f are [s, a] or [s, a, s'] beside a policy [s, a], and [t, s, a] or [t, s, a, s'] beside a policy [t, s, a]; see
`equivalence.objectives.steps` for the counts that go with each. Entries of unavailable actions are not read; where an
available action has policy 0, D is 1 and nothing is lost.
Source: fu2018; gleave2022; ho2016.
"""

from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives.adversarial import (
    LOG_RATIO,
    loss_gradient,
    loss_terms,
    optimal_logit,
    reward_named,
)
from equivalence.objectives.steps import (
    Sides,
    ahead,
    behind,
    checked_step_policy,
    dense_transition,
    expectation,
    going_on,
    on_available,
    over_steps,
    pushforward,
    sides,
    total,
)
from mdps import MDP, InvalidArgument, scalars, soft_solution
from mdps.arguments import checked_reward, checked_temperature, expected_reward, numbers, reward_axes

FORMS = ("f", "f - log pi", "-log(1-D)", "log D")


class ShapedGradient(NamedTuple):
    """Partial derivatives of the discriminator loss: to g, in its shape, and to h [s] or [t, s], 0 where terminal."""

    airl_reward: np.ndarray
    airl_potential: np.ndarray


def discriminator(mdp: MDP, f: Any, policy: Any) -> np.ndarray:
    """D = exp f / (exp f + pi), in the shape of f; 1 where pi is 0.

    >>> from fractions import Fraction
    >>> from mdps import gallery, log
    >>> mdp, _ = gallery.fork()
    >>> half = Fraction(1, 2)
    >>> pi = np.where(mdp.available, half, 0)
    >>> discriminator(mdp, log(np.array([[half, 1], [1, 1], [1, 1]])), pi)[0]
    array([1/2, 2/3], dtype=object)
    """
    pi = checked_step_policy(mdp, policy)
    f, _ = _checked_f(mdp, f, pi)
    return scalars.over(
        _chosen(pi, f),
        lambda f, p: scalars.sigmoid(f - scalars.log(p)),
        f,
        _beside(pi, f),
        otherwise=scalars.constant(1, pi),
    )


def discriminator_loss(mdp: MDP, f: Any, policy: Any, expert: Any) -> Any:
    """L_D = sum rho_E (-log D) + rho (-log(1 - D)), in nats times visits; minimized."""
    f, both, chosen = _game(mdp, f, policy, expert)
    logit = _logit(f, both.policy, chosen)
    return total(mdp, loss_terms(logit, both.expert, both.visits, where=chosen))


def discriminator_gradient(mdp: MDP, f: Any, policy: Any, expert: Any) -> np.ndarray:
    """dL_D/df = rho D - rho_E (1 - D), in the shape of f."""
    f, both, chosen = _game(mdp, f, policy, expert)
    logit = _logit(f, both.policy, chosen)
    return loss_gradient(logit, both.expert, both.visits, where=chosen)


def optimal_f(mdp: MDP, policy: Any, expert: Any) -> np.ndarray:
    """f* = log pi_E + log d_E / d = log pi + log rho_E / rho, over [s, a] or [t, s, a] as the policy is given.

    Where neither side goes any f is optimal; it is log pi here, and 0 where pi is 0.

    Errors: `InvalidArgument` where one side alone goes, since f* is infinite there: the expert has to take every action
    that the policy takes.
    """
    both = sides(mdp, policy, expert)
    logit = optimal_logit(both.expert, both.visits)
    zero = scalars.constant(0, both.visits)
    return scalars.over(
        _chosen(both.policy, logit), lambda x, p: x + scalars.log(p), logit, both.policy, otherwise=zero
    )


def policy_reward(mdp: MDP, f: Any, policy: Any, *, form: str = "f - log pi") -> np.ndarray:
    """What the policy is paid, in the shape of f: "f - log pi" (= log D - log(1-D)), "f", "-log(1-D)" or "log D".

    It is 0 at unavailable actions, which are never paid.

    Errors: `InvalidArgument` where a reward is infinite, at an available action whose policy is 0.
    """
    if form not in FORMS:
        raise InvalidArgument(f"form is {form!r}; expected one of {', '.join(map(repr, FORMS))}")
    pi = checked_step_policy(mdp, policy)
    f, transitions = _checked_f(mdp, f, pi)
    available = on_available(mdp, pi)
    available = np.broadcast_to(available[..., None] if transitions else available, f.shape)
    zero = scalars.constant(0, pi)
    if form == "f":
        return np.where(available, f, zero)
    chosen = _chosen(pi, f)
    never = available & ~chosen
    if form != "log D" and never.any():
        at = [int(i) for i in np.argwhere(never)[0]]
        raise InvalidArgument(f"policy is 0 at {at}, where the action is available: {form} is infinite there")
    name = LOG_RATIO if form == "f - log pi" else form
    return scalars.over(chosen, lambda f, p: reward_named(name, f - scalars.log(p)), f, _beside(pi, f), otherwise=zero)


def advantage(mdp: MDP, reward: Any, *, temperature: Any = 1) -> np.ndarray:
    """(Q - V) / alpha of the soft solution, the log of its policy, in nats; 0 at unavailable actions.

    [t, s, a] with a horizon, else [s, a]. Where the policy underflows it is still finite.
    """
    alpha = checked_temperature(temperature, mdp.level)
    solution = soft_solution(mdp, reward, temperature=temperature)
    v = solution.v if mdp.horizon is None else solution.v[..., :-1, :]
    zero = scalars.constant(0, mdp.initial)
    available = on_available(mdp, solution.q)
    return scalars.over(available, lambda q, v: (q - v) / alpha, solution.q, v[..., None], otherwise=zero)


# Shaping ---------------------------------------------------------------------------------------------------------


def f_of_transitions(mdp: MDP, airl_reward: Any, airl_potential: Any) -> np.ndarray:
    """f = g + gamma h(s') - h(s), [s, a, s'], or [t, s, a, s'] for h [t, s].

    airl_reward     g [s], [s, a] or [s, a, s'].
    airl_potential  h [s] or [t, s], T rows; what stands in terminal states is not read.
    """
    g, h = checked_reward(mdp, airl_reward), _checked_potential(mdp, airl_potential)
    dense_transition(mdp)  # which a sparse model has not
    g = g[(..., *(None,) * (3 - len(reward_axes(mdp, g))))]
    g = np.expand_dims(g, len(mdp.batch_shape)) if over_steps(mdp, h) else g
    after = _after(mdp, h)[..., None, None, :]
    f = g + mdp.discount * after - h[..., None, None]
    return np.broadcast_to(f, (*f.shape[:-2], mdp.n_actions, mdp.n_states))


def f_of_actions(mdp: MDP, airl_reward: Any, airl_potential: Any) -> np.ndarray:
    """f = E[g] + gamma E[h(s') | s, a] - h(s), [s, a], or [t, s, a] for h [t, s]; g and h as in `f_of_transitions`."""
    g, h = checked_reward(mdp, airl_reward), _checked_potential(mdp, airl_potential)
    g = expected_reward(mdp, g)
    g = np.expand_dims(g, len(mdp.batch_shape)) if over_steps(mdp, h) else g
    return g + mdp.discount * expectation(mdp, _after(mdp, h)) - h[..., None]


def shaped_discriminator_gradient(
    mdp: MDP, airl_reward: Any, airl_potential: Any, policy: Any, expert: Any
) -> ShapedGradient:
    """dL_D/dg and dL_D/dh of f = g + gamma h' - h, over transitions or over actions as the expert is given.

    expert  over transitions [s, a, s'] or over actions [s, a], each with t where h and the policy have it.
    """
    g, h = checked_reward(mdp, airl_reward), _checked_potential(mdp, airl_potential)
    n_axes = np.ndim(expert) - len(mdp.batch_shape) - over_steps(mdp, h)
    transitions = n_axes == 3
    f = (f_of_transitions if transitions else f_of_actions)(mdp, g, h)
    to_f = discriminator_gradient(mdp, f, policy, expert)
    summed = to_f.sum(axis=len(mdp.batch_shape)) if over_steps(mdp, h) else to_f
    return ShapedGradient(
        _to_reward(mdp, summed, reward_axes(mdp, g), transitions), _to_potential(mdp, to_f, transitions)
    )


def _to_reward(mdp: MDP, to_f: np.ndarray, axes: str, transitions: bool) -> np.ndarray:
    if transitions:
        return to_f.sum(axis=tuple(range(len(axes) - 3, 0))) if len(axes) < 3 else to_f
    if axes == "sas":
        return to_f[..., None] * dense_transition(mdp)
    return to_f if axes == "sa" else to_f.sum(axis=-1)


def _to_potential(mdp: MDP, to_f: np.ndarray, transitions: bool) -> np.ndarray:
    left = to_f.sum(axis=(-2, -1)) if transitions else to_f.sum(axis=-1)
    reached = to_f.sum(axis=(-3, -2)) if transitions else pushforward(mdp, to_f)
    return going_on(mdp, mdp.discount * behind(mdp, reached) - left, scalars.constant(0, mdp.initial))


def _after(mdp: MDP, h: np.ndarray) -> np.ndarray:
    """The potential of what follows: the final value where it is over."""
    return ahead(mdp, going_on(mdp, h, mdp.final_value), mdp.final_value)


def _checked_potential(mdp: MDP, airl_potential: Any) -> np.ndarray:
    h = numbers("airl_potential", airl_potential, mdp.level)
    one, many = mdp.initial.shape, (*mdp.batch_shape, mdp.horizon, mdp.n_states)
    if h.shape != one and (mdp.horizon is None or h.shape != many):
        expected = f"{one}" if mdp.horizon is None else f"{one} or {many}"
        raise InvalidArgument(f"airl_potential has shape {h.shape}; expected {expected}, one number for each state")
    return h


# The table of logits ---------------------------------------------------------------------------------------------


def _game(mdp: MDP, f: Any, policy: Any, expert: Any) -> tuple[np.ndarray, Sides, np.ndarray]:
    """f, both sides over its axes (the policy too), and where the policy is positive."""
    f, transitions = _checked_f(mdp, f, checked_step_policy(mdp, policy))
    both = sides(mdp, policy, expert, transitions=transitions)
    chosen = _chosen(both.policy, f)
    return f, both._replace(policy=_beside(both.policy, f)), chosen


def _checked_f(mdp: MDP, f: Any, policy: np.ndarray) -> tuple[np.ndarray, bool]:
    """f as an array, and whether it is over transitions."""
    array = numbers("f", f, mdp.level)
    transitions = (*policy.shape, mdp.n_states)
    if array.shape not in (policy.shape, transitions):
        raise InvalidArgument(
            f"f has shape {array.shape}; expected {policy.shape} or {transitions}: "
            "that of the policy, or with an axis s' more"
        )
    return array, array.shape == transitions


def _beside(policy: np.ndarray, f: np.ndarray) -> np.ndarray:
    return policy if policy.ndim == f.ndim else np.broadcast_to(policy[..., None], f.shape)


def _chosen(policy: np.ndarray, f: np.ndarray) -> np.ndarray:
    return _beside(~scalars.zero_mask(policy), f)


def _logit(f: np.ndarray, policy: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    zero = scalars.constant(0, policy)
    return scalars.over(chosen, lambda f, p: f - scalars.log(p), f, policy, otherwise=zero)
