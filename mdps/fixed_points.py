"""Fixed points V = T V of backups that are monotone and convex, with a certified bound on the error.

T is a Bellman operator without time: soft, hard, of one policy, or of the log weights of trajectories. Its derivative
at v is a chain A(v) [s, s'] of what goes on, and

    v <- v + (I - A(v))^-1 (T v - v)                      Newton's step, which is policy iteration

rises to V from any v <= T v, and doubles the correct digits once it is near. Large discounted models start with value
iteration v <- T v, which contracts the span of T v - v where chance mixes, and with the midrange correction
gamma / (1 - gamma) (min + max) / 2. Whatever found v, a w > 0 with (I - A) w >= 1 gives a scale epsilon with

    T(v + epsilon w) < v + epsilon w,        T(v - epsilon w) > v - epsilon w,

and since T is monotone V lies between: the error is at most epsilon max w. In floats both sides are checked with the
rounding of the backup, that of the inputs included, added against them. With w = 1 / (1 - gamma) this is Banach's
bound |T v - v| / (1 - gamma). The strict inequality above also certifies that the problem has a value at all: every
policy that never ends loses on average at each step.
Source: puterman1994; bertsekas1991.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from flint import arb, ctx

from mdps import linear, recorded, scalars
from mdps.door import UNIT_ROUNDOFF
from mdps.errors import InvalidArgument, OutOfReach
from mdps.scalars.elementary import entrywise

NEWTON_STEPS = 200
STALLED = 40  # Newton steps without a halving of |T v - v|: policy iteration need not bring it down at each step
DIRECT = 300  # states up to which Newton's method starts at once
WIDENINGS = 40  # doublings of epsilon before a certificate is given up


class Backup(Protocol):
    """T, its derivative, and the rounding of T in floats."""

    @property
    def discount(self) -> Any:
        """gamma."""
        ...

    def __call__(self, v: np.ndarray) -> tuple[np.ndarray, Any]:
        """T v [s], and the weights of what comes next (a policy, a tilted kernel)."""
        ...

    def chain(self, weights: Any) -> Any:
        """A [s, s'] >= 0 for these weights."""
        ...

    def rounding(self, v: np.ndarray) -> float:
        """A bound on |T v - T v in floats|, the rounding of the inputs to floats included."""
        ...

    def in_floats(self) -> "Backup":
        """The same over the floats that recorded numbers are."""
        ...


class Enclosed(NamedTuple):
    """A fixed point [s] and a bound on its error in the sup norm.

    Floats: |value - V| <= error. Balls contain V, and error is their largest radius. Exact numbers: error 0.
    """

    value: np.ndarray
    error: Any


def fixed_point(backup: Backup, start: np.ndarray) -> Enclosed | None:
    """V = T V, from a start that should not be above T of it; None where no bound could be certified."""
    level = scalars.level_of(start)
    if level == "float" and start.dtype != object:
        return _of_floats(backup, start)
    if level == "ball":
        try:
            return _of_balls(backup, start)
        except OutOfReach:  # steps that leave the range of balls, where there is no fixed point
            return None
    if level == "exact":
        return _of_rationals(backup, start)
    if level == "symbolic":
        return _of_symbols(backup, start)
    if level in ("carrier", "float"):  # plain floats among recorded ones are exact
        return _of_recorded(backup, start)
    raise OutOfReach(
        "values of control without a horizon are limits, which a finite field has not; take floats or balls"
    )


def _of_rationals(backup: Backup, v: np.ndarray) -> Enclosed | None:
    """Policy iteration to equality; soft values leave exact arithmetic on the way, which says so."""
    for _ in range(NEWTON_STEPS):
        after, weights = backup(v)
        change = after - v
        chain = backup.chain(weights)
        if (after == v).all():
            return Enclosed(v, scalars.constant(0, chain)) if linear.lengths(chain) is not None else None
        step = linear.solution(chain, change)
        if not linear.solved(step):
            return None
        v = v + step
    return None


def _of_symbols(backup: Backup, v: np.ndarray) -> Enclosed | None:
    after, weights = backup(v)
    v = v + linear.solution(backup.chain(weights), after - v)
    return Enclosed(v, scalars.constant(0, v))


def _of_recorded(backup: Backup, start: np.ndarray) -> Enclosed | None:
    """One recorded step from the fixed point of floats; what stops early is off by Banach's bound."""
    floats = backup.in_floats()
    found = fixed_point(floats, recorded.floats_of(start))
    if found is None:
        return None
    change = backup(found.value)[0] - found.value
    last_change = recorded.tape_of(change).last_change
    off = last_change / (1 - float(floats.discount)) if last_change else 0.0
    chain = floats.chain(floats(found.value)[1])
    return Enclosed(recorded.moved(found.value, change, chain, values_off=off), found.error)


def _of_balls(backup: Backup, v: np.ndarray) -> Enclosed | None:
    v = linear.middles(v)
    best, stalled, kept = arb("inf"), 0, v
    for _ in range(NEWTON_STEPS):
        after, weights = backup(v)
        change = after - v
        if not linear.solved(change):
            return None
        size = max(abs(arb(x.mid())) for x in change)
        noise = max(arb(x.rad()) for x in change) + arb(2) ** (4 - ctx.prec) * max(abs(x) for x in v)
        if 2 * size < best:
            best, stalled, kept = size, 0, v
        else:
            stalled += 1
        if bool(size <= noise) or stalled > STALLED:
            break
        step = linear.solution(backup.chain(weights), change)
        if not linear.solved(step):
            return None
        v = linear.middles(v + step)
    return _enclosed_by_balls(backup, kept)


def _enclosed_by_balls(backup: Backup, v: np.ndarray) -> Enclosed | None:
    after, weights = backup(v)
    w = _weights(backup, weights)
    if w is None:
        return None
    # No finer than v is written, or the exponentials of a backup are: v + epsilon w has to differ from v.
    grain = arb(2) ** (2 - ctx.prec) * (1 + max(arb(abs(x).upper()) for x in v))
    epsilon = 2 * max(arb(abs(x).upper()) for x in after - v) + grain
    for _ in range(WIDENINGS):
        low, high = linear.middles(v - epsilon * w), linear.middles(v + epsilon * w)
        if all(backup(high)[0] < high) and all(backup(low)[0] > low):
            value = entrywise(lambda pair: pair[0].union(pair[1]))(_pairs(low, high))
            return Enclosed(value, max(arb(x.rad()) for x in value))
        epsilon = 2 * epsilon
    return None


def _pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    pairs = np.empty(len(x), dtype=object)
    pairs[:] = list(zip(x, y, strict=True))
    return pairs


def _weights(backup: Backup, weights: Any) -> np.ndarray | None:
    """w [s] > 0 with (I - A) w >= 1 or nearly: for a discount 1 / (1 - gamma), else by a linear system."""
    if backup.discount == 1:
        return linear.lengths(backup.chain(weights))
    return 1 / (1 - backup.discount) * np.ones(1, dtype=int)


def _of_floats(backup: Backup, v: np.ndarray) -> Enclosed | None:
    with np.errstate(all="ignore"):
        if len(v) > DIRECT:
            v = _by_sweeps(backup, v)
        found = _by_newton(backup, v)
        return None if found is None else _enclosed_by_floats(backup, found)


def _by_sweeps(backup: Backup, v: np.ndarray) -> np.ndarray:
    """Value iteration: until the span allows the midrange correction to end it, or for some 20 + sqrt(S) sweeps."""
    gamma = float(backup.discount)
    for _ in range(20 + int(len(v) ** 0.5)):
        after, _ = backup(v)
        change = after - v
        low, high = float(change.min()), float(change.max())
        v = after
        if high - low <= 2 * backup.rounding(v):
            return v if gamma == 1 else v + gamma / (1 - gamma) * (low + high) / 2
    return v


def _by_newton(backup: Backup, v: np.ndarray) -> np.ndarray | None:
    best, stalled, kept = np.inf, 0, None
    for _ in range(NEWTON_STEPS):
        after, weights = backup(v)
        change = after - v
        size = float(np.abs(change).max())
        if not np.isfinite(size):
            break
        if 2 * size < best:
            best, stalled, kept = size, 0, v
        else:
            stalled += 1
        if size <= backup.rounding(v) or stalled > STALLED:
            break
        step = linear.solution(backup.chain(weights), change)
        v = v + step if linear.solved(step) else after  # where floats cannot tell, one more sweep
    return kept


def _enclosed_by_floats(backup: Backup, v: np.ndarray) -> Enclosed | None:
    after, weights = backup(v)
    w = _weights(backup, weights)
    if w is None:
        return None
    epsilon = 4 * (float(np.abs(after - v).max()) + backup.rounding(v))
    for _ in range(WIDENINGS):
        low, high = v - epsilon * w, v + epsilon * w
        rounding = max(backup.rounding(low), backup.rounding(high))
        if (backup(high)[0] + rounding < high).all() and (backup(low)[0] - rounding > low).all():
            width = max(float((high - v).max()), float((v - low).max()))
            return Enclosed(v, (width + rounding) * (1 + 4 * UNIT_ROUNDOFF))
        epsilon = 2 * epsilon
        if not np.isfinite(epsilon):
            break
    return None


def accepted(found: Enclosed, accuracy: Any, name: str = "v", *, size: Any = None) -> Enclosed:
    """The fixed point, if its error is as small as was asked for: by default half the digits of its size.

    A third of them in balls, whose inputs may be wide and whose radius is there to be seen.

    size  what the error is of: the largest entry if None.

    Errors: `OutOfReach` where it is not, with the bound that is certified.
    """
    if scalars.level_of(found.value) not in ("float", "ball"):
        return found
    if accuracy is None:
        half = 2.0**-26 if found.value.dtype != object else arb(2) ** (-ctx.prec // 3)
        accuracy = half * (1 + (max(abs(x) for x in found.value.ravel()) if size is None else size))
    elif not accuracy > 0:
        raise InvalidArgument(f"accuracy is {accuracy}; expected a positive number, in the unit of {name}")
    if not found.error <= accuracy:
        raise OutOfReach(
            f"the error of {name} is certified to be at most {float(found.error):.3g}, and at most "
            f"{float(accuracy):.3g} was asked for; take level 'ball' with more bits, or ask for accuracy="
        )
    return found
