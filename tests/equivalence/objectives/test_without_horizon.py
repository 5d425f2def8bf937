"""causal and maxent without a horizon: duals are concave, so one-sided differences enclose their gradients."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, fmpq

from endless import endless
from equivalence.objectives import causal, maxent
from instances import AXES
from mdps import MDP, InvalidArgument, InvalidModel, boltzmann, occupancy, scalars
from mdps.random_models import random_policy
from mdps.scalars.balls import precision

BITS = 300
STEP = arb(2) ** -80
THIN = arb(2) ** -60


def at(level, *arrays):
    return [x.to(level) if isinstance(x, MDP) else scalars.convert(x, level) for x in arrays]


def drawn_expert(mdp, rng, axes, number):
    """What a policy visits, or a table that violates flow: both are legal."""
    counts = occupancy(mdp, random_policy(rng, mdp), axes=axes)
    if number % 2 and mdp.discount == 1:
        return counts * fmpq(3, 2)
    return counts


def encloses(function, gradient, at_point, direction):
    """A concave function: its slope along a direction lies between the differences to both sides."""
    here = function(at_point)
    ahead = (function(at_point + STEP * direction) - here) / STEP
    behind = (here - function(at_point - STEP * direction)) / STEP
    slope = (gradient * direction).sum()
    low, high = ahead.lower(), behind.upper()
    assert slope.upper() >= low
    assert slope.lower() <= high
    return arb(high) - arb(low) < THIN * (1 + abs(slope))


@pytest.mark.parametrize("part", range(2))
def test_gradients_are_slopes_of_concave_objectives(part):
    thin = total = 0
    for i, (mdp, reward, alpha, rng) in enumerate(endless(220)):
        if i % 2 != part:
            continue
        axes = AXES[reward.ndim - 1]
        expert = drawn_expert(mdp, rng, axes, i)
        direction = rng.integers(-2, 3, size=reward.shape)
        floats = at("float", mdp, reward, expert)
        objectives = [causal.dual, causal.gradient], [maxent.log_likelihood, maxent.gradient]
        for value, gradient in objectives:
            if value is maxent.log_likelihood and mdp.discount != 1:
                continue
            with precision(BITS):
                model, r, counts, d = at("ball", mdp, reward, expert, direction)
                try:
                    slopes = gradient(model, r, counts, temperature=alpha)
                except InvalidModel:  # trajectories may diverge where soft control does not
                    assert value is maxent.log_likelihood
                    continue
                objective = lambda x, v=value, m=model, c=counts, t=alpha: v(m, x, c, temperature=t)  # noqa: E731
                thin += encloses(objective, slopes, r, d)
                total += 1
                ours = gradient(*floats, temperature=float(alpha))
                slack = 2.0**-24 * (1 + float(expert.sum())) / float(alpha)  # the default accuracy of floats
                assert all(abs(arb(float(x)) - y) < slack for x, y in zip(ours.flat, slopes.flat, strict=True))
                number = arb(float(value(*floats, temperature=float(alpha))))
                truth = objective(r)
                assert abs(number - truth) < 2.0**-24 * (1 + abs(truth) + float(expert.sum()) * 40 / float(alpha))
    assert thin == total > 110


def test_likelihood_of_a_policy_is_the_dual_up_to_final_values():
    """E_E[sum gamma^t log pi] = dual + E_E[gamma^end f] / alpha (+ E_E log pi_0 relative to a prior)."""
    for mdp, reward, alpha, rng in endless(200):
        behavior = random_policy(rng, mdp)
        prior = random_policy(rng, mdp)
        counts = occupancy(mdp, behavior, axes=AXES[reward.ndim - 1])
        final = mdp.final_value
        paid = mdp.transition * np.where(mdp.terminal, final, 0 * final)
        ended = (occupancy(mdp, behavior, axes="sa")[..., None] * mdp.discount * paid).sum()
        ended = ended + (mdp.initial * np.where(mdp.terminal, final, 0 * final)).sum()
        with precision(BITS):
            model, r, pi, visits, pi_0, end = at("ball", mdp, reward, behavior, counts, prior, np.array(ended))
            likelihood = causal.log_likelihood(model, r, policy=pi, temperature=alpha)
            temperature = scalars.convert(np.array(alpha), "ball")[()]
            value = causal.dual(model, r, visits, temperature=alpha)
            assert likelihood.overlaps(value + end[()] / temperature)
            relative = causal.log_likelihood(model, r, policy=pi, temperature=alpha, prior=pi_0)
            value = causal.dual(model, r, visits, temperature=alpha, prior=pi_0)
            known = (occupancy(model, pi) * np.where(mdp.available, np.array([[x.log() if x > 0 else arb(0)
                     for x in row] for row in pi_0]), arb(0))).sum()  # fmt: skip
            assert relative.overlaps(value + end[()] / temperature + known)
            gradient = causal.gradient(model, r, visits, temperature=alpha, prior=pi_0)
            assert encloses(
                lambda x, m=model, v=visits, t=alpha, p=pi_0: causal.dual(m, x, v, temperature=t, prior=p),
                gradient, r, scalars.convert(rng.integers(-2, 3, size=reward.shape), "ball"),
            )  # fmt: skip


@pytest.mark.parametrize("axes", ["s", "sa", "sas"])
def test_hessians_are_derivatives_of_gradients(axes):
    """Central differences of step 2^-80: off by h^2 / 6 of third derivatives, which are below 2^60 here."""
    seen = 0
    for i, (mdp, _, alpha, rng) in enumerate(endless(210)):
        if AXES[i % 3] != axes:
            continue
        shape = {"s": (mdp.n_states,), "sa": mdp.available.shape, "sas": mdp.transition.shape}[axes]
        features = scalars.convert(rng.integers(-1, 2, size=(*shape, 2)), "exact")
        theta = scalars.convert(np.array([Fraction(1, 7), Fraction(-2, 9)]), "exact")
        if mdp.discount == 1:  # a step costs enough for every sum to converge
            features = np.concatenate([features, 0 * features[..., :1] + 1], axis=-1)
            theta = np.append(theta, theta[0] * 0 - 3 - 14 * (alpha == 10))
        for objective in (causal, maxent):
            if objective is maxent and mdp.discount != 1:
                continue
            counts = occupancy(mdp, random_policy(rng, mdp), axes=axes)
            with precision(BITS):
                model, phi, point, expert = at("ball", mdp, features, theta, counts)
                direction = scalars.convert(rng.integers(-2, 3, size=theta.shape), "ball")

                def slope(x, model=model, phi=phi, expert=expert, objective=objective, alpha=alpha):
                    to_reward = objective.gradient(model, (phi * x).sum(axis=-1), expert, temperature=alpha)
                    return (to_reward[..., None] * phi).sum(axis=tuple(range(phi.ndim - 1)))

                hessian = objective.hessian(model, phi, point, temperature=alpha)
                difference = (slope(point + STEP * direction) - slope(point - STEP * direction)) / (2 * STEP)
                expected = hessian @ direction
                assert all(abs(x - y) < arb(2) ** -99 for x, y in zip(difference, expected, strict=True))
                assert not (direction @ hessian @ direction) > 0
                seen += 1
    assert seen >= 70


def test_what_does_not_exist_or_fit():
    mdp = MDP([[[Fraction(1, 2)] * 2]] * 2, [1, 0], horizon=None, discount=Fraction(1, 2))
    expert = occupancy(mdp, [[1], [1]])
    assert expert.sum() == 2
    for call in (maxent.log_likelihood, maxent.gradient):
        with pytest.raises(InvalidModel, match="does not exist"):
            call(mdp, [0, 0], expert[:, 0])
    with pytest.raises(InvalidArgument, match="expected 2"):
        causal.dual(mdp, [0, 0], expert[:, 0] * 2)
    with pytest.raises(InvalidArgument, match="policy="):
        causal.log_likelihood(mdp, [0, 0], marginals=[[1], [1]])
    endless_ring = replace(mdp, discount=Fraction(1))
    with pytest.raises(InvalidModel, match="no terminal state"):
        causal.dual(endless_ring, [0, 0], expert[:, 0])
    episodic = MDP([[[Fraction(1, 2)] * 2], [[0, 0]]], [1, 0], horizon=None)
    with pytest.raises(InvalidArgument, match="at least 1"):
        maxent.log_likelihood(episodic, [0, 0], [Fraction(1, 2), 0])
    assert boltzmann.log_partition(episodic, [0, 0]) == 0
