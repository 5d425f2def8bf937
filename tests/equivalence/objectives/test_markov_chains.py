"""Kernels against what they do, move by move; invariance, reversibility, and how fast they forget."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from agreement import assert_agrees, assert_equals, objects, stacked
from enumeration import BALLS, BITS, EXACT, nested
from equivalence.objectives import ebm, markov_chains
from instances import drawn_games, stacks
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars.balls import precision
from refusals import NOT_NUMBERS, assert_refuses

SHAPES = {
    1: ((1,), (1, 1)),
    2: ((2,), (2, 1)),
    3: ((3,), (1, 3)),
    4: ((2, 2), (4,)),
    5: ((5,), (5, 1)),
    6: ((2, 3), (3, 2)),
}


def random_proposal(rng, n):
    """A symmetric kernel of rationals: a mixture of permutations and their inverses."""
    table = np.zeros((n, n), dtype=int)
    for _ in range(4):
        order = rng.permutation(n)
        table[np.arange(n), order] += 1
        table[order, np.arange(n)] += 1
    return scalars.convert(table, "exact") / 8


def barker_by_moves(f, energy, proposal):
    e, s = nested(energy, f), nested(proposal, f)
    weights = [f.exp(-x) for x in e]
    kernel = []
    for x, row in enumerate(s):
        moved = [rate * weights[y] / (weights[x] + weights[y]) for y, rate in enumerate(row)]
        kernel.append([1 - sum(moved[:x] + moved[x + 1 :]) if y == x else moved[y] for y in range(len(row))])
    return (objects(kernel),)


def gibbs_by_moves(f, energy, shape):
    """From each outcome through every sequence of new components."""
    weights = dict(zip(itertools.product(*map(range, shape)), (f.exp(-x) for x in nested(energy, f)), strict=True))
    outcomes = list(weights)
    zero = 0 * weights[outcomes[0]]
    kernel = []
    for start in outcomes:
        reached = {start: zero + 1}
        for i, size in enumerate(shape):
            after = {}
            for place, probability in reached.items():
                options = [(*place[:i], new, *place[i + 1 :]) for new in range(size)]
                total = sum(weights[option] for option in options)
                for option in options:
                    after[option] = after.get(option, zero) + probability * weights[option] / total
            reached = after
        kernel.append([reached.get(outcome, zero) for outcome in outcomes])
    return (objects(kernel),)


@pytest.mark.parametrize("extreme, number", [(False, 360), (True, 96)], ids=["moderate", "extreme"])
def test_barker_agrees_with_its_moves(extreme, number):
    for i, games in enumerate(stacks(drawn_games(number, extreme=extreme))):
        proposal = random_proposal(np.random.default_rng(i), len(games[0].energy))
        with precision(BITS):
            truths = [barker_by_moves(BALLS, game.energy, proposal) for game in games]

        def kernel(energy, proposal):
            return (markov_chains.barker_kernel(energy, proposal),)

        # The enumeration subtracts what moved from 1: at 300 bits both are thin.
        assert_agrees(kernel, stacked(truths), objects([list(game.energy) for game in games]), proposal)
        for game in games[::3]:
            assert assert_equals(kernel, lambda given: barker_by_moves(EXACT, *given), game.energy, proposal)


@pytest.mark.parametrize("extreme, number", [(False, 360), (True, 96)], ids=["moderate", "extreme"])
def test_gibbs_agrees_with_its_moves(extreme, number):
    for i, games in enumerate(stacks(drawn_games(number, extreme=extreme))):
        shape = SHAPES[len(games[0].energy)][i % 2]
        with precision(BITS):
            truths = [gibbs_by_moves(BALLS, game.energy, shape) for game in games]

        def kernel(energy, shape=shape):
            return (markov_chains.gibbs_kernel(energy, shape),)

        assert_agrees(kernel, stacked(truths), objects([list(game.energy) for game in games]))
        for game in games[::3]:
            assert assert_equals(kernel, lambda given, s=shape: gibbs_by_moves(EXACT, *given, s), game.energy)


def test_both_leave_the_model_invariant_and_only_barker_is_reversible():
    irreversible = 0
    for i, (energy, *_) in enumerate(drawn_games(240)):
        model = ebm.law(energy)
        n = len(energy)
        barker = markov_chains.barker_kernel(energy, random_proposal(np.random.default_rng(i), n))
        gibbs = markov_chains.gibbs_kernel(energy, SHAPES[n][0])
        for kernel in (barker, gibbs):
            assert (kernel.sum(axis=1) == 1).all()
            assert ((model[:, None] * kernel).sum(axis=0) == model).all()
        flow = model[:, None] * barker
        assert (flow == flow.T).all()
        scanned = model[:, None] * gibbs
        irreversible += not (scanned == scanned.T).all()
        if len(SHAPES[n][0]) == 1:
            assert (gibbs == model).all()  # one component: an independent sample
    assert irreversible >= 50


def test_dobrushin_coefficient_contracts():
    """It is the largest TV of two rows, and bounds what one step leaves of any difference."""
    for i, games in enumerate(stacks(drawn_games(240))):
        rng = np.random.default_rng(i)
        n = len(games[0].energy)
        for _, data, sampler, _ in games:
            table = scalars.convert(rng.integers(0, 4, size=(n, n)) + np.eye(n, dtype=int), "exact")
            kernel = table / table.sum(axis=1, keepdims=True)
            found = markov_chains.dobrushin_coefficient(kernel)
            rows = kernel.tolist()
            assert found == max(sum(abs(x - y) for x, y in zip(a, b, strict=True)) / 2 for a in rows for b in rows)
            before = abs(data - sampler).sum()
            assert abs((data - sampler) @ kernel).sum() <= found * before
            with precision(BITS):
                assert markov_chains.dobrushin_coefficient(scalars.convert(kernel, "ball")).overlaps(
                    scalars.convert(np.array(found), "ball")[()]
                )
            # A difference of two probabilities has one rounding for each input and one of its own.
            floats = markov_chains.dobrushin_coefficient(scalars.convert(kernel, "float"))
            assert abs(floats - float(found)) <= 2.0**-53 * (n + 3)


HALVES, SWAP = np.array([0.5, 0.5]), np.array([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    "proposal, text",
    [
        ([[0.5, 0.5], [0.25, 0.75]], "proposal[0, 1] is 0.5 and proposal[1, 0] is 0.25; expected a symmetric table"),
        ([[0.5, 0.4], [0.4, 0.5]], "proposal[0] sums to 0.9; expected 1"),
        ([[1.5, -0.5], [-0.5, 1.5]], "proposal[0][1] is -0.5, which is negative"),
        ([1.0, 0.0], "proposal has shape (2,); expected [..., x, y], (2, 2)"),
        (np.eye(3), "proposal has shape (3, 3); expected [..., x, y], (2, 2)"),
        ([[Fraction(1), 0], [0, Fraction(1)]], "one call, one arithmetic"),
    ],
)
def test_bad_proposals(proposal, text):
    assert_refuses(lambda: markov_chains.barker_kernel(HALVES, proposal), InvalidArgument, text)


@pytest.mark.parametrize("shape", [(3,), (), (2, 2), (0, 2), (-1, -2)])
def test_bad_shapes(shape):
    assert_refuses(lambda: markov_chains.gibbs_kernel(HALVES, shape), InvalidArgument, "expected a product of 2")


@pytest.mark.parametrize("case", NOT_NUMBERS)
def test_what_is_no_number(case):
    value, text = NOT_NUMBERS[case]
    assert_refuses(lambda: markov_chains.barker_kernel(value, SWAP), InvalidArgument, "energy", text)
    assert_refuses(lambda: markov_chains.barker_kernel(HALVES, value), InvalidArgument, "proposal", text)
    assert_refuses(lambda: markov_chains.gibbs_kernel(value, (2,)), InvalidArgument, "energy", text)
    assert_refuses(lambda: markov_chains.dobrushin_coefficient(value), InvalidArgument, "kernel", text)


def test_balls_that_may_be_zero():
    with precision(53):
        blurred = scalars.convert(np.array([Fraction(1, 3), Fraction(2, 3)], dtype=object), "ball")
        assert_refuses(lambda: scalars.zero_mask(blurred - blurred), OutOfReach, "raise the precision")
