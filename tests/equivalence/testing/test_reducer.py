"""The reducer finds the smallest instance on which a failure shows, and every step is an instance."""

import time

import numpy as np
import pytest

from equivalence.testing.generator import instances
from equivalence.testing.kinds import ModelKinds, SpaceKinds
from equivalence.testing.question import question
from equivalence.testing.reducer import complexity, reduced
from equivalence.testing.targets import Layout, find_target
from mdps import scalars


def floats(x):
    return scalars.convert(np.asarray(x, dtype=object), "float")


def largest(name, kinds, layout, shows):
    target = find_target(name, layout)
    drawn = [i for i in instances(target, kinds, 60, 3) if shows(i)]
    return max(drawn, key=lambda instance: complexity(instance)), target


CASES = {
    "three states and two steps": (
        "causal.gradient",
        lambda v: v["mdp"].n_states >= 3 and v["mdp"].horizon >= 2,
        (3, 1, 2, 0, 0),
    ),
    "an unavailable action": ("causal.gradient", lambda v: not v["mdp"].available.all(), (1, 1, 1, 1, 0)),
    "a discount": ("causal.gradient", lambda v: v["mdp"].discount != 1 and v["mdp"].n_actions > 1, (1, 2, 1, 1, 1)),
    "a large reward": ("causal.gradient", lambda v: np.abs(floats(v["reward"])).max() > 10, (1, 1, 1, 0, 1)),
    "chance": ("policy_value", lambda v: (v["mdp"].kernel.support.sum(axis=-1) > 1).any(), (2, 1, 1, 0, 2)),
    "an expert off the first action": ("causal.gradient", lambda v: (v["expert"] != 0)[:, 1:].any(), (1, 2, 1, 0, 0)),
}


@pytest.mark.parametrize("axes", ["s", "sa", "sas"])
@pytest.mark.parametrize("case", CASES)
def test_models_become_as_small_as_they_can(case, axes):
    if case == "an expert off the first action" and axes == "s":
        pytest.skip("it has no action")
    name, fails, smallest = CASES[case]
    layout = Layout(reward=axes, policy="sa" if name == "policy_value" and axes == "sas" else "tsa")
    calls = 0

    def shows(instance):
        nonlocal calls
        calls += 1
        return fails(instance)

    instance, target = largest(name, ModelKinds(), layout, shows)
    calls = 0
    found = reduced(instance, target, shows, seconds=60)
    assert fails(found)
    # one more number than 0 and +-1 may be left where the mass of an expert is no whole number
    assert complexity(found)[:4] == smallest[:4]
    assert complexity(found)[4] <= smallest[4] + 1
    assert question(target, found) is not None
    assert calls < 2_000


def test_every_candidate_that_is_tried_is_an_instance():
    target = find_target("causal.gradient", Layout(reward="sas"))
    for instance in instances(target, ModelKinds(max_states=4), 12, 8):
        tried = []

        def shows(candidate, tried=tried):
            tried.append(question(target, candidate) is not None)
            return len(tried) % 3 == 0

        reduced(instance, target, shows)
        assert all(tried)


def test_spaces_become_as_small_as_they_can():
    def fails(instance):
        return len(instance["energy"]) >= 3 and floats(instance["energy"]).max() > 1

    instance, target = largest("gcl.loss", SpaceKinds(), Layout(), fails)
    found = reduced(instance, target, fails)
    assert complexity(found)[0] == 3
    assert complexity(found)[2] <= 1 + 6
    assert sorted(floats(found["energy"]).tolist()) == [0, 0, 2]


def test_what_fails_nowhere_else_stays():
    target = find_target("causal.gradient", Layout())
    for instance in instances(target, ModelKinds(), 5, 0):
        assert reduced(instance, target, lambda _: False) is instance


def test_reduction_ends_in_time():
    target = find_target("causal.gradient", Layout())
    instance = list(instances(target, ModelKinds(), 60, 0))[-1]

    def slow(_):
        time.sleep(0.05)
        return False

    started = time.perf_counter()
    reduced(instance, target, slow, seconds=0.3)
    assert time.perf_counter() - started < 5
