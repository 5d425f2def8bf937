"""Importance sampling estimates: their moments against sums over every sequence of N samples."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from agreement import assert_agrees, assert_equals, objects
from enumeration import BALLS, BITS, EXACT, nested
from equivalence.objectives import ebm, estimators, proposals
from equivalence.objectives.divergences import chi_square
from instances import drawn_games
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars.balls import precision
from refusals import NOT_NUMBERS, assert_refuses

KINDS = ("sampler", "true mixture", "mixture")


def problems(number, largest=4, **options):
    """Games of at most four outcomes, a kind of proposal, values, and a number of samples."""
    for i, game in enumerate(drawn_games(number, **options)):
        if len(game.energy) <= largest:
            rng = np.random.default_rng(i)
            values = scalars.convert(rng.integers(-3, 4, size=len(game.energy)), "exact")
            yield game, KINDS[i % 3], values, 1 + i // 6 % 3


def proposal_of(kind, energy, sampler, data, log_normalizer):
    if kind == "sampler":
        return proposals.sampler_proposal(energy, sampler)
    if kind == "true mixture":
        return proposals.true_mixture_proposal(energy, sampler, data)
    return proposals.mixture_proposal(energy, sampler, data, log_normalizer)


def numbers_of(kind, size):
    def function(energy, sampler, data, log_normalizer, values):
        proposal = proposal_of(kind, energy, sampler, data, log_normalizer)
        return (
            *estimators.relative_partition(energy, proposal, n_samples=size),
            *estimators.self_normalized(energy, proposal, values, n_samples=size),
            *estimators.gradient(energy, data, proposal, n_samples=size),
        )

    return function


def logs_of(kind, size):
    def function(energy, sampler, data, log_normalizer):
        proposal = proposal_of(kind, energy, sampler, data, log_normalizer)
        return tuple(estimators.log_partition(energy, proposal, n_samples=size))

    return function


def sequences(f, kind, size, energy, sampler, data, log_normalizer):
    """Every sequence of outcomes, its probability, and its weights; and the weights of the model."""
    e, q, p, z = nested(energy, f), nested(sampler, f), nested(data, f), f.number(log_normalizer)
    mixture = [(x + y) / 2 for x, y in zip(q, p, strict=True)]
    law = q if kind == "sampler" else mixture
    density = [(f.exp(-x - z) + y) / 2 for x, y in zip(e, q, strict=True)] if kind == "mixture" else law
    drawn = [x for x, m in enumerate(law) if m > 0]
    samples = [
        (sample, math.prod(law[x] for x in sample), [f.exp(-e[x]) / density[x] for x in sample])
        for sample in itertools.product(drawn, repeat=size)
    ]
    return samples, [f.exp(-x) for x in e]


def moments(pairs, truth):
    mean = sum(p * x for p, x in pairs)
    return objects(mean), objects(mean - truth), objects(sum(p * (x - mean) * (x - mean) for p, x in pairs))


def by_enumeration(f, kind, size, energy, sampler, data, log_normalizer, values):
    samples, model = sequences(f, kind, size, energy, sampler, data, log_normalizer)
    total, v, p = sum(model), nested(values, f), nested(data, f)
    relative = [(probability, sum(w) / size / total) for _, probability, w in samples]
    found = [*moments(relative, 1)]
    truth = sum(w * x for w, x in zip(model, v, strict=True)) / total
    estimates = [
        (probability, sum(y * v[x] for x, y in zip(sample, w, strict=True)) / sum(w))
        for sample, probability, w in samples
    ]
    found += moments(estimates, truth)
    columns = []
    for outcome in range(len(model)):
        shares = [
            (probability, p[outcome] - sum(y for x, y in zip(sample, w, strict=True) if x == outcome) / sum(w))
            for sample, probability, w in samples
        ]
        columns.append(moments(shares, p[outcome] - model[outcome] / total))
    return (*found, *(objects([column[i][()] for column in columns]) for i in range(3)))


def logs_by_enumeration(f, kind, size, *game):
    samples, model = sequences(f, kind, size, *game)
    logs = [(probability, f.log(sum(w) / size)) for _, probability, w in samples]
    return moments(logs, f.log(sum(model)))


def test_moments_agree_with_sums_over_sequences():
    count = 0
    for game, kind, values, size in problems(330):
        with precision(BITS):
            truth = by_enumeration(BALLS, kind, size, *game, values)
            of_logs = logs_by_enumeration(BALLS, kind, size, *game)
        assert_agrees(numbers_of(kind, size), truth, *game, values)
        assert_agrees(logs_of(kind, size), of_logs, *game)
        count += 1
    assert count >= 200


def test_moments_are_exact():
    """Rational moments as rationals; those of log Z^ as sums of logs, their variance as out of reach."""
    for game, kind, values, size in problems(330):
        assert assert_equals(
            numbers_of(kind, size),
            lambda given, k=kind, n=size: by_enumeration(EXACT, k, n, *given),
            *game,
            values,
        )


def test_extreme_energies():
    """Energies that differ by thousands of nats are right; a sampler that hardly goes where the model is, refused."""
    for game, kind, values, size in problems(96, extreme=True):
        with precision(9_000):
            truth = by_enumeration(BALLS, kind, size, *game, values)
            of_logs = logs_by_enumeration(BALLS, kind, size, *game)
        assert_agrees(logs_of(kind, size), of_logs, *game, bits=9_000)
        assert_agrees(numbers_of(kind, size), truth, *game, values, bits=9_000)
    rare = proposals.sampler_proposal(np.zeros(2), [1e-310, 1.0])
    assert_refuses(lambda: estimators.relative_partition(np.zeros(2), rare, n_samples=2), OutOfReach, "range of floats")


def test_closed_forms():
    """E[Z^] = Z and Var[Z^] = Z^2 chi2 / N where q > 0 everywhere; none at q = p_theta; E[log Z^] <= log Z."""
    for energy, sampler, *_ in drawn_games(200):
        model = ebm.law(energy)
        for size in (1, 3, 1_000_000):
            own = estimators.relative_partition(energy, proposals.sampler_proposal(energy, model), n_samples=size)
            assert own == (1, 0, 0)
            if (sampler != 0).all():
                found = estimators.relative_partition(
                    energy, proposals.sampler_proposal(energy, sampler), n_samples=size
                )
                assert found == (1, 0, chi_square(model, sampler) / size)
                assert (found.variance == 0) == (model == sampler).all()
        with precision(BITS):
            e, q = (scalars.convert(x, "ball") for x in (energy, sampler))
            if len(energy) <= 4:
                found = estimators.log_partition(e, proposals.sampler_proposal(e, q), n_samples=3)
                assert not found.bias > 0


def test_first_order_laws():
    """N bias and N variance of self-normalized estimates, and N bias of log Z^, approach their limits like 1 / N.

    The second-order term is the same for N and 2 N: limit - N b_N halves, up to a third-order term, as N doubles.
    """
    energy = -scalars.log(np.array([Fraction(1), Fraction(3), Fraction(2)], dtype=object))
    sampler = scalars.convert(np.array([Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)], dtype=object), "exact")
    values = scalars.convert(np.array([2, -1, 1]), "exact")
    with precision(BITS):
        e, q, v = (scalars.convert(x, "ball") for x in (energy, sampler, values))
        proposal = proposals.sampler_proposal(e, q)
        limits = (
            proposals.self_normalized_bias(e, q, v),
            proposals.self_normalized_variance(e, q, v),
            -chi_square(ebm.law(e), q) / 2,
        )
        gaps = []
        for size in (16, 32, 64):
            shares = estimators.self_normalized(e, proposal, v, n_samples=size)
            log_z = estimators.log_partition(e, proposal, n_samples=size)
            scaled = (size * shares.bias, size * shares.variance, size * log_z.bias)
            gaps.append([limit - x for limit, x in zip(limits, scaled, strict=True)])
        for before, middle, after in zip(*gaps, strict=True):
            assert abs(middle / before - 0.5) < 0.05
            assert abs(after / middle - 0.5) < abs(middle / before - 0.5)


def test_counts():
    """Every vector once; multinomial probabilities sum to 1, exactly."""
    for n, size in itertools.product(range(1, 6), range(1, 6)):
        counts = estimators.sample_counts(n, size)
        assert len(counts) == math.comb(size + n - 1, n - 1) == len({tuple(c) for c in counts.tolist()})
        assert (counts.sum(axis=1) == size).all()
        assert (counts >= 0).all()
        law = scalars.convert(np.full(n, Fraction(1, n), dtype=object), "exact")
        samples, _ = estimators._samples(law, 0 * law, size)
        assert samples.probability.sum() == 1
        assert len({p * n**size for p in samples.probability}) <= len(counts)


def test_many_samples():
    """Six hundred samples of two outcomes in floats: the closed form of Var[Z^] from the same probabilities."""
    energy, half = np.array([0.0, -1.0]), np.array([0.5, 0.5])
    proposal = proposals.sampler_proposal(energy, half)
    samples, _ = estimators._samples(proposal.law, proposal.log_weight, 600)
    # Coefficients are rounded once, powers and their product 600 times, and 601 terms are added.
    assert abs(samples.probability.sum() - 1) <= 2.0**-53 * 1_205
    found = estimators.log_partition(energy, proposal, n_samples=600)
    model = ebm.law(energy)
    assert 0 > found.bias > -chi_square(model, half) / 600
    assert_refuses(lambda: estimators.log_partition(energy, proposal, n_samples=2_000), OutOfReach, "take balls")
    many = proposals.sampler_proposal(np.zeros(20), np.full(20, 0.05))
    assert_refuses(
        lambda: estimators.log_partition(np.zeros(20), many, n_samples=12), OutOfReach, "141,120,525 vectors of counts"
    )


HALVES = np.array([0.5, 0.5])


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "many"])
def test_numbers_of_samples(size):
    proposal = proposals.sampler_proposal(HALVES, HALVES)
    for call in (
        lambda: estimators.relative_partition(HALVES, proposal, n_samples=size),
        lambda: estimators.log_partition(HALVES, proposal, n_samples=size),
        lambda: estimators.self_normalized(HALVES, proposal, HALVES, n_samples=size),
        lambda: estimators.gradient(HALVES, HALVES, proposal, n_samples=size),
    ):
        assert_refuses(call, InvalidArgument, "expected a whole number of samples")


@pytest.mark.parametrize("case", NOT_NUMBERS)
def test_what_is_no_number(case):
    value, text = NOT_NUMBERS[case]
    proposal = proposals.sampler_proposal(HALVES, HALVES)
    assert_refuses(lambda: estimators.self_normalized(HALVES, proposal, value, n_samples=1), InvalidArgument, text)
    assert_refuses(lambda: estimators.gradient(HALVES, value, proposal, n_samples=1), InvalidArgument, text)
    assert_refuses(lambda: estimators.log_partition(value, proposal, n_samples=1), InvalidArgument, text)


def test_one_problem_at_a_time():
    proposal = proposals.sampler_proposal(np.zeros((3, 2)), HALVES)
    assert estimators.relative_partition(np.zeros((3, 2)), proposal, n_samples=2).mean.tolist() == [1.0] * 3
    assert_refuses(
        lambda: estimators.log_partition(np.zeros((3, 2)), proposal, n_samples=2), InvalidArgument, "one problem"
    )
