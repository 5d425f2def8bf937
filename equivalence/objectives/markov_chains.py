"""Transition kernels on a finite space that leave an energy-based model invariant.

    Barker   K(x, y) = S(x, y) p(y) / (p(x) + p(y)) = S(x, y) sigmoid(E(x) - E(y)),   y != x
             for a symmetric proposal S; what is rejected stays. Reversible: p(x) K(x, y) = p(y) K(y, x).
    Gibbs    on a product space, K = K_1 K_2 ... K_d, K_i(x, y) = p(y_i | x_-i) where y_-i = x_-i (systematic scan).
             Each K_i is reversible; the scan leaves p invariant, p K = p, and is not reversible in general.

How fast a kernel forgets: with the coefficient d(K) = max_x,x' TV(K(x, .), K(x', .)) of Dobrushin,
TV(p K^k, p_theta) <= d(K)^k TV(p, p_theta).
Source: barker1965; levin2009.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from equivalence.objectives.space import checked, common_arithmetic
from equivalence.objectives.tables import checked_tables
from mdps import InvalidArgument, scalars


def barker_kernel(energy: Any, proposal: Any) -> np.ndarray:
    """K(x, y) = S(x, y) sigmoid(E(x) - E(y)) for y != x, [..., x, y]; the rest of each row stays at x.

    energy [..., n]; proposal S [..., x, y] symmetric, its rows sum to 1.

    >>> import numpy as np
    >>> from fractions import Fraction
    >>> from mdps import log
    >>> energy = -log(np.array([Fraction(1), Fraction(3)], dtype=object))
    >>> barker_kernel(energy, np.array([[0, 1], [1, 0]]))
    array([[1/4, 3/4],
           [1/4, 3/4]], dtype=object)
    """
    energy, proposal = checked_tables(energy=energy, proposal=proposal)
    n = energy.shape[-1]
    rise = energy[..., None, :] - energy[..., :, None]
    moved = proposal * scalars.sigmoid(-rise) * (1 - np.eye(n, dtype=int))
    stays = (proposal * scalars.sigmoid(rise) * (1 - np.eye(n, dtype=int))).sum(axis=-1)
    kept = np.eye(n, dtype=int) * (stays + np.diagonal(proposal, axis1=-2, axis2=-1))[..., None]
    return moved + kept


def checked_shape(shape: Sequence[int], n: int) -> tuple[int, ...]:
    """The sizes of the factors of a product space of n outcomes, in the order of C: the last one varies fastest."""
    sizes = tuple(int(size) for size in shape)
    if not sizes or min(sizes) < 1 or int(np.prod(sizes)) != n:
        raise InvalidArgument(f"shape {sizes} has {int(np.prod(sizes))} outcomes; expected a product of {n}, as energy")
    return sizes


def conditionals(energy: np.ndarray, sizes: tuple[int, ...], i: int) -> tuple[np.ndarray, np.ndarray]:
    """log sum over x_i of e^-E, and p(x_i | x_-i), both [..., n] at x; energies are checked already."""
    table = np.moveaxis(energy.reshape(*energy.shape[:-1], *sizes), energy.ndim - 1 + i, -1)
    log_totals, probability = scalars.log_normalized(-table)
    log_totals = np.broadcast_to(np.asarray(log_totals)[..., None], probability.shape)
    back = (np.moveaxis(x, -1, energy.ndim - 1 + i).reshape(energy.shape) for x in (log_totals, probability))
    first, second = back
    return first, second


def same_elsewhere(sizes: tuple[int, ...], i: int) -> np.ndarray:
    """Which outcomes agree in every factor but i, [x, y]."""
    places = np.stack(np.unravel_index(np.arange(int(np.prod(sizes))), sizes), axis=-1)
    others = np.delete(places, i, axis=1)
    return (others[:, None, :] == others[None, :, :]).all(axis=-1)


def gibbs_kernel(energy: Any, shape: Sequence[int]) -> np.ndarray:
    """A systematic scan, first factor first: K = K_1 ... K_d, [..., x, y], on a space of the given shape.

    energy [..., n], n the product of the shape; the last factor varies fastest.
    """
    (energy,) = checked(energy=energy)
    sizes = checked_shape(shape, energy.shape[-1])
    kernel = None
    for i in range(len(sizes)):
        step = conditionals(energy, sizes, i)[1][..., None, :] * same_elsewhere(sizes, i).astype(int)
        kernel = step if kernel is None else kernel @ step
    assert kernel is not None
    return kernel


def dobrushin_coefficient(kernel: Any) -> Any:
    """max over x, x' of TV(K(x, .), K(x', .)), [...]: between 0 (forgets in one step) and 1."""
    n = common_arithmetic(kernel=kernel)["kernel"].shape[-1:] or 1
    _, kernel = checked_tables(energy=np.zeros(n, dtype=int), kernel=kernel)
    distances = np.abs(kernel[..., :, None, :] - kernel[..., None, :, :]).sum(axis=-1) / 2
    return scalars.largest(distances.reshape(*kernel.shape[:-2], -1))
