"""The root of a decreasing sum of sigmoids, in every arithmetic that has one.

    g(z) = sum_i m_i sigmoid(l_i - z) - c,        m_i > 0, 0 < c < sum m_i

is decreasing, and its root lies between min l - log(c / (M - c)) and max l - log(c / (M - c)), M = sum m_i: with all l
equal it is at l - z = log(c / (M - c)). Floats bracket it; balls bisect, refine by Newton steps and certify
the signs of g on both sides; types that ride on floats take one Newton step from the root of their values, which
carries first derivatives through (implicit function theorem).
"""

from typing import Any

import numpy as np
import scipy.optimize.elementwise
from flint import arb, ctx

from mdps import OutOfReach, scalars


def decreasing_logistic_root(mass: np.ndarray, logit: np.ndarray, target: np.ndarray, mask: np.ndarray) -> Any:
    """The root z [...] of sum over the mask of mass [..., n] * sigmoid(logit [..., n] - z) = target [...]."""
    if mass.dtype != object and logit.dtype != object:
        return _float_root(mass, logit, target, mask)
    result = np.empty(target.shape, dtype=object)
    for index in np.ndindex(target.shape):
        here = mask[index]
        result[index] = _scalar_root(mass[index][here], logit[index][here], target[index])
    return result[()]


def _float_root(mass: np.ndarray, logit: np.ndarray, target: np.ndarray, mask: np.ndarray) -> Any:
    mass = np.where(mask, mass, 0.0)
    odds = np.log(target) - np.log(mass.sum(axis=-1) - target)
    low = np.where(mask, logit, np.inf).min(axis=-1) - odds
    high = np.where(mask, logit, -np.inf).max(axis=-1) - odds
    # Both ends may be the root, where rounding decides the signs of g; a nat beyond them it does not.
    widening = 1 + 4 * np.spacing(np.maximum(np.abs(low), np.abs(high)))
    low, high = low - widening, high + widening

    def excess(z: np.ndarray, row: np.ndarray) -> np.ndarray:
        terms = rows_of_mass[row] * scalars.sigmoid(rows_of_logit[row] - z[..., None])
        return terms.sum(axis=-1) - targets[row]

    rows_of_mass, rows_of_logit, targets = (
        mass.reshape(-1, mass.shape[-1]),
        logit.reshape(-1, logit.shape[-1]),
        target.ravel(),
    )
    found = scipy.optimize.elementwise.find_root(excess, (low.ravel(), high.ravel()), args=(np.arange(targets.size),))
    return found.x.reshape(target.shape)[()]


def _value(x: Any) -> Any:
    """The number that a dual or a rounding tape carries, down to a float or a ball."""
    while hasattr(x, "value"):
        x = x.value
    return x


def _excess(mass: np.ndarray, logit: np.ndarray, target: Any, z: Any) -> Any:
    return (mass * scalars.sigmoid(logit - z)).sum() - target


def _newton_step(mass: np.ndarray, logit: np.ndarray, target: Any, z: Any) -> Any:
    slope = (mass * scalars.sigmoid(logit - z) * scalars.sigmoid(z - logit)).sum()
    return z + _excess(mass, logit, target, z) / slope


def _scalar_root(mass: np.ndarray, logit: np.ndarray, target: Any) -> Any:
    level = scalars.level_of(np.array([*mass, *logit, target], dtype=object))
    if level in ("exact", "field", "symbolic"):
        raise OutOfReach(
            "the optimal log normalizer is the root of an algebraic equation, not a rational number or its logarithm; "
            "take balls or floats, or choose data for which a given one is optimal: the equation is linear in them"
        )
    if level == "ball":
        return _ball_root(mass, logit, target)
    if level == "float":
        mass, logit = mass.astype(float), logit.astype(float)
        return _float_root(mass, logit, np.asarray(float(target)), np.ones(mass.shape, dtype=bool))
    mass_value, logit_value = (np.array([_value(x) for x in array], dtype=object) for array in (mass, logit))
    return _newton_step(mass, logit, target, _scalar_root(mass_value, logit_value, _value(target)))


def _ball_root(mass: np.ndarray, logit: np.ndarray, target: arb) -> arb:
    """Bisection on certified signs, down to where Newton's steps converge; then those, and certified signs again.

    Between logits that are far apart g is flat, and a Newton step from there leads anywhere.
    """
    odds = (target / (mass.sum() - target)).log()
    low, high = (arb(f(float(x.mid()) for x in logit)) - arb(odds.mid()) for f in (min, max))
    margin = 1 + (abs(low) + abs(high)) * arb(2) ** -50  # the middles were rounded to floats
    low, high = _bisected(mass, logit, target, arb((low - margin).mid()), arb((high + margin).mid()))
    z, width = arb(((low + high) / 2).mid()), high - low
    for _ in range(ctx.prec.bit_length()):  # each step doubles the correct bits
        step = arb(_newton_step(mass, logit, target, z).mid())
        if not (low - width < step and step < high + width):
            break
        z = step
    radius = arb(2) ** (8 - ctx.prec) * (1 + abs(z))
    while radius < width:
        if _excess(mass, logit, target, z - radius) > 0 and _excess(mass, logit, target, z + radius) < 0:
            return (z - radius).union(z + radius)
        radius = radius * 4
    return low.union(high)


def _bisected(mass: np.ndarray, logit: np.ndarray, target: arb, low: arb, high: arb) -> tuple[arb, arb]:
    """Points with certified signs of g on both sides of the root, close to each other where the precision allows it."""
    if not (_excess(mass, logit, target, low) > 0 and _excess(mass, logit, target, high) < 0):
        raise OutOfReach(
            f"at {ctx.prec} bits the signs beside the optimal log normalizer are open; raise the precision"
        )
    while high - low > arb(2) ** -10:
        middle = arb(((low + high) / 2).mid())
        excess = _excess(mass, logit, target, middle)
        if excess > 0:
            low = middle
        elif excess < 0:
            high = middle
        else:  # the sign is open at this precision
            break
    return low, high
