"""-log D of a logit l, D = sigmoid(l), as code computes it that fears log 0, and its slope to l.

    plus c        -log(D + c)                          slope  -D (1 - D) / (D + c)
    clipped c     -log of D within [c, 1 - c]          slope  D - 1 inside, 0 outside
    softplus      softplus(-l), which is -l itself above 20 in torch, slope -1 there

A right function is `softplus(-l)` with slope `D - 1`. `by_difference` computes the share of the other side as 1 - D,
which is the same number with fewer digits.
"""

from typing import Any

import numpy as np

from mdps import scalars

CUT = 20  # torch.nn.functional.softplus, its default threshold
SOFTPLUS = "softplus above 20"


def number(how: str) -> float:
    """c of "plus c" or "clipped c": the float that a subject writes."""
    return float(how.split()[-1])


def surprise(logit: np.ndarray, how: str, *, plus: bool, by_difference: bool = False) -> np.ndarray:
    """-log D, or -log(1 - D) where not `plus`."""
    return _each(lambda x: _surprise(*_shares(x, plus, by_difference), how, plus), logit)


def slope(logit: np.ndarray, how: str, *, plus: bool, by_difference: bool = False) -> np.ndarray:
    """The derivative of -log D to l, or of -log(1 - D) to -l where not `plus`."""
    return _each(lambda x: _slope(*_shares(x, plus, by_difference), how, plus), logit)


def _shares(x: Any, plus: bool, by_difference: bool) -> tuple[Any, Any, Any]:
    """The logit of what is to be shared, its share, and that of the other side."""
    d = _of(scalars.sigmoid, x)
    rest = 1 - d if by_difference else _of(scalars.sigmoid, -x)
    return (x, d, rest) if plus else (-x, rest, d)


def _each(function: Any, logit: np.ndarray) -> np.ndarray:
    """Entry by entry: which side of a threshold an entry is on is its own."""
    flat = [function(x) for x in np.asarray(logit).ravel()]
    return np.array(flat, dtype=np.asarray(logit).dtype).reshape(np.shape(logit))


def _of(function: Any, x: Any) -> Any:
    """A function of arrays at a number."""
    return function(np.array([x], dtype=float if isinstance(x, float) else object))[0]


def _surprise(x: Any, share: Any, rest: Any, how: str, plus: bool) -> Any:
    if how == SOFTPLUS:
        return -x if -x > CUT else _of(scalars.softplus, -x)
    c, zero = number(how), 0 * x
    if how.startswith("plus"):
        return -_of(scalars.log, share + c)
    least, largest = _limits(c, plus)
    return -_of(scalars.log, zero + least if share < least else zero + largest if rest < 1 - largest else share)


def _slope(x: Any, share: Any, rest: Any, how: str, plus: bool) -> Any:
    if how == SOFTPLUS:
        return 0 * x - 1 if -x > CUT else -rest
    c = number(how)
    if how.startswith("plus"):
        return -share * rest / (share + c)
    least, largest = _limits(c, plus)
    return 0 * x if share < least or rest < 1 - largest else -rest


def _limits(c: float, plus: bool) -> tuple[float, float]:
    """Those of D, or of 1 - D where not `plus`: it is D that is clipped, to the floats c and 1 - c."""
    highest = 1.0 - c
    return (c, highest) if plus else (1.0 - highest, 1.0 - c)
