"""Trajectory MaxEnt over episodes without a bound: equations in rationals, trees of trajectories, eigenvalues."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, fmpq, fmpq_mat

from endless import endless
from mdps import MDP, InvalidModel, boltzmann, scalars
from mdps.scalars.balls import precision

BITS = 200
HALF = Fraction(1, 2)


def at(level, *arrays):
    return [x.to(level) if isinstance(x, MDP) else scalars.convert(x, level) for x in arrays]


def weights_of(mdp, reward):
    """W [s, a, s'] in rationals, by plain loops."""
    w = np.full(mdp.transition.shape, fmpq(0), dtype=object)
    for s, a, y in np.argwhere(mdp.support):
        r = reward[(s, a, y)[: reward.ndim]]
        w[s, a, y] = mdp.transition[s, a, y] * scalars.exp(np.array(r, dtype=object))
    return w


def drawn(number):
    """Undiscounted models with final values 0 or logs, rewards that make about half of the sums converge."""
    for i, (mdp, reward, _, rng) in enumerate(endless(number, discounts=(1,))):
        cost = scalars.log(np.array(Fraction((1, 3, 8)[i % 3])))
        yield mdp, reward - cost, rng


def radius_of(chain):
    return float(np.abs(np.linalg.eigvals(scalars.convert(chain, "float"))).max())


def test_partition_and_visits():
    """Exactly those of the equations, with derivatives d log Z = y W z / Z; or a radius above 1, by eigenvalues."""
    answered = refused = 0
    for mdp, reward, _ in drawn(240):
        w = weights_of(mdp, reward)
        chain = w.sum(axis=1)
        radius = radius_of(chain)
        if abs(radius - 1) < 2.0**-8:  # eigenvalues of defective matrices are known to half the digits or less
            continue
        if radius > 1:
            for level in ("exact", "float"):
                with pytest.raises(InvalidModel, match=r"partition function .*: the spectral radius") as error:
                    boltzmann.log_messages(*at(level, mdp, reward))
                if "at least" in str(error.value):
                    said = float(str(error.value).split("at least ")[1].split(",")[0])
                    assert said <= radius * (1 + 2.0**-16)  # as printed, to six digits
                    refused += 1
            continue
        answered += 1
        identity = np.array([[fmpq(int(i == j)) for j in range(mdp.n_states)] for i in range(mdp.n_states)])
        system = fmpq_mat((identity - chain).tolist())
        ends = [scalars.exp(np.array(f)) if t else fmpq(0) for f, t in zip(mdp.final_value, mdp.terminal, strict=True)]
        z = np.array([row[0] for row in system.solve(fmpq_mat([[x] for x in ends])).tolist()])
        y = np.array([row[0] for row in system.transpose().solve(fmpq_mat([[x] for x in mdp.initial])).tolist()])
        partition = (mdp.initial * z).sum()
        visits = y[:, None, None] * w * z / partition
        exact = mdp, reward
        assert boltzmann.log_partition(*exact) == scalars.log(np.array(partition))
        assert (boltzmann.log_messages(*exact) == scalars.log(z)).all()
        for axes, summed in (("sas", ()), ("sa", (2,)), ("s", (1, 2))):
            expected = visits.sum(axis=summed) if summed else visits
            assert (boltzmann.occupancy(*exact, axes=axes) == expected).all()
        with precision(BITS):
            balls = at("ball", *exact)
            log_z = boltzmann.log_partition(*balls)
            assert log_z.overlaps(arb(partition).log())
            assert log_z.rad() < 1e-30
            for x, truth in zip(boltzmann.occupancy(*balls, axes="sas").flat, visits.flat, strict=True):
                assert x.overlaps(arb(truth))
                assert x.rad() < 1e-30
            floats = at("float", *exact)
            # The certified error of log z, which log_partition checks; it is far below half the digits here.
            assert abs(arb(float(boltzmann.log_partition(*floats))) - log_z) < 2.0**-26 * (1 + abs(log_z))
            ours = boltzmann.occupancy(*floats, axes="sas")
            slack = 2.0**-26 * (1 + float(visits.sum()))
            assert all(abs(arb(float(x)) - arb(q)) < slack for x, q in zip(ours.flat, visits.flat, strict=True))
    assert answered > 100
    assert refused > 25


def test_partition_is_the_limit_of_sums_over_trajectories():
    """All that end within K steps, by a recursion of rational numbers, from below; what is left is W^K z."""
    for mdp, reward, _ in drawn(60):
        w = weights_of(mdp, reward).sum(axis=1)
        if radius_of(w) > 0.9:
            continue
        ends = np.array(
            [scalars.exp(np.array(f)) if t else fmpq(0) for f, t in zip(mdp.final_value, mdp.terminal, strict=True)]
        )
        z = scalars.exp(boltzmann.log_messages(mdp, reward))
        ended, rest = ends, z
        for _ in range(6):
            ended = np.where(mdp.terminal, ends, w @ ended)
            rest = np.where(mdp.terminal, 0, w @ (rest if _ else z - ends))
            assert (z - ended == rest).all()
            assert (ended <= z).all()


def test_finite_horizons_tend_to_it():
    """exp(V) of horizon T with final value -1000 where the episode goes on: the same sum, cut off."""
    for mdp, reward, _ in drawn(60):
        if radius_of(weights_of(mdp, reward).sum(axis=1)) > 0.8:
            continue
        floats, r = at("float", mdp, reward)
        cut = replace(floats, horizon=400, final_value=np.where(floats.terminal, floats.final_value, -1000.0))
        ours, theirs = boltzmann.log_partition(floats, r), boltzmann.log_partition(cut, r)
        # .8^400 is 2^-128; 400 backups round by less than 2^-48 (1 + |log Z|) each.
        assert abs(ours - theirs) <= 2.0**-38 * (1 + abs(ours))
        visits = boltzmann.occupancy(floats, r), boltzmann.occupancy(cut, r)
        assert np.abs(visits[0] - visits[1]).max() <= 2.0**-30 * (1 + visits[0].sum())


def test_extreme_rewards():
    """Thousands of nats a step: log Z = -c + log 1 / (1 - e^-r), far beyond what floats can exponentiate."""
    mdp = MDP([[[1, 0], [0, 1]], [[0, 0], [0, 0]]], [1, 0], horizon=None).to("float")
    for stay, leave in ((-1000.0, 5000.0), (-2000.0, -3000.0), (-1e-2, -1e4)):
        reward = np.array([[stay, leave], [0.0, 0.0]])
        truth = leave - np.log(-np.expm1(stay))
        # Episodes of at most a hundred steps, each of which rounds by less than 2^-48 (1 + |log Z|).
        assert abs(boltzmann.log_partition(mdp, reward) - truth) <= 2.0**-40 * (1 + abs(truth))
        cold = boltzmann.log_partition(mdp, reward * 1e-3, temperature=1e-3)
        assert abs(cold - truth) <= 2.0**-30 * (1 + abs(truth))  # 1e-3 is rounded, and so is the reward
    with pytest.raises(InvalidModel, match=r"on state 0 is at least 2\.71828"):
        boltzmann.log_partition(mdp, np.array([[1.0, 0.0], [0.0, 0.0]]))
    with pytest.raises(InvalidModel, match="cannot be shown to converge"):
        boltzmann.log_partition(mdp, np.array([[0.0, 0.0], [0.0, 0.0]]))


def test_dead_ends_weigh_nothing_and_unreached_states_may_diverge():
    """From 0: to the end, or into the trap 1. State 2, never reached, would diverge."""
    transition = np.zeros((4, 2, 4), dtype=int)
    transition[0, 0, 3] = transition[0, 1, 1] = transition[1, 0, 1] = transition[2, 0, 2] = transition[2, 1, 3] = 1
    log = scalars.LogRational.log
    mdp = MDP(transition, [1, 0, 0, 0], horizon=None).to("exact")
    reward = np.array([log(5), log(2), log(7), 0], dtype=object)
    for level in ("exact", "ball", "float"):
        model, r = at(level, mdp, reward)
        log_z = boltzmann.log_partition(model, r)
        assert abs(float(log_z) - np.log(5)) <= 2.0**-50 if level != "exact" else log_z == log(5)
        visits = boltzmann.occupancy(model, r)
        assert abs(float(visits[0, 0]) - 1) <= 2.0**-50
        assert [float(x) for x in visits.ravel()[1:]] == [0.0] * 7
        with pytest.raises(InvalidModel, match=r"state 2 is at least 7"):
            boltzmann.log_messages(model, r)
    with pytest.raises(InvalidModel, match="no episode ends: from state 1"):
        boltzmann.log_partition(replace(mdp, initial=scalars.convert(np.array([0, 1, 0, 0]), "exact")), reward)


def test_stacks_and_what_does_not_exist():
    mdp = MDP([[[HALF, HALF]], [[0, 0]]], [1, 0], horizon=None)
    rewards = scalars.log(np.array([[1, 1], [Fraction(1, 2), 1]], dtype=object))
    stack = mdp.broadcast_to(2)
    assert (boltzmann.log_partition(stack, rewards) == scalars.log(np.array([1, Fraction(1, 3)], dtype=object))).all()
    assert boltzmann.occupancy(stack, rewards, axes="s").tolist() == [[2, 0], [fmpq(4, 3), 0]]
    law = boltzmann.tilted_kernel(mdp, rewards[0])
    assert (law.steps[0] == mdp.transition).all()
    assert (law.initial == mdp.initial).all()
    for call in (boltzmann.log_partition, boltzmann.occupancy, boltzmann.tilted_kernel, boltzmann.log_messages):
        with pytest.raises(InvalidModel, match="does not exist"):
            call(replace(mdp, discount=HALF), rewards[0])
    with pytest.raises(InvalidModel, match=r"cannot be shown to converge.* between"):
        boltzmann.log_partition(MDP([[[1.0, 1e-300]], [[0.0, 0.0]]], [1.0, 0.0], horizon=None), np.zeros(2))
