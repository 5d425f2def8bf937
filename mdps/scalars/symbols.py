"""Symbolic expressions: `sympy.Expr`, at the level `symbolic`.

This module is the only one that imports sympy, and it is imported when the first symbol appears: sympy takes longer
to load than most questions take to answer. Free symbols that stand for probabilities and weights are positive.
"""

from typing import Any

import sympy
from flint import fmpq

from mdps.scalars.elementary import exp_of, larger_of, log_of
from mdps.scalars.logs import LogRational

LOG_ZERO = -sympy.oo
_UNEVALUATED_ONE = sympy.exp(0, evaluate=False)  # what sympy leaves of exp(log a - log b) / (a / b)


def from_rational(x: fmpq) -> Any:
    """The sympy number of an fmpq."""
    return sympy.Rational(int(x.p), int(x.q))


def from_log(x: LogRational) -> sympy.Expr:
    """The sympy expression of q + sum_i c_i log n_i."""
    if x == LogRational.LOG_ZERO:
        return LOG_ZERO
    logs = (from_rational(coefficient) * sympy.log(int(n)) for n, coefficient in x.terms.items())
    return sympy.Add(from_rational(x.constant), *logs)


MOST_OPERATIONS = 3_000
POINT_DIGITS = 40


def is_zero(x: Any) -> bool | None:
    """Whether an expression in positive symbols is identically 0: None where that is not decided.

    It decides rational functions of the symbols, combined linearly, with rational functions as coefficients, with
    logarithms of such: every logarithm is expanded over the irreducible factors of its argument, and the coefficients
    of these have to vanish. A value that is clearly not 0 at one point decides first; nothing else is taken for a
    refutation.
    """
    x = sympy.sympify(x)
    if x == 0:
        return True
    if x.is_number and not x.has(sympy.log, sympy.exp):
        return False
    if _differs_at_a_point(x):
        return False
    if sympy.count_ops(x) > MOST_OPERATIONS:
        return None
    expanded = x.replace(sympy.log, _log_over_factors)
    logs = sorted(expanded.atoms(sympy.log), key=sympy.default_sort_key)
    independent = {log: sympy.Symbol(f"log_{i}") for i, log in enumerate(logs)}
    rational = expanded.xreplace(independent)
    generators = sorted(rational.free_symbols, key=sympy.default_sort_key)
    if not rational.is_rational_function(*generators):
        return None
    if not generators:
        return True if rational == 0 else None
    try:
        reduced = sympy.QQ.frac_field(*generators).from_sympy(rational)
    except ValueError:
        return None
    return True if reduced == 0 else None


def _log_over_factors(argument: Any) -> Any:
    """log of a positive rational function as a sum over its irreducible factors and primes; else as it is."""
    if not argument.is_rational_function(*argument.free_symbols):
        return sympy.log(argument)
    total = sympy.Integer(0)
    point = _point(argument)
    for part, sign in zip(sympy.fraction(sympy.together(argument)), (1, -1), strict=True):
        constant, factors = sympy.factor_list(part)[:2]
        for factor, power in factors:
            if factor.xreplace(point) < 0:  # 1 - p rather than p - 1: probabilities are small at the point
                factor, constant = -factor, constant * (-1) ** power
            total += sign * power * sympy.log(factor, evaluate=False)
        constant: Any = sympy.Rational(constant)
        if constant <= 0:
            return sympy.log(argument)
        for integer, direction in ((constant.p, sign), (constant.q, -sign)):
            for prime, power in sympy.factorint(integer).items():
                total += direction * power * sympy.log(prime)
    return total


def _point(x: Any) -> dict[Any, Any]:
    """Small positive values for the symbols of an expression, as probabilities are that sum to less than 1."""
    return {symbol: sympy.Rational(1, 7 + 2 * i) for i, symbol in enumerate(sorted(x.free_symbols, key=str))}


def _differs_at_a_point(x: Any) -> bool:
    """Whether the value is clearly not 0 at a point of small probabilities, which no identity can be."""
    value = x.xreplace(_point(x)).evalf(POINT_DIGITS, maxn=200)
    return bool(value.is_number and abs(value) > sympy.Float(10) ** (-POINT_DIGITS // 2))


@exp_of.register
def _(x: sympy.Expr) -> Any:
    return sympy.exp(x).xreplace({_UNEVALUATED_ONE: sympy.Integer(1)})


@log_of.register
def _(x: sympy.Expr) -> sympy.Expr:
    return LOG_ZERO if x == 0 else sympy.log(x)


@larger_of.register
def _(x: sympy.Expr, y: Any) -> sympy.Expr:
    return sympy.Max(x, y)
