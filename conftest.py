"""What every test and doctest runs under: Hypothesis profiles, and skips where an optional package is absent.

A test that needs an extra asks for it by the fixture `require_extra` and is skipped with the reason 'install
extra X'; so is a whole module whose import needs one. With EQUIVALENCE_REQUIRE_EXTRAS=1, which `.ci/run` sets
where everything is installed, both fail instead.

What the environment says to the run and to its terminal is taken out of it before any test is collected: a command
that a test starts, or a table that it prints, is to look the same everywhere.
"""

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

# The deadline of 200 ms fails on machines that are merely busy.
hypothesis.settings.register_profile("everyday", deadline=None, print_blob=True)
hypothesis.settings.register_profile("nightly", deadline=None, print_blob=True, max_examples=2_000)
# `--hypothesis-profile=nightly` is read later, and wins.
hypothesis.settings.load_profile("everyday")

# Options of this run; colors and width of its terminal, as pytest, rich and typer read them.
NOT_FOR_TESTS = ("PYTEST_ADDOPTS", "NO_COLOR", "FORCE_COLOR", "PY_COLORS", "TTY_COMPATIBLE", "GITHUB_ACTIONS")
NOT_FOR_TESTS += ("COLUMNS", "LINES", "TERMINAL_WIDTH")

EXTRA_OF_MODULE = {"gymnasium": "gym", "matplotlib": "plots", "jax": "jax", "torch": "torch"}
MODULE_OF_EXTRA = {extra: module for module, extra in EXTRA_OF_MODULE.items()}


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """By now pytest has read what is for itself."""
    for name in NOT_FOR_TESTS:
        os.environ.pop(name, None)


def extras_are_required() -> bool:
    """Whether an absent extra is a failure."""
    return os.environ.get("EQUIVALENCE_REQUIRE_EXTRAS") == "1"


@pytest.fixture(scope="session")
def require_extra():
    """The module of an extra: `torch = require_extra("torch")`; a skip, or a failure, where it is absent."""

    def imported(extra: str) -> ModuleType:
        module = MODULE_OF_EXTRA[extra]
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
        if extras_are_required():
            pytest.fail(f"install extra {extra}", pytrace=False)
        pytest.skip(f"install extra {extra}")

    return imported


def missing_extra(error: BaseException | None) -> str | None:
    """The extra for want of which an import failed, if it was that."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            return EXTRA_OF_MODULE.get(error.name or "")
        error = error.__cause__
    return None


def forget(path: Path) -> None:
    """Half of a module is left where its import failed: the next one that imports from it must fail as it did."""
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) == str(path):
            del sys.modules[name]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """Skip a module (of tests, or of ours with doctests) that cannot be imported for want of an extra."""
    report = yield
    if report.outcome == "failed" and not extras_are_required():
        extra = missing_extra(report.call.excinfo.value)
        if extra is not None:
            forget(collector.path)
            report.outcome = "skipped"
            report.longrepr = (str(collector.path), 1, f"Skipped: install extra {extra}")
    return report
