"""`judge_parameters` against gradients by enumeration of all trajectories, and optima in closed form."""

import json
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, fmpq

from enumeration import (
    BALLS,
    BITS,
    boltzmann,
    discounted_return,
    law_of_policy,
    nested,
    paths,
    plain,
    soft_action_value,
    soft_value,
)
from equivalence.testing.trained import judge_parameters
from equivalence.testing.trained.parameters import ENCLOSED, NO_OPTIMUM, UNDECIDED
from instances import KINDS, models_of, shape_of
from mdps import MDP, InvalidArgument, gallery, occupancy, scalars, soft_solution
from mdps.interop import to_gymnasium
from mdps.random_models import random_distribution, random_policy
from mdps.scalars import LogRational
from mdps.scalars.balls import precision


def arb_of(figure):
    return scalars.convert([figure.exact], "ball")[0]


def features_collected(model, walked, objective, phi, axes, alpha, theta):
    """E_theta[sum_t gamma^t phi], by the law over trajectories, of a reward theta phi."""
    reward = nested(phi * theta, BALLS)
    if objective == "maxent":
        law = boltzmann(model, walked, BALLS, reward, axes, alpha).law
    else:
        policy = [[[arb(0)] * model.n_actions for _ in model.moves] for _ in range(model.horizon)]
        for t, table in enumerate(policy):
            for s, moves in enumerate(model.moves):
                for a in moves:
                    q = soft_action_value(model, BALLS, reward, axes, alpha, t, s, a)
                    table[s][a] = ((q - soft_value(model, BALLS, reward, axes, alpha, t, s)) / alpha).exp()
        law = law_of_policy(walked, policy)
    without_end = model._replace(final=[arb(0)] * len(model.final))
    returns = [discounted_return(without_end, path, nested(phi, BALLS), axes) for path in walked]
    return sum((p * x for p, x in zip(law, returns, strict=True)), arb(0))


@pytest.mark.parametrize("objective", ["causal", "maxent"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_changes_sign_at_the_distance(kind, objective):
    """One feature: the optimum lies between theta + low and theta + high, and so does the change of sign."""
    enclosed = 0
    for i, (exact, alpha, axes, rng) in enumerate(models_of(kind)):
        if i % 22 != (0 if objective == "causal" else 7):
            continue
        given = exact.to("float")
        mdp = given.to("exact")
        phi = rng.integers(-4, 5, size=shape_of(mdp, axes)) / 4
        expert = occupancy(given, scalars.convert(random_policy(rng, mdp, steps=True), "float"), axes=axes)
        theta = float(rng.integers(-6, 7)) / 8
        verdict = judge_parameters(
            [theta], given, features=phi[..., None], expert=expert, objective=objective, temperature=alpha
        )
        with precision(BITS):
            model, temperature = (
                plain(mdp, BALLS),
                arb(fmpq(float(alpha).as_integer_ratio()[0], float(alpha).as_integer_ratio()[1])),
            )
            walked, table = paths(model), scalars.convert(phi, "exact")
            target = sum(scalars.convert(expert, "exact").ravel() * table.ravel())

            def slope(x, args=(model, walked, objective, table, axes, temperature), target=target):
                return (arb(target) - features_collected(*args, x)) / args[-1]

            here = slope(scalars.convert([theta], "exact")[0])
            assert arb_of(verdict.gradient[0]).overlaps(here)
            if verdict.unidentified:
                assert verdict.distance.exact == 0
                assert here.contains(0) or abs(here) < 1e-12
                other = slope(fmpq(7, 3))
                assert abs(other - here) < arb(2) ** -200  # the law of trajectories collects the same
                continue
            if verdict.outcome != ENCLOSED:
                assert verdict.outcome == UNDECIDED
                continue
            enclosed += 1
            ball = arb_of(verdict.distance)
            sign = 1 if here > 0 else -1
            low, high = (x.fmpq() for x in (arb(ball.lower()), arb(ball.upper())))
            low = max(low, fmpq(0))
            point = scalars.convert([theta], "exact")[0]
            assert low == 0 or sign * slope(point + sign * low) >= 0
            assert sign * slope(point + sign * high) <= 0
            assert verdict.distance.radius <= 1e-9 * (1 + verdict.distance.value)
    assert enclosed


def test_one_step_in_closed_form():
    """Tables for features, one decision: theta* is alpha log p up to a constant in each state."""
    compared = 0
    for kind in KINDS:
        for exact, alpha, _, rng in models_of(kind):
            if exact.horizon != 1 or rng.integers(9):
                continue
            mdp = MDP(exact.transition, exact.initial, horizon=1).to("float")
            policy = random_policy(rng, mdp)
            pairs = np.argwhere(mdp.available)
            phi = np.zeros((*mdp.available.shape, len(pairs)))
            for k, (s, a) in enumerate(pairs):
                phi[s, a, k] = 1
            theta = rng.integers(-8, 9, size=len(pairs)) / 4
            expert = occupancy(mdp, scalars.convert(policy, "float"))
            verdict = judge_parameters(theta, mdp, features=phi, expert=expert, temperature=alpha)
            counts = scalars.convert(expert, "exact")
            with precision(BITS):
                square, a_ball = arb(0), arb(fmpq(*float(alpha).as_integer_ratio()))
                for s in np.flatnonzero(~mdp.terminal & (mdp.initial > 0)):
                    at = [k for k, pair in enumerate(pairs) if pair[0] == s]
                    gaps = [
                        arb(fmpq(*theta[k].as_integer_ratio())) - a_ball * arb(counts[tuple(pairs[k])]).log()
                        for k in at
                    ]
                    mean = sum(gaps, arb(0)) / len(gaps)
                    square += sum(((x - mean) * (x - mean) for x in gaps), arb(0))
                assert verdict.outcome == ENCLOSED
                low, high = arb_of(verdict.distance).lower(), arb_of(verdict.distance).upper()
                # Floats of the counts of a state do not sum to rho(s): relative to a count, which is 1/27 of it at
                # least, a few u, so that gaps move by 2^-44 alpha at the most, and their squares by that times 1 + gap.
                slack = arb(2) ** -42 * a_ball
                low = max(arb(low), arb(0))
                assert not low * low - slack * (1 + square) > square
                assert not square > high * high + slack * (1 + square)
                compared += 1
    assert compared >= 20


def test_exponential_families_with_two_outcomes():
    """theta* is minus the log of the odds, a feature apart."""
    rng = np.random.default_rng(4)
    for _ in range(100):
        p = random_distribution(rng, 2, full_support=True, denominator=64)
        scale, theta = int(rng.integers(1, 9)) / 4, int(rng.integers(-9, 10)) / 8
        features = np.array([[0.5], [0.5 + scale]])
        data = scalars.convert(p, "float")
        verdict = judge_parameters([theta], features=features, expert=data, objective="exponential_family")
        odds = Fraction(int(p[1].p), int(p[1].q)) / Fraction(int(p[0].p), int(p[0].q))
        with precision(BITS):
            best = -LogRational.log(odds).arb() / arb(scale)
            assert arb_of(verdict.distance).overlaps(abs(arb(theta) - best))
            energy = [arb(theta) * arb(f) for f in features[:, 0]]
            total = sum(((-e).exp() for e in energy), arb(0))
            loss = sum((arb(q) * (e + total.log() + arb(q).log()) for q, e in zip(p, energy, strict=True)), arb(0))
            assert arb_of(verdict.gap).overlaps(loss)
            assert verdict.gap.radius < 1e-12


def test_no_optimum():
    mdp, _ = gallery.fork()
    mdp = mdp.to("float")
    phi = np.zeros((*mdp.available.shape, 1))
    phi[0, 0] = 1
    sure = occupancy(mdp, np.where(np.arange(2) == 0, 1.0, 0.0) * mdp.available)
    verdict = judge_parameters([0.0], mdp, features=phi, expert=sure)
    assert verdict.outcome == UNDECIDED  # by iteration, which proves nothing
    assert verdict.distance is None
    assert "boundary of what policies can have" in str(verdict)
    assert arb_of(verdict.gradient[0]).overlaps(arb("0.5"))
    law = judge_parameters([0.0], features=[[0.0], [1.0]], expert=[1.0, 0.0], objective="exponential_family")
    assert law.outcome == NO_OPTIMUM
    assert "rises for ever" in law.reason
    half = Fraction(1, 2)
    flow = MDP([[[1, 0], [0, 1]], [[1, 0], [half, half]]], [1, 0], horizon=2)
    starts = np.where(np.arange(2) == 0, 1.0, 0.0)[:, None, None] * np.ones((2, 2, 1))
    against = judge_parameters([0.0], flow.with_horizon(1), features=starts, expert=[[0.0, 0.0], [0.5, 0.5]])
    assert against.outcome == NO_OPTIMUM
    assert "along (1) every theta collects the same, the expert's differs by 1 a unit" in str(against)


def test_unidentified_directions_are_named():
    mdp, _ = gallery.fork()
    phi = np.stack([np.where(mdp.available, k, 0) for k in (1, 2, 3)], axis=-1)
    phi[0, 0] += [1, 2, 0]
    expert = occupancy(mdp, np.array([[Fraction(1, 2)] * 2] * 3) * mdp.available)
    verdict = judge_parameters([5, 1, 0], mdp, features=phi, expert=expert)
    assert [[x.exact for x in row] for row in verdict.unidentified] == [[-2, 1, 0], [0, 0, 1]]
    free = judge_parameters([5 - 2, 2, 0], mdp, features=phi, expert=expert)
    assert arb_of(verdict.distance).overlaps(arb_of(free.distance))
    assert "Not determined by any data, and left out of the distance: (-2, 1, 0), (0, 0, 1)" in str(verdict)


def test_what_chance_decides_is_determined_by_trajectories_alone():
    """A constant is not determined by either; a redistribution over next states is, by trajectories."""
    mdp, _ = gallery.lottery()  # two steps, from state 0
    constant = np.ones(mdp.support.shape)
    chance = np.zeros(mdp.support.shape)
    chance[0, 1, 1:] = 1, -1
    choice = np.zeros(mdp.support.shape)
    choice[0, 0] = 1
    phi = np.stack([choice, chance, constant], axis=-1)
    half = np.where(mdp.available, Fraction(1, 2), 0)
    expert = occupancy(mdp, half, axes="sas")
    found = {}
    for objective in ("causal", "maxent"):
        verdict = judge_parameters([0, 0, 0], mdp, features=phi, expert=expert, objective=objective)
        found[objective] = [[int(x.exact) for x in row] for row in verdict.unidentified]
        assert verdict.outcome == ENCLOSED
    assert found["maxent"] == [[0, 0, 1]]
    assert found["causal"] == [[0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    "theta, options, message",
    [
        ([0.0, 1.0], {}, r"features \(3, 2, 1\) and theta \(2,\)"),
        ([np.nan], {}, r"theta\[0\] is nan; expected finite numbers"),
        ([0.0], {"objective": "gan"}, "objective is 'gan'; expected one of causal, maxent, exponential_family"),
        ([0.0], {"objective": "exponential_family"}, "an exponential family has no model"),
        ([0.0], {"env_or_mdp": None}, "objective 'causal' needs a model or an environment; got None"),
        ([0.0], {"expert": np.ones((3, 2)) * -1}, "is -1.0, which is negative"),
        ([0.0], {"temperature": 0}, "temperature is 0"),
    ],
)
def test_what_is_refused(theta, options, message):
    mdp, _ = gallery.fork()
    sure = occupancy(mdp, np.where(np.arange(2) == 0, 1, 0) * mdp.available)
    given = {"env_or_mdp": mdp, "features": np.ones((3, 2, 1)), "expert": sure} | options
    with pytest.raises(InvalidArgument, match=message):
        judge_parameters(theta, **given)


def test_an_environment_will_do(require_extra):
    require_extra("gym")
    mdp, _ = gallery.lottery()
    env = to_gymnasium(mdp, [0, 1, 3])
    phi = np.zeros((3, 1))
    phi[1] = 1
    expert = occupancy(mdp, soft_solution(mdp, [0, 0, 0]).policy, axes="s")
    verdict = judge_parameters([0.0], env, features=phi, expert=expert)
    assert verdict.distance.value < 1e-12
    assert str(verdict).startswith("theta is ")
    row = json.loads(json.dumps(verdict.as_json()))
    assert row["outcome"] == "enclosed"
