"""The independent road to f-divergences: f(u) as textbooks print it, its limits, and sums q f(p/q)."""

from fractions import Fraction

from flint import fmpq


def value_of(x):
    """The number in front of a power series."""
    return x[0] if hasattr(x, "length") else x


def power(f, u, a):
    return f.exp(f.log(u) * a.numerator / a.denominator)


def jensen_shannon(f, u):
    return u * f.log(u) - (u + 1) * f.log((u + 1) / 2)


TEXTBOOK = {
    "kl": lambda f, u: u * f.log(u),
    "reverse_kl": lambda f, u: -f.log(u),
    "jensen_shannon": lambda f, u: jensen_shannon(f, u) / 2,
    "gail": jensen_shannon,
    "gan": lambda f, u: u * f.log(u) - (u + 1) * f.log(u + 1),
    "pearson": lambda f, u: (u - 1) * (u - 1),
    "neyman": lambda f, u: (1 - u) * (1 - u) / u,
    "squared_hellinger": lambda f, u: u + 1 - 2 * f.exp(f.log(u) / 2),
    "total_variation": lambda f, u: (u - 1 if value_of(u) > 1 else 1 - u) / 2,
}
ALPHAS = [Fraction(1, 2), Fraction(3, 2), Fraction(2), Fraction(3), Fraction(-1), Fraction(-1, 2)]
for a in ALPHAS:
    TEXTBOOK[f"alpha({a})"] = lambda f, u, a=a: (
        (power(f, u, a) - 1 - (u - 1) * a.numerator / a.denominator) / (f.number(a) * f.number(a - 1))
    )
# f(0), and the limit of f(u)/u; None where infinite.
LIMITS = {
    "kl": (lambda f: 0, None),
    "reverse_kl": (None, lambda f: 0),
    "jensen_shannon": (lambda f: f.log(f.number(fmpq(2))) / 2, lambda f: f.log(f.number(fmpq(2))) / 2),
    "gail": (lambda f: f.log(f.number(fmpq(2))), lambda f: f.log(f.number(fmpq(2)))),
    "gan": (lambda f: 0, lambda f: 0),
    "pearson": (lambda f: 1, None),
    "neyman": (None, lambda f: 1),
    "squared_hellinger": (lambda f: 1, lambda f: 1),
    "total_variation": (lambda f: f.number(fmpq(1, 2)), lambda f: f.number(fmpq(1, 2))),
}
for a in ALPHAS:
    LIMITS[f"alpha({a})"] = (
        (lambda f, a=a: f.number(1 / a)) if a > 0 else None,
        (lambda f, a=a: f.number(1 / (1 - a))) if a < 1 else None,
    )


def divergence(name, f, p, q):
    total = 0
    for x, y in zip(p, q, strict=True):
        if value_of(x) > 0 and value_of(y) > 0:
            total = total + y * TEXTBOOK[name](f, x / y)
        elif value_of(y) > 0:
            total = total + y * LIMITS[name][0](f)
        elif value_of(x) > 0:
            total = total + x * LIMITS[name][1](f)
    return total
