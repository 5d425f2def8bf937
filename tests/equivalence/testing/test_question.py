"""Questions: the truth is enclosed, what is given is the rounded instance, and what is printed makes it again."""

import numpy as np
import pytest
from flint import fmpq

from equivalence.testing.generator import instances
from equivalence.testing.kinds import ModelKinds, SpaceKinds, traits
from equivalence.testing.literal import code, exact_texts
from equivalence.testing.question import ALLOWANCE, Truth, question
from equivalence.testing.targets import TARGETS, Layout, find_target
from mdps.scalars.rationals import dyadic

RATIONAL = ("policy_value", "state_marginals", "marginals", "occupancy")


def asked(name, count=40, seed=1, kinds=None, **layout):
    target = find_target(name, Layout(**layout))
    if kinds is None:
        kinds = ModelKinds(max_trajectories=100) if target.on_model else SpaceKinds()
    found = [question(target, instance) for instance in instances(target, kinds, count, seed)]
    return [q for q in found if q is not None]


@pytest.mark.parametrize("name", RATIONAL)
def test_the_truth_is_that_of_exact_arithmetic(name):
    for q in asked(name):
        (exact,) = q.target.value(q.instance)
        for index in np.ndindex(exact.shape):
            enclosed = dyadic(q.truth[0].high[index]) + dyadic(q.truth[0].low[index])
            assert abs(enclosed - exact[index]) <= abs(exact[index]) * fmpq(1, 2**100)


def test_distances_are_of_twice_the_precision():
    truth = Truth(np.array([1.0, -np.inf, 0.0]), np.array([2.0**-60, 0.0, 0.0]))
    distance = truth.distance(np.array([1.0 + 2.0**-52, -np.inf, np.nan]))
    assert distance.tolist() == [2.0**-52 - 2.0**-60, 0.0, np.inf]
    assert truth.distance(np.array([1.0, 3.0, np.inf])).tolist() == [2.0**-60, np.inf, np.inf]
    assert truth.scale == 1.0


FAMILIES = ("soft_solution", "boltzmann.l", "causal.dual", "causal.gradient", "maxent.gradient", "gan.discr", "gcl.")
SOME = [*RATIONAL, *(name for name in TARGETS if name.startswith(FAMILIES))]


@pytest.mark.parametrize("name", SOME)
def test_every_target_has_questions_with_finite_bounds(name):
    found = asked(name, count=30)
    assert len(found) >= 25
    for q in found:
        for u in (2.0**-53, 2.0**-24):
            for truth, allowed in zip(q.truth, q.allowed(u), strict=True):
                assert truth.high.shape == allowed.shape
                assert (allowed >= ALLOWANCE * u * truth.scale).all()
        allowed = np.concatenate([part.ravel() for part in q.allowed(2.0**-53)])
        small = all(np.abs(np.ravel(x)).max() <= 10 for x in q.arguments(float))
        assert not small or allowed.max() < 1e-9 or name == "gan.optimal_log_normalizer"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "name, layout", [("causal.gradient", {"reward": "sas", "temperature": True}), ("gcl.loss", {})]
)
def test_the_printed_code_makes_the_arguments(name, layout, dtype):
    for q in asked(name, **layout):
        namespace = {"np": np}
        exec("\n".join(code(q, dtype)), namespace)
        for given, passed in zip(q.arguments(dtype), q.target.passed, strict=True):
            assert np.array_equal(namespace[passed], given)
            if isinstance(given, np.ndarray):
                assert namespace[passed].dtype == given.dtype == dtype
                assert given.flags.writeable


def test_exact_numbers_are_shown_where_there_are_any():
    target = find_target("ebm.log_likelihood", Layout())
    values = {"energy": np.full(2, fmpq(0), dtype=object), "data": np.array([fmpq(1, 3), fmpq(2, 3)], dtype=object)}
    assert exact_texts(question(target, values))[0][()] == "-log(2)"
    values["energy"] = np.array([fmpq(1), fmpq(0)], dtype=object)
    seventeen_digits = exact_texts(question(target, values))[0][()]
    assert abs(float(seventeen_digits) + 1 / 3 + np.log(np.exp(-1) + 1)) < 1e-15


def test_fractions_are_recognized():
    target = find_target("causal.gradient", Layout())
    kinds = ModelKinds(max_states=1, max_actions=1, terminal=False)
    found = [q for q in asked("causal.gradient", kinds=kinds) if q.truth[0].scale == 0]
    assert found
    assert all(exact_texts(q)[0].tolist() == [["0"]] for q in found)
    assert target.signature.endswith("-> [s, a]")


MODEL_OPTIONS = [
    {"deterministic": True},
    {"deterministic": False},
    {"single_start": True, "discounts": (1,)},
    {"single_start": False},
    {"terminal": False},
    {"terminal": True, "terminal_start": True},
    {"unavailable": False, "terminal_start": False},
    {"unavailable": True},
    {"horizons": (2, 5), "max_states": 3, "max_actions": 2},
    {"max_trajectories": 20, "largest_reward": 2},
    {"max_states": 12, "horizons": (12,)},
    {"max_states": 3, "max_actions": 2, "horizons": (40,), "discounts": (0, 0.5)},
]


@pytest.mark.parametrize("options", MODEL_OPTIONS, ids=str)
def test_instances_are_of_the_kinds_asked_for(options):
    kinds, target = ModelKinds(**options), find_target("causal.gradient", Layout())
    found = list(instances(target, kinds, 60, 0))
    assert len(found) == 60
    assert all(kinds.admit(instance) for instance in found)
    if kinds.max_trajectories is None:
        models = [instance["mdp"] for instance in found]
        assert max(mdp.horizon for mdp in models) == max(kinds.horizons)
        assert max(mdp.n_states for mdp in models) == kinds.max_states
        assert max(mdp.n_actions for mdp in models) == kinds.max_actions


@pytest.mark.parametrize(
    "options", [{"full_support": True}, {"full_support": False}, {"largest_energy": 1}, {"max_outcomes": 3}], ids=str
)
def test_spaces_are_of_the_kinds_asked_for(options):
    kinds, target = SpaceKinds(**options), find_target("gcl.loss", Layout())
    assert all(kinds.admit(instance) for instance in instances(target, kinds, 60, 0))


def test_every_kind_is_covered_by_default():
    target = find_target("causal.gradient", Layout(temperature=True))
    table = [traits(instance) for instance in instances(target, ModelKinds(), 300, 0)]
    for trait in table[0]:
        n = sum(row[trait] for row in table)
        assert 10 <= n <= 290, trait
    space = [traits(i) for i in instances(find_target("gcl.loss", Layout()), SpaceKinds(), 300, 0)]
    assert all(10 <= sum(row[trait] for row in space) <= 290 for trait in space[0])


def test_the_same_seed_draws_the_same_instances():
    target = find_target("causal.gradient", Layout())
    first, again = (list(instances(target, ModelKinds(), 20, 5)) for _ in range(2))
    other = list(instances(target, ModelKinds(), 20, 6))
    same = [a["mdp"].equals(b["mdp"]) for a, b in zip(first, again, strict=True)]
    assert all(same)
    assert not all(a["mdp"].equals(b["mdp"]) for a, b in zip(first, other, strict=True))
