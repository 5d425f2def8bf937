"""The discriminator that is given the sampler's density, against its definition as a ratio of densities."""

import numpy as np
import pytest
from flint import arb
from hypothesis import given

from agreement import assert_agrees, assert_equals, margin, objects, on_tape, overlap, stacked
from enumeration import (
    BALLS,
    BITS,
    EXACT,
    derivatives,
    discriminator,
    discriminator_loss,
    generator_loss,
    nested,
    optimal_log_normalizer,
)
from equivalence.objectives import gan
from instances import drawn_games, stacks
from mdps import InvalidArgument, OutOfReach, scalars, strategies
from mdps.scalars import duals
from mdps.scalars.balls import precision
from mdps.scalars.rounding import Tape

MANY_BITS = 9_000  # 1 - D is e^-4000 at energies of some thousand nats


def numbers_of(energy, sampler, data, log_normalizer):
    return (
        gan.discriminator(energy, sampler, log_normalizer),
        gan.discriminator_loss(energy, sampler, data, log_normalizer),
        gan.generator_loss(energy, sampler, log_normalizer),
        *gan.discriminator_gradient(energy, sampler, data, log_normalizer),
    )


def by_enumeration(f, energy, sampler, data, log_normalizer):
    e, q, p, z = nested(energy, f), nested(sampler, f), nested(data, f), f.number(log_normalizer)
    probability = discriminator(f, e, q, z)
    slopes = [y - (x + y) * d if x > 0 else x for x, y, d in zip(q, p, probability, strict=True)]
    return (
        objects(probability),
        objects(discriminator_loss(f, e, q, p, z)),
        objects(generator_loss(f, e, q, z)),
        objects(slopes),
        objects(sum(slopes)),
    )


def derivatives_of_enumeration(energy, sampler, data, log_normalizer):
    """dL_D/dE [n] and dL_D/dlogZ, by power series."""
    e, q, p = (nested(x, BALLS) for x in (energy, sampler, data))
    z = BALLS.number(log_normalizer)
    return (
        objects(derivatives(lambda e: discriminator_loss(BALLS, e, q, p, z), e)),
        objects(derivatives(lambda z: discriminator_loss(BALLS, e, q, p, z[0]), [z])[0]),
    )


@pytest.mark.parametrize("extreme, number", [(False, 1_008), (True, 240)], ids=["moderate", "extreme"])
def test_agrees_with_definitions(extreme, number):
    """`extreme`: energies of +-700 nats and beyond stay finite and right."""
    for games in stacks(drawn_games(number, extreme=extreme)):
        with precision(BITS):
            truths = [by_enumeration(BALLS, *game) for game in games]
            for game, truth in zip(games, truths, strict=True):
                for mine, theirs in zip(truth[-2:], derivatives_of_enumeration(*game), strict=True):
                    assert overlap(mine, theirs)
        assert_agrees(numbers_of, stacked(truths), *stacked([tuple(game) for game in games]))
        for game in games[::3]:
            assert assert_equals(numbers_of, lambda given: by_enumeration(EXACT, *given), *game)


def test_optimal_log_normalizer_agrees_with_bisection():
    """Where the sampler covers some of the data; else there is none, and the error says so."""
    for games in stacks(drawn_games(1_050)):
        uncovered = [game[:3] for game in games if not (game.data * game.sampler).any()]
        covered = [game[:3] for game in games if (game.data * game.sampler).any()]
        with precision(BITS):
            truths = [objects(optimal_log_normalizer(*(nested(x, BALLS) for x in arguments))) for arguments in covered]
        assert_agrees(gan.optimal_log_normalizer, stacked(truths), *stacked(covered))
        for arguments in uncovered:
            with pytest.raises(InvalidArgument, match="covers none of the data"):
                gan.optimal_log_normalizer(*arguments)


def test_optimal_log_normalizer_of_extreme_energies():
    """Between energies thousands of nats apart the loss may be flat to thousands of bits, and no float sees the root.

    The bound is then larger than a nat, within which sigmoids bend, and says nothing; else it holds.
    """
    said = 0
    for energy, sampler, data, _ in drawn_games(24, extreme=True):
        if not (data * sampler).any():
            continue
        arguments = energy, sampler, data
        with precision(MANY_BITS):
            truth = objects(optimal_log_normalizer(*(nested(x, BALLS) for x in arguments)))
            balls = gan.optimal_log_normalizer(*(scalars.convert(x, "ball") for x in arguments))
            assert overlap(balls, truth)
        assert np.isfinite(gan.optimal_log_normalizer(*(scalars.convert(x, "float") for x in arguments)))
        tape = Tape()
        if tape.bound(gan.optimal_log_normalizer(*(on_tape(tape, x) for x in arguments))) < 1:
            assert margin(gan.optimal_log_normalizer, truth, *arguments) <= 1
            said += 1
    assert said >= 10


def test_optimal_log_normalizer_is_algebraic():
    for energy, sampler, data, _ in drawn_games(4):
        with pytest.raises(OutOfReach, match="algebraic"):
            gan.optimal_log_normalizer(energy, sampler, data)


@given(strategies.games(full_support=True))
def test_loss_is_stationary_at_the_optimal_log_normalizer(game):
    with precision(BITS):
        energy, sampler, data = (scalars.convert(x, "ball") for x in game[:3])
        log_normalizer = gan.optimal_log_normalizer(energy, sampler, data)
        slope = gan.discriminator_gradient(energy, sampler, data, log_normalizer).log_normalizer
        assert slope.contains(0)
        assert arb(slope.rad()) < arb(2) ** -100


def test_gradient_equals_derivatives_exactly():
    for energy, sampler, data, log_normalizer in drawn_games(200):
        found = gan.discriminator_gradient(energy, sampler, data, log_normalizer)
        to_energy = duals.gradient(
            lambda e, q=sampler, p=data, z=log_normalizer: gan.discriminator_loss(e, q, p, z), energy
        )
        to_normalizer = duals.gradient(
            lambda z, e=energy, q=sampler, p=data: gan.discriminator_loss(e, q, p, z), log_normalizer
        )
        assert (found.energy == to_energy).all()
        assert found.log_normalizer == to_normalizer


@pytest.mark.parametrize("nats", [700, 710, 746, 5_000, 1e5, 1e15])
def test_far_energies_by_hand(nats):
    """Two outcomes at +-E with a fair sampler, Z = 1: logits -+E + log 2, and losses near E."""
    energy, half = np.array([nats, -nats], dtype=float), np.array([0.5, 0.5])
    loss = gan.discriminator_loss(energy, half, half, 0.0)
    assert abs(loss - nats) <= 2 * np.spacing(float(nats))
    assert gan.discriminator_gradient(energy, half, half, 0.0).energy.tolist() == [0.5, -0.5]
    assert gan.discriminator(energy, half, 0.0).tolist()[1] == 1.0
    assert 0.0 <= gan.discriminator(energy, half, 0.0)[0] < 1e-303
    assert abs(gan.generator_loss(energy, half, 0.0) - np.log(0.5)) <= np.spacing(float(nats))


def test_leading_axes_broadcast():
    games = [g for g in drawn_games(60) if len(g.energy) == 4]
    energy, sampler, data = (objects([list(g[i]) for g in games]) for i in range(3))
    log_normalizer = objects([g.log_normalizer for g in games])
    stack = numbers_of(energy, sampler, data, log_normalizer)
    gradients = gan.discriminator_gradient(energy, sampler, data, log_normalizer)
    for i, game in enumerate(games):
        for whole, one in zip(stack, numbers_of(*game), strict=True):
            assert np.all(whole[i] == one)
        assert (gradients.energy[i] == gan.discriminator_gradient(*game).energy).all()
        assert gradients.log_normalizer[i] == gan.discriminator_gradient(*game).log_normalizer
