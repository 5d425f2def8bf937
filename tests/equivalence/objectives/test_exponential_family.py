"""Certified optima of linear families: against known parameters, against the residual in balls, and against scipy."""

import numpy as np
import pytest
import scipy.optimize
from flint import arb, fmpq

from equivalence.objectives import ebm, exponential_family
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars.balls import precision
from mdps.scalars.rationals import dyadic
from refusals import assert_refuses

BITS = 400


def problems(number, dependent=False):
    """Features [n, k] of small integers, a law of full support, and in every third a base measure."""
    for i in range(number):
        rng = np.random.default_rng([i, dependent])
        n, k = 2 + i % 7, 1 + i % 3
        features = rng.integers(-2, 3, size=(n, k)).astype(float)
        if dependent:
            features = np.concatenate([features, features[:, :1] + 3], axis=1)
        data = rng.dirichlet(np.full(n, 0.7)) + 1e-3
        base = rng.integers(1, 9, size=n).astype(float) if i % 3 == 0 else None
        yield rng, features, data / data.sum(), base


def in_balls(array):
    return np.frompyfunc(lambda x: arb(dyadic(x)), 1, 1)(np.asarray(array, dtype=float))


def optimum_in_balls(features, data, base, start, identified):
    """The optimum by plain Newton steps in 400 bits, from a start nearby: no certificate, another road."""
    f, p = in_balls(features[:, identified]), in_balls(data)
    p = p / p.sum()
    b = in_balls(np.ones(len(data)) if base is None else base)
    theta = in_balls(start[identified])
    for _ in range(8):
        weights = b * scalars.exp(-(f * theta).sum(axis=1))
        law = weights / weights.sum()
        centered = f - (law[:, None] * f).sum(axis=0)
        covariance = (law[:, None, None] * centered[:, :, None] * centered[:, None, :]).sum(axis=0)
        slope = ((law - p)[:, None] * f).sum(axis=0)
        step = np.array(solved(covariance.tolist(), slope.tolist()), dtype=object)
        theta = np.array([arb((x + s).mid()) for x, s in zip(theta, step, strict=True)], dtype=object)
    return theta


def solved(matrix, right):
    """Gaussian elimination on lists; the matrix is positive definite."""
    n = len(right)
    rows = [[*row, x] for row, x in zip(matrix, right, strict=True)]
    for i in range(n):
        for j in range(i + 1, n):
            factor = rows[j][i] / rows[i][i]
            rows[j] = [x - factor * y for x, y in zip(rows[j], rows[i], strict=True)]
    solution = [arb(0)] * n
    for i in reversed(range(n)):
        solution[i] = (rows[i][n] - sum(rows[i][j] * solution[j] for j in range(i + 1, n))) / rows[i][i]
    return solution


@pytest.mark.parametrize("dependent", [False, True])
def test_floats_are_within_the_certified_distance(dependent):
    for _, features, data, base in problems(210, dependent):
        found = exponential_family.optimum(features, data, base=base)
        if not found.identified.any():
            assert (features == features[0]).all()
            continue
        assert found.theta[~found.identified].tolist() == [0.0] * int((~found.identified).sum())
        with precision(BITS):
            truth = optimum_in_balls(features, data, base, found.theta, found.identified)
            apart = in_balls(found.theta[found.identified]) - truth
            distance = sum(x * x for x in apart).sqrt()
            assert distance < arb(found.distance) + arb(2) ** -300
            # Tight: a rounding of theta, and what 60 bits leave.
            size = np.linalg.norm(found.theta)
            assert found.distance <= 2.0**-53 * size + 2.0**-59 * (1 + size)


def test_dependent_features_are_told_by_exact_rank():
    for _, features, data, base in problems(210, dependent=True):
        found = exponential_family.optimum(features, data, base=base)
        rank = np.linalg.matrix_rank(features - features[:1])  # small integers: well separated from 0
        assert found.identified.sum() == rank
        assert not found.identified[-1]


def test_optimum_of_a_law_in_the_family_is_its_parameter():
    """Data made from a known theta in 400 bits, rounded to floats: the optimum moves by that rounding alone.

    The moments move by at most u (n + 2) max |F|, once for the rounding of p and once for dividing by its sum; theta by
    that over the least eigenvalue of the covariance, which the optimum itself shows, less curvature along the way.
    """
    for rng, features, _, base in problems(210):
        theta = rng.normal(size=features.shape[1])
        with precision(BITS):
            b = in_balls(np.ones(len(features)) if base is None else base)
            weights = b * scalars.exp(-(in_balls(features) * in_balls(theta)).sum(axis=1))
            data = np.array([float(x.mid()) for x in weights / weights.sum()])
        found = exponential_family.optimum(features, data, base=base)
        kept = found.identified
        if kept.sum() < features.shape[1]:
            continue
        law = ebm.law(exponential_family.energy(features, found.theta), base=base)
        centered = features - law @ features
        least = np.linalg.eigvalsh(centered.T @ (law[:, None] * centered))[0]
        rounding = 2.0**-53 * (len(data) + 2) * np.abs(features).max() * np.sqrt(features.shape[1]) * 2
        assert np.linalg.norm(found.theta - theta) <= 2 * rounding / least + found.distance


def test_balls_contain_the_optimum_and_are_thin():
    for _, features, data, base in problems(200):
        rational = [fmpq(int(1000 * p) + 1, 1) for p in data]
        total = sum(rational)
        with precision(BITS):
            p = np.array([arb(x / total) for x in rational], dtype=object)
            b = None if base is None else in_balls(base)
            found = exponential_family.optimum(in_balls(features), p, base=b)
            if not found.identified.any():
                continue
            f = in_balls(features[:, found.identified])
            weights = (b if b is not None else 1) * scalars.exp(-(f * found.theta[found.identified]).sum(axis=1))
            moments = ((weights / weights.sum() - p)[:, None] * f).sum(axis=0)
            assert all(x.contains(0) for x in moments)
            assert all(x.rad() < arb(2) ** -300 for x in found.theta)


def test_a_distribution_with_holes():
    """Data that leave outcomes out: certified where a linear programme says interior, else refused."""
    attained = refused = 0
    for i in range(400):
        rng = np.random.default_rng([7, i])
        n, k = 3 + i % 5, 1 + i % 2
        features = rng.integers(-1, 2, size=(n, k)).astype(float)
        data = np.where(rng.integers(2, size=n) == 1, rng.integers(1, 5, size=n), 0).astype(float)
        if not data.any():
            data[0] = 1.0
        data = data / data.sum()
        # The most that every outcome can get in a law of the same moments.
        moments = data @ features
        interior = scipy.optimize.linprog(
            [0.0] * n + [-1.0],
            A_eq=np.block([[features.T, np.zeros((k, 1))], [np.ones((1, n)), np.zeros((1, 1))]]),
            b_eq=[*moments, 1.0],
            A_ub=np.hstack([-np.eye(n), np.ones((n, 1))]),
            b_ub=np.zeros(n),
        )
        # Small integers and weights k / 20: the programme's optimum is 0 or at least some 1e-3.
        if -interior.fun > 1e-6:
            found = exponential_family.optimum(features, data)
            assert found.distance < 1e-12
            attained += 1
        else:
            assert -interior.fun < 1e-9
            assert_refuses(
                lambda f=features, p=data: exponential_family.optimum(f, p),
                InvalidArgument,
                "on the boundary of the polytope of features",
                "supremum is not attained",
            )
            refused += 1
    assert min(attained, refused) >= 100


def test_extremes():
    """Odds of 1e300, features of thousands, and hundreds of outcomes."""
    found = exponential_family.optimum([[0.0], [1.0]], [1.0, 1e-300])
    assert abs(found.theta[0] - 300 * np.log(10)) <= found.distance + 2 * np.spacing(700.0)
    found = exponential_family.optimum([[0.0], [1e4]], [0.5, 0.5])
    assert found.theta.tolist() == [0.0]
    rng = np.random.default_rng(0)
    features, data = rng.normal(size=(300, 6)), rng.dirichlet(np.ones(300))
    found = exponential_family.optimum(features, data)
    slope = features.T @ (ebm.law(exponential_family.energy(features, found.theta)) - data)
    assert np.abs(slope).max() <= 600 * 2.0**-53 * np.abs(features).max()  # the rounding of two means over 300 terms


def test_outcomes_without_base_measure_do_not_matter():
    features = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [9.0, 9.0]])
    data = np.array([0.5, 0.25, 0.25, 0.0])
    with_hole = exponential_family.optimum(features, data, base=[1.0, 1.0, 1.0, 0.0])
    without = exponential_family.optimum(features[:3], data[:3])
    assert (with_hole.theta == without.theta).all()


def test_what_is_refused():
    half = [0.5, 0.5]
    assert_refuses(lambda: exponential_family.optimum(np.zeros(2), half), InvalidArgument, "expected [n, k]")
    assert_refuses(lambda: exponential_family.optimum(np.zeros((3, 1)), half), InvalidArgument, "data has shape (2,)")
    assert_refuses(lambda: exponential_family.optimum(np.eye(2), [0.5, 0.4]), InvalidArgument, "data sums to 0.9")
    assert_refuses(
        lambda: exponential_family.optimum(np.eye(2), half, base=[0.0, 1.0]), InvalidArgument, "base is 0 at outcome 0"
    )
    assert_refuses(
        lambda: exponential_family.optimum(np.eye(2), np.full((3, 2), 0.5)), InvalidArgument, "one problem at a time"
    )
    exact = np.array([fmpq(1, 2), fmpq(1, 2)])
    assert_refuses(lambda: exponential_family.optimum([[0], [1]], exact), OutOfReach, "take balls")
    assert_refuses(lambda: exponential_family.energy(np.eye(2), [1.0]), InvalidArgument, "expected [n, k] and [k]")
    third = np.array([[arb(1) / 3, arb(1) / 3], [arb(2) / 3, arb(2) / 3], [arb(0), arb(0)]])
    halves = np.array([arb(1) / 2, arb(1) / 4, arb(1) / 4])
    assert_refuses(lambda: exponential_family.optimum(third, halves), OutOfReach, "depend on each other")


def test_the_energy_of_a_family_chains_its_gradient():
    """dLL/dtheta = F' dLL/dE: exactly, against the moments."""
    for i in range(200):
        rng = np.random.default_rng(i)
        features = scalars.convert(rng.integers(-2, 3, size=(4, 2)), "exact")
        theta = scalars.log(scalars.convert(rng.integers(1, 9, size=2), "exact"))
        energy = exponential_family.energy(features, theta)
        assert energy.tolist() == [sum(f * t for f, t in zip(row, theta, strict=True)) for row in features]
