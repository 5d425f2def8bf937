"""Generators of f-divergences, by name: f, its slope, its conjugate, and their limits.

    D_f(p || q) = sum_x q(x) f(p(x) / q(x)),      f convex on u > 0
    f*(t)       = sup_{u >= 0} t u - f(u)         conjugate; increasing, since u >= 0
    T(x)        = f'(p(x) / q(x))                 optimal critic
    f*'(T(x))   = p(x) / q(x)                     the ratio that a critic stands for

| name                | f(u)                                       | f'(u)              | f*(t), t < the limit       |
|---------------------|--------------------------------------------|--------------------|----------------------------|
| `kl`                | u log u                                    | 1 + log u          | e^(t-1)                    |
| `reverse_kl`        | -log u                                     | -1/u               | -1 - log(-t),        0     |
| `gail`              | u log u - (u+1) log((u+1)/2)               | log(2u/(u+1))      | -log(2 - e^t),       log 2 |
| `jensen_shannon`    | half of `gail`                             | half of it         | f*_gail(2t)/2,   (log 2)/2 |
| `gan`               | u log u - (u+1) log(u+1)                   | log(u/(u+1))       | -log(1 - e^t),       0     |
| `pearson`           | (u - 1)^2                                  | 2 (u - 1)          | t + t^2/4                  |
| `neyman`            | (u - 1)^2 / u                              | 1 - 1/u^2          | 2 - 2 sqrt(1-t),     1     |
| `squared_hellinger` | (sqrt u - 1)^2                             | 1 - 1/sqrt u       | t / (1 - t),         1     |
| `total_variation`   | |u - 1| / 2                                | sign(u - 1)/2      | t,                   1/2   |
| `alpha(a)`          | (u^a - 1 - a(u - 1)) / (a(a - 1))          | (u^(a-1) - 1)/(a-1)| (y^(a/(a-1)) - 1)/a        |

with y = 1 + (a - 1) t.
The limit of dom f* is f'(inf); where f* is finite there, it belongs to the domain (`neyman`, `total_variation`,
`alpha` below 0). Below f'(0) the supremum is at u = 0 and f* = -f(0): `pearson` below -2, `total_variation` below
-1/2, `alpha` above 1 below -1/(a-1). Tables that take f on all of the real line print the parabola of `pearson` there.

Two Jensen-Shannon divergences are in use. `jensen_shannon`, JSD, is (KL(p||m) + KL(q||m))/2, at most log 2; GAIL's
form is twice that, at most log 4. `gan` is what a discriminator's objective is: D_gan = 2 JSD - log 4, and f(1) is not
0. T = log D for it. `pearson` is chi2(p || q), `neyman` chi2(q || p).

Formulas are in p and q, not in u = p/q, which may overflow where the divergence does not; q f(p/q) is `term`. Squares
are products, since a ball around 0 has no power.
Source: nowozin2016; ho2016; goodfellow2014.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives.laws import exceeds
from mdps import InvalidArgument, scalars

Table = np.ndarray
Limit = Callable[[Table], Table] | None  # of an array, whose arithmetic it takes; None: infinite


class Generator(NamedTuple):
    """A convex function f on u > 0, with u = p/q; arrays of the same shape in and out.

    term(p, q)             q f(p/q)
    slope(p, q)            f'(p/q)
    conjugate(t)           f*(t), for f'(0) <= t in the domain
    ratio(t)               f*'(t) = u
    conjugate_slope(p, q)  f*(f'(p/q)) = u f'(u) - f(u)
    at_zero                f(0)                  slope_at_zero    f'(0); None: -infinity
    slope_at_infinity      f'(inf), the limit of dom f*
    conjugate_at_infinity  f*(f'(inf)); None: infinite, and the domain is open
    """

    name: str
    term: Callable[[Table, Table], Table]
    slope: Callable[[Table, Table], Table]
    conjugate: Callable[[Table], Table]
    ratio: Callable[[Table], Table]
    conjugate_slope: Callable[[Table, Table], Table]
    at_zero: Limit
    slope_at_zero: Limit
    slope_at_infinity: Limit
    conjugate_at_infinity: Limit


def fixed(numerator: int, denominator: int = 1) -> Callable[[Table], Table]:
    """A rational constant, in the arithmetic of an array."""
    return lambda x: (0 * x + numerator) / denominator if denominator != 1 else 0 * x + numerator


def log_two(x: Table) -> Table:
    """log 2, in the arithmetic of an array."""
    return scalars.log(0 * x + 2)


def _log_ratio(p: Table, q: Table) -> Table:
    return scalars.log(p) - scalars.log(q)


def _root_of_ratio(p: Table, q: Table) -> Table:
    return scalars.exp(_log_ratio(p, q) / 2)


def _half_sign(p: Table, q: Table) -> Table:
    """sign(p - q) / 2, and 0 at p = q: the middle of the subdifferential."""
    zero = 0 * p
    return np.where(exceeds(p, q), zero + 1, np.where(exceeds(q, p), zero - 1, zero)) / 2


def _square_root(x: Table) -> Table:
    """sqrt x for x >= 0; rational where the root is."""
    return scalars.over(
        ~scalars.zero_mask(x), lambda y: scalars.exp(scalars.log(y) / 2), x, otherwise=scalars.constant(0, x)
    )


KL = Generator(
    name="kl",
    term=lambda p, q: p * _log_ratio(p, q),
    slope=lambda p, q: 1 + _log_ratio(p, q),
    conjugate=lambda t: scalars.exp(t - 1),
    ratio=lambda t: scalars.exp(t - 1),
    conjugate_slope=lambda p, q: p / q,
    at_zero=fixed(0),
    slope_at_zero=None,
    slope_at_infinity=None,
    conjugate_at_infinity=None,
)
REVERSE_KL = Generator(
    name="reverse_kl",
    term=lambda p, q: q * _log_ratio(q, p),
    slope=lambda p, q: -q / p,
    conjugate=lambda t: -1 - scalars.log(-t),
    ratio=lambda t: -1 / t,
    conjugate_slope=lambda p, q: _log_ratio(p, q) - 1,
    at_zero=None,
    slope_at_zero=None,
    slope_at_infinity=fixed(0),
    conjugate_at_infinity=None,
)
GAN = Generator(
    name="gan",
    term=lambda p, q: p * _log_ratio(p, p + q) + q * _log_ratio(q, p + q),
    slope=lambda p, q: _log_ratio(p, p + q),
    conjugate=lambda t: -scalars.log(1 - scalars.exp(t)),
    ratio=lambda t: scalars.exp(t) / (1 - scalars.exp(t)),
    conjugate_slope=lambda p, q: _log_ratio(p + q, q),
    at_zero=fixed(0),
    slope_at_zero=None,
    slope_at_infinity=fixed(0),
    conjugate_at_infinity=None,
)
GAIL = Generator(
    name="gail",
    term=lambda p, q: p * _log_ratio(2 * p, p + q) + q * _log_ratio(2 * q, p + q),
    slope=lambda p, q: _log_ratio(2 * p, p + q),
    conjugate=lambda t: -scalars.log(2 - scalars.exp(t)),
    ratio=lambda t: scalars.exp(t) / (2 - scalars.exp(t)),
    conjugate_slope=lambda p, q: _log_ratio(p + q, 2 * q),
    at_zero=log_two,
    slope_at_zero=None,
    slope_at_infinity=log_two,
    conjugate_at_infinity=None,
)
PEARSON = Generator(
    name="pearson",
    term=lambda p, q: (p - q) * (p - q) / q,
    slope=lambda p, q: 2 * (p - q) / q,
    conjugate=lambda t: t + t * t / 4,
    ratio=lambda t: 1 + t / 2,
    conjugate_slope=lambda p, q: (p - q) * (p + q) / q / q,
    at_zero=fixed(1),
    slope_at_zero=fixed(-2),
    slope_at_infinity=None,
    conjugate_at_infinity=None,
)
NEYMAN = Generator(
    name="neyman",
    term=lambda p, q: (p - q) * (p - q) / p,
    slope=lambda p, q: (p - q) * (p + q) / p / p,
    conjugate=lambda t: 2 - 2 * _square_root(1 - t),
    ratio=lambda t: 1 / _square_root(1 - t),
    conjugate_slope=lambda p, q: 2 * (p - q) / p,
    at_zero=None,
    slope_at_zero=None,
    slope_at_infinity=fixed(1),
    conjugate_at_infinity=fixed(2),
)
SQUARED_HELLINGER = Generator(
    name="squared_hellinger",
    term=lambda p, q: p + q - 2 * scalars.exp((scalars.log(p) + scalars.log(q)) / 2),
    slope=lambda p, q: 1 - _root_of_ratio(q, p),
    conjugate=lambda t: t / (1 - t),
    ratio=lambda t: 1 / (1 - t) / (1 - t),
    conjugate_slope=lambda p, q: _root_of_ratio(p, q) - 1,
    at_zero=fixed(1),
    slope_at_zero=None,
    slope_at_infinity=fixed(1),
    conjugate_at_infinity=None,
)
TOTAL_VARIATION = Generator(
    name="total_variation",
    term=lambda p, q: abs(p - q) / 2,
    slope=_half_sign,
    conjugate=lambda t: t,
    ratio=fixed(1),
    conjugate_slope=_half_sign,
    at_zero=fixed(1, 2),
    slope_at_zero=fixed(-1, 2),
    slope_at_infinity=fixed(1, 2),
    conjugate_at_infinity=fixed(1, 2),
)


def halved(f: Generator, name: str) -> Generator:
    """f/2: half the divergence, half the critic, and (f/2)*(t) = f*(2t)/2."""

    def half(limit: Limit) -> Limit:
        return None if limit is None else lambda x: limit(x) / 2

    return Generator(
        name=name,
        term=lambda p, q: f.term(p, q) / 2,
        slope=lambda p, q: f.slope(p, q) / 2,
        conjugate=lambda t: f.conjugate(2 * t) / 2,
        ratio=lambda t: f.ratio(2 * t),
        conjugate_slope=lambda p, q: f.conjugate_slope(p, q) / 2,
        at_zero=half(f.at_zero),
        slope_at_zero=half(f.slope_at_zero),
        slope_at_infinity=half(f.slope_at_infinity),
        conjugate_at_infinity=half(f.conjugate_at_infinity),
    )


def alpha(a: Any) -> Generator:
    """The alpha-divergence (sum p^a q^(1-a) - 1) / (a (a - 1)) of laws; a is a rational number other than 0 and 1.

    KL(p || q) is its limit at a = 1 and KL(q || p) at 0; a = 2 is half of `pearson`, a = -1 half of `neyman`, and
    a = 1/2 twice `squared_hellinger`.

    >>> alpha(2).name
    'alpha(2)'
    """
    try:
        power = Fraction(a)
    except (TypeError, ValueError, OverflowError):
        raise InvalidArgument(f"a is {a!r}; expected a rational number") from None
    if power in (0, 1):
        raise InvalidArgument(f"a is {a}; expected a number other than 0 and 1, where the limits are the two KLs")
    n, d = power.numerator, power.denominator
    scale = power * (power - 1)

    def times(x: Table, factor: Fraction) -> Table:
        return x * factor.numerator / factor.denominator

    def mixed(p: Table, q: Table) -> Table:
        return scalars.exp((n * scalars.log(p) + (d - n) * scalars.log(q)) / d)

    def powered(x: Table, exponent: Fraction) -> Table:
        """x^e for x >= 0 and e > 0, or x > 0."""
        return scalars.over(
            ~scalars.zero_mask(x),
            lambda y: scalars.exp(times(scalars.log(y), exponent)),
            x,
            otherwise=scalars.constant(0, x),
        )

    def power_of_ratio(p: Table, q: Table, exponent: Fraction) -> Table:
        return scalars.exp(times(_log_ratio(p, q), exponent))

    return Generator(
        name=f"alpha({power})",
        term=lambda p, q: times(mixed(p, q) - times(p, power) - times(q, 1 - power), 1 / scale),
        slope=lambda p, q: times(power_of_ratio(p, q, power - 1) - 1, 1 / (power - 1)),
        conjugate=lambda t: times(powered(1 + times(t, power - 1), power / (power - 1)) - 1, 1 / power),
        ratio=lambda t: powered(1 + times(t, power - 1), 1 / (power - 1)),
        conjugate_slope=lambda p, q: times(power_of_ratio(p, q, power) - 1, 1 / power),
        at_zero=fixed(d, n) if power > 0 else None,
        slope_at_zero=fixed(-d, n - d) if power > 1 else None,
        slope_at_infinity=fixed(d, d - n) if power < 1 else None,
        conjugate_at_infinity=fixed(-d, n) if power < 0 else None,
    )


GENERATORS: Mapping[str, Generator] = MappingProxyType(
    {
        f.name: f
        for f in (
            KL,
            REVERSE_KL,
            halved(GAIL, "jensen_shannon"),
            GAIL,
            GAN,
            PEARSON,
            NEYMAN,
            SQUARED_HELLINGER,
            TOTAL_VARIATION,
        )
    }
)


def generator(f: str | Generator) -> Generator:
    """A generator, or the one of that name. Errors: `InvalidArgument` for an unknown name, with the known ones."""
    if isinstance(f, Generator):
        return f
    if f not in GENERATORS:
        raise InvalidArgument(f"f is {f!r}; expected a Generator or one of {', '.join(GENERATORS)}")
    return GENERATORS[f]
