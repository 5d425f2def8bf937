"""Pseudo-likelihood against its definition: each component given the others, outcome by outcome."""

import itertools

import numpy as np
import pytest

from agreement import assert_agrees, assert_equals, objects, overlap, stacked
from enumeration import BALLS, BITS, EXACT, derivatives, nested
from equivalence.objectives import ebm, pseudo_likelihood
from equivalence.objectives.contrastive import update
from instances import drawn_games, stacks
from mdps import InvalidArgument, scalars
from mdps.random_models import random_reward
from mdps.scalars import duals
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


def numbers_of(shape):
    def function(energy, data):
        return (
            pseudo_likelihood.log_likelihood(energy, data, shape),
            pseudo_likelihood.gradient(energy, data, shape),
            pseudo_likelihood.hessian(energy, data, shape),
        )

    return function


def value_of(f, shape, energy, data):
    """sum over outcomes and components of p log(e^-E(x) / sum over x_i of e^-E)."""
    outcomes = list(itertools.product(*map(range, shape)))
    weights = dict(zip(outcomes, (f.exp(-x) for x in energy), strict=True))
    total = 0 * data[0]
    for outcome, p in zip(outcomes, data, strict=True):
        for i, size in enumerate(shape):
            alternatives = sum(weights[(*outcome[:i], new, *outcome[i + 1 :])] for new in range(size))
            total = total + p * f.log(weights[outcome] / alternatives) if p > 0 else total
    return total


def by_enumeration(f, shape, energy, data):
    e, p = nested(energy, f), nested(data, f)
    outcomes = list(itertools.product(*map(range, shape)))
    weights = [f.exp(-x) for x in e]
    slopes, curvature = [], []
    for x, at in enumerate(outcomes):
        slope, row = 0 * p[0], [0 * p[0] for _ in outcomes]
        for i in range(len(shape)):
            alike = [
                y
                for y, other in enumerate(outcomes)
                if all(a == b or j == i for j, (a, b) in enumerate(zip(at, other, strict=True)))
            ]
            total = sum(weights[y] for y in alike)
            seen = sum(p[y] for y in alike)
            slope = slope + seen * weights[x] / total - p[x]
            for y in alike:
                covariance = weights[x] / total * ((1 if x == y else 0) - weights[y] / total)
                row[y] = row[y] - seen * covariance
        slopes.append(slope)
        curvature.append(row)
    return objects(value_of(f, shape, e, p)), objects(slopes), objects(curvature)


def slope(shape, energy, data):
    """By power series: sum_x p (E(x) + log sum e^-E) with its sign turned."""
    outcomes = list(itertools.product(*map(range, shape)))

    def value(e):
        total = 0
        for x, p in zip(outcomes, nested(data, BALLS), strict=True):
            for i, size in enumerate(shape):
                others = [outcomes.index((*x[:i], new, *x[i + 1 :])) for new in range(size)]
                total = total - p * (e[outcomes.index(x)] + sum((-e[y]).exp() for y in others).log())
        return total

    return objects(derivatives(value, nested(energy, BALLS)))


@pytest.mark.parametrize("extreme, number", [(False, 252), (True, 60)], ids=["moderate", "extreme"])
def test_agrees_with_definitions(extreme, number):
    for i, games in enumerate(stacks(drawn_games(number, extreme=extreme))):
        shape = SHAPES[len(games[0].energy)][i % 2]
        arguments = [(game.energy, game.data) for game in games]
        bits = 6_000 if extreme else BITS
        with precision(bits):
            truths = [by_enumeration(BALLS, shape, *one) for one in arguments]
            for one, truth in zip(arguments[:4], truths, strict=False):
                assert overlap(truth[1], slope(shape, *one))
        assert_agrees(numbers_of(shape), stacked(truths), *stacked(arguments), bits=bits)
        for one in arguments[::3]:
            assert assert_equals(numbers_of(shape), lambda a, s=shape: by_enumeration(EXACT, s, *a), *one)


def test_gradient_and_hessian_equal_derivatives_exactly():
    for i, (energy, _, data, _) in enumerate(drawn_games(200)):
        shape = SHAPES[len(energy)][i % 2]
        gradient = duals.gradient(lambda e, p=data, s=shape: pseudo_likelihood.log_likelihood(e, p, s), energy)
        assert (pseudo_likelihood.gradient(energy, data, shape) == gradient).all()
        jacobian = duals.jacobian(lambda e, p=data, s=shape: pseudo_likelihood.gradient(e, p, s), energy)
        assert (pseudo_likelihood.hessian(energy, data, shape) == jacobian).all()


def test_the_optimal_table_is_that_of_the_likelihood():
    count = 0
    for i, (energy, data, other, _) in enumerate(drawn_games(420)):
        if (data == 0).any():
            continue
        shape = SHAPES[len(data)][i % 2]
        best = ebm.optimal_energy(data)
        assert (pseudo_likelihood.gradient(best, data, shape) == 0).all()
        moved = energy + random_reward(np.random.default_rng(i), energy.shape)
        least = pseudo_likelihood.log_likelihood(best, data, shape)
        assert not pseudo_likelihood.log_likelihood(moved, data, shape) > least
        if len(shape) == 1:
            assert pseudo_likelihood.log_likelihood(energy, other, shape) == ebm.log_likelihood(energy, other)
        count += 1
    assert count >= 200


def test_gradient_is_the_sum_of_the_updates_of_single_components():
    """p K_i - p with K_i the Gibbs kernel of one component, made by hand for two components."""
    for energy, _, data, _ in drawn_games(400):
        if len(energy) != 6:
            continue
        weights = np.array([EXACT.exp(-e) for e in energy], dtype=object).reshape(2, 3)
        rows = np.kron(np.ones((2, 2), dtype=int), np.eye(3, dtype=int))  # the second component stays
        columns = np.kron(np.eye(2, dtype=int), np.ones((3, 3), dtype=int))
        first = scalars.convert(rows, "exact") * (weights / weights.sum(axis=0)).ravel()
        second = scalars.convert(columns, "exact") * (weights / weights.sum(axis=1, keepdims=True)).ravel()
        found = pseudo_likelihood.gradient(energy, data, (2, 3))
        assert (found == update(data, first) + update(data, second)).all()


HALVES = np.array([0.5, 0.5])
FUNCTIONS = (pseudo_likelihood.log_likelihood, pseudo_likelihood.gradient, pseudo_likelihood.hessian)


@pytest.mark.parametrize("case", NOT_NUMBERS)
def test_what_is_no_number(case):
    value, text = NOT_NUMBERS[case]
    for function in FUNCTIONS:
        assert_refuses(lambda f=function: f(value, HALVES, (2,)), InvalidArgument, "energy", text)
        assert_refuses(lambda f=function: f(HALVES, value, (2,)), InvalidArgument, "data", text)


def test_bad_shapes():
    for function in FUNCTIONS:
        for shape in [(3,), (), (2, 2)]:
            assert_refuses(lambda f=function, s=shape: f(HALVES, HALVES, s), InvalidArgument, "expected a product of 2")
