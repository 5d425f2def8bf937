"""Generative adversarial imitation learning (GAIL).

Letters of the paper: costs c [s, a], policies pi, occupancies rho_pi, causal entropy H, a convex regularizer psi of
costs. Imitation by way of inverse reinforcement learning is

    RL o IRL_psi = argmin_pi  psi*(rho_pi - rho_E) - lambda H(pi),        psi*(x) = sup_c <x, c> - psi(c)

(see `gail_saddle` for the two halves). GAIL takes psi_GA(c) = E_E[g(c)], g(x) = -x - log(1 - e^x) for x < 0 and
infinite otherwise, whose conjugate is a discriminator's. With D the probability of being the *expert's*, which is 1
minus that of the paper,

    psi_GA*(rho_pi - rho_E) = max_D E_pi[log(1 - D)] + E_E[log D] = -min_l L_D,      c* = log(1 - D*)

    L_D = sum rho_E softplus(-l) + rho_pi softplus(l),      D = sigmoid(l),      D* = rho_E / (rho_E + rho_pi)

Its value is the Jensen-Shannon divergence KL(rho_pi || m) + KL(rho_E || m), m = (rho_pi + rho_E) / 2, minus the
constant (|rho_pi| + |rho_E|) log 2, which is 2 log 2 / (1 - gamma) without end and terminal states: the paper's Eq. 15
equates the two up to that constant.

Rewards.  A policy that descends psi_GA* is paid -c* = -log(1 - D), with D frozen. Implementations also pay log D and
log D - log(1 - D), which descend KL(rho_pi || rho_E) minus the Jensen-Shannon divergence, and KL(rho_pi || rho_E); the
ratio rho_E / rho_pi descends KL(rho_E || rho_pi). With terminal states, where |rho_pi| changes, the first two of these
are off by the gradient of a multiple of it. Final values of the model are not paid.

Tables are [s, a], or [t, s, a] beside a policy [t, s, a]; see `equivalence.objectives.steps`.
Source: ho2016.
"""

from typing import Any

import numpy as np

from equivalence.objectives import adversarial
from equivalence.objectives.policy_gradients import logit_gradient, policy_gradient
from equivalence.objectives.steps import (
    checked_marginals,
    checked_step_policy,
    checked_table,
    checked_weight,
    has_steps,
    on_available,
    sides,
    total,
)
from mdps import MDP, InvalidArgument, OutOfReach, causal_entropy, scalars
from mdps.arguments import checked_expert, numbers

# The discriminator -----------------------------------------------------------------------------------------------


def discriminator_loss(mdp: MDP, logit: Any, policy: Any, expert: Any) -> Any:
    """L_D = sum rho_E (-log D) + rho_pi (-log(1 - D)), D = sigmoid(logit), in nats times visits; minimized.

    logit  [s, a], or [t, s, a] beside a policy [t, s, a].
    """
    both = sides(mdp, policy, expert)
    logit = table_like(mdp, "logit", logit, both.policy)
    return total(mdp, adversarial.loss_terms(logit, both.expert, both.visits, where=on_available(mdp, both.policy)))


def discriminator_gradient(mdp: MDP, logit: Any, policy: Any, expert: Any) -> np.ndarray:
    """dL_D/dlogit = rho_pi D - rho_E (1 - D), in the shape of the logits."""
    both = sides(mdp, policy, expert)
    logit = table_like(mdp, "logit", logit, both.policy)
    return adversarial.loss_gradient(logit, both.expert, both.visits, where=on_available(mdp, both.policy))


def optimal_discriminator(mdp: MDP, policy: Any, expert: Any) -> np.ndarray:
    """D* = rho_E / (rho_E + rho_pi), in the shape of the policy; 1/2 where neither goes, since there any D is optimal.

    >>> from fractions import Fraction
    >>> from mdps import gallery, occupancy
    >>> mdp, _ = gallery.fork()
    >>> first, mixed = ([[p, 1 - p], [1, 0], [1, 0]] for p in (Fraction(1), Fraction(1, 2)))
    >>> optimal_discriminator(mdp, mixed, occupancy(mdp, first))[:2]
    array([[2/3, 0],
           [2/3, 1/2]], dtype=object)
    """
    both = sides(mdp, policy, expert)
    return adversarial.optimal_discriminator(both.expert, both.visits)


def optimal_logit(mdp: MDP, policy: Any, expert: Any) -> np.ndarray:
    """log D* - log(1 - D*) = log(rho_E / rho_pi), in the shape of the policy; 0 where neither goes.

    Errors: `InvalidArgument` where one side alone goes.
    """
    both = sides(mdp, policy, expert)
    return adversarial.optimal_logit(both.expert, both.visits)


def optimal_cost(mdp: MDP, policy: Any, expert: Any) -> np.ndarray:
    """c* = log(1 - D*), where psi_GA* is attained; minus infinity where the expert alone goes. In the paper, log D*."""
    both = sides(mdp, policy, expert)
    return _log_share(both.visits, both.expert)


def _log_share(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """log(a / (a + b)); log 1/2 where both are 0, log 0 where a alone is."""
    share = adversarial.optimal_discriminator(a, b)
    return scalars.over(~scalars.zero_mask(share), scalars.log, share, otherwise=scalars.log_zero(share))


def policy_reward(mdp: MDP, logit: Any, *, form: str = "-log(1-D)") -> np.ndarray:
    """What the policy is paid: "-log(1-D)", "log D", "log D - log(1-D)" or "rho_E/rho"; 0 at unavailable actions.

    logit  [s, a] or [t, s, a].
    """
    logit = checked_table(mdp, "logit", logit)
    zero = scalars.constant(0, mdp.initial)
    return scalars.over(on_available(mdp, logit), lambda x: adversarial.reward_named(form, x), logit, otherwise=zero)


# Divergence and regularizer --------------------------------------------------------------------------------------


def jensen_shannon(mdp: MDP, policy: Any, expert: Any) -> Any:
    """KL(rho_pi || m) + KL(rho_E || m), m = (rho_pi + rho_E) / 2, of unnormalized visits; 0 where they are equal."""
    both = sides(mdp, policy, expert)
    return total(mdp, adversarial.divergence_terms(both.expert, both.visits))


def optimal_value(mdp: MDP, policy: Any, expert: Any) -> Any:
    """max_D E_pi[log(1 - D)] + E_E[log D] = psi_GA*(rho_pi - rho_E): `jensen_shannon` - (|rho_pi| + |rho_E|) log 2."""
    both = sides(mdp, policy, expert)
    return _conjugate(mdp, both.visits, both.expert)


def regularizer(mdp: MDP, cost: Any, expert: Any) -> Any:
    """psi_GA(c) = E_E[g(c)], g(x) = -x - log(1 - e^x), for costs below 0 wherever the expert goes.

    cost, expert  [s, a] and an occupancy, or [t, s, a] and marginals.

    Errors: `InvalidArgument` where the expert goes and the cost is not below 0: psi_GA is infinite.
    """
    cost = checked_table(mdp, "cost", cost)
    rho = expert_like(mdp, expert, cost)
    goes = ~scalars.zero_mask(rho)
    wrong = goes & ~scalars.negative_mask(cost)
    if wrong.any():
        at = [int(i) for i in np.argwhere(wrong)[0]]
        raise InvalidArgument(f"cost{at} is {cost[tuple(at)]}, where the expert goes; psi_GA is infinite unless c < 0")

    def terms(c: np.ndarray, rho: np.ndarray) -> np.ndarray:
        return rho * _penalty(c)

    return total(mdp, scalars.over(goes, terms, cost, rho, otherwise=scalars.constant(0, rho)))


def _penalty(c: np.ndarray) -> np.ndarray:
    """g(c) = -c - log(1 - e^c)."""
    rest = 1 - scalars.exp(c)
    if scalars.zero_mask(rest).any():
        raise OutOfReach("a cost is so near 0 that 1 - e^c rounds to 0 in floats; take balls")
    return -c - scalars.log(rest)


def regularizer_conjugate(mdp: MDP, difference: Any, expert: Any) -> Any:
    """psi_GA*(x) = sup_c <x, c> - psi_GA(c), for x = rho_pi - rho_E >= -rho_E, [s, a] or [t, s, a].

    With b = x + rho_E it is sum b log(b / (b + rho_E)) + rho_E log(rho_E / (b + rho_E)).

    Errors: `InvalidArgument` where x < -rho_E, or not 0 where nothing is available: psi_GA* is infinite.
    """
    x = checked_table(mdp, "difference", difference)
    rho = expert_like(mdp, expert, x)
    b = x + rho
    wrong = scalars.negative_mask(b) | (~on_available(mdp, x) & ~scalars.zero_mask(x))
    if wrong.any():
        at = [int(i) for i in np.argwhere(wrong)[0]]
        raise InvalidArgument(f"difference{at} is {x[tuple(at)]}; expected rho_pi - rho_E: psi_GA* is infinite there")
    return _conjugate(mdp, b, rho)


def _conjugate(mdp: MDP, visits: np.ndarray, expert: np.ndarray) -> Any:
    def terms(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a * (scalars.log(a) - scalars.log(a + b))

    zero = scalars.constant(0, visits)
    of_policy = scalars.over(~scalars.zero_mask(visits), terms, visits, expert, otherwise=zero)
    of_expert = scalars.over(~scalars.zero_mask(expert), terms, expert, visits, otherwise=zero)
    return total(mdp, of_policy + of_expert)


def table_like(mdp: MDP, name: str, table: Any, policy: np.ndarray) -> np.ndarray:
    """A table of finite numbers in the shape of a policy."""
    array = numbers(name, table, mdp.level)
    if array.shape != policy.shape:
        raise InvalidArgument(f"{name} has shape {array.shape}; expected {policy.shape}, that of the policy")
    return array


def expert_like(mdp: MDP, expert: Any, table: np.ndarray) -> np.ndarray:
    """Weighted visits of an expert over the axes of a table: its occupancy [s, a], or its marginals [t, s, a]."""
    return checked_marginals(mdp, expert) if has_steps(mdp, table) else checked_expert(mdp, expert, "sa")


def unpaid(mdp: MDP) -> MDP:
    """The model without final values."""
    zero = scalars.constant(0, mdp.initial)
    return mdp.with_final_value(np.full(mdp.final_value.shape, zero, dtype=mdp.initial.dtype))


# Imitation -------------------------------------------------------------------------------------------------------


def imitation_loss(mdp: MDP, policy: Any, expert: Any, *, entropy_weight: Any = 0) -> Any:
    """psi_GA*(rho_pi - rho_E) - lambda H(pi), which GAIL minimizes over pi."""
    loss = optimal_value(mdp, policy, expert)
    weight = checked_weight(mdp, entropy_weight)
    return loss if _is_zero(weight) else loss - weight * causal_entropy(mdp, policy)


def imitation_gradient(mdp: MDP, policy: Any, expert: Any, *, entropy_weight: Any = 0) -> np.ndarray:
    """d imitation_loss / d pi(a|s), entries as free numbers: minus the policy gradient of the reward -c*, D* frozen.

    Errors: `InvalidArgument` where the expert goes and the policy never does: the derivative is infinite.
    """
    return -policy_gradient(
        unpaid(mdp), *_frozen_reward(mdp, policy, expert), entropy_weight=entropy_weight, steps=_in_steps(mdp, policy)
    )


def imitation_logit_gradient(mdp: MDP, policy: Any, expert: Any, *, entropy_weight: Any = 0) -> np.ndarray:
    """d imitation_loss / d logit(s, a) of the policy pi = exp logit / sum exp logit."""
    return -logit_gradient(
        unpaid(mdp), *_frozen_reward(mdp, policy, expert), entropy_weight=entropy_weight, steps=_in_steps(mdp, policy)
    )


def _is_zero(weight: Any) -> bool:
    return bool(scalars.zero_mask(np.asarray(weight)))


def _in_steps(mdp: MDP, policy: Any) -> bool:
    return has_steps(mdp, checked_step_policy(mdp, policy))


def _frozen_reward(mdp: MDP, policy: Any, expert: Any) -> tuple[np.ndarray, Any]:
    """-c* = -log(1 - D*), and the policy.

    Where neither goes psi_GA* is 0 for all visits >= 0, and so is its derivative from there.
    """
    both = sides(mdp, policy, expert)
    goes = ~scalars.zero_mask(both.visits)
    alone = ~goes & ~scalars.zero_mask(both.expert)
    if alone.any():
        at = [int(i) for i in np.argwhere(alone)[0]]
        raise InvalidArgument(f"at {at} the expert goes and the policy never does: the derivative is infinite")

    def reward(visits: np.ndarray, expert: np.ndarray) -> np.ndarray:
        return scalars.log(visits + expert) - scalars.log(visits)

    zero = scalars.constant(0, both.visits)
    return scalars.over(goes, reward, both.visits, both.expert, otherwise=zero), policy
