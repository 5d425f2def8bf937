"""Soft Q imitation learning (SQIL) as regularized behavioral cloning.

For a table Q [s, a] that is the same at each step, V = alpha log sum exp(Q / alpha), the final value f in terminal
states, and counts N(s, a, s') of transitions, all as sums,

    cloning(Q)   = -sum N_demo log pi_Q(a | s),        -alpha log pi_Q = V - Q
    d2(N, r)     = sum N (Q(s, a) - r - gamma V(s'))^2                              squared soft Bellman error
    RBC(Q)       = cloning + lambda d2(N_demo + N_samp, 0)                          regularized behavioral cloning
    SQIL(Q)      = d2(N_demo, 1) + lambda_samp d2(N_samp, 0)

Completing the square in -(Q - gamma V') gives, for every Q, discount and counts,

    RBC = lambda d2(N_demo, r) + lambda d2(N_samp, 0) + boundary / alpha - |N_demo| / (4 lambda alpha^2)
    r   = 1 / (2 lambda alpha),          boundary = sum N_demo (V(s) - gamma V(s'))

For discount 1, complete episodes and f = 0, the boundary is the sum of V over the starts of the demonstrations. The
reward 1 belongs to lambda = 1 / (2 alpha), and V(s_0) then weighs 2 beside d2 (alpha = 1), not 1 as Eq. 9 of the paper
reads. With a discount below 1, or episodes that are cut, the boundary is no such sum, and SQIL is not RBC.

The horizon of the model plays no part: a table Q [s, a] reads V(s') behind a step that a time limit cuts, too.
Gradients go through V(s'), as in the paper; a frozen target has others.
Source: reddy2020.
"""

from typing import Any

import numpy as np

from equivalence.objectives.q_learning import soft_step
from equivalence.objectives.steps import dense_transition, going_on
from mdps import MDP, InvalidArgument, scalars
from mdps.arguments import checked_temperature, numbers


def cloning_loss(mdp: MDP, q: Any, demonstrations: Any, *, temperature: Any = 1) -> Any:
    """-sum N log pi_Q(a | s), in nats, for counts N [s, a, s']; minimized."""
    q, alpha = _checked_q(mdp, q, temperature)
    counts = _checked_counts(mdp, "demonstrations", demonstrations)
    v, _ = soft_step(mdp, q, alpha)
    zero = scalars.constant(0, mdp.initial)
    surprise = np.where(mdp.available, (v[..., None] - q) / alpha, zero)
    return (counts.sum(axis=-1) * surprise).sum(axis=(-2, -1))


def squared_soft_bellman_error(mdp: MDP, q: Any, counts: Any, reward: Any, *, temperature: Any = 1) -> Any:
    """d2(N, r) = sum N (Q - r - gamma V(s'))^2 for counts N [s, a, s'] and one number r; minimized."""
    q, alpha = _checked_q(mdp, q, temperature)
    counts, r = _checked_counts(mdp, "counts", counts), _number(mdp, "reward", reward)
    v, _ = soft_step(mdp, q, alpha)
    errors = _errors(mdp, q, v, r)
    return (counts * errors * errors).sum(axis=(-3, -2, -1))


def regularized_cloning_loss(
    mdp: MDP, q: Any, demonstrations: Any, samples: Any, *, weight: Any, temperature: Any = 1
) -> Any:
    """RBC = cloning + lambda d2(N_demo + N_samp, 0); minimized. weight: lambda."""
    both = _checked_counts(mdp, "demonstrations", demonstrations) + _checked_counts(mdp, "samples", samples)
    penalty = squared_soft_bellman_error(mdp, q, both, 0, temperature=temperature)
    return cloning_loss(mdp, q, demonstrations, temperature=temperature) + _number(mdp, "weight", weight) * penalty


def sqil_loss(
    mdp: MDP,
    q: Any,
    demonstrations: Any,
    samples: Any,
    *,
    reward: Any = 1,
    sample_weight: Any = 1,
    temperature: Any = 1,
) -> Any:
    """SQIL = d2(N_demo, reward) + lambda_samp d2(N_samp, 0); minimized."""
    paid = squared_soft_bellman_error(mdp, q, demonstrations, reward, temperature=temperature)
    unpaid = squared_soft_bellman_error(mdp, q, samples, 0, temperature=temperature)
    return paid + _number(mdp, "sample_weight", sample_weight) * unpaid


def boundary_value(mdp: MDP, q: Any, counts: Any, *, temperature: Any = 1) -> Any:
    """sum N (V(s) - gamma V(s')): the sum of V over starts, for discount 1, complete episodes and f = 0."""
    q, alpha = _checked_q(mdp, q, temperature)
    n = _checked_counts(mdp, "counts", counts)
    v, _ = soft_step(mdp, q, alpha)
    left, arrived = n.sum(axis=(-2, -1)), n.sum(axis=(-3, -2))
    return (left * v).sum(axis=-1) - mdp.discount * (arrived * v).sum(axis=-1)


def cloning_gradient(mdp: MDP, q: Any, demonstrations: Any, *, temperature: Any = 1) -> np.ndarray:
    """d cloning / dQ(s, a) = (N(s) pi_Q(a | s) - N(s, a)) / alpha."""
    q, alpha = _checked_q(mdp, q, temperature)
    taken = _checked_counts(mdp, "demonstrations", demonstrations).sum(axis=-1)
    _, policy = soft_step(mdp, q, alpha)
    return (taken.sum(axis=-1)[..., None] * policy - taken) / alpha


def squared_soft_bellman_error_gradient(
    mdp: MDP, q: Any, counts: Any, reward: Any, *, temperature: Any = 1
) -> np.ndarray:
    """d d2 / dQ(s, a) = 2 sum_s' N e - 2 gamma pi_Q(a | s) sum N e into s, e the soft Bellman error."""
    q, alpha = _checked_q(mdp, q, temperature)
    counts, r = _checked_counts(mdp, "counts", counts), _number(mdp, "reward", reward)
    v, policy = soft_step(mdp, q, alpha)
    weighted = 2 * counts * _errors(mdp, q, v, r)
    into = going_on(mdp, weighted.sum(axis=(-3, -2)), scalars.constant(0, mdp.initial))
    return weighted.sum(axis=-1) - mdp.discount * into[..., None] * policy


def regularized_cloning_gradient(
    mdp: MDP, q: Any, demonstrations: Any, samples: Any, *, weight: Any, temperature: Any = 1
) -> np.ndarray:
    """dRBC/dQ, [s, a]."""
    both = _checked_counts(mdp, "demonstrations", demonstrations) + _checked_counts(mdp, "samples", samples)
    of_penalty = squared_soft_bellman_error_gradient(mdp, q, both, 0, temperature=temperature)
    of_cloning = cloning_gradient(mdp, q, demonstrations, temperature=temperature)
    return of_cloning + _number(mdp, "weight", weight) * of_penalty


def sqil_gradient(
    mdp: MDP,
    q: Any,
    demonstrations: Any,
    samples: Any,
    *,
    reward: Any = 1,
    sample_weight: Any = 1,
    temperature: Any = 1,
) -> np.ndarray:
    """dSQIL/dQ, [s, a]."""
    paid = squared_soft_bellman_error_gradient(mdp, q, demonstrations, reward, temperature=temperature)
    unpaid = squared_soft_bellman_error_gradient(mdp, q, samples, 0, temperature=temperature)
    return paid + _number(mdp, "sample_weight", sample_weight) * unpaid


def _errors(mdp: MDP, q: np.ndarray, v: np.ndarray, r: Any) -> np.ndarray:
    """Q(s, a) - r - gamma V(s'), [s, a, s']; 0 where the model never goes."""
    errors = q[..., None] - r - mdp.discount * v[..., None, None, :]
    return np.where(mdp.support, errors, scalars.constant(0, mdp.initial))


def _number(mdp: MDP, name: str, value: Any) -> Any:
    array = numbers(name, value, mdp.level)
    if array.shape != ():
        raise InvalidArgument(f"{name} has shape {array.shape}; expected one number")
    return array[()]


def _checked_q(mdp: MDP, q: Any, temperature: Any) -> tuple[np.ndarray, Any]:
    """Q [s, a], 0 at unavailable actions, and alpha."""
    shape = np.shape(q)
    if shape != mdp.available.shape:
        raise InvalidArgument(f"q has shape {shape}; expected {mdp.available.shape}, one table for all steps")
    table = numbers("q", np.where(mdp.available, q, 0), mdp.level)
    return table, checked_temperature(temperature, mdp.level)


def _checked_counts(mdp: MDP, name: str, counts: Any) -> np.ndarray:
    """Counts of transitions: not negative, and 0 where the model never goes."""
    table = numbers(name, counts, mdp.level)
    expected = dense_transition(mdp).shape
    if table.shape != expected:
        raise InvalidArgument(f"{name} has shape {table.shape}; expected {expected}, counts [s, a, s']")
    if scalars.level_of(table) == "carrier":
        return table
    wrong = scalars.negative_mask(table) | (~mdp.support & ~scalars.zero_mask(table))
    if wrong.any():
        at = [int(i) for i in np.argwhere(wrong)[0]]
        raise InvalidArgument(f"{name}{at} is {table[tuple(at)]}; expected counts, and 0 where the model never goes")
    return table
