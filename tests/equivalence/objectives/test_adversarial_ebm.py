"""The entropy-regularized game of an energy and a sampler, against definitions and against maximum likelihood."""

import numpy as np
import pytest
from flint import fmpq

from agreement import assert_agrees, assert_equals, objects, stacked
from enumeration import BALLS, BITS, EXACT, derivatives, nested
from equivalence.objectives import adversarial_ebm as ae, divergences, ebm
from instances import drawn_games, stacks
from mdps import InvalidArgument, scalars
from mdps.scalars.balls import precision


def by_definition(f, energy, sampler, data):
    """The value, and KL of the sampler to the model."""
    e, q, p = (nested(x, f) for x in (energy, sampler, data))
    weights = [f.exp(-x) for x in e]
    value = sum((y - d) * x for x, y, d in zip(e, q, p, strict=True))
    value = value + sum(y * f.log(y) for y in q if y > 0)
    gap = sum(y * f.log(y * sum(weights) / w) for y, w in zip(q, weights, strict=True) if y > 0)
    return objects(value), objects(gap), objects([y - d for y, d in zip(q, p, strict=True)])


@pytest.mark.parametrize("extreme, number", [(False, 504), (True, 120)], ids=["moderate", "extreme"])
def test_agrees_with_definitions(extreme, number):
    def numbers_of(energy, sampler, data):
        return ae.value(energy, sampler, data), ae.gap(energy, sampler), ae.gradient_to_energy(energy, sampler, data)

    for games in stacks(drawn_games(number, extreme=extreme), 12):
        arguments = [game[:3] for game in games]
        with precision(BITS):
            truths = [by_definition(BALLS, *one) for one in arguments]
        assert_agrees(numbers_of, stacked(truths), *stacked(arguments))
        for one in arguments[::4]:
            assert assert_equals(numbers_of, lambda given: by_definition(EXACT, *given), *one)


def test_slope_to_the_sampler():
    """By power series in q."""
    met = 0
    for games in stacks((g for g in drawn_games(440) if g.sampler.all()), 12):
        arguments = [(game.energy, game.sampler) for game in games]
        met += len(games)
        with precision(BITS):
            truths = []
            for energy, sampler in arguments:
                e = nested(energy, BALLS)
                slope = derivatives(
                    lambda q, e=e: sum(y * x + y * y.log() for x, y in zip(e, q, strict=True)), nested(sampler, BALLS)
                )
                truths.append(objects(slope))
        assert_agrees(ae.gradient_to_sampler, stacked(truths), *stacked(arguments))
    assert met >= 200


def test_duality():
    """V = LL + KL(q || p_theta), least at the model; greatest over energies at -log p, where it is -H(p). Exactly."""
    met = 0
    for energy, sampler, data, shift in drawn_games(440):
        likelihood = ebm.log_likelihood(energy, data)
        value = ae.value(energy, sampler, data)
        assert value - likelihood == ae.gap(energy, sampler) == divergences.kl(sampler, ebm.law(energy))
        model = ae.optimal_sampler(energy)
        assert ae.value(energy, model, data) == likelihood <= value
        assert ae.gap(energy, model) == 0
        assert (ae.gradient_to_energy(energy, model, data) == ebm.gradient(energy, data)).all()
        assert likelihood <= -divergences.shannon_entropy(data)
        if data.all():
            met += 1
            best = ae.optimal_energy(data)
            for optimal in (best, best + shift):
                assert ae.value(optimal, data, data) == -divergences.shannon_entropy(data)
                assert (ae.optimal_sampler(optimal) == data).all()
                assert not ae.gradient_to_energy(optimal, ae.optimal_sampler(optimal), data).any()
    assert met >= 200


def test_bias_of_unweighted_samples_vanishes_with_the_moments():
    """A sampler that is not the model, with the same mean of a feature: the gradient along that feature is the same."""
    energy = np.array([0, 0, 0], dtype=object)
    law, other = [fmpq(1, 3)] * 3, [fmpq(1, 2), fmpq(0), fmpq(1, 2)]
    data, feature = [fmpq(1, 6), fmpq(2, 6), fmpq(3, 6)], np.array([1, 2, 3])
    ours, theirs = (feature @ ae.gradient_to_energy(energy, q, data) for q in (law, other))
    assert ours == theirs == feature @ ebm.gradient(energy, data)
    assert (ae.gradient_to_energy(energy, other, data) != ebm.gradient(energy, data)).any()


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: ae.value([0.0, np.nan], [0.5, 0.5], [0.5, 0.5]), "energy[1] is nan"),
        (lambda: ae.value([0.0, 0.0], [0.5, 0.6], [0.5, 0.5]), "sampler sums to 1.1"),
        (lambda: ae.gap([0.0, 0.0], [1.0]), "sampler has shape (1,)"),
        (lambda: ae.gradient_to_sampler([0.0, 0.0], [1.0, 0.0]), "sampler[1] is 0, where the slope of the entropy"),
        (lambda: ae.optimal_energy([1.0, 0.0]), "data[1] is 0: the supremum"),
        (lambda: ae.optimal_energy([0.5, 0.6]), "data sums to 1.1"),
    ],
)
def test_refusals(call, text):
    with pytest.raises(InvalidArgument) as raised:
        call()
    assert text in str(raised.value)


def test_leading_axes_broadcast():
    energy, law = np.zeros((3, 1, 2)), np.array([[0.5, 0.5], [0.25, 0.75]])
    assert ae.value(energy, law, law[0]).shape == (3, 2)
    assert ae.gradient_to_energy(energy, law, law[0]).shape == (3, 2, 2)
    assert ae.value(scalars.convert(energy, "float"), law, law[0])[0, 0] == ae.value([0.0, 0.0], law[0], law[0])
