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


def is_zero(x: Any) -> bool | None:
    """Whether an expression is identically 0, as far as sympy decides: None where it does not."""
    difference = sympy.simplify(sympy.expand_log(sympy.together(sympy.expand(x)), force=True))
    if difference == 0:
        return True
    return False if difference.is_nonzero or difference.is_number else None


@exp_of.register
def _(x: sympy.Expr) -> sympy.Expr:
    return sympy.exp(x)


@log_of.register
def _(x: sympy.Expr) -> sympy.Expr:
    return LOG_ZERO if x == 0 else sympy.log(x)


@larger_of.register
def _(x: sympy.Expr, y: Any) -> sympy.Expr:
    return sympy.Max(x, y)
