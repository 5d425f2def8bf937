"""`LogRational`: exact against balls at high precision and sympy, decided where floats see nothing."""

import copy
import itertools
import math
import operator
import pickle
import random
from fractions import Fraction

import numpy as np
import pytest
import sympy
from flint import arb, fmpq, fmpz
from hypothesis import given, settings, strategies as st

from mdps.errors import OutOfReach
from mdps.scalars.balls import precision
from mdps.scalars.elementary import anchor_of, exp_of, log_of, sigmoid_of, softplus_of
from mdps.scalars.logs import LogRational, coprime_powers

log = LogRational.log
LOG_ZERO = LogRational.LOG_ZERO

fractions = st.fractions(min_value=-9, max_value=9, max_denominator=30)
weights = st.fractions(min_value=Fraction(1, 60), max_value=60, max_denominator=60)
# Few small primes, so that different terms often are multiplicatively dependent.
terms = st.dictionaries(st.sampled_from([2, 3, 4, 6, 8, 9, 12, 18, 30, 36, 49, 2**70, 6**40]), fractions, max_size=6)
logs = st.builds(LogRational, st.sampled_from([0, 0, 0, Fraction(1, 3), -2]), terms)


def prime_exponents(x: LogRational) -> dict[int, Fraction]:
    """The normal form of a sum of logs, by factoring: another road to every decision."""
    exponents: dict[int, Fraction] = {}
    for n, coefficient in x.terms.items():
        for prime, power in sympy.factorint(n).items():
            exponents[prime] = exponents.get(prime, Fraction(0)) + power * fraction(coefficient)
    return {prime: exponent for prime, exponent in exponents.items() if exponent}


def fraction(x: fmpq) -> Fraction:
    return Fraction(int(x.p), int(x.q))


def ball(x: LogRational, bits: int = 400) -> arb:
    with precision(bits):
        return x.arb()


def symbolic(x: LogRational) -> sympy.Expr:
    parts = [sympy.Rational(str(c)) * sympy.log(n) for n, c in x.terms.items()]
    return sympy.Add(sympy.Rational(str(x.constant)), *parts)


# Equality


@pytest.mark.parametrize(
    "zero",
    [
        log(6) - log(2) - log(3),
        2 * log(2) - log(4),
        log(8) / 3 - log(2),
        log(fmpq(1, 2)) + log(2),
        log(fmpq(6, 10)) - log(fmpq(3, 5)),
        log(1),
        fmpq(5, 3) * log(12) - fmpq(10, 3) * log(2) - fmpq(5, 3) * log(3),
        log(2**1000 * 3) - 1000 * log(2) - log(3),
        log(6**500) - log(2**500) - 250 * log(9),
        log(fmpq(4, 9)) / 2 - log(fmpq(8, 27)) / 3,
    ],
    ids=repr,
)
def test_is_decided_to_be_zero(zero):
    assert zero == 0
    assert not zero
    assert zero.sign() == 0
    assert zero.rational() == 0
    assert zero.exp() == 1
    assert float(zero) == 0.0
    assert zero >= 0 >= zero
    assert not zero < 0
    assert zero + 1 == 1
    assert hash(zero) == hash(0)


@pytest.mark.parametrize(
    "nonzero",
    [
        log(6) - log(2) - log(5),
        2 * log(2) - log(5),
        log(2) - fmpq(693147180559945309417232121458, 10**30),
        log(3) / log(4).exp() - log(2) / 3,
        log(2**1000 * 3) - 1000 * log(2) - log(3) + fmpq(1, 10**300),
        log(2**1000 + 1) - 1000 * log(2),
        log(fmpz(10) ** 40 + 1) - 40 * log(10),
        log(6**500) - log(2**500) - 250 * log(9) + log(fmpq(10**300 + 1, 10**300)),
    ],
    ids=repr,
)
def test_is_decided_not_to_be_zero(nonzero):
    assert nonzero != 0
    assert nonzero
    assert nonzero.sign() == -(-nonzero).sign() != 0
    assert abs(nonzero) > 0
    assert float(nonzero) != 0.0


def test_near_equality_is_seen_in_the_exact_sign():
    # 485/306 is a convergent of log 3 / log 2, and the next ones are closer still.
    convergents = sympy.continued_fraction_convergents(sympy.continued_fraction_iterator(sympy.log(3) / sympy.log(2)))
    signs = [(log(3) - fmpq(int(c.p), int(c.q)) * log(2)).sign() for c in itertools.islice(convergents, 20)]
    assert signs == [1, -1] * 10


@pytest.mark.parametrize("bits", [300, 2000])
def test_cancellation_hidden_in_products_of_large_integers(bits):
    draw = random.Random(bits).getrandbits
    a, b, c, d = (draw(bits) | 1 for _ in range(4))
    hidden = log(a * b) + log(c * d) - log(a * c) - log(b * d)
    assert len(hidden.terms) == 4
    assert hidden == 0
    assert fmpq(2, 7) * log(a * b) - fmpq(2, 7) * log(a) == fmpq(2, 7) * log(b)
    # coefficients that no grouping brings together
    scrambled = sum(
        k * (log(a * b**k) - log(a) - k * log(b)) + fmpq(1, k) * (log(c**k * d) - k * log(c) - log(d))
        for k in range(1, 8)
    )
    assert scrambled == 0
    assert hidden + log(fmpq(10**40 + 1, 10**40)) > 0
    assert hidden + fmpq(1, 10**40) > 0
    assert hidden - log(fmpq(2**bits + 1, 2**bits)) < 0


def test_a_sum_over_a_thousand_outcomes_is_decided():
    """KL(p, m) + KL(q, m) = -H(p) - H(q) - sum (p + q) log m, each side from logs of other fractions."""
    rng = random.Random(0)
    p, q = ([fmpq(rng.getrandbits(100) + 1) for _ in range(1000)] for _ in range(2))
    p, q = (np.array([x / total for x in xs], dtype=object) for xs in (p, q) for total in [sum(xs)])
    m = (p + q) / 2
    log_all = np.frompyfunc(log, 1, 1)
    divergence = (p * log_all(p / m)).sum() + (q * log_all(q / m)).sum()
    entropies = (p * log_all(p)).sum() + (q * log_all(q)).sum() - ((p + q) * log_all(m)).sum()
    assert len((divergence - entropies).terms) > 1000
    assert divergence == entropies
    assert divergence != entropies + log(fmpq(10**60 + 1, 10**60))
    assert divergence > 0


@settings(deadline=None)
@given(logs, logs)
def test_equality_and_order_agree_with_factoring_and_with_balls(x, y):
    same = x.constant == y.constant and prime_exponents(x) == prime_exponents(y)
    assert (x == y) is same
    assert (x != y) is not same
    assert (x <= y and x >= y) is same
    if same:
        assert hash(x) == hash(y)
    else:
        difference = ball(x) - ball(y)
        assert not difference.contains(0)
        assert (x < y, x <= y, x > y, x >= y) == ((difference < 0,) * 2 + (difference > 0,) * 2)


@settings(deadline=None)
@given(terms)
def test_the_coprime_base_is_coprime_and_sums_to_the_same(terms):
    x = LogRational(0, terms)
    powers = coprime_powers(x.terms)
    for (a, _), (b, _) in itertools.combinations(powers, 2):
        assert a.gcd(b) == 1
    assert all(b > 1 and e != 0 for b, e in powers)
    assert prime_exponents(LogRational(0, {int(b): e for b, e in powers})) == prime_exponents(x)


@settings(deadline=None)
@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_the_coprime_base_of_many_integers(integers, rng):
    x = sum((fmpq(rng.randint(1, 10**6), rng.randint(1, 10**6)) * log(n) for n in integers), LogRational())
    powers = coprime_powers(x.terms)
    for (a, _), (b, _) in itertools.combinations(powers, 2):
        assert a.gcd(b) == 1
    primes = prime_exponents(x)
    assert prime_exponents(LogRational(0, {int(b): e for b, e in powers})) == primes
    assert sum((-fmpq(e.numerator, e.denominator) * log(p) for p, e in primes.items()), x) == 0


def test_equality_with_other_exact_numbers():
    third = log(8) / log(2).exp() - fmpq(3, 2) * log(2) + fmpq(1, 3)
    assert third == Fraction(1, 3)
    assert third == fmpq(1, 3)
    assert Fraction(1, 3) == third
    assert fmpq(1, 3) == third
    assert third != fmpq(1, 4)
    assert LogRational(7) == 7 == LogRational(7)
    assert fmpz(7) == LogRational(7)
    assert np.int64(7) == LogRational(7)
    assert {third: 1}[fmpq(1, 3)] == 1
    assert log(2) != "log 2"


def test_the_hash_is_that_of_the_value():
    assert hash(log(6)) == hash(log(2) + log(3))
    assert hash(LogRational(fmpq(5, 7))) == hash(Fraction(5, 7))
    assert hash(10**400 + log(2)) == hash(log(2) + 10**400)
    assert {log(4), 2 * log(2), LOG_ZERO, LOG_ZERO + 1} == {log(4), LOG_ZERO}


# Arithmetic


@settings(deadline=None)
@given(logs, logs, fractions, st.integers(-5, 5))
def test_arithmetic_agrees_with_balls(x, y, f, n):
    with precision(300):
        xb, yb, fb = x.arb(), y.arb(), arb(f.numerator) / f.denominator
        q = fmpq(f.numerator, f.denominator)
        pairs = [
            (x + y, xb + yb),
            (x - y, xb - yb),
            (-x, -xb),
            (x + f, xb + fb),
            (f - x, fb - xb),
            (q + x, fb + xb),
            (q - x, fb - xb),
            (n * x, n * xb),
            (x * f, xb * fb),
            (q * x, fb * xb),
            (abs(x), abs(xb)),
        ]
        pairs += [(x / q, xb / fb)] if q else []
        for ours, theirs in pairs:
            assert isinstance(ours, LogRational)
            assert ours.arb().overlaps(theirs)


@settings(deadline=None)
@given(logs, logs, logs, fractions)
def test_axioms_of_a_vector_space(x, y, z, f):
    assert x + y == y + x
    assert (x + y) + z == x + (y + z)
    assert x - x == 0
    assert x + 0 == x
    assert f * (x + y) == f * x + f * y
    assert 1 * x == x
    assert 0 * x == 0


@settings(deadline=None)
@given(terms)
def test_agrees_with_sympy(terms):
    x = LogRational(0, {n: c for n, c in terms.items() if n < 100})
    over_primes = sympy.expand_log(symbolic(x), force=True, factor=True)
    assert (over_primes == 0) is (x == 0)
    assert x.sign() == sympy.sign(over_primes.evalf(60))
    assert prime_exponents(x) == {
        int(term.as_coeff_Mul()[1].args[0]): Fraction(str(term.as_coeff_Mul()[0]))
        for term in over_primes.as_ordered_terms()
        if term != 0
    }


@settings(deadline=None)
@given(weights, weights)
def test_log_turns_products_into_sums(v, w):
    assert log(v * w) == log(v) + log(w)
    assert log(v / w) == log(v) - log(w)
    assert log(v**7) == 7 * log(v)
    assert (log(v) < log(w)) is (v < w)
    assert log(v).exp() == fmpq(v.numerator, v.denominator)


def test_products_with_a_rational_in_disguise():
    two = log(4) - 2 * log(2) + 2
    assert two * log(3) == log(9)
    assert log(3) * two == log(9)
    assert log(9) / two == log(3)
    assert 1 / two == fmpq(1, 2)
    assert two**3 == 8
    assert log(3) ** 1 == log(3)
    assert log(3) ** 0 == 1


@pytest.mark.parametrize(
    "escape",
    [
        lambda: log(2) * log(3),
        lambda: 1 / log(2),
        lambda: log(4) / log(2),
        lambda: log(2) ** 2,
        lambda: log(log(2)),
        lambda: log(-1),
        lambda: log(Fraction(-1, 3)),
        lambda: (log(2) / 2).exp(),
        lambda: (log(2) + 1).exp(),
        lambda: LogRational(1).exp(),
        lambda: (log(4) / 2 + log(12) / 3).exp(),
        lambda: (10**12 * log(2)).exp(),
        lambda: -LOG_ZERO,
        lambda: -1 * LOG_ZERO,
        lambda: LOG_ZERO / -2,
        lambda: 1 - LOG_ZERO,
        lambda: LOG_ZERO - LOG_ZERO,
        lambda: LOG_ZERO * LOG_ZERO,
        lambda: LOG_ZERO * log(2),
        lambda: 1 / LOG_ZERO,
        lambda: LOG_ZERO**2,
        lambda: abs(LOG_ZERO),
        lambda: log(LOG_ZERO),
        lambda: exp_of(LogRational(2)),
        lambda: log_of(log(3)),
    ],
)
def test_what_is_no_sum_of_logs_is_out_of_reach(escape):
    with pytest.raises(OutOfReach, match=r"log|exp"):
        escape()


@pytest.mark.parametrize("other", [1.0, np.float64(1), 0.0, arb(1), "1", None])
@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul, operator.truediv, operator.lt])
def test_inexact_numbers_are_refused(other, operation):
    for x in (log(2), LOG_ZERO):
        with pytest.raises(TypeError):
            operation(x, other)
        with pytest.raises(TypeError):
            operation(other, x)


def test_division_by_zero():
    for zero in (0, fmpq(0), log(4) - 2 * log(2)):
        with pytest.raises(ZeroDivisionError):
            log(3) / zero


def test_constructor_checks_its_terms():
    assert LogRational(2, {5: Fraction(3, 2), 7: -1, 1: 4, 3: 0}).terms == {5: fmpq(3, 2), 7: fmpq(-1)}
    for bad in (0, -2, 2.0, fmpq(2), "2"):
        with pytest.raises(TypeError):
            LogRational(0, {bad: 1})
    for bad in (0.5, arb(1), None):
        with pytest.raises(TypeError):
            LogRational(bad)
        with pytest.raises(TypeError):
            LogRational(0, {2: bad})
        with pytest.raises(TypeError):
            log(bad)


def test_operations_leave_their_operands_alone():
    x, y = log(6), log(fmpq(2, 3))
    before = copy.deepcopy((dict(x.terms), dict(y.terms)))
    total = x + y
    total += x
    total = total - y
    assert (dict(x.terms), dict(y.terms)) == before
    with pytest.raises(AttributeError):
        x.constant = fmpq(1)


# Log 0


def test_log_zero():
    assert log(0) is LOG_ZERO
    assert log_of(fmpq(0)) == LOG_ZERO
    assert LOG_ZERO == LOG_ZERO
    assert LogRational() != LOG_ZERO
    assert LOG_ZERO != 0
    assert bool(LOG_ZERO)
    assert LOG_ZERO + log(2) == LOG_ZERO == LOG_ZERO - 5 == fmpq(1, 2) + LOG_ZERO
    assert 0 * LOG_ZERO == 0 == fmpq(0) * LOG_ZERO
    assert fmpq(1, 3) * LOG_ZERO == LOG_ZERO == LOG_ZERO / 7
    assert LOG_ZERO < -(10**100)
    assert log(fmpq(1, 10**100)) > LOG_ZERO
    assert LOG_ZERO <= LOG_ZERO
    assert not LOG_ZERO < LOG_ZERO
    assert log(2) > LOG_ZERO
    assert fmpq(-5) > LOG_ZERO
    assert max(LOG_ZERO, log(2)) == log(2)
    assert LOG_ZERO.sign() == -1
    assert LOG_ZERO.exp() == 0
    assert LOG_ZERO.rational() is None
    assert float(LOG_ZERO) == -math.inf
    assert LOG_ZERO.arb() == arb.neg_inf()
    assert repr(LOG_ZERO) == "log(0)"


# exp


@settings(deadline=None)
@given(st.lists(st.tuples(weights, st.integers(-4, 4)), max_size=5))
def test_exp_undoes_log(powers):
    x = sum((n * log(w) for w, n in powers), LogRational())
    product = math.prod((w**n for w, n in powers), start=Fraction(1))
    assert x.exp() == fmpq(product.numerator, product.denominator)
    assert log(x.exp()) == x


@settings(deadline=None)
@given(terms)
def test_exp_is_rational_exactly_when_every_prime_has_an_integer_exponent(terms):
    x = LogRational(0, {n: fmpq(c.numerator, c.denominator) for n, c in terms.items() if n < 100})
    exponents = prime_exponents(x)
    if all(e.denominator == 1 for e in exponents.values()):
        expected = math.prod((Fraction(p) ** int(e) for p, e in exponents.items()), start=Fraction(1))
        assert x.exp() == fmpq(expected.numerator, expected.denominator)
    else:
        with pytest.raises(OutOfReach, match="irrational"):
            x.exp()


def test_exp_of_roots_that_are_rational():
    assert (log(fmpq(4, 9)) / 2).exp() == fmpq(2, 3)
    assert (log(12) / 2 - log(3) / 2).exp() == 2
    assert (log(8) / 3 + log(27) * fmpq(2, 3)).exp() == 18
    large = fmpz(10) ** 50 + 151
    assert (log(large**6) / 3).exp() == large**2


def test_exp_of_huge_powers_that_cancel():
    k = 10**12
    assert (k * log(6) - k * log(2) - k * log(3) + log(5)).exp() == 5


# Floats and balls


@settings(deadline=None)
@given(logs)
def test_the_float_is_the_nearest(x):
    value = float(x)
    below, above = (fmpq(*map(int, math.nextafter(value, d).as_integer_ratio())) for d in (-math.inf, math.inf))
    here = fmpq(*map(int, value.as_integer_ratio()))
    assert abs(x - here) <= abs(x - below)
    assert abs(x - here) <= abs(x - above)


def test_the_float_survives_cancellation():
    tiny = log(10**40 + 1) - 40 * log(10)
    assert float(tiny) == 1e-40
    assert float(log(2**3000 + 1) - 3000 * log(2)) == 0.0  # below the smallest float
    assert float(log(4) - 2 * log(2) + 1 + fmpq(1, 2**53)) == 1.0  # a midpoint: to even
    assert float(log(4) - 2 * log(2) + 1 + fmpq(3, 2**53)) == 1 + 2**-51
    assert float(LogRational(fmpq(1, 3))) == 1 / 3
    with pytest.raises(OverflowError):
        float(log(2) + 10**400)
    with pytest.raises(OverflowError):
        float(LogRational(10**400))


@settings(deadline=None)
@given(logs)
def test_balls_contain_the_number_and_shrink_with_precision(x):
    coarse, fine = ball(x, 30), ball(x, 500)
    assert coarse.contains(fine)
    assert x.terms == {} or fine.rad() < 2 ** arb(-450)


# Use


def test_repr():
    assert repr(LogRational(2, {5: Fraction(3, 2), 7: -1})) == "2 + 3/2*log(5) - log(7)"
    assert repr(LogRational()) == "0"
    assert repr(-log(2)) == "-log(2)"
    assert repr(fmpq(-1, 2) - 2 * log(3)) == "-1/2 - 2*log(3)"
    assert repr(sum((log(n) for n in range(2, 5000)), LogRational())).endswith("more logs)")
    assert len(repr(log(7**10000))) < 100


@pytest.mark.parametrize("x", [log(fmpq(2, 3)) + fmpq(1, 7), LogRational(), LOG_ZERO], ids=repr)
def test_pickle_and_copy(x):
    for other in (pickle.loads(pickle.dumps(x)), copy.copy(x), copy.deepcopy(x)):
        assert other == x
    assert copy.deepcopy(LOG_ZERO) is LOG_ZERO
    assert pickle.loads(pickle.dumps([LOG_ZERO]))[0] is LOG_ZERO


def test_in_object_arrays():
    p = np.array([[fmpq(1, 2), fmpq(1, 2)], [fmpq(1, 3), fmpq(2, 3)]], dtype=object)
    v = np.array([log(2), log(3)], dtype=object)
    expected = [log(2) / 2 + log(3) / 2, log(2) / 3 + log(9) / 3]
    assert list(p @ v) == expected
    assert list(v @ p.T) == expected
    assert list(np.einsum("sa,a->s", p, v)) == expected
    assert list(np.tensordot(p, v, axes=1)) == expected
    assert list((p * v).sum(axis=-1)) == expected
    assert v.sum() == log(6)
    assert (v - v[::-1]).tolist() == [log(fmpq(2, 3)), log(fmpq(3, 2))]
    assert (v + fmpq(1)).tolist() == [1 + log(2), 1 + log(3)]
    assert (fmpq(2) * v).tolist() == [log(4), log(9)]
    assert (np.array([1, 2]) * v).tolist() == [log(2), log(9)]
    assert (v * np.int64(2)).tolist() == [log(4), log(9)]
    assert (v < v[::-1]).tolist() == [True, False]
    assert (v == np.array([log(4) / 2, log(4)], dtype=object)).tolist() == [True, False]
    assert v.max() == log(3)
    assert np.sort(v[::-1]).tolist() == [log(2), log(3)]
    assert np.cumsum(v).tolist() == [log(2), log(6)]
    assert v.astype(float).tolist() == [float(log(2)), float(log(3))]
    with pytest.raises(TypeError):
        v * np.array([0.5, 0.5])


def test_scalar_functions():
    assert exp_of(log(fmpq(2, 3))) == fmpq(2, 3)
    assert exp_of(LOG_ZERO) == 0
    assert log_of(log(2) - log(4) / 2 + 3) == log(3)
    assert softplus_of(log(2)) == log(3)
    assert softplus_of(LOG_ZERO) == 0
    assert sigmoid_of(log(2)) == fmpq(2, 3)
    assert sigmoid_of(LOG_ZERO) == 0
    assert anchor_of(log(2)) == 0.0
