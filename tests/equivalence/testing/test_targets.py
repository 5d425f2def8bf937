"""Every public objective is a target, each agrees with itself and no other, and conventions are transformed rightly."""

import importlib
import inspect
from functools import cache

import numpy as np
import pytest

import equivalence.objectives
import mdps
from equivalence.reports.targets import parts_alone
from equivalence.testing import TARGETS
from equivalence.testing.adapters.cases import cases
from equivalence.testing.answer import asked as answered
from equivalence.testing.generator import instances
from equivalence.testing.kinds import kinds_for
from equivalence.testing.question import ALLOWANCE, question
from equivalence.testing.targets import ARGUMENTS, Layout, find_target, is_integer, options_of
from equivalence.testing.targets.layout import MEANS
from equivalence.testing.targets.left_out import LEFT_OUT, MODULES
from mdps import MDP, InvalidArgument
from mdps.scalars.rationals import rational

SMALL = {"max_states": 3, "max_actions": 2, "horizons": (1, 2, 3), "largest_reward": 10}


def small(target, **more):
    return kinds_for(target, (SMALL if target.on_model else {"max_outcomes": 4, "largest_energy": 10}) | more)


@cache
def asked(name, layout=None, count=8):
    target = TARGETS[name] if layout is None else find_target(name, layout)
    found = [question(target, instance) for instance in instances(target, small(target), count, 2)]
    return target, [q for q in found if q is not None]


# Which there are


def public(module):
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and inspect.isfunction(value) and value.__module__ == module.__name__
    ]


def known(name):
    return name in TARGETS or any(target.startswith(f"{name}.") for target in TARGETS)


def test_every_public_objective_is_a_target_or_left_out_for_a_reason():
    functions = [
        f"{module}.{name}"
        for module in equivalence.objectives.__all__
        for name in public(importlib.import_module(f"equivalence.objectives.{module}"))
    ]
    functions += [
        f"{module}.{name}" for module in MODULES for name in public(importlib.import_module(f"mdps.{module}"))
    ]
    exported = {name for name in mdps.__all__ if inspect.isfunction(getattr(mdps, name))}
    covered = {name for name in functions if name.split(".")[-1] in exported}
    for name in functions:
        short = name.split(".")[-1] if name in covered and not name.startswith(("boltzmann", "demonstr")) else name
        assert known(name) or known(short) or name in LEFT_OUT, name
    for name in exported - {name.split(".")[-1] for name in covered} - {"log"}:  # log is a function of numbers
        assert known(name) or name in LEFT_OUT, name
    assert all(reason for reason in LEFT_OUT.values())
    stale = [name for name in LEFT_OUT if name in TARGETS]
    assert not stale


def test_every_target_says_what_it_takes_and_returns():
    for name, target in TARGETS.items():
        assert target.meaning
        assert target.parts
        assert target.name == name
        assert all(argument == "mdp" or argument in ARGUMENTS for argument in target.arguments)
        assert all(argument in ARGUMENTS for field in (target.axes, target.roles, target.draws) for argument in field)
        assert set(target.unseen) <= set(target.arguments)
        assert set(target.whole) <= set(ARGUMENTS)
        assert target.mean == "" or target.mean in MEANS
        assert "temperature" not in target.arguments or target.arguments[-1] == "temperature"


WHOLE = [name for name in TARGETS if name not in parts_alone(TARGETS.values())]


# What their instances are


@pytest.mark.parametrize("name", WHOLE)
def test_instances_have_the_axes_that_are_said(name):
    target, found = asked(name)
    assert len(found) >= 3, "hardly any instance has an answer"
    for q in found:
        for argument in target.arguments:
            if argument == "mdp":
                assert isinstance(q.instance["mdp"], MDP)
                continue
            value = np.asarray(q.instance[argument], dtype=object)
            assert value.ndim == len(target.axes_of(argument)), argument
            kind = (int, np.integer) if is_integer(argument) else object
            assert all(isinstance(x, kind) and rational(x) is not None for x in value.ravel())
        given = dict(zip(target.passed, q.arguments(np.float64), strict=True))
        assert all(np.ndim(given[x]) == len(target.argument_axes(x) or "") for x in target.passed)
        for (_, axes), truth in zip(target.parts, q.truth, strict=True):
            assert truth.high.ndim == len(axes)
        for truth, allowed in zip(q.truth, q.allowed(2.0**-53), strict=True):
            assert truth.high.shape == allowed.shape
            assert (allowed >= ALLOWANCE * 2.0**-53 * truth.scale).all()
            assert np.isfinite(allowed).all()


@pytest.mark.parametrize("name", WHOLE)
def test_a_field_has_cases_of_every_target(name):
    target = TARGETS[name]
    assert len(list(cases(target, small(target)))) >= 2


# Each is itself and nothing else


ZERO = (  # whatever they are asked about
    "generator_losses.moving_gradient.maximum_likelihood",
    "estimators.relative_partition.true_mixture.bias",
)


def library(target):
    """The reference of a target in the library's conventions, as somebody's function of plain float64 arrays."""

    def subject(*arguments):
        values = dict(zip(target.passed, arguments, strict=True))
        if target.on_model and "transition" in values:
            transition, initial = values.pop("transition"), values.pop("initial")
            values["mdp"] = MDP(transition, initial, horizon=values.pop("horizon"), discount=values.pop("discount"))
        elif target.on_model:
            values["mdp"] = None
        if "temperature" in target.arguments:
            values.setdefault("temperature", 1.0)
        parts = target.canonical.value(values)
        return parts if len(target.parts) > 1 else parts[0]

    return subject


def spoiled(subject, target, change):
    """The subject with the largest of its finite entries changed, in the first part that has one other than 0."""

    def other(*arguments):
        returned = subject(*arguments)
        parts = [np.array(part, dtype=float) for part in (returned if len(target.parts) > 1 else (returned,))]
        sizes = [np.abs(np.where(np.isfinite(part), part, 0.0)) for part in parts]
        at = next((i for i, size in enumerate(sizes) if size.max(initial=0.0) > 1e-9), None)
        if at is not None:
            place = sizes[at].argmax()
            parts[at].flat[place] = change(parts[at].flat[place])
        return tuple(parts) if len(parts) > 1 else parts[0]

    return other


@pytest.mark.parametrize("name", WHOLE)
def test_the_library_is_right_over_floats_and_a_spoiled_entry_is_not(name):
    target, found = asked(name)
    subject = library(target)
    assert all(answered(subject, q, np.float64).right for q in found)
    telling = [any(part.scale > 1e-9 for part in q.truth) for q in found]
    for change in (lambda x: 1.01 * x, lambda x: -x):
        wrong = spoiled(subject, target, change)
        assert [not answered(wrong, q, np.float64).right for q in found] == telling
    assert any(telling) or name in ZERO


# Conventions of subjects


def in_convention(target, row):
    """The library as a function of a layout: what comes is changed back by hand, and what goes changed by hand."""
    layout = target.layout

    def subject(*arguments):
        values = dict(zip(target.passed, arguments, strict=True))
        if layout.transition != "sax":
            values["transition"] = np.moveaxis(
                values["transition"], [layout.transition.index(letter) for letter in "sax"], [0, 1, 2]
            )
        sign = -1 if layout.costs else 1
        if layout.costs and not layout.features:
            values["reward"] = -values.pop("cost")
        phi = None
        if layout.features:
            phi, theta = values.pop("features"), sign * values.pop("theta")
            values["reward"] = phi @ theta
        for name in [name for name in values if name.startswith("log_") and name[4:] in row.arguments]:
            values[name[4:]] = np.exp(values.pop(name))
        values = {name: values[name] for name in row.passed if name in values} | {
            name: value for name, value in values.items() if name not in row.passed
        }
        parts = library(row)(*(values[name] for name in row.passed))
        parts = list(parts) if len(row.parts) > 1 else [parts]
        gamma, T = values["discount"], values["horizon"]
        for i, (name, axes) in enumerate(row.row.parts):
            if axes == "R" and phi is not None:
                parts[i] = np.tensordot(parts[i], phi, phi.ndim - 1)
            if axes in ("R", "r") or name in row.row.paid:
                parts[i] = sign * parts[i]
            if layout.mean:
                parts[i] = parts[i] / (2 if row.mean == "halves" else sum(gamma**t for t in range(T)))
        return tuple(parts) if len(parts) > 1 else parts[0]

    return subject


CONVENTIONS = [
    ("causal.gradient", {"features": "table"}),
    ("causal.gradient", {"features": "table", "costs": True, "mean": True, "reward": "s", "temperature": True}),
    ("maxent.gradient", {"features": "table", "reward": "sas", "transition": "asx"}),
    ("causal.log_likelihood", {"logs": True, "costs": True}),
    ("soft_solution", {"costs": True, "transition": "xsa"}),
    ("soft_solution.policy", {"features": True, "costs": True}),
    ("policy_value", {"logs": True, "costs": True, "policy": "sa"}),
    ("occupancy", {"mean": True, "logs": True, "counts": "s"}),
    ("airl.discriminator_gradient", {"logs": True, "mean": True}),
    ("airl.discriminator_loss", {"policy": "tsa", "mean": True}),
    ("trajectory_gan.discriminator_gradient", {"features": "table", "costs": True, "mean": True}),
    ("trust_region.direction", {"costs": True, "transition": "sxa"}),
    ("trust_region.gradient", {"features": "table", "costs": True}),
    ("shaping.shaped_reward", {"costs": True}),
    ("demonstrations.gradient", {"features": True, "costs": True}),
]


@pytest.mark.parametrize("name, layout", CONVENTIONS, ids=str)
def test_what_is_given_and_returned_is_that_of_the_convention(name, layout):
    target, found = asked(name, Layout(**layout))
    plain = {key: x for key, x in layout.items() if key in ("reward", "policy", "counts", "temperature")}
    subject = in_convention(target, find_target(name, Layout(**plain)))
    assert len(found) >= 4
    assert all(answered(subject, q, np.float64).right for q in found)
    u = 2.0**-53
    assert all(np.isfinite(bound).all() for q in found for bound in q.allowed(u))


@pytest.mark.parametrize("name", WHOLE)
def test_an_option_that_a_target_has_not_is_refused(name):
    options = options_of(TARGETS[name])
    changed = {
        "features": Layout(features=True),
        "costs": Layout(costs=True),
        "mean": Layout(mean=True),
        "transition_axes": Layout(transition="asx"),
        "logs": Layout(logs=True),
    }
    for option, layout in changed.items():
        if option in options:
            assert find_target(name, layout).passed
        else:
            with pytest.raises(InvalidArgument, match=f"{name} takes no {option}"):
                find_target(name, layout)
    with pytest.raises(InvalidArgument, match="transition_axes is 'ssa'; expected"):
        find_target(name, Layout(transition="ssa"))
