"""Training of an energy-based model as a game with a sampler: the entropy-regularized adversarial objective.

    V(E, q)   = E_q[E] - E_p[E] - H(q)                 maximized by the energy, minimized by the sampler
    dV/dE     = q - p,         dV/dq = E + log q + 1
    min_q V   = -log Z - E_p[E] = LL(E)                at q = p_theta = exp(-E) / Z: maximum likelihood
    V - LL    = KL(q || p_theta)                       >= 0: -V is a lower bound of the negative log-likelihood
    max_E min_q V = -H(p)                              at E = -log p + constant, where p > 0

So a sampler that is not the best response makes the likelihood look better than it is, by KL(q || p_theta), and its
gradient to the energy is off by q - p_theta: the samples stand for the model's, unweighted. That bias vanishes for the
parameters whose features have the same mean under both. Where p(x) = 0 the supremum over E is at E(x) -> infinity.

Without the entropy any energy that is constant on the support of p is optimal, and its value 0: such a GAN's energy
says nothing of the density.
Source: dai2017; zhai2016; kim2016; finn2016.
"""

from typing import Any

import numpy as np

from equivalence.objectives import ebm
from equivalence.objectives.space import checked, inner
from mdps import InvalidArgument, scalars


def value(energy: Any, sampler: Any, data: Any) -> Any:
    """V = E_q[E] - E_p[E] - H(q), in nats; maximized by the energy [..., n], minimized by the sampler [..., n].

    >>> from fractions import Fraction
    >>> half = [Fraction(1, 2), Fraction(1, 2)]
    >>> value([0, 0], half, half)
    -log(2)
    """
    energy, sampler, data = checked(energy=energy, sampler=sampler, data=data)
    return _free_energy(energy, sampler) - inner(data, energy)


def gradient_to_energy(energy: Any, sampler: Any, data: Any) -> np.ndarray:
    """dV/dE(x) = q(x) - p(x), [..., n]; that of the likelihood is p_theta - p."""
    energy, sampler, data = checked(energy=energy, sampler=sampler, data=data)
    return np.broadcast_arrays(sampler - data, energy)[0].copy()


def gradient_to_sampler(energy: Any, sampler: Any) -> np.ndarray:
    """dV/dq(x) = E(x) + log q(x) + 1, [..., n], q a free table.

    Errors: `InvalidArgument` where q(x) = 0: the slope is minus infinity.
    """
    energy, sampler = checked(energy=energy, sampler=sampler)
    unsampled = scalars.zero_mask(sampler)
    if unsampled.any():
        at = [int(i) for i in np.argwhere(unsampled)[0]]
        raise InvalidArgument(f"sampler{at} is 0, where the slope of the entropy is infinite")
    return energy + scalars.log(sampler) + 1


def gap(energy: Any, sampler: Any) -> Any:
    """KL(q || p_theta) = E_q[E] - H(q) + log Z, in nats: what V exceeds the log-likelihood by, whatever the data."""
    energy, sampler = checked(energy=energy, sampler=sampler)
    return _free_energy(energy, sampler) + scalars.logsumexp(-energy)


def optimal_sampler(energy: Any) -> np.ndarray:
    """p_theta = exp(-E) / Z, [..., n], which minimizes V: `ebm.law`."""
    return ebm.law(energy)


def optimal_energy(data: Any) -> np.ndarray:
    """-log p, [..., n], which maximizes min_q V, as does any constant more.

    Errors: `InvalidArgument` where p(x) = 0: the supremum is at an infinite energy.
    """
    _, data = checked(energy=np.zeros(np.shape(data)[-1:], dtype=int), data=data)
    unseen = scalars.zero_mask(data)
    if unseen.any():
        at = [int(i) for i in np.argwhere(unseen)[0]]
        raise InvalidArgument(f"data{at} is 0: the supremum over energies is at infinity, and none attains it")
    return -scalars.log(data)


def _free_energy(energy: np.ndarray, sampler: np.ndarray) -> Any:
    """E_q[E + log q]."""
    sampled = ~scalars.zero_mask(sampler)
    terms = scalars.over(
        sampled, lambda q, e: q * (e + scalars.log(q)), sampler, energy, otherwise=scalars.constant(0, sampler)
    )
    return terms.sum(axis=-1)
