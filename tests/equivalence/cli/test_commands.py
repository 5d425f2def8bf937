"""The command as a user types it: output, exit status, and one clear message for each mistake."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from equivalence.claims import REGISTRY, Claim
from equivalence.claims.claim import at_most, equal
from equivalence.cli import app
from mdps import gallery
from mdps.interop import save_npz

ROOT = Path(__file__).parents[3]
CHAIN = {"transition": np.array([[[0.5, 0.5]], [[1.0, 0.0]]]), "initial": np.array([1.0, 0.0]), "horizon": 3}


def run(*arguments, **settings):
    """The command in this process."""
    return CliRunner().invoke(app, [str(a) for a in arguments], **settings)


def typed(*arguments):
    """The command in a process of its own, in a pipe."""
    command = [sys.executable, "-m", "equivalence.cli", *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture
def lottery(tmp_path):
    path = tmp_path / "lottery.npz"
    save_npz(path, *gallery.lottery())
    return path


@pytest.fixture
def planted(monkeypatch):
    """Put a claim into the registry for one test."""

    def plant(statement, catalogue="X-01", **more):
        made = Claim(statement, catalogue, (), "nobody", **more)
        monkeypatch.setitem(REGISTRY, made.name, made)
        return made

    return plant


# What a good run shows


def test_a_run_in_a_pipe(lottery):
    done = typed("verify", "F-01", "M-01", "--model", lottery)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Changes"
    rows = [line for line in lines if line.startswith("F-01 ") and "proved here" in line]
    assert rows
    assert all("consistent" in row and "enclosed ±" in row for row in rows), "one row, one line"
    assert any(line.startswith("M-01 ") and "vacuous: deterministic_dynamics" in line for line in lines)
    assert lines[-1].startswith("1 of ")
    assert "established on lottery.npz, horizon 2 (7 trajectories): 1 proved for all; " in lines[-1]
    assert lines[-1].endswith("vacuous: M-01 (deterministic_dynamics); nothing was refuted.")
    assert not any(line != line.rstrip() for line in lines)


def test_json_is_all_that_is_printed(lottery):
    done = typed("verify", "f-01", "m-01", "--model", lottery, "--level", "exact", "--level", "float", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert {row["level"] for row in rows} == {"float", "exact"}
    assert {row["catalogue"] for row in rows} == {"F-01", "M-01"}
    words = {(row["catalogue"], row["level"]): row["outcome"] for row in rows}
    assert words["F-01", "float"] == "consistent"
    assert words["F-01", "exact"] == "proved here"
    assert words["M-01", "exact"] == "vacuous"
    assert all(0 <= row["margin"] <= 1 for row in rows if row["outcome"] == "consistent")
    assert all(row["assumption"] == "deterministic_dynamics" for row in rows if row["outcome"] == "vacuous")


def test_json_is_stable(lottery):
    def rows():
        result = run("verify", "F-05", "--model", lottery, "--json")
        return [{k: v for k, v in row.items() if k != "seconds"} for row in json.loads(result.stdout)]

    assert rows() == rows()


def test_quick_is_less(lottery):
    full, quick = (
        json.loads(run("verify", "F-01", "--model", lottery, "--level", "exact", "--json", *more).stdout)
        for more in ([], ["--quick"])
    )
    assert len(quick) == 1 < len(full)
    assert quick[0]["instance"] == full[0]["instance"]


def test_without_a_model_there_are_instances_for_every_claim():
    result = run("verify", "F-01", "M-01", "--quick", "--level", "exact,symbolic", "--json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert {row["outcome"] for row in rows if row["level"] == "exact"} == {"proved here"}
    assert "proved for all" in {row["outcome"] for row in rows if row["level"] == "symbolic"}
    text = run("verify", "F-01", "M-01", "--quick", "--level", "exact", "--seed", "7").stdout
    assert text.endswith(
        "4 of 4 claims established on generated instances (seed 7): 4 proved here; nothing was refuted.\n"
    )


def test_without_a_model_floats_are_asked_on_stacks_too():
    result = run("verify", "F-02", "M-01", "--quick", "--json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    stacked = [row for row in rows if row["instances"] > 1]
    assert {(row["level"], row["outcome"], row["instances"]) for row in stacked} == {("float", "consistent", 256)}
    assert len(stacked) == len({row["claim"] for row in rows})
    text = run("verify", "F-02", "--seed", "3").stdout
    assert "3,072 in stacks, 1,024 more vacuous: model_is_data_density" in text
    assert "consistent in floating point: 7,168 instances in stacks; nothing was refuted." in text
    rows = json.loads(run("verify", "F-02", "--seed", "3", "--level", "float", "--json").stdout)
    (row,) = [row for row in rows if row["vacuous"]]
    assert (row["instances"], row["vacuous"], row["assumption"]) == (3072, 1024, "model_is_data_density")


def test_without_floats_or_with_a_model_there_are_no_stacks(lottery):
    for arguments in (("--level", "exact"), ("--model", lottery)):
        assert "stacks" not in run("verify", "F-02", *arguments).stdout


def test_what_differs_on_a_stack_is_taken_out_and_refuted(planted):
    def small_energies_cost_little(energy):
        return at_most(energy.sum(), 8 + 0 * energy[0])

    planted(small_energies_cost_little)
    result = run("verify", "X-01")
    assert result.exit_code == 1
    assert re.search(r"4,096 in stacks +differs", result.stdout)
    assert re.search(r"float: [\d,]+ of 4,096 are not within their bounds; instance \d+ of stack \d", result.stdout)
    assert re.search(
        r"instance \d+ of stack \d \(\d outcomes; seed 0\) +differs [\de.+]+ +refuted +refuted", result.stdout
    )
    assert "refuted: X-01" in result.stdout


def test_on_the_frozen_lake(require_extra):
    require_extra("gym")
    done = typed("verify", "F-03", "F-04", "F-05", "--env", "gym:FrozenLake-v1", "--level", "exact", "--json")
    assert done.returncode == 0
    rows = json.loads(done.stdout)
    assert {row["catalogue"] for row in rows} == {"F-03", "F-04", "F-05"}
    for catalogue in ("F-03", "F-04", "F-05"):
        assert "proved here" in {row["outcome"] for row in rows if row["catalogue"] == catalogue}
    own = [row for row in rows if row["assumption"] == "reward_varies"]
    assert own, "the goal is six steps away: the environment's own reward shows nothing"
    assert {row["outcome"] for row in rows if row not in own} == {"proved here"}


def test_arguments_of_the_environment_arrive(require_extra):
    require_extra("gym")
    result = run(
        "verify", "M-01", "--env", "gym:FrozenLake-v1", "--env-arg", "is_slippery=False", "--level", "exact",
        "--horizon", "2", "--quick",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "established on FrozenLake-v1(is_slippery=False), horizon 2 (16 trajectories)" in result.stdout
    assert "vacuous" not in result.stdout, "dynamics without slipping are deterministic"


# Exit status


def half_eq_third(energy):
    """A half is a third."""
    return equal(3 * energy, 2 * energy)


def test_what_should_hold_and_does_not_is_status_1(lottery, planted):
    planted(half_eq_third)
    for levels, word in (("exact", "refuted"), ("ball", "refuted"), ("float", "differs")):
        result = run("verify", "x-01", "--model", lottery, "--level", levels)
        assert result.exit_code == 1
        assert f"0 of 1 claim established on lottery.npz, horizon 2 (7 trajectories); {word}: X-01" in result.stdout
        assert "lhs[" in result.stdout
    as_json = run("verify", "x-01", "--model", lottery, "--json")
    assert as_json.exit_code == 1
    assert {row["outcome"] for row in json.loads(as_json.stdout)} >= {"refuted", "differs"}


def test_a_refuted_falsehood_is_status_0(lottery, planted):
    planted(half_eq_third, known_false=True)
    result = run("verify", "x-01", "--model", lottery)
    assert result.exit_code == 0
    assert "known to be false, and refuted" in result.stdout


def test_vacuous_and_out_of_reach_are_status_0(lottery):
    result = run("verify", "M-01", "M-02", "--model", lottery, "--level", "exact")
    assert result.exit_code == 0
    assert "out of reach: M-02" in result.stdout
    assert "vacuous: M-01" in result.stdout


def test_a_claim_that_no_instance_fits_is_named(lottery, planted):
    def moon_eq_cheese(moon):
        """The moon is cheese."""

    planted(moon_eq_cheese)
    result = run("verify", "F-01", "x-01", "--model", lottery, "--level", "exact")
    assert result.exit_code == 0
    assert "Not asked, for want of an instance: X-01 moon_eq_cheese" in result.stdout


# Mistakes

SIMPLE = {
    "an unknown claim": (["nonsense"], "no claim is called 'nonsense'"),
    "a claim that is nearly right": (["F-3"], "did you mean F-"),
    "a name that is nearly right": (
        ["boltzmann_policy_eq_softpolicy"],
        "did you mean boltzmann_policy_eq_soft_policy",
    ),
    "an unknown level": (["--level", "floats"], "expected float, ball, exact"),
    "two subjects": (["--env", "gym:FrozenLake-v1"], "two subjects"),
    "an argument without its environment": (["--env-arg", "a=1"], "--env, which is not given"),
    "an argument without a value": (["--env-arg", "a"], "expected KEY=VALUE"),
    "horizon 0": (["--horizon", "0"], "--horizon"),
    "horizon -1": (["--horizon", "-1"], "--horizon"),
    "horizon 2.5": (["--horizon", "2.5"], "--horizon"),
    "a horizon that is no number": (["--horizon", "long"], "--horizon"),
    "a negative seed": (["--seed", "-1"], "--seed"),
    "an unknown option": (["--horizont", "2"], "--horizont"),
}


def refused(result, message):
    """Status 2, one message on stderr that says it, no number and no traceback."""
    status = result.returncode if hasattr(result, "returncode") else result.exit_code
    assert status == 2
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert getattr(result, "exception", None) is None or isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("mistake", SIMPLE)
def test_a_wrong_command_is_one_message(lottery, mistake):
    arguments, message = SIMPLE[mistake]
    result = run("verify", "--model", lottery, *arguments)
    refused(result, message)
    assert len(result.stderr.strip().splitlines()) == (4 if "Usage" in result.stderr else 1)


def test_a_horizon_needs_a_model():
    refused(run("verify", "--horizon", "3"), "--horizon belongs to --env or --model")


@pytest.mark.parametrize(
    "name, message",
    [
        ("gym:NoSuchLake-v1", "NoSuchLake-v1"),
        ("gym:FrozenLake-v99", "FrozenLake-v99"),
        ("gym:CartPole-v1", "no transition table"),
        ("FrozenLake-v1", "expected gym:ID"),
    ],
)
def test_what_is_no_environment_is_one_message(require_extra, name, message):
    require_extra("gym")
    result = run("verify", "--env", name)
    refused(result, message)
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_argument_that_the_environment_does_not_know(require_extra):
    require_extra("gym")
    refused(run("verify", "--env", "gym:FrozenLake-v1", "--env-arg", "slippery=true"), "slippery")


def test_without_gymnasium_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    refused(run("verify", "--env", "gym:FrozenLake-v1"), "pip install 'irl-equivalence[gym]'")


FILES = {
    "rows that sum to 0.9": (
        {"transition": np.array([[[0.5, 0.4]], [[1.0, 0.0]]])},
        "transition[0, 0] sums to 0.9",
    ),
    "a negative probability": ({"transition": np.array([[[1.5, -0.5]], [[1.0, 0.0]]])}, "negative"),
    "a probability that is NaN": ({"transition": np.array([[[np.nan, 1.0]], [[1.0, 0.0]]])}, "nan"),
    "an initial law of mass 2": ({"initial": np.array([1.0, 1.0])}, "initial sums to 2"),
    "a reward that is NaN": ({"reward": np.array([np.nan, 0.0])}, "reward"),
    "a reward that is infinite": ({"reward": np.array([np.inf, 0.0])}, "reward"),
    "a reward of a wrong shape": ({"reward": np.zeros(3)}, "reward"),
    "an initial law of a wrong shape": ({"initial": np.array([1.0])}, "initial"),
    "a transition of a wrong shape": ({"transition": np.ones((2, 1))}, "transition"),
    "horizon 0": ({"horizon": 0}, "horizon"),
    "horizon -1": ({"horizon": -1}, "horizon"),
    "horizon 2.5": ({"horizon": 2.5}, "horizon"),
    "discount 1.5": ({"discount": 1.5}, "discount"),
    "a discount that is NaN": ({"discount": np.nan}, "discount"),
    "a final value that is NaN": ({"final_value": np.array([np.nan, 0.0])}, "final_value"),
    "a space of 10**12 trajectories": (
        {"transition": np.ones((1, 10, 1)), "initial": np.ones(1), "horizon": 12},
        "1,000,000,000,000 trajectories",
    ),
}


@pytest.mark.parametrize("mistake", FILES)
def test_a_model_that_is_none_is_one_message(tmp_path, mistake):
    arrays, message = FILES[mistake]
    np.savez(tmp_path / "model.npz", **(CHAIN | arrays))
    result = run("verify", "--model", tmp_path / "model.npz")
    refused(result, message)
    assert "model.npz" in result.stderr, "the message says which file"
    assert len(result.stderr.strip().splitlines()) == 1


def test_what_is_no_model_is_one_message(tmp_path):
    text, half = tmp_path / "notes.npz", tmp_path / "half.npz"
    text.write_text("not a model")
    np.savez(half, transition=CHAIN["transition"])
    for path in (tmp_path / "absent.npz", tmp_path, text, half):
        result = run("verify", "--model", path)
        refused(result, path.name)
        assert len(result.stderr.strip().splitlines()) == 1


def test_a_mistake_in_a_pipe_prints_no_json(tmp_path):
    done = typed("verify", "--model", tmp_path / "absent.npz", "--json")
    refused(done, "absent.npz")


# The other commands


def test_list():
    text = run("list").stdout
    assert all(claim.name in text and claim.catalogue in text and claim.title in text for claim in REGISTRY.values())
    rows = json.loads(run("list", "--json").stdout)
    assert {row["claim"] for row in rows} == set(REGISTRY)


def test_show_by_name_and_by_id():
    text = run("show", "boltzmann_policy_eq_soft_policy").stdout
    for part in (
        "M-01",
        "soft-optimal policy",
        "deterministic_dynamics",
        "P(s' | s, a) is 0 or 1",
        "ziebart2010",
    ):
        assert part in text
    by_id = run("show", "m-01").stdout
    assert text.strip() in by_id
    assert all(c.name in by_id for c in REGISTRY.values() if c.catalogue == "M-01")
    refused(run("show", "nonsense"), "no claim is called")


def test_version_and_help():
    assert run("--version").stdout.startswith("irl-equivalence")
    assert run("--version").exit_code == 0
    text = run("verify", "--help").stdout
    for option in ("--env", "--env-arg", "--model", "--horizon", "--level", "--seed", "--quick", "--json"):
        assert option in text


def test_an_interruption_is_no_verdict(lottery, monkeypatch):
    def interrupted(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr("equivalence.cli.commands.verified", interrupted)
    assert run("verify", "--model", lottery).exit_code == 130


def test_certificates_are_written_and_checked_again(tmp_path):
    done = run("verify", "F-15", "--quick", "--level", "field,exact", "--certificates", str(tmp_path / "c"))
    assert done.exit_code == 0
    assert "4 certificates in" in done.stdout
    files = sorted(map(str, (tmp_path / "c").iterdir()))
    again = run("recheck", *files)
    assert again.exit_code == 0
    assert again.stdout.count("proved for all: discriminator_gradient_gap_to_gcl") == 2
    (tmp_path / "c" / "broken.json").write_text("{")
    assert run("recheck", str(tmp_path / "c" / "broken.json")).exit_code == 2


def test_a_folder_for_certificates_is_made_before_anything_is_asked(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("verify", "F-15", "--certificates", tmp_path / "file")
    assert done.exit_code == 2
    assert "expected a folder" in done.stderr
    assert not done.stdout
