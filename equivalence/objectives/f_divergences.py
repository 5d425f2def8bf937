"""f-divergences of measures on a finite space, and their variational form: f-GAN.

    D_f(p || q)  = sum_{p, q > 0} q f(p/q) + f(0) q(p = 0) + f'(inf) p(q = 0)
                 = max_T  E_p T - E_q f*(T),        at T(x) = f'(p(x) / q(x))
    dD_f/dp(x)   = f'(p/q)               =  T(x)
    dD_f/dq(x)   = f(p/q) - f'(p/q) p/q  = -f*(T(x))
    d bound/dT(x) = p(x) - q(x) f*'(T(x))

So a sampler that descends the bound with the optimal critic frozen descends D_f itself. With any other critic the bound
is lower than D_f, and so is what is learned from it. The generators are those of `f_generators`, by name or of one's
own.

p and q may be measures of any mass. D_f(c p || c q) = c D_f(p || q); where the two masses differ, D_f depends on which
of the generators f(u) + k (u - 1) is taken, and may be negative.

Limits. Where q = 0 < p the critic is f'(inf) and where p = 0 < q it is f'(0), possibly log 0; an infinite divergence is
an error. Where both are 0 nothing depends on the critic, and it is f'(1). Gradients are to free tables, and are
one-sided where p or q is 0; on the simplex only their differences count (`tangent`). At a kink of f the middle of the
subdifferential stands for the slope.
Source: nowozin2016.
"""

from typing import Any

import numpy as np

from equivalence.objectives.f_generators import Generator, Limit, generator
from equivalence.objectives.laws import bool_of, checked_measures, checked_tables, exceeds, first, in_range
from mdps import InvalidArgument, scalars


def f_divergence(f: str | Generator, p: Any, q: Any) -> Any:
    """D_f(p || q) of measures [..., n], over the last axis.

    Errors: `InvalidArgument` where it is infinite, with the outcome; `OutOfReach` where it is beyond the floats.

    >>> from fractions import Fraction
    >>> half, third = Fraction(1, 2), Fraction(1, 3)
    >>> f_divergence("pearson", [half, half], [third, 1 - third])
    1/8
    >>> f_divergence("kl", [half, half], [third, 1 - third])
    -3/2*log(2) + log(3)
    """
    p, q = checked_measures(p=p, q=q)
    return divergence_of_measures(generator(f), p, q)


def divergence_of_measures(f: Generator, p: np.ndarray, q: np.ndarray) -> Any:
    """D_f(p || q) of checked measures."""
    seen, drawn, both = _support(p, q)
    zero = scalars.constant(0, p + q)
    with np.errstate(all="ignore"):
        terms = scalars.over(both, f.term, p, q, otherwise=zero)
        for alone, limit, mass, at in (
            (seen & ~drawn, f.slope_at_infinity, p, "q = 0 < p"),
            (drawn & ~seen, f.at_zero, q, "p = 0 < q"),
        ):
            if alone.any():
                value = _finite_limit(limit, f"{f.name} is infinite", alone, at, mass)
                terms = np.where(alone, mass * value, terms)
        return in_range(terms.sum(axis=-1), f.name)


def optimal_critic(f: str | Generator, p: Any, q: Any) -> np.ndarray:
    """T(x) = f'(p(x) / q(x)), [..., n]: the critic whose bound is D_f(p || q). Log 0 where it is minus infinity.

    Errors: `InvalidArgument` where it is infinite: q = 0 < p, and so is the divergence.
    """
    f = generator(f)
    p, q = checked_measures(p=p, q=q)
    seen, drawn, both = _support(p, q)
    with np.errstate(all="ignore"):
        critic = scalars.over(both, f.slope, p, q, otherwise=scalars.constant(0, p + q))
        in_range(critic, f"the optimal critic of {f.name}", where=both)
        unseen = ~seen & ~drawn
        if unseen.any():
            one = 0 * p + 1
            critic = np.where(unseen, f.slope(one, one), critic)
        alone = seen & ~drawn
        if alone.any():
            limit = _finite_limit(f.slope_at_infinity, f"the critic of {f.name} is infinite", alone, "q = 0 < p", p)
            critic = np.where(alone, limit, critic)
        alone = drawn & ~seen
        if alone.any():
            low = f.slope_at_zero(p) if f.slope_at_zero else scalars.log_zero(p + q)
            critic = np.where(alone, low, critic)
    return critic


def variational_bound(f: str | Generator, critic: Any, p: Any, q: Any) -> Any:
    """E_p T - E_q f*(T) <= D_f(p || q) for measures p, q and any critic T, all [..., n]; maximized by T.

    A critic may be log 0 where p is 0, at which f* is -f(0).

    Errors: `InvalidArgument` where the critic leaves the domain of f* at q > 0, with the outcome; `OutOfReach` where
    balls leave that open, or symbols whether T < f'(0).
    """
    f = generator(f)
    critic, bottom, p, q = _with_critic(critic, p, q)
    seen, drawn, _ = _support(p, q)
    _check_domain(f, critic, bottom, drawn)
    zero = scalars.constant(0, p + q + critic)
    with np.errstate(all="ignore"):
        gained = scalars.over(seen, np.multiply, p, critic, otherwise=zero)
        paid = scalars.over(drawn, np.multiply, q, _conjugate(f, critic, bottom, drawn), otherwise=zero)
        return in_range((gained - paid).sum(axis=-1), f"the bound of {f.name}")


def critic_gradient(f: str | Generator, critic: Any, p: Any, q: Any) -> np.ndarray:
    """d bound / dT(x) = p(x) - q(x) f*'(T(x)), [..., n]; 0 at the optimal critic where f is smooth and p > 0.

    The same errors as `variational_bound`.
    """
    f = generator(f)
    critic, bottom, p, q = _with_critic(critic, p, q)
    _, drawn, _ = _support(p, q)
    _check_domain(f, critic, bottom, drawn)
    zero = scalars.constant(0, p + q + critic)
    rising = drawn & ~bottom & ~_below(f, critic, drawn & ~bottom)
    with np.errstate(all="ignore"):
        paid = scalars.over(rising, lambda q, t: q * f.ratio(t), q, critic, otherwise=zero)
        return in_range(p - paid, f"the slope of the bound of {f.name}")


def gradient_to_p(f: str | Generator, p: Any, q: Any) -> np.ndarray:
    """dD_f/dp(x) = f'(p/q), [..., n], p a free table: the optimal critic.

    Errors: `InvalidArgument` where it is infinite (at p = 0, and where the divergence is), or p = q = 0.
    """
    f = generator(f)
    return _gradient(f, p, q, f.slope, f.slope_at_infinity, f.slope_at_zero)


def gradient_to_q(f: str | Generator, p: Any, q: Any) -> np.ndarray:
    """dD_f/dq(x) = f(p/q) - f'(p/q) p/q = -f*(T(x)), [..., n], q a free table.

    Errors: `InvalidArgument` where it is infinite (at q = 0, and where the divergence is), or p = q = 0.
    """
    f = generator(f)
    at_infinity = f.conjugate_at_infinity
    return _gradient(
        f, p, q, lambda p, q: -f.conjugate_slope(p, q), (lambda x: -at_infinity(x)) if at_infinity else None, f.at_zero
    )


def _gradient(f: Generator, p: Any, q: Any, inside: Any, at_infinity: Limit, at_zero: Limit) -> np.ndarray:
    p, q = checked_measures(p=p, q=q)
    seen, drawn, both = _support(p, q)
    neither = ~seen & ~drawn
    if neither.any():
        raise InvalidArgument(f"{f.name} has no gradient at {first(neither)}, where p = q = 0; leave that outcome out")
    with np.errstate(all="ignore"):
        slope = scalars.over(both, inside, p, q, otherwise=scalars.constant(0, p + q))
        for alone, limit, at in ((seen & ~drawn, at_infinity, "q = 0 < p"), (drawn & ~seen, at_zero, "p = 0 < q")):
            if alone.any():
                slope = np.where(alone, _finite_limit(limit, f"the slope of {f.name} is infinite", alone, at, p), slope)
        return in_range(slope, f"the slope of {f.name}")


def _support(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where p > 0, where q > 0, and where both are."""
    seen, drawn = ~scalars.zero_mask(p), ~scalars.zero_mask(q)
    return seen, drawn, seen & drawn


def _finite_limit(limit: Limit, otherwise: str, where: np.ndarray, at: str, like: np.ndarray) -> np.ndarray:
    if limit is None:
        raise InvalidArgument(f"{otherwise}: {at} at {first(where)}")
    return limit(like)


def _with_critic(critic: Any, p: Any, q: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The critic with 0 in place of log 0, where it is log 0, and the measures."""
    table, bottom = without_log_zero(critic)
    table, p, q = checked_tables(measures=("p", "q"), critic=table, p=p, q=q)
    bottom = np.broadcast_to(bottom, table.shape)
    lost = bottom & ~scalars.zero_mask(p)
    if lost.any():
        raise InvalidArgument(f"critic{first(lost)} is minus infinity where p > 0: so is the bound")
    return table, bottom, p, q


def without_log_zero(table: Any) -> tuple[Any, np.ndarray]:
    """A table with 0 in place of each log 0, and where it was; what is no table of numbers stays."""
    try:
        array = np.asarray(table)
    except ValueError:
        return table, np.array(False)
    if array.dtype.kind == "f":
        bottom = array == -np.inf
    elif array.dtype == object and array.size:
        try:
            bottom = np.asarray(array == scalars.log_zero(array), dtype=bool)
        except InvalidArgument:
            return table, np.array(False)
    else:
        return array, np.array(False)
    return (np.where(bottom, scalars.constant(0, array[~bottom]), array), bottom) if bottom.any() else (array, bottom)


def _check_domain(f: Generator, critic: np.ndarray, bottom: np.ndarray, drawn: np.ndarray) -> None:
    """f*(T) is finite where q > 0."""
    if f.at_zero is None and (bottom & drawn).any():
        raise InvalidArgument(f"critic{first(bottom & drawn)} is minus infinity, and f(0) of {f.name} is infinite")
    if f.slope_at_infinity is None:
        return
    at = drawn & ~bottom
    if not at.any():
        return
    t = critic[at]
    limit = f.slope_at_infinity(t)
    if scalars.level_of(t) == "symbolic":  # what free symbols leave open is inside
        outside = np.array([bool_of(x > y) for x, y in zip(t, limit, strict=True)])
    else:
        outside = exceeds(t, limit) if f.conjugate_at_infinity else ~exceeds(limit, t)
    if outside.any():
        place = [int(i) for i in np.argwhere(at)[np.flatnonzero(outside)[0]]]
        relation = "at most" if f.conjugate_at_infinity else "below"
        raise InvalidArgument(
            f"critic{place} is {critic[tuple(place)]}; f* of {f.name} is finite {relation} {limit[outside][0]}"
        )


def _below(f: Generator, critic: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Where T < f'(0), so that f*(T) = -f(0) does not rise."""
    low = f.slope_at_zero
    if low is None:
        return np.zeros(critic.shape, dtype=bool)
    return scalars.over(at, lambda t: exceeds(low(t), t), critic, otherwise=False)


def _conjugate(f: Generator, critic: np.ndarray, bottom: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """f*(T) where q > 0."""
    at = drawn & ~bottom
    low = _below(f, critic, at)
    value = scalars.over(at & ~low, f.conjugate, critic, otherwise=scalars.constant(0, critic))
    lowest = (bottom & drawn) | low
    if lowest.any() and f.at_zero is not None:
        value = np.where(lowest, -f.at_zero(critic), value)
    return value
