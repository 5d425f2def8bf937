"""The decorator: a judged test passes or fails like any other, under pytest and without it."""

import subprocess
import sys

import pytest

from equivalence.testing import Refuted, judged
from mdps import InvalidArgument
from right_variants import causal_gradient


@judged(to="causal.gradient", instances=30)
def test_a_right_gradient():
    return causal_gradient


@pytest.fixture
def gradient():
    return causal_gradient


@judged(to="causal.gradient", instances=30)
def test_fixtures_are_passed(gradient):
    return gradient


def test_a_wrong_subject_is_refuted():
    @judged(to="causal.gradient", instances=30)
    def test_of_a_wrong_one():
        return lambda *arguments: -causal_gradient(*arguments)

    with pytest.raises(Refuted, match=r"subject differs from causal\.gradient") as caught:
        test_of_a_wrong_one()
    assert isinstance(caught.value, AssertionError)
    assert test_of_a_wrong_one.__name__ == "test_of_a_wrong_one"


def test_a_judged_test_returns_a_function():
    @judged(to="causal.gradient")
    def test_without_return():
        pass

    with pytest.raises(InvalidArgument, match="test_without_return returned None; a judged test returns the function"):
        test_without_return()


FILE = """
import numpy as np
from equivalence.testing import judged

def log_partition(energy):
    return np.log(np.exp(energy).sum())

@judged(to="ebm.log_partition")
def test_log_partition():
    return log_partition
"""


def test_pytest_shows_the_report_and_no_code_of_ours(tmp_path):
    (tmp_path / "test_mine.py").write_text(FILE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "1 failed" in done.stdout
    assert "log_partition differs from ebm.log_partition" in done.stdout
    assert "energy = np.array([" in done.stdout
    assert "judge(subject" not in done.stdout


def test_pytest_is_not_imported():
    unwanted = ["pytest", "_pytest", "hypothesis", "sympy"]
    code = f"import equivalence.testing, sys; print([m for m in {unwanted} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
