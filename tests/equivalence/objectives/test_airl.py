"""AIRL against enumeration: discriminator, loss, gradients to f, g and h, the optimal f, the rewards by name."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from flint import arb, fmpq

from agreement import assert_agrees, assert_equals, objects, overlap
from enumeration import BALLS, BITS, EXACT, derivatives, nested, plain
from equivalence.objectives import airl, gail
from equivalence.objectives.steps import policy_visits
from instances import each_kind, models_of
from mdps import MDP, InvalidArgument, marginals, occupancy, scalars, soft_solution
from mdps.random_models import random_distribution, random_model, random_policy, random_reward
from mdps.scalars import duals
from mdps.scalars.balls import precision
from mdps.visits import visits_of_policy as visits_of_policy_without_end
from visited import (
    FORMS,
    drawn_expert,
    endless_expert,
    endless_models,
    endless_occupancy,
    policy_like,
    shape_of_form,
    visits_of_policy,
    weighted_expert,
)


def numbers_of(mdp, f, policy, expert):
    return (
        airl.discriminator(mdp, f, policy),
        airl.discriminator_loss(mdp, f, policy, expert),
        airl.discriminator_gradient(mdp, f, policy, expert),
    )


def at(table, index):
    for i in index:
        table = table[i]
    return table


def beside(policy, index, form):
    """pi of an entry of f."""
    return at(policy, index[: len(form.removesuffix("s")) if form.endswith("sas") else len(form)])


def loss_of(F, f, policy, form, visits, expert):
    """-sum rho_E log D - sum rho log(1 - D), D = e^f / (e^f + pi), over what is visited and chosen."""
    total = 0
    for index in set(visits) | set(expert):
        p = beside(policy, index, form)
        if p == 0:
            continue
        weight = F.exp(at(f, index))
        if index in expert:
            total = total + expert[index] * F.log((weight + p) / weight)
        if index in visits:
            total = total + visits[index] * F.log((weight + p) / p)
    return total


def by_definition(F, form, f, policy, expert, visits):
    """The three numbers; the gradient is rho D - rho_E (1 - D), which power series confirm below."""
    shape = f.shape
    f, pi = nested(f, F), nested(policy, F)
    probability, slope = objects(f) * 0, objects(f) * 0
    for index in np.ndindex(shape):
        p = beside(pi, index, form)
        d = F.number(1) if p == 0 else F.exp(at(f, index)) / (F.exp(at(f, index)) + p)
        probability[index] = d
        slope[index] = visits.get(index, 0) * d - (expert.get(index, 0) * (1 - d))
    return probability, objects(loss_of(F, f, pi, form, visits, expert)), slope


def drawn(number, mdp, rng):
    form = FORMS[(number + number // 4) % 4]
    policy = policy_like(rng, mdp, form, full_support=number % 3 > 0)
    f = random_reward(rng, shape_of_form(mdp, form))
    return form, f, policy, drawn_expert(rng, mdp, form, number)


def truth(F, form, mdp, f, policy, expert):
    given = {index: F.number(x) for index, x in weighted_expert(mdp, expert, form).items()}
    visits = visits_of_policy(plain(mdp, F), nested(policy, F), form)
    return by_definition(F, form, f, policy, given, visits)


@each_kind
def test_agrees_with_enumeration(kind):
    for number, (mdp, _, _, rng) in enumerate(models_of(kind)):
        if number % 5 != len(kind) % 5:
            continue
        form, *arguments = drawn(number, mdp, rng)
        with precision(BITS):
            expected = truth(BALLS, form, mdp, *arguments)
            if number % 2:
                f, policy, expert = arguments
                given = {index: BALLS.number(x) for index, x in weighted_expert(mdp, expert, form).items()}
                pi = nested(policy, BALLS)
                visits = visits_of_policy(plain(mdp, BALLS), pi, form)
                slopes = derivatives(
                    partial(loss_of, BALLS, policy=pi, form=form, visits=visits, expert=given), nested(f, BALLS)
                )
                assert overlap(expected[2], objects(slopes))
        assert_agrees(numbers_of, expected, mdp, *arguments)
        assert assert_equals(numbers_of, lambda x, form=form: truth(EXACT, form, *x), mdp, *arguments)


def test_without_end():
    for number, (mdp, rng) in enumerate(endless_models()):
        policy = random_policy(rng, mdp, full_support=number % 3 > 0)
        f, expert = random_reward(rng, mdp.available.shape), endless_expert(rng, mdp, number)
        rho = endless_occupancy(mdp, policy)
        form = "sas" if number % 4 == 1 and number % 2 else "sa"
        if form == "sas":
            f, rho, expert = (
                random_reward(rng, mdp.transition.shape),
                rho[..., None] * mdp.transition,
                (endless_occupancy(mdp, random_policy(rng, mdp))[..., None] * mdp.transition),
            )
        visits, given = ({i: x[i] for i in np.ndindex(x.shape) if x[i] != 0} for x in (rho, expert))
        exactly = by_definition(EXACT, form, f, policy, given, visits)
        for found, expected in zip(numbers_of(mdp, f, policy, expert), exactly, strict=True):
            assert np.all(found == expected)
        if number % 4 == 0:
            with precision(BITS):
                balls = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (f, policy, expert))
                for found, expected in zip(numbers_of(*balls), exactly, strict=True):
                    assert overlap(np.asarray(found), scalars.convert(expected, "ball"))


# Shaping ---------------------------------------------------------------------------------------------------------


def shaped_numbers(mdp, g, h, policy, expert):
    transitions = expert.ndim - (h.ndim - 1) == 3
    f = (airl.f_of_transitions if transitions else airl.f_of_actions)(mdp, g, h)
    return f, *airl.shaped_discriminator_gradient(mdp, g, h, policy, expert)


def shaped_f(F, mdp, form, g, g_axes, h):
    """f by its definition, as a function of an entry: the final value follows the end and the last step."""
    rows, final, gamma = mdp.transition.tolist(), nested(mdp.final_value, F), F.number(mdp.discount)

    def after(t, x):
        last = t is not None and t + 1 == mdp.horizon
        if last or mdp.terminal[x]:
            return final[x]
        return h[x] if t is None else h[t + 1][x]

    def one(t, s, a, x):
        return at(g, (s, a, x)[: len(g_axes)]) + gamma * after(t, x) - (h[s] if t is None else h[t][s])

    def entry(index):
        t, rest = (index[0], index[1:]) if form.startswith("t") else (None, index)
        if form.endswith("sas"):
            return one(t, *rest)
        s, a = rest
        return sum(F.number(p) * one(t, s, a, x) for x, p in enumerate(rows[s][a]) if p > 0)

    return entry


@each_kind
def test_gradients_to_reward_and_potential(kind):
    """By power series through the definition of f, at expert tables of no policy; entries of no row are left out."""
    for number, (mdp, _, g_axes, rng) in enumerate(models_of(kind)):
        if number % 6 != len(kind) % 6:
            continue
        form, _, policy, expert = drawn(number, mdp, rng)
        h_shape = (mdp.horizon, mdp.n_states) if form.startswith("t") else (mdp.n_states,)
        g = random_reward(rng, (mdp.n_states, mdp.n_actions, mdp.n_states)[: len(g_axes)])
        h = random_reward(rng, h_shape)
        with precision(BITS):
            pi = nested(policy, BALLS)
            given = {index: BALLS.number(x) for index, x in weighted_expert(mdp, expert, form).items()}
            visits = visits_of_policy(plain(mdp, BALLS), pi, form)

            def loss(g, h, form=form, mdp=mdp, g_axes=g_axes, pi=pi, visits=visits, given=given):
                entry = shaped_f(BALLS, mdp, form, g, g_axes, h)
                total = 0
                for index in set(visits) | set(given):
                    p = beside(pi, index, form)
                    if p != 0:
                        d = entry(index).exp() / (entry(index).exp() + p)
                        total = total - given.get(index, 0) * d.log() - visits.get(index, 0) * (1 - d).log()
                return total

            balls = nested(g, BALLS), nested(h, BALLS)
            to_g = objects(derivatives(lambda g, h=balls[1], loss=loss: loss(g, h), balls[0]))
            to_h = objects(derivatives(lambda h, g=balls[0], loss=loss: loss(g, h), balls[1]))
            in_balls = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (g, h, policy, expert))
            f, *slopes = shaped_numbers(*in_balls)
            entry = shaped_f(BALLS, mdp, form, balls[0], g_axes, balls[1])
            for index in np.ndindex(f.shape):
                s, a = index[1:3] if form.startswith("t") else index[:2]
                if mdp.available[s, a]:
                    assert f[index].overlaps(entry(index))
            for found, expected in zip(slopes, (to_g, to_h), strict=True):
                assert overlap(found, expected)


def test_shaped_gradients_are_those_of_the_loss_without_end():
    """Exact derivatives by dual numbers; the potential of a terminal state has none."""
    for number, (mdp, rng) in enumerate(endless_models()):
        policy, form = random_policy(rng, mdp), ("sa", "sas")[number % 2]
        expert = occupancy(mdp, random_policy(rng, mdp), axes=form)
        build = airl.f_of_actions if form == "sa" else airl.f_of_transitions
        axes = (mdp.n_states, mdp.n_actions)[: 1 + number // 2 % 2]
        whole = scalars.convert(12 * rng.integers(-1, 2, size=axes), "exact")
        g, h = whole, scalars.convert(12 * rng.integers(-1, 2, size=mdp.n_states), "exact")
        with precision(BITS):
            ball = mdp.to("ball")
            g, h, pi, counts = (scalars.convert(x, "ball") for x in (g, h, policy, expert))

            def loss(g, h, ball=ball, build=build, pi=pi, counts=counts):
                return airl.discriminator_loss(ball, build(ball, g, h), pi, counts)

            found = airl.shaped_discriminator_gradient(ball, g, h, pi, counts)
            assert overlap(found.airl_reward, duals.gradient(lambda x, h=h, loss=loss: loss(x, h), g))
            assert overlap(found.airl_potential, duals.gradient(lambda x, g=g, loss=loss: loss(g, x), h))
            assert all(x == 0 for x in found.airl_potential[mdp.terminal])


# The optimum and the rewards -------------------------------------------------------------------------------------


def test_optimal_f_is_log_expert_plus_log_ratio_of_states():
    """A-06, for experts in the same dynamics; there the gradient of the loss is 0, and f - log pi is GAIL's logit."""
    for kind in ("plain", "terminal", "deterministic-terminal-unavailable"):
        for number, (mdp, _, _, rng) in enumerate(models_of(kind)):
            steps = number % 2 == 0
            pi, pi_expert = (random_policy(rng, mdp, steps=steps) for _ in range(2))
            expert = (marginals if steps else occupancy)(mdp, pi_expert)
            f = airl.optimal_f(mdp, pi, expert)
            visits = (marginals if steps else occupancy)(mdp, pi)
            for index in np.ndindex(f.shape):
                where = index[:-1]
                if pi[index] == 0:
                    assert f[index] == 0
                elif visits[where].sum() == 0:
                    assert f[index] == scalars.log(pi[index])
                else:
                    ratio = expert[where].sum() / visits[where].sum()
                    assert f[index] == scalars.log(pi_expert[index] * ratio)
            assert (airl.discriminator_gradient(mdp, f, pi, expert) == 0).all()
            reward = airl.policy_reward(mdp, f, pi)
            assert (reward == gail.optimal_logit(mdp, pi, expert)).all()
            assert airl.discriminator_loss(mdp, f, pi, expert) == -gail.optimal_value(mdp, pi, expert)


def test_rewards_by_name():
    for number, (mdp, _, _, rng) in enumerate(models_of("unavailable")):
        form, f, policy, _ = drawn(number, mdp, rng)
        policy = policy_like(rng, mdp, form)
        probability = airl.discriminator(mdp, f, policy)
        rewards = {name: airl.policy_reward(mdp, f, policy, form=name) for name in airl.FORMS}
        for index in np.ndindex(f.shape):
            if not mdp.available[index[1:3] if form.startswith("t") else index[:2]]:
                assert all(reward[index] == 0 for reward in rewards.values())
                continue
            d = probability[index]
            assert rewards["f"][index] == f[index]
            assert rewards["f - log pi"][index] == scalars.log(d) - scalars.log(1 - d)
            assert rewards["-log(1-D)"][index] == -scalars.log(1 - d)
            assert rewards["log D"][index] == scalars.log(d)


def test_half_of_the_causal_gradient_at_the_soft_advantage():
    """A-02: dL/df = -(rho_E - rho) / 2 at f = A_r and pi = pi_r; with f = r it is not 0 even for the expert pi_r."""
    off = 0
    for number, (mdp, rng) in enumerate(endless_models()):
        reward = random_reward(rng, mdp.available.shape)
        expert = endless_expert(rng, mdp, number)
        with precision(80):
            ball, r, rho = mdp.to("ball"), scalars.convert(reward, "ball"), scalars.convert(expert, "ball")
            pi = soft_solution(ball, r).policy
            f = airl.advantage(ball, r)
            visits = occupancy(ball, pi)
            half = airl.discriminator_gradient(ball, f, pi, rho) * 2 + rho - visits
            assert all(x.contains(0) and x.rad() < 1e-9 for x in half.ravel())
            slope = airl.discriminator_gradient(ball, r, pi, visits)
            off += any(not x.contains(0) for x in slope.ravel())
    assert off > 150


def test_the_truth_is_stationary_over_actions_and_not_over_transitions():
    """A-14, A-15: g = r, h = V, the expert and the policy both pi_r."""
    moved = 0
    for number, (mdp, rng) in enumerate(endless_models()):
        if number % 3:
            continue
        reward = random_reward(rng, (mdp.n_states,))
        with precision(200):  # choices of 1e-25, seen as positive
            ball, r = mdp.to("ball"), scalars.convert(reward, "ball")
            solution = soft_solution(ball, r)
            for axes in ("sa", "sas"):
                expert = policy_visits(ball, solution.policy, transitions=axes == "sas")
                slopes = airl.shaped_discriminator_gradient(ball, r, solution.v, solution.policy, expert)
                zero = all(x.contains(0) for x in np.concatenate(slopes))
                deterministic = (mdp.support.sum(axis=-1) <= 1).all()
                assert zero or (axes == "sas" and not deterministic)
                moved += not zero
    assert moved > 20


def sizes(*tables):
    """The sum of all entries, as a float."""
    return sum(scalars.convert(table, "float").sum() for table in tables)


def test_floats_without_end():
    """Within the certified error of the occupancy, sum |rho - true|, times the largest |log D| or |log(1 - D)|.

    All numbers are dyadic, so that floats hold them as they are; the logs and sums of at most nine entries come to no
    more than 64 roundings of the absolute terms.
    """
    for seed in range(200):
        rng = np.random.default_rng([41, seed])
        discount = (fmpq(1, 2), fmpq(63, 64))[seed % 2]
        one = random_model(rng, 3, 3, 1, single_start=True, terminal=seed % 3 == 0, discount=discount, denominator=16)
        mdp = replace(one, horizon=None)
        rows = [random_distribution(rng, 3, denominator=16, full_support=True) for _ in range(3)]
        policy = np.where(mdp.available, np.array(rows), fmpq(0))
        f, expert = scalars.convert(rng.integers(-9, 10, size=(3, 3)), "exact"), endless_expert(rng, mdp, 1)
        floats = mdp.to("float"), *(scalars.convert(x, "float") for x in (f, policy, expert))
        loss, slope = airl.discriminator_loss(*floats), airl.discriminator_gradient(*floats)
        with precision(200):
            balls = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (f, policy, expert))
            true, true_slope = airl.discriminator_loss(*balls), airl.discriminator_gradient(*balls)
            error = visits_of_policy_without_end(floats[0], floats[2]).error
            bound = 15 * (error + 64 * 2.0**-53 * sizes(expert, endless_occupancy(mdp, policy)))
            assert abs(arb(float(loss)) - true) < bound
            assert all(abs(arb(float(x)) - y) < bound for x, y in zip(slope.ravel(), true_slope.ravel(), strict=True))


def test_half_of_the_causal_gradient_step_by_step():
    for kind in ("plain", "terminal-unavailable"):
        for number, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
            reward = random_reward(rng, (mdp.n_states, mdp.n_actions, mdp.n_states)[: len(axes)])
            expert = drawn_expert(rng, mdp, "tsa", number)
            with precision(BITS):
                ball, r, mu = mdp.to("ball"), scalars.convert(reward, "ball"), scalars.convert(expert, "ball")
                pi = soft_solution(ball, r, temperature=temperature).policy
                f = airl.advantage(ball, r, temperature=temperature)
                slope = airl.discriminator_gradient(ball, f, pi, mu)
                weights = np.array([ball.discount**t for t in range(mdp.horizon)])[:, None, None]
                assert overlap(slope, weights * (marginals(ball, pi) - mu) / 2)


# Far numbers and bad input ---------------------------------------------------------------------------------------


def test_far_logits_by_hand():
    """One state, two actions, a fair policy and f = +-1000: D and the loss are those of logits +-1000 + log 2."""
    mdp = MDP(np.ones((1, 2, 1)), [1.0], horizon=1)
    half, f = np.full((1, 2), 0.5), np.array([[1000.0, -1000.0]])
    assert airl.discriminator(mdp, f, half).tolist() == [[1.0, 0.0]]
    assert abs(airl.discriminator_loss(mdp, f, half, half) - 1000.0) <= 2 * np.spacing(1000.0)
    assert airl.discriminator_gradient(mdp, f, half, half).tolist() == [[0.5, -0.5]]
    assert abs(airl.policy_reward(mdp, f, half) - f - np.log(2)).max() <= np.spacing(1000.0)
    rare = np.array([[1e-300, 1.0]])
    logit = airl.policy_reward(mdp, np.zeros((1, 2)), rare)[0, 0]
    assert abs(logit - 300 * np.log(10)) <= 4 * np.spacing(690.0)


def test_advantage_of_far_rewards_is_finite():
    mdp = MDP(np.ones((1, 2, 1)), [1.0], horizon=3)
    f = airl.advantage(mdp, np.array([[1000.0, -1000.0]]), temperature=1e-3)
    assert f.tolist() == [[[0.0, -2e6]]] * 3


FLOATS = MDP([[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]], [0.5, 0.5], horizon=2)
POLICY = np.array([[0.5, 0.5], [1.0, 0.0]])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: airl.discriminator(FLOATS, np.zeros(2), POLICY), "f has shape (2,); expected (2, 2) or (2, 2, 2)"),
        (
            lambda: airl.discriminator(FLOATS, np.zeros((2, 2)), [POLICY, POLICY]),
            "f has shape (2, 2); expected (2, 2, 2) or (2, 2, 2, 2)",
        ),
        (lambda: airl.discriminator(FLOATS, np.full((2, 2), np.nan), POLICY), "f[0, 0] is nan; expected finite"),
        (
            lambda: airl.discriminator_loss(FLOATS, np.zeros((2, 2, 2)), [POLICY, POLICY], [POLICY, POLICY]),
            "expert[0] sums to 2.0; expected at most 1",
        ),
        (
            lambda: airl.discriminator_loss(FLOATS, np.zeros((2, 2, 2)), [POLICY, POLICY], POLICY),
            "expert has shape (2, 2); expected (2, 2, 2), marginals [t, s, a] of each step",
        ),
        (
            lambda: airl.discriminator_loss(
                FLOATS, np.zeros((2, 2, 2)), [POLICY] * 2, [[[0, 0], [0, 0.5]], POLICY / 2]
            ),
            "expert[0, 1, 1] is 0.5: not 0, and the model never goes there",
        ),
        (
            lambda: airl.discriminator_loss(FLOATS, np.zeros((2, 2, 2)), [POLICY] * 2, [-POLICY, POLICY / 2]),
            "expert[0, 0, 0] is -0.5: negative; expected probabilities",
        ),
        (
            lambda: airl.optimal_f(FLOATS, POLICY, occupancy(FLOATS, [[1.0, 0.0], [1.0, 0.0]])),
            "at [0, 1] the policy goes and the expert never does",
        ),
        (
            lambda: airl.policy_reward(FLOATS, np.zeros((2, 2)), [[1.0, 0.0], [1.0, 0.0]]),
            "policy is 0 at [0, 1], where the action is available: f - log pi is infinite there",
        ),
        (lambda: airl.policy_reward(FLOATS, np.zeros((2, 2)), POLICY, form="g"), "form is 'g'; expected one of 'f'"),
        (
            lambda: airl.f_of_actions(FLOATS, np.zeros(2), np.zeros((2, 3))),
            "airl_potential has shape (2, 3); expected (2,) or (2, 2)",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InvalidArgument) as raised:
        call()
    assert message in str(raised.value)


def test_stacks_are_their_models():
    rng = np.random.default_rng(3)
    mdp = MDP(rng.dirichlet(np.ones(3), size=(5, 3, 2)), np.full((5, 3), 1 / 3), horizon=2, discount=0.5)
    g, h, pi = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), rng.dirichlet(np.ones(2), size=(5, 3))
    for axes in ("sa", "sas"):
        expert = occupancy(mdp, rng.dirichlet(np.ones(2), size=(5, 3)), axes=axes)
        whole = shaped_stack(mdp, g, h, pi, expert, axes)
        for i in range(5):
            one = shaped_stack(mdp.at(i), g[i], h[i], pi[i], expert[i], axes)
            for x, y in zip(whole, one, strict=True):
                # numpy may add in another order: each of the few terms is below 10
                assert np.abs(np.asarray(x)[i] - y).max() <= 64 * np.spacing(10.0)


def shaped_stack(mdp, g, h, pi, expert, axes):
    f = (airl.f_of_actions if axes == "sa" else airl.f_of_transitions)(mdp, g, h)
    return f, airl.discriminator_loss(mdp, f, pi, expert), *airl.shaped_discriminator_gradient(mdp, g, h, pi, expert)
