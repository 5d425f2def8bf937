"""Energy-based models on finite spaces against their definitions."""

import pytest

from agreement import assert_agrees, assert_equals, objects, overlap, stacked
from enumeration import BALLS, BITS, EXACT, derivatives, ebm_log_likelihood, ebm_log_partition, nested
from equivalence.objectives import ebm
from instances import drawn_games, stacks
from mdps.scalars import duals
from mdps.scalars.balls import precision


def numbers_of(energy, data):
    return (
        ebm.log_partition(energy),
        ebm.law(energy),
        ebm.log_likelihood(energy, data),
        ebm.gradient(energy, data),
    )


def by_enumeration(f, energy, data):
    energy, data = nested(energy, f), nested(data, f)
    weights = [f.exp(-e) for e in energy]
    law = [w / sum(weights) for w in weights]
    return (
        objects(ebm_log_partition(f, energy)),
        objects(law),
        objects(ebm_log_likelihood(f, energy, data)),
        objects([model - p for model, p in zip(law, data, strict=True)]),
    )


@pytest.mark.parametrize("extreme, number", [(False, 1_008), (True, 240)], ids=["moderate", "extreme"])
def test_agrees_with_definitions(extreme, number):
    """`extreme`: energies of +-700 nats and beyond, whose exponentials no float can hold."""
    for games in stacks(drawn_games(number, extreme=extreme)):
        arguments = [(game.energy, game.data) for game in games]
        with precision(BITS):
            truths = [by_enumeration(BALLS, *one) for one in arguments]
            for (energy, data), truth in zip(arguments, truths, strict=True):
                p = nested(data, BALLS)
                slope = derivatives(lambda e, p=p: ebm_log_likelihood(BALLS, e, p), nested(energy, BALLS))
                assert overlap(truth[-1], objects(slope))
        assert_agrees(numbers_of, stacked(truths), *stacked(arguments))
        for one in arguments[::3]:
            assert assert_equals(numbers_of, lambda given: by_enumeration(EXACT, *given), *one)


def test_gradient_equals_derivative_exactly():
    for energy, _, data, _ in drawn_games(200):
        gradient = duals.gradient(lambda e, data=data: ebm.log_likelihood(e, data), energy)
        assert (ebm.gradient(energy, data) == gradient).all()


def test_leading_axes_broadcast():
    games = [g for g in drawn_games(60) if len(g.energy) == 4]
    energy, data = (objects([list(g[i]) for g in games]) for i in (0, 2))
    values, gradients = ebm.log_likelihood(energy[:, None], data), ebm.gradient(energy[:, None], data)
    for i in range(len(games)):
        for j in range(len(games)):
            assert values[i, j] == ebm.log_likelihood(energy[i], data[j])
            assert (gradients[i, j] == ebm.gradient(energy[i], data[j])).all()
