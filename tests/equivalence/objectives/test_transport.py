"""Optimal transport against every basic solution of the polytope of plans, and against distributions on a line."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from flint import fmpq, fmpq_mat

from agreement import assert_agrees, objects
from enumeration import BALLS, BITS, nested
from equivalence.objectives.transport import (
    lipschitz_value,
    optimal_transport,
    plan_cost,
    potential_value,
    wasserstein,
)
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.random_models import random_distribution
from mdps.scalars.balls import precision
from mdps.scalars.rationals import dyadic

# HiGHS leaves residuals of 1e-10 in each of the n + m equations and each reduced cost, for costs scaled to at most 1.
# A plan that lacks so much in each row and column is repaired at the largest cost, and potentials that are too high by
# so much are lowered by it: the gap is at most (2 (n + m) + 2) 1e-10 times twice the largest cost.
RESIDUAL = 1e-10


def allowed(cost):
    n, m = cost.shape
    return (2 * (n + m) + 2) * RESIDUAL * 2 * float(max(abs(c) for c in cost.ravel()))


def trees(n, m):
    """Sets of n + m - 1 cells that connect all rows and columns: the bases of the transportation polytope."""
    cells = [(i, j) for i in range(n) for j in range(m)]
    for chosen in combinations(cells, n + m - 1):
        reached = {("row", 0)}
        for _ in range(n + m):
            for i, j in chosen:
                if ("row", i) in reached or ("column", j) in reached:
                    reached |= {("row", i), ("column", j)}
        if len(reached) == n + m:
            yield chosen


TREES = {(n, m): list(trees(n, m)) for n in (1, 2, 3) for m in (1, 2, 3)}
SYSTEMS = {}
for (n, m), bases in TREES.items():
    for basis in bases:
        rows = [[int(cell[0] == i) for cell in basis] for i in range(n)]
        columns = [[int(cell[1] == j) for cell in basis] for j in range(m - 1)]
        SYSTEMS[n, m, basis] = fmpq_mat(n + m - 1, n + m - 1, [x for row in rows + columns for x in row]).inv()


def cheapest(p, q, cost):
    """The least cost over all plans with at most n + m - 1 positive entries, exactly; and one such plan."""
    n, m = cost.shape
    best = None
    right = fmpq_mat(n + m - 1, 1, [*p, *q[:-1]])
    for basis in TREES[n, m]:
        amounts = (SYSTEMS[n, m, basis] * right).entries()
        if min(amounts) < 0:
            continue
        total = sum((x * cost[cell] for x, cell in zip(amounts, basis, strict=True)), fmpq(0))
        if best is None or total < best[0]:
            plan = np.full((n, m), fmpq(0), dtype=object)
            for x, cell in zip(amounts, basis, strict=True):
                plan[cell] = x
            best = total, plan
    return best


def instances(number):
    for i in range(number):
        rng = np.random.default_rng([7, i])
        n, m = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        p, q = (random_distribution(rng, k, full_support=bool(i % 2)) for k in (n, m))
        cost = scalars.convert(rng.integers(-5, 10, size=(n, m)), "exact") / int(rng.integers(1, 8))
        yield p, q, cost


def on_a_line(number):
    for i in range(number):
        rng = np.random.default_rng([8, i])
        n = 1 + i % 6
        p, q = (random_distribution(rng, n, full_support=bool(i % 2)) for _ in range(2))
        places = scalars.convert(np.cumsum(rng.integers(1, 9, size=n)), "exact") / int(rng.integers(1, 8))
        yield p, q, places


def floats(*arrays):
    return tuple(scalars.convert(x, "float") for x in arrays)


def rounding_of(cost):
    """What the cost of transport moves by when 2^-53 of each number is rounded off, and a sum of n laws divided by."""
    n, m = cost.shape
    return 4 * (n + m) * 2.0**-53 * float(max(abs(c) for c in cost.ravel()))


def of_these_floats(*arrays):
    """Floats as the rational numbers that they are; laws (the first two) divided by their sums."""
    p, q, cost = (scalars.convert(np.asarray(x, dtype=object), "exact") for x in arrays)
    return p / p.sum(), q / q.sum(), cost


def test_bounds_enclose_the_cheapest_basic_plan():
    """`lower` and `upper` are proved for p / sum p of the floats given: no rounding is allowed for."""
    for p, q, cost in instances(300):
        best, _ = cheapest(*of_these_floats(*floats(p, q, cost)))
        found = optimal_transport(*floats(p, q, cost))
        assert dyadic(found.lower) <= best <= dyadic(found.upper)
        assert 0 <= found.gap <= allowed(cost)
        assert (found.plan >= 0).all()
        # The pair that is returned stands for itself.
        assert plan_cost(found.plan, *floats(p, q, cost)) <= found.upper + rounding_of(cost)
        value = potential_value(found.source, found.target, *floats(p, q, cost))
        assert value >= found.lower - 2 * rounding_of(cost)


def test_bounds_of_dyadic_instances_are_those_of_the_very_instance():
    """Probabilities k / 16 and whole costs are floats themselves: no rounding to allow for."""
    for i in range(200):
        rng = np.random.default_rng([9, i])
        n, m = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        p, q = (random_distribution(rng, k, denominator=16) for k in (n, m))
        cost = scalars.convert(rng.integers(-5, 10, size=(n, m)), "exact")
        best, _ = cheapest(p, q, cost)
        found = optimal_transport(*floats(p, q, cost))
        assert dyadic(found.lower) <= best <= dyadic(found.upper)
        assert dyadic(found.gap) >= dyadic(found.upper) - dyadic(found.lower)


def test_a_pair_proves_itself_exactly():
    """The plan of the enumeration, and the potentials of the linear programme made rational: both give the optimum."""
    proved = 0
    for p, q, cost in instances(300):
        best, plan = cheapest(p, q, cost)
        assert plan_cost(plan, p, q, cost) == best
        found = optimal_transport(*floats(p, q, cost))
        unit = min(fmpq(1, c.q) for c in cost.ravel())  # costs are whole multiples of it, and so are basic potentials
        source = np.array([unit * round(float(u) / float(unit)) for u in found.source], dtype=object)
        target = (cost - source[:, None]).min(axis=0)
        value = potential_value(source, target, p, q, cost)
        assert value <= best
        proved += value == best
        with precision(BITS):
            arguments = [nested(x, BALLS) for x in (plan, p, q, cost)]
            total = sum(
                x * c
                for row, costs in zip(arguments[0], arguments[3], strict=True)
                for x, c in zip(row, costs, strict=True)
            )
        assert_agrees(plan_cost, objects(total), plan, p, q, cost)
    assert proved >= 290


def test_distances_on_a_line():
    """W integrates the difference of the distribution functions; a critic whose slope is its sign attains it."""
    for p, q, places in on_a_line(204):
        distance = abs(places[:, None] - places)
        excess = np.cumsum(p - q)[:-1]
        steps = np.diff(places)
        truth = (abs(excess) * steps).sum() if len(p) > 1 else fmpq(0)
        sign = np.array([fmpq((x > 0) - (x < 0)) for x in excess], dtype=object)
        critic = np.concatenate([[fmpq(0)], -np.cumsum(sign * steps)]) if len(p) > 1 else np.array([fmpq(0)])
        assert lipschitz_value(critic, p, q, distance) == truth
        found = wasserstein(*floats(p, q, distance))
        slack = dyadic(rounding_of(distance))
        assert dyadic(found.lower) - slack <= truth <= dyadic(found.upper) + slack
        assert 0 <= found.gap <= allowed(distance) + rounding_of(distance)
        value = lipschitz_value(found.critic, *floats(p, q, distance))
        assert value >= found.lower - rounding_of(distance)
        with pytest.raises(InvalidArgument, match="expected at most distance") if len(p) > 1 else does_not_raise():
            lipschitz_value(2 * critic + np.arange(len(p)) * 100, p, q, distance)
        with precision(BITS):
            x, y, h = (nested(array, BALLS) for array in (p, q, critic))
            balls = objects(sum((a - b) * c for a, b, c in zip(x, y, h, strict=True)))
        if len(p) == 1:
            assert_agrees(lambda h, p, q, d: lipschitz_value(h, p, q, d), balls, critic, p, q, distance)


class does_not_raise:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return False


def test_the_source_potential_is_the_slope_to_p():
    """Where the cheapest plan is unique and no mass is 0: moving mass between outcomes costs the difference of u."""
    met = 0
    for p, q, cost in instances(300):
        best, plan = cheapest(p, q, cost)
        n, m = cost.shape
        if n < 2 or (plan != 0).sum() < n + m - 1:
            continue
        found = optimal_transport(*floats(p, q, cost))
        step = fmpq(1, 10**6)
        moved = p.copy()
        moved[0], moved[1] = p[0] + step, p[1] - step
        slope = (cheapest(moved, q, cost)[0] - best) / step
        assert abs(float(slope) - (found.source[0] - found.source[1])) <= allowed(cost) + 4 * rounding_of(cost)
        met += 1
    assert met >= 50


def test_extremes():
    tiny = 1e-300
    found = optimal_transport([tiny, 1.0], [1.0, 0.0], [[1e9, 1e-9], [0.0, 1.0]])
    assert found.lower <= tiny * 1e9 <= found.upper
    for scale in (1e-250, 1e250):
        found = optimal_transport([0.5, 0.5], [0.25, 0.75], np.array([[0.0, 1.0], [1.0, 0.0]]) * scale)
        assert found.lower <= 0.25 * scale <= found.upper
        assert found.gap <= 1e-9 * scale  # (2 * 4 + 2) * RESIDUAL
    large = np.random.default_rng(0)
    p, q = large.dirichlet(np.ones(40), size=2)
    points = large.normal(size=(40, 2))
    distance = np.sqrt(((points[:, None] - points) ** 2).sum(axis=-1))
    found = wasserstein(p, q, distance)
    assert found.gap <= (2 * 80 + 2) * RESIDUAL * 2 * distance.max()


H = Fraction(1, 2)
ZERO_ONE = [[0, 1], [1, 0]]
E2 = np.array([0.5, 0.5])


@pytest.mark.parametrize(
    "call, error, text",
    [
        (
            lambda: optimal_transport([H, H], [H, H], ZERO_ONE),
            OutOfReach,
            "solved in floats, not at level ex",
        ),
        (
            lambda: optimal_transport(E2, E2, [[0.0, np.inf], [1.0, 0.0]]),
            InvalidArgument,
            "cost[0, 1] is inf",
        ),
        (
            lambda: optimal_transport(E2, E2, [0.0, 1.0]),
            InvalidArgument,
            "cost has shape (2,); expected (2, 2)",
        ),
        (lambda: optimal_transport(E2, [0.5, 0.6], ZERO_ONE), InvalidArgument, "q sums to 1.1"),
        (lambda: optimal_transport([[0.5, 0.5]], E2, ZERO_ONE), InvalidArgument, "p has shape (1, 2)"),
        (lambda: wasserstein(E2, E2, [[0.0, 1.0], [2.0, 0.0]]), InvalidArgument, "distance[0, 1] is 1.0 and"),
        (
            lambda: wasserstein(E2, E2, [[1.0, 1.0], [1.0, 0.0]]),
            InvalidArgument,
            "not 0 from an outcome to i",
        ),
        (lambda: wasserstein(E2, E2, [[0.0, -1.0], [-1.0, 0.0]]), InvalidArgument, "which is negative"),
        (
            lambda: wasserstein([1.0, 0, 0], [0, 0, 1.0], [[0, 1, 5], [1, 0, 1], [5, 1, 0]]),
            InvalidArgument,
            "distance[0, 2] is 5.0, longer than by way of 1",
        ),
        (
            lambda: plan_cost([[H, 0], [0, 0]], [H, H], [H, H], ZERO_ONE),
            InvalidArgument,
            "row 1 of plan sums",
        ),
        (lambda: plan_cost([[H, 0], [H, 0]], [H, H], [H, H], ZERO_ONE), InvalidArgument, "column 0 of plan"),
        (lambda: plan_cost([[1, -H], [-H, 1]], [H, H], [H, H], ZERO_ONE), InvalidArgument, "is negative"),
        (lambda: plan_cost([H, H], [H, H], [H, H], ZERO_ONE), InvalidArgument, "plan has shape (2,)"),
        (
            lambda: potential_value([1, 0], [0, 1], [H, H], [H, H], ZERO_ONE),
            InvalidArgument,
            "source[0] + target[0] is 1; expected at most cost[0, 0], 0",
        ),
        (lambda: potential_value([1], [0, 1], [H, H], [H, H], ZERO_ONE), InvalidArgument, "source has shape"),
        (
            lambda: lipschitz_value([0.0, 1.5], E2, E2, [[0.0, 1.0], [1.0, 0.0]]),
            InvalidArgument,
            "critic[1] + -critic[0] is 1.5; expected at most distance[1, 0], 1.0",
        ),
        (lambda: lipschitz_value([0.0], E2, E2, ZERO_ONE), InvalidArgument, "critic has shape (1,)"),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error) as raised:
        call()
    assert text in str(raised.value)
