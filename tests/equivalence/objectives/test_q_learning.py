"""Inverse soft-Q learning: rewards of Q by loops, gradients by power series, and the gap to the saddle point."""

from functools import partial

import numpy as np
import pytest
from flint import fmpq

from agreement import assert_agrees, objects, overlap
from enumeration import BALLS, BITS, derivatives, nested
from equivalence.objectives import q_learning
from instances import each_kind, models_of
from mdps import MDP, InvalidArgument, marginals, occupancy, scalars, soft_solution
from mdps.random_models import random_policy, random_reward
from mdps.scalars import duals
from mdps.scalars.balls import precision
from visited import drawn_expert, endless_expert, endless_models, endless_occupancy


def numbers_of(mdp, q, expert, visits, chi_square, temperature):
    plain = {"temperature": temperature}
    on_expert = {"chi_square": chi_square, **plain}
    on_mixture = {"visits": visits, **on_expert}
    return (
        q_learning.soft_values(mdp, q, **plain),
        q_learning.policy_of_q(mdp, q, **plain),
        q_learning.reward_of_q(mdp, q, **plain),
        *(q_learning.objective(mdp, q, expert, **given) for given in (plain, on_expert, on_mixture)),
        *(q_learning.gradient(mdp, q, expert, **given) for given in (plain, on_expert, on_mixture)),
    )


class Definition:
    """V, pi, r and J of a table q over all steps (or of one), in balls, by loops."""

    def __init__(self, mdp, alpha):
        self.rows, self.alpha = mdp.transition.tolist(), alpha
        self.final, self.gamma = nested(mdp.final_value, BALLS), BALLS.number(mdp.discount)
        self.initial, self.horizon = nested(mdp.initial, BALLS), mdp.horizon
        self.available, self.terminal = mdp.available, mdp.terminal

    def value(self, q, t, s):
        """V_t(s), of q[t][s][a], or of q[s][a] at each step."""
        if self.terminal[s] or t == self.horizon:
            return self.final[s]
        row = self.row(q, t, s)
        return self.alpha * sum((row[a] / self.alpha).exp() for a in np.flatnonzero(self.available[s])).log()

    def row(self, q, t, s):
        return q[t][s] if isinstance(q[0][0], list) else q[s]

    def policy(self, q, t, s, a):
        if not self.available[s, a]:
            return 0
        return ((self.row(q, t, s)[a] - self.value(q, t, s)) / self.alpha).exp()

    def values(self, q):
        """{(t, s): V}, also behind the last step."""
        steps = [0] if self.horizon is None else range(self.horizon + 1)
        return {(t, s): self.value(q, t, s) for t in steps for s in range(len(self.rows))}

    def reward(self, q, v, t, s, a):
        if not self.available[s, a]:
            return 0
        after = t if self.horizon is None else t + 1
        ahead = sum(BALLS.number(p) * v[after, x] for x, p in enumerate(self.rows[s][a]) if p > 0)
        return self.row(q, t, s)[a] - self.gamma * ahead

    def objective(self, q, expert, weight):
        """sum rho_E r - sum w r^2 - sum_s rho V, over tables [(t, s, a)]."""
        total, v = 0, self.values(q)
        for index, e in expert.items():
            total = total + e * self.reward(q, v, *index)
        for index, w in weight.items():
            r = self.reward(q, v, *index)
            total = total - w * r * r
        for s, rho in enumerate(self.initial):
            total = total - rho * v[0, s]
        return total


def entries(mdp, table):
    """{(t, s, a): gamma^t x} of marginals, or {(0, s, a): x} of an occupancy; without zeros."""
    found = {}
    for index in np.ndindex(table.shape):
        if table[index] != 0:
            weighted = table[index] * (mdp.discount ** index[0] if table.ndim == 3 else 1)
            found[index if table.ndim == 3 else (0, *index)] = BALLS.number(fmpq(1) * weighted)
    return found


def by_definition(mdp, q, expert, visits, chi_square, temperature):
    alpha, a = BALLS.number(temperature), BALLS.number(chi_square)
    mine, table = Definition(mdp, alpha), nested(q, BALLS)
    steps = [0] if mdp.horizon is None else range(mdp.horizon)
    n_states, n_actions = mdp.available.shape
    all_v = mine.values(table)
    v = [[all_v[t, s] for s in range(n_states)] for t in steps]
    pi = [[[mine.policy(table, t, s, b) for b in range(n_actions)] for s in range(n_states)] for t in steps]
    r = [[[mine.reward(table, all_v, t, s, b) for b in range(n_actions)] for s in range(n_states)] for t in steps]
    if mdp.horizon is None:
        v, pi, r = v[0], pi[0], r[0]
    rho, mu = entries(mdp, expert), entries(mdp, visits)
    both = {index: rho.get(index, 0) + mu.get(index, 0) for index in {*rho, *mu}}
    weights = {}, {i: x / (4 * a) for i, x in rho.items()}, {i: x / (4 * a) for i, x in both.items()}
    values = [mine.objective(table, rho, w) for w in weights]
    slopes = [objects(derivatives(partial(mine.objective, expert=rho, weight=w), table)) for w in weights]
    return tuple(map(objects, (v, pi, r, *values))) + tuple(slopes)


@each_kind
def test_agrees_with_definitions(kind):
    for number, (mdp, temperature, _, rng) in enumerate(models_of(kind)):
        if number % 6 != len(kind) % 6:
            continue
        shape = (mdp.horizon, *mdp.available.shape) if number % 4 < 2 else mdp.available.shape
        arguments = (
            random_reward(rng, shape),
            drawn_expert(rng, mdp, "tsa", number),
            marginals(mdp, random_policy(rng, mdp, steps=True)),
            (1, 3, 10)[number % 3],
            temperature,
        )
        with precision(BITS):
            expected = by_definition(mdp, *arguments)
        assert_agrees(numbers_of, expected, mdp, *arguments)


def test_without_end():
    for number, (mdp, rng) in enumerate(endless_models()):
        q, expert = random_reward(rng, mdp.available.shape), endless_expert(rng, mdp, number)
        visits = endless_occupancy(mdp, random_policy(rng, mdp))
        arguments = q, expert, visits, (1, 3, 10)[number % 3], (1, fmpq(1, 10), 10)[number // 3 % 3]
        with precision(BITS):
            expected = by_definition(mdp, *arguments)
        assert_agrees(numbers_of, expected, mdp, *arguments)


def test_soft_solution_of_the_reward_gives_q_back():
    """Q-01, without end and with a horizon (where r_Q of a stationary reward is that reward)."""
    for number, (mdp, rng) in enumerate(endless_models()):
        q = random_reward(rng, mdp.available.shape)
        temperature = (1, 10)[number % 2]
        with precision(100):
            ball, table = mdp.to("ball"), scalars.convert(q, "ball")
            reward = q_learning.reward_of_q(ball, table, temperature=temperature)
            solution = soft_solution(ball, reward, temperature=temperature)
            pairs = (solution.q[mdp.available], table[mdp.available])
            assert all(x.overlaps(y) and x.rad() < 1e-9 for x, y in zip(*pairs, strict=True))
    for mdp, temperature, axes, rng in models_of("terminal-unavailable"):
        reward = random_reward(rng, (mdp.n_states, mdp.n_actions, mdp.n_states)[: len(axes)])
        with precision(BITS):
            ball, r = mdp.to("ball"), scalars.convert(reward, "ball")
            q = soft_solution(ball, r, temperature=temperature).q
            found = q_learning.reward_of_q(ball, q, temperature=temperature)
            if axes == "sas":
                expected = (ball.transition * r).sum(axis=-1)
            else:
                expected = np.broadcast_to(r[:, None] if axes == "s" else r, mdp.available.shape)
            for t in range(mdp.horizon):
                assert overlap(found[t][mdp.available], expected[mdp.available])


def test_without_regularizer_it_is_behavioral_cloning():
    """Q-03: J = alpha E_E[sum gamma^t log pi_Q] - E_E[final value], for an expert of the same dynamics."""
    for number, (mdp, rng) in enumerate(endless_models()):
        q, pi = random_reward(rng, mdp.available.shape), random_policy(rng, mdp)
        alpha = (1, 10)[number % 2]
        with precision(100):
            ball, table = mdp.to("ball"), scalars.convert(q, "ball")
            rho = scalars.convert(endless_occupancy(mdp, pi), "ball")
            found = q_learning.objective(ball, table, rho, temperature=alpha)
            policy = q_learning.policy_of_q(ball, table, temperature=alpha)
            likelihood = sum(r * p.log() for r, p in zip(rho[mdp.available], policy[mdp.available], strict=True))
            ends = np.where(mdp.terminal, mdp.final_value, fmpq(0))
            final = (endless_occupancy(mdp, pi) * mdp.discount * mdp.expectation(ends)).sum() + (
                mdp.initial * ends
            ).sum()
            assert found.overlaps(alpha * likelihood - scalars.convert(np.array(final), "ball")[()])


@pytest.mark.parametrize("over", ["expert", "mixture"])
def test_gap_to_the_saddle_point(over):
    """Q-04, Q-10: value(pi) - alpha H(pi) - J(Q) = sum w (r_Q - r*)^2 + alpha E_pi[KL(pi || pi_Q)] >= 0, exactly."""
    for number, (mdp, rng) in enumerate(endless_models()):
        pi, other = (random_policy(rng, mdp) for _ in range(2))
        q = random_reward(rng, mdp.available.shape)
        alpha, a = (1, 10)[number % 2], (2, 5)[number // 2 % 2]
        visits, expert = endless_occupancy(mdp, pi), endless_occupancy(mdp, other)
        model = mdp.with_final_value(0 * mdp.initial)
        with precision(100):
            ball = model.to("ball")
            table, rho, mu, policy = (scalars.convert(x, "ball") for x in (q, expert, visits, pi))
            given = {"visits": mu} if over == "mixture" else {}
            found = q_learning.objective(ball, table, rho, chi_square=a, temperature=alpha, **given)
            distance = q_learning.penalized_distance(ball, rho, mu, chi_square=a, over=over)
            best = q_learning.optimal_reward(ball, rho, mu, chi_square=a, over=over)
            reward = q_learning.reward_of_q(ball, table, temperature=alpha)
            weight = (rho if over == "expert" else rho + mu) / (4 * a)
            apart = (weight * (reward - best) * (reward - best)).sum()
            of_q = q_learning.policy_of_q(ball, table, temperature=alpha)
            kl = sum(mu[i] * (policy[i].log() - of_q[i].log()) for i in np.ndindex(mu.shape) if mdp.available[i])
            entropy = -sum(mu[i] * policy[i].log() for i in np.ndindex(mu.shape) if mdp.available[i])
            assert (distance - alpha * entropy - found - apart - alpha * kl).contains(0)
            if over == "mixture":
                assert all(abs(x) <= 2 * a for x in best.ravel())


def test_objective_is_not_concave_where_the_reward_exceeds_2a():
    """Q-05: chi-square on the expert, one state, one action beside another: a positive curvature, in balls."""
    mdp = MDP([[[1], [1]]], [1], horizon=1).to("ball")
    expert = scalars.convert(np.array([[[fmpq(1, 2), fmpq(1, 2)]]]), "ball")
    half = scalars.convert(np.array(fmpq(1, 2)), "ball")[()]

    def curvature(level):
        q = scalars.convert(np.array([[level, 0]]), "ball")
        hessian = duals.jacobian(
            lambda x: q_learning.gradient(mdp, x.reshape(1, 2), expert, chi_square=half).ravel(), q.ravel()
        )
        return hessian[0, 0]

    # J'' = -w'' part - V'': at horizon 1 r = Q, and J is concave; the loss of it needs V inside r.
    assert curvature(1) < 0
    two = MDP([[[0, 1], [0, 1]], [[0, 1], [0, 1]]], [1, 0], horizon=2).to("ball")
    marginal = scalars.convert(np.array([[[1, 0], [0, 0]], [[0, 0], [fmpq(1, 2), fmpq(1, 2)]]]), "ball")
    q = scalars.convert(np.array([[[9, 0], [0, 0]], [[0, 0], [0, 0]]]), "ball")
    hessian = duals.jacobian(
        lambda x: q_learning.gradient(two, x.reshape(2, 2, 2), marginal, chi_square=half).ravel(), q.ravel()
    )
    # phi'(9) = 1 - 9 < 0 at the first step, which multiplies -V'' < 0 of the second
    assert hessian[6, 6] > 0


def test_values_telescope():
    """Q-02: sum rho (V - gamma P V) = sum rho_0 V on the flow, up to starts that are terminal; not off it."""
    off = 0
    for number, (mdp, rng) in enumerate(endless_models()):
        v, pi = random_reward(rng, (mdp.n_states,)), random_policy(rng, mdp)
        alive = np.where(mdp.terminal, fmpq(0), v)
        assert q_learning.visited_value(mdp, v, endless_occupancy(mdp, pi)) == q_learning.start_value(mdp, alive)
        expert = endless_expert(rng, mdp, number)
        off += q_learning.visited_value(mdp, v, expert) != q_learning.start_value(mdp, alive)
    assert off > 30
    for mdp, _, _, rng in models_of("terminal"):
        v = random_reward(rng, (mdp.horizon, mdp.n_states))
        visits = marginals(mdp, random_policy(rng, mdp, steps=True))
        alive = np.where(mdp.terminal, fmpq(0), v)
        assert q_learning.visited_value(mdp, v, visits) == q_learning.start_value(mdp, alive)


def test_far_numbers():
    mdp = MDP(np.ones((1, 2, 1)), [1.0], horizon=2, discount=0.5)
    q = np.array([[1000.0, -1000.0]])
    expert = np.full((2, 1, 2), 0.5)
    assert q_learning.policy_of_q(mdp, q, temperature=1e-3).tolist() == [[[1.0, 0.0]]] * 2
    assert q_learning.reward_of_q(mdp, q, temperature=1e-3).tolist() == [[[500.0, -1500.0]], [[1000.0, -1000.0]]]
    # <rho_E, r> = -500 + 0 / 2, and V_0 = 1000
    assert q_learning.objective(mdp, q, expert, temperature=1e-3) == -1500.0


FLOATS = MDP([[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]], [0.5, 0.5], horizon=2)
MARGINALS = marginals(FLOATS, [[0.5, 0.5], [1.0, 0.0]])
Q = np.zeros((2, 2))


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: q_learning.objective(FLOATS, np.zeros(2), MARGINALS),
            "q has shape (2,); expected (2, 2) or (2, 2, 2)",
        ),
        (lambda: q_learning.objective(FLOATS, Q, MARGINALS[0]), "expected (2, 2, 2), marginals [t, s, a] of each step"),
        (lambda: q_learning.objective(FLOATS, Q, MARGINALS, chi_square=0), "chi_square is 0; expected one positive"),
        (lambda: q_learning.objective(FLOATS, Q, MARGINALS, visits=MARGINALS), "chi_square is not"),
        (lambda: q_learning.objective(FLOATS, Q + np.inf, MARGINALS), "q[0, 0] is inf; expected finite numbers"),
        (
            lambda: q_learning.optimal_reward(
                FLOATS, marginals(FLOATS, [[1.0, 0.0], [1.0, 0.0]]), MARGINALS, chi_square=1
            ),
            "the policy goes and the expert never does",
        ),
        (
            lambda: q_learning.optimal_reward(FLOATS, MARGINALS, MARGINALS, chi_square=1, over="both"),
            "over is 'both'; expected 'expert' or 'mixture'",
        ),
        (lambda: q_learning.start_value(FLOATS, np.zeros(2)), "v has shape (2,); expected (2, 2)"),
        (lambda: q_learning.soft_values(FLOATS, Q, temperature=0), "temperature is 0.0; expected a positive number"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InvalidArgument) as raised:
        call()
    assert message in str(raised.value)


def test_stacks_are_their_models():
    rng = np.random.default_rng(3)
    transition = rng.dirichlet(np.ones(3), size=(4, 3, 2))
    for horizon in (2, None):
        mdp = MDP(transition, np.full((4, 3), 1 / 3), horizon=horizon, discount=0.5)
        pi = rng.dirichlet(np.ones(2), size=(4, 3))
        expert = occupancy(mdp, pi) if horizon is None else marginals(mdp, pi)
        q = rng.normal(size=(4, 3, 2))
        whole = numbers_of(mdp, q, expert, expert, 2.0, 1.0)
        for i in range(4):
            for x, y in zip(whole, numbers_of(mdp.at(i), q[i], expert[i], expert[i], 2.0, 1.0), strict=True):
                # numpy may add in another order: each of the few dozen terms is below 10
                assert np.abs(np.asarray(x)[i] - y).max() <= 256 * np.spacing(10.0)
