"""Policies over tuples of actions, against sums over all trajectories and all tuples, in exact numbers."""

import itertools
import math
from collections import defaultdict
from itertools import islice

import numpy as np
import pytest
from flint import fmpq

from agreement import assert_agrees
from enumeration import BALLS, BITS, EXACT, law_of_policy, nested, paths, plain, probability
from instances import each_kind, models_of
from mdps import MDP, InvalidArgument, causal_entropy, scalars
from mdps.factored import (
    action_components,
    action_index,
    autoregressive_policy,
    by_component,
    causal_entropy_by_component,
    component_marginals,
    conditionals,
    independent_policy,
    kl_by_component,
    of_components,
    total_correlation,
)
from mdps.random_models import random_model, random_policy
from mdps.scalars.balls import precision
from refusals import assert_refuses

SIZES = ((2, 2), (3, 2), (1, 2, 2), (4,), (2, 1, 3))


def factored_models(kind):
    """Models of a kind with few trajectories, with two policies [t, s, a]: the second covers the first."""
    for number, (mdp, _, _, rng) in enumerate(islice(models_of(kind), 0, None, 6)):
        sizes = SIZES[number % len(SIZES)]
        structure = {name: True for name in kind.partition("/")[0].split("-") if name != "plain"}
        horizon = 1 + number % 2
        model = random_model(rng, 2, math.prod(sizes), horizon, discount=mdp.discount, **structure)
        first = random_policy(rng, model, steps=True, full_support=number % 3 > 0)
        yield model, sizes, first, random_policy(rng, model, steps=True)


def tuples(sizes):
    return list(itertools.product(*map(range, sizes)))


def conditional(row, sizes, k, action):
    """pi(a_k | a_<k) from the probabilities of all tuples."""
    total = dict.fromkeys((k, k + 1), 0)
    for chosen, p in zip(tuples(sizes), row, strict=True):
        for n in total:
            if chosen[:n] == action[:n]:
                total[n] = total[n] + p
    return total[k + 1] / total[k]


def sums_over_paths(f, mdp, policy, other, sizes):
    """Entropies and divergences [k] by component: sum over trajectories, decisions and their factors."""
    model = plain(mdp, f)
    walked = paths(model)
    pi, rho = nested(policy, f), nested(other, f)
    entropy = [f.number(fmpq(0)) for _ in sizes]
    divergence = list(entropy)
    for p, path in zip(law_of_policy(walked, pi), walked, strict=True):
        if not p > 0:
            continue
        for t, a in enumerate(path.actions):
            weight = model.gamma**t * p
            for k in range(len(sizes)):
                mine, theirs = (conditional(x[t][path.states[t]], sizes, k, tuples(sizes)[a]) for x in (pi, rho))
                entropy[k] = entropy[k] - weight * f.log(mine)
                divergence[k] = divergence[k] + weight * (f.log(mine) - f.log(theirs))
    return np.array(entropy, dtype=object), np.array(divergence, dtype=object)


def both(mdp, policy, other, sizes):
    return causal_entropy_by_component(mdp, policy, sizes), kl_by_component(mdp, policy, other, sizes)


@each_kind
def test_the_chain_rules(kind):
    for mdp, sizes, policy, other in factored_models(kind):
        entropy, divergence = both(mdp, policy, other, sizes)
        by_sums = sums_over_paths(EXACT, mdp, policy, other, sizes)
        assert (entropy == by_sums[0]).all()
        assert (divergence == by_sums[1]).all()
        assert entropy.sum() == causal_entropy(mdp, policy)
        assert all(x >= 0 for x in [*entropy, *divergence])
        assert kl_by_component(mdp, policy, policy, sizes).tolist() == [0] * len(sizes)


@each_kind
def test_the_divergence_is_that_of_trajectory_laws(kind):
    """With discount 1: sum_tau p log(p / p'), where the dynamics cancel."""
    for mdp, sizes, policy, other in factored_models(kind):
        if mdp.discount != 1:
            continue
        walked = paths(plain(mdp, EXACT))
        total = fmpq(0)
        for path in walked:
            p, q = (probability(path, nested(x, EXACT)) for x in (policy, other))
            if p > 0:
                total = total + p * (EXACT.log(p) - EXACT.log(q))
        assert kl_by_component(mdp, policy, other, sizes).sum() == total


@each_kind
def test_floats_and_balls(kind):
    for mdp, sizes, policy, other in islice(factored_models(kind), 0, None, 2):
        arguments = mdp, policy, other, sizes
        with precision(BITS):
            truth = sums_over_paths(BALLS, *arguments)
        assert_agrees(lambda *given: both(*given, arguments[-1]), truth, *arguments[:-1])  # noqa: B023
        exact = np.asarray(total_correlation(mdp, policy, sizes))
        with precision(BITS):
            enclosed = scalars.convert(exact, "ball")
        assert_agrees(lambda *given: np.asarray(total_correlation(*given, arguments[-1])), enclosed, mdp, policy)  # noqa: B023


def product_of_marginals(row, sizes):
    """prod_k p(a_k) for each tuple."""
    laws = defaultdict(lambda: fmpq(0))
    for chosen, p in zip(tuples(sizes), row, strict=True):
        for k, choice in enumerate(chosen):
            laws[k, choice] += p
    return [math.prod((laws[k, choice] for k, choice in enumerate(chosen)), start=fmpq(1)) for chosen in tuples(sizes)]


@each_kind
def test_total_correlation(kind):
    """What the nearest independent policy misses: KL to any other independent one is larger by the KL of marginals."""
    for mdp, sizes, policy, other in factored_models(kind):
        walked = paths(plain(mdp, EXACT))
        law = law_of_policy(walked, nested(policy, EXACT))
        apart = independent_policy(component_marginals(other, sizes))
        correlation, distance, of_marginals = fmpq(0), fmpq(0), fmpq(0)
        for p, path in zip(law, walked, strict=True):
            for t, a in enumerate(path.actions):
                s, row = path.states[t], policy[t, path.states[t]]
                if p > 0:
                    weight = mdp.discount**t * p
                    best, theirs = product_of_marginals(row, sizes)[a], apart[t, s, a]
                    correlation = correlation + weight * (EXACT.log(row[a]) - EXACT.log(best))
                    distance = distance + weight * (EXACT.log(row[a]) - EXACT.log(theirs))
                    of_marginals = of_marginals + weight * (EXACT.log(best) - EXACT.log(theirs))
        found = total_correlation(mdp, policy, sizes)
        assert found == correlation
        assert found >= 0
        assert distance - found == of_marginals
        assert of_marginals >= 0
        if mdp.available.all():
            assert total_correlation(mdp, independent_policy(component_marginals(policy, sizes)), sizes) == 0


@each_kind
def test_factors_and_marginals_of_policies(kind):
    for mdp, sizes, policy, _ in factored_models(kind):
        factors, laws = conditionals(policy, sizes), component_marginals(policy, sizes)
        assert (autoregressive_policy(factors) == policy).all()
        independent = independent_policy(laws)
        for t, s in np.ndindex(policy.shape[:2]):
            row = policy[t, s]
            assert independent[t, s].tolist() == product_of_marginals(row, sizes)
            for a, chosen in enumerate(tuples(sizes)):
                if row[a] > 0:
                    for k, factor in enumerate(factors):
                        assert factor[(t, s, *chosen[: k + 1])] == conditional(row, sizes, k, chosen)
        for factor in factors:
            sums = factor.sum(axis=-1)
            assert ((sums == 1) | (sums == 0)).all()
        floats = autoregressive_policy(conditionals(scalars.convert(policy, "float"), sizes))
        # Each factor is a quotient of sums of at most A numbers: K (A + 2) roundings of a number up to 1.
        bound = (len(sizes) * (mdp.n_actions + 2) + 1) * 2.0**-53
        assert (abs(floats - scalars.convert(policy, "float")) <= bound).all()


@pytest.mark.parametrize("sizes", SIZES)
def test_numbers_of_actions(sizes):
    for a, chosen in enumerate(tuples(sizes)):
        assert action_index(sizes, chosen) == a
        assert action_components(sizes, a).tolist() == list(chosen)
    n = math.prod(sizes)
    assert (action_index(sizes, action_components(sizes, np.arange(n))) == np.arange(n)).all()
    table = np.arange(3 * n * 2).reshape(3, n, 2)
    split = by_component(table, sizes, axis=-2)
    assert split.shape == (3, *sizes, 2)
    assert np.shares_memory(split, table)
    for a, chosen in enumerate(tuples(sizes)):
        assert (split[(slice(None), *chosen)] == table[:, a]).all()
    assert (of_components(split, sizes, axis=-2) == table).all()


def test_a_model_of_two_switches():
    """Each component moves a bit of its own: a model is one over tuples, laid out."""
    table = np.full((4, 2, 2, 4), fmpq(0), dtype=object)
    for s, a, b in np.ndindex(4, 2, 2):
        table[s, a, b, 2 * ((s >> 1) ^ a) + ((s & 1) ^ b)] = fmpq(1)
    mdp = MDP(of_components(table, (2, 2), axis=-2), [1, 0, 0, 0], horizon=2)
    uniform = np.full((4, 4), fmpq(1, 4), dtype=object)
    assert causal_entropy_by_component(mdp, uniform, (2, 2)).tolist() == [2 * scalars.LogRational.log(2)] * 2
    same = np.full((4, 4), fmpq(0), dtype=object)
    same[:, [0, 3]] = fmpq(1, 2)
    assert total_correlation(mdp, same, (2, 2)) == 2 * scalars.LogRational.log(2)
    assert causal_entropy_by_component(mdp, same, (2, 2)).tolist() == [2 * scalars.LogRational.log(2), 0]


def test_stacks():
    rng = np.random.default_rng(5)
    models = [random_model(rng, 2, 4, 2) for _ in range(3)]
    stack = MDP(np.stack([m.transition for m in models]), np.stack([m.initial for m in models]), horizon=2)
    policy, other = (np.stack([random_policy(rng, m, steps=True) for m in models]) for _ in range(2))
    entropies, divergences = both(stack, policy, other, (2, 2))
    for i, mdp in enumerate(models):
        assert (entropies[i] == causal_entropy_by_component(mdp, policy[i], (2, 2))).all()
        assert (divergences[i] == kl_by_component(mdp, policy[i], other[i], (2, 2))).all()
        assert total_correlation(stack, policy, (2, 2))[i] == total_correlation(mdp, policy[i], (2, 2))


def test_rare_choices_in_floats():
    """Probabilities of 1e-300: finite, and nothing is lost of the common ones."""
    mdp = MDP(np.ones((1, 4, 1)), [1.0], horizon=1)
    policy = np.array([[1 - 2e-300, 1e-300, 1e-300, 0.0]])
    other = np.array([[1e-300, 0.5, 0.5 - 1e-300, 0.0]])
    assert np.isfinite(kl_by_component(mdp, policy, other, (2, 2))).all()
    assert total_correlation(mdp, policy, (2, 2)) >= 0


MDP_ = MDP(np.ones((1, 4, 1)), [1.0], horizon=1)
SURE = np.array([[1.0, 0, 0, 0]])


@pytest.mark.parametrize(
    "call, fragments",
    [
        (lambda: action_index((2, 2), (0, 2)), ("2 numbers, below (2, 2)",)),
        (lambda: action_index((2, 2), (0,)), ("expected 2 numbers",)),
        (lambda: action_index((2, 2), (0.0, 1.0)), ("expected 2 numbers",)),
        (lambda: action_index((), ()), ("how many choices",)),
        (lambda: action_index((2, 0), (0, 0)), ("how many choices",)),
        (lambda: action_components((2, 2), 4), ("from 0 to 3",)),
        (lambda: action_components((2, 2), -1), ("from 0 to 3",)),
        (lambda: by_component(np.zeros((2, 5)), (2, 2)), ("expected on axis -1 4 actions",)),
        (lambda: by_component(np.zeros((2, 4)), (2, 2), axis=1), ("axis 1",)),
        (lambda: of_components(np.zeros((2, 2, 3)), (2, 2)), ("expected axes (2, 2)",)),
        (lambda: autoregressive_policy([]), ("factors have shapes []",)),
        (lambda: autoregressive_policy([np.ones((1, 2)), np.ones((1, 3, 2))]), ("factors have shapes",)),
        (lambda: independent_policy([np.ones((1, 2)), np.ones((2, 2))]), ("components have shapes",)),
        (lambda: total_correlation(MDP_, SURE, (2, 3)), ("make 6 actions; the model has 4 actions",)),
        (lambda: total_correlation(MDP_, SURE * 2, (2, 2)), ("policy[0] sums to 2.0",)),
        (lambda: kl_by_component(MDP_, np.full((1, 4), 0.25), SURE, (2, 2)), ("infinite", "other[0, 0, 1]")),
        (lambda: causal_entropy_by_component(MDP_, SURE, (True, 4)), ("how many choices",)),
    ],
)
def test_refusals(call, fragments):
    assert_refuses(call, InvalidArgument, *fragments)
