"""Hessians against derivatives of gradients (dual numbers), and against covariances over every trajectory."""

import numpy as np
import pytest

from equivalence.objectives import causal, maxent
from mdps import InvalidArgument, OutOfReach, boltzmann, gallery, scalars, trajectories
from mdps.random_models import random_model, random_policy, random_reward
from mdps.scalars.balls import precision
from mdps.scalars.duals import jacobian

KINDS = [
    {},
    {"deterministic": True},
    {"terminal": True, "discount": scalars.convert(np.array(1), "exact")[()] / 2},
    {"unavailable": True, "single_start": True},
    {"final_value": True, "terminal": True, "unavailable": True},
]


def gradient_to_theta(objective, mdp, features, expert, temperature):
    axes = tuple(range(features.ndim - 1))

    def gradient(theta):
        to_reward = objective.gradient(mdp, (features * theta).sum(axis=-1), expert, temperature=temperature)
        return (to_reward[..., None] * features).sum(axis=axes)

    return gradient


@pytest.mark.parametrize("objective", [maxent, causal])
@pytest.mark.parametrize("axes", ["s", "sa", "sas"])
@pytest.mark.parametrize("kind", range(len(KINDS)))
@pytest.mark.parametrize("horizon", [1, 2, 3])
def test_hessian_is_the_derivative_of_the_gradient(objective, axes, kind, horizon):
    rng = np.random.default_rng([kind, horizon])
    mdp = random_model(rng, 3, 2, horizon, **KINDS[kind])
    shape = {"s": (3,), "sa": (3, 2), "sas": (3, 2, 3)}[axes]
    features = scalars.convert(rng.integers(-1, 3, size=(*shape, 2)), "exact")
    theta = random_reward(rng, (2,))
    temperature = 2 if kind == 1 else 1
    paths = trajectories(mdp)
    expert = paths.occupancy(paths.law(random_policy(rng, mdp)), axes=axes)
    with precision(200):
        in_balls = mdp.to("ball")
        phi, at, visits = (scalars.convert(x, "ball") for x in (features, theta, expert))
        hessian = objective.hessian(in_balls, phi, at, temperature=temperature)
        gradient = gradient_to_theta(objective, in_balls, phi, visits, temperature)
        difference = (hessian - jacobian(gradient, at)).ravel()
        assert all(x.contains(0) and x.rad() < 1e-40 for x in difference)
        direction = scalars.convert(np.array([3, -2]), "ball")
        assert not (direction @ hessian @ direction) > 0


@pytest.mark.parametrize("name", gallery.MODELS)
def test_maxent_hessian_is_the_covariance_over_trajectories(name):
    mdp, reward = gallery.MODELS[name]()
    table = (
        np.broadcast_to(reward[(..., *(None,) * (2 - reward.ndim))], mdp.available.shape) if reward.ndim < 3 else None
    )
    if table is None:
        pytest.skip("a reward on transitions has no table of state-action indicators")
    size = table.size
    features = scalars.convert(np.eye(size, dtype=int).reshape(*table.shape, size), "exact")
    paths = trajectories(mdp)
    try:
        law = boltzmann.law(paths, table)
    except OutOfReach:
        return
    counts = paths.counts().reshape(len(paths), -1)
    centered = counts - (law[:, None] * counts).sum(axis=0)
    covariance = centered.T @ (law[:, None] * centered)
    assert (maxent.hessian(mdp, features, table.ravel()) == -covariance).all()


def test_features_and_theta_have_to_fit():
    mdp, _ = gallery.fork()
    for objective in (maxent, causal):
        with pytest.raises(InvalidArgument, match="expected"):
            objective.hessian(mdp, np.zeros((3, 2, 2), dtype=int), np.zeros(3, dtype=int))
        with pytest.raises(InvalidArgument, match="features"):
            objective.hessian(mdp, np.zeros((4, 2), dtype=int), np.zeros(2, dtype=int))
