"""Bridge sampling: asymptotic variances against their definition, and Bennett's bridge as the best of all."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from agreement import assert_agrees, assert_equals, objects, stacked
from enumeration import BALLS, BITS, EXACT, nested
from equivalence.objectives import bridge, ebm, gan
from equivalence.objectives.divergences import chi_square
from instances import drawn_games, stacks
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars.balls import precision
from refusals import NOT_NUMBERS, assert_refuses

RATIOS = (1, Fraction(1, 3), 7)


def exact(x):
    return scalars.convert(np.array(x, dtype=object), "exact")[()]


def root(f, x):
    return f.exp(f.log(x) / 2)


def bridge_of(f, name, model, sampler, nu):
    """a(x) where q > 0, written out; None elsewhere."""
    a = {
        "bennett": lambda p, q: 1 / (p + nu * q),
        "geometric": lambda p, q: 1 / root(f, p * q),
        "constant": lambda p, q: p / p,
        "importance": lambda p, q: 1 / q,
        "reciprocal": lambda p, q: 1 / p,
    }[name]
    return [a(p, q) if q > 0 else None for p, q in zip(model, sampler, strict=True)]


def variance_of(model, sampler, a, nu):
    """Second moments less squared means, of a p_theta under q and of a q under p_theta."""
    triples = [(p, q, x) for p, q, x in zip(model, sampler, a, strict=True) if x is not None]
    mean = sum(p * q * x for p, q, x in triples)
    of_sampler = sum(q * (x * p) ** 2 for p, q, x in triples) - mean**2
    of_model = sum(p * (x * q) ** 2 for p, q, x in triples) - mean**2
    return (of_sampler / nu + of_model) / mean**2


def names_for(games):
    covered = all((game.sampler != 0).all() for game in games)
    return [name for name in bridge.BRIDGES if covered or name != "importance"]


def by_enumeration(f, energy, sampler, ratio, names):
    e, q, nu = nested(energy, f), nested(sampler, f), f.number(ratio)
    weights = [f.exp(-x) for x in e]
    model = [w / sum(weights) for w in weights]
    return tuple(objects(variance_of(model, q, bridge_of(f, name, model, q, nu), nu)) for name in names)


def numbers_of(energy, sampler, ratio, names):
    return tuple(bridge.asymptotic_variance(energy, sampler, bridge=name, noise_ratio=ratio) for name in names)


def alike(games):
    """Stacks in which every sampler covers everything, or none does."""
    for whole in (True, False):
        chosen = [game for game in games if bool((game.sampler != 0).all()) == whole]
        if chosen:
            yield chosen


def test_asymptotic_variances_agree_with_their_definition():
    for i, games in enumerate(part for stack in stacks(drawn_games(360)) for part in alike(stack)):
        names, ratio = names_for(games), exact(RATIOS[i % 3])
        with precision(BITS):
            truths = [by_enumeration(BALLS, game.energy, game.sampler, ratio, names) for game in games]

        def variances(energy, sampler, nu, names=names):
            return numbers_of(energy, sampler, nu, names)

        assert_agrees(variances, stacked(truths), *stacked([(g.energy, g.sampler) for g in games]), ratio)
        rational = [name for name in names if name != "geometric"]
        for game in games[::3]:
            assert assert_equals(
                lambda e, q, r=ratio, n=rational: numbers_of(e, q, r, n),
                lambda given, r=ratio, n=rational: by_enumeration(EXACT, *given, r, n),
                game.energy,
                game.sampler,
            )


def largest_ratio(energy, sampler, name):
    """The largest of a p_theta / A and a q / A, which are computed and squared."""
    e, q = nested(energy, BALLS), nested(sampler, BALLS)
    weights = [x.exp() for x in (-y for y in e)]
    model = [w / sum(weights) for w in weights]
    triples = [x for x in zip(model, q, bridge_of(BALLS, name, model, q, 2), strict=True) if x[2] is not None]
    mean = sum(p * y * a for p, y, a in triples)
    return max((max(p * a / mean, y * a / mean) for p, y, a in triples), key=float)


def test_extreme_energies_are_right_or_out_of_reach():
    """Energies of +-700 nats and more: variances that floats hold are right, others are refused."""
    said = refused = 0
    for energy, sampler, _, _ in drawn_games(120, extreme=True):
        for name in names_for([type("Game", (), {"sampler": sampler})]):

            def variance(e, q, name=name):
                return (bridge.asymptotic_variance(e, q, bridge=name, noise_ratio=2),)

            floats = [scalars.convert(x, "float") for x in (energy, sampler)]
            with precision(6_000):
                largest = largest_ratio(energy, sampler, name)
                truth = by_enumeration(BALLS, energy, sampler, exact(2), [name])
            if largest < 1e145:
                assert_agrees(variance, truth, energy, sampler, bits=6_000)
                said += 1
            elif truth[0][()] > arb(10) ** 309:
                assert_refuses(lambda a=floats, f=variance: f(*a), OutOfReach, "range of floats")
                refused += 1
    assert min(said, refused) >= 40


@pytest.mark.parametrize("rare", [10**12, 10**140, 10**290])
def test_rare_samples(rare):
    """A sampler that draws an outcome of the model once in 1e290 times: importance sampling says so, Bennett copes."""
    few = scalars.convert(np.array([Fraction(1, rare), 1 - Fraction(1, rare)], dtype=object), "exact")
    energy = scalars.log(scalars.convert(np.array([3, 7]), "exact"))
    names = ["bennett", "constant", "importance", "reciprocal"]
    with precision(3_000):
        truth = by_enumeration(BALLS, energy, few, exact(2), names)
    assert_agrees(lambda e, q, nu: numbers_of(e, q, nu, names), truth, energy, few, exact(2), bits=3_000)


def test_bennetts_bridge_is_the_best():
    """Exactly: closed form of the least variance, and no other bridge, named or random, has less."""
    for i, (energy, sampler, _, _) in enumerate(drawn_games(240)):
        nu = exact(RATIOS[i % 3])
        model = ebm.law(energy)
        overlap = (model * nu * sampler / (model + nu * sampler)).sum()
        least = bridge.asymptotic_variance(energy, sampler, noise_ratio=nu)
        assert least == 1 / overlap - (1 + nu) / nu
        rng = np.random.default_rng(i)
        for a in [[exact(int(k)) for k in rng.integers(1, 9, size=len(energy))] for _ in range(3)]:
            covering = [x if q > 0 else None for x, q in zip(a, sampler, strict=True)]
            assert not variance_of(list(model), list(sampler), covering, nu) < least
        with precision(BITS):
            # The geometric bridge has square roots; closed form of the table, in balls.
            p, q, r = (scalars.convert(x, "ball") for x in (model, sampler, np.array(nu)))
            found = bridge.asymptotic_variance(scalars.convert(energy, "ball"), q, bridge="geometric", noise_ratio=r)
            shared = sum((x * y).sqrt() for x, y in zip(p, q, strict=True) if y > 0)
            seen = sum(x for x, y in zip(p, q, strict=True) if y > 0)  # 1 where the sampler covers everything
            assert found.overlaps((1 + seen / r[()]) / shared**2 - 1 - 1 / r[()])
            assert not found < scalars.convert(np.array(least), "ball")[()]
        if (sampler != 0).all():
            assert bridge.asymptotic_variance(energy, sampler, bridge="importance", noise_ratio=nu) == (
                chi_square(model, sampler) / nu
            )
        assert bridge.asymptotic_variance(energy, sampler, bridge="reciprocal", noise_ratio=nu) == (
            chi_square(sampler, model)
        )


def test_no_variance_where_the_sampler_is_the_model():
    for energy, *_ in drawn_games(60):
        for name in ("bennett", "constant", "importance", "reciprocal"):
            found = bridge.asymptotic_variance(energy, ebm.law(energy), bridge=name)
            if name != "constant":
                assert found == 0


def limit_of(f, energy, sampler, data, name):
    """log(E_q[a e^-E] / E_p[a q]) of unnormalized bridges."""
    e, q, p = nested(energy, f), nested(sampler, f), nested(data, f)
    weights = [f.exp(-x) for x in e]
    above, below = 0, 0
    for w, y, d, a in zip(weights, q, p, bridge_of(f, name, weights, q, 1), strict=True):
        if a is not None:
            above = above + a * w * y
            below = below + a * y * d
    return f.log(above) - f.log(below)


def test_log_normalizers_agree_with_their_definition():
    count = 0
    for games in (part for stack in stacks(drawn_games(360)) for part in alike(stack)):
        games = [game for game in games if (game.data * game.sampler).any()]
        if not games:
            continue
        names = [name for name in names_for(games) if name != "bennett"]
        with precision(BITS):
            truths = [tuple(objects(limit_of(BALLS, *game[:3], name)) for name in names) for game in games]

        def limits(energy, sampler, data, names=names):
            return tuple(bridge.log_normalizer(energy, sampler, data, bridge=name) for name in names)

        assert_agrees(limits, stacked(truths), *stacked([game[:3] for game in games]))
        count += len(games)
        for game in games[::3]:
            rational = [name for name in names if name != "geometric"]
            assert assert_equals(
                lambda *given, n=rational: tuple(bridge.log_normalizer(*given, bridge=name) for name in n),
                lambda given, n=rational: tuple(objects(limit_of(EXACT, *given, name)) for name in n),
                *game[:3],
            )
    assert count >= 200


def test_with_samples_of_the_model_every_bridge_finds_the_partition_function():
    for i, (energy, sampler, data, _) in enumerate(drawn_games(200)):
        truth = ebm.log_partition(energy)
        for name in names_for([type("Game", (), {"sampler": sampler})]):
            if name in ("constant", "importance", "reciprocal"):
                assert bridge.log_normalizer(energy, sampler, ebm.law(energy), bridge=name) == truth
        if (sampler != 0).all():  # importance sampling asks for no data
            assert bridge.log_normalizer(energy, sampler, data, bridge="importance") == truth
        with precision(BITS):
            e, q, p = (scalars.convert(x, "ball") for x in (energy, sampler, data))
            ratio = RATIOS[i % 3]
            for name in ("bennett", "geometric"):
                found = bridge.log_normalizer(e, q, ebm.law(e), bridge=name, noise_ratio=ratio)
                assert found.overlaps(scalars.convert(np.array(truth), "ball")[()])
                assert found.rad() < 1e-60
            if (data * sampler).any():
                # Bennett's self-consistency, Z = E_q[a e^-E] / E_p[a q] with a at that Z, and the discriminator's Z.
                z = bridge.log_normalizer(e, q, p, noise_ratio=ratio)
                a = 1 / (scalars.exp(-e - z) + BALLS.number(Fraction(ratio)) * q)
                above, below = (a * scalars.exp(-e) * q).sum(), (a * q * p).sum()
                assert ((above / below).log() - z).contains(0)
                assert bridge.log_normalizer(e, q, p).overlaps(gan.optimal_log_normalizer(e, q, p))


HALVES = np.array([0.5, 0.5])


def test_what_is_refused():
    assert_refuses(lambda: bridge.asymptotic_variance(HALVES, HALVES, bridge="harmonic"), InvalidArgument, "'harmonic'")
    assert_refuses(
        lambda: bridge.asymptotic_variance(HALVES, [1.0, 0.0], bridge="importance"), InvalidArgument, "outcome [1]"
    )
    for name in bridge.BRIDGES[:3]:
        assert_refuses(
            lambda name=name: bridge.log_normalizer(HALVES, [1.0, 0.0], [0.0, 1.0], bridge=name),
            InvalidArgument,
            "covers none of the data",
        )


@pytest.mark.parametrize("case", NOT_NUMBERS)
def test_what_is_no_number(case):
    value, text = NOT_NUMBERS[case]
    for name in ("energy", "sampler"):
        given = {"energy": HALVES, "sampler": HALVES, name: value}
        assert_refuses(lambda g=given: bridge.asymptotic_variance(**g), InvalidArgument, name, text)
        for kind in ("bennett", "constant"):
            assert_refuses(
                lambda g=given, k=kind: bridge.log_normalizer(**g, data=HALVES, bridge=k), InvalidArgument, text
            )
