"""Number types, and the elementary functions that formulas use on arrays of any of them.

`float64` arrays take the fast road through numpy. Object arrays carry balls (`balls`), rationals and their logarithms
(`rationals`, `logs`), symbols (`symbols`), and types that ride on others: `duals` differentiate, `rounding` bounds the
error of the same formula in floats, `stacked` does so for many instances at once. This package is the only place that
knows them apart.
"""

from mdps.scalars.elementary import (
    exp,
    largest,
    log,
    log_normalized,
    logsumexp,
    over,
    sigmoid,
    softplus,
)
from mdps.scalars.levels import (
    LEVELS,
    constant,
    convert,
    finite_mask,
    level_of,
    log_zero,
    negative_mask,
    zero_mask,
)
from mdps.scalars.logs import LogRational

__all__ = [
    "LEVELS",
    "LogRational",
    "constant",
    "convert",
    "exp",
    "finite_mask",
    "largest",
    "level_of",
    "log",
    "log_normalized",
    "log_zero",
    "logsumexp",
    "negative_mask",
    "over",
    "sigmoid",
    "softplus",
    "zero_mask",
]
