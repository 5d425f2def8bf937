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


def from_rational(x: fmpq) -> sympy.Rational:
    """The sympy number of an fmpq."""
    return sympy.Rational(int(x.p), int(x.q))


def from_log(x: LogRational) -> sympy.Expr:
    """The sympy expression of q + sum_i c_i log n_i."""
    if x == LogRational.LOG_ZERO:
        return LOG_ZERO
    logs = (from_rational(coefficient) * sympy.log(int(n)) for n, coefficient in x.terms.items())
    return sympy.Add(from_rational(x.constant), *logs)


MOST_OPERATIONS = 20_000
POINT_DIGITS = 40


def is_zero(x: Any) -> bool | None:
    """Whether an expression in positive symbols is identically 0: None where that is not decided.

    It decides rational functions of the symbols, combined linearly, with rational functions as coefficients, with
    logarithms of such. Every logarithm is expanded over the irreducible factors of its argument; these logarithms are
    independent over the rational functions, so each coefficient has to vanish. A value that is clearly not 0 at one
    point decides first.
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
        return bool(sympy.nsimplify(rational) == 0)
    numerator = sympy.QQ.frac_field(*generators).from_sympy(rational)
    return bool(numerator == 0)


def _log_over_factors(argument: sympy.Expr) -> sympy.Expr:
    """log of a positive rational function as a sum over its irreducible factors and primes; else as it is."""
    if not argument.is_rational_function(*argument.free_symbols):
        return sympy.log(argument)
    total = sympy.Integer(0)
    for part, sign in zip(sympy.fraction(sympy.together(argument)), (1, -1), strict=True):
        constant, factors = sympy.factor_list(part)
        total += sign * sum(
            (power * sympy.log(factor, evaluate=False) for factor, power in factors), sympy.Integer(0)
        )
        constant = sympy.Rational(constant)
        if constant < 0:
            return sympy.log(argument)
        for integer, direction in ((constant.p, sign), (constant.q, -sign)):
            for prime, power in sympy.factorint(integer).items():
                total += direction * power * sympy.log(prime)
    return total


def _differs_at_a_point(x: sympy.Expr) -> bool:
    """Whether the value is clearly not 0 at a point of small probabilities, which no identity can be."""
    symbols = sorted(x.free_symbols, key=sympy.default_sort_key)
    point = {symbol: sympy.Rational(1, 7 + 2 * i) for i, symbol in enumerate(symbols)}
    value = x.xreplace(point).evalf(POINT_DIGITS, maxn=200)
    return bool(value.is_number and abs(value) > sympy.Float(10) ** (-POINT_DIGITS // 2))


@exp_of.register
def _(x: sympy.Expr) -> sympy.Expr:
    return sympy.exp(x)


@log_of.register
def _(x: sympy.Expr) -> sympy.Expr:
    return LOG_ZERO if x == 0 else sympy.log(x)


@larger_of.register
def _(x: sympy.Expr, y: Any) -> sympy.Expr:
    return sympy.Max(x, y)
