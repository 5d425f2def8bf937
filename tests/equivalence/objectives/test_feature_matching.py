"""Feature matching: the reward that made an expert is found again, as far as data can tell, within the certificate."""

from dataclasses import replace

import numpy as np
import pytest
from flint import arb

from endless import endless
from equivalence.objectives import causal, maxent
from instances import AXES
from mdps import MDP, InvalidArgument, OutOfReach, boltzmann, occupancy, scalars, soft_solution
from mdps.scalars.balls import precision


def visits_of(objective, mdp, reward, axes, alpha):
    if objective is maxent:
        return boltzmann.occupancy(mdp, reward, temperature=alpha, axes=axes)
    return occupancy(mdp, soft_solution(mdp, reward, temperature=alpha).policy, axes=axes)


def ball(x):
    return scalars.convert(scalars.convert(x, "exact"), "ball")


@pytest.mark.parametrize("part", range(4))
def test_optimum_is_the_reward_that_made_the_expert(part):
    """|theta - theta*| <= distance + 2 |g*| / m, g* the gradient that rounding the expert's counts leaves at theta*.

    m is the smallest eigenvalue there, by numpy; over so short a way it does not fall by half.
    """
    solved = identified = refused = 0
    for i, (mdp, _, alpha, rng) in enumerate(endless(200)):
        if i % 4 != part:
            continue
        objective = (causal, maxent)[i % 3 == 1]
        horizon = None if i % 2 and (objective is causal or mdp.discount == 1) else int(rng.integers(1, 4))
        axes = AXES[i % 3]
        model = replace(mdp.to("float"), horizon=horizon)
        shape = {"s": (mdp.n_states,), "sa": mdp.available.shape, "sas": mdp.transition.shape}[axes]
        phi = rng.integers(-1, 2, size=(*shape, 3)).astype(float)
        truth, temperature = rng.integers(-3, 4, size=3) / 4 * float(alpha), float(alpha)
        if horizon is None and mdp.discount == 1:
            phi[..., 2], truth[2] = 1.0, -3.25 * float(alpha)  # a step costs enough for every sum to converge
        with precision(106):
            balls = model.to("ball")
            visited = visits_of(objective, balls, (ball(phi) * ball(truth)).sum(axis=-1), axes, ball(temperature)[()])
            expert = scalars.convert(visited, "float")
            missed = ((ball(expert) - visited)[..., None] * ball(phi)).sum(axis=tuple(range(len(shape))))
            missed = float(sum((arb(abs(x).upper()) for x in missed), arb(0)).upper()) / temperature
        try:
            found = objective.optimum(model, phi, expert, temperature=temperature, start=truth * 0.75)
        except OutOfReach:  # choices that hardly ever matter: a curvature of 1e-14, say
            refused += 1
            continue
        if not found.range.shape[1]:
            assert (found.theta == truth * 0.75).all()
            continue
        bend = -found.range.T @ objective.hessian(model, phi, truth, temperature=temperature) @ found.range
        smallest = np.linalg.eigvalsh(bend)[0]
        distance = np.linalg.norm(found.range.T @ (found.theta - truth))
        # Last: the projection itself, in floats.
        assert distance <= found.distance + 2 * missed / smallest + 2.0**-50 * (1 + np.linalg.norm(truth))
        assert found.distance <= 2.0**-16
        solved, identified = solved + 1, identified + found.range.shape[1]
    assert refused <= 1
    assert solved > 25
    assert identified > 40


TREE = MDP([[[0, 1, 0], [0, 0, 1]], [[0, 1, 0]] * 2, [[0, 0, 1]] * 2], [1, 0, 0], horizon=2)


def off(theta, truth):
    """|theta - truth| of a float and a ball."""
    return abs(arb(float(theta)) - truth)


def test_odds_of_a_coin_by_hand():
    """One choice of probability p for the first action: theta = alpha log p / (1 - p), within the distance alone."""
    coin = MDP([[[1], [1]]], [1], horizon=1)
    features = np.array([[[1.0], [0.0]]])
    with precision(200):
        for objective in (causal, maxent):
            for p in (0.25, 0.375, 1 - 2.0**-20):
                found = objective.optimum(coin, features, [[p, 1 - p]])
                assert off(found.theta[0], (arb(p) / (1 - arb(p))).log()) <= arb(found.distance)
                assert found.distance <= 2.0**-40
                assert abs(found.gradient[0]) <= 2.0**-50
        endless_coin = replace(coin, horizon=None, discount=0.5)
        found = causal.optimum(endless_coin, features, [[0.5, 1.5]], temperature=10.0)
        assert off(found.theta[0], -10 * arb(3).log()) <= arb(found.distance)


@pytest.mark.parametrize("objective", [causal, maxent])
def test_experts_on_the_boundary_or_outside(objective):
    features = np.eye(6).reshape(3, 2, 6)
    deterministic = occupancy(TREE, np.array([[1.0, 0], [0.5, 0.5], [0.5, 0.5]]))
    with pytest.raises((InvalidArgument, OutOfReach), match="boundary"):
        objective.optimum(TREE, features, deterministic)
    stuck = MDP([[[1.0]]], [1.0], horizon=2)
    assert objective.optimum(stuck, np.ones((1, 1)), [2.0]).range.shape == (1, 0)
    other_dynamics = np.array([[0.5, 0.5], [0.75, 0.25], [0.0, 0.0]])  # half of it would have to be in state 2
    with pytest.raises(InvalidArgument, match="no theta matches"):
        objective.optimum(TREE, features, other_dynamics)
    with pytest.raises(OutOfReach, match="to\\('float'\\)"):
        objective.optimum(TREE.to("exact"), features.astype(int), deterministic.astype(int))
