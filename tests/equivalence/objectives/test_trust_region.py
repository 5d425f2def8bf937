"""Trust-region IRL: the dual and its parts by enumeration, T-04 to T-08, and fixed points certified in balls."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat, fmpq

from agreement import array, assert_agrees, assert_equals, margin, objects, overlap
from enumeration import (
    BALLS,
    BITS,
    EXACT,
    derivatives,
    discounted_return,
    expected_counts,
    law_of_policy,
    nested,
    paths,
    plain,
    probability,
    soft_action_value,
    soft_value,
)
from equivalence.objectives import trust_region
from equivalence.objectives.tilted_expert import reached_by_policies
from equivalence.objectives.trust_region_optimum import fixed_point
from instances import AXES, KINDS, in_reach, models_of, shape_of
from mdps import MDP, InvalidArgument, OutOfReach, gallery, occupancy, scalars, soft_solution
from mdps.random_models import random_model, random_policy, random_reward
from mdps.scalars import duals
from mdps.scalars.balls import precision
from refusals import assert_refuses

WEIGHTS = (1, Fraction(1, 10), 10, Fraction(1, 2))
FEW_BITS = 128
GOES_ON = [kind for kind in KINDS if "terminal" not in kind]
goes_on = pytest.mark.parametrize("kind", GOES_ON)


def unrealizable(rng, mdp, axes, mass):
    """Counts of the right mass that are positive exactly where policies go, and violate the flow."""
    reached = reached_by_policies(mdp, axes)
    weights = np.where(reached, rng.integers(1, 9, size=reached.shape), 0)
    return scalars.convert(weights, "exact") * (mass / int(weights.sum()))


def mass_of(mdp):
    gamma = scalars.convert(np.array(mdp.discount, dtype=object), "exact")[()]
    return sum(gamma**t for t in range(mdp.horizon)) if mdp.horizon else 1 / (1 - gamma)


def arguments_of(mdp, temperature, axes, rng, number):
    mdp = replace(mdp, discount=Fraction(99, 100)) if number % 9 == 4 else mdp
    reward = random_reward(rng, shape_of(mdp, axes))
    expert = unrealizable(rng, mdp, axes, mass_of(mdp))
    return mdp, reward, expert, random_policy(rng, mdp, steps=True), WEIGHTS[number % 4], temperature


def numbers_of(mdp, reward, expert, policy, kl_weight, temperature):
    given = {"kl_weight": kl_weight, "temperature": temperature}
    return (
        trust_region.dual(mdp, reward, expert, **given),
        trust_region.gradient(mdp, reward, expert, **given),
        trust_region.gap(mdp, reward, expert, **given),
        trust_region.direction(mdp, reward, expert, **given),
        trust_region.slope(mdp, reward, expert, **given),
        trust_region.primal(mdp, policy, expert, **given),
    )


def soft_policy(model, f, reward, axes, alpha):
    def probability_of(t, s, a):
        if a not in model.moves[s]:
            return 0
        q = soft_action_value(model, f, reward, axes, alpha, t, s, a)
        return f.exp((q - soft_value(model, f, reward, axes, alpha, t, s)) / alpha)

    n_states = len(model.moves)
    return [
        [[probability_of(t, s, a) for a in range(model.n_actions)] for s in range(n_states)]
        for t in range(model.horizon)
    ]


def normalized_counts(model, walked, policy, axes, shape, mass):
    visits = expected_counts(model, law_of_policy(walked, policy), walked, axes)
    return array({at: x / mass for at, x in visits.items()}, shape)


def primal(model, f, walked, policy, n, expert, beta, alpha, mass, nothing):
    """From E[log pi] and final values along trajectories."""
    total = 0
    for p, path in zip(law_of_policy(walked, policy), walked, strict=True):
        if p == 0:
            continue
        total = total + p * discounted_return(model, path, nothing, "s")
        for t, action in enumerate(path.actions):
            total = total - p * model.gamma**t * alpha * f.log(policy[t][path.states[t]][action])
    return total / mass - beta * divergence(f, n, expert)


def divergence(f, p, q):
    terms = [x * f.log(x / y) for x, y in zip(p.ravel(), q.ravel(), strict=True) if x != 0]
    return sum(terms)


def dual(model, f, reward, axes, expert, beta, alpha, mass):
    value = 0
    for s, rho in model.starts:
        value = value + rho * soft_value(model, f, reward, axes, alpha, 0, s)
    total = 0
    for r, e in zip(flat(reward), expert.ravel(), strict=True):
        if e != 0:
            total = total + e * f.exp(-r / beta)
    return value / mass + beta * f.log(total)


def flat(tree):
    return [x for branch in tree for x in flat(branch)] if isinstance(tree, list) else [tree]


def by_enumeration(f, mdp, reward, expert, policy, kl_weight, temperature):
    model, r, walked, axes = plain(mdp, f), nested(reward, f), paths(plain(mdp, f)), AXES[reward.ndim - 1]
    alpha, beta = f.number(temperature), f.number(kl_weight)
    mass = sum(model.gamma**t for t in range(model.horizon))
    wanted = objects(nested(expert, f)) / mass
    soft = soft_policy(model, f, r, axes, alpha)
    n = normalized_counts(model, walked, soft, axes, reward.shape, mass)
    weights = objects([f.exp(-x / beta) * e if e != 0 else e for x, e in zip(flat(r), wanted.ravel(), strict=True)])
    q = (weights / weights.sum()).reshape(reward.shape)
    delta, slope = np.full(reward.shape, 0, dtype=object), 0
    for at in np.argwhere(wanted != 0):
        at = tuple(at)
        delta[at] = objects(r)[at] - beta * f.log(wanted[at] / n[at])
        slope = slope - (n[at] - q[at]) * delta[at]
    nothing = [0] * mdp.n_states
    value = dual(model, f, r, axes, wanted, beta, alpha, mass)
    best = primal(model, f, walked, soft, n, wanted, beta, alpha, mass, nothing)
    pi = nested(np.broadcast_to(policy, (mdp.horizon, *policy.shape[-2:])), f)
    visited = normalized_counts(model, walked, pi, axes, reward.shape, mass)
    other = primal(model, f, walked, pi, visited, wanted, beta, alpha, mass, nothing)
    return objects(value), n - q, objects(value - best), delta, objects(slope), objects(other)


@goes_on
def test_agrees_with_enumeration(kind):
    """The gap is the dual minus the primal of the soft policy; the slope along -delta that of the gradient."""
    for number, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
        if number % 3 == 0:
            arguments = arguments_of(mdp, temperature, axes, rng, number // 3)
            with precision(BITS):
                truth = by_enumeration(BALLS, *arguments)
            assert_agrees(numbers_of, truth, *arguments)


@goes_on
def test_gradient_encloses_derivative_of_enumerated_dual(kind):
    for number, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
        if number % 3 or mdp.horizon > 2:
            continue
        mdp, reward, expert, _, weight, temperature = arguments_of(mdp, temperature, axes, rng, number // 3)
        with precision(BITS):
            model, alpha, beta = plain(mdp, BALLS), BALLS.number(temperature), BALLS.number(weight)
            mass = sum(model.gamma**t for t in range(model.horizon))
            wanted = objects(nested(expert, BALLS)) / mass
            given = wanted, beta, alpha, mass
            expected = derivatives(lambda r, m=model, g=given, a=axes: dual(m, BALLS, r, a, *g), nested(reward, BALLS))
            balls = (mdp.to("ball"), *(scalars.convert(x, "ball") for x in (reward, expert)))
            found = trust_region.gradient(*balls, kl_weight=weight, temperature=temperature)
            assert overlap(found, objects(expected))


def test_exact_numbers():
    """Where soft control is rational, dual and gradient are, and the gradient is the derivative."""
    reached = 0
    for kind in GOES_ON:
        for number, (mdp, reward, temperature, rng) in enumerate(in_reach(kind)):
            if number % 6:
                continue
            expert = unrealizable(rng, mdp, AXES[reward.ndim - 1], mass_of(mdp))
            arguments = mdp, reward, expert, random_policy(rng, mdp), temperature, temperature
            if assert_equals(numbers_of, lambda given: by_enumeration(EXACT, *given), *arguments):
                reached += 1
                if number % 3 == 0:
                    given = {"kl_weight": temperature, "temperature": temperature}
                    slopes = duals.gradient(lambda r, m=mdp, e=expert, g=given: trust_region.dual(m, r, e, **g), reward)
                    assert (trust_region.gradient(mdp, reward, expert, **given) == slopes).all()
    assert reached >= 20


# Without a horizon -----------------------------------------------------------------------------------------------

DISCOUNTS = (Fraction(1, 2), Fraction(9, 10), Fraction(99, 100))


def endless(number, series=0):
    """A model, a policy that is optimal by construction and its values V; alpha; the generator.

    r = alpha log pi + V - gamma P V has the soft values V and the policy pi.
    """
    for i in range(number):
        rng = np.random.default_rng([i, series, 11])
        mdp = random_model(rng, 1 + i % 3, 2 + i % 3, 1, unavailable=i % 5 == 4, deterministic=i % 4 == 3)
        if mdp.available.sum() == mdp.n_states:
            continue  # nothing to choose
        mdp = replace(mdp, horizon=None, discount=DISCOUNTS[i % 3])
        policy, v = random_policy(rng, mdp), random_reward(rng, (mdp.n_states,))
        yield mdp, policy, v, (1, Fraction(1, 10), 10)[i // 3 % 3], rng


def constructed_reward(mdp, policy, v, alpha):
    log_policy = scalars.over(policy != 0, scalars.log, policy, otherwise=0 * policy.flat[0])
    return alpha * log_policy + np.where(mdp.available, v[:, None] - mdp.discount * mdp.expectation(v), 0)


def occupancy_by_elimination(mdp, policy):
    """(1 - gamma) (I - gamma P_pi')^-1 rho, times pi."""
    moves = (policy[:, :, None] * mdp.transition).sum(axis=1)
    system = np.eye(mdp.n_states, dtype=int) - mdp.discount * moves
    start = arb_mat([[(1 - mdp.discount) * x] for x in mdp.initial])
    d = arb_mat(system.T.tolist()).solve(start)
    return objects([d[i, 0] for i in range(mdp.n_states)])[:, None] * policy


def test_without_a_horizon():
    for i, (mdp, policy, v, temperature, rng) in enumerate(endless(100)):
        expert = unrealizable(rng, mdp, "sa", mass_of(mdp))
        with precision(FEW_BITS):
            alpha, beta = BALLS.number(temperature), BALLS.number(WEIGHTS[i % 4])
            mdp, policy, v, expert = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (policy, v, expert))
            reward = constructed_reward(mdp, policy, v, alpha)
            n, wanted = occupancy_by_elimination(mdp, policy), expert * (1 - mdp.discount)
            on = expert != 0
            weights = np.where(on, wanted, 0) * scalars.exp(-reward / beta)
            q = weights / weights.sum()
            delta = reward - beta * scalars.over(on, lambda x, y: scalars.log(x / y), wanted, n, otherwise=arb(0))
            value = (1 - mdp.discount) * (mdp.initial * v).sum() + beta * weights.sum().log()
            given = {"kl_weight": beta, "temperature": alpha}
            best = trust_region.primal(mdp, policy, expert, **given)
            entropy = -(n * scalars.over(on, scalars.log, policy, otherwise=arb(0))).sum()
            assert best.overlaps(alpha * entropy - beta * divergence(BALLS, n, wanted))
            slope = -((n - q) * np.where(on, delta, 0)).sum()
            assert not slope > 0
            if i % 2:  # each of these solves the model anew
                assert trust_region.dual(mdp, reward, expert, **given).overlaps(value)
                assert trust_region.gap(mdp, reward, expert, **given).overlaps(value - best)
                continue
            assert near(trust_region.gradient(mdp, reward, expert, **given), n - q)
            assert near(trust_region.direction(mdp, reward, expert, **given), np.where(on, delta, 0))
            assert trust_region.slope(mdp, reward, expert, **given).overlaps(slope)


def near(balls, others):
    """Whether two arrays of balls overlap and are thin."""
    pairs = zip(np.ravel(balls), np.ravel(others), strict=True)
    return all(arb(x).overlaps(arb(y)) and arb(x).rad() < arb(2) ** -60 for x, y in pairs)


# Trust regions ---------------------------------------------------------------------------------------------------


def steps_of(number):
    """epsilon and eta."""
    return (Fraction(1, 2), 1, Fraction(1, 20), 3)[number % 4], (1, Fraction(1, 10), 10)[number // 4 % 3]


@pytest.mark.parametrize("kind", KINDS)
def test_corrected_reward_explains_the_trust_region_policy(kind):
    """T-04, for any table in place of delta, ends and final values included: the policies are the same."""
    for number, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
        if number % 3:
            continue
        epsilon, eta = steps_of(number // 3)
        reward, delta = (random_reward(rng, shape_of(mdp, axes)) for _ in range(2))
        with precision(BITS):
            mdp, reward, delta = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (reward, delta))
            old = soft_solution(mdp, reward, temperature=temperature).policy
            moved = reward - BALLS.number(epsilon) * delta
            found = trust_region.trust_region_policy(mdp, moved, old, trust_weight=eta, temperature=temperature)
            corrected = trust_region.corrected_reward(
                reward, delta, step=epsilon, trust_weight=eta, temperature=temperature
            )
            assert near(found, soft_solution(mdp, corrected, temperature=temperature).policy)


def test_corrected_reward_without_a_horizon():
    for i, (mdp, policy, v, temperature, rng) in enumerate(endless(100, series=1)):
        epsilon, eta = steps_of(i)
        delta = random_reward(rng, mdp.available.shape)
        with precision(FEW_BITS):
            alpha = BALLS.number(temperature)
            mdp, policy, v, delta = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (policy, v, delta))
            reward = constructed_reward(mdp, policy, v, alpha)
            moved = reward - BALLS.number(epsilon) * delta
            given = {"trust_weight": eta, "temperature": temperature}
            found = trust_region.trust_region_policy(mdp, moved, policy, **given)
            corrected = trust_region.corrected_reward(reward, delta, step=epsilon, **given)
            assert near(found, soft_solution(mdp, corrected, temperature=temperature).policy)


def objective(model, walked, policy, old, reward, axes, alpha, eta):
    """E[R] + E sum gamma^t [-alpha log pi - eta log pi / old], by trajectories."""
    total = 0
    for path in walked:
        p = probability(path, policy)
        if p == 0:
            continue
        gained = discounted_return(model, path, reward, axes)
        for t, a in enumerate(path.actions):
            pi, before = policy[t][path.states[t]][a], old[t][path.states[t]][a]
            gained = gained - model.gamma**t * (alpha * pi.log() + eta * (pi / before).log())
        total = total + p * gained
    return total


@pytest.mark.parametrize("kind", ["plain", "terminal-unavailable", "single_start", "deterministic-terminal"])
def test_trust_region_policy_is_the_best(kind):
    """For every pi: objective(best) - objective(pi) = (alpha + eta) E_rho[KL(pi || best)], from any old policy."""
    for number, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
        _, eta = steps_of(number)
        old = random_policy(rng, mdp, steps=True, full_support=number % 3 > 0)
        weights = np.where(old != 0, rng.integers(1, 9, size=old.shape), 0)
        totals = np.maximum(weights.sum(axis=-1, keepdims=True), 1)
        other = scalars.convert(weights, "exact") / scalars.convert(totals, "exact")
        reward = random_reward(rng, shape_of(mdp, axes))
        with precision(BITS):
            model, walked = plain(mdp, BALLS), paths(plain(mdp, BALLS))
            alpha, weight = BALLS.number(temperature), BALLS.number(eta)
            best = trust_region.trust_region_policy(
                mdp.to("ball"),
                scalars.convert(reward, "ball"),
                scalars.convert(old, "ball"),
                trust_weight=eta,
                temperature=temperature,
            ).tolist()
            r, before, pi = nested(reward, BALLS), nested(old, BALLS), nested(other, BALLS)
            values = [objective(model, walked, p, before, r, axes, alpha, weight) for p in (best, pi)]
            regret = 0
            for path in walked:
                p = probability(path, pi)
                for t, a in enumerate(path.actions if p != 0 else ()):
                    here = pi[t][path.states[t]][a] / best[t][path.states[t]][a]
                    regret = regret + p * model.gamma**t * (alpha + weight) * here.log()
            assert (values[0] - values[1]).overlaps(regret)


def test_correction_fails_where_the_old_policy_is_not_optimal():
    """T-05 (b): of the uniform policy, at a reward for which it is not soft-optimal."""
    mdp, reward = gallery.noisy_walk()
    mdp, reward = mdp.to("ball"), scalars.convert(reward, "ball")
    uniform = np.where(mdp.available, arb(1) / 2, arb(0))
    delta = reward * 0 + arb(1) * np.array([[1, 0], [0, 2]])
    found = trust_region.trust_region_policy(mdp, reward - delta, uniform, trust_weight=1)
    corrected = trust_region.corrected_reward(reward, delta, step=1, trust_weight=1)
    assert not near(found, soft_solution(mdp, corrected).policy)


# Fixed points ----------------------------------------------------------------------------------------------------


@goes_on
def test_fixed_point_is_certified_in_balls(kind):
    """T-08: the gap in balls is at most what is said, and r* = beta log(n_E / n*)."""
    for number, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
        if number % 6:
            continue
        mdp, _, expert, _, weight, temperature = arguments_of(mdp, temperature, axes, rng, number // 6)
        check_fixed_point(mdp, expert, weight, temperature)


def test_fixed_point_without_a_horizon():
    for i, (mdp, policy, _, temperature, rng) in enumerate(endless(50, series=2)):
        realizable = i % 2 == 0
        expert = occupancy(mdp, policy) if realizable else unrealizable(rng, mdp, "sa", mass_of(mdp))
        check_fixed_point(mdp, expert, WEIGHTS[i % 4], temperature)


def check_fixed_point(mdp, expert, weight, temperature):
    floats = {"kl_weight": float(weight), "temperature": float(temperature)}
    found = fixed_point(mdp.to("float"), scalars.convert(expert, "float"), **floats)
    assert found.error <= 1e-9
    with precision(FEW_BITS):
        beta = BALLS.number(weight)
        balls = mdp.to("ball"), scalars.convert(found.reward, "ball"), scalars.convert(expert, "ball")
        given = {"kl_weight": weight, "temperature": temperature}
        gap = trust_region.gap(*balls, **given)
        # beta J is at least the gap, but for the rounding of n and q, whose square J is: 1e-13 each is ample.
        assert gap < found.gap + float(weight) * 1e-24
        # Fixed point: delta is 0 but for what the error of n allows, beta |log n - log q|.
        delta = trust_region.direction(*balls, **given)
        n = scalars.convert(found.occupancy, "ball")
        for d, x in zip(delta.ravel(), n.ravel(), strict=True):
            if x > 0:
                assert abs(d) < beta * (4 * arb(found.error) + arb(10) ** -12) / x


def test_one_state_has_a_closed_form():
    """n* is proportional to n_E^(beta / (alpha + beta)): choices alone count."""
    for i in range(200):
        rng = np.random.default_rng([i, 13])
        n_actions = 1 + i % 4
        counts = rng.integers(1, 20, size=n_actions)
        weight, temperature = (1, 10, 0.1, 3)[i % 4], (1, 0.1, 10)[i // 4 % 3]
        mdp = MDP(np.ones((1, n_actions, 1)), [1.0], horizon=(None, 1, 3)[i % 3], discount=0.5)
        mass = 2.0 if mdp.horizon is None else sum(0.5**t for t in range(mdp.horizon))
        found = fixed_point(mdp, counts[None] / counts.sum() * mass, kl_weight=weight, temperature=temperature)
        expected = (counts / counts.sum()) ** (weight / (temperature + weight))
        # A distance of total variations of `error`, and a few roundings of a power each.
        distance = np.abs(found.occupancy[0] - expected / expected.sum()).sum() / 2
        assert distance <= found.error + 64 * 2.0**-53


def test_small_steps_lower_the_dual_and_large_ones_may_not():
    """T-07: at epsilon = 1 it rises often; at 1/100 nowhere here, for discounts up to 9/10."""
    rose = 0
    for i, (mdp, _, _, _, rng) in enumerate(endless(45, series=3)):
        exact, expert = mdp, unrealizable(rng, mdp, "sa", mass_of(mdp))
        reward = rng.normal(size=mdp.available.shape)
        with precision(BITS):  # a whole step may leave the range of floats
            model, r, e = exact.to("ball"), scalars.convert(reward, "ball"), scalars.convert(expert, "ball")
            given = {"kl_weight": (1, 3)[i % 2]}
            before = trust_region.dual(model, r, e, **given)
            delta = trust_region.direction(model, r, e, **given)
            rose += bool(trust_region.dual(model, r - delta, e, **given) > before)
            if mdp.discount != DISCOUNTS[-1]:
                assert not trust_region.dual(model, r - delta / 100, e, **given) > before
    assert rose >= 15


def test_extreme_numbers_are_finite_and_right():
    """Rewards of +-1,000 a step and experts of 1e-300; temperature 1e-3 with rewards of a nat."""
    tiny = fmpq(1, 10**300)
    for seed in range(40):
        rng = np.random.default_rng([seed, 17])
        mdp = random_model(rng, 2, 2, 1 + seed % 2, full_support=True, discount=(1, Fraction(1, 2))[seed % 2])
        scale, temperature = ((1_000, 10), (Fraction(1, 4), Fraction(1, 1000)))[seed % 2]
        reward = scalars.convert(rng.integers(-1, 2, size=(2, 2)) * Fraction(scale), "exact")
        mass = mass_of(mdp)
        expert = scalars.convert(
            np.array([[tiny, mass / 2], [mass / 4, mass / 4 - scalars.convert(tiny, "exact")[()]]], dtype=object),
            "exact",
        )
        arguments = mdp, reward, expert, random_policy(rng, mdp), (1, 1_000)[seed % 4 // 2], temperature
        with precision(2_000):
            truth = by_enumeration(BALLS, *arguments)
        assert margin(numbers_of, truth, *arguments) <= 1


def test_underflow_is_said():
    mdp = MDP(np.ones((1, 2, 1)), [1.0], horizon=1)
    assert_refuses(
        lambda: trust_region.direction(mdp, [[0.0, -1000.0]], [[0.5, 0.5]], kl_weight=1),
        OutOfReach,
        "the occupancy at [0, 1] underflows; take balls",
    )


def test_stack_is_solved_as_each_of_them():
    models = [random_model(np.random.default_rng(i), 2, 2, 2, full_support=True) for i in range(40)]
    rng = np.random.default_rng(0)
    stack = MDP(np.stack([m.transition for m in models]), np.stack([m.initial for m in models]), horizon=2)
    rewards = np.stack([random_reward(rng, (2, 2)) for _ in models])
    experts = np.stack([unrealizable(rng, m, "sa", mass_of(m)) for m in models])
    policies = np.stack([random_policy(rng, m, steps=True) for m in models])
    with precision(BITS):
        tables = [scalars.convert(x, "ball") for x in (rewards, experts, policies)]
        whole = numbers_of(stack.to("ball"), *tables, 1, 1)
        for i, model in enumerate(models):
            for x, y in zip(whole, numbers_of(model.to("ball"), *(x[i] for x in tables), 1, 1), strict=True):
                assert overlap(x[i], y)


TWO = MDP([[[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]], [1.0, 0.0], horizon=2)
EXPERT = np.array([[0.5, 0.5], [1.0, 0.0]])
ENDS = MDP([[[0.5, 0.5], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]], [1.0, 0.0], horizon=2)


def test_refusals():
    zero = np.zeros((2, 2))
    for function in (trust_region.dual, trust_region.gradient, trust_region.direction, trust_region.gap):
        for mdp, expert, error, text in [
            (ENDS, [[1.0, 1.0], [0.0, 0.0]], InvalidArgument, "state [1] is terminal and reached before the horizon"),
            (TWO, [[1.0, 0.0], [1.0, 0.0]], InvalidArgument, "expert[0, 1] is 0, where policies go"),
            (TWO, EXPERT / 2, InvalidArgument, "expert has mass 1.0"),
            (replace(TWO, horizon=None), EXPERT, OutOfReach, "episodes without a bound have none"),
            (replace(TWO, horizon=1), [[0.5, 0.25], [0.25, 0.0]], InvalidArgument, "positive, where none goes"),
        ]:
            assert_refuses(lambda f=function, m=mdp, e=expert: f(m, zero, e, kl_weight=1), error, text)
        for weight in (0, -1.0, np.nan, [1.0]):
            assert_refuses(lambda f=function, w=weight: f(TWO, zero, EXPERT, kl_weight=w), InvalidArgument, "kl_weight")
    assert_refuses(
        lambda: trust_region.primal(TWO, [[0.5, 0.5], [1.0, 0]], [[2.0, 0], [0, 0]], kl_weight=1),
        InvalidArgument,
        "expert[0, 1] is 0 where the policy goes",
    )
    assert_refuses(
        lambda: trust_region.corrected_reward([0.0], [0.0, 1.0], step=1, trust_weight=1), InvalidArgument, "the same"
    )


def test_refusals_of_fixed_points():
    assert_refuses(lambda: fixed_point(TWO.to("ball"), EXPERT, kl_weight=1), OutOfReach, "found in floats")
    assert_refuses(lambda: fixed_point(TWO, EXPERT, kl_weight=1, accuracy=0), InvalidArgument, "accuracy is 0")
    assert_refuses(lambda: fixed_point(TWO, EXPERT, kl_weight=1.0, accuracy=1e-40), OutOfReach, "not within 1.0e-40")
    assert_refuses(
        lambda: fixed_point(TWO.broadcast_to(2), np.stack([EXPERT, EXPERT]), kl_weight=1), InvalidArgument, "a stack"
    )
