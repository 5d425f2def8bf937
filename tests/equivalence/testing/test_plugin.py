"""The plugin of pytest, run as a user runs it: in a project of its own, with and without xdist."""

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from equivalence import pytest_plugin
from equivalence.evidence import LEVELS
from equivalence.testing import decorators, judge

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[3]

RIGHT = """
import numpy as np
from equivalence.testing import judged, parametrize_with_claims

def log_partition(energy):
    return -energy.min() + np.log(np.exp(energy.min() - energy).sum())

@judged(to="ebm.log_partition", instances=40, field=False)
def test_right():
    return log_partition
"""
WRONG = """
@judged(to="ebm.log_partition", instances=40, field=False)
def test_wrong():
    return lambda energy: np.log(np.exp(energy).sum())
"""
CLAIMS = """
from equivalence.objectives import gcl

def discriminator(energy, sampler, log_normalizer):
    model = np.exp(-energy - log_normalizer)
    return model / (model + sampler)

@parametrize_with_claims("finn", replacing="gan.discriminator")
def test_claims(claim):
    return discriminator
"""
FALSE_CLAIM = """
@parametrize_with_claims("energy_gradient_of_discriminator_eq_gcl")
def test_false(claim):
    def without_half(energy, sampler, data, log_normalizer):
        return data - (data + sampler) * gcl.importance_weights(energy, sampler, log_normalizer)
    return {"gcl_gradient": without_half}
"""
# The warning is of runs within this process, where the plugin is imported already.
INI = """
[pytest]
addopts = --strict-markers
filterwarnings =
    error
    ignore:Module already imported so cannot be rewritten
"""


class Project:
    """A folder with one file of tests, and what pytest says about it."""

    def __init__(self, pytester: pytest.Pytester):
        self.pytester = pytester
        self.folder = pytester.path

    def write(self, *parts: str) -> None:
        (self.folder / "test_mine.py").write_text("".join(parts))

    def run(self, *arguments: str, plugin: bool = True, apart: bool = False) -> "Done":
        """Run pytest, `apart` in a process of its own."""
        command = ["-p", f"{'' if plugin else 'no:'}equivalence.pytest_plugin", "-p", "no:cacheprovider", *arguments]
        if apart:
            python = [sys.executable, "-m", "pytest", *command]
            environment = os.environ | {"PYTHONPATH": str(ROOT)}
            done = subprocess.run(python, cwd=self.folder, env=environment, capture_output=True, text=True)
            return Done(done.returncode, done.stdout, done.stderr)
        result = self.pytester.runpytest_inprocess(*command)
        return Done(int(result.ret), result.stdout.str(), result.stderr.str())

    def json(self, name: str):
        return json.loads((self.folder / name).read_text())


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def project(pytester):
    (pytester.path / "pytest.ini").write_text(INI)
    return Project(pytester)


def lines_of(done, text):
    return [line for line in done.stdout.splitlines() if text in line]


# What it is registered as, and what it costs


def test_it_is_the_entry_point():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (module,) = project["entry-points"]["pytest11"].values()
    assert import_module(module) is pytest_plugin


def test_it_is_loaded_where_it_is_installed(project):
    project.write(RIGHT)
    about = project.folder / "irl_equivalence-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: irl-equivalence\nVersion: 0\n")
    (about / "entry_points.txt").write_text("[pytest11]\nequivalence.pytest_plugin = equivalence.pytest_plugin\n")
    python = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, project.folder)))}
    for more in ([], ["-p", "equivalence.pytest_plugin"]):
        done = subprocess.run([*python, *more], cwd=project.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        assert lines_of(done, "::test_right  agrees: float, 40 instances")


def test_the_plugin_and_the_decorators_mean_the_same():
    assert pytest_plugin.ATTRIBUTE == decorators.ATTRIBUTE
    assert pytest_plugin.LEVELS == LEVELS


def test_it_imports_nothing_but_pytest_until_it_is_used(project):
    project.write(
        "import sys\n",
        "def test_others():\n",
        "    ours = [name for name in sys.modules if name.split('.')[0] in ('equivalence', 'mdps')]\n",
        "    assert sorted(ours) == ['equivalence', 'equivalence.pytest_plugin']\n",
        "    theirs = {'numpy', 'scipy', 'flint', 'sympy', 'rich', 'typer', 'hypothesis'}\n",
        "    assert not theirs & set(sys.modules)\n",
    )
    done = project.run("-p", "no:hypothesispytest", "-p", "no:xdist", apart=True)
    assert done.returncode == 0, done.stdout
    assert "evidence" not in done.stdout
    code = "import sys, pytest; before = set(sys.modules); import equivalence.pytest_plugin; "
    code += "print(sorted(set(sys.modules) - before))"
    alone = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert alone.stdout.strip() == "['equivalence', 'equivalence.pytest_plugin']"


def test_marks_are_registered_and_select(project):
    project.write(RIGHT, CLAIMS, "def test_plain(): pass\n")
    listed = project.run("--markers").stdout
    assert "@pytest.mark.judged:" in listed
    assert "@pytest.mark.claims:" in listed
    assert "1/" in project.run("-m", "judged", "--collect-only", "-q").stdout.splitlines()[-1]
    assert not lines_of(project.run("-m", "not judged and not claims", "--collect-only", "-q"), "test_right")


# What is shown


def test_a_trailer_for_each_verdict(project):
    project.write(RIGHT, WRONG, CLAIMS)
    done = project.run()
    assert done.returncode == 1
    (right,) = lines_of(done, "::test_right  ")
    assert right.startswith("test_mine.py::test_right  agrees: float, 40 instances, margin 0.")
    assert right.endswith(" s")
    assert "test_mine.py::test_wrong  differs: float, 40 instances (" in done.stdout
    (claim,) = lines_of(done, "::test_claims[F-01-discriminator_eq_density_ratio]  ")
    assert "  agrees: exact, 7 instances, " in claim
    assert lines_of(done, "3 judged: 1 proved here, 1 consistent, 1 differs")
    assert "log_partition agrees with" not in done.stdout
    quiet = project.run("-q")
    assert not lines_of(quiet, "::test_right")
    assert lines_of(quiet, "3 judged: ")


def test_the_report_is_the_judges_alone(project):
    project.write(RIGHT, WRONG)
    shown = project.run().stdout
    assert "Refuted: subject differs from ebm.log_partition" in shown
    for line in ("energy = np.array([-1], dtype=float)", "exact   yours", "off by 2", "it differs on"):
        assert line in shown
    for code in ("pytest_runtest_call", "settle(", "raise Refuted"):
        assert code not in shown


def test_a_claim_is_refuted_with_the_instance_in_numbers(project):
    project.write(RIGHT, CLAIMS, FALSE_CLAIM)
    done = project.run()
    assert "2 passed" in lines_of(done, "passed")[-1]
    assert (
        "Refuted: F-04 energy_gradient_of_discriminator_eq_gcl, with gcl_gradient=without_half: refuted" in done.stdout
    )
    for line in ("energy = [0, -log(3)]", "There, at level exact: lhs[0] = ", "Instances: 7 refuted"):
        assert line in done.stdout


def test_without_the_plugin_tests_pass_and_fail_all_the_same(project):
    project.write(RIGHT, WRONG, CLAIMS)
    done = project.run(plugin=False)
    assert "1 failed, 2 passed" in done.stdout
    assert "Refuted: subject differs from ebm.log_partition" in done.stdout
    assert "agrees: float" not in done.stdout


# The report and xdist

KEYS = {
    "test", "result", "baseline", "subject", "about", "catalogue", "outcome", "level", "instances", "margin",
    "seconds", "counts", "message", "trailer", "proved",
}  # fmt: skip


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_report_has_every_verdict_once(project, workers):
    project.write(RIGHT, WRONG, CLAIMS)
    done = project.run("-n", workers, "--evidence-report", "out/evidence.json")
    assert "1 failed, 2 passed" in done.stdout
    rows = {row["test"].partition("::")[2].partition("[")[0]: row for row in project.json("out/evidence.json")}
    assert rows.keys() == {"test_right", "test_wrong", "test_claims"}
    assert all(row.keys() == KEYS for row in rows.values())
    assert [rows[name]["result"] for name in ("test_right", "test_wrong")] == ["passed", "failed"]
    assert (rows["test_right"]["outcome"], rows["test_right"]["about"]) == ("consistent", "ebm.log_partition")
    assert 0 < rows["test_right"]["margin"] <= 1
    assert rows["test_wrong"]["message"].startswith("subject differs from ebm.log_partition")
    assert (rows["test_claims"]["outcome"], rows["test_claims"]["catalogue"]) == ("proved here", "F-01")
    assert len(lines_of(done, "::test_right  ")) == 1


# What is asked for


def test_weaker_evidence_than_asked_for_fails(project):
    project.write(RIGHT, CLAIMS)
    assert project.run("--evidence-min", "float").returncode == 0
    done = project.run("--evidence-min", "exact")
    assert "1 failed, 1 passed" in done.stdout
    expected = "log_partition, ebm.log_partition: consistent, at level float; asked for is at least exact (proved here)"
    assert f"NotEstablished: {expected}" in done.stdout
    assert "invalid choice" in project.run("--evidence-min", "proof", apart=True).stderr


def test_a_test_asks_for_a_level_itself(project):
    project.write(RIGHT.replace("field=False", 'field=False, at_least="field"'))
    assert "asked for is at least field (proved for all)" in project.run("--evidence-min", "float").stdout


def test_a_budget_keeps_what_is_proved(project):
    project.write(RIGHT.replace(", field=False", ""))
    assert project.run("--evidence-budget", "1", "--evidence-report", "r.json").returncode == 0
    (row,) = project.json("r.json")
    assert (row["outcome"], row["level"]) == ("proved for all", "field")
    assert row["instances"] > 100


def test_the_budget_decides_how_many_instances(project):
    project.write(RIGHT)
    for budget, few in (("1e-6", True), ("2", False)):
        assert project.run("--evidence-budget", budget, "--evidence-report", "r.json").returncode == 0
        (row,) = project.json("r.json")
        assert row["instances"] == 30 if few else row["instances"] > 300
        assert row["seconds"] < 10
    for budget in ("0", "-1", "nan"):
        assert "expected a positive number of seconds" in project.run("--evidence-budget", budget).stderr


def test_files_that_cannot_be_written_are_named_before_the_run(project):
    project.write(RIGHT)
    for options in (("--evidence-report", "test_mine.py/r.json"), ("--evidence-report", ".")):
        done = project.run(*options)
        assert done.returncode == 4
        assert "--evidence-report: " in done.stderr
        assert " cannot be written: " in done.stderr
    kept = ("--evidence-baseline", "test_mine.py/b.json", "--evidence-update-baseline")
    assert "--evidence-baseline: " in project.run(*kept).stderr
    assert project.run("--evidence-report", "new/r.json").returncode == 0
    assert project.json("new/r.json")


# The baseline


def test_a_verdict_that_became_weaker_fails(project):
    project.write(RIGHT, CLAIMS)
    baseline = ("--evidence-baseline", "evidence.json")
    assert "there is no" in project.run(*baseline).stderr
    written = project.run(*baseline, "--evidence-update-baseline")
    assert written.returncode == 0
    known = project.json("evidence.json")
    test = "test_mine.py::test_claims[F-01-discriminator_eq_density_ratio]"
    claim = "discriminator_eq_density_ratio"
    assert known == {test: {claim: "proved here"}, "test_mine.py::test_right": {"ebm.log_partition": "consistent"}}
    same = project.run(*baseline)
    assert same.returncode == 0
    assert "baseline: 2 compared, 0 weaker, 0 new, 0 of it did not run" in same.stdout
    # The same tests, held against a stronger past, in workers too.
    known[test] = {claim: "proved for all"}
    (project.folder / "evidence.json").write_text(json.dumps(known))
    for workers in ("0", "2"):
        worse = project.run(*baseline, "-n", workers)
        assert "1 failed, 1 passed" in worse.stdout
        message = f"discriminator=discriminator, {claim}: proved here, and it was proved for all in the baseline"
        assert f"NotEstablished: {message}" in worse.stdout
        assert "baseline: 2 compared, 1 weaker, 0 new, 0 of it did not run" in worse.stdout
    assert "1 compared, 0 weaker, 0 new, 1 of it did not run" in project.run(*baseline, "-k", "right").stdout
    assert project.run(*baseline, "--evidence-update-baseline").returncode == 0, "the new words are what counts"
    assert project.json("evidence.json")[test] == {claim: "proved here"}


def test_a_proof_that_is_lost_fails(project):
    """The function is as right as it was; what has gone is that it can be followed over a field."""
    update = ("--evidence-baseline", "evidence.json")
    project.write(RIGHT.replace(", field=False", ""))
    assert project.run(*update, "--evidence-update-baseline").returncode == 0
    assert project.json("evidence.json") == {"test_mine.py::test_right": {"ebm.log_partition": "proved for all"}}
    in_floats = "energy = np.array([float(repr(x)) for x in energy.tolist()])\n    return -energy.min()"
    project.write(RIGHT.replace(", field=False", "").replace("return -energy.min()", in_floats))
    done = project.run(*update)
    message = "log_partition, ebm.log_partition: consistent, and it was proved for all in the baseline"
    assert f"NotEstablished: {message}" in done.stdout


def test_an_update_keeps_what_did_not_run_and_nothing_that_failed(project):
    project.write(RIGHT, WRONG, CLAIMS)
    update = ("--evidence-baseline", "evidence.json", "--evidence-update-baseline")
    assert project.run(*update).returncode == 1
    first = project.json("evidence.json")
    assert len(first) == 2
    assert not any("test_wrong" in test for test in first)
    project.run(*update, "-k", "right")
    assert project.json("evidence.json") == first


@pytest.mark.parametrize("content", ["[]", "{", '{"a": 1}', '{"a": {"b": "differs"}}', '{"a": {"b": ["holds"]}}'])
def test_a_file_that_is_no_baseline(project, content):
    project.write(RIGHT)
    (project.folder / "evidence.json").write_text(content)
    done = project.run("--evidence-baseline", "evidence.json")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--evidence-baseline: " in done.stderr
    assert "--evidence-baseline FILE.json; none is given" in project.run("--evidence-update-baseline").stderr


# Words that establish nothing


@pytest.fixture
def judge_in_any_word(monkeypatch):
    """Subjects with a `word` get it as the verdict."""

    def judged_so(subject, *, to, **options):
        verdict = judge(subject, to=to, **options)
        return replace(verdict, outcome=getattr(subject, "word", verdict.outcome))

    monkeypatch.setattr(decorators, "judge", judged_so)


@pytest.mark.usefixtures("judge_in_any_word")
@pytest.mark.parametrize("word", ["undecided", "out of reach", "vacuous", "underpowered"])
def test_what_establishes_nothing_is_never_a_pass(project, word):
    project.write(
        RIGHT,
        f"def another(energy): return log_partition(energy)\nanother.word = {word!r}\n",
        "@judged(to='ebm.log_partition', instances=30, field=False)\ndef test_open(): return another\n",
        f"@judged(to='ebm.log_partition', instances=30, field=False, allow={word!r})\n",
        "def test_allowed(): return another\n",
    )
    done = project.run("-rs")
    assert "1 failed, 1 passed, 1 skipped" in done.stdout
    assert f"NotEstablished: another, ebm.log_partition: {word}, which is never a pass" in done.stdout
    assert f"{word}: float, 30 instances" in lines_of(done, "SKIPPED")[0]
    assert f"3 judged: 1 consistent, 2 {word}; 2 established nothing, which is no pass" in done.stdout


def test_a_proof_is_in_the_trailer(project):
    project.write(RIGHT.replace(", field=False", ""))
    (line,) = lines_of(project.run("--evidence-min", "field"), "::test_right  ")
    assert "  agrees: field, all energy on this path of " in line
    assert "error <= 2^-" in line
    assert "; float, 40 instances, margin 0." in line


def test_pytest_within_pytest(project):
    """The session of a test is that of its own run."""
    project.write(
        RIGHT,
        "import pytest\n",
        "from pathlib import Path\n",
        "@judged(to='ebm.log_partition', instances=30, field=False)\n",
        "def test_outer(tmp_path):\n",
        "    (tmp_path / 'test_inner.py').write_text(Path(__file__).read_text().partition('import pytest')[0])\n",
        "    plugins = ['-p', 'no:cacheprovider', '-p', 'equivalence.pytest_plugin']\n",
        "    assert pytest.main(['-q', *plugins, str(tmp_path)]) == 0\n",
        "    return log_partition\n",
    )
    done = project.run("--evidence-report", "r.json")
    assert done.returncode == 0, done.stdout
    assert [row["test"] for row in project.json("r.json")] == ["test_mine.py::test_right", "test_mine.py::test_outer"]
