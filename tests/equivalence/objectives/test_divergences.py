"""Entropies and divergences against sums in plain Python, and against each other."""

from itertools import product

import numpy as np
import pytest
from flint import fmpq

from agreement import assert_agrees, assert_equals, objects, stacked
from enumeration import BALLS, BITS, EXACT, nested
from equivalence.objectives import divergences, f_divergences as fd
from instances import drawn_games, stacks
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars.balls import precision


def numbers_of(p, q):
    return (
        divergences.shannon_entropy(p),
        divergences.jensen_shannon(p, q),
        divergences.total_variation(p, q),
    )


def relative_entropy(f, p, q):
    return sum((x * f.log(x / y) for x, y in zip(p, q, strict=True) if x > 0), 0)


def by_enumeration(f, p, q):
    p, q = nested(p, f), nested(q, f)
    middle = [(x + y) / 2 for x, y in zip(p, q, strict=True)]
    # Total variation is the largest difference of the probability of an event.
    events = list(product((0, 1), repeat=len(p)))
    differences = [sum((x - y for x, y, one in zip(p, q, e, strict=True) if one), p[0] - p[0]) for e in events]
    total_variation = differences[0]
    for d in differences:
        total_variation = total_variation.max(d) if f is BALLS else max(total_variation, d)
    return (
        objects(-sum((x * f.log(x) for x in p if x > 0), 0 * p[0])),
        objects((relative_entropy(f, p, middle) + relative_entropy(f, q, middle)) / 2),
        objects(total_variation),
    )


def test_agrees_with_sums():
    for games in stacks(drawn_games(504), 24):
        arguments = [(game.data, game.sampler) for game in games]
        with precision(BITS):
            truths = [by_enumeration(BALLS, *one) for one in arguments]
        assert_agrees(numbers_of, stacked(truths), *stacked(arguments))
        for one in arguments[::3]:
            assert assert_equals(numbers_of, lambda given: by_enumeration(EXACT, *given), *one)


def test_kl_and_chi_square():
    met = 0
    for games in stacks((g for g in drawn_games(504) if ((g.data == 0) | (g.sampler != 0)).all()), 24):
        arguments = [(game.data, game.sampler) for game in games]
        met += len(games)

        def numbers_of(p, q):
            return divergences.kl(p, q), divergences.chi_square(p, q)

        def truth(f, p, q):
            p, q = nested(p, f), nested(q, f)
            squares = (x * x / y for x, y in zip(p, q, strict=True) if y > 0)
            return objects(relative_entropy(f, p, q)), objects(sum(squares) - 1)

        with precision(BITS):
            truths = [truth(BALLS, *one) for one in arguments]
        assert_agrees(numbers_of, stacked(truths), *stacked(arguments))
        for one in arguments:
            assert_equals(numbers_of, lambda given: truth(EXACT, *given), *one)
            # Of measures: sum (2p - q)^2 / q = 4 sum p^2/q - 4 + 1, and sum p^2/q = chi2 + 1.
            assert divergences.chi_square(2 * one[0], one[1]) == 4 * divergences.chi_square(*one) + 1
            # Pinsker, and the names that f-divergences have for these.
            assert 2 * divergences.total_variation(*one) ** 2 <= divergences.kl(*one)
            assert divergences.kl(*one) == fd.f_divergence("kl", *one)
            assert divergences.chi_square(*one) == fd.f_divergence("pearson", *one)
            assert divergences.jensen_shannon(*one) == fd.f_divergence("jensen_shannon", *one)
            assert divergences.total_variation(*one) == fd.f_divergence("total_variation", *one)
            assert divergences.jensen_shannon(*one) <= scalars.log(fmpq(2))
    assert met >= 200


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: divergences.kl([0.5, 0.5], [1.0, 0.0]), InvalidArgument, "KL(p || q) is infinite: q[1] is 0"),
        (lambda: divergences.chi_square([0.5, 0.5], [1.0, 0.0]), InvalidArgument, "chi2(p || q) is infinite"),
        (lambda: divergences.chi_square([1.0, 0.0], [1e-310, 1.0]), OutOfReach, "chi2(p || q) is beyond the floats"),
        (lambda: divergences.kl([0.5, 0.6], [0.5, 0.5]), InvalidArgument, "p sums to 1.1; expected 1"),
        (lambda: divergences.shannon_entropy([-0.5, 1.5]), InvalidArgument, "p[0] is -0.5"),
        (lambda: divergences.shannon_entropy([]), InvalidArgument, "p has shape (0,)"),
        (lambda: divergences.shannon_entropy([[0.5, 0.5], [0.5, 0.4]]), InvalidArgument, "p[1] sums to 0.9"),
        (lambda: divergences.total_variation([0.5, 0.5], [1.0]), InvalidArgument, "q has shape (1,)"),
        (lambda: divergences.jensen_shannon([0.5, 0.5], "half"), InvalidArgument, "expected numbers"),
        (lambda: divergences.total_variation([0.5, 0.5], [fmpq(1), fmpq(0)]), InvalidArgument, "one arithmetic"),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error) as raised:
        call()
    assert text in str(raised.value)


def test_leading_axes_broadcast():
    laws = [g.data for g in drawn_games(60) if len(g.data) == 4 and g.data.all()]
    table = divergences.kl(np.array(laws)[:, None], np.array(laws))
    assert all(table[i, j] == divergences.kl(p, q) for i, p in enumerate(laws) for j, q in enumerate(laws))
