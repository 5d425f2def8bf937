"""Importance sampling proposals: weights, limits, and proposals without variance, against their definitions."""

from fractions import Fraction

import numpy as np
import pytest

from agreement import assert_agrees, assert_equals, objects, stacked
from enumeration import BALLS, BITS, EXACT, nested
from equivalence.objectives import ebm, gan, gcl, proposals
from instances import drawn_games, stacks
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars import duals
from mdps.scalars.balls import precision
from refusals import NOT_NUMBERS, assert_refuses


def proposals_of(energy, sampler, data, log_normalizer):
    return (
        proposals.sampler_proposal(energy, sampler),
        proposals.true_mixture_proposal(energy, sampler, data),
        proposals.mixture_proposal(energy, sampler, data, log_normalizer),
    )


def numbers_of(energy, sampler, data, log_normalizer):
    found = []
    for proposal in proposals_of(energy, sampler, data, log_normalizer):
        found += [
            *proposal,
            proposals.log_partition(energy, proposal),
            proposals.gradient(energy, data, proposal),
        ]
    return tuple(found)


def by_enumeration(f, energy, sampler, data, log_normalizer):
    e, q, p = nested(energy, f), nested(sampler, f), nested(data, f)
    z = f.number(log_normalizer)
    mixture = [(x + y) / 2 for x, y in zip(q, p, strict=True)]
    pairs = [
        (q, q),
        (mixture, mixture),
        (mixture, [(f.exp(-x - z) + y) / 2 for x, y in zip(e, q, strict=True)]),
    ]
    found = []
    for law, density in pairs:
        weights = [f.exp(-x) / d if m > 0 else None for x, m, d in zip(e, law, density, strict=True)]
        mean = sum(m * w for m, w in zip(law, weights, strict=True) if w is not None)
        logs = [f.number(Fraction(0)) if w is None else f.log(w) for w in weights]
        shares = [m * w / mean if w is not None else m for m, w in zip(law, weights, strict=True)]
        found += [
            objects(law),
            objects(logs),
            objects(f.log(mean)),
            objects([d - share for d, share in zip(p, shares, strict=True)]),
        ]
    return tuple(found)


@pytest.mark.parametrize("extreme, number", [(False, 360), (True, 96)], ids=["moderate", "extreme"])
def test_agrees_with_definitions(extreme, number):
    for games in stacks(drawn_games(number, extreme=extreme)):
        with precision(BITS):
            truths = [by_enumeration(BALLS, *game) for game in games]
        assert_agrees(numbers_of, stacked(truths), *stacked([tuple(game) for game in games]))
        for game in games[::3]:
            assert assert_equals(numbers_of, lambda given: by_enumeration(EXACT, *given), *game)


def test_the_gradient_is_that_of_the_loss_with_frozen_denominators():
    """E_p[E] + log E_m[e^-E / d] with d = e^-E / w as it is, by dual numbers."""
    for energy, sampler, data, log_normalizer in drawn_games(120):
        for proposal in proposals_of(energy, sampler, data, log_normalizer):
            log_density = -energy - proposal.log_weight

            def loss(e, p=data, proposal=proposal, density=log_density):
                moved = proposals.Proposal(proposal.law, -e - density)
                return (p * e).sum() + proposals.log_partition(0 * e, moved)

            assert (proposals.gradient(energy, data, proposal) == duals.gradient(loss, energy)).all()


def test_what_each_proposal_converges_to():
    """Sampler and true mixture are unbiased where they go; the model's mixture has F-14's ratio and weights 2 D."""
    for energy, sampler, data, log_normalizer in drawn_games(240):
        of_sampler, true, model = proposals_of(energy, sampler, data, log_normalizer)
        partition = EXACT.exp(ebm.log_partition(energy))
        exact_gradient = -ebm.gradient(energy, data)
        if (data + sampler != 0).all():
            assert EXACT.exp(proposals.log_partition(energy, true)) == partition
            assert (proposals.gradient(energy, data, true) == exact_gradient).all()
        if (sampler != 0).all():
            assert EXACT.exp(proposals.log_partition(energy, of_sampler)) == partition
            assert (proposals.gradient(energy, data, of_sampler) == exact_gradient).all()
        surrogate = np.array([EXACT.exp(-e - log_normalizer) for e in energy], dtype=object)
        ratio = (ebm.law(energy) * (data + sampler) / (surrogate + sampler)).sum()
        assert EXACT.exp(proposals.log_partition(energy, model)) == partition * ratio
        assert (proposals.gradient(energy, data, model) == gcl.gradient(energy, sampler, data, log_normalizer)).all()
        twice = 2 * gan.discriminator(energy, sampler, log_normalizer)
        drawn = data + sampler != 0
        weights = np.array([EXACT.exp(w - log_normalizer) for w in model.log_weight[drawn]], dtype=object)
        assert (weights == twice[drawn]).all()
        if (data != 0).all():  # a model that has become the data's density
            own = proposals.mixture_proposal(-scalars.log(data), sampler, data, 0)
            assert proposals.log_partition(-scalars.log(data), own) == 0


# Proposals without variance ------------------------------------------------------------------------------------------


def with_values(number):
    for i, (energy, sampler, _, _) in enumerate(drawn_games(number)):
        rng = np.random.default_rng(i)
        yield energy, sampler, scalars.convert(rng.integers(-3, 4, size=len(energy)), "exact")


def variance_numbers(energy, sampler, values):
    return (
        proposals.least_self_normalized_variance(energy, values),
        proposals.self_normalized_variance(energy, sampler, values),
        proposals.self_normalized_bias(energy, sampler, values),
    )


def variances_by_enumeration(f, energy, sampler, values):
    e, q, v = nested(energy, f), nested(sampler, f), nested(values, f)
    weights = [f.exp(-x) for x in e]
    law = [w / sum(weights) for w in weights]
    mean = sum(p * x for p, x in zip(law, v, strict=True))
    spread = sum(p * abs(x - mean) for p, x in zip(law, v, strict=True))
    sums = [
        sum(
            y * (p / y) * (p / y) * (x - mean) * ((x - mean) if k == 2 else 1)
            for p, y, x in zip(law, q, v, strict=True)
        )
        for k in (2, 1)
    ]
    return objects(spread * spread), objects(sums[0]), objects(-sums[1])


def test_variances_agree_with_definitions():
    count = 0
    for energy, sampler, values in with_values(420):
        if (sampler == 0).any():
            continue
        count += 1
        with precision(BITS):
            truth = variances_by_enumeration(BALLS, energy, sampler, values)
        assert_agrees(variance_numbers, truth, energy, sampler, values)
        assert assert_equals(variance_numbers, lambda a: variances_by_enumeration(EXACT, *a), energy, sampler, values)
    assert count >= 200


def test_the_best_sampler_attains_the_least_variance_and_no_other_has_less():
    count = 0
    for energy, sampler, values in with_values(420):
        if (values == values[0]).all():
            assert_refuses(
                lambda e=energy, v=values: proposals.least_self_normalized_variance_law(e, v),
                InvalidArgument,
                "values are constant",
            )
            assert proposals.least_self_normalized_variance(energy, values) == 0
            continue
        count += 1
        best = proposals.least_self_normalized_variance_law(energy, values)
        least = proposals.least_self_normalized_variance(energy, values)
        assert best.sum() == 1
        assert proposals.self_normalized_variance(energy, best, values) == least
        model = ebm.law(energy)
        mean = (model * values).sum()
        own = proposals.self_normalized_variance(energy, model, values)
        assert own == (model * (values - mean) ** 2).sum()  # F-16: not least at q = p_theta ...
        assert own >= least
        assert (own == least) == (len({abs(v - mean) for v in values}) == 1)  # ... but where |f - E f| is constant
        if (sampler != 0).all():
            assert proposals.self_normalized_variance(energy, sampler, values) >= least
        missing = (sampler == 0) & (values != mean)
        if missing.any():
            assert_refuses(
                lambda a=(energy, sampler, values): proposals.self_normalized_variance(*a),
                InvalidArgument,
                "the estimate is not consistent",
            )
    assert count >= 200


def test_zero_variance_law():
    """f e^-E / q is the same at every outcome that is drawn."""
    for energy, _, values in with_values(240):
        assert (proposals.zero_variance_law(energy) == ebm.law(energy)).all()
        positive = values * values
        if (positive == 0).all():
            continue
        law = proposals.zero_variance_law(energy, values=positive)
        assert ((law == 0) == (positive == 0)).all()
        weights = {f * EXACT.exp(-e) / q for f, e, q in zip(positive, energy, law, strict=True) if q != 0}
        assert weights == {sum(f * EXACT.exp(-e) for f, e in zip(positive, energy, strict=True))}
    assert_refuses(lambda: proposals.zero_variance_law([0.0, 0.0], values=[0.0, -1.0]), InvalidArgument, "negative")
    assert_refuses(lambda: proposals.zero_variance_law([0.0, 0.0], values=[0.0, 0.0]), InvalidArgument, "0 everywhere")


def test_far_energies():
    """A model on one outcome, a sampler that hardly goes there: variances of 1e300 are right, larger ones refused."""
    energy, values = np.array([0.0, 2000.0]), np.array([1.0, 0.0])
    rare = np.array([1e-300, 1.0])
    assert proposals.self_normalized_variance(energy, rare, values) == 0.0
    even = np.array([0.0, 0.0])
    found = proposals.self_normalized_variance(even, rare, values)
    assert abs(found - 0.0625e300) <= 8 * np.spacing(0.0625e300)
    rarer = np.array([1e-310, 1.0])
    assert_refuses(lambda: proposals.self_normalized_variance(even, rarer, values), OutOfReach, "range of floats")


HALVES = np.array([0.5, 0.5])


@pytest.mark.parametrize("case", NOT_NUMBERS)
def test_what_is_no_number(case):
    value, text = NOT_NUMBERS[case]
    good = proposals.sampler_proposal(HALVES, HALVES)
    for call in (
        lambda: proposals.sampler_proposal(HALVES, value),
        lambda: proposals.true_mixture_proposal(HALVES, HALVES, value),
        lambda: proposals.mixture_proposal(HALVES, HALVES, HALVES, value),
        lambda: proposals.gradient(HALVES, value, good),
        lambda: proposals.log_partition(HALVES, good._replace(log_weight=value)),
        lambda: proposals.self_normalized_variance(HALVES, HALVES, value),
        lambda: proposals.least_self_normalized_variance(HALVES, value),
    ):
        assert_refuses(call, InvalidArgument, text)


def test_bad_shapes():
    good = proposals.sampler_proposal(HALVES, HALVES)
    assert_refuses(
        lambda: proposals.log_partition(HALVES, good._replace(log_weight=np.zeros(3))), InvalidArgument, "log_weight"
    )
    assert_refuses(lambda: proposals.least_self_normalized_variance(HALVES, [1.0]), InvalidArgument, "values has shape")
