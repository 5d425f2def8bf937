"""Logarithms of rationals, exactly: numbers q + sum_i c_i log n_i whose equality is decided.

Rewards are logs of rational weights, so values, entropies, losses and divergences are numbers of the form

    x = q + sum_i c_i log n_i,      q, c_i rational,   n_i > 1 integers,

closed under + and - and under products with rationals. log(a/b) is kept as log a - log b: terms are keyed by
integers, never by fractions, so that most of what cancels cancels by hash.

Is x = 0?  By Lindemann, e^q is transcendental for rational q /= 0, while e^(-sum_i c_i log n_i) is algebraic:
x = 0 only if q = 0. The rest is decided without factoring. gcds alone rewrite the sum over pairwise coprime
integers b_j > 1,

    sum_i c_i log n_i = sum_j e_j log b_j,

and the log b_j are linearly independent over Q: integer powers of coprime integers multiply to 1 only if
every exponent is 0 (unique factorization). Hence x = 0 iff q = 0 and every e_j = 0. Before that, a ball of
128 bits refutes nearly every x that is not 0, in microseconds.

Signs.  A number that is not 0 shows its sign at some precision, so <, abs and the nearest float follow.

log 0.  `LogRational.LOG_ZERO` is minus infinity, smaller than every other number. log 0 + x = log 0, and
0 * log 0 = 0, the convention of entropies. Its negative would be plus infinity, which is no such number.

Operands.  int, Fraction, fmpz, fmpq, numpy integers are rationals; floats and balls are refused (TypeError).

Cost.  An operation is linear in its terms; a sum of N logs, added one by one, copies O(N^2) entries, which is
cheap up to some thousands. The coprime base is divide and conquer with product trees: close to linear in the
bits (`coprime`). An identity over a thousand trajectories (some thousand terms) is decided in well under a second.
"""

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, ClassVar, NoReturn

import flint
from flint import fmpq, fmpz

from mdps.errors import OutOfReach
from mdps.scalars.balls import precision
from mdps.scalars.coprime import coprime_powers, product
from mdps.scalars.elementary import exp_of, log_of, sigmoid_of, softplus_of
from mdps.scalars.rationals import rational

_FIRST_BITS = 128
_LARGEST_POWER_BITS = 2**24
_ZERO = fmpq(0)
_ONE = fmpq(1)


class LogRational:
    """The number constant + the sum of coefficient * log n over terms {n: coefficient}.

    `LogRational(2, {5: Fraction(3, 2), 7: -1})` is 2 + 3/2*log(5) - log(7), and `LogRational.log(w)` is log w
    for a rational w >= 0. Immutable. The hash is that of the value, hence equal for equal numbers, whatever
    terms they are written in. LOG_ZERO has neither constant nor terms.

    Errors: `OutOfReach` for what is no such number (a product of two logs, exp of 1/2, the log of a log).
    """

    __slots__ = ("constant", "terms")
    LOG_ZERO: ClassVar["LogRational"]
    constant: fmpq
    terms: Mapping[int, fmpq]

    def __init__(self, constant: Any = 0, terms: Mapping[int, Any] | None = None):
        coefficients = {n: _exact(coefficient) for n, coefficient in (terms or {}).items()}
        for n in coefficients:
            if type(n) is not int or n < 1:
                raise TypeError(f"a term is the log of a positive int, not of {n!r}")
        _set_constant(self, _exact(constant))
        _set_terms(self, {n: c for n, c in coefficients.items() if c and n > 1})

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a LogRational is immutable: {name} cannot be set")

    def __reduce__(self) -> Any:
        return "_LOG_ZERO" if self is _LOG_ZERO else (LogRational, (self.constant, self.terms))

    # Arithmetic of a vector space over Q

    def __neg__(self) -> "LogRational":
        if self is _LOG_ZERO:
            raise OutOfReach("-log(0) would be plus infinity, which no sum of logs is")
        return _new(-self.constant, {n: -c for n, c in self.terms.items()})

    def __pos__(self) -> "LogRational":
        return self

    def __add__(self, other: Any) -> "LogRational":
        y = _number(other)
        if y is None:
            return NotImplemented
        if self is _LOG_ZERO or y is _LOG_ZERO:
            return _LOG_ZERO
        return _new(self.constant + y.constant, _summed(self.terms, y.terms))

    __radd__ = __add__

    def __sub__(self, other: Any) -> "LogRational":
        y = _number(other)
        return NotImplemented if y is None else self + (-y)

    def __rsub__(self, other: Any) -> "LogRational":
        y = _number(other)
        return NotImplemented if y is None else y + (-self)

    def __mul__(self, other: Any) -> "LogRational":
        factor = rational(other)
        if factor is None:
            return self._times(other) if isinstance(other, LogRational) else NotImplemented
        if self is _LOG_ZERO:
            return self._infinite_times(factor)
        if not factor:
            return _new(_ZERO, {})
        return _new(factor * self.constant, {n: factor * c for n, c in self.terms.items()})

    __rmul__ = __mul__

    def _times(self, other: "LogRational") -> "LogRational":
        for x, y in ((self, other), (other, self)):
            if (factor := y.rational()) is not None:
                return x * factor
        raise OutOfReach(f"({self!r}) * ({other!r}) is a product of two logs, which no sum of logs is")

    def _infinite_times(self, factor: fmpq) -> "LogRational":
        if factor < 0:
            raise OutOfReach(f"{_short(factor)} * log(0) would be plus infinity, which no sum of logs is")
        return self if factor else _new(_ZERO, {})

    def __truediv__(self, other: Any) -> "LogRational":
        y = _number(other)
        if y is None:
            return NotImplemented
        divisor = y.rational()
        if divisor is None:
            raise OutOfReach(f"({self!r}) / ({y!r}) is a quotient by a log, which no sum of logs is")
        return self * (_ONE / divisor)

    def __rtruediv__(self, other: Any) -> "LogRational":
        y = _number(other)
        return NotImplemented if y is None else y / self

    def __pow__(self, exponent: int) -> "LogRational":
        if not isinstance(exponent, int):
            return NotImplemented
        if exponent == 1:
            return self
        if (base := self.rational()) is None and exponent != 0:
            raise OutOfReach(f"({self!r}) ** {exponent} is a power of a log, which no sum of logs is")
        return _new(_ONE if base is None else base**exponent, {})

    def __abs__(self) -> "LogRational":
        return -self if self.sign() < 0 else self

    # Decisions

    def sign(self) -> int:
        """-1, 0 or 1: decided."""
        if self is _LOG_ZERO:
            return -1
        if not self.terms:
            return (self.constant > 0) - (self.constant < 0)
        bits, ball = _FIRST_BITS, self._ball(_FIRST_BITS)
        if ball.contains(0) and self == 0:
            return 0
        while ball.contains(0):
            bits *= 2
            ball = self._ball(bits)
        return 1 if ball > 0 else -1

    def __bool__(self) -> bool:
        return self != 0

    def __eq__(self, other: Any) -> bool:
        y = _number(other)
        if y is None:
            return NotImplemented
        if self is _LOG_ZERO or y is _LOG_ZERO:
            return self is y
        if self.constant != y.constant:
            return False
        return _is_zero((self - y).terms)

    def __lt__(self, other: Any) -> bool:
        order = _order(self, other)
        return NotImplemented if order is None else order < 0

    def __le__(self, other: Any) -> bool:
        order = _order(self, other)
        return NotImplemented if order is None else order <= 0

    def __gt__(self, other: Any) -> bool:
        order = _order(self, other)
        return NotImplemented if order is None else order > 0

    def __ge__(self, other: Any) -> bool:
        order = _order(self, other)
        return NotImplemented if order is None else order >= 0

    def rational(self) -> fmpq | None:
        """This number where it is rational, else None: decided."""
        return None if self is _LOG_ZERO or not _is_zero(self.terms) else self.constant

    def __hash__(self) -> int:
        if (value := self.rational()) is not None:
            return hash(value)
        try:
            return hash(float(self))
        except OverflowError:
            return hash(math.copysign(math.inf, self.sign()))

    # Functions

    def exp(self) -> fmpq:
        """e^x where that is rational: decided.

        Errors: `OutOfReach` where it is irrational, or has more than 16 million bits.
        """
        if self is _LOG_ZERO:
            return _ZERO
        terms: Iterable[tuple[Any, fmpq]] = self.terms.items()
        if self.constant:
            raise OutOfReach(f"exp({self!r}) is irrational: the rational part {_short(self.constant)} is not 0")
        if not _is_short_power(terms):
            terms = coprime_powers(self.terms)
        above, below, bits = [], [], 0
        for n, coefficient in terms:
            power = abs(int(coefficient.p))
            root = _exact_root(fmpz(n), int(coefficient.q))
            if root is None:
                reason = f"{_short(n)} is not the power of order {_short(coefficient.q)} of an integer"
                raise OutOfReach(f"exp({self!r}) is irrational: {reason}")
            bits += power * root.bit_length()
            if bits > _LARGEST_POWER_BITS:
                raise OutOfReach(f"exp({self!r}) has more than {_LARGEST_POWER_BITS} bits; keep the log")
            (above if coefficient > 0 else below).append(root**power)
        return fmpq(product(above), product(below))

    def log(self: Any) -> "LogRational":
        """log x of a rational x >= 0, written `LogRational.log(x)` for an int, Fraction or fmpq.

        Errors: `OutOfReach` for a negative x, and for an x that is irrational.
        """
        x = self.rational() if isinstance(self, LogRational) else _exact(self)
        if x is None:
            raise OutOfReach(f"log({self!r}) is the log of a log, which no sum of logs is")
        if x < 0:
            raise OutOfReach(f"log of the negative number {_short(x)}")
        if not x:
            return _LOG_ZERO
        terms: dict[int, fmpq] = {}
        if (above := int(x.p)) > 1:
            terms[above] = _ONE
        if (below := int(x.q)) > 1:
            terms[below] = -_ONE
        return _new(_ZERO, terms)

    def arb(self) -> "flint.arb":
        """A ball around this number, at the precision `flint.ctx.prec`."""
        if self is _LOG_ZERO:
            return flint.arb.neg_inf()
        logs = (flint.arb(c) * flint.arb(n).log() for n, c in self.terms.items())
        return sum(logs, flint.arb(self.constant))

    def _ball(self, bits: int) -> "flint.arb":
        with precision(bits):
            return self.arb()

    def __float__(self) -> float:
        """The nearest float. Errors: OverflowError beyond the largest float."""
        if self is _LOG_ZERO:
            return -math.inf
        exact, bits = (self.constant if not self.terms else None), _FIRST_BITS
        while exact is None:
            with precision(bits):
                ball = self.arb()
                low, high = float(ball.lower()), float(ball.upper())
            if low == high and not ball.contains(0):
                if math.isinf(low):
                    raise OverflowError(f"{self!r} is too large for a float")
                return low
            bits *= 2
            # Only a rational can sit on 0, or on the midpoint of two floats, however small the ball.
            exact = self.rational() if bits == 4 * _FIRST_BITS else None
        return int(exact.p) / int(exact.q)

    def __repr__(self) -> str:
        if self is _LOG_ZERO:
            return "log(0)"
        shown = sorted(self.terms)[:_SHOWN_TERMS]
        parts = [(self.constant, "")] if self.constant or not shown else []
        parts += [(self.terms[n], f"log({_short(n)})") for n in shown]
        text = "".join(_signed(coefficient, factor) for coefficient, factor in parts)
        text = text[3:] if text.startswith(" + ") else "-" + text[3:]
        hidden = len(self.terms) - len(shown)
        return text + (f" + ({hidden} more logs)" if hidden else "")


_SHOWN_TERMS = 12
_set_constant = LogRational.__dict__["constant"].__set__
_set_terms = LogRational.__dict__["terms"].__set__


def _new(constant: fmpq, terms: Mapping[int, fmpq]) -> LogRational:
    """A LogRational from parts that are known to be sound: integers above 1, coefficients other than 0."""
    x = object.__new__(LogRational)
    _set_constant(x, constant)
    _set_terms(x, terms)
    return x


# Without constant and terms, so that a formula that forgets it fails instead of taking it for a number.
_LOG_ZERO = LogRational.LOG_ZERO = object.__new__(LogRational)


def _exact(x: Any) -> fmpq:
    if (number := rational(x)) is None:
        raise TypeError(f"expected an int, Fraction or fmpq, not {x!r} of type {type(x).__name__}")
    return number


def _number(x: Any) -> LogRational | None:
    if isinstance(x, LogRational):
        return x
    number = rational(x)
    return None if number is None else _new(number, {})


def _order(x: LogRational, other: Any) -> int | None:
    """The sign of x - other; None where other is no exact number."""
    y = _number(other)
    if y is None:
        return None
    if x is _LOG_ZERO or y is _LOG_ZERO:
        return (y is _LOG_ZERO) - (x is _LOG_ZERO)
    return (x - y).sign()


def _summed(terms: Mapping[int, fmpq], others: Mapping[int, fmpq]) -> Mapping[int, fmpq]:
    if len(terms) < len(others):
        terms, others = others, terms
    if not others:
        return terms
    total = dict(terms)
    for n, coefficient in others.items():
        before = total.get(n)
        if before is None:
            total[n] = coefficient
        elif after := before + coefficient:
            total[n] = after
        else:
            del total[n]
    return total


def _is_zero(terms: Mapping[int, fmpq]) -> bool:
    """Whether sum_i c_i log n_i = 0."""
    if not terms:
        return True
    if len(terms) == 1 or not _new(_ZERO, terms)._ball(_FIRST_BITS).contains(0):
        return False
    return not coprime_powers(terms)


def _is_short_power(terms: Iterable[tuple[int, fmpq]]) -> bool:
    """Whether every coefficient is an integer and the powers n^c together stay below a million bits."""
    bits = 0
    for n, coefficient in terms:
        if coefficient.q != 1:
            return False
        bits += abs(int(coefficient.p)) * n.bit_length()
    return bits < 2**20


def _exact_root(n: fmpz, order: int) -> fmpz | None:
    """The integer whose power of this order is n, where there is one."""
    if order == 1:
        return n
    if order >= n.bit_length():
        return None
    root = n.root(order)
    return root if root**order == n else None


def _signed(coefficient: fmpq, factor: str) -> str:
    size = _short(abs(coefficient))
    scale = f"{size}*" if size != "1" else ""
    return f" {'-' if coefficient < 0 else '+'} " + (scale + factor if factor else size)


def _short(x: Any) -> str:
    """An integer or rational, with the middle of long integers left out."""
    x = fmpq(x)
    above, below = (n.str(condense=20) for n in (x.p, x.q))
    return above if x.q == 1 else f"{above}/{below}"


exp_of.register(LogRational, LogRational.exp)
log_of.register(LogRational, LogRational.log)

# What the functions of `elementary` give for rationals: logs leave them, and exp comes back from 0 alone.


@exp_of.register
def _(x: fmpq) -> fmpq:
    if x == 0:
        return fmpq(1)
    raise OutOfReach(f"exp({x}) is irrational; write a reward as the logarithm of a rational weight")


@log_of.register
def _(x: fmpq) -> LogRational:
    return LogRational.log(x)


@softplus_of.register
def _(x: fmpq) -> LogRational:
    return LogRational.log(1 + exp_of(x))


@sigmoid_of.register
def _(x: fmpq) -> fmpq:
    return exp_of(x) / (1 + exp_of(x))


for _kind in (int, Fraction):
    exp_of.register(_kind, lambda x: exp_of(rational(x)))
    log_of.register(_kind, lambda x: log_of(rational(x)))
