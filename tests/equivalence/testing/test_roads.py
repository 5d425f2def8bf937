"""Roads: the textbook's formula through D and 1 - D is right as far as it goes, and the traits say how far that is."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from flint import arb, fmpq

from equivalence.reports.targets import parts_alone
from equivalence.testing import TARGETS, judge
from equivalence.testing.answer import asked
from equivalence.testing.generator import instances
from equivalence.testing.kinds import SIZES, kinds_for
from equivalence.testing.question import question
from equivalence.testing.targets import ARGUMENTS, Layout, find_target
from equivalence.testing.targets.argument import EXPONENTS
from mdps import MDP, InvalidArgument, OutOfReach, occupancy, scalars
from mdps.scalars.balls import precision

SMALL = {"max_states": 3, "max_actions": 2, "largest_reward": 10}
WHOLE = [name for name in TARGETS if name not in parts_alone(TARGETS.values())]
WITH_ROADS = [name for name in WHOLE if TARGETS[name].on_model and TARGETS[name].roads]


def drawn(target, count, **options):
    horizons = {} if target.layout.infinite else {"horizons": (1, 2)}
    return instances(target, kinds_for(target, SMALL | horizons | options), count, 2)


def in_balls(instance):
    return {
        name: x.to("ball") if isinstance(x, MDP) else scalars.convert(np.asarray(x, dtype=object), "ball")[()]
        for name, x in instance.items()
    }


def overlap(x, y):
    pairs = zip(np.ravel(x), np.ravel(y), strict=True)
    return np.shape(x) == np.shape(y) and all(arb(a).overlaps(arb(b)) or a == b for a, b in pairs)


@pytest.mark.parametrize("name", WITH_ROADS)
def test_roads_on_a_model_lead_to_the_same_numbers(name):
    row = TARGETS[name]
    some: dict[str, Any] = {"temperature": "temperature" in row.arguments}
    layouts = [some, {"policy": "tsa"} | some] if "policy_axes" in row.options else [some]
    layouts += [{"infinite": True}] if "infinite_horizon" in row.options else []
    seen = 0
    for target in (find_target(name, Layout(**layout)) for layout in layouts):
        for instance in drawn(target, 3):
            with precision(192):
                values = in_balls(instance)
                try:
                    expected = target.value(values)
                except (InvalidArgument, OutOfReach):  # it has no answer there
                    continue
                for road in target.roads:
                    assert all(map(overlap, target.parts_of(road, values), expected))
            seen += 1
    assert seen >= 3


# The textbook's formulas, in numpy


def visits(P, initial, horizon, discount, policy):
    return occupancy(MDP(P, initial, horizon=horizon, discount=discount), policy)


def airl_loss(P, initial, horizon, discount, f, policy, expert):
    taken, rho = policy > 0, visits(P, initial, horizon, discount, policy)
    d = (np.exp(f) / (np.exp(f) + policy))[taken]
    return float((-expert[taken] * np.log(d) - rho[taken] * np.log(1 - d)).sum())


def airl_gradient(P, initial, horizon, discount, f, policy, expert):
    """As jax differentiates -log D and -log(1 - D), with D = exp f / (exp f + pi)."""
    rho, e = visits(P, initial, horizon, discount, policy), np.exp(f)
    s = e + policy
    to_d = np.where(policy > 0, rho, 0) / np.where(policy > 0, 1 - e / s, 1) - expert / (e / s)
    return np.where(policy > 0, e * (to_d / s - to_d * e / (s * s)), 0)


def gail_loss(P, initial, horizon, discount, logit, policy, expert):
    d = 1 / (1 + np.exp(-logit))
    return float((-expert * np.log(d) - visits(P, initial, horizon, discount, policy) * np.log(1 - d)).sum())


def gail_gradient(P, initial, horizon, discount, logit, policy, expert):
    d, rho = 1 / (1 + np.exp(-logit)), visits(P, initial, horizon, discount, policy)
    return (rho / (1 - d) - expert / d) * np.exp(-logit) * d * d


def gail_reward(P, initial, horizon, discount, logit):
    return np.where(P.sum(axis=-1) > 0, -np.log(1 - 1 / (1 + np.exp(-logit))), 0)


@pytest.mark.parametrize(
    "name, textbook",
    [
        ("airl.discriminator_loss", airl_loss),
        ("airl.discriminator_gradient", airl_gradient),
        ("gail.discriminator_loss", gail_loss),
        ("gail.discriminator_gradient", gail_gradient),
        ("gail.policy_reward.gail", gail_reward),
    ],
)
def test_what_the_textbook_loses_of_1_minus_d_is_allowed(name, textbook):
    target = find_target(name, Layout(policy="sa"))
    found = [q for q in (question(target, i) for i in drawn(target, 40, max_states=2)) if q is not None]
    bare = [replace(q, target=replace(target, roads=()), _allowed={}) for q in found]
    assert len(found) >= 30
    assert all(asked(textbook, q, np.float64).right for q in found)
    assert not all(asked(textbook, q, np.float64).right for q in bare), "nothing was lost"


def posed_on(target, instance):
    posed = question(target, instance)
    assert posed is not None
    return posed


def one_pair(**values):
    one = np.array([[[fmpq(1)]]], dtype=object)
    tables = {name: np.array([[fmpq(x)]], dtype=object) for name, x in values.items()}
    return {"mdp": MDP(one, one[0, 0], horizon=1, discount=fmpq(1)), **tables}


@pytest.mark.parametrize("logit, right", [(6, True), (30, True), (40, False), (800, False)])
def test_where_d_is_1_there_is_no_such_road(logit, right):
    target = find_target("gail.discriminator_loss", Layout(policy="sa"))
    posed = posed_on(target, one_pair(logit=logit, policy=1, expert=1))
    with np.errstate(divide="ignore"):
        assert asked(gail_loss, posed, np.float64).right == right
    assert np.isfinite(posed.allowed(2.0**-53)[0]).all()
    assert not asked(lambda *given: 1.01 * logit, posed, np.float64).right


# Entropies of what is certain


def entropy(law, least=2.0**-52):
    """As distributions of torch have it: normalized again, and kept from 0 and 1."""
    p = law / law.sum()
    return float(-(p * np.log(np.clip(p, least, 1 - least))).sum())


@pytest.mark.parametrize(
    "name, subject",
    [
        ("divergences.shannon_entropy", lambda least: lambda data: entropy(data, least)),
        ("trajectory_entropy", lambda least: lambda law: entropy(law, least)),
        ("occupancy_entropies.occupancy_entropy", lambda least: lambda n: entropy(n, least)),
        ("occupancy_entropies.choice_entropy", lambda least: lambda n: n.sum() * entropy(n, least)),
        ("causal_entropy", lambda least: lambda P, initial, T, gamma, pi: entropy(pi, least)),
    ],
)
def test_the_entropy_of_what_is_certain_is_rounded_as_quotients_are(name, subject):
    target = TARGETS[name]
    axes = target.axes_of(target.arguments[-1])
    for certain in ([fmpq(1)], [fmpq(1), fmpq(0)]):
        law = np.array(certain, dtype=object)
        model = one_pair() if target.on_model else {}
        if name == "causal_entropy":
            transition = np.array([[[x] for x in (fmpq(1), fmpq(1))[: len(law)]]], dtype=object)
            model = {"mdp": MDP(transition, np.array([fmpq(1)], dtype=object), horizon=1, discount=fmpq(1))}
        posed = posed_on(target, {**model, target.arguments[-1]: law.reshape((1,) * (len(axes) - 1) + (-1,))})
        assert posed.truth[0].scale == 0
        assert asked(subject(2.0**-52), posed, np.float64).right
        assert not asked(subject(1e-8), posed, np.float64).right


# Traits of size


def test_every_table_of_exponents_has_traits_of_its_size():
    tables = [name for name, x in ARGUMENTS.items() if x.role in EXPONENTS and x.axes]
    assert {"reward", "energy", "f", "logit", "logits", "q"} <= set(tables)
    assert set(SIZES) == {f"|{name}| <= {limit}" for name, limit in product(tables, (10, 100))}


@pytest.mark.parametrize(
    "name, position, says",
    [
        ("gail.policy_reward.airl", 4, ("|logit| <= 10 (", "largest_reward=10)")),
        ("generator_losses.gradient.logit", 0, ("|logit| <= 10 (", "largest_energy=10)")),
    ],
)
def test_where_it_is_right_is_said_of_what_it_takes(name, position, says):
    def subject(*given):
        x = given[position]
        there = given[0].sum(axis=-1) > 0 if position else True
        sign = -1 if name.startswith("generator") else 1
        return np.where(there, sign * x * (1.01 if np.abs(x).max() > 10 else 1), 0)

    message = judge(subject, to=name, field=False, instances=100).message
    assert all(text in message for text in says)
