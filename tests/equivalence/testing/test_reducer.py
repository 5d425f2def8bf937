"""The reducer finds the smallest instance on which a failure shows, and every step is an instance."""

import itertools
import time

import numpy as np
import pytest
from flint import fmpq

from equivalence.testing.generator import instances
from equivalence.testing.kinds import ModelKinds, SpaceKinds, kinds_for
from equivalence.testing.question import question
from equivalence.testing.reducer import complexity, reduced
from equivalence.testing.reduction.arrays import NUMBERS, ROWS, Argument, assembled, read_exactly, table_of
from equivalence.testing.reduction.search import Search
from equivalence.testing.reduction.structures import smaller_structures
from equivalence.testing.screen import rough
from equivalence.testing.targets import Layout, find_target
from mdps import scalars
from mdps.scalars.rationals import dyadic


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


# With a screen in floats ------------------------------------------------------------------------------------------


def off_by_more(limit):
    """Whether the largest reward is above a limit, and more than one state or step is there."""
    return lambda v: floats(v["reward"]).max() > limit and v["mdp"].n_states * v["mdp"].horizon > 1


@pytest.mark.parametrize("screen", [lambda _: True, lambda _: False, lambda v: v["mdp"].n_states > 2, "the same"])
@pytest.mark.parametrize("limit", [0, 2])
def test_what_is_found_shows_the_failure_whatever_the_screen_says(screen, limit):
    """A screen that says yes too often costs time; what comes back was shown exactly."""
    target = find_target("causal.gradient", Layout())
    fails = off_by_more(limit)
    for instance in instances(target, ModelKinds(max_states=4, max_actions=2), 10, 4):
        if not fails(instance):
            continue
        shown = []

        def shows(candidate, shown=shown):
            assert question(target, candidate) is not None
            if fails(candidate):
                shown.append(candidate)
            return fails(candidate)

        found = reduced(instance, target, shows, screen=fails if screen == "the same" else screen)
        assert fails(found)
        assert found is instance or any(same(found, known) for known in shown)
        assert complexity(found) <= complexity(instance)
        assert found["mdp"].level == "exact"


def is_float(candidate):
    return all(np.asarray(x).dtype != object for name, x in candidate.items() if name != "mdp")


def same(found, known):
    pairs = [(found[name], known[name]) for name in found if name != "mdp"]
    return found["mdp"].equals(known["mdp"]) and all(np.array_equal(x, y) for x, y in pairs)


TARGETS_OF_MANY_KINDS = (
    "policy_value",
    "occupancy",
    "maxent.gradient",
    "soft_solution.q",
    "gcl.gradient",
    "gan.discriminator_loss",
    "causal.gradient",
)


@pytest.mark.parametrize("name", TARGETS_OF_MANY_KINDS)
def test_screens_and_the_exact_search_are_asked_of_instances_only(name):
    target = find_target(name, Layout())
    rng = np.random.default_rng(0)
    asked = []
    for instance in instances(target, kinds_for(target, {}), 4, 1):

        def decides(candidate):
            in_floats = "mdp" in candidate and candidate["mdp"].level == "float"
            assert (rough if in_floats or is_float(candidate) else question)(target, candidate) is not None
            asked.append(candidate)
            return rng.random() < 0.3

        reduced(instance, target, decides, screen=decides)
    assert len(asked) > 20
    for candidate in asked:
        for rows in (candidate[name] for name in ("policy", "sampler", "data") if name in candidate):
            total = floats(rows).sum(axis=-1)
            assert ((np.abs(total - 1) < 1e-12) | (total == 0)).all()


def test_models_of_floats_are_read_exactly():
    """Thirds stay thirds, rows sum to 1 exactly, and full digits are the dyadic numbers that they are."""
    target = find_target("causal.gradient", Layout(reward="s"))
    table = table_of(target)
    transition = np.array([[[1 / 3, 2 / 3], [0.1, 0.9]], [[0.7, 0.3], [0, 0]]])
    raw = {"transition": transition, "initial": np.array([0.25, 0.75]), "horizon": 1, "discount": fmpq(9, 10)}
    raw |= {"reward": np.array([1 / 3, np.pi]), "expert": np.array([0.5, 0.5]), "temperature": fmpq(1)}
    exact = read_exactly(raw, table)
    assert exact["transition"][0, 0].tolist() == [fmpq(1, 3), fmpq(2, 3)]
    assert exact["transition"][1, 1].tolist() == [0, 0]
    assert exact["reward"].tolist() == [fmpq(1, 3), dyadic(np.pi)]
    instance = assembled(exact, table)
    assert instance["mdp"].level == "exact"
    assert question(target, instance) is not None


def test_reduction_ends_in_time():
    target = find_target("causal.gradient", Layout())
    instance = list(instances(target, ModelKinds(), 60, 0))[-1]

    def slow(_):
        time.sleep(0.05)
        return False

    started = time.perf_counter()
    reduced(instance, target, slow, seconds=0.3)
    assert time.perf_counter() - started < 5


# Arrays whose sizes depend on each other ---------------------------------------------------------------------------


def largest_entry(truth):
    return max(np.abs(part.high[np.isfinite(part.high)]).max(initial=0.0) for part in truth)


STRUCTURED = {  # and the largest size that is left
    "pseudo_likelihood.gradient": 2,
    "markov_chains.gibbs_kernel": 2,
    "token_mdp.sequence_reward": 2,
    "token_mdp.token_policy": 2,
    "dpo.loss": 2,
    "bradley_terry.gradient": 2,
    "exponential_family.optimum": 2,
    "markov_chains.dobrushin_coefficient": 2,
}


@pytest.mark.parametrize("name", STRUCTURED)
def test_structures_become_small(name):
    """Components of product spaces, tokens and lengths of strings, pairs of responses, kernels and features."""
    target = find_target(name, Layout())
    last = list(instances(target, kinds_for(target, {}), 20, 1))[-6:]

    def shows(candidate):
        asked = question(target, candidate)
        return asked is not None and largest_entry(asked.truth) > 1e-3

    shown = [instance for instance in last if shows(instance)]
    assert shown
    for instance in shown:
        found = reduced(instance, target, shows)
        assert shows(found)
        assert complexity(found)[0] <= STRUCTURED[name]


@pytest.mark.parametrize("n_tokens, length", [(2, 3), (3, 2), (3, 1), (1, 4)])
def test_strings_lose_a_token_or_a_place(n_tokens, length):
    """By enumeration: what is left of rewards and laws are those of the strings that are left."""
    table = {"token_reward": Argument("uv", NUMBERS), "string_law": Argument("w", ROWS)}
    prefixes = [p for t in range(length) for p in itertools.product(range(n_tokens), repeat=t)]
    strings = list(itertools.product(range(n_tokens), repeat=length))
    reward = np.array([[hash((p, a)) % 1000 for a in range(n_tokens)] for p in prefixes], dtype=float)
    law = np.random.default_rng(0).dirichlet(np.ones(len(strings)))
    found = []

    def fails(candidate):
        found.append(candidate)
        return False

    search = Search({"token_reward": reward, "string_law": law}, table, fails, np.inf)
    smaller_structures(search)
    expected = ([(n_tokens, length - 1)] if length > 1 else []) + ([(n_tokens - 1, length)] if n_tokens > 1 else [])
    assert len(found) == len(expected)
    for candidate, (tokens, places) in zip(found, expected, strict=True):
        kept = [p for t in range(places) for p in itertools.product(range(tokens), repeat=t)]
        assert candidate["token_reward"].tolist() == [[hash((p, a)) % 1000 for a in range(tokens)] for p in kept]
        sums = dict.fromkeys(itertools.product(range(tokens), repeat=places), 0.0)
        for string, p in zip(strings, law, strict=True):
            sums[tuple(a if a < tokens else 0 for a in string[:places])] += p
        assert np.abs(candidate["string_law"] - list(sums.values())).max() < 1e-15
