"""Roundings of problems without a horizon: bounds that hold for every way to solve them, and are not far above."""

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from endless import endless
from mdps import MDP, OutOfReach, occupancy, policy_value, recorded, scalars, soft_solution
from mdps.arguments import expected_reward
from mdps.random_models import random_policy
from mdps.scalars.field import Field
from mdps.scalars.primes import derived_prime
from mdps.scalars.rounding import Tape

DISCOUNTS = (Fraction(1, 2), Fraction(9, 10), Fraction(1, 2), Fraction(9, 10), Fraction(99, 100))
LAST_CHANGE = 2.0**-30


@cache
def models(number=30):
    """Models in floats with a reward [s, a], a policy and a temperature."""
    found = []
    for mdp, reward, alpha, rng in endless(number, discounts=DISCOUNTS):
        r = np.ascontiguousarray(expected_reward(mdp.to("float"), scalars.convert(reward, "float")))
        pi = scalars.convert(random_policy(rng, mdp), "float")
        found.append((mdp.to("float"), r, pi, float(scalars.convert(np.array(alpha), "float"))))
    return found


def recorded_on(tape, mdp, r, pi, alpha):
    on_tape = mdp.with_numbers(lambda x: tape.leaves(x, exact=True), "carrier")
    r, pi = tape.leaves(r, exact=True), tape.leaves(pi, exact=True)
    soft = soft_solution(on_tape, r, temperature=tape.leaf(alpha, exact=True)).v
    return soft, policy_value(on_tape, r, pi), occupancy(on_tape, pi)


def soft_values(mdp, r, alpha, kind, stop):
    """Value iteration in floats of a kind, until nothing changes or the last change is below `stop`."""
    P, r, gamma = mdp.transition.astype(kind), r.astype(kind), kind(mdp.discount)
    v = np.where(mdp.terminal, mdp.final_value, 0).astype(kind)
    for _ in range(6000):
        q = np.where(mdp.available, (r + gamma * (P @ v)) / kind(alpha), -np.inf)
        top = np.where(mdp.terminal, 0, q.max(axis=1))
        with np.errstate(divide="ignore"):
            total = top + np.log(np.exp(q - top[:, None]).sum(axis=1))
        after = np.where(mdp.terminal, mdp.final_value, kind(alpha) * total).astype(kind)
        change, v = np.abs(after - v).max(), after
        if change <= stop:
            break
    return v


def eliminated(mdp, r, pi, kind):
    P, pi = mdp.transition.astype(kind), pi.astype(kind)
    chain = kind(mdp.discount) * np.einsum("sa,sax->sx", pi, P)
    earned = np.where(mdp.terminal, mdp.final_value, (pi * r.astype(kind)).sum(axis=1)).astype(kind)
    system = np.eye(len(chain), dtype=kind) - chain
    start = np.where(mdp.terminal, 0, mdp.initial).astype(kind)
    return np.linalg.solve(system, earned), np.linalg.solve(system.T, start)[:, None] * pi


def test_recorded_solutions_are_those_of_floats():
    for mdp, r, pi, alpha in models():
        soft, values, visits = recorded_on(Tape(), mdp, r, pi, alpha)
        assert (soft.astype(float) == soft_solution(mdp, r, temperature=alpha).v).all()
        near = policy_value(mdp, r, pi)
        assert np.abs(values.astype(float) - near).max() <= 2.0**-40 * (1 + np.abs(near).max())
        assert np.abs(visits.astype(float) - occupancy(mdp, pi)).max() <= 2.0**-40 / (1 - mdp.discount)


@pytest.mark.parametrize("kind, u", [(np.float64, 2.0**-53), (np.float32, 2.0**-24)])
def test_bounds_hold_for_iteration_and_elimination_and_are_not_far_above(kind, u):
    """Inputs are rounded to the type, so bounds are of recorded inputs; 8 of them are what the judge allows."""
    ratios = []
    for mdp, r, pi, alpha in models():
        tape = Tape()
        on_tape = mdp.with_numbers(tape.leaves, "carrier")
        reward, policy, temperature = tape.leaves(r), tape.leaves(pi), tape.leaf(alpha)
        found = (
            soft_solution(on_tape, reward, temperature=temperature).v,
            policy_value(on_tape, reward, policy),
            occupancy(on_tape, policy),
        )
        values, visits = eliminated(mdp, r, pi, kind)
        theirs = (soft_values(mdp, r, alpha, kind, 0.0), values, visits)
        precise = (soft_values(mdp, r, alpha, np.longdouble, 0.0) if kind is np.float64 else found[0].astype(float),)
        precise += tuple(x.astype(float) for x in found[1:]) if kind is np.float32 else recomputed(mdp, r, pi)
        for own, x, y in zip(found, precise, theirs, strict=True):
            bound = tape.bound(own, unit_roundoff=u)
            off = np.abs(x - y).astype(float)
            assert (off <= 8 * bound + 2.0**-1000).all()
            ratios.append(float((off / np.where(bound > 0, bound, 1)).max()))
    assert max(ratios) > 1 / 20, max(ratios)


def recomputed(mdp, r, pi):
    """Values and visits of a policy in long doubles, by as many steps as change anything."""
    kind = np.longdouble
    chain = kind(mdp.discount) * np.einsum("sa,sax->sx", pi.astype(kind), mdp.transition.astype(kind))
    earned = np.where(mdp.terminal, mdp.final_value, (pi.astype(kind) * r.astype(kind)).sum(axis=1))
    start = np.where(mdp.terminal, 0, mdp.initial).astype(kind)
    v, mu = np.zeros(len(chain), dtype=kind), np.zeros(len(chain), dtype=kind)
    for _ in range(int(50 / (1 - float(mdp.discount)))):
        v, mu = earned + chain @ v, start + mu @ chain
    return v, mu[:, None] * pi.astype(kind)


def test_bounds_carry_a_rounding_of_the_reward_by_the_inverse():
    """Of one recorded input: d V / d r(s, a) is (I - gamma P_pi)^-1 pi, for values and for soft values."""
    for mdp, r, _, alpha in models():
        s, a = np.argwhere(mdp.available)[0]
        r = r.copy()
        r[s, a] += 1 / 3
        exact = np.ones(r.shape, dtype=bool)
        bounds = []
        for free in (False, True):
            tape = Tape()
            on_tape = mdp.with_numbers(lambda x, tape=tape: tape.leaves(x, exact=True), "carrier")
            exact[s, a] = not free
            found = soft_solution(on_tape, tape.leaves(r, exact=exact), temperature=tape.leaf(alpha, exact=True))
            bounds.append(tape.bound(found.v, unit_roundoff=1.0))
        policy = soft_solution(mdp, r, temperature=alpha).policy
        chain = mdp.discount * np.einsum("sa,sax->sx", policy, mdp.transition)
        expected = np.linalg.inv(np.eye(len(chain)) - chain)[:, s] * policy[s, a] * abs(r[s, a])
        # a difference of bounds, of some hundred roundings of their size
        assert np.abs(bounds[1] - bounds[0] - expected).max() <= 2.0**-40 * bounds[1].max()


def test_an_early_stop_is_within_what_it_is_said_to_leave():
    shares = []
    for mdp, r, pi, alpha in models():
        truth = soft_values(mdp, r, alpha, np.longdouble, 0.0)
        early = soft_values(mdp, r, alpha, np.float64, LAST_CHANGE)
        bounds = []
        for change in (0.0, LAST_CHANGE / 2.0**-53):
            tape = Tape(last_change=change)
            bounds.append(tape.bound(recorded_on(tape, mdp, r, pi, alpha)[0]))
        left = bounds[1] - bounds[0]
        off = np.abs(truth - early).astype(float)
        assert (off <= left + 8 * bounds[0]).all()
        assert (left <= 1.01 * LAST_CHANGE / (1 - mdp.discount)).all()
        shares.append(float(off.max() / max(left.max(), 2.0**-1000)))
    assert max(shares) > 1 / 3


def test_numbers_of_two_kinds_are_out_of_reach():
    tape = Tape()
    assert recorded.is_recorded(tape.leaves([0.5, 0.25]), np.zeros(2))
    assert not recorded.is_recorded(np.zeros(2))
    with pytest.raises(OutOfReach, match="could not be solved"):
        recorded.solution(tape.leaves([[1.0]], exact=True), tape.leaves([1.0]))
    with pytest.raises(OutOfReach, match="not solved in this arithmetic"):
        recorded.solution(np.array([[0.5]], dtype=object), np.array([1.0], dtype=object))


def test_a_field_has_values_and_visits_of_a_policy_and_no_limits():
    mdp = MDP([[[Fraction(1, 3), Fraction(2, 3)]], [[0, 1]]], [1, 0], horizon=None, discount=Fraction(1, 2))
    policy = np.array([[1], [1]])
    values, visits = policy_value(mdp, [1, 2], policy), occupancy(mdp, policy)
    seed = b"recorded" * 4
    with Field(derived_prime(seed, 192), seed).current():
        there, reward = mdp.to("field"), scalars.convert(np.array([1, 2]), "field")
        assert (policy_value(there, reward, policy) == scalars.convert(values, "field")).all()
        assert (occupancy(there, policy) == scalars.convert(visits, "field")).all()
        two = MDP([[[1, 0], [0, 1]], [[0, 1], [1, 0]]], [1, 0], horizon=None, discount=Fraction(1, 2))
        with pytest.raises(OutOfReach, match="limits"):
            soft_solution(two.to("field"), reward)
