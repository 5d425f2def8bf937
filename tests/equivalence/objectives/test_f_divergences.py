"""f-divergences against sums of f(p/q) q from textbook formulas of f; conjugates and slopes by power series."""

import contextlib
from fractions import Fraction

import numpy as np
import pytest
import sympy
from flint import arb, fmpq

from agreement import assert_agrees, assert_equals, at, objects, overlap, stacked
from enumeration import BALLS, BITS, EXACT, derivatives, nested
from equivalence.objectives import f_divergences as fd, tangent
from equivalence.objectives.f_generators import GENERATORS, alpha, generator, halved
from equivalence.objectives.laws import exceeds
from instances import drawn_games, stacks
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars import symbols
from mdps.scalars.balls import precision
from textbook_divergences import ALPHAS, LIMITS, TEXTBOOK, divergence

MINE = {**GENERATORS, **{f"alpha({a})": alpha(a) for a in ALPHAS}}


def pairs(name, number, *, full=False):
    """Laws p and q between which the divergence is finite; some leave outcomes out unless `full`."""
    at_zero, at_infinity = LIMITS[name]
    for game in drawn_games(number):
        p, q = game.data, game.sampler
        if full and not (p * q).all():
            continue
        if at_zero is None and ((p == 0) & (q != 0)).any():
            continue
        if at_infinity is None and ((q == 0) & (p != 0)).any():
            continue
        yield game


def slope(name, u):
    return derivatives(lambda u: TEXTBOOK[name](BALLS, u[0]), [u])[0]


@pytest.mark.parametrize("name", TEXTBOOK)
def test_divergence_agrees_with_the_sum(name):
    f, met = MINE[name], 0
    for games in stacks(pairs(name, 360), 24):
        arguments = [(game.data, game.sampler) for game in games]
        met += len(games)
        with precision(BITS):
            truths = [objects(divergence(name, BALLS, nested(p, BALLS), nested(q, BALLS))) for p, q in arguments]
        assert_agrees(lambda p, q: fd.f_divergence(f, p, q), stacked(truths), *stacked(arguments))
        for one in arguments[::6]:
            assert_equals(
                lambda p, q: fd.f_divergence(f, p, q),
                lambda given: objects(divergence(name, EXACT, nested(given[0], EXACT), nested(given[1], EXACT))),
                *one,
            )
    assert met >= 200


@pytest.mark.parametrize("name", TEXTBOOK)
def test_gradients_are_derivatives(name):
    """By power series in the entries of p and q; the gradient to p is the optimal critic."""
    f, met = MINE[name], 0
    for games in stacks(pairs(name, 1100 if name == "total_variation" else 420, full=True), 24):
        if name == "total_variation":  # not differentiable where p = q
            games = [game for game in games if (game.data != game.sampler).all()]
        arguments = [(game.data, game.sampler) for game in games]
        if not arguments:
            continue
        met += len(games)
        with precision(BITS):
            truths = []
            for p, q in arguments:
                x, y = nested(p, BALLS), nested(q, BALLS)
                to_p = derivatives(lambda x, y=y: divergence(name, BALLS, x, y), x)
                to_q = derivatives(lambda y, x=x: divergence(name, BALLS, x, y), y)
                truths.append((objects(to_p), objects(to_q), objects(to_p)))
        assert_agrees(
            lambda p, q: (fd.gradient_to_p(f, p, q), fd.gradient_to_q(f, p, q), fd.optimal_critic(f, p, q)),
            stacked(truths),
            *stacked(arguments),
        )
    assert met >= 200


@pytest.mark.parametrize("name", TEXTBOOK)
def test_bound_of_any_critic(name):
    """At T = f'(u), f*(T) = u f'(u) - f(u) and f*'(T) = u; below the divergence. u are squares, so that T is exact."""
    if name == "total_variation":
        return
    f, met, compared = MINE[name], 0, 0
    for games in stacks(drawn_games(216), 24):
        exact = []
        for i, game in enumerate(games):
            rng = np.random.default_rng(i)
            u = np.array([fmpq(*map(int, rng.integers(1, 9, size=2))) ** 2 for _ in game.data], dtype=object)
            with np.errstate(all="ignore"):
                exact.append((fd.optimal_critic(f, u, 0 * u + 1), game.data, game.sampler, u))
        met += len(exact)
        with precision(BITS):
            truths = []
            for _, p, q, u in exact:
                x, y, r = (nested(table, BALLS) for table in (p, q, u))
                t = [slope(name, one) for one in r]
                conjugate = [one * s - TEXTBOOK[name](BALLS, one) for one, s in zip(r, t, strict=True)]
                bound = sum(a * s - b * c for a, b, s, c in zip(x, y, t, conjugate, strict=True))
                truths.append((objects(bound), objects([a - b * one for a, b, one in zip(x, y, r, strict=True)])))

        def numbers_of(critic, p, q):
            return fd.variational_bound(f, critic, p, q), fd.critic_gradient(f, critic, p, q)

        assert_agrees(numbers_of, stacked(truths), *stacked([one[:3] for one in exact]))
        for critic, p, q, u in exact[::6]:
            assert (fd.critic_gradient(f, critic, p, q) == p - q * u).all()
            bound = fd.variational_bound(f, critic, p, q)
            # The divergence may be infinite, or irrational where the bound is not.
            with contextlib.suppress(InvalidArgument, OutOfReach):
                assert bound <= fd.f_divergence(f, p, q)
                compared += 1
    assert met >= 200
    assert compared >= 3


@pytest.mark.parametrize("name", TEXTBOOK)
def test_optimal_critic_attains_the_divergence(name):
    """Exactly, outcomes left out included, where log 0 is a critic's value; no other critic tried does better."""
    f, met = MINE[name], 0
    for game in pairs(name, 360):
        p, q = game.data, game.sampler
        met += 1
        with contextlib.suppress(OutOfReach):  # irrational
            critic = fd.optimal_critic(f, p, q)
            assert fd.variational_bound(f, critic, p, q) == fd.f_divergence(f, p, q)
            continue
        with precision(BITS):
            p, q = (scalars.convert(x, "ball") for x in (p, q))
            critic = fd.optimal_critic(f, p, q)
            assert overlap(fd.variational_bound(f, critic, p, q), fd.f_divergence(f, p, q))
    assert met >= 200


def test_total_variation_by_hand():
    """f* is t from -1/2 to 1/2, -1/2 below, infinite above; the middle of the kink at p = q."""
    p, q = ([fmpq(k, 8) for k in counts] for counts in ((4, 2, 2, 0), (1, 2, 4, 1)))
    half = fmpq(1, 2)
    assert fd.optimal_critic("total_variation", p, q).tolist() == [half, 0, -half, -half]
    assert fd.gradient_to_q("total_variation", p, q).tolist() == [-half, 0, half, half]
    assert fd.f_divergence("total_variation", p, q) == fmpq(3, 8)
    assert fd.variational_bound("total_variation", [half, 0, -3, -3], p, q) == -half - fmpq(1, 16) + fmpq(5, 16)
    assert fd.critic_gradient("total_variation", [half, 0, -3, -3], p, q).tolist() == [fmpq(3, 8), 0, fmpq(1, 4), 0]
    with pytest.raises(InvalidArgument, match=r"critic\[1\] is 1; f\* of total_variation is finite at most 1/2"):
        fd.variational_bound("total_variation", [half, 1, 0, 0], p, q)


def test_below_the_slope_at_zero_the_conjugate_is_flat():
    p, q = [fmpq(1, 2), fmpq(1, 2)], [fmpq(1, 4), fmpq(3, 4)]
    assert fd.variational_bound("pearson", [0, -6], p, q) == -3 + fmpq(3, 4)
    assert fd.critic_gradient("pearson", [0, -6], p, q).tolist() == [fmpq(1, 4), fmpq(1, 2)]
    assert fd.variational_bound(alpha(3), [0, -6], p, q) == -3 + fmpq(3, 4) / 3


@pytest.mark.parametrize("name", TEXTBOOK)
def test_limits(name):
    """Near 0 every f here is within 8 sqrt(u) of f(0), and at infinity f(u)/u within 8 / sqrt(u) of its limit."""
    f, tiny = MINE[name], arb(2) ** -2000
    with precision(4200):
        one = np.array([arb(1)])
        for limit, mine, near in (
            (LIMITS[name][0], f.at_zero, TEXTBOOK[name](BALLS, tiny)),
            (LIMITS[name][1], f.slope_at_infinity, TEXTBOOK[name](BALLS, 1 / tiny) * tiny),
        ):
            assert (limit is None) == (mine is None)
            if mine is None:
                assert abs(near) > 2**9
                continue
            assert overlap(mine(one)[0], arb(limit(BALLS)))
            assert abs(near - mine(one)[0]) < 8 * tiny.sqrt()
        for u, slope_at, conjugate_at in (
            (tiny, f.slope_at_zero, None),
            (1 / tiny, f.slope_at_infinity, f.conjugate_at_infinity),
        ):
            t = slope(name, u)
            if slope_at is None:
                assert abs(t) > 2**9
            else:
                assert abs(t - slope_at(one)[0]) < 8 * tiny.sqrt()
            if conjugate_at is not None:
                assert abs(u * t - TEXTBOOK[name](BALLS, u) - conjugate_at(one)[0]) < 8 * tiny.sqrt()
        if f.slope_at_infinity is not None and f.conjugate_at_infinity is None:
            t = slope(name, 1 / tiny)
            assert t / tiny - TEXTBOOK[name](BALLS, 1 / tiny) > 2**9


TINY = fmpq(1, 10**300)
EXTREMES = [
    ([TINY, 1 - TINY], [fmpq(1, 2), fmpq(1, 2)]),
    ([fmpq(1, 2), fmpq(1, 2)], [TINY, 1 - TINY]),
    ([TINY, 1 - TINY], [2 * TINY, 1 - 2 * TINY]),
    ([TINY, 1 - TINY], [1 - TINY, TINY]),
    ([TINY * TINY * 10**290, 1 - TINY * TINY * 10**290], [fmpq(1, 2), fmpq(1, 2)]),
]


@pytest.mark.parametrize("name", TEXTBOOK)
@pytest.mark.parametrize("case", range(len(EXTREMES)))
def test_probabilities_of_1e_300(name, case):
    """Finite and right, or beyond the floats and said so."""
    f = MINE[name]
    p, q = (np.array(x, dtype=object) for x in EXTREMES[case])
    with precision(BITS * 10):
        x, y = nested(p, BALLS), nested(q, BALLS)
        value = objects(divergence(name, BALLS, x, y))
        to_p = objects(derivatives(lambda x: divergence(name, BALLS, x, y), x))
        to_q = objects(derivatives(lambda y: divergence(name, BALLS, x, y), y))
    for function, truth in ((fd.f_divergence, value), (fd.gradient_to_p, to_p), (fd.gradient_to_q, to_q)):

        def numbers_of(p, q, function=function):
            return function(f, p, q)

        if case == 2 and name == "total_variation" and function is not fd.f_divergence:
            continue  # rounding the two laws makes them equal at one outcome: on the other side of the kink
        if any(abs(x) > arb(10) ** 308 for x in truth.ravel()):
            with pytest.raises(OutOfReach, match="beyond the floats"):
                numbers_of(at("float", p), at("float", q))
        else:
            assert_agrees(numbers_of, truth, p, q, bits=10 * BITS)


def test_relations_between_generators():
    for game in drawn_games(240):
        if not (game.sampler * game.data).all():
            continue
        p, q = game.data, game.sampler
        d = {name: (lambda p, q, f=f: fd.f_divergence(f, p, q)) for name, f in GENERATORS.items()}
        assert d["reverse_kl"](p, q) == d["kl"](q, p)
        assert d["neyman"](p, q) == d["pearson"](q, p)
        assert d["gail"](p, q) == 2 * d["jensen_shannon"](p, q) == d["gail"](q, p)
        assert d["gan"](p, q) == d["gail"](p, q) - scalars.log(fmpq(4))
        assert 2 * fd.f_divergence(alpha(2), p, q) == d["pearson"](p, q)
        assert 2 * fd.f_divergence(alpha(-1), p, q) == d["neyman"](p, q)
        assert fd.f_divergence(halved(GENERATORS["kl"], "half"), p, q) * 2 == d["kl"](p, q)
        assert 3 * d["kl"](p, q) == d["kl"](3 * p, 3 * q)


def test_on_the_simplex():
    """Both forms against derivatives of a function of softmax logits, by power series."""
    for games in stacks(drawn_games(204)):
        arguments = [(-game.energy, game.sampler) for game in games]
        with precision(BITS):
            truths = []
            for g, q in arguments:
                slope, law = nested(g, BALLS), nested(q, BALLS)

                def tilted(moved, slope=slope, law=law):
                    weights = [x * m.exp() for x, m in zip(law, moved, strict=True)]
                    return sum(w * s for w, s in zip(weights, slope, strict=True)) / sum(weights)

                mean = sum(slope) / len(slope)
                truths.append(
                    (
                        objects(derivatives(tilted, [arb(0)] * len(law))),
                        objects([s - mean for s in slope]),
                    )
                )
        assert_agrees(
            lambda g, q: (tangent.to_logits(g, q), tangent.projected(g)), stacked(truths), *stacked(arguments)
        )
        for g, q in arguments:
            assert tangent.projected(g).sum() == 0
            assert tangent.to_logits(g, q).sum() == 0


HALF = [0.5, 0.5]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: fd.f_divergence("kl", HALF, [1.0, 0.0]), InvalidArgument, "kl is infinite: q = 0 < p at [1]"),
        (lambda: fd.f_divergence("neyman", [1.0, 0.0], HALF), InvalidArgument, "neyman is infinite: p = 0 < q at [1]"),
        (lambda: fd.f_divergence("js", HALF, HALF), InvalidArgument, "f is 'js'; expected a Generator or one of kl,"),
        (lambda: fd.f_divergence("kl", HALF, [0.5, np.nan]), InvalidArgument, "q[1] is nan"),
        (lambda: fd.f_divergence("kl", HALF, [1.5, -0.5]), InvalidArgument, "q[1] is -0.5, which is negative"),
        (lambda: fd.f_divergence("kl", HALF, [1.0]), InvalidArgument, "q has shape (1,)"),
        (lambda: fd.f_divergence("kl", HALF, [fmpq(1, 2), fmpq(1, 2)]), InvalidArgument, "one call, one arithmetic"),
        (lambda: fd.f_divergence("kl", np.ones((2, 2)) / 2, np.ones((3, 2)) / 2), InvalidArgument, "do not broadcast"),
        (lambda: fd.gradient_to_p("kl", [1.0, 0.0], HALF), InvalidArgument, "the slope of kl is infinite: p = 0 < q"),
        (lambda: fd.gradient_to_q("gail", HALF, [1.0, 0.0]), InvalidArgument, "the slope of gail is infinite"),
        (lambda: fd.gradient_to_q("gail", [1.0, 0.0], [1.0, 0.0]), InvalidArgument, "no gradient at [1], where p = q"),
        (lambda: fd.optimal_critic("kl", HALF, [1.0, 0.0]), InvalidArgument, "the critic of kl is infinite"),
        (
            lambda: fd.variational_bound("gan", [0.0, -1.0], HALF, HALF),
            InvalidArgument,
            "critic[0] is 0.0; f* of gan is finite below 0.0",
        ),
        (
            lambda: fd.variational_bound("kl", [0.0, -np.inf], HALF, HALF),
            InvalidArgument,
            "critic[1] is minus infinity where p > 0",
        ),
        (
            lambda: fd.variational_bound("reverse_kl", [-1.0, -np.inf], [1.0, 0.0], HALF),
            InvalidArgument,
            "f(0) of reverse_kl is infinite",
        ),
        (lambda: fd.variational_bound("kl", [0.0, np.inf], HALF, HALF), InvalidArgument, "critic[1] is inf"),
        (lambda: fd.variational_bound("kl", [0.0, None], HALF, HALF), InvalidArgument, "critic"),
        (lambda: fd.variational_bound("kl", [0.0, 1e4], HALF, HALF), OutOfReach, "beyond the floats"),
        (lambda: alpha(1), InvalidArgument, "a is 1; expected a number other than 0 and 1"),
        (lambda: alpha("x"), InvalidArgument, "a is 'x'; expected a rational number"),
        (lambda: alpha(float("nan")), InvalidArgument, "a is nan"),
        (lambda: tangent.to_logits([1.0, 2.0], [0.5, 0.6]), InvalidArgument, "law sums to 1.1"),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error) as raised:
        call()
    assert text in str(raised.value)


def test_open_comparisons_are_said_to_be_open():
    wide = arb(0, 1)
    assert exceeds(np.array([arb(2)]), np.array([wide])).all()
    with pytest.raises(OutOfReach, match="is open"):
        exceeds(np.array([arb(1) / 2]), np.array([wide]))
    third = scalars.convert([Fraction(1, 3), Fraction(2, 3)], "ball")
    with pytest.raises(OutOfReach, match="is open"):
        fd.optimal_critic("total_variation", third, third)


def test_named_generators_are_found():
    assert [generator(name).name for name in GENERATORS] == list(GENERATORS)


@pytest.mark.parametrize("name", ["kl", "reverse_kl", "gail", "jensen_shannon", "gan"])
def test_duality_of_symbols(name):
    """The bound at the optimal critic is the divergence, for all laws on two outcomes."""
    a, b = sympy.symbols("a b", positive=True)
    p, q = [a, 1 - a], [b, 1 - b]
    difference = fd.variational_bound(name, fd.optimal_critic(name, p, q), p, q) - fd.f_divergence(name, p, q)
    assert symbols.is_zero(sympy.powsimp(difference)) is True
