"""Guided cost learning on finite spaces, against its definition; the weights are frozen."""

import numpy as np
import pytest

from agreement import assert_agrees, assert_equals, objects, overlap, stacked
from enumeration import BALLS, BITS, EXACT, derivatives, gcl_loss, importance_weights, nested
from equivalence.objectives import gcl
from instances import drawn_games, stacks
from mdps.scalars import duals
from mdps.scalars.balls import precision


def numbers_of(energy, sampler, data, log_normalizer):
    return (
        gcl.loss(energy, sampler, data, log_normalizer),
        gcl.importance_weights(energy, sampler, log_normalizer),
        gcl.log_mixture(energy, sampler, log_normalizer),
        gcl.gradient(energy, sampler, data, log_normalizer),
    )


def by_enumeration(f, energy, sampler, data, log_normalizer):
    e, q, p, z = nested(energy, f), nested(sampler, f), nested(data, f), f.number(log_normalizer)
    mixture = [f.log(f.exp(-x - z) + y) for x, y in zip(e, q, strict=True)]
    model_shares = [f.exp(-x) * (y + d) / f.exp(m) for x, y, d, m in zip(e, q, p, mixture, strict=True)]
    slopes = [d - share / sum(model_shares) for d, share in zip(p, model_shares, strict=True)]
    return (
        objects(gcl_loss(f, e, q, p, z)),
        objects(importance_weights(f, e, q, z)),
        objects(mixture),
        objects(slopes),
    )


def slope_with_frozen_weights(energy, sampler, data, log_normalizer):
    """dL_GCL/dE by power series, mu~ made of the energies as they are."""
    e, q, p = (nested(x, BALLS) for x in (energy, sampler, data))
    z = BALLS.number(log_normalizer)
    return derivatives(lambda moved: gcl_loss(BALLS, moved, q, p, z, e), e)


@pytest.mark.parametrize("extreme, number", [(False, 1_008), (True, 240)], ids=["moderate", "extreme"])
def test_agrees_with_definitions(extreme, number):
    """`extreme`: energies of +-700 nats and beyond stay finite and right."""
    for games in stacks(drawn_games(number, extreme=extreme)):
        with precision(BITS):
            truths = [by_enumeration(BALLS, *game) for game in games]
            for game, truth in zip(games, truths, strict=True):
                assert overlap(truth[-1], objects(slope_with_frozen_weights(*game)))
        assert_agrees(numbers_of, stacked(truths), *stacked([tuple(game) for game in games]))
        for game in games[::3]:
            assert assert_equals(numbers_of, lambda given: by_enumeration(EXACT, *given), *game)


def test_gradient_equals_derivative_with_frozen_weights_exactly():
    for energy, sampler, data, log_normalizer in drawn_games(200):
        frozen = gcl.log_mixture(energy, sampler, log_normalizer)
        gradient = duals.gradient(
            lambda e, q=sampler, p=data, z=log_normalizer, frozen=frozen: gcl.loss(e, q, p, z, log_mixture=frozen),
            energy,
        )
        assert (gcl.gradient(energy, sampler, data, log_normalizer) == gradient).all()


def test_leading_axes_broadcast():
    games = [g for g in drawn_games(60) if len(g.energy) == 4]
    energy, sampler, data = (objects([list(g[i]) for g in games]) for i in range(3))
    log_normalizer = objects([g.log_normalizer for g in games])
    stack = numbers_of(energy, sampler, data, log_normalizer)
    for i, game in enumerate(games):
        for whole, one in zip(stack, numbers_of(*game), strict=True):
            assert np.all(whole[i] == one)
