"""Numbers of a prime field: arithmetic against exact numbers, bounds against sympy's polynomials, roots, order, errors.

The second roads: exact rationals reduced modulo p; the true degree and size of sympy's numerators; norms as resultants;
and primes so small that zeros by chance are seen as often as the bound allows.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
from flint import arb, fmpq

from mdps import OutOfReach, scalars
from mdps.scalars.duals import gradient
from mdps.scalars.elementary import exp_of, log_of
from mdps.scalars.field import Field, FieldNumber, LogField, Unordered, current_field, log2_error
from mdps.scalars.primes import DerivedPrime, derived_prime

PRIME = derived_prime(b"test", 521, coprime_to=105)
SPECK = Fraction(1, 10**30)


def field(seed=b"seed") -> Field:
    return Field(PRIME, seed)


def residue(x: Fraction) -> int:
    return x.numerator * pow(x.denominator, -1, PRIME.value) % PRIME.value


def fraction(rng) -> Fraction:
    return Fraction(int(rng.integers(-9, 10)), int(rng.integers(1, 10)))


OPERATIONS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "squared": lambda x, y: x**2 - y,
    "cubed": lambda x, y: x * y**3,
    "inverse": lambda x, y: x**-2 + y,
    "negative": lambda x, y: -x * y,
}


def expression(rng, leaves, size):
    """A random formula, as a function of what its leaves are."""
    if size <= 1:
        leaf = int(rng.integers(len(leaves)))
        return lambda values: values[leaf]
    operation = OPERATIONS[sorted(OPERATIONS)[rng.integers(len(OPERATIONS))]]
    left = int(rng.integers(1, size))
    x, y = expression(rng, leaves, left), expression(rng, leaves, size - left)
    return lambda values: operation(x(values), y(values))


def test_constants_are_rational_numbers():
    rng, f = np.random.default_rng(0), field()
    checked = 0
    for _ in range(400):
        leaves = [fraction(rng) for _ in range(4)]
        formula = expression(rng, leaves, int(rng.integers(2, 7)))
        try:
            exact = formula(leaves)
        except ZeroDivisionError:
            with pytest.raises(ZeroDivisionError):
                formula([f.constant(x) for x in leaves])
            continue
        number = formula([f.constant(x) for x in leaves])
        assert number.constant == fmpq(exact.numerator, exact.denominator)
        assert int(number.value) == residue(exact)
        assert (number.top_degree, number.bottom_degree) == (0, 0)
        assert abs(exact.numerator) <= 2**number.top_bits
        assert exact.denominator <= 2**number.bottom_bits
        checked += 1
    assert checked > 200
    assert f.assumed == (0, 0)


X = sympy.symbols("x0:3")


def tracked_and_true(rng):
    """A random rational function of three free numbers and a constant: in the field, and as numerator and denominator.

    sympy's are those of the same formula after clearing, without cancelling, and after cancelling.
    """
    f = field()
    free, constant = [f.free() for _ in X], Fraction(int(rng.integers(1, 6)), int(rng.integers(1, 4)))
    leaves = [*X, sympy.Rational(constant.numerator, constant.denominator)]
    formula = expression(rng, leaves, int(rng.integers(2, 4)))
    return free, formula([*free, f.constant(constant)]), sympy.cancel(formula(leaves))


def test_degrees_and_sizes_are_never_below_those_of_the_polynomials():
    rng, checked = np.random.default_rng(1), 0
    while checked < 60:
        try:
            free, number, true = tracked_and_true(rng)
        except ZeroDivisionError:
            continue
        if number.constant is not None or not true.is_finite:
            continue
        point = {x: int(y.value) for x, y in zip(X, free, strict=True)}
        for part, degree, bits in zip(
            sympy.fraction(sympy.together(true)),
            (number.top_degree, number.bottom_degree),
            (number.top_bits, number.bottom_bits),
            strict=True,
        ):
            polynomial = sympy.Poly(part, *X, domain="ZZ")
            assert polynomial.total_degree() <= degree
            assert sum(abs(c) for c in polynomial.coeffs()) <= 2**bits
        top, bottom = sympy.fraction(true)
        value = [
            int(sympy.Poly(part, *X, domain="ZZ").eval(tuple(point.values()))) % PRIME.value for part in (top, bottom)
        ]
        assert value[0] * pow(value[1], -1, PRIME.value) % PRIME.value == int(number.value)
        checked += 1


def test_the_numerator_that_is_bounded_is_the_one_after_clearing():
    """Without cancelling too: numerator and denominator as pairs of polynomials, by the rules of fractions alone."""

    class Pair:
        """A fraction that is never reduced."""

        def __init__(self, top, bottom=1):
            self.top, self.bottom = sympy.Poly(top, *X, domain="ZZ"), sympy.Poly(bottom, *X, domain="ZZ")

        def __add__(self, other):
            return Pair(self.top * other.bottom + other.top * self.bottom, self.bottom * other.bottom)

        def __sub__(self, other):
            return self + (-other)

        def __neg__(self):
            return Pair(-self.top, self.bottom)

        def __mul__(self, other):
            return Pair(self.top * other.top, self.bottom * other.bottom)

        def __truediv__(self, other):
            if other.top.is_zero:
                raise ZeroDivisionError
            return Pair(self.top * other.bottom, self.bottom * other.top)

        def __pow__(self, n):
            if n < 0:
                return (Pair(1) / self) ** -n
            return Pair(self.top**n, self.bottom**n)

    rng, checked = np.random.default_rng(2), 0
    while checked < 250:
        f = field()
        formula = expression(rng, X, int(rng.integers(2, 7)))
        try:
            true, number = formula([Pair(x) for x in X]), formula([f.free() for _ in X])
        except ZeroDivisionError:
            continue
        if number.constant is not None:
            continue
        for part, degree, bits in (
            (true.top, number.top_degree, number.top_bits),
            (true.bottom, number.bottom_degree, number.bottom_bits),
        ):
            assert part.is_zero or part.total_degree() <= degree
            assert sum(abs(c) for c in part.coeffs()) <= 2**bits
        checked += 1


def test_the_norm_of_a_number_with_a_root_is_bounded():
    """Its numerator, as a resultant, has at most `sheets` times the degree and the size: for roots of fractions too."""
    (x, y, _), r = X, sympy.Symbol("r")
    checked = 0
    for degree, (i, j) in itertools.product((3, 5), itertools.product(range(4), repeat=2)):
        tops, bottoms = (x, x + y, x * y + 1, x**2 + 2), (1, y, x + y + 1, y**2 + 3)
        for build in (
            lambda s, x, y: s + x,
            lambda s, x, y: s * s - y,
            lambda s, x, y: x / s + y,
            lambda s, x, y: s - 1,
        ):
            f = field()
            a, b, _ = (f.free() for _ in X)
            inside = [g if isinstance(g, int) else sympy.lambdify((x, y), g)(a, b) for g in (tops[i], bottoms[j])]
            root = f.root(inside[0] / inside[1] if bottoms[j] != 1 else inside[0] + 0, degree)
            assert f.sheets == degree
            number = build(root, a, b)
            top, _ = sympy.fraction(sympy.together(build(r, x, y)))
            norm = sympy.resultant(top, r**degree * bottoms[j] - tops[i], r)
            polynomial = sympy.Poly(norm, x, y, domain="ZZ")
            bound = f.bounds(number)
            reduced = polynomial.primitive()[1]
            assert reduced.total_degree() <= bound[0]
            assert max(abs(c) for c in reduced.coeffs()) <= 2 ** bound[1]
            checked += 1
    assert checked == 128


def test_a_root_carries_the_bounds_of_what_is_integral():
    """With w = g (f/g)^(1/D): w^D = f g^(D-1), of degree (deg f + (D-1) deg g) / D, rounded up."""
    f = field()
    x, y = f.free(), f.free()
    root = f.root((x + y) ** 2 / (x - y) ** 4, 3)
    assert (root.top_degree, root.bottom_degree) == (4, 4)  # 10 / 3
    assert (root.top_bits, root.bottom_bits) == (4, 4)
    whole = f.root(x**7, 5)
    assert (whole.top_degree, whole.bottom_degree, whole.top_bits, whole.bottom_bits) == (2, 0, 0, 0)


@pytest.mark.parametrize("degree", [3, 5, 7, 15])
def test_roots_are_the_positive_ones(degree):
    f = field()
    for _ in range(10):
        x, y = f.free(), f.free()
        assert (x**degree) ** fmpq(1, degree) == x
        assert (x / y) ** fmpq(2, degree) == (x**2 * y**-2) ** fmpq(1, degree)
        assert exp_of(log_of(x) / degree * degree) == x
        assert exp_of((log_of(x) + log_of(y)) / degree) == exp_of(log_of(x) / degree) * exp_of(log_of(y) / degree)
    assert f.sheets >= degree


def test_roots_that_are_not_unique_are_out_of_reach_and_the_reason_is_said():
    f = field()
    with pytest.raises(OutOfReach, match=r"root of degree 2 .* not unique .* one step hold for every horizon"):
        f.free() ** fmpq(1, 2)
    with pytest.raises(OutOfReach, match="root of degree 6"):
        exp_of(log_of(f.free() + 1) / 6)


def test_known_logarithms_are_taken_and_their_numbers_are_assumed_equal():
    f = field()
    y, w = f.free(), f.free()
    f.know_logarithm(y**6, log_of(y) * 6)
    total = (y**6 - w) + w
    assert exp_of(log_of(total) / 6) == y
    assert f.assumed[0] > 0
    assert f.sheets == 1


# Logarithms ----------------------------------------------------------------------------------------------------------


def test_logarithms_of_products_quotients_powers_and_constants_are_sums():
    f = field()
    x, y = f.free(), f.free()
    q, z = f.free(), f.free()
    pairs = [
        (x * y, log_of(x) + log_of(y)),
        (x / y, log_of(x) - log_of(y)),
        (1 / x, -log_of(x)),
        (x**3 / y**2, 3 * log_of(x) - 2 * log_of(y)),
        ((x + y) * z, log_of(x + y) + log_of(z)),
        (f.constant(Fraction(12, 35)), log_of(f.constant(12)) - log_of(f.constant(5)) - log_of(f.constant(7))),
        (f.constant(8), 3 * log_of(f.constant(2))),
    ]
    for number, total in pairs:
        assert log_of(number) == total
        assert q * log_of(number) == q * total  # coefficients that are not rational: term by term
        assert exp_of(total) == number
    with pytest.raises(OutOfReach, match="depend on each other"):
        bool(q * log_of(x * y + x) == q * (log_of(x) + log_of(y + 2)))


def test_logarithms_of_independent_numbers_are_told_apart():
    """Polynomials of degree 1 that are not proportional, and primes: other coefficients are another function."""
    f = field()
    x, y, q = f.free(), f.free(), f.free()
    two, three = f.constant(2), f.constant(3)
    for lhs, rhs in (
        (q * log_of(x), q * log_of(y)),
        (q * log_of(x + y), q * (log_of(x) + log_of(y))),
        (q * log_of(1 - x) + log_of(two), q * log_of(1 - x) + q * log_of(two)),
        (q * log_of(x), (q + q * SPECK) * log_of(x)),
        (q * log_of(two) + log_of(three), q),
        (q * log_of(x) + 1, q * log_of(x) + 1 + SPECK),
    ):
        assert lhs != rhs
        assert lhs == lhs + 0
    for lhs, rhs in (
        (log_of(3 * x - 6 + 6), log_of(x + 0)),
        (log_of(x + x + y + y), log_of(x + y)),
        (log_of(x * x + 1), log_of(x)),
    ):
        with pytest.raises(OutOfReach, match="depend on each other"):
            bool(q * lhs == q * rhs)  # log 3 x = log 3 + log x: open, whatever the coefficients are


def test_a_negative_factor_is_no_factor_of_a_logarithm():
    f = field()
    x, y = f.free(), f.free()
    assert log_of(-2 * (x - y)) == log_of(2 * (y - x))
    assert exp_of(log_of((x - y) * -1)) == y - x


def test_roots_may_make_numbers_depend_on_each_other():
    """(1 - x^(1/3)) (1 + x^(1/3) + x^(2/3)) = 1 - x, all of them of degree 1 or less."""
    f = field()
    x, q = f.free(), f.free()
    y, square = f.root(x, 3), f.root(x * x, 3)
    with pytest.raises(OutOfReach, match="depend on each other"):
        bool(q * log_of(1 - y) + q * log_of(1 + y + square) == q * log_of(1 - x))


def test_a_logarithm_of_a_long_product_does_not_fill_the_stack():
    f = field()
    x = f.free()
    product = x
    for _ in range(20_000):
        product = product * x
    assert log_of(product) == 20_001 * log_of(x)


def test_the_same_value_by_another_road_is_one_atom_and_the_equality_is_counted():
    f = field()
    x, y = f.free(), f.free()
    total = (x + y) ** 2
    other = x * x + 2 * x * y + y * y
    q = f.free()
    before = f.assumed
    assert q * log_of(total + 1) - q * log_of(other + 1) == 0
    assert f.assumed[0] > before[0]


def test_inverse_atoms_are_one():
    f = field()
    x, y, q = f.free(), f.free(), f.free()
    assert q * log_of(x / y + 1) == -q * log_of(1 - x / (x + y))


def test_log_of_zero_is_minus_infinity():
    f = field()
    x = f.free()
    for nothing in (f.constant(0), x - x, 0 * x):
        assert log_of(nothing).infinite
        assert exp_of(log_of(nothing)) == 0
    assert log_of(f.constant(0)) + log_of(x) == log_of(f.constant(0))
    assert log_of(x) != log_of(f.constant(0))


def test_powers_of_constants_with_millions_of_digits_stay_small():
    f = field()
    number = exp_of(10**40 * log_of(f.constant(2)) + log_of(f.constant(Fraction(1, 3))))
    assert number.constant is None
    assert number.top_bits >= 10**40
    assert int(number.value) == pow(2, 10**40, PRIME.value) * pow(3, -1, PRIME.value) % PRIME.value


def test_what_is_no_rational_function_is_out_of_reach():
    f = field()
    x, y = f.free(), f.free()
    for wrong in (
        lambda: exp_of(x),
        lambda: exp_of(x * log_of(y)),
        lambda: exp_of(log_of(x) + 1),
        lambda: log_of(x) * log_of(y),
        lambda: x / log_of(y),
        lambda: log_of(x) / log_of(y),
        lambda: log_of(x) ** 2,
        lambda: log_of(log_of(x)),
        lambda: log_of(f.constant(-2)),
        lambda: 0 * log_of(f.constant(0)),
        lambda: x * log_of(f.constant(0)),
        lambda: f.constant(0.5),
        lambda: f.constant("1"),
    ):
        with pytest.raises(OutOfReach):
            wrong()
    with pytest.raises(OutOfReach, match="within"):
        current_field()


def test_sums_that_are_numbers_behave_as_numbers():
    f = field()
    x = f.free()
    three = log_of(x) + 3 - log_of(x)
    assert three == 3
    assert f.constant(3) == three
    assert three * log_of(x) == 3 * log_of(x)
    assert log_of(x) / three == log_of(x) / 3
    assert three**2 == 9


# Equality and order --------------------------------------------------------------------------------------------------


def test_equalities_on_the_way_are_counted_and_differences_are_not():
    f = field()
    x, y = f.free(), f.free()
    assert x != y
    assert bool(x)
    assert f.assumed == (0, 0)
    assert (x + y) * (x - y) == x**2 - y**2
    assert f.assumed[0] >= 2
    seen = f.assumed
    assert list(scalars.zero_mask(np.array([x - x, x, f.constant(0)], dtype=object))) == [True, False, True]
    assert f.assumed > seen


def test_equality_with_other_kinds():
    f = field()
    assert f.constant(2) == fmpq(2) == f.constant(2)
    assert f.constant(Fraction(1, 3)) == Fraction(1, 3)
    assert fmpq(1, 3) == f.constant(Fraction(1, 3))
    assert f.constant(2) != "2"
    assert log_of(f.constant(1)) == 0
    assert f.constant(0) == log_of(f.constant(1))


def test_order_is_that_of_the_shadows_and_is_counted():
    f = field()
    x, y = f.free(arb(2)), f.free(arb(3))
    assert x < y
    assert y >= x
    assert max(x, y) is y
    assert scalars.largest(np.array([x, x * y, y], dtype=object)) == x * y
    assert log_of(x) < log_of(y)
    assert x + 1 < y + 1
    assert x / y < 1
    assert abs(x - y) == y - x
    assert exp_of(log_of(x) / 3) < 2
    assert f.branches >= 9
    before = f.branches
    assert f.constant(2) < f.constant(3)
    assert f.branches == before
    with pytest.raises(OutOfReach, match="tie"):
        _ = y - x < 1


def test_without_shadows_nothing_is_ordered():
    f = field()
    with pytest.raises(Unordered):
        _ = f.free() < f.free()


def test_a_denominator_that_is_zero_is_an_error():
    f = field()
    x = f.free()
    for wrong in (lambda: 1 / (x - x), lambda: f.constant(1) / 0, lambda: (x - x) ** -1, lambda: 1 / (0 * x)):
        with pytest.raises(ZeroDivisionError):
            wrong()
    ones = np.array([x, x - x, x], dtype=object)
    with pytest.raises(ZeroDivisionError):
        np.array([x] * 3, dtype=object) @ (1 / ones)


def test_dual_numbers_ride_on_field_numbers():
    f = field()
    x = np.array([f.free() for _ in range(3)], dtype=object)
    slope = gradient(lambda w: log_of((w * w).sum()), x)
    assert all(a == 2 * b / (x * x).sum() for a, b in zip(slope, x, strict=True))
    logs = np.array([log_of(a) for a in x], dtype=object)
    weights = gradient(scalars.logsumexp, logs)
    assert all(a == b / x.sum() for a, b in zip(weights, x, strict=True))


# The error -----------------------------------------------------------------------------------------------------------


def test_the_error_is_the_formula_rounded_up():
    rng = np.random.default_rng(3)
    for _ in range(300):
        degree, bits = (int(2.0 ** rng.uniform(0, 300)) for _ in range(2))
        exact = Fraction(degree, PRIME.value) + Fraction(bits, 520) / 2**PRIME.entropy
        claimed = log2_error(PRIME.value, PRIME.entropy, degree, bits)
        assert exact <= Fraction(2) ** int(claimed)
        # rounded up to a power of 2, after both parts are rounded up to multiples of 2^-(entropy + 64)
        assert 2 * (exact + Fraction(2, 2 ** (PRIME.entropy + 64))) >= Fraction(2) ** int(claimed)
    assert log2_error(PRIME.value, PRIME.entropy, 0, 0) == -math.inf


def test_the_error_counts_what_was_assumed_and_every_sheet():
    f = field()
    x, y = f.free(), f.free()
    assert f.bounds(x**5) == (5, 0)
    assert f.bounds(x**5, y**7, (x + y) ** 3) == (7, 3)
    f.assume_zero((x + y) ** 2)
    assert f.bounds(x**5) == (7, 2)
    f.root(x, 3)
    f.root(x, 3)
    assert f.bounds(x**5) == (21, 6)
    f.root(y, 5)
    assert f.bounds(x**5) == (105, 30)


def test_small_primes_show_zeros_by_chance_as_often_as_the_bound_allows():
    """Over F_101, of 5,000 points, a polynomial of degree d vanishes at no more than a share d / 101 of them."""
    small = DerivedPrime(101, 101, (), 0)
    n = 5_000
    for build, degree in (
        (lambda x, y: x - y, 1),
        (lambda x, y: (x - 1) * (y - 2), 2),
        (lambda x, y: (x - 1) * (x - 2) * (x - y), 3),
    ):
        zeros = 0
        for i in range(n):
            f = Field(small, str(i).encode())
            number = build(f.free(), f.free())
            assert number.top_degree == degree
            zeros += number.value == 0
        # Hoeffding: the share exceeds its mean, which is at most d / 101, by .05 with probability below e^-25
        assert zeros / n <= degree / 101 + 0.05
        assert zeros > 0


def test_points_are_spread_over_the_field():
    values = [int(Field(PRIME, str(i).encode()).free().value) for i in range(200)]
    assert len(set(values)) == 200
    assert all(v.bit_length() > 480 for v in values)


# Arrays --------------------------------------------------------------------------------------------------------------


def test_conversion_to_the_field():
    f = field()
    with f.current():
        array = scalars.convert(np.array([Fraction(1, 3), 2, 0.5], dtype=object), "field")
        assert [x.constant for x in array] == [fmpq(1, 3), fmpq(2), fmpq(1, 2)]
        logs = scalars.convert(
            np.array([scalars.LogRational.log(6), scalars.LogRational.LOG_ZERO], dtype=object), "field"
        )
        assert exp_of(logs[0]) == 6
        assert isinstance(logs[1], LogField)
        assert logs[1].infinite
        assert scalars.level_of(array) == scalars.level_of(logs) == "field"
        assert isinstance(scalars.constant(3, array), FieldNumber)
    assert repr(f.constant(Fraction(1, 3))) == "1/3 in F_p"
    assert "degree 1/0" in repr(f.free())
    assert "log" in repr(log_of(f.free()))
