"""Certified minima of functions of one variable whose minima are known, and of one that has none."""

import numpy as np
from flint import arb, arb_mat

from equivalence.objectives import certified_newton
from equivalence.objectives.certified_newton import Derivatives
from mdps import OutOfReach
from mdps.scalars.balls import precision
from refusals import assert_refuses


def logistic(share):
    """softplus(t) - share t: least at log(share / (1 - share)); its third derivative is at most its second."""

    def derivatives(theta):
        sigmoid = 1 / (1 + (-theta[0]).exp())
        return Derivatives(arb_mat([[sigmoid - share()]]), arb_mat([[sigmoid * (1 - sigmoid)]]))

    return derivatives


def test_certified_minima_are_near_known_ones_and_bounds_are_tight():
    for i in range(200):
        above, below = np.random.default_rng(i).integers(1, 1_000, size=2)
        start = arb(int(np.random.default_rng(i).integers(-40, 41)))
        bits = (20, 60, 200, 1_000)[i % 4]

        def share(a=int(above), b=int(below)):
            return arb(a) / (a + b)

        found = certified_newton.minimum(logistic(share), lambda: arb(1), [start], accuracy_bits=bits)
        with precision(4_000):
            truth = (arb(int(above)) / int(below)).log()
            distance = abs(found.theta[0] - truth)
            assert distance < found.distance + arb(2) ** -3_900
            assert found.distance < arb(2) ** -bits * (1 + abs(found.theta[0]))


def test_the_certificate_is_the_slopes_distance():
    """R |g| / m = 1/2 and R = 2: -log(1/2) / 2."""
    found = Derivatives(arb_mat([[1]]), arb_mat([[4]]))
    bound = certified_newton.certified_distance(found, found.hessian.inv(), arb(2))
    assert bound is not None
    assert bound.overlaps(arb(2).log() / 2)
    assert certified_newton.certified_distance(found, found.hessian.inv(), arb(4)) is None


def test_a_minimum_that_does_not_exist_is_not_certified():
    """softplus falls for ever."""
    assert_refuses(
        lambda: certified_newton.minimum(
            logistic(lambda: arb(0)), lambda: arb(1), [arb(0)], accuracy_bits=20, climbs=False
        ),
        OutOfReach,
        "no minimum is certified",
    )


def test_rounded_up():
    for x in (arb(1) / 3, arb(0), arb(2) ** -2_000, arb("0.1", "1e-5")):
        assert arb(certified_newton.rounded_up(x)) >= x.upper()
