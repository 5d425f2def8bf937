"""The minimum of a smooth convex function, by damped Newton steps in balls, with a proof that it is there.

Let f on R^k be convex, with third derivatives that are bounded by the second,

    |f'''(theta)[u, v, v]| <= R |u| f''(theta)[v, v],

as losses of exponential families and logistic regressions have, R a diameter of the features. Along a line the
curvature then falls at most exponentially, f''(theta + t u) >= e^(-R t) f''(theta) for |u| = 1, so that

1. *A certificate.* With g = f'(theta) and 0 < m <= the least eigenvalue of f''(theta), the slope at distance t in
   any direction is at least -|g| + m (1 - e^(-R t)) / R. If R |g| < m it is positive from some t on: f has exactly
   one minimum theta*, and

       |theta - theta*| <= -log(1 - R |g| / m) / R.

2. *A step.* With n = f''^-1 g and beta = R |n|, theta - n log(1 + beta) / beta decreases f from anywhere, and is a
   Newton step near the minimum: no line search.

Everything is computed in balls, m as 1 / |f''^-1| in the Frobenius norm, and the precision climbs until the
certificate says what was asked for. A minimum that does not exist is never certified.
Source: bach2010; derived.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from flint import arb, arb_mat, ctx

from mdps import OutOfReach
from mdps.scalars.balls import precision

FIRST_BITS, LAST_BITS = 128, 2**14
MOST_STEPS = 5_000  # at each precision
FLOAT_BITS = 60  # beyond the 53 of a float: its last bit is then nearly always right


class Derivatives(NamedTuple):
    """f'(theta) [k, 1] and f''(theta) [k, k] as matrices of balls, at the current precision."""

    gradient: arb_mat
    hessian: arb_mat


class Minimum(NamedTuple):
    """A point [k] of dyadic numbers (exact balls), and a ball above its distance from the minimum."""

    theta: list[arb]
    distance: arb


def column(entries: Any) -> arb_mat:
    """A column of balls."""
    return arb_mat([[x] for x in entries])


def norm(matrix: arb_mat) -> arb:
    """Above the Frobenius norm, which is above the spectral one."""
    return sum((x.abs_upper() ** 2 for x in matrix.entries()), arb(0)).sqrt()


def certified_distance(found: Derivatives, inverse: arb_mat, diameter: arb) -> arb | None:
    """-log(1 - R |g| / m) / R, or None where R |g| < m is not certain."""
    share = diameter * norm(found.gradient) * norm(inverse)
    if not share < 1:
        return None
    return -(-share).log1p() / diameter


def minimum(
    derivatives: Callable[[list[arb]], Derivatives],
    diameter: Callable[[], arb],
    start: list[arb],
    *,
    accuracy_bits: int,
    climbs: bool = True,
) -> Minimum:
    """The minimum of f, certified to within 2^-accuracy_bits (1 + |theta|).

    derivatives, diameter  f', f'' and R, in balls of the current precision.
    climbs                 whether more bits help; else the inputs are balls, and the best certificate is returned.

    Errors: `OutOfReach` where no certificate is found: the minimum is not there, or so far away or so flat that
    16,384 bits do not show it.
    Cost: a few dozen steps, more if the minimum is far away (its distance times R).
    """
    theta = start
    bits = FIRST_BITS if climbs else ctx.prec
    while bits <= LAST_BITS:
        with precision(bits):
            found, theta = _descended(derivatives, diameter(), theta, accuracy_bits)
        if found is not None and (not climbs or _accurate(found, accuracy_bits)):
            return found
        if not climbs:
            break
        bits *= 2
    raise OutOfReach(
        f"no minimum is certified with {bits if not climbs else LAST_BITS} bits; it does not exist, or the function "
        "is so flat there that more bits are needed"
    )


def _accurate(found: Minimum, accuracy_bits: int) -> bool:
    size = norm(column(found.theta))
    return bool(found.distance < arb(2) ** -accuracy_bits * (1 + size))


def _descended(
    derivatives: Callable[[list[arb]], Derivatives], diameter: arb, theta: list[arb], accuracy_bits: int
) -> tuple[Minimum | None, list[arb]]:
    """Newton steps until the gradient is no more than the rounding of this precision: the best certificate, if any."""
    best: Minimum | None = None
    for _ in range(MOST_STEPS):
        found = derivatives(theta)
        try:
            inverse = found.hessian.inv()
        except ZeroDivisionError:  # flat, as far as these bits show
            return best, theta
        distance = certified_distance(found, inverse, diameter)
        if distance is not None:
            if best is not None and not distance.upper() < best.distance:
                return best, best.theta
            best = Minimum(theta, arb(distance.upper()))
            if _accurate(best, accuracy_bits):
                return best, theta
        step = inverse * found.gradient
        length, blur = norm(step), norm(column([x.rad() for x in step.entries()]))
        if not (length.is_finite() and 2 * blur < length):  # rounding, not a direction
            return best, theta
        damped = (1 + diameter * length).log() / (diameter * length)
        theta = [arb((x - damped * s).mid()) for x, s in zip(theta, step.entries(), strict=True)]
    return best, theta


def located(
    derivatives: Callable[[list[arb]], Derivatives],
    diameter: Callable[[], arb],
    determined: np.ndarray,
    *,
    level: str,
    exact: bool,
) -> tuple[np.ndarray, Any]:
    """The minimum as an array [k] and a bound of its distance: floats, or balls that contain it.

    determined [k]  which parameters f determines; it is a function of these, and the others are 0.
    level, exact    'float' or 'ball', and whether the inputs of f are exact numbers, so that more bits help.
    """
    start = [arb(0)] * int(determined.sum())
    bits = FLOAT_BITS if level == "float" else ctx.prec
    found = minimum(derivatives, diameter, start, accuracy_bits=bits, climbs=exact and level == "float")
    if level == "ball":
        theta = np.full(len(determined), arb(0), dtype=object)
        theta[determined] = [arb(x, found.distance) for x in found.theta]
        return theta, found.distance
    theta = np.zeros(len(determined))
    theta[determined] = [float(x) for x in found.theta]
    moved = column([x - arb(y) for x, y in zip(found.theta, theta[determined], strict=True)])
    return theta, rounded_up(found.distance + norm(moved))


def rounded_up(x: arb) -> float:
    """A float that is at least the ball."""
    return float(np.nextafter(float(x.upper()), np.inf))
