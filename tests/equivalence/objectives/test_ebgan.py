"""Energy-based GAN against its definition, and its optimum against every energy at the corners."""

from itertools import product

import numpy as np
import pytest
from flint import fmpq

from agreement import assert_agrees, assert_equals, objects, stacked
from enumeration import BALLS, BITS, EXACT, derivatives, nested
from equivalence.objectives import divergences, ebgan, f_divergences as fd
from equivalence.objectives.tangent import projected
from instances import drawn_games
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars.balls import precision


def games_with_margins(number):
    """Energies from 0 to 3, a sampler, data, and a margin that none of the energies is."""
    for i, game in enumerate(drawn_games(number)):
        rng = np.random.default_rng(i)
        energy = scalars.convert(rng.integers(0, 7, size=len(game.energy)), "exact") / 2
        yield energy, game.sampler, game.data, fmpq(int(rng.integers(1, 6)), 3) + fmpq(1, 7)


def by_definition(f, energy, sampler, data, margin):
    e, q, p, m = nested(energy, f), nested(sampler, f), nested(data, f), f.number(margin)
    hinge = sum(y * (m - x) for x, y in zip(e, q, strict=True) if float(_number(x)) < float(_number(m)))
    return sum(y * x for x, y in zip(e, p, strict=True)) + hinge


def _number(x):
    return x[0] if hasattr(x, "length") else x


def test_agrees_with_definition():
    by_length = {}
    for game in games_with_margins(504):
        by_length.setdefault((len(game[0]), game[3]), []).append(game)
    for games in by_length.values():
        margin = games[0][3]
        with precision(BITS):
            truths = []
            for energy, sampler, data, _ in games:
                e, q, p = (nested(x, BALLS) for x in (energy, sampler, data))
                value = by_definition(BALLS, energy, sampler, data, margin)
                slope = derivatives(
                    lambda e, q=q, p=p: (
                        sum(y * x for x, y in zip(e, p, strict=True))
                        + sum(
                            y * (BALLS.number(margin) - x)  # noqa: B023
                            for x, y in zip(e, q, strict=True)
                            if _number(x) < BALLS.number(margin)  # noqa: B023
                        )
                    ),
                    e,
                )
                follows = sum(y * x for x, y in zip(e, q, strict=True))
                truths.append((objects(value), objects(slope), objects(follows)))

        def numbers_of(energy, sampler, data, margin):
            return (
                ebgan.discriminator_loss(energy, sampler, data, margin),
                ebgan.discriminator_gradient(energy, sampler, data, margin),
                ebgan.generator_loss(energy, sampler),
            )

        assert_agrees(numbers_of, stacked(truths), *stacked([game[:3] for game in games]), margin)
        for one in games[::4]:
            assert assert_equals(
                ebgan.discriminator_loss,
                lambda given: objects(by_definition(EXACT, *given)),
                *one,
            )


def test_optimum_is_the_least_over_corners():
    """The loss is linear in each energy between 0 and the margin, and rises beyond: its minimum is at a corner."""
    for energy, sampler, data, margin in games_with_margins(240):
        value = ebgan.optimal_discriminator_loss(sampler, data, margin)
        corners = product((fmpq(0), margin), repeat=len(sampler))
        assert value == min(by_definition(EXACT, np.array(e, dtype=object), sampler, data, margin) for e in corners)
        assert value == margin * (1 - divergences.total_variation(sampler, data))
        best = ebgan.optimal_energy(sampler, data, margin)
        assert ebgan.discriminator_loss(best, sampler, data, margin) == value
        assert ebgan.discriminator_loss(energy, sampler, data, margin) >= value
        # The sampler that sees it descends the margin times the total variation.
        follows = margin * fd.gradient_to_q("total_variation", data, sampler) if (data + sampler).all() else None
        assert follows is None or (projected(best) == projected(follows)).all()


def test_at_the_data_any_constant_is_optimal():
    for _, _, data, margin in games_with_margins(60):
        for part in (0, fmpq(1, 3), 1):
            constant = np.full(len(data), margin * part, dtype=object)
            assert ebgan.discriminator_loss(constant, data, data, margin) == margin


def test_at_the_kink_the_slope_is_that_of_larger_energies():
    half = fmpq(1, 2)
    assert ebgan.discriminator_gradient([2, 1], [half, half], [half, half], fmpq(2)).tolist() == [half, 0]
    third = scalars.convert([fmpq(1, 3), fmpq(2, 3)], "ball")
    with pytest.raises(OutOfReach, match="is open"):
        ebgan.discriminator_gradient(third, third, third, third[0])


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: ebgan.discriminator_loss([-1.0, 0.0], [0.5, 0.5], [0.5, 0.5], 1.0), "energy[0] is -1.0, which is neg"),
        (lambda: ebgan.discriminator_loss([1.0, 0.0], [0.5, 0.6], [0.5, 0.5], 1.0), "sampler sums to 1.1"),
        (lambda: ebgan.discriminator_loss([1.0, 0.0], [0.5, 0.5], [0.5, 0.4], 1.0), "data sums to 0.9"),
        (lambda: ebgan.discriminator_loss([1.0, 0.0], [0.5, 0.5], [0.5, 0.5], 0.0), "margin is 0.0; expected a pos"),
        (lambda: ebgan.discriminator_loss([1.0, 0.0], [0.5, 0.5], [0.5, 0.5], [1.0]), "margin has shape (1,)"),
        (lambda: ebgan.optimal_discriminator_loss([0.5, 0.5], [0.5, 0.5], -2.0), "margin is -2.0"),
        (lambda: ebgan.optimal_energy([0.5, 0.5], [1.0], 2.0), "data has shape (1,)"),
        (lambda: ebgan.generator_loss([0.5, 0.5], [0.5, 0.6]), "sampler sums to 1.1"),
        (lambda: ebgan.generator_loss([0.5, np.nan], [0.5, 0.5]), "energy[1] is nan"),
    ],
)
def test_refusals(call, text):
    with pytest.raises(InvalidArgument) as raised:
        call()
    assert text in str(raised.value)
