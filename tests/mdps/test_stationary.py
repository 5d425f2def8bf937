"""Discounted without end, and episodic: against the equations, brute force and finite horizons."""

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
from flint import arb, fmpq

from endless import endless
from mdps import (
    MDP,
    InvalidArgument,
    InvalidModel,
    OutOfReach,
    causal_entropy,
    graphs,
    occupancy,
    optimal_solution,
    policy_value,
    scalars,
    soft_solution,
)
from mdps.arguments import expected_reward
from mdps.random_models import random_policy, random_reward
from mdps.scalars.balls import precision
from mdps.scalars.duals import Dual
from mdps.scalars.rounding import Tape
from mdps.visits import value_of_policy, visits_of_policy

BITS = 200
HALF = Fraction(1, 2)


def rows(mdp, reward):
    """(s, a, {s': P}, expected reward) of what is available, in plain loops."""
    r = np.broadcast_to(reward[(..., *(None,) * (3 - reward.ndim))], mdp.transition.shape)
    for s, a in np.ndindex(mdp.available.shape):
        if mdp.available[s, a]:
            law = {y: mdp.transition[s, a, y] for y in range(mdp.n_states) if mdp.support[s, a, y]}
            yield s, a, law, sum(p * r[s, a, y] for y, p in law.items())


def backed_up(mdp, reward, v):
    """Q(s, a) of what is available, by plain loops."""
    return {
        (s, a): earned + mdp.discount * sum(p * v[y] for y, p in law.items()) for s, a, law, earned in rows(mdp, reward)
    }


def at(level, *arrays):
    return [x.to(level) if isinstance(x, MDP) else scalars.convert(x, level) for x in arrays]


def enclosed(floats, error, exact):
    """Each float is within the error of the exact number, whose distance from it is computed in balls."""
    with precision(BITS):
        balls = scalars.convert(exact, "ball")
        return all(abs(arb(float(x)) - y) <= arb(float(error)) for x, y in zip(floats.flat, balls.flat, strict=True))


def contain(balls, exact):
    exact = scalars.convert(exact, "ball")
    return all(x.overlaps(y) and x.rad() < 1e-30 for x, y in zip(balls.flat, exact.flat, strict=True))


def drawn_policy(mdp, rng):
    """A policy that ends from every state, where it must."""
    for full_support in (False, True):
        policy = random_policy(rng, mdp, full_support=full_support)
        edges = graphs.steps(graphs.moves(mdp), ~scalars.zero_mask(policy))
        if mdp.discount != 1 or np.isfinite(graphs.distance_to(edges, mdp.terminal)).all():
            return policy
    raise AssertionError("full support ends wherever an end can be reached")


# One policy ------------------------------------------------------------------------------------------------------


def test_values_and_visits_of_policies():
    """Exact ones solve their equations, whose solution is unique; floats are within the bound, balls contain them."""
    for mdp, reward, _, rng in endless(240):
        policy = drawn_policy(mdp, rng)
        v, mu = policy_value(mdp, reward, policy), occupancy(mdp, policy)
        expected = [fmpq(0)] * mdp.n_states
        flow = list(np.where(mdp.terminal, fmpq(0), mdp.initial))
        for (s, a), q in backed_up(mdp, reward, v).items():
            expected[s] = expected[s] + policy[s, a] * q
        for s, a, law, _ in rows(mdp, reward):
            for y, p in law.items():
                flow[y] += mdp.discount * mu[s, a] * p
            assert mu[s, a] == mu[s].sum() * policy[s, a]
        for s in range(mdp.n_states):
            assert v[s] == (mdp.final_value[s] if mdp.terminal[s] else expected[s])
            assert mdp.terminal[s] or mu[s].sum() == flow[s]
        if not mdp.terminal.any():
            assert mu.sum() == 1 / (1 - mdp.discount)
        earned = (
            occupancy(mdp, policy, axes="sas")
            * np.broadcast_to(reward[(..., *(None,) * (3 - reward.ndim))], mdp.transition.shape)
        ).sum()
        ended = sum(
            (flow[s] if s not in np.flatnonzero(~mdp.terminal) else 0) * mdp.final_value[s]
            + (mdp.initial[s] * mdp.final_value[s] if mdp.terminal[s] else 0)
            for s in range(mdp.n_states)
        )
        assert (mdp.initial * v).sum() == earned + ended

        floats = at("float", mdp, reward, policy)
        value, visits = value_of_policy(*floats), visits_of_policy(floats[0], floats[2])
        assert enclosed(value.value, value.error, v)
        assert enclosed(visits.value, visits.error, mu)
        assert value.error <= 2.0**-30 * (1 + np.abs(value.value).max())
        assert (value.value == policy_value(*floats)).all()
        with precision(BITS):
            balls = at("ball", mdp, reward, policy)
            assert contain(policy_value(*balls), v)
            assert contain(occupancy(balls[0], balls[2]), mu)


def test_a_policy_that_does_not_end():
    """State 1 can stay for ever. Reached or not: visits ask for what is reached, values for every state."""
    mdp = MDP([[[0, 0, 1], [0, 1, 0]], [[0, 0, 1], [0, 1, 0]], [[0, 0, 0]] * 2], [1, 0, 0], horizon=None).to("exact")
    stays, leaves = [[HALF, HALF], [0, 1], [0, 0]], [[1, 0], [0, 1], [0, 0]]
    for level in ("exact", "float", "ball"):
        model = mdp.to(level)
        policies = [scalars.convert(np.array(x, dtype=object), level) for x in (stays, leaves)]
        for call in (lambda m, p: occupancy(m, p), lambda m, p: policy_value(m, 0 * m.initial, p)):
            with pytest.raises(InvalidModel, match=r"from state 1 the policy never ends.*spectral radius"):
                call(model, policies[0])
        assert (occupancy(model, policies[1], axes="s") == model.initial).all()
        with pytest.raises(InvalidModel, match="state 1"):
            policy_value(model, 0 * model.initial, policies[1])
    discounted = replace(mdp, discount=HALF)
    assert occupancy(discounted, stays, axes="s").tolist() == [1, fmpq(1, 2), 0]
    with pytest.raises(InvalidArgument, match="do not depend on time"):
        occupancy(discounted, [stays, stays])


def test_symbols_solve_tiny_models():
    import sympy

    p = sympy.Symbol("p", positive=True)
    transition = np.array([[[1 - p, p]], [[sympy.Integer(0)] * 2]], dtype=object)
    initial = np.array([1, 0], dtype=object)
    mdp = MDP(transition, initial, horizon=None, discount=sympy.sqrt(2) / 2)
    [visits, ended] = occupancy(mdp, [[1], [0]], axes="s")
    assert (sympy.simplify(visits - 1 / (1 - (1 - p) / sympy.sqrt(2))), ended) == (0, 0)


def test_causal_entropy_by_visits():
    """A coin a step: log 2 / (1 - gamma)."""
    coin = MDP([[[1], [1]]], [1], horizon=None, discount=Fraction(2, 3))
    assert causal_entropy(coin, [[HALF, HALF]]) == 3 * scalars.LogRational.log(2)


# Control ---------------------------------------------------------------------------------------------------------


def test_soft_solutions_solve_their_equation():
    """In balls, by plain loops; floats are within their bound of the balls."""
    for mdp, reward, alpha, _ in endless(240):
        with precision(BITS):
            balls = at("ball", mdp, reward)
            solution = soft_solution(*balls, temperature=alpha)
            temperature = scalars.convert(np.array(alpha), "ball")[()]
            assert max(x.rad() for x in solution.v) < 1e-30
            assert solution.error < 1e-30
            weight = [arb(0)] * mdp.n_states
            for (s, a), q in backed_up(*balls, solution.v).items():
                weight[s] += (q / temperature).exp()
                assert solution.q[s, a].overlaps(q)
                assert solution.policy[s, a].overlaps(((q - solution.v[s]) / temperature).exp())
            for s in range(mdp.n_states):
                truth = balls[0].final_value[s] if mdp.terminal[s] else temperature * weight[s].log()
                assert solution.v[s].overlaps(truth)
            unavailable = ~mdp.available
            assert all(x == 0 for x in solution.policy[unavailable])
            assert all(x == arb.neg_inf() for x in solution.q[unavailable])
        floats = soft_solution(*at("float", mdp, reward), temperature=float(alpha))
        assert enclosed(floats.v, floats.error, solution.v)
        assert enclosed(floats.q[mdp.available], floats.error, solution.q[mdp.available])
        assert floats.error <= 2.0**-28 * (1 + np.abs(floats.v).max())


def test_soft_values_lie_between_finite_horizons():
    """T^n from above and from below closes in on V: a fixed point alone might be another one."""
    for mdp, reward, alpha, _ in endless(75, discounts=(HALF, 1, Fraction(9, 10))):
        steps = 60 if mdp.discount == fmpq(1, 2) else 250
        floats, r = at("float", mdp, reward)
        found = soft_solution(floats, r, temperature=float(alpha))
        bounds = []
        for sign in (-1, 1):
            end = np.where(mdp.terminal, floats.final_value, sign * 400.0)
            finite = replace(floats, horizon=steps, final_value=end)
            bounds.append(soft_solution(finite, r, temperature=float(alpha)).v[0])
        low, high = bounds
        # Each backup rounds by less than 2^-50 of the largest number, 400 nats of reward and what is earned on the way.
        rounding = 2.0**-40 * (400 + np.abs(found.v).max()) + found.error
        assert (low - rounding <= found.v).all()
        assert (found.v <= high + rounding).all()
        assert mdp.discount == 1 or (high - low <= 800 * float(mdp.discount) ** steps + 2 * rounding).all()


def test_optimal_values_are_the_best_of_all_policies():
    """By listing the deterministic ones that end, exactly; floats within their bound."""
    for mdp, reward, _, _ in endless(205):
        best = None
        choices = [np.flatnonzero(row) if row.any() else [None] for row in mdp.available]
        for choice in itertools.product(*choices):
            policy = np.array([[fmpq(int(a == taken)) for a in range(mdp.n_actions)] for taken in choice], dtype=object)
            try:
                v = policy_value(mdp, reward, policy)
            except InvalidModel:
                continue
            best = v if best is None else np.where(v > best, v, best)
        solution = optimal_solution(mdp, reward)
        assert (solution.v == best).all()
        assert solution.error == 0
        assert (policy_value(mdp, reward, solution.policy) == best).all()
        for (s, a), q in backed_up(mdp, reward, best).items():
            assert solution.q[s, a] == q
        floats = optimal_solution(*at("float", mdp, reward))
        assert enclosed(floats.v, floats.error, best)


def test_balls_of_optimal_values_and_open_choices():
    mdp = MDP([[[1, 0], [0, 1]], [[0, 1], [0, 0]]], [1, 0], horizon=None, discount=HALF).to("ball")
    solution = optimal_solution(mdp, scalars.convert(np.array([[1, 0], [Fraction(1, 3), 0]]), "ball"))
    assert solution.v[0].contains(2)
    assert solution.v[1].overlaps(arb(2) / 3)
    assert solution.policy[0, 0] == 1
    with pytest.raises(OutOfReach, match="open"):
        optimal_solution(mdp, scalars.convert(np.array([[2, 3], [1, 0]]), "ball") + arb(0, 1e-9))


# What diverges ---------------------------------------------------------------------------------------------------


def ring(stay, leave, actions=2):
    """State 0 has `actions` ways to stay, each of reward `stay`, and one to leave, of reward `leave`."""
    transition = np.zeros((2, actions + 1, 2), dtype=int)
    transition[0, :actions, 0] = 1
    transition[0, actions, 1] = 1
    return MDP(transition, [1, 0], horizon=None).to("exact"), np.array(
        [[stay] * actions + [leave], [0] * (actions + 1)]
    )


@pytest.mark.parametrize("level", ["float", "ball"])
def test_soft_control_converges_where_staying_costs_more_than_its_choice_is_worth(level):
    """W = 2 e^r: V = log(e / (1 - 2 e^r)) below r = -log 2, and no value from there on."""
    for cost, exists in ((Fraction(70, 100), True), (Fraction(69, 100), False), (0, False)):
        mdp, reward = ring(-cost, 1)
        model, r = at(level, mdp, reward.astype(object))
        if exists:
            solution = soft_solution(model, r)
            truth = 1 - (1 - 2 * (-arb(fmpq(cost.numerator, cost.denominator))).exp()).log()
            v = arb(float(solution.v[0])) if level == "float" else solution.v[0]
            assert abs(v - truth) <= arb(float(solution.error)) * 2
            continue
        with pytest.raises(InvalidModel, match=r"stays in state 0 for ever gains at least 0\.\d+ a step") as error:
            soft_solution(model, r)
        gain = float(str(error.value).split("at least ")[1].split(" a step")[0])
        assert gain <= np.log(2) - float(cost) <= gain + 2.0**-16  # as printed, to six digits


def test_hard_control_diverges_where_staying_gains():
    for level in ("float", "exact"):
        for stay, message in ((1, "at least 1"), (Fraction(1, 4), "at least 0.25"), (0, "between")):
            with pytest.raises(InvalidModel, match=message):
                optimal_solution(*at(level, *ring(stay, 0)[:1], np.array(ring(stay, 0)[1], dtype=object)))
        model, r = at(level, ring(-1, 0)[0], ring(-1, -5)[1].astype(object))
        assert (optimal_solution(model, r).v == [-5, 0]).all()


def test_growth_of_deterministic_models_is_a_spectral_radius():
    """alpha log of the spectral radius of sum_a exp(r / alpha) P, where nothing is random (by numpy's eigenvalues)."""
    seen = 0
    for i in range(250):
        rng = np.random.default_rng(i)
        transition = np.zeros((4, 3, 4))
        np.put_along_axis(transition, rng.integers(4, size=(4, 3, 1)), 1.0, axis=-1)
        transition[3] = 0
        mdp, reward = MDP(transition, [1, 0, 0, 0], horizon=None), rng.normal(size=(4, 3)) - 1
        weights = (np.exp(reward)[:, :, None] * transition).sum(axis=1)[:3, :3]
        radius = np.abs(np.linalg.eigvals(weights)).max()
        if abs(radius - 1) < 2.0**-10:  # eigenvalues of defective matrices are known to half the digits
            continue
        try:
            soft_solution(mdp, reward)
            assert radius < 1
        except InvalidModel as error:
            if "can be reached" in str(error):
                continue
            assert radius > 1
            if "at least" in str(error):
                gain = float(str(error).split("at least ")[1].split(" a step")[0])
                assert gain <= np.log(radius) + 2.0**-16
                seen += 1
    assert seen > 60


def test_states_that_cannot_end():
    mdp = MDP([[[0, 1, 0], [0, 0, 1]], [[0, 1, 0], [0, 0, 0]], [[0, 0, 0]] * 2], [1, 0, 0], horizon=None).to("exact")
    for level in ("float", "ball", "exact"):
        model = mdp.to(level)
        for solve in (soft_solution, optimal_solution):
            with pytest.raises(InvalidModel, match="from state 1 no terminal state can be reached"):
                solve(model, model.initial - 2)


# Extremes, priors, storage ---------------------------------------------------------------------------------------


def test_extreme_rewards_temperatures_and_probabilities():
    """+-1000 a step, temperature 1e-3, probabilities 1e-300: within the bound of balls, or a clear error."""
    refused = 0
    for i, (mdp, reward, _, _) in enumerate(endless(60)):
        factor = 1000 if mdp.discount != 1 else 400
        alpha = (Fraction(1, 1000), 1)[i % 2]
        try:
            floats = soft_solution(*at("float", mdp, factor * reward), temperature=float(alpha))
        except (InvalidModel, OutOfReach):
            refused += 1
            continue
        with precision(4000):  # beyond exp(-1000 / 1e-3)'s doubt about which action is better
            balls = soft_solution(*at("ball", mdp, factor * reward), temperature=alpha)
        assert enclosed(floats.v, floats.error, balls.v)
        assert np.isfinite(floats.v).all()
        assert np.isfinite(floats.policy).all()
    assert refused <= 6
    tiny = MDP([[[1 - 1e-300, 1e-300, 0], [0, 0, 1]], [[0, 1, 0], [0, 0, 1]], [[0, 0, 0]] * 2], [1, 0, 0],
               horizon=None, discount=0.5)  # fmt: skip
    solution = soft_solution(tiny, np.array([1000.0, -1000.0, 0.0]))
    assert abs(solution.v[0] - 2000) <= solution.error


def test_episodes_too_long_for_floats_are_refused():
    """A way out of probability 1e-300: the exact value exists, floats cannot bound it."""
    mdp = MDP([[[1.0, 1e-300]], [[0.0, 0.0]]], [1.0, 0.0], horizon=None)
    for call in (lambda: policy_value(mdp, [1.0, 0.0], [[1.0], [0.0]]), lambda: occupancy(mdp, [[1.0], [0.0]])):
        with pytest.raises(OutOfReach, match="too long"):
            call()


def test_entropy_relative_to_a_prior_is_a_reward():
    """alpha log prior on top of r, on the actions that the prior takes: without and with a horizon."""
    for mdp, reward, alpha, rng in endless(200, discounts=(HALF, 1, Fraction(9, 10))):
        prior = drawn_policy(mdp, rng)
        taken = np.where((prior > 0)[:, :, None], mdp.transition, fmpq(0))
        with precision(BITS):
            for horizon in (None, 1, 3):
                reduced = replace(mdp, transition=taken, horizon=horizon).to("ball")
                model, r, pi = at("ball", replace(mdp, horizon=horizon), reward, prior)
                found = soft_solution(model, r, temperature=alpha, prior=pi)
                temperature = scalars.convert(np.array(alpha), "ball")[()]
                bonus = np.array([[x.log() if x > 0 else arb(0) for x in row] for row in pi]) * temperature
                other = soft_solution(reduced, expected_reward(model, r) + bonus, temperature=alpha)
                for x, y in zip([*found.v.flat, *found.policy.flat], [*other.v.flat, *other.policy.flat], strict=True):
                    assert x.overlaps(y)
                    assert x.rad() < 1e-30
                if horizon == 3:
                    steps = soft_solution(model, r, temperature=alpha, prior=np.stack([pi] * 3))
                    assert all(x.overlaps(y) for x, y in zip(steps.v.flat, found.v.flat, strict=True))


def test_prior_of_each_step_exactly():
    """One state, rewards 0: V_t = V_{t+1} + log sum pi_0 = V_{t+1}, and the policy is the prior of the step."""
    mdp = MDP([[[1], [1]]], [1], horizon=2, discount=Fraction(1, 2))
    prior = np.array([[[HALF, HALF]], [[1, 0]]])
    solution = soft_solution(mdp, [0], prior=prior)
    assert (solution.policy == scalars.convert(prior, "exact")).all()
    assert (solution.v == 0).all()
    with pytest.raises(InvalidArgument, match="prior"):
        soft_solution(mdp, [0], prior=[[HALF, 0]])


def walk(n, discount):
    """A sparse grid of n x n cells with slips, the last of which is the end."""
    cells = np.arange(n * n - 1)
    x, y = np.divmod(cells, n)
    moves = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    entries = []
    for a, b in np.ndindex(4, 4):
        target = np.clip(x + moves[b][0], 0, n - 1) * n + np.clip(y + moves[b][1], 0, n - 1)
        entries.append((np.full(len(cells), 0.625 if a == b else 0.125), cells * 4 + a, target))
    data, rows, columns = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    matrix = scipy.sparse.coo_array((data, (rows, columns)), shape=(4 * n * n, n * n)).tocsr()
    return MDP(matrix, np.eye(n * n)[0], horizon=None, discount=discount)


def as_dense(mdp):
    rows = mdp.transition.toarray().reshape(mdp.n_states, mdp.n_actions, mdp.n_states)
    return MDP(rows, mdp.initial, horizon=None, discount=mdp.discount)


@pytest.mark.parametrize("discount", [0.5, 0.99, 1])
def test_sparse_models_answer_like_dense_ones(discount):
    """400 states: value iteration before Newton; 3600: iterative systems, held to what the answers promise."""
    rng = np.random.default_rng(7)
    reward = rng.uniform(-3, -2, size=(400, 4))
    sparse = walk(20, discount)
    dense = as_dense(sparse)
    for solve in (soft_solution, optimal_solution):
        ours, theirs = solve(sparse, reward), solve(dense, reward)
        assert (np.abs(ours.v - theirs.v) <= ours.error + theirs.error).all()
    policy = soft_solution(dense, reward).policy
    visits = visits_of_policy(sparse, policy), visits_of_policy(dense, policy)
    assert np.abs(visits[0].value - visits[1].value).sum() <= visits[0].error + visits[1].error
    values = value_of_policy(sparse, reward, policy), value_of_policy(dense, reward, policy)
    assert (np.abs(values[0].value - values[1].value) <= values[0].error + values[1].error).all()
    large = walk(60, discount)
    reward = rng.uniform(-3, -2, size=(3600, 4))
    solution = soft_solution(large, reward)
    visits = visits_of_policy(large, solution.policy)
    entropy = causal_entropy(large, solution.policy)
    # V is return plus entropy of its own policy; each side is as far off as its bound says, at rewards of at most 3.
    slack = solution.error + visits.error * (3 + np.log(4) + 40) + 2.0**-40 * abs(solution.v[0])
    assert abs((visits.value * reward).sum() + entropy - solution.v[0]) <= slack


def test_stacks_answer_like_their_models():
    rng = np.random.default_rng(3)
    models = [m for m, _, _, _ in endless(60, discounts=(HALF,)) if (m.n_states, m.n_actions) == (3, 2)]
    models = (models * 4)[:4]
    stack = MDP(
        np.stack([m.transition for m in models]), np.stack([m.initial for m in models]), horizon=None, discount=HALF,
        final_value=np.stack([m.final_value for m in models]),
    ).to("float")  # fmt: skip
    reward = scalars.convert(random_reward(rng, (4, 3, 2)), "float")
    solution, best = soft_solution(stack, reward), optimal_solution(stack, reward)
    visits, values = occupancy(stack, solution.policy), policy_value(stack, reward, solution.policy)
    for i in range(4):
        one = soft_solution(stack.at(i), reward[i])
        assert (solution.v[i] == one.v).all()
        assert solution.error[i] == one.error
        assert (best.v[i] == optimal_solution(stack.at(i), reward[i]).v).all()
        assert (visits[i] == occupancy(stack.at(i), one.policy)).all()
        assert (values[i] == policy_value(stack.at(i), reward[i], one.policy)).all()


def test_accuracy_that_is_not_met_is_an_error():
    mdp = MDP([[[1.0]]], [1.0], horizon=None, discount=1 - 2.0**-30)
    with pytest.raises(OutOfReach, match="certified to be at most"):
        soft_solution(mdp, [1.0])
    assert soft_solution(mdp, [1.0], accuracy=2.0**14).error <= 2.0**14
    easy = replace(mdp, discount=0.5)
    with pytest.raises(OutOfReach, match="certified to be at most"):
        optimal_solution(easy, [1.0], accuracy=1e-300)
    with pytest.raises(InvalidArgument, match="accuracy is -1; expected a positive number"):
        soft_solution(easy, [1.0], accuracy=-1)


def test_exact_soft_values_are_out_of_reach_unless_nothing_is_chosen():
    log = scalars.LogRational.log
    coin = MDP([[[1], [1]]], [1], horizon=None, discount=HALF)
    assert soft_solution(coin, [[log(2), log(3)]]).v == [2 * log(5)]
    fork = MDP([[[1, 0], [0, 1]], [[1, 0], [0, 1]]], [1, 0], horizon=None, discount=HALF)
    with pytest.raises(OutOfReach):
        soft_solution(fork, [log(2), log(3)])
    chain = MDP([[[HALF, HALF]], [[0, 0]]], [1, 0], horizon=None, final_value=[0, 3])
    assert (soft_solution(chain, [1, 0]).v == [5, 3]).all()


def test_numbers_that_ride_on_others_are_out_of_reach_unless_they_are_all_recorded():
    """Duals, and a tape of the reward alone: implicit functions are not differentiated, and it is said so."""
    mdp = MDP([[[1.0, 0.0]], [[0.5, 0.5]]], [1.0, 0.0], horizon=None, discount=0.5)
    recorded, tape = Tape(), Tape()
    on_tape = mdp.with_numbers(recorded.leaves, "carrier")
    dual = np.array([Dual(1.5, [1.0]), Dual(2.5, [0.0])], dtype=object)
    for call in (soft_solution, optimal_solution, lambda m, r: policy_value(m, r, [[1.0], [1.0]])):
        for model, reward in ((mdp, tape.leaves([1.5, 2.5])), (mdp, dual), (on_tape, dual)):
            with pytest.raises(OutOfReach, match="not in this arithmetic"):
                call(model, reward)
        found, floats = call(on_tape, recorded.leaves([1.5, 2.5])), call(mdp, [1.5, 2.5])
        v, own = (found, floats) if isinstance(floats, np.ndarray) else (found.v, floats.v)
        assert (v.astype(float) == own).all()
