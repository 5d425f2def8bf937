"""Contrastive divergence, and what it is not: updates whose negative phase is not the model.

Maximum likelihood moves an energy along dLL/dE = p_theta - p (`ebm.gradient`): up where the model is, down where the
data are. The model's samples are hard to come by, and cheaper ones stand in for them:

    CD-k             u = p K^k - p          K leaves p_theta invariant; k steps from the data
    samples of q     u = q - p              a sampler that is trained along, without weights

both in the direction of ascent of LL. Their biases, update minus gradient, are

    p K^k - p_theta,     q - p_theta        for energies linear in features F: differences of the moments E[F].

That of CD-k vanishes at p = p_theta and falls geometrically in k (`markov_chains.dobrushin_coefficient`); that of q
vanishes iff q has the model's feature moments. (Written for descent on the negative likelihood, both change sign.)

*Not a gradient field.* K depends on E, so u(E) = p K_E^k - p is a field with the Jacobian du(x)/dE(y). For a
systematic scan of Gibbs steps it is not symmetric: no objective has this gradient. But with Barker's kernel and a
symmetric proposal S, CD-1 descends

    Phi(E) = sum_x,y p(x) S(x, y) softplus(E(x) - E(y)),        u = -dPhi/dE,

so 'CD is (not) the gradient of something' is a statement about the kernel, not about CD.
Source: hinton2002; sutskever2010; kim2016; derived.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from equivalence.objectives import ebm
from equivalence.objectives.space import checked, common_arithmetic
from equivalence.objectives.tables import checked_tables
from mdps import InvalidArgument, scalars
from mdps.scalars import duals


def _after(law: np.ndarray, kernel: np.ndarray, steps: Any) -> np.ndarray:
    """p K^k, [..., n]."""
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
        raise InvalidArgument(f"steps is {steps!r}; expected a whole number of steps of the chain, at least 1")
    for _ in range(int(steps)):
        law = (law[..., :, None] * kernel).sum(axis=-2)
    return law


def update(data: Any, kernel: Any, *, steps: int = 1) -> np.ndarray:
    """p K^k - p, [..., n]: the CD-k update of each energy, in the direction of ascent of the likelihood.

    data [..., n]; kernel [..., x, y], which leaves the model invariant (it is all that is known of the model here).
    """
    n = common_arithmetic(kernel=kernel)["kernel"].shape[-1:] or 1
    _, data, kernel = checked_tables(energy=np.zeros(n, dtype=int), data=data, kernel=kernel)
    return _after(data, kernel, steps) - data


def bias(energy: Any, data: Any, kernel: Any, *, steps: int = 1, features: Any = None) -> np.ndarray:
    """E_{pK^k}[F] - E_{p_theta}[F], [..., k]: what the CD-k update has too much against the gradient of LL.

    Without features the energy is a table: p K^k - p_theta, [..., n]. features [n, k].
    """
    energy, data, kernel = checked_tables(energy=energy, data=data, kernel=kernel)
    return _moments(_after(data, kernel, steps) - ebm.law(energy), energy, features)


def _moments(difference: np.ndarray, energy: np.ndarray, features: Any) -> np.ndarray:
    if features is None:
        return difference
    _, features = checked_tables(energy=energy, features=features)
    return (difference[..., :, None] * features).sum(axis=-2)


def jacobian(kernel_of: Callable[[np.ndarray], np.ndarray], energy: Any, data: Any, *, steps: int = 1) -> np.ndarray:
    """du(x) / dE(y) of the CD-k update, [x, y], the kernel moving along with the energy; by dual numbers.

    kernel_of  the kernel [x, y] of an energy [n], such as `lambda energy: gibbs_kernel(energy, (2, 2))`.
    Symmetric iff CD-k is locally the gradient of something.
    """
    energy, data = checked(energy=energy, data=data)
    if energy.ndim != 1 or data.ndim != 1:
        raise InvalidArgument(f"energy {energy.shape} and data {data.shape}; expected one problem at a time, [n]")
    return duals.jacobian(lambda moved: _after(data, kernel_of(moved), steps) - data, energy)


def barker_loss(energy: Any, data: Any, proposal: Any) -> Any:
    """Phi = sum over x != y of p(x) S(x, y) softplus(E(x) - E(y)), in nats: CD-1 with Barker's kernel descends it.

    Convex in the energy; stationary at p_theta = p. proposal S [..., x, y], symmetric.
    """
    energy, data, proposal = checked_tables(energy=energy, data=data, proposal=proposal)
    barrier = scalars.softplus(energy[..., :, None] - energy[..., None, :])
    flow = data[..., :, None] * proposal * (1 - np.eye(energy.shape[-1], dtype=int))
    return (flow * barrier).sum(axis=(-2, -1))


def negative_phase_update(sampler: Any, data: Any) -> np.ndarray:
    """q - p, [..., n]: the update of each energy with unweighted samples of q in place of the model's."""
    n = common_arithmetic(sampler=sampler)["sampler"].shape[-1:] or 1
    _, sampler, data = checked(energy=np.zeros(n, dtype=int), sampler=sampler, data=data)
    return sampler - data


def negative_phase_bias(energy: Any, sampler: Any, *, features: Any = None) -> np.ndarray:
    """E_q[F] - E_{p_theta}[F], [..., k]: update minus gradient of LL; zero iff q has the model's feature moments.

    Without features the energy is a table: q - p_theta, [..., n]. features [n, k].
    """
    energy, sampler = checked(energy=energy, sampler=sampler)
    return _moments(sampler - ebm.law(energy), energy, features)
