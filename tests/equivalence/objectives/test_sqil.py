"""SQIL and regularized cloning: losses by loops, gradients by power series, and the identity between them."""

from functools import partial

import numpy as np
import pytest
from flint import fmpq

from agreement import assert_agrees, objects
from enumeration import BALLS, BITS, derivatives, nested
from equivalence.objectives import q_learning, sqil
from instances import each_kind, models_of
from mdps import MDP, InvalidArgument, scalars
from mdps.random_models import random_reward
from mdps.scalars import LogRational
from mdps.scalars.balls import precision
from visited import endless_models


def numbers_of(mdp, q, demonstrations, samples, reward, weight, temperature):
    plain = {"temperature": temperature}
    return (
        sqil.cloning_loss(mdp, q, demonstrations, **plain),
        sqil.regularized_cloning_loss(mdp, q, demonstrations, samples, weight=weight, **plain),
        sqil.sqil_loss(mdp, q, demonstrations, samples, reward=reward, sample_weight=weight, **plain),
        sqil.boundary_value(mdp, q, demonstrations, **plain),
        sqil.cloning_gradient(mdp, q, demonstrations, **plain),
        sqil.regularized_cloning_gradient(mdp, q, demonstrations, samples, weight=weight, **plain),
        sqil.sqil_gradient(mdp, q, demonstrations, samples, reward=reward, sample_weight=weight, **plain),
    )


def losses(mdp, demonstrations, samples, reward, weight, alpha, q):
    """Cloning, RBC, SQIL and the boundary, over counts {(s, a, x): n}."""
    final, gamma = nested(mdp.final_value, BALLS), BALLS.number(mdp.discount)

    def value(s):
        if mdp.terminal[s]:
            return final[s]
        return alpha * sum((q[s][a] / alpha).exp() for a in np.flatnonzero(mdp.available[s])).log()

    v = [value(s) for s in range(mdp.n_states)]

    def squared(counts, r):
        total = 0
        for (s, a, x), n in counts.items():
            error = q[s][a] - r - gamma * v[x]
            total = total + n * error * error
        return total

    cloning, boundary = 0, 0
    for (s, a, x), n in demonstrations.items():
        cloning = cloning - n * ((q[s][a] - v[s]) / alpha)
        boundary = boundary + n * (v[s] - gamma * v[x])
    rbc = cloning + weight * (squared(demonstrations, 0) + squared(samples, 0))
    return cloning, rbc, squared(demonstrations, reward) + weight * squared(samples, 0), boundary


def counts_on(rng, mdp):
    return np.where(mdp.support, scalars.convert(rng.integers(0, 4, size=mdp.support.shape), "exact"), fmpq(0))


def drawn(number, mdp, rng, temperature):
    reward, weight = fmpq(1, 1 + number % 2), fmpq(1 + number % 3, 2)
    return (
        random_reward(rng, mdp.available.shape),
        counts_on(rng, mdp),
        counts_on(rng, mdp),
        reward,
        weight,
        temperature,
    )


def truth(mdp, q, demonstrations, samples, reward, weight, temperature):
    tables = [{i: BALLS.number(x[i]) for i in np.ndindex(x.shape) if x[i] != 0} for x in (demonstrations, samples)]
    whole = partial(losses, mdp, *tables, *map(BALLS.number, (reward, weight, temperature)))
    table = nested(q, BALLS)
    slopes = [objects(derivatives(lambda x, i=i: whole(x)[i], table)) for i in range(3)]
    return tuple(objects(x) for x in whole(table)) + tuple(slopes)


@each_kind
def test_agrees_with_definitions(kind):
    for number, (mdp, temperature, _, rng) in enumerate(models_of(kind)):
        if number % 5 != len(kind) % 5:
            continue
        arguments = drawn(number, mdp, rng, temperature)
        with precision(BITS):
            expected = truth(mdp, *arguments)
        assert_agrees(numbers_of, expected, mdp, *arguments)


def test_without_end():
    for number, (mdp, rng) in enumerate(endless_models()):
        arguments = drawn(number, mdp, rng, (1, fmpq(1, 10), 10)[number // 3 % 3])
        with precision(BITS):
            expected = truth(mdp, *arguments)
        assert_agrees(numbers_of, expected, mdp, *arguments)


@each_kind
def test_sqil_is_regularized_cloning(kind):
    """RBC = lambda (d2(demo, 1 / (2 lambda alpha)) + d2(samp, 0)) + boundary / alpha - |N| / (4 lambda alpha^2)."""
    for number, (mdp, temperature, _, rng) in enumerate(models_of(kind)):
        q, demonstrations, samples, _, weight, alpha = drawn(number, mdp, rng, temperature)
        with precision(BITS):
            ball = mdp.to("ball")
            table, demo, samp, w, a = (
                scalars.convert(np.asarray(x), "ball")[()] for x in (q, demonstrations, samples, weight, alpha)
            )
            rbc = sqil.regularized_cloning_loss(ball, table, demo, samp, weight=w, temperature=a)
            paid = sqil.squared_soft_bellman_error(ball, table, demo, 1 / (2 * w * a), temperature=a)
            unpaid = sqil.squared_soft_bellman_error(ball, table, samp, 0, temperature=a)
            boundary = sqil.boundary_value(ball, table, demo, temperature=a)
            assert rbc.overlaps(w * paid + w * unpaid + boundary / a - demo.sum() / (4 * w * a * a))


def test_boundary_of_complete_episodes_is_the_value_of_starts():
    """Discount 1, f = 0: counts of whole trajectories of a model that ends by itself."""
    # 0 -> 1 -> 2, or 0 -> 2 at once; 2 is terminal
    moves = [[[0, 1, 0], [0, 0, 1]], [[0, 0, 1], [0, 0, 1]], [[0, 0, 0], [0, 0, 0]]]
    mdp = MDP(scalars.convert(np.array(moves), "exact"), [1, 0, 0], horizon=2)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n = [int(x) for x in rng.integers(0, 5, size=3)]
        counts = np.full((3, 2, 3), fmpq(0))
        counts[0, 1, 2] = fmpq(n[0])
        counts[0, 0, 1] = fmpq(n[1] + n[2])
        counts[1, 0, 2], counts[1, 1, 2] = fmpq(n[1]), fmpq(n[2])
        q = random_reward(rng, (3, 2))
        starts = sum(n) * q_learning.soft_values(mdp, q)[0, 0]
        assert sqil.boundary_value(mdp, q, counts) == starts
    assert isinstance(starts, LogRational)


def test_far_numbers():
    mdp = MDP(np.ones((1, 2, 1)), [1.0], horizon=2, discount=0.5)
    q, counts = np.array([[1000.0, -1000.0]]), np.ones((1, 2, 1))
    assert sqil.cloning_loss(mdp, q, counts, temperature=1e-3) == 2_000_000.0
    # errors 1000 - 500 and -1000 - 500
    assert sqil.squared_soft_bellman_error(mdp, q, counts, 0, temperature=1e-3) == 500.0**2 + 1500.0**2
    gradient = sqil.squared_soft_bellman_error_gradient(mdp, q, counts, 0, temperature=1e-3)
    assert gradient.tolist() == [[1000.0 + 1000.0, -3000.0]]


FLOATS = MDP([[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]], [0.5, 0.5], horizon=2)
COUNTS = np.ones((2, 2, 2)) * FLOATS.support


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: sqil.cloning_loss(FLOATS, np.zeros((2, 2, 2)), COUNTS), "q has shape (2, 2, 2); expected (2, 2)"),
        (lambda: sqil.cloning_loss(FLOATS, np.zeros((2, 2)), COUNTS[0]), "demonstrations has shape (2, 2)"),
        (lambda: sqil.cloning_loss(FLOATS, np.zeros((2, 2)), -COUNTS), "demonstrations[0, 0, 0] is -1.0"),
        (lambda: sqil.cloning_loss(FLOATS, np.zeros((2, 2)), COUNTS + 1), "0 where the model never goes"),
        (
            lambda: sqil.sqil_loss(FLOATS, np.zeros((2, 2)), COUNTS, COUNTS, reward=[1, 2]),
            "reward has shape (2,); expected one number",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InvalidArgument) as raised:
        call()
    assert message in str(raised.value)
