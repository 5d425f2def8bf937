"""An absent extra skips with a reason, fails where extras are required, and hides no other error."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent.parent / "conftest.py"

FILES = {
    "test_fixture.py": """
        import sys
        def test_needs_torch(require_extra, monkeypatch):
            monkeypatch.setitem(sys.modules, "torch", None)
            require_extra("torch")
        def test_needs_gym(require_extra, monkeypatch):
            monkeypatch.setitem(sys.modules, "gymnasium", sys)
            assert require_extra("gym") is sys
    """,
    "test_import.py": """
        import sys
        sys.modules["jax"] = None
        import jax
        def test_never_runs(): pass
    """,
    "adapter.py": """
        '''
        >>> 1 + 1
        3
        '''
        import sys
        sys.modules["matplotlib"] = None
        try:
            import matplotlib
        except ImportError as error:
            raise ImportError("plots need matplotlib") from error
    """,
    "from_adapter.py": """
        '''
        >>> 1 + 1
        3
        '''
        from adapter import plots
    """,
    "test_defect.py": """
        import a_module_of_no_extra
    """,
    "test_environment.py": """
        import os
        at_import = {"PYTEST_ADDOPTS", "FORCE_COLOR", "NO_COLOR", "COLUMNS"} & os.environ.keys()
        def test_nothing_is_said_to_the_terminal():
            assert not at_import
    """,
}


@pytest.fixture
def run(tmp_path):
    """The outcome of pytest, as its summary and exit status, in a folder of FILES and our conftest."""
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\npythonpath = .\naddopts = --import-mode=importlib --doctest-modules -ra\n"
    )

    def outcome(*names: str, required: bool, **more: str) -> tuple[str, int]:
        for name in names:
            (tmp_path / name).write_text(textwrap.dedent(FILES[name]))
        command = [sys.executable, "-m", "pytest", "--color=no", "."]
        settings = os.environ | {"EQUIVALENCE_REQUIRE_EXTRAS": "1" if required else "0"} | more
        done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True)
        return done.stdout, done.returncode

    return outcome


def test_absent_extras_skip_and_say_which(run):
    summary, status = run("test_fixture.py", "test_import.py", "adapter.py", required=False)
    for extra in ("torch", "jax", "plots"):
        assert f"install extra {extra}" in summary
    assert "1 passed, 4 skipped in" in summary  # a module of tests is looked through for doctests too
    assert status == 0


def test_a_module_that_imports_from_a_skipped_one_is_skipped(run):
    summary, status = run("test_fixture.py", "adapter.py", "from_adapter.py", required=False)
    assert "1 passed, 3 skipped in" in summary
    assert "error" not in summary
    assert status == 0


@pytest.mark.parametrize(
    "name, reason",
    [
        ("test_fixture.py", "install extra torch"),
        ("test_import.py", "import of jax halted"),
        ("adapter.py", "plots need matplotlib"),
    ],
)
def test_absent_extras_fail_where_required(run, name, reason):
    summary, status = run(name, required=True)
    assert status != 0
    assert "skipped" not in summary
    assert reason in summary


@pytest.mark.parametrize("required", [False, True])
def test_other_missing_modules_are_errors(run, required):
    summary, status = run("test_defect.py", required=required)
    assert status != 0
    assert "a_module_of_no_extra" in summary


def test_what_is_said_to_the_run_and_its_terminal_is_not_for_tests(run):
    said = {"PYTEST_ADDOPTS": "--verbose", "FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "100"}
    summary, status = run("test_environment.py", required=False, **said)
    assert "test_nothing_is_said_to_the_terminal PASSED" in summary  # the run itself was told
    assert status == 0
