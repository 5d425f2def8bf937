"""Named tiny sample spaces, in exact numbers, as witnesses: `coin` meets no assumption, and each keyword adds one."""

from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq

from equivalence.objectives import ebm
from mdps import scalars


def coin(*, own_sampler: bool = False, own_data: bool = False, own_normalizer: bool = False) -> dict[str, Any]:
    """Two outcomes of weights 1 and 3, so p_theta = (1/4, 3/4), Z_theta = 4; q = (1/2, 1/2), p = (1/3, 2/3), Z = 2.

    own_sampler, own_data  q = p_theta, p = p_theta;  own_normalizer  Z = Z_theta.
    """
    energy = -scalars.log(np.array([Fraction(1), Fraction(3)], dtype=object))
    model = ebm.law(energy)
    return {
        "energy": energy,
        "sampler": model if own_sampler else probabilities(1, 1),
        "data": model if own_data else probabilities(1, 2),
        "log_normalizer": ebm.log_partition(energy) if own_normalizer else scalars.log(Fraction(2)),
        "direction": numbers(1, -2),
        "noise_ratio": fmpq(3),
    }


def die() -> dict[str, Any]:
    """Three outcomes of weights 1, 3 and 2, all different from sampler and data."""
    return {
        "energy": -scalars.log(np.array([Fraction(1), Fraction(3), Fraction(2)], dtype=object)),
        "sampler": probabilities(1, 1, 2),
        "data": probabilities(1, 2, 3),
        "log_normalizer": scalars.log(Fraction(4)),
        "direction": numbers(1, -2, 1),
        "noise_ratio": fmpq(3),
    }


def half_covered() -> dict[str, Any]:
    """Three outcomes, of which the sampler never shows the last."""
    return {
        "energy": -scalars.log(np.array([Fraction(1), Fraction(3), Fraction(2)], dtype=object)),
        "sampler": probabilities(1, 1, 0),
        "data": probabilities(1, 1, 2),
        "log_normalizer": scalars.log(Fraction(2)),
        "direction": numbers(1, -2, 1),
        "noise_ratio": fmpq(3),
    }


def probabilities(*counts: int) -> np.ndarray:
    """Counts divided by their sum."""
    return scalars.convert(np.array([Fraction(k, sum(counts)) for k in counts], dtype=object), "exact")


def numbers(*values: int) -> np.ndarray:
    """Exact whole numbers."""
    return scalars.convert(np.array(values, dtype=object), "exact")
