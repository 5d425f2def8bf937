"""The benchmarks on tiny sizes: they run, their answers are asserted, and a wrong answer does not get a time."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from flint import fmpq
from scipy.special import logsumexp

from benchmarks import agreement, detection_floors, field_sweep, judging, sparse_gradient, stacks, timing
from equivalence.objectives import causal
from mdps import kernels, occupancy, soft_solution

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "equivalence" / "guides" / "evidence.md"


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_lists_its_questions():
    lines = run().splitlines()
    assert [line.split()[0] for line in lines] == [
        "detection_floors",
        "field_sweep",
        "judging",
        "reduction",
        "sparse_gradient",
        "stacks",
    ]


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


# Detection floors ------------------------------------------------------------------------------------------------

ASKED_NEAR = ("complex step", "level float", "level ball", "level exact (no chance)")
FEW_SIZES = (fmpq(1), fmpq(1, 100), fmpq(1, 10**30))


def test_detection_floors_prints_a_row_for_each_checker(monkeypatch, capsys):
    """A few sizes of bugs: the whole grid takes those who compile half a minute."""
    shape, _, names = detection_floors.rows.__defaults__
    monkeypatch.setattr(detection_floors.rows, "__defaults__", (shape, FEW_SIZES, names))
    detection_floors.report((2, 2, 1))
    assert_has_rows(capsys.readouterr().out)


@pytest.mark.slow
def test_the_command_detection_floors():
    assert_has_rows(run("detection_floors", "--size", "2", "--size", "2", "--size", "1"))


def assert_has_rows(printed):
    for name in detection_floors.CHECKERS:
        assert f"| {name} " in printed
    assert printed.count("at most 1e-30") == 4 * 3


def test_the_grid_of_bugs_falls_by_half_decades():
    sizes = detection_floors.SIZES
    assert (sizes[0], sizes[1], sizes[2], sizes[-1]) == (1, fmpq(3, 10), fmpq(1, 10), fmpq(1, 10**30))
    assert len(sizes) == 61
    assert all(y < x for x, y in itertools.pairwise(sizes))


def test_a_floor_is_the_end_of_an_unbroken_run():
    """A checker that sees 1, .1 and .001 but not .01 is sure of .1 alone; one that does not see 1 has no floor."""
    sizes = [fmpq(1, 10**k) for k in range(5)]
    for seen, expected in (([0, 1, 3], 1), ([1, 2], None), ([0, 1, 2, 3, 4], 4), ([], None)):
        caught = {sizes[k] for k in seen}
        found = detection_floors.floor(lambda _, bug, caught=caught: bug in caught, None, None, sizes, lambda _, e: e)
        assert found == (None if expected is None else sizes[expected])


def test_floors_of_optional_checkers_say_what_is_missing(monkeypatch):
    monkeypatch.setattr(detection_floors, "_is_installed", lambda package: False)
    rows = {row.checker: row for row in detection_floors.rows((2, 2, 1), FEW_SIZES[:1])}
    for name, (package, _) in detection_floors.CHECKERS.items():
        assert rows[name].why_not == ("not installed" if package else "")
        assert len(rows[name].floors) == (0 if package else 3)


def test_a_checker_that_objects_to_correct_code_has_no_floor(monkeypatch):
    monkeypatch.setitem(detection_floors.CHECKERS, "complex step", ("", lambda given, gradient: True))
    [row] = detection_floors.rows((2, 2, 1), FEW_SIZES, ["complex step"])
    assert (row.floors, row.why_not) == ((), "objects to correct code")


def test_typed_tolerances_object_to_correct_code_where_the_gradient_nearly_vanishes():
    """What the guide says of the complex step: an expert within 1e-6 of the model, and floats that are right."""
    given = detection_floors.subject(4, 3, 3, deterministic=True)
    model = occupancy(given.mdp, soft_solution(given.mdp, given.reward).policy)
    near = given._replace(expert=model + (given.expert - model) * fmpq(1, 10**6))
    objections = {name: detection_floors.CHECKERS[name][1](near, causal.gradient) for name in ASKED_NEAR}
    assert objections == dict.fromkeys(ASKED_NEAR, False) | {"complex step": True}


def test_bugs_are_planted_where_they_should_be():
    given = detection_floors.subject(4, 3, 3)
    correct = given.gradient
    masks = detection_floors.masks(correct)
    assert [int(mask.sum()) for mask in masks.values()] == [12, 1, 1]
    size = np.abs(correct)
    assert (size < size[masks["median component"]]).sum() == 6
    ratio = np.abs(np.log(size / size.max() / detection_floors.SMALL))
    assert ratio[masks["small component"]] == ratio.min()
    for mask in masks.values():
        wrong = detection_floors.Planted(mask, fmpq(1, 2))(*given.floats)
        assert (wrong[~mask] == correct[~mask]).all()
        assert (wrong[mask] == 1.5 * correct[mask]).all()
        assert (detection_floors.Planted(mask, fmpq(1, 10**17))(*given.floats) == correct).all()  # no such float bug
        exact = detection_floors.Planted(mask, fmpq(1, 10**30))(*given_exactly())
        assert (exact != causal.gradient(*given_exactly())).astype(bool)[mask].all()


def given_exactly():
    given = detection_floors.subject(4, 3, 3, deterministic=True)
    return given.mdp, given.reward, given.expert


def test_plain_duals_are_ours():
    """What the checkers of others differentiate is the dual, up to what both may round; so the floors are of one f."""
    given = detection_floors.subject(4, 3, 3)
    mdp, reward, expert = given.floats
    value = detection_floors._plain(given, np.asarray, lambda q: logsumexp(q, axis=1))
    allowed = agreement.node_wise_bound(causal.dual, mdp, reward, expert)
    agreement.assert_close(np.array(value(reward)), np.array(causal.dual(mdp, reward, expert)), allowed, "duals")


def table_of_the_guide() -> dict[str, list[str]]:
    cells = [line.strip("|").split("|") for line in GUIDE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    rows = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in cells}
    return {name: rows[name] for name in detection_floors.CHECKERS}


@pytest.mark.parametrize("name", detection_floors.CHECKERS)
def test_the_floors_in_the_guide_are_floors(name, require_extra):
    """Half a decade above each the bug is seen, and half a decade below it is not; the benchmark asks the whole grid.

    Other versions of a library, and of exp and log, move a floor that is close to the next one.
    """
    package, objects = detection_floors.CHECKERS[name]
    if package:
        require_extra(package)
    given = detection_floors.subject_for(name, detection_floors.SHAPE)
    assert not objects(given, causal.gradient)
    masks = detection_floors.masks(given.gradient)
    for printed, mask in zip(table_of_the_guide()[name], masks.values(), strict=True):
        [at] = [k for k, size in enumerate(detection_floors.SIZES) if detection_floors.text(size) == printed]
        floors_end = at + 1 == len(detection_floors.SIZES)
        seen = detection_floors.SIZES[at if floors_end else at - 1]
        assert objects(given, detection_floors.Planted(mask, seen))
        if not floors_end:
            assert not objects(given, detection_floors.Planted(mask, detection_floors.SIZES[at + 1]))


# Judging ---------------------------------------------------------------------------------------------------------


def test_judging_prints_a_row_for_each_framework():
    printed = run("judging", "--size", "2", "--size", "2", "--size", "2")
    for name in judging.PLANTED:
        assert f"| {name} " in printed


@pytest.mark.parametrize("name", judging.PLANTED)
def test_each_framework_is_proved_and_a_planted_error_refuted(name, require_extra):
    if name != "numpy":
        require_extra(name)
    [row] = [row for row in judging.rows((2, 3, 3), turns=1) if row.framework == name]
    assert row.seconds > 0
