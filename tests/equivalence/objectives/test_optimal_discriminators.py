"""Discriminators with unequal numbers of samples, their Hessian, and the best of them."""

import numpy as np
import pytest
from flint import arb, fmpq

from agreement import assert_agrees, assert_equals, objects, overlap, stacked
from enumeration import BALLS, BITS, EXACT, nested
from equivalence.objectives import divergences, gan
from instances import drawn_games, stacks
from mdps import InvalidArgument, scalars
from mdps.scalars import duals
from mdps.scalars.balls import precision


def with_ratio(f, energy, sampler, data, log_normalizer, ratio):
    """sum p log((p~ + q) / p~) + nu q log((p~ + q) / q), and its slopes to E and to log Z."""
    e, q, p, z, nu = nested(energy, f), nested(sampler, f), nested(data, f), f.number(log_normalizer), f.number(ratio)
    loss, slopes = 0, []
    for x, y, d in zip(e, q, p, strict=True):
        if y > 0:
            model = f.exp(-x - z)
            loss = loss + d * f.log((model + y) / model) + nu * y * f.log((model + y) / y)
            slopes.append(d * y / (model + y) - nu * y * model / (model + y))
        else:
            slopes.append(0 * d)
    return objects(loss), objects(slopes), objects(sum(slopes))


def ratios(games):
    return [(*game, fmpq(1 + i % 5, 1 + i % 3)) for i, game in enumerate(games)]


def test_unequal_numbers_of_samples():
    def numbers_of(energy, sampler, data, log_normalizer, ratio):
        given = energy, sampler, data, log_normalizer
        return (
            gan.discriminator_loss(*given, sampler_ratio=ratio),
            *gan.discriminator_gradient(*given, sampler_ratio=ratio),
        )

    for games in stacks(drawn_games(240), 24):
        arguments = ratios(games)
        with precision(BITS):
            truths = [with_ratio(BALLS, *one) for one in arguments]
            for (energy, *rest), truth in zip(arguments, truths, strict=True):
                slope = duals.gradient(
                    lambda e, rest=rest: gan.discriminator_loss(e, *rest[:-1], sampler_ratio=rest[-1]), energy
                )
                assert overlap(truth[1], scalars.convert(slope, "ball"))
        assert_agrees(numbers_of, stacked(truths), *stacked(arguments))
        for one in arguments[::4]:
            assert assert_equals(numbers_of, lambda given: with_ratio(EXACT, *given), *one)


def test_optimal_log_normalizer_of_unequal_numbers():
    """The slope by its definition changes sign within the ball."""
    for games in stacks(drawn_games(240), 24):
        arguments = [one for one in ratios(games) if (one[1] * one[2] != 0).any()]
        if not arguments:
            continue

        def numbers_of(energy, sampler, data, ratio):
            return gan.optimal_log_normalizer(energy, sampler, data, sampler_ratio=ratio)

        given = [(energy, sampler, data, ratio) for energy, sampler, data, _, ratio in arguments]
        with precision(BITS):
            found = [numbers_of(*(scalars.convert(x, "ball") for x in one)) for one in given]
            for (e, q, p, nu), root in zip(given, found, strict=True):

                def slope(z, e=e, q=q, p=p, nu=nu):
                    total = arb(0)
                    for x, y, d in zip(nested(e, BALLS), nested(q, BALLS), nested(p, BALLS), strict=True):
                        model = (-x - z).exp()
                        total += y * (d - BALLS.number(nu) * model) / (model + y) if y > 0 else 0
                    return total

                width = arb(2) ** -100
                assert slope(root - width) < 0
                assert slope(root + width) > 0
        assert_agrees(numbers_of, stacked([objects(x) for x in found]), *stacked(given))


def test_hessian():
    """Against derivatives of the gradient, exactly, and against its sum; convex whatever the ratio."""
    for i, game in enumerate(drawn_games(240)):
        rng = np.random.default_rng(i)
        n, k = len(game.energy), int(rng.integers(1, 4))
        features = scalars.convert(rng.integers(-1, 3, size=(n, k)), "exact")
        theta = scalars.log([fmpq(*map(int, rng.integers(1, 9, size=2))) for _ in range(k)])
        _, sampler, data, log_normalizer = game
        ratio = fmpq(1 + i % 4, 1 + i % 3)

        def slope(x, features=features, sampler=sampler, data=data, ratio=ratio):
            energy = (features * x[:-1]).sum(axis=-1)
            to_energy, to_normalizer = gan.discriminator_gradient(energy, sampler, data, x[-1], sampler_ratio=ratio)
            return np.append((to_energy[:, None] * features).sum(axis=0), to_normalizer)

        def hessian(features, theta, sampler, data, log_normalizer, ratio):
            return gan.discriminator_hessian(features, theta, sampler, data, log_normalizer, sampler_ratio=ratio)

        given = features, theta, sampler, data, log_normalizer, ratio
        exact = hessian(*given)
        assert (exact == duals.jacobian(slope, np.append(theta, log_normalizer))).all()
        with precision(BITS):
            assert_agrees(hessian, scalars.convert(exact, "ball"), *given)
        for direction in np.eye(k + 1, dtype=int), rng.integers(-3, 4, size=(3, k + 1)):
            assert all(x @ exact @ x >= 0 for x in scalars.convert(direction, "exact"))


def test_optimal_discriminator():
    """p / (p + nu q) is reached at E + log Z = -log p + log nu: the gradient is 0, and no other energy does better."""
    for game in drawn_games(400):
        energy, sampler, data, log_normalizer = game
        if not (sampler * data).all():
            continue
        for ratio in (1, fmpq(3, 2)):
            best = scalars.log(scalars.convert(ratio, "exact")) - scalars.log(data)
            given = best - log_normalizer, sampler, data, log_normalizer
            value = gan.optimal_discriminator_loss(sampler, data, sampler_ratio=ratio)
            optimal = gan.optimal_discriminator(sampler, data, sampler_ratio=ratio)
            assert (optimal == data / (data + ratio * sampler)).all()
            assert (optimal == gan.discriminator(*given[:2], log_normalizer)).all()
            assert (scalars.sigmoid(gan.optimal_logit(sampler, data, sampler_ratio=ratio)) == optimal).all()
            assert gan.discriminator_loss(*given, sampler_ratio=ratio) == value
            assert not gan.discriminator_gradient(*given, sampler_ratio=ratio).energy.any()
            assert gan.discriminator_loss(energy, *given[1:], sampler_ratio=ratio) >= value
        assert gan.optimal_discriminator_loss(sampler, data) == scalars.log(fmpq(4)) - 2 * (
            divergences.jensen_shannon(data, sampler)
        )


def test_optimal_values_in_floats():
    """Also where one leaves outcomes out."""

    def numbers_of(sampler, data, ratio):
        return (
            gan.optimal_discriminator(sampler, data, sampler_ratio=ratio),
            gan.optimal_discriminator_loss(sampler, data, sampler_ratio=ratio),
        )

    def truth(f, sampler, data, ratio):
        q, p, nu = nested(sampler, f), nested(data, f), f.number(ratio)
        optimal = [x / (x + nu * y) if y > 0 else f.number(fmpq(1)) for x, y in zip(p, q, strict=True)]
        loss = 0 * p[0]
        for x, y in zip(p, q, strict=True):
            loss = loss + (x * f.log((x + nu * y) / x) if x > 0 else 0)
            loss = loss + (nu * y * f.log((x + nu * y) / (nu * y)) if y > 0 else 0)
        return objects(optimal), objects(loss)

    for games in stacks(drawn_games(240), 24):
        arguments = [(game.sampler, game.data, fmpq(1 + i % 5, 1 + i % 3)) for i, game in enumerate(games)]
        with precision(BITS):
            truths = [truth(BALLS, *one) for one in arguments]
        assert_agrees(numbers_of, stacked(truths), *stacked(arguments))


@pytest.mark.parametrize(
    "call, text",
    [
        (
            lambda h: gan.discriminator_loss([0.0, 1.0], h, h, 0.0, sampler_ratio=0),
            "sampler_ratio is 0.0; expected a pos",
        ),
        (lambda h: gan.discriminator_gradient([0.0, 1.0], h, h, 0.0, sampler_ratio=-1.0), "sampler_ratio is -1.0"),
        (lambda h: gan.optimal_discriminator(h, [0.5, 0.6]), "data sums to 1.1"),
        (lambda h: gan.optimal_logit([1.0, 0.0], h), "sampler[1] is 0"),
        (lambda h: gan.discriminator_hessian([[1.0]], [1.0], h, h, 0.0), "n of energy"),
        (lambda h: gan.discriminator_hessian([[1.0], [2.0]], [1.0, 2.0], h, h, 0.0), "expected [n, k] and [k]"),
        (lambda h: gan.discriminator_hessian([[1.0], [2.0]], [1.0], [h, h], h, 0.0), "one sampler, data and log"),
    ],
)
def test_refusals(call, text):
    with pytest.raises(InvalidArgument) as raised:
        call(np.array([0.5, 0.5]))
    assert text in str(raised.value)
