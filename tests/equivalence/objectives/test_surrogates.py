"""AIRL's policy step: the identity of its objective, the lower bound, and best responses that move away."""

import numpy as np
import pytest
from flint import fmpq

from equivalence.objectives import airl, surrogates
from instances import models_of
from mdps import MDP, InvalidArgument, marginals, occupancy, scalars, soft_solution
from mdps.random_models import random_policy
from mdps.scalars.balls import precision
from visited import endless_models, endless_occupancy


def kl(p, q):
    goes = p != 0
    return (p[goes] * (scalars.log(p[goes]) - scalars.log(q[goes]))).sum()


def weighted(mdp, policy):
    if mdp.horizon is None:
        return endless_occupancy(mdp, policy)
    if policy.ndim == 2:
        return occupancy(mdp, policy)
    return marginals(mdp, policy) * np.array([fmpq(1) * mdp.discount**t for t in range(mdp.horizon)])[:, None, None]


def cases():
    for number, (mdp, rng) in enumerate(endless_models()):
        if number % 2:
            yield mdp, *(random_policy(rng, mdp) for _ in range(3))
    for kind in ("plain", "terminal", "unavailable", "deterministic-terminal"):
        for number, (mdp, _, _, rng) in enumerate(models_of(kind)):
            if number % 3:
                continue
            yield mdp, *(random_policy(rng, mdp, steps=number % 2 == 0) for _ in range(3))


def test_best_response_value_is_an_upper_bound_by_the_divergence_of_states():
    """T-01, in exact numbers, and the lower bound of models whose visits have one mass."""
    below = 0
    for mdp, pi, pi_expert, trial in cases():
        rho, rho_expert, visits = (weighted(mdp, x) for x in (pi, pi_expert, trial))
        expert = marginals(mdp, pi_expert) if pi.ndim == 3 else rho_expert
        found = surrogates.best_response_value(mdp, pi, expert, trial)
        upper = -kl(visits, rho_expert)
        assert found == upper + kl(visits.sum(axis=-1), rho.sum(axis=-1))
        assert surrogates.best_response_value(mdp, pi, expert, pi) == -kl(rho, rho_expert)
        if mdp.terminal.any():
            with pytest.raises(InvalidArgument, match="terminal states"):
                surrogates.guaranteed_value(mdp, pi, expert, trial)
            continue
        lower = surrogates.guaranteed_value(mdp, pi, expert, trial)
        assert lower <= upper <= found
        below += lower < upper
        assert surrogates.guaranteed_value(mdp, pi, expert, pi) == -kl(rho, rho_expert)
    assert below > 50


def test_guaranteed_value_by_hand():
    """Without end: E_n'[log n_E / n] - E_n' KL(pi' || pi) / (1 - gamma), n normalized, over 1 - gamma."""
    for mdp, rng in endless_models():
        if mdp.terminal.any():
            continue
        pi, pi_expert, trial = (random_policy(rng, mdp) for _ in range(3))
        rho, rho_expert, visits = (endless_occupancy(mdp, x) for x in (pi, pi_expert, trial))
        goes = visits != 0
        gained = (visits[goes] * (scalars.log(rho_expert[goes]) - scalars.log(rho[goes]))).sum()
        apart = (visits[goes] * (scalars.log(trial[goes]) - scalars.log(pi[goes]))).sum()
        found = surrogates.guaranteed_value(mdp, pi, rho_expert, trial)
        assert found == gained - apart / (1 - fmpq(1) * mdp.discount)


def test_a_best_response_can_move_away_from_the_expert():
    """T-03: soft control of the exact AIRL reward, the entropy bonus inside, increases KL(rho || rho_E) somewhere."""
    worse, generator = 0, np.random.default_rng(3)
    for _ in range(150):
        n_states = int(generator.integers(2, 5))
        transition = generator.dirichlet(np.full(n_states, 0.3), size=(n_states, 2))
        mdp = MDP(transition, generator.dirichlet(np.ones(n_states)), horizon=None, discount=0.9)
        pi, pi_expert = (generator.dirichlet(np.full(2, 0.5), size=n_states) for _ in range(2))
        expert = occupancy(mdp, pi_expert)
        f = airl.optimal_f(mdp, pi, expert)
        response = soft_solution(mdp, f).policy
        before, after = (kl(occupancy(mdp, x), expert) for x in (pi, response))
        worse += after > before + 1 / 1000  # far beyond any rounding
    assert worse > 0


def test_in_balls():
    for number, (mdp, rng) in enumerate(endless_models()):
        if number % 8:
            continue
        pi, pi_expert, trial = (random_policy(rng, mdp) for _ in range(3))
        expert = endless_occupancy(mdp, pi_expert)
        exactly = surrogates.best_response_value(mdp, pi, expert, trial)
        with precision(100):
            balls = (scalars.convert(x, "ball") for x in (pi, expert, trial))
            found = surrogates.best_response_value(mdp.to("ball"), *balls)
            assert found.overlaps(scalars.convert(np.array(exactly), "ball")[()])


def test_bad_input():
    mdp = MDP([[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]], [0.5, 0.5], horizon=2)
    pi, sure = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    with pytest.raises(InvalidArgument, match="trial policy goes and the expert never does"):
        surrogates.best_response_value(mdp, pi, occupancy(mdp, sure), pi)
    with pytest.raises(InvalidArgument, match="trial policy goes and the policy never does"):
        surrogates.best_response_value(mdp, sure, occupancy(mdp, pi), pi)
    with pytest.raises(InvalidArgument, match="trial has shape"):
        surrogates.best_response_value(mdp, pi, occupancy(mdp, pi), [pi, pi])
