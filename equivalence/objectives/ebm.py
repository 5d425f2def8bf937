"""Energy-based models on a finite space.

    p_theta(x) = exp(-E(x)) / Z,        Z = sum_x exp(-E(x))
    LL         = E_p[-E] - log Z        the expected log-likelihood of data p
    dLL/dE(x)  = p_theta(x) - p(x)

Energies are in nats; for an energy E_theta chain the last line with dE/dtheta.
Source: lecun2006; finn2016.
"""

from typing import Any

import numpy as np

from equivalence.objectives.space import checked, inner
from mdps import scalars


def log_partition(energy: Any) -> Any:
    """log Z = log sum_x exp(-E(x)), in nats; energy [..., n]."""
    (energy,) = checked(energy=energy)
    return scalars.logsumexp(-energy)


def law(energy: Any) -> np.ndarray:
    """p_theta(x) = exp(-E(x)) / Z, [..., n]."""
    (energy,) = checked(energy=energy)
    return scalars.log_normalized(-energy, overwrite=True)[1]


def log_likelihood(energy: Any, data: Any) -> Any:
    """E_p[-E] - log Z, in nats, for data p [..., n]; maximized.

    >>> import numpy as np
    >>> from fractions import Fraction
    >>> from mdps import log
    >>> energy = -log(np.array([Fraction(1), Fraction(2)], dtype=object))
    >>> log_likelihood(energy, [Fraction(1, 2), Fraction(1, 2)])
    1/2*log(2) - log(3)
    """
    energy, data = checked(energy=energy, data=data)
    return -inner(data, energy) - scalars.logsumexp(-energy)


def gradient(energy: Any, data: Any) -> np.ndarray:
    """d log_likelihood / d E(x) = p_theta(x) - p(x), [..., n]."""
    energy, data = checked(energy=energy, data=data)
    return scalars.log_normalized(-energy)[1] - data
