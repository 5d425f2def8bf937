"""The saddle point of GAIL in balls: L-03 without end and step by step, and weak duality with and without psi_GA."""

from functools import partial

import numpy as np
import pytest

from agreement import overlap
from enumeration import BITS
from equivalence.objectives import gail_saddle
from instances import models_of
from mdps import MDP, InvalidArgument, causal_entropy, marginals, occupancy, scalars
from mdps.random_models import random_policy, random_reward
from mdps.scalars.balls import precision
from visited import endless_models, endless_occupancy


def test_saddle_point_without_regularizer():
    """L-03: at c = -lambda log pi_E, RL(c) = pi_E, and L(pi, c) >= -lambda H(pi_E) >= L(pi_E, c')."""
    for number, (mdp, rng) in enumerate(endless_models()):
        pi_expert, trial = random_policy(rng, mdp), random_policy(rng, mdp)
        weight = (1, 2, 10)[number % 3]
        with precision(80):
            ball = mdp.to("ball")
            pi, other = (scalars.convert(x, "ball") for x in (pi_expert, trial))
            expert = scalars.convert(endless_occupancy(mdp, pi_expert), "ball")
            cost = gail_saddle.saddle_cost(ball, pi, entropy_weight=weight)
            best = -weight * causal_entropy(ball, pi)
            response = gail_saddle.rl_policy(ball, cost, entropy_weight=weight)
            assert all(x.overlaps(y) and x.rad() < 1e-9 for x, y in zip(response.ravel(), pi.ravel(), strict=True))
            assert gail_saddle.irl_value(ball, cost, expert, entropy_weight=weight).overlaps(best)
            assert gail_saddle.saddle_value(ball, cost, pi, expert, entropy_weight=weight).overlaps(best)
            assert not gail_saddle.saddle_value(ball, cost, other, expert, entropy_weight=weight) < best
            worse = scalars.convert(random_reward(rng, mdp.available.shape), "ball")
            assert not gail_saddle.irl_value(ball, worse, expert, entropy_weight=weight) > best
            assert gail_saddle.saddle_value(ball, worse, pi, expert, entropy_weight=weight).overlaps(best)


@pytest.mark.parametrize("kind", ["plain", "terminal", "unavailable", "terminal-unavailable"])
def test_saddle_point_step_by_step(kind):
    for number, (mdp, weight, _, rng) in enumerate(models_of(kind)):
        if number % 2:
            continue
        pi_expert = random_policy(rng, mdp, steps=True)
        with precision(BITS):
            ball, pi = mdp.to("ball"), scalars.convert(pi_expert, "ball")
            expert = marginals(ball, pi)
            weight = scalars.convert(np.array(weight), "ball")[()]
            cost = gail_saddle.saddle_cost(ball, pi, entropy_weight=weight)
            assert overlap(gail_saddle.rl_policy(ball, cost, entropy_weight=weight), pi)
            best = -weight * causal_entropy(ball, pi)
            assert gail_saddle.irl_value(ball, cost, expert, entropy_weight=weight).overlaps(best)
            negative = cost * 0 - 1 - scalars.convert(rng.integers(0, 3, size=cost.shape), "ball")
            saddle = partial(
                gail_saddle.saddle_value, ball, negative, expert=expert, entropy_weight=weight, psi="psi_GA"
            )
            lower = gail_saddle.irl_value(ball, negative, expert, entropy_weight=weight, psi="psi_GA")
            response = gail_saddle.rl_policy(ball, negative, entropy_weight=weight)
            assert saddle(response).overlaps(lower)
            assert not saddle(pi) < lower


FLOATS = MDP([[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]], [0.5, 0.5], horizon=2)
EXPERT = occupancy(FLOATS, [[0.5, 0.5], [1.0, 0.0]])


def test_bad_input():
    with pytest.raises(InvalidArgument, match=r"expert_policy\[0, 1\] is 0"):
        gail_saddle.saddle_cost(FLOATS, [[1.0, 0.0], [1.0, 0.0]])
    with pytest.raises(InvalidArgument, match="psi is 'chi2'"):
        gail_saddle.irl_value(FLOATS, np.zeros((2, 2)), EXPERT, psi="chi2")
    with pytest.raises(InvalidArgument, match="temperature is 0"):
        gail_saddle.rl_policy(FLOATS, np.zeros((2, 2)), entropy_weight=0)
