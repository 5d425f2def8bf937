"""Densities in the coordinates used: what integrates to 1 holds, a Jacobian that is missing does not."""

import math

import numpy as np
import pytest

from equivalence.testing.relations import check_density
from mdps import InvalidArgument

CASES = [(0.0, 1.0), (0.5, 0.3), (-1.0, 2.0), (0.0, 0.01), (3.0, 0.5)]


def log_normal(x, mean=0.0, deviation=1.0):
    return -(((x - mean) / deviation) ** 2) / 2 - math.log(deviation) - math.log(2 * math.pi) / 2


def squashed(a, mean=0.0, deviation=1.0):
    """Of a = tanh(y), y normal."""
    return log_normal(math.atanh(a), mean, deviation) - math.log1p(-a * a)


def without_jacobian(a, mean=0.0, deviation=1.0):
    return log_normal(math.atanh(a), mean, deviation)


def in_a_range(a, mean=0.0, deviation=1.0):
    """Of a = 2 tanh(y)."""
    return squashed(a / 2, mean, deviation) - math.log(2)


def without_half_range(a, mean=0.0, deviation=1.0):
    return squashed(a / 2, mean, deviation)


def logistic(x):
    return 1 / (2 + math.exp(x) + math.exp(-x)) if abs(x) < 700 else 0.0


RIGHT = [
    (log_normal, {"log": True, "cases": CASES}),
    (squashed, {"on": (-1, 1), "log": True, "cases": CASES}),
    (in_a_range, {"on": (-2, 2), "log": True, "cases": CASES}),
    (logistic, {}),
    (lambda x: 1 / math.pi / (1 + x * x), {}),
    (lambda x: math.exp(-x), {"on": (0, math.inf)}),
    (lambda x: math.exp(x), {"on": (-math.inf, 0)}),
    (lambda x: 1.0, {"on": (0, 1)}),
    (lambda x: 2.0 if 0.25 < x < 0.75 else 0.0, {"on": (0, 1), "breaks": (0.25, 0.75)}),
    (lambda x: math.exp(-abs(x)) / 2, {"breaks": (0,)}),
    (lambda x: x**-0.5 / 2, {"on": (0, 1)}),
    (lambda x: math.exp(log_normal(x, 1e6, 1e3)), {"center": 1e6, "scale": 1e3}),
    (lambda a: squashed(a[0], 0.3, 0.5) + squashed(a[1], -0.2, 0.7), {"on": [(-1, 1), (-1, 1)], "log": True}),
    (lambda x: log_normal(x[0]) + squashed(x[1], 0.2), {"on": ["line", (-1, 1)], "log": True}),
]


@pytest.mark.parametrize("density, options", RIGHT)
def test_right_densities_hold(density, options):
    verdict = check_density(density, **options)
    assert verdict.outcome == "holds", verdict
    assert verdict.margin <= 1
    assert 0 < verdict.floor < 1e-9
    assert verdict.level == "quadrature"


@pytest.mark.parametrize("share", [1e-3, 1e-8, 1e-11, -1e-11])
@pytest.mark.parametrize("density, options", RIGHT[:4])
def test_a_small_factor_is_seen(density, options, share):
    factor = math.log1p(share) if options.get("log") else 1 + share

    def wrong(*arguments):
        return density(*arguments) + factor if options.get("log") else density(*arguments) * factor

    assert check_density(wrong, **options).outcome == "violated"


def test_missing_jacobians_violate():
    verdict = check_density(without_jacobian, on=(-1, 1), log=True, cases=CASES)
    assert (verdict.outcome, verdict.violating) == ("violated", len(CASES) - 1) or verdict.violating == len(CASES)
    verdict = check_density(without_half_range, on=(-2, 2), log=True, cases=CASES)
    assert verdict.outcome == "violated"
    assert "log of the integral: 0.693147" in verdict.message
    # a density of y is none of a, on the whole line neither
    assert check_density(squashed, on=(-0.5, 0.5), log=True).outcome == "violated"


@pytest.mark.parametrize(
    "density, options, says",
    [
        (lambda x: 2.0 if 0.25 < x < 0.75 else 0.0, {"on": (0, 1)}, "do not agree"),
        (lambda x: math.exp(log_normal(x, 0.123, 1e-7)), {}, ""),
        (lambda x: math.nan, {"on": (0, 1)}, "nan"),
        (lambda x: 1 / 0, {"on": (0, 1)}, "ZeroDivisionError"),
        (lambda x: 0.0, {"on": (0, 1)}, "no mass"),
    ],
)
def test_what_cannot_be_told_is_undecided(density, options, says):
    verdict = check_density(density, **options)
    assert verdict.outcome == "undecided"
    assert not verdict.holds
    assert says in verdict.message


def test_negative_densities_violate():
    verdict = check_density(lambda x: 1 - 3 * x * x * math.cos(x), on=(-1, 1))
    assert verdict.outcome == "violated"
    assert "is not negative" in verdict.message


@pytest.mark.parametrize(
    "options, says",
    [
        ({"on": "plane"}, "expected 'line'"),
        ({"on": (1, 1)}, "is empty"),
        ({"scale": 0}, "positive"),
        ({"on": [(0, 1), (0, 1)], "breaks": (0.5,)}, "one dimension"),
    ],
)
def test_domains_that_are_none(options, says):
    with pytest.raises(InvalidArgument, match=says):
        check_density(np.cos, **options)
