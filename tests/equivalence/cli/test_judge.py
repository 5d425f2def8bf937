"""`equivalence judge` and `equivalence targets` as a user types them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from equivalence.cli import app
from equivalence.cli.imported import imported_function
from equivalence.cli.options import kinds_of_instances
from equivalence.reports.rows import target_options
from equivalence.reports.targets import module_of, parts_alone, signature
from equivalence.testing import TARGETS
from equivalence.testing.targets import Layout, find_target
from mdps import InvalidArgument

ROOT = Path(__file__).parents[3]
MINE = """
import numpy as np

def log_partition(energy):
    return -energy.min() + np.log(np.exp(energy.min() - energy).sum())

def reward_in_place_of_energy(energy):
    return energy.max() + np.log(np.exp(energy - energy.max()).sum())

def unshifted(energy):
    return np.log(np.exp(-energy).sum())

def gradient_to_theta(transition, initial, horizon, discount, features, theta, expert):
    weights = np.exp(-features @ theta)
    policy = weights / weights.sum(axis=1, keepdims=True)
    return np.einsum("s,sa,sak->k", initial, policy, features) - expert

class Model:
    @staticmethod
    def log_partition(energy):
        return log_partition(energy)

def leaves(energy):
    raise SystemExit(0)

def talks(energy):
    print("so far so good")
    return log_partition(energy)

number = 3
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A current directory with modules of a user; what they import is forgotten afterwards."""
    files = {"mine.py": MINE, "broken.py": "x = 1\n1 / 0\n", "needs.py": "import nonesuch\n", "script.py": "exit(3)\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in files:
        sys.modules.pop(name.removesuffix(".py"), None)


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_as_typed(project):
    """A process of its own, in a directory that Python does not look in by itself."""
    code = "import sys; sys.path[:] = [p for p in sys.path if p]; from equivalence.cli import main; main()"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    for name, status in (("log_partition", 0), ("reward_in_place_of_energy", 1)):
        command = [sys.executable, "-c", code, "judge", f"mine:{name}", "--to", "ebm.log_partition"]
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (status, "")
        assert done.stdout.startswith(f"{name} {'differs from' if status else 'agrees with'} ebm.log_partition")


def test_what_differs_is_shown_in_full(project):
    result = run("judge", "mine:reward_in_place_of_energy", "--to", "ebm.log_partition")
    assert result.exit_code == 1
    for text in ("energy = np.array([-1], dtype=float)", "off by 2", "The smallest instance found"):
        assert text in result.stdout


def test_options_reach_the_judge(project):
    def judged(*options):
        result = run("judge", "mine:unshifted", "--to", "ebm.log_partition", "--json", *options)
        return result.exit_code, json.loads(result.stdout)

    status, row = judged()
    assert (status, row["outcome"], row["margin"]) == (1, "differs", None)
    status, row = judged("--kind", "largest_energy=100", "--instances", "40", "--seed", "7")
    assert (status, row["instances"], row["differing"], row["target"]) == (0, 40, 0, "ebm.log_partition")
    assert row["subject"] == "unshifted"
    status, row = judged("--kind", "largest_energy=10", "--dtype", "float32", "--instances", "40")
    assert (status, row["unit_roundoff"]) == (0, 2.0**-24)


def test_methods_are_found(project):
    assert run("judge", "mine:Model.log_partition", "--to", "ebm.log_partition", "--instances", 40).exit_code == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["mine:log_partition", "--to", "ebm.log_partitions"],
            "no target is called 'ebm.log_partitions'; did you mean",
        ),
        (["mine:nothing", "--to", "ebm.law"], "mine has no nothing"),
        (["mine:Model.nothing", "--to", "ebm.law"], "mine has no Model.nothing"),
        (["mine:number", "--to", "ebm.law"], "mine:number is 3; expected a function"),
        (["mine", "--to", "ebm.law"], "'mine' is not understood; expected module:function"),
        (["mine.py:law", "--to", "ebm.law"], "names a file; expected module:function, as mine:law"),
        (["a/b.py", "--to", "ebm.law"], "names a file; expected module:function, as a.b:function"),
        (["yours:law", "--to", "ebm.law"], "there is no module yours; looked in "),
        (["yours.there:law", "--to", "ebm.law"], "there is no module yours; looked in "),
        (
            ["needs:law", "--to", "ebm.law"],
            "importing needs raised ModuleNotFoundError: No module named 'nonesuch' (needs",
        ),
        (["broken:x", "--to", "ebm.law"], "importing broken raised ZeroDivisionError: division by zero (broken.py:2)"),
        (["script:x", "--to", "ebm.law"], "importing script raised SystemExit: 3"),
        (["mine:log_partition", "--to", "ebm.law", "--dtype", "int"], "--dtype 'int' is unknown; expected float64 or"),
        (["mine:log_partition", "--to", "ebm.law", "--kind", "seed=3"], "--kind seed is an option of its own: --seed"),
        (
            ["mine:log_partition", "--to", "ebm.law", "--kind", "far=3"],
            "no option is called 'far' for a target on a fini",
        ),
        (
            ["mine:log_partition", "--to", "ebm.law", "--reward-axes", "s"],
            "ebm.law takes no reward_axes: (energy) -> [n]",
        ),
        (["mine:log_partition", "--to", "causal.dual", "--reward-axes", "as"], "reward_axes is 'as'; expected 's' or "),
    ],
)
def test_bad_input_is_one_message_and_status_2(project, arguments, message):
    result = run("judge", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"equivalence: {message}") or message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_target_is_asked_for(project):
    assert run("judge", "mine:log_partition").exit_code == 2


@pytest.mark.parametrize(
    "given, message",
    [
        (["terminal"], "--kind 'terminal' is not understood; expected KEY=VALUE"),
        (["terminal=true", "terminal=false"], "--kind terminal is given twice"),
        (["discounts=1,"], "--kind discounts is '1,'; expected JSON"),
    ],
)
def test_kinds_that_are_none(given, message):
    with pytest.raises(InvalidArgument, match=message):
        kinds_of_instances(given)


def test_a_module_is_found_where_one_stands(project, monkeypatch):
    assert imported_function("mine:log_partition").__name__ == "log_partition"
    (project / "below").mkdir()
    monkeypatch.chdir(project / "below")
    (project / "below" / "deeper.py").write_text("def f(): pass\n")
    assert imported_function("deeper:f").__module__ == "deeper"
    del sys.modules["deeper"]


# What can be judged


def test_every_target_is_listed_with_its_arrays():
    result = run("targets")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    parts = parts_alone(TARGETS.values())
    for target in TARGETS.values():
        if target.name in parts:
            assert any(target.name in line for line in lines if line.startswith("    alone: "))
            continue
        at = lines.index(target.name)
        assert lines[at + 1 : at + 3] == [f"    {signature(target)}", f"    {target.meaning}"]
    modules = [module_of(target.name) for target in TARGETS.values()]
    assert all(lines.count(module) >= 1 for module in modules)
    gradient = "(transition [s, a, s'], initial [s], horizon, discount, reward [s, a], expert [s, a]) -> [s, a]"
    assert signature(TARGETS["causal.gradient"]) == gradient
    both = "(energy [n], sampler [n], data [n], log_normalizer) -> (energy [n], log_normalizer)"
    assert signature(TARGETS["gan.discriminator_gradient"]) == both


def test_targets_by_a_part_of_their_names():
    names = [row["target"] for row in json.loads(run("targets", "airl.disc", "--json").stdout)]
    assert names == [name for name in TARGETS if "airl.disc" in name]
    assert "\nairl.discriminator_loss\n" in run("targets", "AIRL").stdout
    result = run("targets", "nonesuch")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no target has 'nonesuch' in its name" in result.stderr


def test_conventions_are_options(project):
    to = (
        "--to",
        "causal.gradient",
        "--kind",
        "horizons=[1]",
        "--kind",
        "terminal=false",
        "--kind",
        "largest_reward=9",
        "--instances",
        20,
    )
    conventions = ("--features", "--costs", "--transition-axes", "xsa", "--kind", "unavailable=false")
    result = run("judge", "mine:gradient_to_theta", *to, *conventions)
    assert result.exit_code == 0, result.stdout
    assert run("judge", "mine:gradient_to_theta", *to, *conventions[:1]).exit_code == 1
    result = run("judge", "mine:log_partition", "--to", "ebm.log_partition", "--costs")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "ebm.log_partition takes no costs" in result.stderr
    result = run("judge", "mine:log_partition", "--to", "ebm.log_partition", "--framework", "flax")
    assert "framework is 'flax'; expected 'numpy' or 'jax' or 'torch'" in result.stderr


def test_targets_as_json():
    rows = json.loads(run("targets", "--json").stdout)
    assert [row["target"] for row in rows] == list(TARGETS)
    keys = {"target", "signature", "arguments", "returns", "options", "meaning"}
    assert all(row.keys() == keys for row in rows)
    row = next(row for row in rows if row["target"] == "maxent.gradient")
    axes = {argument["name"]: argument["axes"] for argument in row["arguments"]}
    assert axes == {
        "transition": ["s", "a", "s'"],
        "initial": ["s"],
        "horizon": [],
        "discount": [],
        "reward": ["s", "a"],
        "expert": ["s", "a"],
    }
    assert row["returns"] == [{"name": "", "axes": ["s", "a"]}]
    assert row["options"] == ["reward_axes", "temperature", "features", "costs", "mean", "transition_axes"]


@pytest.mark.parametrize("name", TARGETS)
def test_the_listed_options_are_those_that_a_target_has(name):
    other = {
        "reward_axes": Layout(reward="s"),
        "policy_axes": Layout(policy="sa" if TARGETS[name].layout.policy == "tsa" else "tsa"),
        "axes": Layout(counts="s"),
        "temperature": Layout(temperature=True),
        "features": Layout(features=True),
        "costs": Layout(costs=True),
        "mean": Layout(mean=True),
        "transition_axes": Layout(transition="asx"),
        "logs": Layout(logs=True),
        "infinite_horizon": Layout(infinite=True),
    }
    listed = target_options(TARGETS[name])
    for option, layout in other.items():
        if option in listed:
            found = find_target(name, layout).layout
            assert found == layout._replace(policy=found.policy)
            assert found.policy == (layout.policy or TARGETS[name].layout.policy)
        else:
            with pytest.raises(InvalidArgument, match=f"takes no {option}"):
                find_target(name, layout)


def test_what_the_subject_prints_is_none_of_the_answer(project):
    result = CliRunner().invoke(app, ["judge", "mine:talks", "--to", "ebm.log_partition", "--instances", "9", "--json"])
    assert json.loads(result.stdout)["outcome"] == "proved for all"
    assert "so far so good" in result.stderr


def test_a_subject_that_exits_with_0_does_not_agree(project):
    result = CliRunner().invoke(app, ["judge", "mine:leaves", "--to", "ebm.log_partition", "--instances", "9"])
    assert result.exit_code == 1
    assert "it called sys.exit(0)" in result.stdout.splitlines()[0]


@pytest.mark.parametrize("kind", ["max_outcomes=2.5", "max_outcomes=null", 'largest_energy="a"', "full_support=1"])
def test_kinds_of_another_type_are_one_sentence(project, kind):
    result = CliRunner().invoke(app, ["judge", "mine:talks", "--to", "ebm.log_partition", "--kind", kind])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"equivalence: {kind.partition('=')[0]} is ")
