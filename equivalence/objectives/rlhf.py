"""Reinforcement learning from a reward of responses, held near a reference policy by a divergence.

For prompts x, responses y, a reward r(x, y) and a temperature alpha (the field's beta: reward per nat), in each prompt

    J(pi)  = sum_y pi(y|x) r(x, y) - alpha KL(pi(.|x) || ref(.|x))                maximized
    Z(x)   = sum_y ref(y|x) exp(r(x, y) / alpha)
    pi*    = ref exp(r / alpha) / Z                     the optimum, of value J(pi*) = alpha log Z
    J(pi)  = alpha log Z - alpha KL(pi || pi*)          for every policy

It is the sampler's side of an energy-based model with energy -r / alpha and base measure ref: J / alpha is minus the
generator loss E_pi[E] + KL(pi || ref). For a policy softmax(theta) of logits theta(x, y) on the support of ref,

    dJ/dtheta(y) = pi(y) (A(y) - sum_z pi(z) A(z)),     A = r - alpha log(pi / ref)

A policy has an implicit reward, the one of which it is the optimum with Z = 1:

    alpha log(pi(y|x) / ref(y|x))                       of pi*: r(x, y) - alpha log Z(x)

It knows r up to one constant per prompt, and so compares responses to one prompt and never responses to two. Where
ref = 0 nothing is known. Average J over prompts with a law of your own.

    preferences without a reward    `equivalence.objectives.dpo`
    responses as strings of tokens  `equivalence.objectives.token_mdp`
Source: rafailov2023; finn2016.
"""

from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives.responses import check_covered, checked
from mdps import scalars


class Optimum(NamedTuple):
    """The optimal policy [..., x, y] and its value alpha log Z(x) [..., x], in the unit of reward."""

    policy: np.ndarray
    value: np.ndarray


def optimum(reward: Any, reference: Any, *, temperature: Any = 1) -> Optimum:
    """pi* = ref exp(r / alpha) / Z [..., x, y], and alpha log Z(x) [..., x].

    >>> import numpy as np
    >>> from fractions import Fraction
    >>> from mdps import log
    >>> reward = log(np.array([[Fraction(1), Fraction(3)]], dtype=object))
    >>> optimum(reward, [[Fraction(1, 2), Fraction(1, 2)]])
    Optimum(policy=array([[1/4, 3/4]], dtype=object), value=array([log(2)], dtype=object))
    """
    reward, reference, alpha = checked(reward=reward, reference=reference, temperature=temperature)
    log_total, policy = scalars.log_normalized(_exponents(reward, reference, alpha), where=_possible(reward, reference))
    return Optimum(policy, log_total * alpha[()])


def optimal_logits(reward: Any, reference: Any, *, temperature: Any = 1) -> np.ndarray:
    """log pi*(y|x) [..., x, y], in nats; log 0 where the reference is 0. Far rewards do not underflow."""
    reward, reference, alpha = checked(reward=reward, reference=reference, temperature=temperature)
    possible, exponents = _possible(reward, reference), _exponents(reward, reference, alpha)
    log_total = np.asarray(scalars.logsumexp(exponents, where=possible))[..., None]
    return np.where(possible, exponents - log_total, scalars.log_zero(reference))


def value(reward: Any, policy: Any, reference: Any, *, temperature: Any = 1) -> np.ndarray:
    """J = E_pi[r] - alpha KL(pi || ref) of each prompt, [..., x], in the unit of reward; maximized.

    Errors: `InvalidArgument` where the policy does what the reference never does.
    """
    reward, policy, reference, alpha = checked(
        reward=reward, policy=policy, reference=reference, temperature=temperature
    )
    check_covered(policy, reference)
    return _expected(policy, lambda r, p, p0: r - alpha[()] * _log_ratio(p, p0), reward, policy, reference)


def gradient(reward: Any, policy: Any, reference: Any, *, temperature: Any = 1) -> np.ndarray:
    """dJ/dtheta = pi (A - E_pi[A]) at the logits theta of a policy, [..., x, y]; its rows sum to 0.

    0 where the policy is 0: such logits are minus infinite, and nothing moves them.
    """
    reward, policy, reference, alpha = checked(
        reward=reward, policy=policy, reference=reference, temperature=temperature
    )
    check_covered(policy, reference)
    mean = _expected(policy, lambda r, p, p0: r - alpha[()] * _log_ratio(p, p0), reward, policy, reference)

    def slope(p: np.ndarray, p0: np.ndarray, r: np.ndarray, mean: np.ndarray) -> np.ndarray:
        return p * (r - alpha[()] * _log_ratio(p, p0) - mean)

    return scalars.over(
        ~scalars.zero_mask(policy),
        slope,
        policy,
        reference,
        reward,
        np.asarray(mean)[..., None],
        otherwise=scalars.constant(0, policy),
    )


def regret(reward: Any, policy: Any, reference: Any, *, temperature: Any = 1) -> np.ndarray:
    """J(pi*) - J(pi) = alpha KL(pi || pi*) of each prompt, [..., x], in the unit of reward; 0 at the optimum alone."""
    reward, policy, reference, alpha = checked(
        reward=reward, policy=policy, reference=reference, temperature=temperature
    )
    check_covered(policy, reference)
    best = optimal_logits(reward, reference, temperature=alpha)
    return alpha[()] * _expected(policy, lambda log_best, p: scalars.log(p) - log_best, best, policy)


def implicit_reward(policy: Any, reference: Any, *, temperature: Any = 1) -> np.ndarray:
    """alpha log(pi / ref) [..., x, y], in the unit of reward; log 0 where the policy is 0.

    That of pi* is r - alpha log Z(x). Errors: `InvalidArgument` where the reference alone is 0.
    """
    policy, reference, alpha = checked(policy=policy, reference=reference, temperature=temperature)
    check_covered(policy, reference)
    return scalars.over(
        ~scalars.zero_mask(policy),
        lambda p, p0: alpha[()] * _log_ratio(p, p0),
        policy,
        reference,
        otherwise=scalars.log_zero(policy),
    )


def _log_ratio(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return scalars.log(p) - scalars.log(q)


def _possible(reward: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.broadcast_to(~scalars.zero_mask(reference), np.broadcast_shapes(reward.shape, reference.shape))


def _exponents(reward: np.ndarray, reference: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """log ref + r / alpha on the support of the reference; 0 elsewhere, which nobody reads."""
    return scalars.over(
        ~scalars.zero_mask(reference),
        lambda p, r: scalars.log(p) + r / alpha[()],
        reference,
        reward,
        otherwise=scalars.constant(0, reference),
    )


def _expected(policy: np.ndarray, f: Any, *arrays: np.ndarray) -> Any:
    """sum_y pi(y|x) f(arrays) where pi is positive, [..., x]."""
    positive = ~scalars.zero_mask(policy)
    terms = scalars.over(positive, lambda p, *x: p * f(*x), policy, *arrays, otherwise=scalars.constant(0, policy))
    return terms.sum(axis=-1)
