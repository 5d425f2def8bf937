"""GAIL against enumeration, and its identities: the constant, the conjugate, the frozen gradients."""

from functools import partial

import numpy as np
import pytest
import scipy.optimize

from agreement import assert_agrees, assert_equals, objects, overlap
from enumeration import BALLS, BITS, EXACT, derivatives, nested, plain
from equivalence.objectives import gail, policy_gradients
from instances import each_kind, models_of
from mdps import MDP, InvalidArgument, OutOfReach, marginals, occupancy, scalars
from mdps.random_models import random_policy, random_reward
from mdps.scalars.balls import precision
from visited import (
    drawn_expert,
    endless_expert,
    endless_models,
    endless_occupancy,
    policy_like,
    shape_of_form,
    visits_of_policy,
    weighted_expert,
)

FORMS = ("sa", "tsa")


def numbers_of(mdp, logit, policy, expert):
    return (
        gail.discriminator_loss(mdp, logit, policy, expert),
        gail.discriminator_gradient(mdp, logit, policy, expert),
        gail.optimal_discriminator(mdp, policy, expert),
        gail.jensen_shannon(mdp, policy, expert),
        gail.optimal_value(mdp, policy, expert),
    )


def by_definition(F, logit, visits, expert):
    """All with D = e^l / (1 + e^l), sums over what either side visits."""
    weight = [F.exp(x) for x in nested(np.ravel(logit), F)]
    shape, one = logit.shape, F.number(1)
    loss, js, value = 0, 0, 0
    slope, best = (objects(nested(logit, F)) * 0 for _ in range(2))
    for i, index in enumerate(np.ndindex(shape)):
        d = weight[i] / (1 + weight[i])
        e, v = expert.get(index, 0), visits.get(index, 0)
        best[index] = e / (e + v) if index in expert or index in visits else one / 2
        slope[index] = v * d - e * (1 - d)
        for mass in (e, v):
            if (mass is e and index in expert) or (mass is v and index in visits):
                chance = d if mass is e else 1 - d
                loss = loss - mass * F.log(chance)
                js = js + mass * F.log(2 * mass / (e + v))
                value = value + mass * F.log(mass / (e + v))
    return objects(loss), slope, best, objects(js), objects(value)


def drawn(number, mdp, rng):
    form = FORMS[number // 3 % 2]
    policy = policy_like(rng, mdp, form, full_support=number % 3 > 0)
    return form, random_reward(rng, shape_of_form(mdp, form)), policy, drawn_expert(rng, mdp, form, number)


def truth(F, form, mdp, logit, policy, expert):
    given = {index: F.number(x) for index, x in weighted_expert(mdp, expert, form).items()}
    visits = visits_of_policy(plain(mdp, F), nested(policy, F), form)
    return by_definition(F, logit, {i: x for i, x in visits.items() if x != 0}, given)


@each_kind
def test_agrees_with_enumeration(kind):
    for number, (mdp, _, _, rng) in enumerate(models_of(kind)):
        if number % 5 != len(kind) % 5:
            continue
        form, *arguments = drawn(number, mdp, rng)
        with precision(BITS):
            expected = truth(BALLS, form, mdp, *arguments)
        assert_agrees(numbers_of, expected, mdp, *arguments)
        assert assert_equals(numbers_of, lambda x, form=form: truth(EXACT, form, *x), mdp, *arguments)


def nonzero(table):
    return {index: table[index] for index in np.ndindex(table.shape) if table[index] != 0}


def test_without_end():
    for number, (mdp, rng) in enumerate(endless_models()):
        policy = random_policy(rng, mdp, full_support=number % 3 > 0)
        logit, expert = random_reward(rng, mdp.available.shape), endless_expert(rng, mdp, number)
        exactly = by_definition(EXACT, logit, nonzero(endless_occupancy(mdp, policy)), nonzero(expert))
        for found, expected in zip(numbers_of(mdp, logit, policy, expert), exactly, strict=True):
            assert np.all(found == expected)
        if not mdp.terminal.any():  # L-01: the constant is 2 log 2 / (1 - gamma)
            constant = 2 * scalars.LogRational.log(2) / (1 - mdp.discount)
            assert exactly[-1] == exactly[-2] - constant


# The regularizer and its conjugate -------------------------------------------------------------------------------


@each_kind
def test_conjugate_is_attained_at_the_optimal_cost(kind):
    """<x, c*> - psi_GA(c*) = psi_GA*(x) = max_D, and no other cost does better."""
    for number, (mdp, _, _, rng) in enumerate(models_of(kind)):
        if number % 5 != len(kind) % 5:
            continue
        form = FORMS[number // 3 % 2]
        pi, other = (policy_like(rng, mdp, form) for _ in range(2))
        expert = (marginals if form == "tsa" else occupancy)(mdp, other)
        visits = (marginals if form == "tsa" else occupancy)(mdp, pi)
        weight = np.array([mdp.discount**t for t in range(mdp.horizon)])[:, None, None] if form == "tsa" else 1
        x = weight * (visits - expert)
        best = gail.optimal_value(mdp, pi, expert)
        cost = gail.optimal_cost(mdp, pi, expert)
        assert (x * cost).sum() - gail.regularizer(mdp, cost, expert) == best
        assert gail.regularizer_conjugate(mdp, x, expert) == best
        assert (gail.optimal_discriminator(mdp, pi, expert) == 1 - scalars.exp(cost)).all()
        worse = scalars.log(scalars.convert(rng.integers(1, 9, size=cost.shape), "exact") / 9)
        reached = (x * worse).sum() - gail.regularizer(mdp, worse, expert)
        assert reached <= best
        loss = -gail.discriminator_loss(mdp, gail.optimal_logit(mdp, pi, expert), pi, expert)
        assert loss == best


# Gradients to the policy -----------------------------------------------------------------------------------------


def prefixes(model, steps):
    """(t, s, a, probability of deciding so) of each beginning of a trajectory; later choices play no part."""
    waiting = [(0, s, rho) for s, rho in model.starts]
    while waiting:
        t, s, p = waiting.pop()
        if t == model.horizon:
            continue
        for a, row in model.moves[s].items():
            here = p * steps[t][s][a]
            yield t, s, a, here
            waiting += [(t + 1, x, here * chance) for x, chance in row]


def imitation_of_tables(model, policy, expert, form, weight, entries):
    """psi_GA* - lambda H of a table of free numbers."""
    steps = policy if form == "tsa" else [policy] * model.horizon
    visits, total = {}, 0
    for t, s, a, p in prefixes(model, steps):
        index = (t, s, a) if form == "tsa" else (s, a)
        visits[index] = visits.get(index, 0) + model.gamma**t * p
        total = total + weight * model.gamma**t * p * steps[t][s][a].log()
    for index in entries:
        v, e = visits.get(index), expert.get(index)
        if v is not None:
            total = total + v * (v / (v + (0 if e is None else e))).log()
        if e is not None:
            total = total + e * (e / (e + (0 if v is None else v))).log()
    return total


@each_kind
def test_imitation_gradient_is_the_derivative(kind):
    """L-04, exact for tables and for logits, with and without entropy: power series over every trajectory."""
    for number, (mdp, _, _, rng) in enumerate(models_of(kind)):
        if number % 6 != len(kind) % 6 or (mdp.terminal & ~scalars.zero_mask(mdp.initial)).all():
            continue
        form = FORMS[number // 6 % 2]
        pi, other = (policy_like(rng, mdp, form) for _ in range(2))
        expert = (marginals if form == "tsa" else occupancy)(mdp, other)
        with precision(BITS):
            model, given = plain(mdp, BALLS), weighted_expert(mdp, expert, form)
            given = {index: BALLS.number(x) for index, x in given.items()}
            weight = BALLS.number(number % 3)
            loss = partial(
                imitation_of_tables,
                model,
                expert=given,
                form=form,
                weight=weight,
                entries=list(np.ndindex(pi.shape)),
            )
            tables = nested(pi, BALLS)
            by_series = objects(derivatives(loss, tables))
            balls = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (pi, expert))
            slope = gail.imitation_gradient(*balls, entropy_weight=number % 3)
            assert overlap(slope, by_series)
            table = objects(tables)
            to_logits = table * (by_series - (table * by_series).sum(axis=-1)[..., None])
            assert overlap(gail.imitation_logit_gradient(*balls, entropy_weight=number % 3), to_logits)
            value = gail.imitation_loss(*balls, entropy_weight=number % 3)
            assert value.overlaps(loss(tables))


DIVERGENCES = {
    "log D - log(1-D)": lambda v, e: v * (v / e).log(),
    "-log(1-D)": lambda v, e: v * (2 * v / (v + e)).log() + e * (2 * e / (v + e)).log(),
    "log D": lambda v, e: v * (v / e).log() - v * (2 * v / (v + e)).log() - e * (2 * e / (v + e)).log(),
    "rho_E/rho": lambda v, e: e * (e / v).log(),
}


def divergence_of_tables(model, policy, expert, form, divergence):
    steps, visits = policy if form == "tsa" else [policy] * model.horizon, {}
    for t, s, a, p in prefixes(model, steps):
        index = (t, s, a) if form == "tsa" else (s, a)
        visits[index] = visits.get(index, 0) + model.gamma**t * p
    return sum(divergence(v, expert[index]) for index, v in visits.items())


@pytest.mark.parametrize("kind", ["plain", "unavailable", "deterministic", "single_start-unavailable"])
def test_frozen_rewards_descend_their_divergences(kind):
    """L-04 to L-07 to logits, where nothing is terminal, with the optimal D of this policy frozen."""
    for number, (mdp, _, _, rng) in enumerate(models_of(kind)):
        if number % 3 == 0:
            continue
        form = FORMS[number % 2]
        pi, other = (policy_like(rng, mdp, form) for _ in range(2))
        expert = (marginals if form == "tsa" else occupancy)(mdp, other)
        name = list(DIVERGENCES)[number % 4]
        with precision(BITS):
            given = {index: BALLS.number(x) for index, x in weighted_expert(mdp, expert, form).items()}
            loss = partial(
                divergence_of_tables, plain(mdp, BALLS), expert=given, form=form, divergence=DIVERGENCES[name]
            )
            slope, table = objects(derivatives(loss, nested(pi, BALLS))), objects(nested(pi, BALLS))
            ball, policy, counts = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (pi, expert))
            reward = gail.policy_reward(ball, gail.optimal_logit(ball, policy, counts), form=name)
            unpaid = ball.with_final_value(0 * ball.final_value)
            found = policy_gradients.logit_gradient(unpaid, reward, policy, steps=form == "tsa")
            assert overlap(found, -table * (slope - (table * slope).sum(axis=-1)[..., None]))


# Rewards and far numbers              -----------------------------------------------------------------------------


def test_rewards_by_name():
    for number, (mdp, _, _, rng) in enumerate(models_of("unavailable")):
        logit = random_reward(rng, shape_of_form(mdp, FORMS[number % 2]))
        weight = scalars.exp(logit)
        d = weight / (1 + weight)
        available = np.broadcast_to(mdp.available, logit.shape)
        for form, expected in (
            ("-log(1-D)", -scalars.log(1 - d)),
            ("log D", scalars.log(d)),
            ("log D - log(1-D)", logit),
            ("rho_E/rho", weight),
        ):
            reward = gail.policy_reward(mdp, logit, form=form)
            assert (reward == np.where(available, expected, 0)).all()


def test_jensen_shannon_is_the_least_of_a_linear_programme_of_critics():
    """Occupancy matching: with psi = 0 and no entropy, max over costs in [-1, 1] is twice the total variation."""
    rng = np.random.default_rng(5)
    mdp = MDP(rng.dirichlet(np.ones(3), size=(3, 2)), np.full(3, 1 / 3), horizon=None, discount=0.9)
    pi, expert = rng.dirichlet(np.ones(2), size=3), occupancy(mdp, rng.dirichlet(np.ones(2), size=3))
    difference = (occupancy(mdp, pi) - expert).ravel()
    found = scipy.optimize.linprog(-difference, bounds=[(-1, 1)] * 6)
    # HiGHS ends at a vertex, whose value is a sum of 6 terms below 10.
    assert abs(-found.fun - np.abs(difference).sum()) <= 64 * np.spacing(10.0)
    jensen_shannon = gail.jensen_shannon(mdp, pi, expert)
    variation = np.abs(difference).sum() / 2 / 10
    # Pinsker and its reverse for normalized laws: 2 TV^2 <= JS (unhalved) / 1 <= 2 TV log 2
    assert variation**2 * 10 <= jensen_shannon <= 20 * variation * np.log(2)


# Far numbers and bad input ---------------------------------------------------------------------------------------


def test_far_logits_by_hand():
    mdp = MDP(np.ones((1, 2, 1)), [1.0], horizon=1)
    half, logit = np.full((1, 2), 0.5), np.array([[1000.0, -1000.0]])
    assert gail.discriminator_loss(mdp, logit, half, half) == 1000.0
    assert gail.discriminator_gradient(mdp, logit, half, half).tolist() == [[0.5, -0.5]]
    assert gail.policy_reward(mdp, logit).tolist() == [[1000.0, 0.0]]
    rare = np.array([[1e-300, 1.0]])
    assert gail.optimal_discriminator(mdp, half, rare).tolist() == [[2e-300, 2 / 3]]


def test_a_cost_that_floats_cannot_tell_from_zero():
    mdp = MDP(np.ones((1, 1, 1)), [1.0], horizon=1)
    assert (
        abs(gail.regularizer(mdp, [[-1e-12]], [[1.0]]) - 12 * np.log(10)) <= 4 * 2.0**-53 / 1e-12
    )  # 1 - e^c is rounded
    with pytest.raises(OutOfReach, match="rounds to 0"):
        gail.regularizer(mdp, [[-1e-17]], [[1.0]])


FLOATS = MDP([[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]], [0.5, 0.5], horizon=2)
POLICY = np.array([[0.5, 0.5], [1.0, 0.0]])
EXPERT = occupancy(FLOATS, POLICY)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: gail.discriminator_loss(FLOATS, np.zeros((2, 2, 2)), POLICY, EXPERT), "logit has shape (2, 2, 2)"),
        (lambda: gail.regularizer(FLOATS, np.zeros((2, 2)), EXPERT), "psi_GA is infinite unless c < 0"),
        (lambda: gail.regularizer_conjugate(FLOATS, -2 * EXPERT, EXPERT), "psi_GA* is infinite there"),
        (lambda: gail.policy_reward(FLOATS, np.zeros((2, 2)), form="D"), "form is 'D'; expected one of"),
        (
            lambda: gail.imitation_gradient(FLOATS, [[1.0, 0.0], [1.0, 0.0]], EXPERT),
            "the expert goes and the policy never does",
        ),
        (lambda: gail.imitation_loss(FLOATS, POLICY, EXPERT, entropy_weight=-1), "entropy_weight is -1"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InvalidArgument) as raised:
        call()
    assert message in str(raised.value)
