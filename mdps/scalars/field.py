"""Elements of a prime field that stand for rational functions: identity testing by one evaluation.

A rational function f / g of free numbers x_1 ... x_k with integer coefficients is evaluated at a point of F_p. Where
its value is not 0, it is not the zero function: a proof. Where it is 0 and f is not,

    P(value 0)  <=  deg(f) / p  +  (log2 |f| / log2 p) 2^-entropy,

since f mod p has at most a share deg(f) / p of zeros unless all its coefficients, whose absolute values sum to |f|, are
divisible by p; the point and p both come from a hash (`primes`), so nobody chooses them. Every number therefore carries
bounds of deg and log2 |.| of its numerator and denominator, which its arithmetic keeps:

    f/g + f'/g'  has  deg f g' + f' g <= max(deg f + deg g', deg f' + deg g),   log2 |f g' + f' g| <= max(...) + 1.

`FieldNumber` is such a value; one that is a known rational number (a probability of the dynamics, a discount) stays
known as `constant`. `LogField` is a sum of logarithms of field numbers,

    c + sum_i c_i log a_i,       c and c_i rational numbers or field numbers,

so that entropies and losses exist: they are equal where all coefficients are. (They may be equal though coefficients
are not, where the a_i depend on each other; that stays open unless they are polynomials of degree 1, no two of them
proportional, and primes: around a_i = 0 the sum changes by 2 pi i c_i.) The exponential of a sum with rational c_i and
c = 0 is prod_i a_i^(c_i).

Roots. Where c_i is no integer that needs a D-th root, unique in F_p where gcd(D, p - 1) = 1, so for odd D. Let y be the
positive root of f / g. Then w = g y, with w^D = f g^(D-1), is integral over the polynomials, and grows as a polynomial
of degree (deg f + (D-1) deg g) / D; on |x_i| = 1 all its conjugates are bounded likewise. These are the bounds that y
carries. A number in which m roots occur lies in an extension of degree at most `sheets` = prod D_i; the norm of its
numerator is a polynomial with integer coefficients, and has at most sheets times its degree and log2 size (a
coefficient is at most the largest value on |x_i| = 1). It vanishes at the point where the number has the value 0: the
value is the image of the number under a homomorphism, because Y^D - b is reducible for odd D only where b is a q-th
power c^q for a q that divides D, and then the roots in F_p, being unique, satisfy y^(D/q) = c as the positive ones do.

Neither rounding nor overflow exists here. Order is that of the shadows: the numbers of the instance from which the free
ones were taken, in balls. A comparison that they decide is recorded (`Field.branches`): what is proved is proved on
that path.
Source: schwartz1980; zippel1979.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from flint import arb, fmpq, fmpz, fmpz_mod_ctx

from mdps.errors import OutOfReach
from mdps.scalars.elementary import exp_of, larger_of, log_of
from mdps.scalars.primes import DerivedPrime, stream
from mdps.scalars.rationals import rational

MOST_BITS = 4096  # a rational number with more stays known by its value alone
MOST_ATOMS = 100  # of a sum of logarithms that are compared pair by pair
SMALL_PRIMES = 1000  # by which constants are divided where their logarithms are taken

_current: ContextVar["Field"] = ContextVar("field")


class Unordered(OutOfReach):
    """Two numbers are compared that have no shadows."""


class Field:
    """F_p for a derived prime, with what happened in it.

    sheets    prod of the degrees of the roots taken: what the norm multiplies degrees and sizes by.
    assumed   degrees and bits, in all, of the numbers that were found to be 0 on the way and shaped what followed.
    branches  how many comparisons the shadows decided.
    n_free    how many free numbers were drawn.
    """

    def __init__(self, prime: DerivedPrime, seed: bytes = b"") -> None:
        self.prime = prime
        self.seed = seed
        self.arithmetic = fmpz_mod_ctx(prime.value)
        self.sheets = 1
        self.assumed = (0, 0)
        self.branches = 0
        self.n_free = 0
        self.shadowed = False
        self._constants: dict[Any, FieldNumber] = {}  # by int, or (numerator, denominator): hashes of fmpq are slow
        self._roots: dict[tuple[int, int], tuple[FieldNumber, Any]] = {}
        self._powers: dict[tuple[int, int, int], tuple[FieldNumber, FieldNumber]] = {}
        self._logarithms: dict[int, tuple[FieldNumber, LogField]] = {}

    @contextmanager
    def current(self) -> Iterator["Field"]:
        """The field that numbers are converted to within the block."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)

    def constant(self, number: Any) -> "FieldNumber":
        """A rational number.

        Errors: `OutOfReach` for what is none.
        """
        if type(number) is int:
            known = self._constants.get(number)
            if known is not None:
                return known
        value = rational(number)
        if value is None:
            raise OutOfReach(f"{number!r} is no rational number: it has no value in a finite field")
        top, bottom = value.p, value.q
        key = int(top) if bottom == 1 else (int(top), int(bottom))
        known = self._constants.get(key)
        if known is None:
            residue = self.arithmetic(top) if bottom == 1 else self.arithmetic(top) / self.arithmetic(bottom)
            bits = _bits(top), _bits(bottom)
            if max(bits) <= MOST_BITS:
                known = FieldNumber(self, residue, 0, 0, *bits, value)
                self._constants[key] = known
            else:
                known = FieldNumber(self, residue, 0, 0, *bits, None, arb(value) if self.shadowed else None)
        return known

    def free(self, shadow: arb | None = None) -> "FieldNumber":
        """The next free number: a coordinate of the point that the seed gives."""
        n_bytes = self.prime.value.bit_length() // 8 + 17
        value = stream(self.seed, f"point {self.n_free}", n_bytes) % self.prime.value
        self.n_free += 1
        self.shadowed = self.shadowed or shadow is not None
        return FieldNumber(self, self.arithmetic(value), 1, 0, 0, 0, None, shadow)

    def root(self, x: "FieldNumber", degree: int) -> "FieldNumber":
        """The D-th root of a number that is positive where it is real.

        Errors: `OutOfReach` where x has not exactly one: gcd(D, p - 1) > 1.
        """
        p = self.prime.value
        if math.gcd(degree, p - 1) != 1:
            raise OutOfReach(
                f"a root of degree {degree} of a sum of weights is not unique in this field; "
                "the claims about one step hold for every horizon and need none"
            )
        known, value = self._roots.get((int(x.value), degree), (None, None))
        if known is None:
            value = x.value ** pow(degree, -1, p - 1)
            self._roots[int(x.value), degree] = x, value
            self.sheets *= degree
        elif known is not x:
            self.assume_zero(known - x)
        top_degree = -(-(x.top_degree + (degree - 1) * x.bottom_degree) // degree)
        top_bits = -(-(x.top_bits + (degree - 1) * x.bottom_bits) // degree)
        known_shadow = self.shadowed and (x.shadow is not None or x.constant is not None)
        shadow = _shadow(x).root(degree) if known_shadow else None
        root = FieldNumber(self, value, top_degree, x.bottom_degree, top_bits, x.bottom_bits, None, shadow)
        root.factors = ((x, fmpq(1, degree)),)
        return root

    def power(self, key: int, x: "FieldNumber", exponent: fmpq) -> "FieldNumber":
        """x^c of an atom x whose value is `key`, computed once."""
        if exponent == 1:
            return x
        place = key, int(exponent.p), int(exponent.q)
        atom, known = self._powers.get(place, (None, None))
        if known is None or atom is not x:
            known = x**exponent
            self._powers[place] = x, known
        return known

    def know_logarithm(self, x: "FieldNumber", logarithm: "LogField") -> None:
        """From now on log of whatever is equal to x is this, where x = exp(logarithm) by construction."""
        self._logarithms[int(x.value)] = x, logarithm

    def log_of_atom(self, x: "FieldNumber") -> "LogField":
        """log x as a logarithm of its own, or the one that is known; log 0 where x was found to be 0."""
        value = int(x.value)
        if not value:
            self.assume_zero(x)
            return LogField(self, {}, True)
        known = self._logarithms.get(value)
        if known is not None:
            number, logarithm = known
            if number is not x:
                self.assume_zero(number - x)
            return logarithm
        return LogField(self, {value: (x, ONCE)})

    def log_of_constant(self, x: "FieldNumber", value: fmpq) -> "LogField":
        """log of a positive rational number, over its small prime factors."""
        total = LogField(self, {})
        for part, sign in ((value.p, 1), (value.q, -1)):
            factors = [] if part == 1 else part.factor(trial_limit=SMALL_PRIMES)
            for factor, multiplicity in factors:
                atom = self.constant(factor)
                total = total + LogField(self, {int(atom.value): (atom, fmpq(sign * int(multiplicity)))})
        return total

    def assume_zero(self, x: "FieldNumber") -> None:
        """Record that a number whose value is 0 was taken for 0."""
        if x.constant is None:
            degree, bits = self.assumed
            self.assumed = degree + x.top_degree, bits + x.top_bits

    def bounds(self, *tested: "FieldNumber") -> tuple[int, int]:
        """Bounds of degree and log2 size of a polynomial that vanishes at the point if these and what was assumed do.

        sheets (max_i deg + sum of deg over what was assumed), and likewise for bits.
        """
        degree = max((x.top_degree for x in tested), default=0) + self.assumed[0]
        bits = max((x.top_bits for x in tested), default=0) + self.assumed[1]
        return degree * self.sheets, bits * self.sheets

    def log2_error(self, *tested: "FieldNumber") -> float:
        """log2 of the bound on the probability that these have the value 0 though one of them is not 0."""
        return log2_error(self.prime.value, self.prime.entropy, *self.bounds(*tested))


def log2_error(prime: int, entropy: int, degree: int, bits: int) -> float:
    """log2, rounded up, of degree / p + bits / (bits of p - 1) 2^-entropy; minus infinity where both are 0."""
    if not degree and not bits:
        return -math.inf
    scale = entropy + 64  # so that what is rounded up to a whole number is small
    at_point = -(-(degree << scale) // prime)
    of_prime = -(-(bits << 64) // (prime.bit_length() - 1))
    return float((at_point + of_prime).bit_length() - scale)


def _bits(n: fmpz) -> int:
    """The least b with |n| <= 2^b; 0 for n = 0."""
    return (abs(n) - 1).bit_length() if n else 0


def current_field() -> Field:
    """The field of the block that we are in.

    Errors: `OutOfReach` outside of any.
    """
    try:
        return _current.get()
    except LookupError:
        raise OutOfReach("numbers are converted to level 'field' within `with field.current():` only") from None


WHOLE = 2**64  # no whole coefficient is as large
ONE = "1"  # the atom of what is no logarithm: log e
ONCE = fmpq(1)
DEPENDENT = "coefficients of logarithms differ, but these may depend on each other: open in a field; take exact numbers"


class FieldNumber:
    """The value of a rational function at the point, with bounds of degree and log2 size above and below the line.

    `factors` ((y, c), ...) are those of a product y^c ..., by which its logarithm is a sum.
    """

    __slots__ = (
        "bottom_bits",
        "bottom_degree",
        "constant",
        "factors",
        "field",
        "logarithm",
        "shadow",
        "top_bits",
        "top_degree",
        "value",
    )

    def __init__(
        self,
        field: Field,
        value: Any,
        top_degree: int,
        bottom_degree: int,
        top_bits: int,
        bottom_bits: int,
        constant: fmpq | None = None,
        shadow: arb | None = None,
    ) -> None:
        self.field = field
        self.value = value
        self.top_degree = top_degree
        self.bottom_degree = bottom_degree
        self.top_bits = top_bits
        self.bottom_bits = bottom_bits
        self.constant = constant
        self.shadow = shadow
        self.logarithm: LogField | None = None
        self.factors: tuple[tuple[FieldNumber, fmpq], ...] | None = None

    def _operand(self, other: Any) -> "FieldNumber | None":
        if type(other) is FieldNumber:
            return other
        if isinstance(other, (LogField, np.ndarray)):
            return None
        value = other if type(other) is int else rational(other)
        return None if value is None else self.field.constant(value)

    def __add__(self, other: Any) -> Any:
        y = other if type(other) is FieldNumber else self._operand(other)
        if y is None:
            return NotImplemented
        if self.constant is not None:
            if not self.constant:
                return y
            if y.constant is not None:
                return self.field.constant(self.constant + y.constant)
        elif y.constant is not None and not y.constant:
            return self
        below, y_below, bits, y_bits = self.bottom_degree, y.bottom_degree, self.bottom_bits, y.bottom_bits
        total = FieldNumber(
            self.field,
            self.value + y.value,
            max(self.top_degree + y_below, y.top_degree + below),
            below + y_below,
            max(self.top_bits + y_bits, y.top_bits + bits) + 1,
            bits + y_bits,
        )
        if self.shadow is not None or y.shadow is not None:
            total.shadow = _shadow(self) + _shadow(y)
        return total

    __radd__ = __add__

    def __neg__(self) -> "FieldNumber":
        if self.constant is not None:
            return self.field.constant(-self.constant)
        degrees = self.top_degree, self.bottom_degree, self.top_bits, self.bottom_bits
        return FieldNumber(self.field, -self.value, *degrees, None, None if self.shadow is None else -self.shadow)

    def __pos__(self) -> "FieldNumber":
        return self

    def __sub__(self, other: Any) -> Any:
        y = self._operand(other)
        return NotImplemented if y is None else self + (-y)

    def __rsub__(self, other: Any) -> Any:
        y = self._operand(other)
        return NotImplemented if y is None else y + (-self)

    def __mul__(self, other: Any) -> Any:
        y = other if type(other) is FieldNumber else self._operand(other)
        if y is None:
            return NotImplemented
        for x, z in ((self, y), (y, self)):
            if x.constant is not None:
                if z.constant is not None:
                    return self.field.constant(x.constant * z.constant)
                if x.constant == 1:
                    return z
                if not x.constant:
                    return x
        product = FieldNumber(
            self.field,
            self.value * y.value,
            self.top_degree + y.top_degree,
            self.bottom_degree + y.bottom_degree,
            self.top_bits + y.top_bits,
            self.bottom_bits + y.bottom_bits,
        )
        if self.shadow is not None or y.shadow is not None:
            product.shadow = _shadow(self) * _shadow(y)
        if not (_is_negative(self) or _is_negative(y)):
            product.factors = ((self, ONCE), (y, ONCE))
        return product

    __rmul__ = __mul__

    def inverse(self) -> "FieldNumber":
        """1 / x.

        Errors: `ZeroDivisionError` where the value is 0: identically, or at this point.
        """
        if self.constant is not None:
            return self.field.constant(1 / self.constant)
        if self.value == 0:
            raise ZeroDivisionError("a denominator is 0 at this point")
        degrees = self.bottom_degree, self.top_degree, self.bottom_bits, self.top_bits
        shadow = None if self.shadow is None else 1 / self.shadow
        result = FieldNumber(self.field, 1 / self.value, *degrees, None, shadow)
        result.factors = ((self, fmpq(-1)),)
        return result

    def __truediv__(self, other: Any) -> Any:
        y = self._operand(other)
        return NotImplemented if y is None else self * y.inverse()

    def __rtruediv__(self, other: Any) -> Any:
        y = self._operand(other)
        return NotImplemented if y is None else y / self

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, FieldNumber):
            exponent = exponent.constant
        power = rational(exponent)
        if power is None:
            return NotImplemented
        if power == 1:
            return self
        x = self if power.q == 1 else self.field.root(self, int(power.q))
        n = int(power.p)
        if n < 0:
            x, n = x.inverse(), -n
        if n == 0:
            return self.field.constant(1)
        if x.constant is not None and n * max(x.top_bits, x.bottom_bits) <= MOST_BITS:
            return self.field.constant(x.constant**n)
        if n == 1:
            return x
        degrees = x.top_degree * n, x.bottom_degree * n, x.top_bits * n, x.bottom_bits * n
        shadow = _shadow(x) ** n if self.field.shadowed and (x.shadow is not None or x.constant is not None) else None
        result = FieldNumber(self.field, x.value**n, *degrees, None, shadow)
        result.factors = ((self, power),)
        return result

    def __rpow__(self, other: Any) -> Any:
        base = self._operand(other)
        return NotImplemented if base is None else base**self

    def __abs__(self) -> Any:
        return -self if self < 0 else self

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __eq__(self, other: Any) -> Any:
        if isinstance(other, (LogField, np.ndarray)):
            return NotImplemented
        y = self._operand(other)
        if y is None:
            return False
        if self.constant is not None and y.constant is not None:
            return self.constant == y.constant
        difference = self - y
        equal = bool(difference.value == 0)
        if equal:
            self.field.assume_zero(difference)
        return equal

    __hash__ = None  # type: ignore[assignment]

    def _less(self, other: Any, *, or_equal: bool) -> Any:
        y = self._operand(other)
        if y is None:
            return NotImplemented
        if self.constant is not None and y.constant is not None:
            return self.constant <= y.constant if or_equal else self.constant < y.constant
        return _decided(self.field, _shadow(self), _shadow(y))

    def __lt__(self, other: Any) -> Any:
        return self._less(other, or_equal=False)

    def __le__(self, other: Any) -> Any:
        return self._less(other, or_equal=True)

    def __gt__(self, other: Any) -> Any:
        y = self._operand(other)
        return NotImplemented if y is None else y._less(self, or_equal=False)

    def __ge__(self, other: Any) -> Any:
        y = self._operand(other)
        return NotImplemented if y is None else y._less(self, or_equal=True)

    def __repr__(self) -> str:
        if self.constant is not None:
            return f"{self.constant} in F_p"
        return f"{str(int(self.value))[:8]}… in F_p (degree {self.top_degree}/{self.bottom_degree})"


def _is_negative(x: FieldNumber) -> bool:
    """Whether x is known to be negative: its logarithm does not exist, that of a product with it may."""
    return x.constant is not None and x.constant < 0


def _shadow(x: FieldNumber) -> arb:
    """The number that x is on the instance."""
    if x.shadow is not None:
        return x.shadow
    if x.constant is not None:
        return arb(x.constant)
    raise Unordered("the order of two numbers of a field is that of an instance, and there is none here")


def _decided(field: Field, x: arb, y: arb) -> bool:
    """Whether x < y on the instance; ties and overlaps are `OutOfReach`."""
    field.branches += 1
    if x < y:
        return True
    if x > y:
        return False
    raise OutOfReach("two numbers tie on the instance: which branch a field should follow is open")


class LogField:
    """c + sum_i c_i log a_i, as the coefficients c_i of field numbers a_i, and c as that of `ONE`.

    `terms` {value of a_i: (a_i, c_i)} has rational numbers or field numbers as coefficients; `infinite` is log 0.
    """

    __slots__ = ("field", "infinite", "terms")

    def __init__(self, field: Field, terms: dict[Any, tuple[FieldNumber, Any]], infinite: bool = False) -> None:
        self.field = field
        self.terms = terms
        self.infinite = infinite

    def _operand(self, other: Any) -> "LogField | None":
        if type(other) is LogField:
            return other
        if isinstance(other, np.ndarray):
            return None
        number = other if isinstance(other, FieldNumber) else rational(other)
        if number is None:
            return None
        coefficient = _coefficient(number)
        vanishes = isinstance(coefficient, fmpq) and not coefficient
        return LogField(self.field, {} if vanishes else {ONE: (self.field.constant(1), coefficient)})

    def __add__(self, other: Any) -> Any:
        y = self._operand(other)
        if y is None:
            return NotImplemented
        if self.infinite or y.infinite:
            return LogField(self.field, {}, True)
        if not y.terms:
            return self
        if not self.terms:
            return y
        terms = dict(self.terms)
        for key, (atom, coefficient) in y.terms.items():
            if key in terms:
                known, mine = terms[key]
                if known is not atom and key is not ONE:
                    self.field.assume_zero(known - atom)
                coefficient = _coefficient(mine + coefficient)
                if isinstance(coefficient, fmpq) and not coefficient:
                    del terms[key]
                    continue
                atom = known
            terms[key] = atom, coefficient
        return LogField(self.field, terms)

    __radd__ = __add__

    def __neg__(self) -> "LogField":
        return self._times(fmpq(-1))

    def __pos__(self) -> "LogField":
        return self

    def __sub__(self, other: Any) -> Any:
        y = self._operand(other)
        return NotImplemented if y is None else self + (-y)

    def __rsub__(self, other: Any) -> Any:
        y = self._operand(other)
        return NotImplemented if y is None else y + (-self)

    def _times(self, factor: Any) -> "LogField":
        if isinstance(factor, fmpq):
            if not factor:
                if self.infinite:
                    raise OutOfReach("0 times log 0")
                return LogField(self.field, {})
            if factor == 1:
                return self
        if self.infinite:
            if isinstance(factor, fmpq) and factor > 0:
                return self
            raise OutOfReach("log 0 times a number that is not known to be positive")
        terms = {key: (atom, _coefficient(coefficient * factor)) for key, (atom, coefficient) in self.terms.items()}
        return LogField(self.field, terms)

    def number(self) -> Any:
        """The coefficient of `ONE` where there is no logarithm: the sum is a number; None otherwise."""
        if self.infinite or not set(self.terms) <= {ONE}:
            return None
        return self.terms[ONE][1] if self.terms else fmpq(0)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, LogField):
            for x, y in ((self, other), (other, self)):
                factor = x.number()
                if factor is not None:
                    return y._times(factor)
            raise OutOfReach("a product of two logarithms has no value in a field")
        factor = other if isinstance(other, FieldNumber) else rational(other)
        return NotImplemented if factor is None else self._times(_coefficient(factor))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        divisor = other if isinstance(other, FieldNumber) else rational(other)
        if isinstance(other, LogField):
            divisor = other.number()
            if divisor is None:
                raise OutOfReach("a quotient by a logarithm has no value in a field")
        return NotImplemented if divisor is None else self._times(_coefficient(1 / divisor))

    def __rtruediv__(self, other: Any) -> Any:
        y = self._operand(other)
        return NotImplemented if y is None else y / self

    def __pow__(self, exponent: Any) -> Any:
        number = self.number()
        if number is not None:
            return (self.field.constant(0) + number) ** exponent
        if exponent == 1:
            return self
        raise OutOfReach("a power of a logarithm has no value in a field")

    def exponential(self) -> FieldNumber:
        """prod_i a_i^(c_i); roots are taken where c_i is a fraction.

        Errors: `OutOfReach` where a coefficient is not rational, or there is a constant.
        """
        field = self.field
        if self.infinite:
            return field.constant(0)
        powers = []
        for key, (atom, coefficient) in self.terms.items():
            power = _whole(coefficient)
            if power is None or (power and key is ONE):
                raise OutOfReach("the exponential of an expected value (an entropy, a loss) has no value in a field")
            if power:
                powers.append(field.power(key, atom, power))
        if all(x.constant is not None for x in powers):
            product: FieldNumber = math.prod(powers, start=field.constant(1))
            if product.constant is not None:
                return product
        result = _product(field, powers)
        result.logarithm = self
        return result

    def vanishing(self) -> tuple[list[FieldNumber], bool]:
        """Field numbers that are all 0 if this is 0 (and only then: True; perhaps it is 0 though they are not: False).

        One number where all coefficients are rational: the exponential, less 1. Else the coefficients, which need not
        vanish where the atoms are multiplicatively dependent, or may be.
        """
        if self.infinite:
            return [self.field.constant(1)], True
        coefficients = [coefficient for _, coefficient in self.terms.values()]
        if ONE not in self.terms and all(isinstance(c, fmpq) for c in coefficients):
            common = math.lcm(*(int(c.q) for c in coefficients))
            return [self._times(fmpq(common)).exponential() - 1], True
        merged = self._without_inverses().terms
        atoms = [atom for key, (atom, _) in merged.items() if key is not ONE]
        return [self.field.constant(0) + c for _, c in merged.values()], _independent(self.field, atoms)

    def _without_inverses(self) -> "LogField":
        """The same sum with c log a + d log(1/a) as (c - d) log a."""
        terms = dict(self.terms)
        for key in list(terms):
            if key is ONE or key not in terms:
                continue
            atom, coefficient = terms[key]
            inverse = int(1 / atom.value)
            if inverse == key or inverse not in terms:
                continue
            other, subtracted = terms.pop(inverse)
            self.field.assume_zero(atom * other - 1)
            terms[key] = atom, _coefficient(coefficient - subtracted)
            if isinstance(terms[key][1], fmpq) and not terms[key][1]:
                del terms[key]
        return LogField(self.field, terms)

    def __eq__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        y = self._operand(other)
        if y is None:
            return False
        if self.infinite or y.infinite:
            return self.infinite == y.infinite
        numbers, decisive = (self - y).vanishing()
        if all(x.value == 0 for x in numbers):
            for x in numbers:
                self.field.assume_zero(x)
            return True
        if decisive:
            return False
        raise OutOfReach(DEPENDENT)

    def __bool__(self) -> bool:
        return bool(self != 0)

    __hash__ = None  # type: ignore[assignment]

    @property
    def shadow(self) -> arb:
        """The number that this is on the instance."""
        if self.infinite:
            return arb.neg_inf()
        total = arb(0)
        for key, (atom, c) in self.terms.items():
            total += _shadow(self.field.constant(0) + c) * (1 if key is ONE else _shadow(atom).log())
        return total

    def __lt__(self, other: Any) -> Any:
        y = self._operand(other)
        return NotImplemented if y is None else _decided(self.field, self.shadow, y.shadow)

    __le__ = __lt__

    def __gt__(self, other: Any) -> Any:
        y = self._operand(other)
        return NotImplemented if y is None else _decided(self.field, y.shadow, self.shadow)

    __ge__ = __gt__

    def __abs__(self) -> Any:
        return -self if self < 0 else self

    def __repr__(self) -> str:
        if self.infinite:
            return "log 0 in F_p"
        terms = (f"{c}" if key is ONE else f"{c} log {atom!r}" for key, (atom, c) in self.terms.items())
        return " + ".join(terms) or "0 in F_p"


def _coefficient(number: Any) -> Any:
    """A coefficient: rational where it is known to be."""
    return number if type(number) is fmpq or number.constant is None else number.constant


def _whole(coefficient: Any) -> fmpq | None:
    """A coefficient as a rational number: as it is, or a whole number that its terms cancel to; None for any other."""
    if isinstance(coefficient, fmpq):
        return coefficient
    value, p = int(coefficient.value), coefficient.field.prime.value
    n = value if value < WHOLE else value - p
    if abs(n) >= WHOLE:
        return None
    coefficient.field.assume_zero(coefficient - n)
    return fmpq(n)


def _independent(field: Field, atoms: list[FieldNumber]) -> bool:
    """Whether a sum of the logarithms of the atoms, with rational functions as coefficients, vanishes only with them.

    So it is for different primes and polynomials of degree 1 of which no two are proportional. Where they are, the
    ratio of their values is that of two coefficients, which are small numbers.
    """
    varying = [x for x in atoms if x.constant is None]
    fixed = [x.constant for x in atoms if x.constant is not None]
    if field.sheets > 1 or len(varying) > MOST_ATOMS:
        return False
    if any(c.q != 1 or c > SMALL_PRIMES or not c.p.is_prime() for c in fixed):
        return False
    if any(x.top_degree != 1 or x.bottom_degree or x.bottom_bits for x in varying):
        return False
    one = field.constant(1)
    pairs = ((x, y) for i, x in enumerate(varying) for y in (one, *varying[:i]))
    return not any(_may_be_proportional(field.prime.value, x, y) for x, y in pairs)


def _may_be_proportional(p: int, x: FieldNumber, y: FieldNumber) -> bool:
    """Whether x / y is n / d modulo p for n and d within the bounds of the sizes of x and y; if not, x is not c y."""
    most, least = 2**x.top_bits, 2**y.top_bits
    if 2 * most * least >= p or not y.value:
        return True
    before, rest, below, bottom = p, int(x.value / y.value), 0, 1
    while rest > most:
        quotient = before // rest
        before, rest = rest, before - quotient * rest
        below, bottom = bottom, below - quotient * bottom
    return abs(bottom) <= least


def _product(field: Field, numbers: list[FieldNumber]) -> FieldNumber:
    """The product of several numbers, without those on the way."""
    first, *rest = numbers
    value = first.value
    for x in rest:
        value = value * x.value
    result = FieldNumber(
        field,
        value,
        sum(x.top_degree for x in numbers),
        sum(x.bottom_degree for x in numbers),
        sum(x.top_bits for x in numbers),
        sum(x.bottom_bits for x in numbers),
    )
    if any(x.shadow is not None for x in numbers):
        result.shadow = math.prod((_shadow(x) for x in numbers), start=arb(1))
    return result


@exp_of.register
def _(x: LogField) -> FieldNumber:
    return x.exponential()


@exp_of.register
def _(x: FieldNumber) -> FieldNumber:
    if x.constant is not None and not x.constant:
        return x.field.constant(1)
    raise OutOfReach(f"exp of {x!r}, which is no logarithm, has no value in a finite field")


@log_of.register
def _(x: FieldNumber) -> LogField:
    if x.logarithm is not None:
        return x.logarithm
    pending = [x]  # of a product of many factors there would be as many frames on Python's stack
    while pending:
        y = pending[-1]
        if y.logarithm is None and y.factors is not None:
            unknown = [factor for factor, _ in y.factors if factor.logarithm is None]
            if unknown:
                pending += unknown
                continue
        if y.logarithm is None:
            y.logarithm = _logarithm(y)
        pending.pop()
    assert x.logarithm is not None
    return x.logarithm


@log_of.register
def _(x: LogField) -> Any:
    number = x.number()
    if number is None:
        raise OutOfReach("the logarithm of a logarithm has no value in a field")
    return log_of(x.field.constant(0) + number)


def _logarithm(x: FieldNumber) -> LogField:
    """log x, where the logarithms of its factors are known."""
    field = x.field
    if x.constant is not None:
        if not x.constant:
            return LogField(field, {}, True)
        if x.constant < 0:
            raise OutOfReach(f"log of the negative number {x.constant}")
        return field.log_of_constant(x, x.constant)
    if x.factors is None:
        return field.log_of_atom(x)
    total = LogField(field, {})
    for factor, exponent in x.factors:
        assert factor.logarithm is not None
        total = total + factor.logarithm._times(exponent)
    return total


@larger_of.register
def _(x: FieldNumber, y: Any) -> Any:
    return y if x < y else x


@larger_of.register
def _(x: LogField, y: Any) -> Any:
    return y if x < y else x
