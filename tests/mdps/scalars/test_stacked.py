"""Stacked floats stay within their bounds, which are not idle, and masks are common to a stack.

The truth is in balls of 300 bits: of each operation at the ends of what its operands may be, and of whole formulas on
exact instances.
"""

import operator
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, fmpq

from mdps import OutOfReach, scalars, soft_solution
from mdps.random_models import random_model
from mdps.scalars.balls import precision
from mdps.scalars.duals import gradient
from mdps.scalars.stacked import UNIT, Stacked, constant, errors, quotient, quotients, values

BITS = 300
SIZE = 4000
UNARY = {
    "exp": (scalars.exp, lambda x: x.exp()),
    "log": (scalars.log, lambda x: x.log()),
    "sigmoid": (scalars.sigmoid, lambda x: 1 / (1 + (-x).exp())),
    "softplus": (scalars.softplus, lambda x: (1 + x.exp()).log()),
    "negative": (operator.neg, operator.neg),
    "absolute": (operator.abs, operator.abs),
    "square": (lambda x: x**2, lambda x: x * x),
    "inverse cube": (lambda x: x**-3, lambda x: 1 / (x * x * x)),
    "twice, less a third": (lambda x: 2 * x - 1 / 3, lambda x: 2 * x - arb(1 / 3)),
    "one over": (lambda x: 1 / x, lambda x: 1 / x),
}
BINARY = {"sum": operator.add, "difference": operator.sub, "product": operator.mul, "quotient": operator.truediv}


def drawn(seed, *, positive=False, spread=0.0):
    """Numbers of all sizes, and errors of up to `spread` of them; a third of them exact."""
    rng = np.random.default_rng(seed)
    value = np.exp(rng.uniform(-30, 5, SIZE)) * (1 if positive else rng.choice([-1, 1], SIZE))
    return Stacked(value, np.abs(value) * spread * rng.random(SIZE) * (rng.integers(3, size=SIZE) > 0))


def ends(x, k):
    """The least and the largest number that instance k may stand for.

    Every error is a multiple of UNIT, 2^-20 of which is there for the rounding of the errors themselves.
    """
    return [arb(x.value[k]) + sign * (1 - arb(2) ** -20) * arb(x.error[k]) for sign in (-1, 1)]


def share_of_bound(z, k, truth):
    """How much of its bound an error takes: at most 1."""
    if not np.isfinite(z.error[k]):
        return 0.0
    off = abs(arb(z.value[k]) - truth)
    assert off <= arb(z.error[k]), (z.value[k], z.error[k], truth)
    return float((off / arb(z.error[k])).mid()) if z.error[k] else 0.0


@pytest.mark.parametrize("spread", [0.0, 2.0**-50, 2.0**-20, 0.4])
@pytest.mark.parametrize("name", UNARY)
def test_functions_stay_within_their_bounds(name, spread):
    on_stack, on_balls = UNARY[name]
    x = drawn(sum(map(ord, name)), positive=name == "log", spread=spread)
    z = on_stack(x)
    with precision(BITS):
        shares = [share_of_bound(z, k, on_balls(end)) for k in range(SIZE) for end in ends(x, k)]
    assert max(shares) > 0.2 or (name in ("negative", "absolute") and not spread)
    assert np.isfinite(z.error).all() or spread == 0.4  # where the cube may be 0


@pytest.mark.parametrize("spread", [0.0, 2.0**-50, 2.0**-20, 0.4])
@pytest.mark.parametrize("name", BINARY)
def test_operations_stay_within_their_bounds(name, spread):
    operation = BINARY[name]
    x, y = drawn(1, spread=spread), drawn(2, spread=spread)
    z = operation(x, y)
    with precision(BITS):
        shares = [share_of_bound(z, k, operation(a, b)) for k in range(SIZE) for a in ends(x, k) for b in ends(y, k)]
    assert max(shares) > 0.9
    assert np.isfinite(z.error).all()


def test_a_divisor_or_argument_that_may_be_zero_has_no_bound():
    near_zero = Stacked(np.array([1.0, 1e-3]), np.array([0.5, 1e-3]))
    assert np.isfinite((1 / near_zero).error).tolist() == [True, False]
    assert np.isfinite(scalars.log(near_zero).error).tolist() == [True, False]


def test_underflow_is_within_the_bound():
    tiny = Stacked(np.array([2.0**-600, 2.0**-1000]))
    product = tiny * tiny
    assert product.value.tolist() == [0.0, 0.0]
    assert (product.error > 0).all()
    assert (scalars.exp(Stacked(np.array([-800.0, -745.0]))).error > 0).all()


@pytest.mark.parametrize("p, q", [(1, 2), (3, 8), (5, 1), (0, 7), (1, 3), (2, 9), (-7, 4), (-7, 5)])
def test_quotients_are_rounded_and_exact_where_they_are_short(p, q):
    exact = (q & (q - 1)) == 0 or p == 0
    for number in (quotient(np.array([p, p]), np.array([q, q])), quotient(np.array([p, 1]), np.array([q, 3]))):
        value, error = np.atleast_1d(number.value)[0], np.atleast_1d(number.error)[0]
        assert value == float(Fraction(p, q))
        assert (error == 0) == exact
        assert abs(Fraction(float(value)) - Fraction(p, q)) <= Fraction(float(error))


def test_what_all_have_in_common_is_one_number():
    common = quotient(np.array([3, 3]), np.array([4, 4]))
    assert common.value.shape == ()
    assert quotient(np.array([2, 1]), np.array([2, 1])) == 1
    array = quotients(np.array([[1, 2], [1, 3]]), np.array([[2, 3], [2, 4]]))
    assert values(array, 2).tolist() == [[0.5, 2 / 3], [0.5, 0.75]]
    assert (errors(array, 2) > 0).tolist() == [[False, True], [False, False]]


def test_constants_are_exact_and_zero_takes_part_in_nothing():
    x = Stacked(np.array([np.inf, 1.0]), np.array([np.inf, 0.25]))
    assert (0 * x) == 0
    assert (0 + x) is x
    assert (1 * x) is x
    assert (x / 1) is x
    assert (constant(3) * constant(5) - 7).error == 0.0
    assert scalars.exp(constant(0)) == 1
    assert scalars.log(constant(1)) == 0
    log_zero = scalars.log(constant(0))
    assert log_zero.value == -np.inf
    assert scalars.exp(log_zero + Stacked(np.array([1.0, 2.0]))) == 0


def test_masks_are_common():
    x = Stacked(np.array([0.0, 1.0]))
    for compare in (operator.eq, operator.lt, operator.ge):
        with pytest.raises(OutOfReach, match="1 of 2 stacked instances"):
            compare(x, 1)
    assert x != 0
    assert x <= 1
    assert not x > 1
    assert x + 1 > 0
    assert (x == 2) is False
    with pytest.raises(OutOfReach, match="stacked instances"):
        bool(x)


@pytest.mark.parametrize("other", [fmpq(1, 3), Fraction(1, 3), arb(1)])
def test_exact_numbers_are_inputs(other):
    with pytest.raises(TypeError, match="make it an input"):
        Stacked(np.ones(2)) + other


def test_a_stack_runs_whole_formulas_and_derivatives():
    """Soft control of 300 rewards of a model at once, and the derivative of a value, against balls of each."""
    rng = np.random.default_rng(0)
    mdp = random_model(rng, 3, 2, 3, terminal=True, unavailable=True, discount=fmpq(9, 10), final_value=True)
    size = 300
    p, q = rng.integers(1, 10, size=(2, size, 3, 2))
    stacked = scalars.log(quotients(p, q))

    def on_stack(array):
        if (np.ravel(array) == 0).all():
            return np.full(array.shape, constant(0), dtype=object)
        exact = np.array([scalars.convert(x, "float") for x in np.ravel(array)], dtype=float)
        return np.array([Stacked(x, UNIT * abs(x)) for x in exact], dtype=object).reshape(array.shape)

    model = mdp.with_numbers(on_stack, "carrier")

    def first_value(mdp, reward):
        return soft_solution(mdp, reward).v[0, 0]

    solution = soft_solution(model, stacked)
    slope = gradient(lambda r: first_value(model, r), stacked)
    shares = []
    with precision(BITS):
        balls = mdp.to("ball")
        for k in rng.permutation(size)[:40]:
            reward = scalars.log(np.vectorize(lambda a, b: arb(fmpq(int(a), int(b))), otypes=[object])(p[k], q[k]))
            pairs = [(getattr(solution, name), getattr(soft_solution(balls, reward), name)) for name in ("v", "policy")]
            pairs.append((slope, gradient(lambda r: first_value(balls, r), reward)))
            for ours, truth in pairs:
                for x, e, t in zip(values(ours, size)[k].flat, errors(ours, size)[k].flat, truth.flat, strict=True):
                    off = abs(arb(x) - t)
                    assert off <= arb(e)
                    shares.append(float(off.mid()) / e if e else 0.0)
    assert max(shares) > 0.05
