"""The benchmarks on tiny sizes: they run, their answers are asserted, and a wrong answer does not get a time."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp

from benchmarks import agreement, field_sweep, sparse_gradient, stacks, timing
from mdps import kernels

ROOT = Path(__file__).parent.parent


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_lists_its_questions():
    lines = run().splitlines()
    assert [line.split()[0] for line in lines] == ["field_sweep", "sparse_gradient", "stacks"]


@pytest.mark.parametrize("name, size", [("sparse_gradient", "30"), ("stacks", "7")])
def test_the_command_prints_a_row_for_each_size(name, size):
    printed = run(name, "--size", size, "--runs", "2")
    assert size in printed
    for column in ("ours", "theirs", "ratio", "least, most", "construction"):
        assert column in printed


def test_the_sweep_in_a_field_prints_a_row_for_each_claim():
    printed = run("field_sweep", "--size", "2", "--size", "1")
    for name in field_sweep.CLAIMS:
        assert name in printed
    assert printed.count("2 of 2") == len(field_sweep.CLAIMS)


def test_the_sweep_in_a_field_stops_where_something_is_not_proved():
    [row] = field_sweep.rows([(1, 2)], ["energy_gradient_of_discriminator_eq_gcl"])
    assert (row.proved, row.shapes) == (1, 1)
    assert row.log2_error <= -128
    with pytest.raises(AssertionError, match="refuted"):
        list(field_sweep.rows([(2, 2)], ["optimal_normalizer_eq_log_partition"]))


def test_the_command_refuses_a_name_that_it_does_not_know():
    command = [sys.executable, "-m", "benchmarks", "speed"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "sparse_gradient" in done.stderr


@pytest.mark.parametrize("block", [None, 7])
def test_sparse_gradients_agree(block, monkeypatch):
    if block:
        monkeypatch.setattr(kernels, "CACHED_STATES", block)
    sparse_gradient.assert_small_models_agree()
    comparison = sparse_gradient.comparison(50, horizon=6)
    assert comparison.ours().shape == comparison.theirs().shape == (50, 4)


def test_stacks_agree():
    stacks.assert_small_stacks_agree()
    first, second = stacks.comparison(20)
    assert first.ours().policy.shape == (20, 4, 5, 3)
    assert len(first.theirs()) == len(second.theirs()) == 20


WRONG = [
    lambda x, axis: logsumexp(x, axis=axis) + 1e-9,
    lambda x, axis: x.max(axis=axis),
    lambda x, axis: logsumexp(x, axis=axis) - np.log(x.shape[axis]),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_answers_are_not_timed(wrong, monkeypatch):
    monkeypatch.setattr(sparse_gradient, "logsumexp", wrong)
    with pytest.raises(AssertionError, match="differ"):
        sparse_gradient.comparison(50)
    with pytest.raises(AssertionError, match="differ"):
        sparse_gradient.assert_small_models_agree()
    monkeypatch.setattr(stacks, "written_out", wrong)
    with pytest.raises(AssertionError, match="differ"):
        list(stacks.comparison(20))


def test_small_errors_show_on_small_models(monkeypatch):
    """What the bound for large models lets pass, the node-wise bound does not, and each benchmark asks it first."""
    slightly_wrong = lambda x, axis: logsumexp(x, axis=axis) + 1e-13  # noqa: E731
    monkeypatch.setattr(sparse_gradient, "logsumexp", slightly_wrong)
    sparse_gradient.comparison(50)
    with pytest.raises(AssertionError, match="small model"):
        next(sparse_gradient.comparisons([50]))
    monkeypatch.setattr(stacks.readable_solution, "__defaults__", (slightly_wrong,))
    with pytest.raises(AssertionError, match="small stack"):
        next(stacks.comparisons([20]))


def test_the_bounds_for_large_models_hold_and_are_within_reason():
    """They allow what happens, and the node-wise bound of the same computation is some hundred times smaller."""
    rng = np.random.default_rng(0)
    P = rng.dirichlet(np.ones(5), size=(5, 3))
    reward = rng.normal(size=(5, 3))
    stack = stacks.MDP(P, np.full(5, 0.2), horizon=4)
    loose = agreement.bounds(np.abs(reward).max(), 3, 4, in_row=5, in_column=15)
    solve = stacks.soft_solution
    sharp = agreement.node_wise_bound(lambda m, r: solve(m, r).v, stack, reward)
    assert sharp.max() <= loose.value <= 1e3 * sharp.max()
    policy = solve(stack, reward).policy
    sharp = agreement.node_wise_bound(lambda m, r: solve(m, r).policy, stack, reward) / policy
    assert sharp.max() <= loose.policy <= 1e4 * sharp.max()


def test_turns_alternate():
    calls = []
    times = timing.interleaved(
        timing.Comparison("", lambda: calls.append("a"), lambda: calls.append("b"), 0.0, 3, n_theirs=2), 3
    )
    assert calls == ["a", "b"] * 4
    assert len(times.ours) == len(times.theirs) == len(times.ratios) == 3
