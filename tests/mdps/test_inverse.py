"""Rewards from policies: soft control takes them back, and anchors are solved by a series."""

from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
import scipy.sparse
from flint import arb, fmpq

from agreement import assert_agrees, overlap
from enumeration import BITS
from instances import each_kind, in_reach, models_of, shape_of, soft_solution_in_reach
from mdps import MDP, InvalidArgument, InvalidModel, OutOfReach, gallery, scalars, soft_solution
from mdps.arguments import expected_reward
from mdps.inverse import anchored_reward, reward_of_policy
from mdps.random_models import random_model, random_policy, random_reward
from mdps.scalars.balls import precision
from refusals import assert_refuses


def some(kind, step=5):
    return islice(models_of(kind), 0, None, step)


@each_kind
def test_the_reward_of_a_soft_solution_is_its_reward(kind):
    for mdp, temperature, axes, rng in some(kind):
        reward = random_reward(rng, shape_of(mdp, axes))
        expected = np.where(mdp.available, expected_reward(mdp, reward), fmpq(0))
        with precision(BITS):
            ball = mdp.to("ball")
            solution = soft_solution(ball, scalars.convert(reward, "ball"), temperature=temperature)
            found = reward_of_policy(ball, solution.policy, solution.v, temperature=temperature)
            for t in range(mdp.horizon):
                assert overlap(found[t], scalars.convert(expected, "ball"))


@each_kind
def test_the_reward_of_a_soft_solution_exactly(kind):
    for mdp, reward, temperature, _ in islice(in_reach(kind), 0, None, 3):
        if mdp.horizon > 1 and soft_solution_in_reach(mdp):
            solution = soft_solution(mdp, reward, temperature=temperature)
            found = reward_of_policy(mdp, solution.policy, solution.v, temperature=temperature)
            assert (found == np.where(mdp.available, expected_reward(mdp, reward), fmpq(0))).all()


@each_kind
def test_soft_control_of_the_reward_is_the_policy(kind):
    """Any policy and any values: r - log pi balances the backup, so sum_a exp((r + gamma P v - v) / alpha) = 1."""
    for mdp, temperature, _, rng in some(kind):
        policy = random_policy(rng, mdp, steps=True)
        v = random_reward(rng, (mdp.horizon + 1, mdp.n_states))
        v[:, mdp.terminal] = mdp.final_value[mdp.terminal]
        v[-1] = mdp.final_value
        found = reward_of_policy(mdp, policy, v, temperature=temperature)
        for t in range(mdp.horizon):
            for s, a in np.ndindex(mdp.available.shape):
                if not mdp.available[s, a]:
                    assert found[t, s, a] == 0
                    continue
                moves = [(x, p) for x, p in enumerate(mdp.transition[s, a]) if p != 0]
                ahead = sum((p * v[t + 1, x] for x, p in moves), fmpq(0))
                exponent = (found[t, s, a] + mdp.discount * ahead - v[t, s]) / Fraction(temperature)
                assert exponent == scalars.LogRational.log(policy[t, s, a])
        with precision(BITS):
            truth = scalars.convert(found, "ball")
        assert_agrees(lambda m, p, v, x: reward_of_policy(m, p, v, temperature=x), truth, mdp, policy, v, temperature)


def anchored_problem(mdp, rng, gamma):
    """Without end, a policy, an anchor in each state, and what it earns."""
    endless = replace(mdp, horizon=None, discount=gamma)
    anchor = [int(rng.permutation(np.flatnonzero(row))[0]) if row.any() else 0 for row in mdp.available]
    return endless, random_policy(rng, mdp), anchor, random_reward(rng, (mdp.n_states,))


def satisfies_the_backup(mdp, policy, reward, v, alpha):
    """alpha log pi = r + gamma P v - v at each available (s, a)."""
    for s, a in np.argwhere(mdp.available).tolist():
        ahead = sum((p * v[x] for x, p in enumerate(mdp.transition[s, a]) if p != 0), fmpq(0))
        exponent = reward[s, a] + mdp.discount * ahead - v[s]
        if exponent != alpha * scalars.LogRational.log(policy[s, a]):
            return False
    return True


@each_kind
def test_an_anchor_determines_the_reward(kind):
    """The anchor earns what is known, and values that a series gives balance the backup."""
    for number, (mdp, temperature, _, rng) in enumerate(some(kind)):
        gamma = (Fraction(1, 2), Fraction(99, 100))[number % 2]
        endless, policy, anchor, known = anchored_problem(mdp, rng, gamma)
        reward = anchored_reward(endless, policy, anchor, known=known, temperature=temperature)
        for s in range(mdp.n_states):
            if not mdp.terminal[s]:
                assert reward[s, anchor[s]] == known[s]
        # v = alpha log pi(a|s) - ... of any available action: that of the anchor, by value iteration to a known error.
        with precision(BITS):
            alpha, g = (
                arb(fmpq(Fraction(temperature).numerator, Fraction(temperature).denominator)),
                arb(endless.discount),
            )
            earned = [
                known[s].arb() - alpha * arb(policy[s, anchor[s]]).log() if not mdp.terminal[s] else arb(0)
                for s in range(mdp.n_states)
            ]
            final = [x.arb() if hasattr(x, "arb") else arb(x) for x in mdp.final_value]
            rows = [[arb(p) for p in mdp.transition[s, anchor[s]]] for s in range(mdp.n_states)]
            v = list(final)
            for _ in range(1000 if number % 2 else 250):
                v = [
                    final[s] if mdp.terminal[s] else earned[s] + g * sum(p * x for p, x in zip(rows[s], v, strict=True))
                    for s in range(mdp.n_states)
                ]
            # |v_n - v| <= g^n |v_0 - v|, and |v| <= sum |earned| / (1 - g) + sum |f|.
            size = sum(abs(x) for x in earned) / (1 - g) + 2 * sum(abs(x) for x in final)
            slack = (g ** (1000 if number % 2 else 250) * size).upper()
            v = [x + arb(0, slack) for x in v]
            for s, a in np.argwhere(mdp.available).tolist():
                ahead = sum(arb(p) * x for p, x in zip(mdp.transition[s, a], v, strict=True))
                enclosure = alpha * arb(policy[s, a]).log() - g * ahead + v[s]
                found = reward[s, a]
                assert enclosure.overlaps(found.arb() if hasattr(found, "arb") else arb(found))
                assert arb(enclosure.rad()) < (1 if number % 2 else arb(2) ** -200)
        exact = scalars.convert(reward, "exact")
        with precision(BITS):
            truth = scalars.convert(exact, "ball")
        assert_agrees(
            lambda m, p, k, x, anchor=anchor: anchored_reward(m, p, anchor, known=k, temperature=x),
            truth,
            endless,
            policy,
            known,
            temperature,
        )


@each_kind
def test_an_anchored_reward_is_one_that_has_these_values(kind):
    """Exactly: for any v, the reward that reward_of_policy makes is found again from its own anchor."""
    for mdp, temperature, _, rng in some(kind):
        endless, policy, anchor, _ = anchored_problem(mdp, rng, Fraction(9, 10))
        v = np.where(mdp.terminal, mdp.final_value, random_reward(rng, (mdp.n_states,)))
        reward = reward_of_policy(endless, policy, v, temperature=temperature)
        assert satisfies_the_backup(endless, policy, reward, v, Fraction(temperature))
        known = reward[np.arange(mdp.n_states), anchor]
        assert (anchored_reward(endless, policy, anchor, known=known, temperature=temperature) == reward).all()


@each_kind
def test_soft_control_of_the_anchored_reward_is_the_policy(kind):
    """Without end, in balls of the certified solution."""
    for number, (mdp, temperature, _, rng) in enumerate(some(kind, 13)):
        gamma = (Fraction(1, 2), Fraction(99, 100))[number % 2]
        endless, policy, anchor, known = anchored_problem(mdp, rng, gamma)
        reward = anchored_reward(endless, policy, anchor, known=known, temperature=temperature)
        with precision(BITS):
            found = soft_solution(endless.to("ball"), scalars.convert(reward, "ball"), temperature=temperature)
            assert overlap(found.policy, scalars.convert(policy, "ball"))


def test_episodes_without_a_discount():
    """The anchor leads to the end: v is what it earns on the way."""
    mdp = MDP(gallery.exit_or_stay()[0].transition, [1, 0], horizon=None, final_value=[0, 3])
    third = [[Fraction(1, 3), Fraction(2, 3)], [0, 0]]
    reward = anchored_reward(mdp, third, [1, 0])
    log = scalars.LogRational.log
    # v = 3 - log 2/3; r(stay) = log 1/3 - v + v
    assert reward.tolist() == [[log(Fraction(1, 3)), 0], [0, 0]]
    with pytest.raises(InvalidModel, match="from state 0 the anchor never reaches the end"):
        anchored_reward(mdp, third, 0)


def test_floats_of_every_size():
    """Discount .999, temperatures and probabilities far from 1: finite, and the backup balances within rounding."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        mdp = replace(random_model(rng, 4, 3, 1, discount=Fraction(999, 1000)), horizon=None)
        policy = random_policy(rng, mdp)
        policy[0] = [fmpq(1) - fmpq(2, 10**300), fmpq(1, 10**300), fmpq(1, 10**300)]
        alpha = (Fraction(1, 1000), 1000)[seed % 2]
        exact = anchored_reward(mdp, policy, 0, temperature=alpha)
        with precision(BITS):
            truth = scalars.convert(exact, "ball")
        assert_agrees(lambda m, p, x: anchored_reward(m, p, 0, temperature=x), truth, mdp, policy, alpha)


def test_stacks_of_rewards_of_policies():
    rng = np.random.default_rng(0)
    models = [random_model(rng, 2, 2, 2) for _ in range(3)]
    stack = MDP(np.stack([m.transition for m in models]), np.stack([m.initial for m in models]), horizon=2)
    policies = np.stack([random_policy(rng, m, steps=True) for m in models])
    v = random_reward(rng, (3, 3, 2))
    v[:, -1] = 0 * v[:, -1]
    together = reward_of_policy(stack, policies, v)
    for i, mdp in enumerate(models):
        assert (together[i] == reward_of_policy(mdp, policies[i], v[i])).all()
    endless = replace(stack, horizon=None, discount=Fraction(1, 2))
    apart = reward_of_policy(replace(models[1], horizon=None, discount=Fraction(1, 2)), policies[1, 0], v[1, 0])
    assert (reward_of_policy(endless, policies[:, 0], v[:, 0])[1] == apart).all()


UNIFORM = np.full((2, 2), 0.5)
ENDLESS = MDP(np.full((2, 2, 2), 0.5), [1.0, 0.0], horizon=None, discount=0.9)
FINITE = replace(ENDLESS, horizon=2)
SPARSE = MDP(scipy.sparse.csr_array(np.full((4, 2), 0.5)), [1.0, 0.0], horizon=None, discount=0.9)


@pytest.mark.parametrize(
    "call, error, fragments",
    [
        (lambda: reward_of_policy(ENDLESS, UNIFORM, [0.0]), InvalidArgument, ("v has shape (1,); expected (2,)",)),
        (lambda: reward_of_policy(FINITE, UNIFORM, [0.0, 0.0]), InvalidArgument, ("expected (3, 2)",)),
        (
            lambda: reward_of_policy(ENDLESS, UNIFORM[None], [0, 0]),
            InvalidArgument,
            ("do not depend on time",),
        ),
        (lambda: reward_of_policy(ENDLESS, np.eye(2), [0, 0]), InvalidArgument, ("policy[0, 1] is 0", "positive")),
        (
            lambda: reward_of_policy(FINITE, UNIFORM, np.ones((3, 2))),
            InvalidArgument,
            ("v[2, 0] is 1.0", "final value at the end, 0.0"),
        ),
        (lambda: reward_of_policy(ENDLESS, UNIFORM, [0, np.inf]), InvalidArgument, ("v[1] is inf",)),
        (lambda: anchored_reward(FINITE, UNIFORM, 0), OutOfReach, ("reward_of_policy",)),
        (lambda: anchored_reward(SPARSE, UNIFORM, 0), OutOfReach, ("sparse",)),
        (lambda: anchored_reward(ENDLESS, UNIFORM, 2), InvalidArgument, ("anchor of state 0 is action 2",)),
        (lambda: anchored_reward(ENDLESS, UNIFORM, 0.0), InvalidArgument, ("an action for each",)),
        (lambda: anchored_reward(ENDLESS, UNIFORM, [0]), InvalidArgument, ("each of the 2 states",)),
        (lambda: anchored_reward(ENDLESS, UNIFORM, 0, known=[1]), InvalidArgument, ("known has shape (1,)",)),
        (lambda: anchored_reward(ENDLESS, UNIFORM, 0, temperature=0), InvalidArgument, ("temperature is 0",)),
    ],
)
def test_refusals(call, error, fragments):
    assert_refuses(call, error, *fragments)
