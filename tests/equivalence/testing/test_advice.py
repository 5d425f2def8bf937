"""A function with another signature is told how to be judged: what is drafted can be pasted, and works."""

from functools import partial

import numpy as np
import pytest
from scipy.special import logsumexp

from equivalence.testing import judge
from equivalence.testing.advice import draft, on_signature
from equivalence.testing.targets import Layout, find_target

FEW = 12


def soft_values(P, gamma, rewards, n_steps, verbose=False):
    v = np.zeros(len(P))
    values = [v]
    for _ in range(n_steps):
        q = np.where(P.any(axis=2), rewards + gamma * P @ v, -np.inf)
        v = np.where(P.any(axis=(1, 2)), logsumexp(np.where(P.any(axis=(1, 2))[:, None], q, 0), axis=1), 0)
        values.insert(0, v)
    return values


class Planner:
    def __init__(self, depth):
        self.depth = depth

    def values(self, transition, initial, horizon, discount, reward):
        return soft_values(transition, discount, reward, horizon)


def discriminator(sampler, energy, log_normalizer):
    with np.errstate(all="ignore"):
        return 1 / (1 + sampler * np.exp(energy + log_normalizer))


def value_of_functions(transition, initial, horizon, discount, reward, pi):
    v = np.zeros(len(initial))
    for t in reversed(range(horizon)):
        v = np.array([sum(pi(t, s) * (reward[s] + discount * transition[s] @ v)) for s in range(len(v))])
    return v


def irl(feature_matrix, n_actions, discount, transition_probability, trajectories, epochs=10, learning_rate=0.1):
    return np.zeros(feature_matrix.shape[1])


def pasted(lines, names):
    """The function that drafted code defines."""
    space = dict(names)
    exec("\n".join(line.removeprefix("    ") for line in lines), space)
    return space["subject"]


def test_a_draft_can_be_pasted_and_is_right():
    verdict = judge(soft_values, to="soft_solution.v", instances=FEW)
    code = draft(soft_values, find_target("soft_solution.v", Layout()))
    assert (
        "It is called by position, and its `gamma` is given `initial`, `rewards` is given `horizon`" in verdict.message
    )
    assert "Its parameters are (P, gamma, rewards, n_steps, verbose=False)" in verdict.message
    assert "\n".join(code) in verdict.message
    subject = pasted(code, {"soft_values": soft_values})
    assert judge(subject, to="soft_solution.v", instances=FEW).outcome == "proved for all"


def test_names_in_another_order_are_noticed():
    verdict = judge(discriminator, to="gan.discriminator", instances=FEW, largest_energy=50)
    assert not verdict.agrees
    assert "its `sampler` is given `energy`, `energy` is given `sampler`" in verdict.message
    code = draft(discriminator, find_target("gan.discriminator", Layout()))
    subject = pasted(code, {"discriminator": discriminator})
    assert judge(subject, to="gan.discriminator", instances=FEW, largest_energy=50).agrees


def test_what_names_do_not_tell_is_left_open():
    target = find_target("causal.gradient", Layout(reward="s", features=True))
    _, returned = draft(irl, target)
    assert returned.strip() == "return irl(features, transition.shape[1], discount, transition, ...)"
    assert "its `feature_matrix` is given `transition`" in on_signature(irl, target)[0]


def test_the_first_line_says_what_is_wrong():
    verdict = judge(lambda reward: reward, to="soft_solution.v", instances=FEW)
    first, *_ = verdict.message.splitlines()
    assert first.startswith("subject differs from soft_solution.v: it cannot be called with (transition, initial,")


def test_keywords_are_given_by_name():
    def log_partition(*, energy, temperature=1.0):
        return logsumexp(-energy / temperature)

    verdict = judge(log_partition, to="ebm.log_partition", instances=FEW)
    assert "return log_partition(energy=energy)" in verdict.message


@pytest.mark.parametrize(
    "function, says",
    [
        (Planner.values, "It is a method: give that of an object, Planner(...).values."),
        (Planner, "Planner is a class: give an object of it that can be called, or a method of one."),
        (partial(soft_values, verbose=True), "        return f(transition, discount, reward, horizon)"),
    ],
    ids=["method", "class", "partial"],
)
def test_methods_and_classes_are_named(function, says):
    assert says in judge(function, to="soft_solution.v", instances=FEW).message.splitlines()


def test_an_array_in_place_of_a_function_is_named():
    verdict = judge(value_of_functions, to="policy_value", instances=FEW)
    assert (
        "`policy` is an array [t, s, a]: where it calls that, give `lambda t, s, a: policy[t, s, a]`" in verdict.message
    )


def test_an_array_in_place_of_another_structure_is_named():
    def of_a_dictionary(energy):
        return sum(energy.values())

    verdict = judge(of_a_dictionary, to="ebm.log_partition", instances=FEW)
    assert "arguments are plain arrays: make what it works with of them in a function around it" in verdict.message


@pytest.mark.parametrize(
    "function, target",
    [
        (lambda energy: -logsumexp(energy), "ebm.log_partition"),
        (lambda x, q, c: x, "gan.discriminator"),
        (lambda *everything: everything[0], "gan.discriminator"),
        (lambda P, rho, T, gamma, r: np.zeros((T + 1, len(rho))), "soft_solution.v"),
        (np.add, "divergences.kl"),
    ],
)
def test_nothing_is_said_of_the_signature_that_is_expected(function, target):
    assert on_signature(function, find_target(target, Layout())) == []
