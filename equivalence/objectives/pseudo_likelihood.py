"""Pseudo-likelihood on a product space: each component predicted from all the others; no partition function.

    PL         = sum_i E_p[log p_theta(x_i | x_-i)] = sum_i E_p[-E(x) - log sum_{x_i'} e^-E(x_i', x_-i)]
    dPL/dE(x)  = sum_i p(x_-i) p_theta(x_i | x_-i) - p(x)
    d2PL/dE2   = -sum_i sum_{x_-i} p(x_-i) Cov_{p_theta(. | x_-i)}

It is concave in E, and greatest where the conditionals are those of the data: at E = -log p up to a constant if p > 0
(`ebm.optimal_energy`). So it is consistent, and it is not the likelihood: in a restricted family that misses the data
its optimum is another one. With one component it is the log-likelihood.

Its gradient is the sum over components of the CD-1 updates p K_i - p with the Gibbs kernel K_i of that component
(`contrastive`): these have an objective, while a scan K_1 ... K_d has none.
Source: besag1975.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from equivalence.objectives.markov_chains import checked_shape, conditionals, same_elsewhere
from equivalence.objectives.space import checked, inner


def log_likelihood(energy: Any, data: Any, shape: Sequence[int]) -> Any:
    """PL = sum_i E_p[log p_theta(x_i | x_-i)], in nats; maximized.

    energy, data [..., n] over a space of the given shape, n its product, the last component varying fastest.

    >>> import numpy as np
    >>> from fractions import Fraction
    >>> quarter = [Fraction(1, 4)] * 4
    >>> log_likelihood(np.zeros(4, dtype=int), quarter, (2, 2))
    -2*log(2)
    """
    energy, data = checked(energy=energy, data=data)
    sizes = checked_shape(shape, energy.shape[-1])
    return sum(-inner(data, energy + conditionals(energy, sizes, i)[0]) for i in range(len(sizes)))


def gradient(energy: Any, data: Any, shape: Sequence[int]) -> np.ndarray:
    """dPL/dE(x) = sum_i p(x_-i) p_theta(x_i | x_-i) - p(x), [..., n]."""
    energy, data = checked(energy=energy, data=data)
    sizes = checked_shape(shape, energy.shape[-1])
    slopes = []
    for i in range(len(sizes)):
        others = _of_others(data, sizes, i)
        slopes.append(others * conditionals(energy, sizes, i)[1] - data)
    return sum(slopes[1:], slopes[0])


def hessian(energy: Any, data: Any, shape: Sequence[int]) -> np.ndarray:
    """d2PL/dE(x)dE(y), [..., x, y]; negative semidefinite."""
    energy, data = checked(energy=energy, data=data)
    n = energy.shape[-1]
    sizes = checked_shape(shape, n)
    curvatures = []
    for i in range(len(sizes)):
        probability = conditionals(energy, sizes, i)[1]
        weight = _of_others(data, sizes, i) * probability
        together = same_elsewhere(sizes, i).astype(int)
        curvatures.append(
            weight[..., :, None] * probability[..., None, :] * together - weight[..., :, None] * np.eye(n, dtype=int)
        )
    return sum(curvatures[1:], curvatures[0])


def _of_others(data: np.ndarray, sizes: tuple[int, ...], i: int) -> np.ndarray:
    """p(x_-i), [..., n] at x."""
    table = data.reshape(*data.shape[:-1], *sizes)
    summed = table.sum(axis=data.ndim - 1 + i, keepdims=True)
    return np.broadcast_to(summed, table.shape).reshape(data.shape)
