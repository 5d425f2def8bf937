"""Noise-contrastive estimation against its definition, its limits, and the discriminator of a GAN."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from agreement import assert_agrees, assert_equals, objects, overlap, stacked
from enumeration import BALLS, BITS, EXACT, derivatives, nested
from equivalence.objectives import ebm, gan, nce
from instances import drawn_games, stacks
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.random_models import random_reward
from mdps.scalars import duals
from mdps.scalars.balls import precision
from refusals import NOT_NUMBERS, assert_refuses

RATIOS = (1, Fraction(1, 3), 7)


def problems(number, extreme=False):
    """Games in stacks of one size, each stack with a noise ratio."""
    for i, games in enumerate(stacks(drawn_games(number, extreme=extreme))):
        yield RATIOS[i % 3], games


def numbers_of(energy, noise, data, log_normalizer, ratio):
    gradient = nce.gradient(energy, noise, data, log_normalizer, noise_ratio=ratio)
    return (
        nce.loss(energy, noise, data, log_normalizer, noise_ratio=ratio),
        nce.discriminator(energy, noise, log_normalizer, noise_ratio=ratio),
        nce.optimal_loss(data, noise, noise_ratio=ratio),
        nce.hessian(energy, noise, data, log_normalizer, noise_ratio=ratio),
        *gradient,
    )


def loss_of(f, e, q, p, z, nu):
    """-sum p log(p~ / (p~ + nu q)) - sum nu q log(nu q / (p~ + nu q))."""
    total = 0
    for x, y, d in zip(e, q, p, strict=True):
        if y > 0:
            model = f.exp(-x - z)
            total = total + d * f.log((model + nu * y) / model) + nu * y * f.log((model + nu * y) / (nu * y))
    return total


def by_enumeration(f, energy, noise, data, log_normalizer, ratio):
    e, q, p = nested(energy, f), nested(noise, f), nested(data, f)
    z, nu = f.number(log_normalizer), f.number(ratio)
    n = len(e)
    models = [f.exp(-x - z) for x in e]
    probability = [m / (m + nu * y) for m, y in zip(models, q, strict=True)]
    # The form of the catalogue: nu q / (p~ + nu q) (p - p~).
    slopes = [nu * y / (m + nu * y) * (d - m) for m, y, d in zip(models, q, p, strict=True)]
    best = 0
    for y, d in zip(q, p, strict=True):
        for share in (d, nu * y):
            if share > 0:
                best = best + share * f.log((d + nu * y) / share)
    curvature = [(d + nu * y) * w * (1 - w) for d, y, w in zip(p, q, probability, strict=True)]
    hessian = [[curvature[i] if i == j else 0 * e[0] for j in range(n)] + [curvature[i]] for i in range(n)]
    hessian.append([*curvature, sum(curvature)])
    if f is EXACT:
        hessian = [
            [f.number(Fraction(0)) if i != j and max(i, j) < n else x for j, x in enumerate(row)]
            for i, row in enumerate(hessian)
        ]
    return (
        objects(loss_of(f, e, q, p, z, nu)),
        objects(probability),
        objects(best),
        objects(hessian),
        objects(slopes),
        objects(sum(slopes)),
    )


def derivatives_of_loss(energy, noise, data, log_normalizer, ratio):
    """dL/dE and dL/dlogZ by power series."""
    e, q, p = (nested(x, BALLS) for x in (energy, noise, data))
    z, nu = BALLS.number(log_normalizer), BALLS.number(ratio)
    return (
        objects(derivatives(lambda e: loss_of(BALLS, e, q, p, z, nu), e)),
        objects(derivatives(lambda z: loss_of(BALLS, e, q, p, z[0], nu), [z])[0]),
    )


@pytest.mark.parametrize("extreme, number", [(False, 504), (True, 120)], ids=["moderate", "extreme"])
def test_agrees_with_definitions(extreme, number):
    """`extreme`: energies of +-700 nats and beyond stay finite and right."""
    for ratio, games in problems(number, extreme):
        with precision(BITS):
            truths = [by_enumeration(BALLS, *game, ratio) for game in games]
            for game, truth in zip(games, truths, strict=True):
                for mine, theirs in zip(truth[-2:], derivatives_of_loss(*game, ratio), strict=True):
                    assert overlap(mine, theirs)

        def with_ratio(*arguments, ratio=ratio):
            return numbers_of(*arguments[:-1], arguments[-1])

        exact_ratio = scalars.convert(np.array(ratio, dtype=object), "exact")[()]
        assert_agrees(with_ratio, stacked(truths), *stacked([tuple(game) for game in games]), exact_ratio)
        for game in games[::3]:
            assert assert_equals(numbers_of, lambda given: by_enumeration(EXACT, *given), *game, ratio)


def test_gradient_and_hessian_equal_derivatives_exactly():
    for i, (energy, noise, data, log_normalizer) in enumerate(drawn_games(200)):
        ratio = RATIOS[i % 3]
        joint = np.append(energy, log_normalizer)

        def loss(x, q=noise, p=data, nu=ratio):
            return nce.loss(x[:-1], q, p, x[-1], noise_ratio=nu)

        def gradient(x, q=noise, p=data, nu=ratio):
            found = nce.gradient(x[:-1], q, p, x[-1], noise_ratio=nu)
            return np.append(found.energy, found.log_normalizer)

        found = nce.gradient(energy, noise, data, log_normalizer, noise_ratio=ratio)
        assert (np.append(found.energy, found.log_normalizer) == duals.gradient(loss, joint)).all()
        hessian = nce.hessian(energy, noise, data, log_normalizer, noise_ratio=ratio)
        assert (hessian == duals.jacobian(gradient, joint)).all()


def test_hessian_in_features_is_that_of_the_chain_rule():
    for i, (energy, noise, data, log_normalizer) in enumerate(drawn_games(200)):
        rng = np.random.default_rng(i)
        n, k = len(energy), 1 + i % 3
        features = scalars.convert(rng.integers(-2, 3, size=(n, k)), "exact")
        chain = scalars.convert(np.zeros((n + 1, k + 1), dtype=int), "exact")
        chain[:n, :k], chain[n, k] = features, chain[n, k] + 1
        table = nce.hessian(energy, noise, data, log_normalizer, noise_ratio=2)
        found = nce.hessian(energy, noise, data, log_normalizer, noise_ratio=2, features=features)
        assert (found == chain.T @ table @ chain).all()


def test_with_one_noise_sample_it_is_the_discriminator():
    for energy, noise, data, log_normalizer in drawn_games(240):
        assert nce.loss(energy, noise, data, log_normalizer) == gan.discriminator_loss(
            energy, noise, data, log_normalizer
        )
        mine = nce.gradient(energy, noise, data, log_normalizer)
        theirs = gan.discriminator_gradient(energy, noise, data, log_normalizer)
        assert (mine.energy == theirs.energy).all()
        assert mine.log_normalizer == theirs.log_normalizer
        assert (
            nce.discriminator(energy, noise, log_normalizer) == gan.discriminator(energy, noise, log_normalizer)
        ).all()


def test_the_optimal_table_is_stationary_and_least():
    """Exactly, for every noise and ratio; beside it the loss is larger, except along E + c, log Z - c."""
    stationary = 0
    for i, (_, noise, data, log_normalizer) in enumerate(drawn_games(400)):
        ratio = RATIOS[i % 3]
        if ((data == 0) & (noise != 0)).any():
            with pytest.raises(InvalidArgument, match="no table attains its infimum"):
                nce.optimal_energy(data, noise)
            continue
        best = nce.optimal_energy(data, noise, log_normalizer=log_normalizer)
        found = nce.gradient(best, noise, data, log_normalizer, noise_ratio=ratio)
        assert (found.energy == 0).all()
        assert found.log_normalizer == 0
        least = nce.optimal_loss(data, noise, noise_ratio=ratio)
        if (noise != 0).all():
            assert nce.loss(best, noise, data, log_normalizer, noise_ratio=ratio) == least
        else:
            unseen = sum(p * scalars.log(1 + 0 * p) for p in data[noise == 0])
            assert nce.loss(best, noise, data, log_normalizer, noise_ratio=ratio) == least + unseen
        moved = best + random_reward(np.random.default_rng(i), best.shape)
        assert not nce.loss(moved, noise, data, log_normalizer, noise_ratio=ratio) < least
        shift = scalars.log(Fraction(5, 2))
        along = nce.loss(best + shift, noise, data, log_normalizer - shift, noise_ratio=ratio)
        assert along == nce.loss(best, noise, data, log_normalizer, noise_ratio=ratio)
        stationary += 1
    assert stationary >= 200


def bracket(energy, noise, data, ratio):
    """A ball of radius 1e-50 around the library's root, with certified signs of the slope on both sides."""
    e, q, p = (nested(x, BALLS) for x in (energy, noise, data))
    nu = BALLS.number(Fraction(ratio))
    in_balls = (scalars.convert(x, "ball") for x in (energy, noise, data))
    middle = arb(nce.optimal_log_normalizer(*in_balls, noise_ratio=ratio).mid())
    ends = [middle - arb(10) ** -50, middle + arb(10) ** -50]
    low, high = (derivatives(lambda z: loss_of(BALLS, e, q, p, z[0], nu), [end])[0] for end in ends)
    assert low < 0
    assert high > 0
    return ends[0].union(ends[1])


def test_optimal_log_normalizer_has_certified_signs_on_both_sides():
    count = 0
    for ratio, games in problems(420):
        covered = [game[:3] for game in games if (game.data * game.sampler).any()]
        for game in games:
            if not (game.data * game.sampler).any():
                with pytest.raises(InvalidArgument, match="covers none of the data"):
                    nce.optimal_log_normalizer(*game[:3], noise_ratio=ratio)
        with precision(BITS):
            truths = [objects(bracket(*one, ratio)) for one in covered]
        exact_ratio = scalars.convert(np.array(ratio, dtype=object), "exact")[()]

        def root(energy, noise, data, nu):
            return nce.optimal_log_normalizer(energy, noise, data, noise_ratio=nu)

        assert_agrees(root, stacked(truths), *stacked(covered), exact_ratio)
        count += len(covered)
    assert count >= 200
    with pytest.raises(OutOfReach, match="algebraic"):
        nce.optimal_log_normalizer(*covered[0])


def test_as_the_noise_grows_the_gradient_becomes_data_minus_model():
    """Exactly: limit - gradient = p~ / (p~ + nu q) (p - p~), which falls like 1 / nu."""
    for energy, noise, data, log_normalizer in drawn_games(200):
        limit = nce.limit_gradient(energy, data, log_normalizer)
        model = np.array([EXACT.exp(-e - log_normalizer) for e in energy], dtype=object)
        assert (limit.energy == data - model).all()
        assert limit.log_normalizer == 1 - model.sum()
        for ratio in (10, 10**9):
            found = nce.gradient(energy, noise, data, log_normalizer, noise_ratio=ratio).energy
            assert (limit.energy - found == model / (model + ratio * noise) * (data - model)).all()
        # At Z = Z_theta the limit is the gradient of the negative likelihood.
        at_partition = nce.limit_gradient(energy, data, ebm.log_partition(energy))
        assert (at_partition.energy == -ebm.gradient(energy, data)).all()
        assert at_partition.log_normalizer == 0


def test_self_contrastive_gradient_is_a_fraction_of_the_likelihoods():
    for i, (energy, _, data, _) in enumerate(drawn_games(240)):
        nu = scalars.convert(np.array(RATIOS[i % 3], dtype=object), "exact")[()]
        found = nce.self_contrastive_gradient(energy, data, noise_ratio=nu)
        assert (found == -nu / (1 + nu) * ebm.gradient(energy, data)).all()
    half = nce.self_contrastive_gradient(energy, data)
    assert (2 * half == -ebm.gradient(energy, data)).all()


@pytest.mark.parametrize("rare", [10**12, 10**300])
def test_rare_outcomes(rare):
    """Probabilities of 1e-300 in noise, in data, or in both."""
    few = scalars.convert(np.array([Fraction(1, rare), 1 - Fraction(1, rare)], dtype=object), "exact")
    even = scalars.convert(np.array([Fraction(1, 2), Fraction(1, 2)], dtype=object), "exact")
    energy = scalars.log(scalars.convert(np.array([3, 7]), "exact"))
    for noise, data in [(few, even), (even, few), (few, few), (few, few[::-1])]:
        arguments = energy, noise, data, scalars.log(Fraction(5)), few[0] ** 0 * 3
        with precision(3_000):
            truth = by_enumeration(BALLS, *arguments)
        assert_agrees(numbers_of, truth, *arguments, bits=3_000)
        assert assert_equals(numbers_of, lambda given: by_enumeration(EXACT, *given), *arguments)


def test_leading_axes_broadcast():
    games = [g for g in drawn_games(60) if len(g.energy) == 4]
    energy, noise, data = (objects([list(g[i]) for g in games]) for i in range(3))
    log_normalizer = objects([g.log_normalizer for g in games])
    stack = numbers_of(energy, noise, data, log_normalizer, 3)
    for i, game in enumerate(games):
        for whole, one in zip(stack, numbers_of(*game, 3), strict=True):
            assert np.all(whole[i] == one)


HALVES = np.array([0.5, 0.5])


@pytest.mark.parametrize("nats", [700, 5_000, 1e15])
def test_far_energies_by_hand(nats):
    """Two outcomes at +-E, Z = 1, nu = 2: logits -+E, so L = E / 2 + 2 E / 2."""
    energy = np.array([nats, -nats], dtype=float)
    assert abs(nce.loss(energy, HALVES, HALVES, 0.0, noise_ratio=2) - 1.5 * nats) <= 4 * np.spacing(float(nats))
    assert nce.gradient(energy, HALVES, HALVES, 0.0, noise_ratio=2).energy.tolist() == [0.5, -1.0]


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "noise_ratio is 0.0; expected a positive number"),
        (-1.0, "noise_ratio is -1.0; expected a positive number"),
        (np.nan, "noise_ratio is nan"),
        ([1.0, 2.0], "noise_ratio has shape (2,); expected one positive number"),
    ],
)
def test_noise_ratios(value, text):
    for function in (nce.loss, nce.gradient, nce.hessian):
        assert_refuses(lambda f=function: f(HALVES, HALVES, HALVES, 0.0, noise_ratio=value), InvalidArgument, text)


@pytest.mark.parametrize("case", NOT_NUMBERS)
def test_what_is_no_number(case):
    value, text = NOT_NUMBERS[case]
    good = {"energy": HALVES, "noise": HALVES, "data": HALVES, "log_normalizer": 0.0}
    for name in good:
        for function in (nce.loss, nce.gradient, nce.hessian):
            assert_refuses(lambda f=function, a={**good, name: value}: f(**a), InvalidArgument, name, text)


def test_bad_noise():
    for noise, text in [([0.5, 0.4], "noise sums to 0.9"), ([0.5], "noise has shape (1,)"), ([1.5, -0.5], "negative")]:
        assert_refuses(lambda q=noise: nce.loss(HALVES, q, HALVES, 0.0), InvalidArgument, text)
    assert_refuses(lambda: nce.limit_gradient([-800.0, 0.0], HALVES, 0.0), OutOfReach, "range of floats")
