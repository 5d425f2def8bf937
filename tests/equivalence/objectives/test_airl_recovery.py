"""State-only rewards: the rank against soft policies that agree, and the recovery against the reward itself."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq, fmpq_mat

from equivalence.objectives import airl, airl_recovery
from mdps import MDP, InvalidArgument, OutOfReach, scalars, soft_solution
from mdps.random_models import random_model, random_reward
from mdps.scalars.balls import precision
from visited import endless_models

HALF = Fraction(1, 2)


def dimension_by_bellman(mdp):
    """Unknowns (r, v) with r(s) + gamma P_a v - v = 0 for all a: the nullity of that system is the ambiguity."""
    alive = [s for s in range(mdp.n_states) if not mdp.terminal[s]]
    rows = [(s, a) for s in alive for a in range(mdp.n_actions) if mdp.available[s, a]]
    system = fmpq_mat(len(rows), 2 * len(alive))
    for i, (s, a) in enumerate(rows):
        for j, x in enumerate(alive):
            system[i, j] = fmpq(int(x == s))
            system[i, len(alive) + j] = fmpq(1) * mdp.discount * mdp.transition[s, a, x] - int(x == s)
    return 2 * len(alive) - system.rank()


def test_ambiguity_is_the_nullity_of_bellmans_equations():
    """And each direction leaves the advantages, hence the soft policy, as they are."""
    dimensions = set()
    for mdp, _ in endless_models():
        found = airl_recovery.state_only_ambiguity(mdp)
        dimensions.add(found.dimension)
        assert found.dimension == dimension_by_bellman(mdp) == len(found.potentials) == len(found.rewards)
        for u, r in zip(found.potentials, found.rewards, strict=True):
            assert (u[mdp.terminal] == 0).all()
            f = airl.f_of_actions(mdp.with_final_value(0 * mdp.initial), -r, -u)
            assert all(x == 0 for x in f[mdp.available])
        assert airl_recovery.state_only_ambiguity(mdp.to("float")).dimension <= found.dimension
    assert len(dimensions) > 2


def test_a_linked_stochastic_chain_is_not_identified():
    """A-10: all states are linked, and the nullity is 2; a second reward has the same soft policy, in balls."""
    go = [[HALF, 0, HALF], [0, 1, 0]]
    mdp = MDP([go, go, go], [1, 0, 0], horizon=None, discount=HALF)
    ambiguity = airl_recovery.state_only_ambiguity(mdp)
    assert ambiguity.dimension == 2
    rng = np.random.default_rng(1)
    reward = random_reward(rng, (3,))
    with precision(100):
        ball = mdp.to("ball")
        one = soft_solution(ball, scalars.convert(reward, "ball")).policy
        for other in ambiguity.rewards:
            assert len(set(other)) > 1
            two = soft_solution(ball, scalars.convert(reward + other, "ball")).policy
            assert all(x.overlaps(y) and x.rad() < 1e-20 for x, y in zip(one.ravel(), two.ravel(), strict=True))


def test_recovery_from_a_shaped_reward_is_exact():
    """f = g + gamma E h' - h of a drawn g and h: found up to the null space, with no residual."""
    known = 0
    for mdp, rng in endless_models():
        g, h = random_reward(rng, (mdp.n_states,)), random_reward(rng, (mdp.n_states,))
        f = airl.f_of_actions(mdp, g, h)
        found = airl_recovery.recovered(mdp, f)
        ambiguity = airl_recovery.state_only_ambiguity(mdp)
        assert found.ambiguity == ambiguity.dimension
        assert all(x == 0 for x in found.residual.ravel())
        assert (found.airl_potential[mdp.terminal] == mdp.final_value[mdp.terminal]).all()
        alive = ~mdp.terminal
        difference = (found.airl_reward - g)[alive]
        if found.ambiguity == 0:
            assert all(x == 0 for x in difference)
            known += 1
        elif found.ambiguity == 1 and not mdp.terminal.any():
            k = (found.airl_potential - h)[0]
            assert all(x == (1 - mdp.discount) * k for x in difference)
            assert all(x == k for x in found.airl_potential - h)
            known += 1
        noise = random_reward(rng, f.shape)
        residual = airl_recovery.recovered(mdp, noise).residual
        rebuilt = airl_recovery.recovered(mdp, noise - residual).residual
        assert all(x == 0 for x in rebuilt.ravel())
    assert known > 60


def test_recovery_of_a_reward_from_its_advantage():
    """A-11: from log pi_r to r up to a constant, where the nullity is 1; in balls."""
    found = 0
    for seed in range(200):
        rng = np.random.default_rng([11, seed])
        mdp = replace(random_model(rng, 3, 3, 1, deterministic=seed % 2 == 0, discount=HALF), horizon=None)
        if airl_recovery.state_only_ambiguity(mdp).dimension != 1:
            continue
        reward = random_reward(rng, (3,))
        with precision(100):
            advantage = airl.advantage(mdp.to("ball"), scalars.convert(reward, "ball"))
        f = scalars.convert(advantage, "float")
        again = airl_recovery.recovered(mdp.to("float"), f)
        # h sums rows of the elimination over differences of f / gamma, g adds f and h twice: some 30 roundings of terms
        # no larger than these, and again as many for the rows of the model, which are rounded themselves.
        rows = airl_recovery._eliminated(mdp).transform
        largest = (1 + np.abs(scalars.convert(rows, "float")).sum(axis=1).max()) * 4 * np.abs(f).max() / 0.5
        assert again.ambiguity == 1
        assert np.ptp(again.airl_reward - scalars.convert(reward, "float")) <= 64 * 2.0**-53 * largest**2
        assert np.abs(again.residual).max() <= 64 * 2.0**-53 * largest**2
        found += 1
    assert found > 100


def test_bad_input():
    mdp = MDP([[[1.0], [1.0]]], [1.0], horizon=None, discount=0.0)
    with pytest.raises(InvalidArgument, match="discount is 0"):
        airl_recovery.recovered(mdp, np.zeros((1, 2)))
    with pytest.raises(InvalidArgument, match=r"f has shape \(2,\); expected \(1, 2\)"):
        airl_recovery.recovered(mdp, np.zeros(2))
    exact = MDP([[[1], [1]]], [1], horizon=None, discount=HALF)
    with pytest.raises(OutOfReach):
        airl_recovery.state_only_ambiguity(exact.to("ball"))
    stack = mdp.broadcast_to((3,))
    with pytest.raises(InvalidArgument, match="stack"):
        airl_recovery.state_only_ambiguity(stack)
