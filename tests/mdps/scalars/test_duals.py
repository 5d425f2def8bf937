"""`Dual`, `gradient`, `jacobian`: against sympy, complex steps and closed forms, in every arithmetic."""

import operator
from fractions import Fraction

import numpy as np
import pytest
import sympy
from flint import acb, arb, fmpq
from hypothesis import given, settings, strategies as st

from mdps.errors import InvalidArgument, OutOfReach
from mdps.scalars import exp, log, logsumexp, sigmoid, softplus
from mdps.scalars.balls import precision
from mdps.scalars.duals import Dual, gradient, jacobian
from mdps.scalars.elementary import anchor_of, exp_of, larger_of, log_of, sigmoid_of, softplus_of
from mdps.scalars.logs import LogRational

nonzero = st.fractions(min_value=Fraction(1, 20), max_value=20, max_denominator=20)
points = st.lists(nonzero, min_size=3, max_size=3)

# Formulas in three variables, from the functions that a formula may use.
RATIONAL = {
    "sum": lambda x, f: x[0] + x[1] + x[2],
    "difference": lambda x, f: x[0] - x[1] - (1 - x[2]),
    "product": lambda x, f: 3 * x[0] * x[1] * x[2] * 2,
    "quotient": lambda x, f: x[0] / x[1] / (2 / x[2]) / 5,
    "powers": lambda x, f: x[0] ** 3 - x[1] ** -2 * x[2] + x[2] ** 0 + x[0] ** 1,
    "signs": lambda x, f: +(-x[0]) * -x[1] - (-x[2]) ** 3,
    "mixed": lambda x, f: (x[0] * x[1] - x[2] / x[0]) / (1 + x[1] * x[1]) + 7,
    "one variable": lambda x, f: x[1] * x[1],
}
LOGARITHMIC = {
    "log": lambda x, f: f.log(x[0] * x[1] / x[2]),
    "entropy": lambda x, f: x[0] * f.log(x[0]) + 2 * x[1] * f.log(x[1] / x[2]),
}
ANALYTIC = {
    "exp": lambda x, f: f.exp(x[0] - x[1] * x[2] / 20),
    "softplus": lambda x, f: f.softplus(x[0] - x[1]) * x[2],
    "sigmoid": lambda x, f: f.sigmoid(x[0] - x[1]) / x[2],
    "log sum exp": lambda x, f: f.log(f.exp(x[0] / 9) + f.exp(x[1] / 9) + f.exp(x[2] / 9)),
}
ALL = {**RATIONAL, **LOGARITHMIC, **ANALYTIC}


class Ours:
    exp, log, softplus, sigmoid = map(staticmethod, (exp, log, softplus, sigmoid))


class Symbolic:
    exp, log = sympy.exp, sympy.log
    softplus = staticmethod(lambda x: sympy.log(1 + sympy.exp(x)))
    sigmoid = staticmethod(lambda x: 1 / (1 + sympy.exp(-x)))


class Complex:
    exp, log = acb.exp, acb.log
    softplus = staticmethod(lambda x: (1 + x.exp()).log())
    sigmoid = staticmethod(lambda x: 1 / (1 + (-x).exp()))


SYMBOLS = sympy.symbols("x:3", positive=True)
DERIVATIVES = {name: [sympy.diff(f(SYMBOLS, Symbolic), s) for s in SYMBOLS] for name, f in ALL.items()}


def rationals(point):
    return np.array([fmpq(x.numerator, x.denominator) for x in point], dtype=object)


def at(expression, point):
    """The value of a rational expression at a rational point, as an fmpq."""
    values = {s: sympy.Rational(x.numerator, x.denominator) for s, x in zip(SYMBOLS, point, strict=True)}
    value = sympy.sympify(expression).subs(values)
    return fmpq(int(value.p), int(value.q))


# Exactly


@pytest.mark.parametrize("name", RATIONAL)
@settings(deadline=None, max_examples=25)
@given(points)
def test_rational_gradients_are_exact(name, point):
    ours = gradient(lambda x: RATIONAL[name](x, Ours), rationals(point))
    assert all(type(partial) is fmpq for partial in ours)
    assert ours.tolist() == [at(derivative, point) for derivative in DERIVATIVES[name]]


@settings(deadline=None)
@given(points)
def test_the_gradient_of_a_log_is_rational(point):
    ours = gradient(lambda x: log(x[0] * x[1] / x[2]), rationals(point))
    assert ours.tolist() == [at(derivative, point) for derivative in DERIVATIVES["log"]]


@settings(deadline=None)
@given(points)
def test_the_gradient_of_an_entropy_is_a_sum_of_logs(point):
    x, y, z = rationals(point)
    ours = gradient(lambda x: LOGARITHMIC["entropy"](x, Ours), rationals(point))
    assert ours[0] == LogRational.log(x) + 1
    assert ours[1] == 2 * LogRational.log(y / z) + 2
    assert ours[2] == -2 * y / z


@settings(deadline=None)
@given(st.lists(nonzero, min_size=1, max_size=5))
def test_at_logs_of_weights_the_derivatives_are_rational(point):
    """The gradient of log Z is the Boltzmann law, its Hessian the covariance, exactly."""
    weights = rationals(point)
    law = weights / weights.sum()
    x = log(weights)
    assert all(isinstance(entry, LogRational) for entry in x)
    ours = gradient(lambda x: logsumexp(x, 0), x)
    assert all(type(partial) is fmpq for partial in ours)
    assert ours.tolist() == law.tolist()
    hessian = jacobian(lambda y: gradient(lambda x: logsumexp(x, 0), y), x)
    covariance = np.diag(law) - np.outer(law, law)
    assert hessian.tolist() == covariance.tolist()


def test_softplus_and_sigmoid_at_log_rationals():
    x = np.array([LogRational.log(fmpq(2, 3))], dtype=object)
    assert gradient(lambda x: softplus(x[0]), x).tolist() == [fmpq(2, 5)]
    assert gradient(lambda x: sigmoid(x[0]), x).tolist() == [fmpq(2, 5) * fmpq(3, 5)]
    assert gradient(lambda x: sigmoid(x[0]) * x[0], x)[0] == fmpq(6, 25) * x[0] + fmpq(2, 5)


def test_derivatives_beyond_the_arithmetic_are_out_of_reach():
    x = np.array([LogRational.log(2), LogRational.log(3)], dtype=object)
    with pytest.raises(OutOfReach, match="product of two logs"):
        gradient(lambda x: x[0] * x[1], x)
    with pytest.raises(OutOfReach, match="irrational"):
        gradient(lambda x: exp(x[0] / 2), x)
    with pytest.raises(OutOfReach, match="irrational"):
        gradient(lambda x: exp(x[0]), np.array([fmpq(1, 2)], dtype=object))


@pytest.mark.parametrize("name", ALL)
@settings(deadline=None, max_examples=15)
@given(points)
def test_in_balls_the_derivatives_are_enclosed(name, point):
    with precision(200):
        x = np.array([arb(p.numerator) / p.denominator for p in point], dtype=object)
        ours = gradient(lambda x: ALL[name](x, Ours), x)
        values = {s: sympy.Rational(str(p)) for s, p in zip(SYMBOLS, point, strict=True)}
        for partial, derivative in zip(ours, DERIVATIVES[name], strict=True):
            assert isinstance(partial, arb)
            # 40 digits of sympy, as an interval
            digits = sympy.N(derivative.subs(values), 40)
            assert partial.overlaps(arb(str(digits), f"{float(abs(digits)) * 1e-38 + 1e-60}"))
            assert partial.rad() < arb(10) ** -30 * (1 + abs(partial))


@pytest.mark.parametrize("name", ALL)
def test_symbolic_derivatives(name):
    ours = gradient(lambda x: ALL[name](x, Ours), np.array(SYMBOLS, dtype=object))
    for partial, derivative in zip(ours, DERIVATIVES[name], strict=True):
        assert sympy.simplify(partial - derivative) == 0


# In floats


def enclosed(f, x, *, roundings):
    """The gradient of f at the floats x, in balls with `roundings` for each of ball arithmetic at 53 bits."""
    balls = np.array([arb(p) for p in x], dtype=object)
    with precision(53):
        coarse = gradient(f, balls)
    with precision(200):
        fine = gradient(f, balls)
    # ... and as many of the result: a ball may be exact where floats are not.
    radii = [roundings * (ball.rad() + abs(ball) * arb(2) ** -53) for ball in coarse]
    return [truth + arb(0, radius) for truth, radius in zip(fine, radii, strict=True)]


@pytest.mark.parametrize("name", ALL)
@settings(deadline=None, max_examples=25)
@given(points)
def test_float_gradients_agree_with_a_complex_step(name, point):
    """f(x + ih) = f(x) + ih f'(x) + O(h^2): at h = 2^-600 and 2,000 bits the truncation is invisible."""
    f, x = ALL[name], np.array([float(p) for p in point])
    ours = gradient(lambda x: f(x, Ours), x)
    assert ours.dtype == np.float64
    bounds = enclosed(lambda x: f(x, Ours), x, roundings=4)
    with precision(2000):
        h = arb(2) ** -600
        for i, (partial, ball) in enumerate(zip(ours, bounds, strict=True)):
            shifted = [acb(arb(p), h if i == j else 0) for j, p in enumerate(x)]
            step = acb(f(shifted, Complex)).imag / h
            assert ball.overlaps(step)
            assert ball.contains(arb(partial))


def test_large_floats_do_not_overflow():
    x = np.array([1000.0, 999.0, -5000.0])
    law = gradient(lambda x: logsumexp(x, 0), x)
    with precision(200):
        truth = [arb(1).exp() / (1 + arb(1).exp()), 1 / (1 + arb(1).exp())]
        for ours, true in zip(law, truth, strict=False):  # exp, sum, quotient, product: eight roundings at most
            assert abs(ours - true) <= 8 * arb(2) ** -53 * true
    assert law[2] == 0.0
    assert gradient(lambda x: softplus(x[0]) + softplus(-x[0]), np.array([800.0])).tolist() == [1.0]
    assert gradient(lambda x: sigmoid(x[0]), np.array([-800.0])).tolist() == [0.0]


def test_the_slope_of_a_saturated_sigmoid_keeps_its_digits():
    """sigmoid(x) sigmoid(-x), not sigmoid(x) (1 - sigmoid(x)), which is 0 at x = 50 in floats."""
    x = np.array([50.0])
    (ball,) = enclosed(lambda x: sigmoid(x[0]), x, roundings=4)
    assert ball.contains(arb(gradient(lambda x: sigmoid(x[0]), x)[0]))
    assert not ball.contains(0)


# Second derivatives, levels


@pytest.mark.parametrize("name", RATIONAL)
def test_hessians_are_exact(name):
    point = [Fraction(1, 2), Fraction(3), Fraction(5, 7)]

    def f(x):
        return RATIONAL[name](x, Ours)

    hessian = jacobian(lambda y: gradient(f, y), rationals(point))
    assert hessian.shape == (3, 3)
    expected = [[at(sympy.diff(d, s), point) for s in SYMBOLS] for d in DERIVATIVES[name]]
    assert hessian.tolist() == expected


def test_third_derivatives_and_float_hessians():
    def cube(x):
        return x[0] ** 3 * x[1]

    def hessian(y):
        return jacobian(lambda z: gradient(cube, z), y)

    exact = jacobian(hessian, rationals([Fraction(2), Fraction(5)]))
    assert exact.shape == (2, 2, 2)
    assert exact.tolist() == [[[30, 12], [12, 0]], [[12, 0], [0, 0]]]
    floats = hessian(np.array([2.0, 5.0]))
    assert floats.dtype == np.float64
    assert floats.tolist() == [[60.0, 12.0], [12.0, 0.0]]


def test_levels_keep_derivatives_apart():
    x = np.array([fmpq(3)], dtype=object)

    def product_with_a_derivative(x):
        return x[0] * gradient(lambda y: x[0] + y[0], x)[0]

    assert gradient(product_with_a_derivative, x).tolist() == [1]
    assert gradient(lambda x: x[0] * gradient(lambda y: x[0] * y[0], x)[0], x).tolist() == [6]
    # a derivative at a constant that closes over the variable
    one = np.array([fmpq(1)], dtype=object)
    assert gradient(lambda x: gradient(lambda y: x[0] ** 2 * y[0] ** 2 / x[0], one)[0], x).tolist() == [2]
    assert gradient(lambda x: gradient(lambda y: y[0] - x[0] / y[0], one)[0], x).tolist() == [1]
    # an inner function that does not move with its own variable
    assert gradient(lambda x: x[0] * (1 + gradient(lambda y: x[0] ** 2, one)[0]), x).tolist() == [1]
    floats = np.array([3.0])
    assert gradient(lambda x: x[0] * gradient(lambda y: x[0] * y[0], floats)[0], floats).tolist() == [6.0]


def test_duals_made_by_hand_nest():
    inner = Dual(fmpq(3), [1])
    x = Dual(inner, [1])
    y = x * x * x
    assert y == 27
    assert y.value.derivative.tolist() == [27]
    assert y.derivative[0] == 27
    assert y.derivative[0].derivative.tolist() == [18]
    # to the outer number the inner one is a constant
    assert (inner * x).derivative[0] == 3
    assert (inner * x).derivative[0].derivative.tolist() == [1]


# Shapes and types


def test_shapes():
    x = rationals([Fraction(1), Fraction(2), Fraction(3), Fraction(4)]).reshape(2, 2)
    assert gradient(lambda x: (x * x).sum(), x).tolist() == (2 * x).tolist()
    assert gradient(lambda x: np.trace(x @ x), x).tolist() == (2 * x.T).tolist()
    assert gradient(lambda x: np.einsum("ij,ji->", x, x), x).tolist() == (2 * x.T).tolist()
    square = jacobian(lambda x: x @ x, x)
    assert square.shape == (2, 2, 2, 2)
    expected = np.einsum("ik,jl->ijkl", np.eye(2, dtype=int), x.T) + np.einsum("ik,jl->ijkl", x, np.eye(2, dtype=int))
    assert square.tolist() == expected.tolist()
    assert gradient(lambda x: x**2, np.array(fmpq(3), dtype=object)).shape == ()
    assert gradient(lambda x: x**2, 3.0) == 6.0
    assert jacobian(lambda x: [x[0], 2 * x[1], 1.0], np.array([1.0, 2.0])).tolist() == [
        [1, 0],
        [0, 2],
        [0, 0],
    ]
    assert jacobian(lambda x: x, np.zeros((0,))).shape == (0, 0)


def test_constants_have_derivative_zero():
    for x, kind in ((np.array([2.0, 3.0]), float), (rationals([Fraction(2), Fraction(3)]), fmpq)):
        for f in (lambda x: 7, lambda x: x[0] ** 0, lambda x: x[0] * 0 + 1, lambda x: x[0] - x[0]):
            partials = gradient(f, x)
            assert [type(partial) for partial in partials.tolist()] == [kind] * 2
            assert partials.tolist() == [0, 0]
    assert gradient(lambda x: x[0], np.array([2, 3])).dtype == np.float64


def test_a_gradient_needs_a_scalar():
    with pytest.raises(InvalidArgument, match=r"shape \(2,\)"):
        gradient(lambda x: x, np.array([1.0, 2.0]))
    with pytest.raises(InvalidArgument, match="vector"):
        Dual(1.0, [[1.0]])
    with pytest.raises(InvalidArgument, match="1 and in 2 directions"):
        Dual(fmpq(1), [1]) + Dual(fmpq(1), [1, 0])


def test_zero_directions_are_not_touched():
    class Explosive:
        """A partial derivative that must not be multiplied."""

        def __rmul__(self, other):
            raise AssertionError("touched")

        __mul__ = __rmul__

    x = Dual(fmpq(2), np.array([0, 1, 0], dtype=object))
    y = Dual(fmpq(3), np.array([0, 0, 1], dtype=object))
    assert (x * y + x / y).derivative.tolist() == [0, 3 + fmpq(1, 3), 2 - fmpq(2, 9)]
    assert [type(partial) for partial in (x * y).derivative] == [int, fmpq, fmpq]
    with pytest.raises(AssertionError, match="touched"):
        Dual(fmpq(2), np.array([Explosive()], dtype=object)) * 2


def test_mixed_derivatives():
    """Float partials meet exact ones where somebody mixes them by hand."""
    x, y = Dual(2.0, np.array([1.0, 0.0])), Dual(3, [0, 1])
    assert (x * y).derivative.tolist() == [3.0, 2.0]
    assert (y * x).derivative.tolist() == [3.0, 2.0]


# Scalars


def test_comparisons_look_at_the_value():
    x, same, larger = Dual(fmpq(2), [1]), Dual(fmpq(2), [5]), Dual(fmpq(3), [0])
    assert x == same
    assert x == 2
    assert x != larger
    assert x < larger
    assert x <= same
    assert larger > x
    assert larger >= fmpq(3)
    assert fmpq(1) < x
    assert x
    assert not x - 2
    assert max(x, larger) is larger
    assert larger_of(x, larger) is larger
    assert larger_of(larger, x) is larger
    assert abs(-x).derivative.tolist() == [1]
    assert abs(x).derivative.tolist() == [1]
    with pytest.raises(OutOfReach, match="no derivative"):
        abs(x - 2)
    with pytest.raises(OutOfReach, match="raise the precision"):
        larger_of(Dual(arb(1, 1), [1]), Dual(arb(1, 1), [2]))
    with pytest.raises(TypeError):
        float(x)
    with pytest.raises(TypeError):
        hash(x)
    with pytest.raises(TypeError):
        x**larger


@pytest.mark.parametrize(
    "operation",
    [operator.add, operator.sub, operator.mul, operator.truediv, operator.eq, operator.lt, operator.ge],
)
def test_with_arrays_numpy_goes_through_the_array(operation):
    x, array = Dual(fmpq(2), [1]), rationals([Fraction(1), Fraction(2)])
    for result, expected in (
        (operation(x, array), [operation(x, entry) for entry in array]),
        (operation(array, x), [operation(entry, x) for entry in array]),
    ):
        assert isinstance(result, np.ndarray)
        assert result.tolist() == expected


def test_scalar_functions():
    x = Dual(0.5, np.array([2.0]))
    for function, value, slope in (
        (exp_of, np.exp(0.5), np.exp(0.5)),
        (log_of, np.log(0.5), 2.0),
        (softplus_of, np.logaddexp(0, 0.5), sigmoid_of(0.5)),
        (sigmoid_of, sigmoid_of(0.5), sigmoid_of(0.5) * sigmoid_of(-0.5)),
    ):
        y = function(x)
        assert y.value == value
        assert y.derivative.tolist() == [2.0 * slope]
    assert anchor_of(x) == 0.5
    assert anchor_of(Dual(x, [1])) == 0.5
    assert anchor_of(Dual(fmpq(7), [1])) == 0.0
    assert repr(Dual(fmpq(2), [1, 0])) == "Dual(2, [1, 0])"


def test_log_of_zero():
    assert log_of(Dual(fmpq(0), [0, 0])) == LogRational.LOG_ZERO
    assert log_of(Dual(0.0, np.zeros(2))) == -np.inf
    for zero in (Dual(fmpq(0), [1]), Dual(0.0, np.ones(1))):
        with pytest.raises(OutOfReach, match="no derivative"):
            log_of(zero)
