"""Policy gradients against power series over beginnings of trajectories, and without end against resolvents."""

from functools import partial

import numpy as np
import pytest
from flint import fmpq

from agreement import assert_agrees, objects, overlap
from enumeration import BALLS, BITS, derivatives, nested, plain
from equivalence.objectives import policy_gradients
from instances import each_kind, models_of
from mdps import MDP, InvalidArgument, occupancy, scalars
from mdps.random_models import random_policy, random_reward
from mdps.scalars import duals
from mdps.scalars.balls import precision
from visited import endless_models, endless_occupancy


def beginnings(model, steps, t, s, p):
    """Of each beginning of a trajectory from s at t: its probability, its decision, and what follows it."""
    if t == model.horizon or not model.moves[s]:
        yield t, s, None, None, p
        return
    for a, row in model.moves[s].items():
        here = p * steps[t][s][a]
        for x, chance in row:
            yield t, s, a, x, here * chance
            yield from beginnings(model, steps, t + 1, x, here * chance)


def value_of_table(model, policy, reward, axes, weight):
    """E[sum gamma^t (r - alpha log pi)] + final value, of a table of free numbers."""
    steps = policy if isinstance(policy[0][0], list) else [policy] * model.horizon
    total = 0
    for start, rho in model.starts:
        for t, s, a, x, p in beginnings(model, steps, 0, start, rho):
            if a is None:
                total = total + p * model.gamma**t * model.final[s]
                continue
            index = (t, s, a) if axes == "tsa" else (s, a, x)[: len(axes)]
            paid = reward
            for i in index:
                paid = paid[i]
            if weight != 0:
                paid = paid - weight * steps[t][s][a].log()
            total = total + p * model.gamma**t * paid
    return total


def numbers_of(weight, in_steps, mdp, reward, policy):
    given = {"entropy_weight": weight, "steps": in_steps}
    return (
        policy_gradients.regularized_value(mdp, reward, policy, **given),
        policy_gradients.policy_gradient(mdp, reward, policy, **given),
        policy_gradients.logit_gradient(mdp, reward, policy, **given),
        policy_gradients.immediate_reward_update(mdp, reward, policy, steps=in_steps),
        policy_gradients.immediate_reward_update(mdp, reward, policy, score="pi", steps=in_steps),
    )


def immediate(mdp, reward, policy, in_steps, score):
    """sum rho r dlog pi (or dpi) to logits, from the visits of beginnings and the derivatives of a softmax."""
    model, pi, r = plain(mdp, BALLS), nested(policy, BALLS), nested(reward, BALLS)
    steps = pi if policy.ndim == 3 else [pi] * mdp.horizon
    out = objects(pi) * 0
    for start, rho in model.starts:
        for t, s, a, x, p in beginnings(model, steps, 0, start, rho):
            if a is None:
                continue
            index = (t, s, a) if in_steps else (s, a, x)[: reward.ndim]
            paid = r
            for i in index:
                paid = paid[i]
            for b in range(model.n_actions):
                slope = (int(a == b) - steps[t][s][b]) * (1 if score == "log pi" else steps[t][s][a])
                at = (t, s, b) if policy.ndim == 3 else (s, b)
                out[at] = out[at] + model.gamma**t * p * paid * slope
    return out


@each_kind
def test_agrees_with_power_series(kind):
    for number, (mdp, _, axes, rng) in enumerate(models_of(kind)):
        if number % 6 != len(kind) % 6:
            continue
        in_steps, weight = number % 4 == 1, number % 3
        shape = (mdp.n_states, mdp.n_actions, mdp.n_states)[: len(axes)]
        shape = (mdp.horizon, mdp.n_states, mdp.n_actions) if in_steps else shape
        reward = random_reward(rng, shape)
        policy = random_policy(rng, mdp, steps=number % 5 > 1, full_support=weight > 0)
        with precision(BITS):
            model = plain(mdp, BALLS)
            tables, r = nested(policy, BALLS), nested(reward, BALLS)
            value = partial(
                value_of_table, model, reward=r, axes="tsa" if in_steps else axes, weight=BALLS.number(weight)
            )
            slope = objects(derivatives(value, tables))
            table = objects(tables)
            mean = (table * slope).sum(axis=-1)[..., None]
            expected = (
                objects(value(tables)),
                slope,
                table * (slope - mean),
                immediate(mdp, reward, policy, in_steps, "log pi"),
                immediate(mdp, reward, policy, in_steps, "pi"),
            )
        assert_agrees(partial(numbers_of, weight, in_steps), expected, mdp, reward, policy)


def test_without_end():
    """J = sum rho r + final value of where it ends, and dJ/dpi = d Q of values from each state, in exact numbers."""
    for mdp, rng in endless_models():
        policy, reward = random_policy(rng, mdp), random_reward(rng, mdp.available.shape)
        paid = reward + mdp.discount * mdp.expectation(np.where(mdp.terminal, mdp.final_value, fmpq(0)))
        rho = endless_occupancy(mdp, policy)
        ended = (np.where(mdp.terminal, mdp.initial, fmpq(0)) * mdp.final_value).sum()
        value = policy_gradients.regularized_value(mdp, reward, policy)
        assert value == np.where(mdp.available, rho * paid, fmpq(0)).sum() + ended
        slope = policy_gradients.policy_gradient(mdp, reward, policy)
        # Q(s, a): what is paid and, from then on, what the occupancy from each state earns.
        v = np.array([worth(mdp, policy, paid, s) for s in range(mdp.n_states)], dtype=object)
        q = paid + mdp.discount * mdp.expectation(v)
        d = rho.sum(axis=-1)[:, None]
        assert (slope == np.where(mdp.available, d * q, fmpq(0))).all()
        logits = policy_gradients.logit_gradient(mdp, reward, policy)
        assert (logits == policy * d * (q - (policy * np.where(mdp.available, q, fmpq(0))).sum(axis=-1)[:, None])).all()
        # The performance difference lemma: J' - J = sum d' (pi' - pi) Q, for another policy.
        other = random_policy(rng, mdp)
        gained = endless_occupancy(mdp, other).sum(axis=-1)[:, None] * (other - policy) * q
        difference = policy_gradients.regularized_value(mdp, reward, other) - value
        assert difference == np.where(mdp.available, gained, fmpq(0)).sum()


def worth(mdp, policy, paid, s):
    """What is earned from s, terminal states aside."""
    if mdp.terminal[s]:
        return fmpq(0)
    start = np.where(np.arange(mdp.n_states) == s, fmpq(1), fmpq(0))
    here = MDP(mdp.transition, start, horizon=None, discount=mdp.discount)
    rho = endless_occupancy(here, policy)
    return np.where(mdp.available, rho * paid, fmpq(0)).sum()


def test_entropy_without_end_by_nested_duals():
    """dJ/dlogit with entropy: J of soft-max policies of few steps of the recursion, gamma^60 = 2^-60 away."""
    for number, (mdp, rng) in enumerate(endless_models()):
        if mdp.discount != fmpq(1, 2) or number % 3:
            continue
        policy, reward = random_policy(rng, mdp), random_reward(rng, mdp.available.shape)
        finite = MDP(mdp.transition, mdp.initial, horizon=40, discount=mdp.discount, final_value=mdp.final_value)
        with precision(100):
            one, many = mdp.to("ball"), finite.to("ball")
            r, pi = scalars.convert(reward, "ball"), scalars.convert(policy, "ball")
            for function in (policy_gradients.policy_gradient, policy_gradients.logit_gradient):
                difference = function(one, r, pi, entropy_weight=2) - function(many, r, pi, entropy_weight=2)
                # |Q| <= (3 + 2 log 3 + final) / (1 - gamma) < 30; the tail of 40 steps is below 40 * 30 * 2^-38.
                assert all(abs(x) < 40 * 30 * 2.0**-38 for x in difference.ravel())


def test_immediate_reward_is_the_gradient_at_horizon_one_and_not_in_general():
    """PG-01: and the difference is the update with Q - r in place of r."""
    differ = 0
    for kind in ("plain", "unavailable"):
        for mdp, _, _, rng in models_of(kind):
            policy, reward = random_policy(rng, mdp, steps=True), random_reward(rng, mdp.available.shape)
            right = policy_gradients.logit_gradient(mdp.with_final_value(0 * mdp.final_value), reward, policy)
            printed = policy_gradients.immediate_reward_update(mdp, reward, policy)
            if mdp.horizon == 1:
                assert (right == printed).all()
            differ += bool((right != printed).any())
    assert differ > 50


def test_far_rewards():
    mdp = MDP(np.ones((1, 2, 1)), [1.0], horizon=2)
    half = np.full((1, 2), 0.5)
    slope = policy_gradients.policy_gradient(mdp, np.array([[1000.0, -1000.0]]), half)
    assert slope.tolist() == [[2000.0, -2000.0]]
    rare = np.array([[1e-300, 1.0]])
    assert policy_gradients.policy_gradient(mdp, np.array([[1000.0, 0.0]]), rare)[0, 0] == 2000.0


FLOATS = MDP([[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]], [0.5, 0.5], horizon=2)
POLICY = np.array([[0.5, 0.5], [1.0, 0.0]])


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: policy_gradients.policy_gradient(FLOATS, np.zeros(2), [[1.0, 0.0], [1.0, 0.0]], entropy_weight=1),
            "policy[0, 0, 1] is 0, where the derivative of the entropy is infinite",
        ),
        (
            lambda: policy_gradients.policy_gradient(FLOATS, np.zeros((2, 2)), POLICY, steps=True),
            "reward has shape (2, 2); expected (2, 2, 2), [t, s, a]",
        ),
        (lambda: policy_gradients.immediate_reward_update(FLOATS, np.zeros(2), POLICY, score="q"), "score is 'q'"),
        (
            lambda: policy_gradients.regularized_value(FLOATS, np.zeros(2), POLICY, entropy_weight=-0.5),
            "entropy_weight is -0.5; expected one number, not negative",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InvalidArgument) as raised:
        call()
    assert message in str(raised.value)


def test_gradients_are_duals_of_the_value():
    """Nothing shared with beginnings of trajectories: the library's own value, differentiated."""
    for kind in ("terminal", "deterministic-unavailable"):
        for number, (mdp, _, _, rng) in enumerate(models_of(kind)):
            if number % 3:
                continue
            policy, reward = random_policy(rng, mdp), random_reward(rng, mdp.available.shape)
            assert (occupancy(mdp, policy) >= 0).all()
            value = partial(policy_gradients.regularized_value, mdp, reward)
            assert (policy_gradients.policy_gradient(mdp, reward, policy) == duals.gradient(value, policy)).all()
            with precision(BITS):
                ball, r, pi = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (reward, policy))
                if (policy[mdp.available] != 0).all() and mdp.available.all():
                    value = partial(policy_gradients.regularized_value, ball, r, entropy_weight=3)
                    slope = policy_gradients.policy_gradient(ball, r, pi, entropy_weight=3)
                    assert overlap(slope, duals.gradient(value, pi))
