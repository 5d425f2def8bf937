"""Entropies of occupancies, term by term and against the causal entropy of policies."""

import math
from itertools import islice

import numpy as np
import pytest
from flint import fmpq

from agreement import assert_agrees
from enumeration import BITS, EXACT
from instances import each_kind, models_of
from mdps import InvalidArgument, causal_entropy, occupancy, scalars
from mdps.occupancy_entropies import choice_entropy, occupancy_entropy
from mdps.random_models import random_expert, random_policy
from mdps.scalars.balls import precision
from refusals import assert_refuses


def entropies_by_sums(table):
    """-sum n log n, and -sum mu log(mu / mu(s)) where there are actions, in exact numbers."""
    total = sum(table.ravel().tolist(), fmpq(0))
    drawn, chosen = fmpq(0), fmpq(0)
    for index in np.ndindex(table.shape):
        mu = table[index]
        if mu > 0:
            drawn = drawn - mu / total * EXACT.log(mu / total)
            if table.ndim == 2:
                chosen = chosen - mu * EXACT.log(mu / sum(table[index[0]].tolist(), fmpq(0)))
    return drawn, chosen


@each_kind
def test_sums(kind):
    for number, (mdp, _, axes, rng) in enumerate(islice(models_of(kind), 0, None, 5)):
        table = random_expert(rng, mdp, axes=axes, kind=("policy", "table")[number % 2])
        if not (table > 0).any():
            continue
        drawn, chosen = entropies_by_sums(table)
        assert occupancy_entropy(table, axes=axes) == drawn
        with precision(BITS):
            enclosed = [scalars.convert(np.asarray(x, dtype=object), "ball") for x in (drawn, chosen)]
        assert_agrees(lambda x, axes=axes: np.asarray(occupancy_entropy(x, axes=axes)), enclosed[0], table)
        if axes == "sa":
            assert choice_entropy(table) == chosen
            assert_agrees(lambda x: np.asarray(choice_entropy(x)), enclosed[1], table)


@each_kind
def test_choices_of_policies(kind):
    """The causal entropy of a policy that does not depend on time, and at least that of one that does."""
    for mdp, _, _, rng in islice(models_of(kind), 0, None, 5):
        policy, steps = random_policy(rng, mdp), random_policy(rng, mdp, steps=True)
        assert choice_entropy(occupancy(mdp, policy)) == causal_entropy(mdp, policy)
        assert choice_entropy(occupancy(mdp, steps)) >= causal_entropy(mdp, steps)


def test_stacks_and_extremes():
    rng = np.random.default_rng(0)
    tables = rng.integers(1, 9, size=(5, 3, 2)).astype(float)
    assert occupancy_entropy(tables).tolist() == [occupancy_entropy(table) for table in tables]
    assert choice_entropy(tables).tolist() == [choice_entropy(table) for table in tables]
    assert 0 <= occupancy_entropy([[1.0, 1e-300]]) < 1e-290
    assert occupancy_entropy(np.ones(4, dtype=int), axes="s") == 2 * math.log(2)  # a power of two: nothing is rounded
    assert choice_entropy([[0.0, 0.0]]) == 0


@pytest.mark.parametrize(
    "call, fragments",
    [
        (lambda: occupancy_entropy([[0.0, 0.0]]), ("0 everywhere",)),
        (lambda: occupancy_entropy([[-1.0, 2.0]]), ("occupancy[0, 0] is -1.0", "not negative")),
        (lambda: occupancy_entropy([[np.nan, 2.0]]), ("occupancy[0, 0] is nan",)),
        (lambda: occupancy_entropy([1.0, 2.0]), ("shape (2,)", "[..., s, a]")),
        (lambda: occupancy_entropy([1.0, 2.0], axes="a"), ("axes is 'a'",)),
        (lambda: occupancy_entropy("mu"), ("dtype",)),
        (lambda: choice_entropy([[1.0], [2.0, 3.0]]), ("occupancy",)),
        (lambda: choice_entropy([[None, 1.0]]), ("None",)),
    ],
)
def test_refusals(call, fragments):
    assert_refuses(call, InvalidArgument, *fragments)
