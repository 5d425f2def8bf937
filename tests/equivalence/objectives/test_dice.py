"""ValueDICE: the bound by enumeration, its gradient by power series, its minimum, and the bias of samples."""

from functools import partial

import numpy as np
import pytest
from flint import fmpq

from agreement import assert_agrees, objects, overlap
from enumeration import BALLS, BITS, derivatives, nested
from equivalence.objectives import dice
from instances import each_kind, models_of
from mdps import MDP, InvalidArgument, marginals, scalars
from mdps.random_models import random_policy, random_reward
from mdps.scalars.balls import precision
from visited import drawn_expert, endless_expert, endless_models, endless_occupancy, policy_like


def numbers_of(mdp, nu, policy, expert):
    return (
        dice.critic_loss(mdp, nu, policy, expert),
        dice.sampled_critic_loss(mdp, nu, policy, expert),
        dice.critic_gradient(mdp, nu, policy, expert),
    )


def loss_of(mdp, policy, expert, mass, sampled, nu):
    """log E_{n_E}[e^(nu - B nu)] - E_{rho, pi}[nu] / M by loops; policy [t][s][a] or [s][a], expert {(t, s, a): x}."""
    rows, gamma = mdp.transition.tolist(), BALLS.number(mdp.discount)

    def at(table, t, s):
        return table[t][s] if isinstance(table[0][0], list) else table[s]

    def following(t, s, a):
        """(probability, nu) of each (s', a'), 0 where it is over."""
        after = t if mdp.horizon is None else t + 1
        for x, p in enumerate(rows[s][a]):
            if p == 0:
                continue
            p = BALLS.number(p)
            if mdp.terminal[x] or after == mdp.horizon:
                yield p, 0
                continue
            for b in np.flatnonzero(mdp.available[x]):
                if at(policy, after, x)[b] != 0:
                    yield p * at(policy, after, x)[b], at(nu, after, x)[b]

    total, rho = 0, sum(expert.values())
    for (t, s, a), e in expert.items():
        here = at(nu, t, s)[a]
        if sampled:
            for p, ahead in following(t, s, a):
                total = total + e * p * (here - gamma * ahead).exp()
        else:
            total = total + e * (here - gamma * sum(p * ahead for p, ahead in following(t, s, a))).exp()
    started = 0
    for s, p in enumerate(mdp.initial.tolist()):
        for a in np.flatnonzero(mdp.available[s]):
            started = started + BALLS.number(p) * at(policy, 0, s)[a] * at(nu, 0, s)[a]
    return (total / rho).log() - started / mass


def truth(mdp, nu, policy, expert, visits):
    """`visits` of the policy, for M alone."""
    given = {}
    for index in np.ndindex(expert.shape):
        if expert[index] != 0:
            weight = mdp.discount ** index[0] if expert.ndim == 3 else 1
            given[index if expert.ndim == 3 else (0, *index)] = BALLS.number(fmpq(1) * weight * expert[index])
    table, pi = nested(nu, BALLS), nested(policy, BALLS)
    loss = partial(loss_of, mdp, pi, given, BALLS.number(visits.sum()))
    slope = objects(derivatives(partial(loss, False), table))
    return objects(loss(False, table)), objects(loss(True, table)), slope


def weighted(mdp, table):
    return table * np.array([fmpq(1) * mdp.discount**t for t in range(mdp.horizon)])[:, None, None]


@each_kind
def test_agrees_with_definitions(kind):
    for number, (mdp, _, _, rng) in enumerate(models_of(kind)):
        if number % 5 != len(kind) % 5:
            continue
        policy = policy_like(rng, mdp, ("sa", "tsa")[number % 2], full_support=number % 3 > 0)
        visits = weighted(mdp, marginals(mdp, policy))
        expert = drawn_expert(rng, mdp, "tsa", number)
        if visits.sum() == 0 or expert.sum() == 0:
            continue
        nu = random_reward(rng, (mdp.horizon, *mdp.available.shape) if number % 4 < 2 else mdp.available.shape)
        with precision(BITS):
            expected = truth(mdp, nu, policy, expert, visits)
        assert_agrees(numbers_of, expected, mdp, nu, policy, expert)


def test_without_end():
    for number, (mdp, rng) in enumerate(endless_models()):
        policy = random_policy(rng, mdp, full_support=number % 3 > 0)
        nu, expert = random_reward(rng, mdp.available.shape), endless_expert(rng, mdp, number)
        with precision(BITS):
            expected = truth(mdp, nu, policy, expert, endless_occupancy(mdp, policy))
            balls = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (nu, policy, expert))
            for found, true in zip(numbers_of(*balls), expected, strict=True):
                assert overlap(np.asarray(found), true)


def test_the_minimum_is_minus_the_divergence():
    """Q-06: at nu* the loss is -KL(n_pi || n_E) and the gradient 0; elsewhere, and with samples, it is more."""
    for mdp, rng in endless_models():
        policy, other = (random_policy(rng, mdp) for _ in range(2))
        rho, expert = (endless_occupancy(mdp, x) for x in (policy, other))
        n, n_expert = rho / rho.sum(), expert / expert.sum()
        goes = n != 0
        kl = (n[goes] * (scalars.log(n[goes]) - scalars.log(n_expert[goes]))).sum()
        with precision(BITS):
            ball, pi, counts = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (policy, expert))
            nu = dice.optimal_critic(ball, pi, counts)
            true = scalars.convert(np.array(-kl), "ball")[()]
            assert dice.critic_loss(ball, nu, pi, counts).overlaps(true)
            assert overlap(dice.critic_gradient(ball, nu, pi, counts), 0 * nu)
            trial = scalars.convert(random_reward(rng, mdp.available.shape), "ball")
            loss = dice.critic_loss(ball, trial, pi, counts)
            assert not loss < true
            assert not dice.sampled_critic_loss(ball, trial, pi, counts) < loss


@pytest.mark.parametrize("kind", ["plain", "terminal", "unavailable", "deterministic-terminal-unavailable"])
def test_the_minimum_step_by_step(kind):
    for mdp, _, _, rng in models_of(kind):
        policy, other = (random_policy(rng, mdp, steps=True) for _ in range(2))
        rho, expert = (weighted(mdp, marginals(mdp, x)) for x in (policy, other))
        if rho.sum() == 0:
            continue
        n, n_expert = rho / rho.sum(), expert / expert.sum()
        goes = n != 0
        kl = (n[goes] * (scalars.log(n[goes]) - scalars.log(n_expert[goes]))).sum()
        with precision(BITS):
            ball, pi, counts = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (policy, marginals(mdp, other)))
            nu = dice.optimal_critic(ball, pi, counts)
            # Of starts it is worth M KL: nu* is the action values of log(n_pi / n_E), and not of that plus a constant.
            worth = (ball.initial * (pi[0] * nu[0]).sum(axis=-1)).sum()
            assert worth.overlaps(scalars.convert(np.array(rho.sum() * kl), "ball")[()])
            assert dice.critic_loss(ball, nu, pi, counts).overlaps(scalars.convert(np.array(-kl), "ball")[()])
            assert overlap(dice.critic_gradient(ball, nu, pi, counts), 0 * nu)


def test_samples_are_unbiased_where_nothing_is_drawn():
    """Q-08: deterministic dynamics and a deterministic policy."""
    strict = 0
    for kind in ("deterministic", "plain"):
        for mdp, _, _, rng in models_of(kind):
            choice = rng.integers(mdp.n_actions, size=mdp.n_states)
            sure = np.where(np.arange(mdp.n_actions) == choice[:, None], fmpq(1), fmpq(0))
            nu, expert = random_reward(rng, mdp.available.shape), drawn_expert(rng, mdp, "tsa", 1)
            with precision(BITS):
                ball, x, pi, mu = mdp.to("ball"), *(scalars.convert(y, "ball") for y in (nu, sure, expert))
                bias = dice.sampled_critic_loss(ball, x, pi, mu) - dice.critic_loss(ball, x, pi, mu)
                if kind == "deterministic":
                    assert bias.contains(0)
                strict += bias > 0
    assert strict > 20


def test_far_numbers():
    mdp = MDP(np.ones((1, 2, 1)), [1.0], horizon=1)
    half = np.full((1, 1, 2), 0.5)
    nu = np.array([[1000.0, -1000.0]])
    # log(e^1000 / 2) - 0
    assert dice.critic_loss(mdp, nu, half[0], half) == 1000.0 + np.log(0.5)
    assert dice.critic_gradient(mdp, nu, half[0], half).tolist() == [[0.5, -0.5]]


FLOATS = MDP([[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]], [0.5, 0.5], horizon=2)
POLICY = np.array([[0.5, 0.5], [1.0, 0.0]])
ENDED = MDP([[[0.0, 1.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]], [0.0, 1.0], horizon=1)
ENDED_POLICY = np.array([[0.5, 0.5], [0.0, 0.0]])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: dice.critic_loss(FLOATS, np.zeros(2), POLICY, marginals(FLOATS, POLICY)), "nu has shape (2,)"),
        (
            lambda: dice.optimal_critic(FLOATS, POLICY, marginals(FLOATS, [[1.0, 0.0], [1.0, 0.0]])),
            "the policy goes and the expert never does",
        ),
        (
            lambda: dice.critic_loss(ENDED, np.zeros((2, 2)), ENDED_POLICY, np.zeros((1, 2, 2))),
            "the expert visits nothing",
        ),
        (
            lambda: dice.sampled_critic_loss(ENDED, np.zeros((2, 2)), ENDED_POLICY, np.zeros((1, 2, 2))),
            "the expert visits nothing",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InvalidArgument) as raised:
        call()
    assert message in str(raised.value)
