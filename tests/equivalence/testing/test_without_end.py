"""Subjects without a horizon: which targets there are, right ways to solve them, wrong ones, and where they stop."""

from dataclasses import replace

import numpy as np
import pytest

from equivalence.reports.targets import parts_alone
from equivalence.testing import TARGETS, judge, smallest_failure
from equivalence.testing.diagnosis import diagnose
from equivalence.testing.generator import instances
from equivalence.testing.kinds import kinds_for, traits
from equivalence.testing.question import ALLOWANCE, question
from equivalence.testing.targets import find_target, layout_of, options_of
from equivalence.testing.targets.without_end import NEEDS_A_HORIZON
from mdps import MDP, InvalidArgument

FEW = {"infinite_horizon": True, "instances": 12, "max_states": 3, "max_actions": 2}
NEAR = FEW | {"discounts": (0.5, 0.9)}
WITHOUT = {"infinite_horizon": True}


def without_end(name, **options):
    return find_target(name, layout_of(WITHOUT | options))


# Which there are

ASKED = [name for name in TARGETS if "infinite_horizon" in options_of(TARGETS[name])]
WHOLE = [name for name in ASKED if name not in parts_alone(TARGETS.values())]


def library(target):
    """The reference of a target as somebody's function of plain arrays."""

    def subject(*arguments):
        values = dict(zip(target.passed, arguments, strict=True))
        transition, initial, discount = (values.pop(name) for name in ("transition", "initial", "discount"))
        values["mdp"] = MDP(transition, initial, horizon=None, discount=discount)
        if "temperature" in target.arguments:
            values.setdefault("temperature", 1.0)
        parts = target.canonical.value(values)
        return parts if len(target.parts) > 1 else parts[0]

    return subject


def test_targets_are_those_that_have_an_answer_without_a_horizon():
    assert len(ASKED) > 120
    assert {"soft_solution", "policy_value", "occupancy", "causal.gradient", "causal.hessian"} <= set(ASKED)
    assert all(any(t == name or t.startswith(f"{name}.") for t in TARGETS) for name in NEEDS_A_HORIZON)
    for name in ("maxent.gradient", "boltzmann.law", "demonstrations.gradient", "inference.elbo", "ebm.law"):
        with pytest.raises(InvalidArgument, match=f"{name} takes no infinite_horizon: "):
            without_end(name)


@pytest.mark.parametrize("name", WHOLE)
def test_the_library_is_right_there_and_nothing_has_steps(name):
    target = without_end(name)
    assert "horizon" not in target.passed
    assert not any({"t", "h"} & set(target.argument_axes(x) or "") for x in target.passed)
    assert not any({"t", "h"} & set(axes) for _, axes in target.parts)
    kinds = kinds_for(target, {"max_states": 3, "max_actions": 2, "largest_reward": 5})
    found = [question(target, instance) for instance in instances(target, kinds, 3, 1)]
    asked = [q for q in found if q is not None]
    assert asked, "no instance has an answer"
    subject = library(target)
    for q in asked:
        assert q.instance["mdp"].horizon is None
        returned = subject(*q.arguments(np.float64))
        parts = returned if len(target.parts) > 1 else (returned,)
        for part, truth, allowed in zip(parts, q.truth, q.allowed(2.0**-53), strict=True):
            assert np.isfinite(allowed).all()
            assert (allowed >= ALLOWANCE * 2.0**-53 * truth.scale).all()
            assert (truth.distance(np.asarray(part)) <= allowed).all()


def test_instances_are_of_every_kind_and_stay_without_a_horizon():
    target = without_end("causal.gradient")
    found = list(instances(target, kinds_for(target, {}), 60, 0))
    table = [traits(instance) for instance in found]
    assert not any(name in row for row in table for name in ("discount 1", "T = 1", "T <= 5"))
    kinds = ("discount <= 9/10", "no terminal state", "no terminal start", "every action available", "a single start")
    for trait in (*kinds, "deterministic dynamics", "|reward| <= 10", "S <= 6"):
        assert {row[trait] for row in table} == {True, False}, trait


def test_experts_are_policies_and_tables_that_no_policy_has():
    target = without_end("causal.gradient")
    found = list(instances(target, kinds_for(target, {"terminal": False, "max_states": 3}), 30, 0))
    flows = []
    for instance in found:
        mdp, expert = instance["mdp"], instance["expert"]
        assert expert.sum() == 1 / (1 - mdp.discount)
        arrives = mdp.initial + mdp.discount * mdp.pushforward(expert)
        flows.append((expert.sum(axis=1) == arrives).all())
    assert {bool(flow) for flow in flows} == {True, False}


@pytest.mark.parametrize(
    "options, message",
    [
        ({"discounts": (1, 0.5)}, "below 1"),
        ({"horizons": (3,)}, "infinite_horizon is asked for"),
        ({"stops_at": 0}, "expected a positive number"),
        ({"stops_at": 1e-3}, "stop at"),
        ({"stops_at": 1e-6, "infinite_horizon": False}, "say infinite_horizon=True"),
        ({"infinite_horizon": 1}, "expected False or True"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(InvalidArgument, match=message):
        judge(lambda *given: None, to="causal.gradient", **(WITHOUT | options))


def test_a_policy_that_jumps_must_not_stop_early():
    for name in ("optimal_solution", "optimal_solution.policy"):
        with pytest.raises(InvalidArgument, match="jumps where actions tie"):
            without_end(name, stops_at=1e-8)
    assert without_end("optimal_solution.v", stops_at=1e-3).layout.stops_at == 1e-3


# Right ways


def iterated(P, rho, gamma, r, *, stop=1e-14, sweeps=100_000, hard=False, older=False, start=0.0):
    """Soft or hard value iteration: q, v and the policy of the last v."""
    available = P.any(axis=2)
    ends = ~available.any(axis=1)
    v = np.where(ends, 0, start).astype(P.dtype)
    for _ in range(sweeps):
        q = np.where(available, r + gamma * (P @ v), -np.inf)
        top = np.where(ends, 0, q.max(axis=1))
        after = top if hard else np.where(ends, 0, top + np.log(np.maximum(np.exp(q - top[:, None]).sum(axis=1), 1)))
        change = np.abs(after - v).max()
        if change <= stop and older:
            break
        v = after
        if change <= stop:
            break
    q = np.where(available, r + gamma * (P @ v), -np.inf)
    return q, v, np.where(available, np.exp(q - v[:, None]), 0)


def by_policy_iteration(P, rho, gamma, r):
    """Soft policy iteration: evaluation by a linear system, then improvement."""
    available = P.any(axis=2)
    pi = available / np.maximum(available.sum(axis=1, keepdims=True), 1)
    for _ in range(60):
        entropy = -np.where(pi > 0, pi * np.log(np.where(pi > 0, pi, 1)), 0).sum(axis=1)
        chain = gamma * np.einsum("sa,sax->sx", pi, P)
        v = np.linalg.solve(np.eye(len(rho)) - chain, (pi * r).sum(axis=1) + entropy)
        q = np.where(available, r + gamma * P @ v, -1e9)
        shifted = np.where(available, np.exp(q - q.max(axis=1, keepdims=True)), 0)
        pi = shifted / np.maximum(shifted.sum(axis=1, keepdims=True), 1e-300)
    return v, pi


def visited(P, rho, gamma, pi):
    chain = gamma * np.einsum("sa,sax->sx", pi, P)
    return np.linalg.solve((np.eye(len(rho)) - chain).T, rho)[:, None] * pi


def visited_by_steps(P, rho, gamma, pi, *, stop=1e-15):
    mu = rho
    while True:
        after = rho + gamma * np.einsum("s,sa,sax->x", mu, pi, P)
        if np.abs(after - mu).max() <= stop:
            return after[:, None] * pi
        mu = after


def evaluated(P, rho, gamma, r, pi):
    return np.linalg.solve(np.eye(len(rho)) - gamma * np.einsum("sa,sax->sx", pi, P), (pi * r).sum(axis=1))


def gradient(P, rho, gamma, r, expert):
    return expert - visited(P, rho, gamma, by_policy_iteration(P, rho, gamma, r)[1])


def gradient_by_iteration(P, rho, gamma, r, expert, stop=1e-9):
    return expert - visited_by_steps(P, rho, gamma, iterated(P, rho, gamma, r, stop=stop)[2], stop=stop)


def gradient_to_costs(P, rho, gamma, features, theta, expert):
    """Of a mean over steps, features and costs: the expert as feature expectations."""
    visits = visited(P, rho, gamma, by_policy_iteration(P, rho, gamma, -features @ theta)[1])
    return -(1 - gamma) * (expert - np.einsum("sa,sak->k", visits, features))


def from_above(P, rho, gamma, r):
    """Value iteration that starts far above, and is off where everything is 0 as well."""
    return iterated(P, rho, gamma, r, stop=1e-5, hard=True, start=50.0)[1]


RIGHT = {
    "conventions": ("causal.gradient", gradient_to_costs, {"features": True, "costs": True, "mean": True}),
    "from above": ("optimal_solution.v", from_above, {"stops_at": 1e-5, "largest_reward": 1}),
    "value iteration": ("soft_solution", lambda *x: iterated(*x, stop=1e-10), {"stops_at": 1e-10}),
    "the value before": ("soft_solution.v", lambda *x: iterated(*x, stop=1e-4, older=True)[1], {"stops_at": 1e-4}),
    "its policy": ("soft_solution.policy", lambda *x: iterated(*x, stop=1e-6)[2], {"stops_at": 1e-6}),
    "hard value iteration": (
        "optimal_solution.v",
        lambda *x: iterated(*x, stop=1e-5, hard=True)[1],
        {"stops_at": 1e-5},
    ),
    "policy iteration": ("soft_solution.v", lambda *x: by_policy_iteration(*x)[0], {}),
    "policy of policy iteration": ("soft_solution.policy", lambda *x: by_policy_iteration(*x)[1], {}),
    "single precision": ("soft_solution.v", lambda *x: by_policy_iteration(*x)[0], {"dtype": np.float32}),
    "visits by elimination": ("occupancy", visited, {}),
    "visits by steps": ("occupancy", lambda *x: visited_by_steps(*x, stop=1e-7), {"stops_at": 1e-7}),
    "visits in single precision": ("occupancy", visited, {"dtype": np.float32}),
    "evaluation": ("policy_value", evaluated, {}),
    "gradient by elimination": ("causal.gradient", gradient, {}),
    "gradient by iteration": ("causal.gradient", gradient_by_iteration, {"stops_at": 1e-9}),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_ways_agree(name):
    to, subject, options = RIGHT[name]
    verdict = judge(subject, to=to, **FEW, **options)
    assert verdict.agrees, verdict.message
    assert ("stopping at a last change" in verdict.message) == ("stops_at" in options)
    assert ", no horizon; " in verdict.message


def test_linear_systems_are_proved_and_limits_are_not():
    proved = judge(visited, to="occupancy", **FEW)
    assert (proved.outcome, proved.proof.free) == ("proved for all", ("policy",))
    assert judge(evaluated, to="policy_value", **FEW).outcome == "proved for all"
    verdict = judge(RIGHT["policy iteration"][1], to="soft_solution.v", **FEW)
    assert verdict.outcome == "consistent"
    assert "out of reach: values of control without a horizon are limits" in verdict.over_field


# Wrong ones


def steps_late(P, rho, gamma, pi):
    return gamma * visited(P, rho, gamma, pi)


WRONG = {
    "no discount in the backup": ("soft_solution.v", lambda P, rho, g, r: iterated(P, rho, 0.5, r)[1]),
    "hard maximum": ("soft_solution.v", lambda *x: iterated(*x, hard=True)[1]),
    "transition transposed": ("occupancy", lambda P, rho, g, pi: visited(np.swapaxes(P, 0, 2), rho, g, pi)),
    "system not transposed": (
        "occupancy",
        lambda P, rho, g, pi: np.linalg.solve(np.eye(len(rho)) - g * np.einsum("sa,sax->sx", pi, P), rho)[:, None] * pi,
    ),
    "a discount too many": ("occupancy", steps_late),
    "start not counted": ("occupancy", lambda P, rho, g, pi: visited(P, rho, g, pi) - rho[:, None] * pi),
    "normalized": ("occupancy", lambda P, rho, g, pi: (1 - g) * visited(P, rho, g, pi)),
    "visits not discounted": (
        "causal.gradient",
        lambda P, rho, g, r, e: e - visited(P, rho, 0.0, iterated(P, rho, g, r)[2]),
    ),
    "sign": ("causal.gradient", lambda *x: -gradient(*x)),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_ones_differ_and_are_reduced(name):
    to, subject = WRONG[name]
    verdict = judge(subject, to=to, **FEW)
    assert not verdict.agrees
    transition, discount = verdict.arguments[0], verdict.arguments[2]
    assert len(transition) <= 2
    assert 0 < discount < 1
    assert "finite horizon" not in verdict.mistakes
    assert "stops" not in verdict.message
    assert "horizon = " not in verdict.message


def test_a_remedy_is_told():
    assert "its answer divided by the discount is right" in judge(steps_late, to="occupancy", **FEW).message
    normalized = judge(WRONG["normalized"][1], to="occupancy", **FEW).message
    assert "its answer times sum_t<T gamma^t is right" in normalized


# Where they stop


@pytest.mark.parametrize("name", ["soft_solution.v", "soft_solution.policy", "causal.gradient"])
def test_an_early_stop_that_is_not_declared_differs_and_is_told(name):
    subject = {
        "soft_solution.v": lambda *x: iterated(*x, stop=1e-6)[1],
        "soft_solution.policy": lambda *x: iterated(*x, stop=1e-6)[2],
        "causal.gradient": lambda *x: gradient_by_iteration(*x, stop=1e-6),
    }[name]
    verdict = judge(subject, to=name, **NEAR)
    assert not verdict.agrees
    assert "an iteration may leave that stops at a last change of 1e-0" in verdict.message
    assert "say stops_at=1e-0" in verdict.message
    assert "float32" not in verdict.message
    assert not judge(subject, to=name, stops_at=1e-10, **NEAR).agrees
    assert judge(subject, to=name, stops_at=1e-6, **NEAR).agrees


@pytest.mark.parametrize("horizon", [7, 150])
def test_a_finite_horizon_in_place_of_none_is_told(horizon):
    def values(P, rho, gamma, r):
        return iterated(P, rho, gamma, r, stop=-1, sweeps=horizon)[1]

    def visits(P, rho, gamma, pi):
        mu, now = 0, rho
        for t in range(horizon):
            mu, now = mu + gamma**t * now, np.einsum("s,sa,sax->x", now, pi, P)
        return mu[:, None] * pi

    for to, subject in (("soft_solution.v", values), ("occupancy", visits)):
        verdict = judge(subject, to=to, **NEAR)
        assert verdict.mistakes == ("finite horizon",)
        assert f"those of a horizon of {horizon}:" in verdict.message
    explained = diagnose(visits, to="occupancy", infinite_horizon=True)
    assert explained.names == ()


# From one that is given


def test_the_smallest_failure_of_a_model_without_a_horizon():
    rng = np.random.default_rng(0)
    P = rng.dirichlet(np.ones(9), size=(9, 3))
    pi = rng.dirichlet(np.ones(3), size=9)
    given = {"transition": P, "initial": np.full(9, 1 / 9), "discount": 0.9, "policy": pi}
    found = smallest_failure(steps_late, to="occupancy", horizon=None, **given)
    assert found.instance["mdp"].horizon is None
    assert found.instance["mdp"].n_states == 1
    assert "horizon" not in found.literal
    again = smallest_failure(steps_late, to="occupancy", infinite_horizon=True, **given)
    assert again.found == found.found == "S = 1, A = 1"
    with pytest.raises(InvalidArgument, match="takes no infinite_horizon"):
        smallest_failure(steps_late, to="marginals", horizon=None, **given)


def test_what_is_left_open_grows_with_the_last_change_alone():
    target = without_end("soft_solution.policy", stops_at=1e-8)
    asked = next(instances(target, kinds_for(target, {"terminal": False, "max_states": 2}), 1, 3))
    q = question(target, asked)
    twice = replace(q, target=without_end("soft_solution.policy", stops_at=2e-8))
    one, two = (x.left_open(2.0**-53, first_order=True)[0] for x in (q, twice))
    assert (np.abs(two - 2 * one) <= 2.0**-40 * two).all()
    alpha, gamma = 1, float(asked["mdp"].discount)
    assert (one <= 2 * q.truth[0].high * 2 * 1e-8 / (1 - gamma) / alpha * (1 + 2.0**-20)).all()
