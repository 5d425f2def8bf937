"""Energy-based models on finite spaces against their definitions."""

import numpy as np
import pytest

from agreement import assert_agrees, assert_equals, objects, overlap, stacked
from enumeration import BALLS, BITS, EXACT, derivatives, ebm_log_likelihood, ebm_log_partition, nested
from equivalence.objectives import ebm
from equivalence.objectives.divergences import kl
from instances import drawn_games, stacks
from mdps import InvalidArgument, scalars
from mdps.random_models import random_reward
from mdps.scalars import duals
from mdps.scalars.balls import precision
from refusals import NOT_NUMBERS, assert_refuses


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


# With a base measure, which leaves outcomes out ------------------------------------------------------------------


def with_bases(number, extreme=False):
    """Stacks of (energy, data, base): data of a game, moved to where its sampler is, which is half the base."""
    for games in stacks(drawn_games(number, extreme=extreme)):
        arguments = []
        for game in games:
            data = game.data * (game.sampler != 0)
            data = data / data.sum() if data.sum() != 0 else game.sampler
            arguments.append((game.energy, data, game.sampler * 2))
        yield arguments


def numbers_with_base(energy, data, base):
    return (
        ebm.log_partition(energy, base=base),
        ebm.law(energy, base=base),
        ebm.log_likelihood(energy, data, base=base),
        ebm.gradient(energy, data, base=base),
        ebm.hessian(energy, base=base),
    )


def by_enumeration_with_base(f, energy, data, base):
    energy, data, base = nested(energy, f), nested(data, f), nested(base, f)
    there = [i for i, b in enumerate(base) if b > 0]
    weights = [base[i] * f.exp(-energy[i]) if i in there else base[i] for i in range(len(base))]
    total = sum(weights)
    law = [w / total for w in weights]
    hessian = [[x * y - (x if i == j else 0) for j, y in enumerate(law)] for i, x in enumerate(law)]
    return (
        objects(f.log(total)),
        objects(law),
        objects(sum(-data[i] * energy[i] for i in there) - f.log(total)),
        objects([model - p for model, p in zip(law, data, strict=True)]),
        objects(hessian),
    )


@pytest.mark.parametrize("extreme, number", [(False, 504), (True, 120)], ids=["moderate", "extreme"])
def test_base_measure_agrees_with_definitions(extreme, number):
    for arguments in with_bases(number, extreme):
        with precision(BITS):
            truths = [by_enumeration_with_base(BALLS, *one) for one in arguments]
        assert_agrees(numbers_with_base, stacked(truths), *stacked(arguments))
        for one in arguments[::3]:
            assert assert_equals(numbers_with_base, lambda given: by_enumeration_with_base(EXACT, *given), *one)


def test_a_base_measure_is_a_part_of_the_energy():
    """Where it is positive: b e^-E = e^-(E - log b), densities relative to b."""
    for energy, base, data, _ in drawn_games(200):
        if (base == 0).any():
            continue
        joint = energy - scalars.log(base)
        assert (ebm.law(energy, base=base) == ebm.law(joint)).all()
        assert (ebm.hessian(energy, base=base) == ebm.hessian(joint)).all()
        relative = ebm.log_likelihood(joint, data) - (data * scalars.log(base)).sum()
        assert ebm.log_likelihood(energy, data, base=base) == relative


def test_gradient_and_hessian_equal_derivatives_with_base_exactly():
    for arguments in with_bases(240):
        for energy, data, base in arguments:
            gradient = duals.gradient(lambda e, p=data, b=base: ebm.log_likelihood(e, p, base=b), energy)
            assert (ebm.gradient(energy, data, base=base) == gradient).all()
            jacobian = duals.jacobian(lambda e, p=data, b=base: ebm.gradient(e, p, base=b), energy)
            assert (ebm.hessian(energy, base=base) == jacobian).all()


def test_hessian_in_features_is_minus_the_covariance():
    for i, (energy, base, _, _) in enumerate(drawn_games(200)):
        rng = np.random.default_rng(i)
        features = scalars.convert(rng.integers(-2, 3, size=(len(energy), 1 + i % 3)), "exact")
        law = ebm.law(energy, base=base)
        mean = (law[:, None] * features).sum(axis=0)
        second = (law[:, None, None] * features[:, :, None] * features[:, None, :]).sum(axis=0)
        assert (ebm.hessian(energy, features=features, base=base) == mean[:, None] * mean - second).all()


def test_the_optimal_table_reproduces_the_data_and_is_best():
    attained = 0
    for i, (energy, base, data, _) in enumerate(drawn_games(400)):
        if ((base == 0) & (data != 0)).any():
            with pytest.raises(InvalidArgument, match="no energy gives it a likelihood"):
                ebm.optimal_energy(data, base=base)
        elif ((base != 0) & (data == 0)).any():
            with pytest.raises(InvalidArgument, match="no table attains its supremum"):
                ebm.optimal_energy(data, base=base)
        else:
            best = ebm.optimal_energy(data, base=base)
            assert (ebm.law(best, base=base) == data).all()
            assert ebm.log_partition(best, base=base) == 0
            assert (ebm.gradient(best, data, base=base) == 0).all()
            assert ebm.log_likelihood(best, data, base=base) == kl(data, base)
            moved = energy + random_reward(np.random.default_rng(i), energy.shape)
            assert not ebm.log_likelihood(moved, data, base=base) > kl(data, base)
            attained += 1
    assert attained >= 200
    for _, _, data, _ in drawn_games(60):
        if (data != 0).all():
            assert (ebm.optimal_energy(data) == -scalars.log(data)).all()


@pytest.mark.parametrize("case", NOT_NUMBERS)
def test_base_that_is_no_number(case):
    value, text = NOT_NUMBERS[case]
    if value is None:
        return  # no base measure
    energy, data = np.zeros(2), np.array([0.5, 0.5])
    for call in (
        lambda: ebm.law(energy, base=value),
        lambda: ebm.log_likelihood(energy, data, base=value),
        lambda: ebm.hessian(energy, base=value),
        lambda: ebm.optimal_energy(data, base=value),
    ):
        assert_refuses(call, InvalidArgument, "base", text)
    assert_refuses(lambda: ebm.optimal_energy(value), InvalidArgument, "data", text)
    assert_refuses(lambda: ebm.hessian(energy, features=value), InvalidArgument, "features", text)


@pytest.mark.parametrize(
    "base, text",
    [
        ([0.0, 0.0], "base is 0 everywhere"),
        ([1.0, -1.0], "base[1] is -1.0, which is negative"),
        ([1.0], "base has shape (1,); expected [..., n] with the n of energy, (2,)"),
        ([1.0, np.inf], "base[1] is inf; expected finite numbers"),
        ([1.0, 0.0], "base is 0 at outcome [1], where data is not"),
    ],
)
def test_bad_base_measures(base, text):
    assert_refuses(lambda: ebm.gradient([0.0, 1.0], [0.5, 0.5], base=base), InvalidArgument, text)


def test_bad_features():
    for features in (np.zeros(2), np.zeros((3, 1)), np.zeros((2, 0))):
        assert_refuses(lambda f=features: ebm.hessian(np.zeros(2), features=f), InvalidArgument, "expected [n, k]")
