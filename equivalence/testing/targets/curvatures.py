"""Hessians as automatic differentiation finds them: second moments less products of first ones, step by step.

V = alpha log sum exp(Q / alpha) has the derivatives

    dV = E[psi],        d2V = E[d2Q] + (E[psi psi'] - E[psi] E[psi]') / alpha,        psi = dQ,

under the policy. The difference cancels where one action has nearly all of the probability, and a covariance of
deviations does not: it is another road to the same number, that loses digits, and what code that is differentiated
twice takes. The same holds of the messages of the law over trajectories, with transitions in place of actions.
"""

from typing import Any

import numpy as np

from equivalence.objectives import causal, maxent
from equivalence.objectives.features import linear_reward
from mdps import boltzmann, scalars
from mdps.arguments import expected_reward
from mdps.bellman import soft_backups


def causal_from_moments(mdp: Any, features: Any, theta: Any, temperature: Any) -> np.ndarray:
    """`causal.hessian`; without a horizon there are no steps, and it is that function."""
    if mdp.horizon is None:
        return causal.hessian(mdp, features, theta, temperature=temperature)
    phi, reward = linear_reward(mdp, features, theta)
    phi = np.stack([expected_reward(mdp, phi[..., k]) for k in range(phi.shape[-1])], axis=-1)
    first, second = _nothing(mdp, phi)
    for _, _, policy in soft_backups(mdp, reward, temperature):
        psi = phi + mdp.discount * _expected(mdp, first)
        first, second = _moments(policy, psi, mdp.discount * _expected(mdp, second), temperature, 1)
    return -(mdp.initial[:, None, None] * second).sum(axis=0) / temperature


def maxent_from_moments(mdp: Any, features: Any, theta: Any, temperature: Any) -> np.ndarray:
    """`maxent.hessian`; without a horizon there are no steps, and it is that function."""
    if mdp.horizon is None:
        return maxent.hessian(mdp, features, theta, temperature=temperature)
    phi, reward = linear_reward(mdp, features, theta)
    phi = np.broadcast_to(phi[(..., *(None,) * (4 - phi.ndim), slice(None))], (*mdp.transition.shape, phi.shape[-1]))
    tilted = boltzmann.tilted_kernel(mdp, reward, temperature=temperature)
    first, second = _nothing(mdp, phi)
    for t in reversed(range(len(tilted.steps))):
        first, second = _moments(tilted.steps[t], mdp.discount**t * phi / temperature + first, second, 1, 2)
    return -_moments(tilted.initial, first, second, 1, 1)[1]


def _nothing(mdp: Any, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivatives at the end, [s, k] and [s, k, k]."""
    n, k, zero = mdp.n_states, phi.shape[-1], scalars.constant(0, mdp.initial)
    return np.full((n, k), zero, dtype=phi.dtype), np.full((n, k, k), zero, dtype=phi.dtype)


def _expected(mdp: Any, table: np.ndarray) -> np.ndarray:
    """The expectation over next states [s, a, ...] of tables [s, ...]."""
    columns = table.reshape(len(table), -1).T
    return np.stack([mdp.expectation(x) for x in columns], axis=-1).reshape(*mdp.available.shape, *table.shape[1:])


def _moments(weight: np.ndarray, psi: np.ndarray, second: np.ndarray, alpha: Any, axes: int) -> tuple[Any, Any]:
    """dV and d2V of a soft maximum over the last axes of a weight; psi and the second derivatives of what it is of."""
    over = tuple(range(weight.ndim - axes, weight.ndim))
    first = (weight[..., None] * psi).sum(axis=over)
    both = (weight[..., None, None] * (psi[..., :, None] * psi[..., None, :] / alpha + second)).sum(axis=over)
    return first, both - first[..., :, None] * first[..., None, :] / alpha
