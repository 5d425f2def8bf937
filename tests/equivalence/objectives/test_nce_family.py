"""Certified optima of noise-contrastive estimation in linear families, against other roads to the same optimum."""

import numpy as np
import scipy.optimize
from flint import arb, fmpq

from equivalence.objectives import exponential_family, nce, nce_family
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars.balls import precision
from mdps.scalars.rationals import dyadic
from refusals import assert_refuses

BITS = 400
RATIOS = (1.0, 0.25, 7.0)


def problems(number):
    """Features [n, k] of small integers, noise and data of full support, and a ratio."""
    for i in range(number):
        rng = np.random.default_rng(i)
        n, k = 2 + i % 7, 1 + i % 3
        features = rng.integers(-2, 3, size=(n, k)).astype(float)
        noise, data = (rng.dirichlet(np.full(n, 0.7)) + 1e-3 for _ in range(2))
        yield rng, features, noise / noise.sum(), data / data.sum(), RATIOS[i % 3]


def in_balls(array):
    return scalars.convert(np.frompyfunc(lambda x: dyadic(float(x)), 1, 1)(np.asarray(array, dtype=object)), "ball")


def slope_and_curvature(rows, noise, data, ratio, u):
    """In balls, by the definition of D: for laws divided by their sums."""
    p, q = in_balls(data), in_balls(noise)
    p, q = p / p.sum(), q / q.sum() * arb(ratio)
    model = scalars.exp(-(rows * u).sum(axis=1))
    probability = model / (model + q)
    slope = ((p * (1 - probability) - q * probability)[:, None] * rows).sum(axis=0)
    weight = (p + q) * probability * (1 - probability)
    return slope, (weight[:, None, None] * rows[:, :, None] * rows[:, None, :]).sum(axis=0)


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


def with_normalizer(features, identified):
    return in_balls(np.concatenate([np.ones((len(features), 1)), features[:, identified]], axis=1))


def test_floats_are_within_the_certified_distance():
    """Of the optimum by plain Newton steps in 400 bits from there."""
    for _, features, noise, data, ratio in problems(210):
        found = nce_family.optimum(features, noise, data, noise_ratio=ratio)
        assert (found.theta[~found.identified] == 0).all()
        assert found.identified.sum() == np.linalg.matrix_rank(features - features[:1])
        start = np.append(found.log_normalizer, found.theta[found.identified])
        with precision(BITS):
            rows, u = with_normalizer(features, found.identified), in_balls(start)
            for _ in range(8):
                slope, curvature = slope_and_curvature(rows, noise, data, ratio, u)
                step = solved(curvature.tolist(), slope.tolist())
                u = np.array([arb((x - s).mid()) for x, s in zip(u, step, strict=True)], dtype=object)
            apart = in_balls(start) - u
            assert sum(x * x for x in apart).sqrt() < arb(found.distance) + arb(2) ** -300
        size = np.linalg.norm(start)
        assert found.distance <= 2.0**-53 * size + 2.0**-59 * (1 + size)  # a rounding, and what 60 bits leave


def test_balls_contain_the_optimum_and_are_thin():
    for _, features, noise, data, ratio in problems(200):
        laws = []
        for law in (noise, data):
            counts = [fmpq(int(1000 * p) + 1) for p in law]
            laws.append([count / sum(counts) for count in counts])
        with precision(BITS):
            q, p = (np.array([arb(x) for x in law], dtype=object) for law in laws)
            found = nce_family.optimum(in_balls(features), q, p, noise_ratio=arb(ratio))
            energy = exponential_family.energy(in_balls(features), found.theta)
            gradient = nce.gradient(energy, q, p, found.log_normalizer, noise_ratio=arb(ratio))
            moments = (gradient.energy[:, None] * in_balls(features)).sum(axis=0)
            assert all(x.contains(0) for x in [*moments, gradient.log_normalizer])
            assert all(x.rad() < arb(2) ** -300 for x in [*found.theta, found.log_normalizer])


def test_a_table_recovers_the_data_whatever_the_noise():
    """Indicators of all outcomes but one: E + log Z = -log p, within twice the distance and the rounding of a sum."""
    for _, features, noise, data, ratio in problems(210):
        n = len(features)
        found = nce_family.optimum(np.eye(n)[:, 1:], noise, data, noise_ratio=ratio)
        joint = np.eye(n)[:, 1:] @ found.theta + found.log_normalizer
        truth = -np.log(data / data.sum())
        # The sum, the quotient and the log are rounded, and data.sum() n times.
        rounding = 2.0**-53 * (np.abs(joint) + 2 * np.abs(truth) + n + 2)
        assert (np.abs(joint - truth) <= 2 * found.distance + rounding).all()


def test_outside_the_family_the_optimum_depends_on_the_noise():
    """F-07b: another noise, another optimum; not that of maximum likelihood; and e^-E / Z does not sum to 1."""
    apart = [0, 0, 0]
    for rng, features, noise, data, ratio in problems(210):
        other = rng.dirichlet(np.ones(len(data))) + 1e-3
        found = nce_family.optimum(features, noise, data, noise_ratio=ratio)
        if found.identified.sum() + 1 == len(data):
            continue  # every law is in the family
        elsewhere = nce_family.optimum(features, other / other.sum(), data, noise_ratio=ratio)
        best = exponential_family.optimum(features, data)
        assert (best.identified == found.identified).all()
        total = np.exp(-(features @ found.theta) - found.log_normalizer).sum()
        apart[0] += np.linalg.norm(found.theta - elsewhere.theta) > found.distance + elsewhere.distance
        apart[1] += np.linalg.norm(found.theta - best.theta) > found.distance + best.distance
        apart[2] += abs(total - 1) > 1e-6  # far beyond distances of 1e-15 and roundings
    assert min(apart) >= 60


def test_holes():
    """Certified where a linear programme finds no separating direction, refused where it finds one."""
    attained = refused = 0
    for i in range(400):
        rng = np.random.default_rng([5, i])
        n, k = 3 + i % 5, 1 + i % 2
        features = rng.integers(-1, 2, size=(n, k)).astype(float)
        noise, data = (np.where(rng.integers(3, size=n) > 0, rng.integers(1, 5, size=n), 0.0) for _ in range(2))
        if not (noise * data).any():
            noise[0] = data[0] = 1.0
        noise, data = noise / noise.sum(), data / data.sum()
        rows = np.concatenate([np.ones((n, 1)), features], axis=1)[noise > 0]
        seen = (data > 0)[noise > 0]
        # The most that noise without data can be told apart, |u| <= 1: a vertex of small integers, 0 or far from it.
        apart = (
            scipy.optimize.linprog(
                -rows[~seen].sum(axis=0),
                A_ub=-rows[~seen],
                b_ub=np.zeros((~seen).sum()),
                A_eq=rows[seen],
                b_eq=np.zeros(seen.sum()),
                bounds=(-1, 1),
            )
            if (~seen).any()
            else None
        )
        if apart is None or -apart.fun < 1e-9:
            assert nce_family.optimum(features, noise, data).distance < 1e-12
            attained += 1
        else:
            assert -apart.fun > 1e-3
            assert_refuses(
                lambda f=features, q=noise, p=data: nce_family.optimum(f, q, p),
                InvalidArgument,
                "infimum is not attained",
            )
            refused += 1
    assert min(attained, refused) >= 80


def test_what_is_refused():
    half = [0.5, 0.5]
    assert_refuses(
        lambda: nce_family.optimum([[0.0], [1.0]], [1.0, 0.0], [0.0, 1.0]), InvalidArgument, "covers none of the data"
    )
    assert_refuses(lambda: nce_family.optimum(np.zeros(2), half, half), InvalidArgument, "expected [n, k]")
    assert_refuses(lambda: nce_family.optimum(np.eye(2), half, [0.5, 0.4]), InvalidArgument, "data sums to 0.9")
    assert_refuses(lambda: nce_family.optimum(np.eye(2), half, half, noise_ratio=0), InvalidArgument, "noise_ratio")
    assert_refuses(
        lambda: nce_family.optimum(np.eye(2), np.full((3, 2), 0.5), half), InvalidArgument, "one problem at a time"
    )
    exact = np.array([fmpq(1, 2), fmpq(1, 2)])
    assert_refuses(lambda: nce_family.optimum([[0], [1]], exact, exact), OutOfReach, "take balls")
