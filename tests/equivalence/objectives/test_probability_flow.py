"""Minimum probability flow against its definition, edge by edge."""

from fractions import Fraction

import numpy as np
import pytest

from agreement import assert_agrees, assert_equals, objects, overlap, stacked
from enumeration import BALLS, BITS, EXACT, derivatives, nested
from equivalence.objectives import ebm, probability_flow
from instances import drawn_games, stacks
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.random_models import random_reward
from mdps.scalars import duals
from mdps.scalars.balls import precision
from refusals import NOT_NUMBERS, assert_refuses


def random_connectivity(rng, n):
    """A cycle through everything, and other edges."""
    table = np.triu(rng.integers(0, 3, size=(n, n)), 1)
    table[np.arange(n - 1), np.arange(1, n)] = 1
    return scalars.convert(table + table.T, "exact")


def problems(number, extreme=False):
    for i, games in enumerate(stacks(drawn_games(number, extreme=extreme))):
        yield games, random_connectivity(np.random.default_rng(i), len(games[0].energy)), bool(i % 2)


def numbers_of(unseen_only):
    def function(energy, data, connectivity):
        return (
            probability_flow.loss(energy, data, connectivity, unseen_only=unseen_only),
            probability_flow.gradient(energy, data, connectivity, unseen_only=unseen_only),
            probability_flow.hessian(energy, data, connectivity, unseen_only=unseen_only),
        )

    return function


def edges(f, data, connectivity, unseen_only):
    p, g = nested(data, f), nested(connectivity, f)
    return [
        (x, y, p[x] * g[x][y])
        for x in range(len(p))
        for y in range(len(p))
        if p[x] > 0 and g[x][y] > 0 and not (unseen_only and p[y] > 0)
    ]


def loss_of(f, energy, runs):
    return sum(rate * f.exp((energy[x] - energy[y]) / 2) for x, y, rate in runs)


def by_enumeration(f, unseen_only, energy, data, connectivity):
    e, n = nested(energy, f), len(energy)
    runs = edges(f, data, connectivity, unseen_only)
    zero = 0 * f.number(Fraction(1))
    slopes, curvature = [zero] * n, [[zero] * n for _ in range(n)]
    for x, y, rate in runs:
        flow = rate * f.exp((e[x] - e[y]) / 2)
        slopes[x], slopes[y] = slopes[x] + flow / 2, slopes[y] - flow / 2
        for a, b, sign in ((x, x, 1), (y, y, 1), (x, y, -1), (y, x, -1)):
            curvature[a][b] = curvature[a][b] + sign * flow / 4
    return objects(zero + loss_of(f, e, runs)), objects(slopes), objects(curvature)


def test_agrees_with_definitions():
    rational = 0
    for games, connectivity, unseen_only in problems(504):
        arguments = [(game.energy, game.data) for game in games]
        with precision(BITS):
            truths = [by_enumeration(BALLS, unseen_only, *one, connectivity) for one in arguments]
            for one, truth in zip(arguments, truths, strict=True):
                runs = edges(BALLS, one[1], connectivity, unseen_only)
                if runs:
                    slope = derivatives(lambda e, r=runs: loss_of(BALLS, e, r), nested(one[0], BALLS))
                    assert overlap(truth[1], objects(slope))
        assert_agrees(numbers_of(unseen_only), stacked(truths), *stacked(arguments), connectivity)
        for one in arguments[::3]:
            for scale in (1, 2):  # every other time with weights that have square roots
                rational += assert_equals(
                    numbers_of(unseen_only),
                    lambda a, u=unseen_only: by_enumeration(EXACT, u, *a),
                    scale * one[0],
                    one[1],
                    connectivity,
                )
    assert rational >= 170


def test_extreme_energies_are_right_or_out_of_reach():
    """Flows are e^(half a difference of energies): beyond 1,400 nats no float holds them."""
    said = refused = 0
    for energy, _, data, _ in drawn_games(120, extreme=True):
        connectivity = random_connectivity(np.random.default_rng(len(energy)), len(energy))
        nats = [float(e) for e in scalars.convert(energy, "float")]
        runs = edges(EXACT, data, connectivity, False)
        largest = max((nats[x] - nats[y] for x, y, _ in runs), default=0.0) / 2
        if largest > 720:
            floats = [scalars.convert(x, "float") for x in (energy, data, connectivity)]
            for function in (probability_flow.loss, probability_flow.gradient, probability_flow.hessian):
                assert_refuses(lambda f=function, a=floats: f(*a), OutOfReach, "range of floats")
            refused += 1
        elif largest < 690:
            with precision(6_000):
                truth = by_enumeration(BALLS, False, energy, data, connectivity)
            assert_agrees(numbers_of(False), truth, energy, data, connectivity, bits=6_000)
            said += 1
    assert min(said, refused) >= 10


def test_hessian_is_the_derivative_of_the_gradient():
    for games, connectivity, unseen_only in problems(200):
        for energy, _, data, _ in games:
            with precision(BITS):
                e, p, g = (scalars.convert(x, "ball") for x in (energy, data, connectivity))
                found = probability_flow.hessian(e, p, g, unseen_only=unseen_only)
                jacobian = duals.jacobian(
                    lambda e, p=p, g=g, u=unseen_only: probability_flow.gradient(e, p, g, unseen_only=u), e
                )
                assert overlap(found, jacobian)


def test_data_of_the_model_are_in_balance_and_best():
    count = 0
    for i, (_, data, _, _) in enumerate(drawn_games(420)):
        if (data == 0).any():
            continue
        count += 1
        rng = np.random.default_rng(i)
        with precision(BITS):
            p = scalars.convert(data, "ball")
            g = scalars.convert(random_connectivity(rng, len(data)), "ball")
            best = ebm.optimal_energy(p)
            assert all(x.contains(0) and x.rad() < 1e-60 for x in probability_flow.gradient(best, p, g))
            moved = best + scalars.convert(random_reward(rng, data.shape), "ball")
            assert not probability_flow.loss(moved, p, g) < probability_flow.loss(best, p, g)
            # The published sum is empty where data are everywhere.
            assert probability_flow.loss(moved, p, g, unseen_only=True) == 0
    assert count >= 200


HALVES, EDGE = np.array([0.5, 0.5]), np.array([[0.0, 1.0], [1.0, 0.0]])
FUNCTIONS = (probability_flow.loss, probability_flow.gradient, probability_flow.hessian, probability_flow.flow)


@pytest.mark.parametrize(
    "connectivity, text",
    [
        ([[0.0, 1.0], [2.0, 0.0]], "expected a symmetric table"),
        ([[1.0, 1.0], [1.0, 0.0]], "expected 0 on the diagonal"),
        ([[0.0, -1.0], [-1.0, 0.0]], "connectivity[0, 1] is -1.0, which is negative"),
        (np.zeros((3, 3)), "connectivity has shape (3, 3); expected [x, y], (2, 2)"),
        ([[0.0, np.inf], [np.inf, 0.0]], "connectivity[0, 1] is inf"),
    ],
)
def test_bad_connectivity(connectivity, text):
    for function in FUNCTIONS:
        assert_refuses(lambda f=function: f(HALVES, HALVES, connectivity), InvalidArgument, text)


@pytest.mark.parametrize("case", NOT_NUMBERS)
def test_what_is_no_number(case):
    value, text = NOT_NUMBERS[case]
    for name in ("energy", "data", "connectivity"):
        given = {"energy": HALVES, "data": HALVES, "connectivity": EDGE, name: value}
        for function in FUNCTIONS:
            assert_refuses(lambda f=function, g=given: f(**g), InvalidArgument, name, text)
