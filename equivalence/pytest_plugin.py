"""The plugin of pytest: options, marks, and the tests that are judged.

pytest loads this module in every project where the library is installed, so it imports nothing but pytest; what does
the work, `equivalence.testing.plugin`, is imported once a test is judged or one of the options is given.

    --evidence-budget SECONDS     as many instances for each test as fit into that
    --evidence-min LEVEL          tests whose evidence is weaker fail
    --evidence-report FILE.json   every verdict as JSON
    --evidence-baseline FILE.json tests whose verdict is weaker than it was fail
    --evidence-update-baseline    write the verdicts of this run into the baseline

Tests with `@judged` have the mark `judged`, those of `@parametrize_with_claims` the mark `claims`, those
of `@related` the mark `relation`: `pytest -m judged`.

With xdist the workers judge; each verdict travels with the report of its test to the process that writes the files.
"""

from collections.abc import Generator
from typing import Any

import pytest

LEVELS = ("float", "ball", "exact", "field", "symbolic")
MARKS = {
    "judged": "its function is judged against an exact answer (equivalence.testing.judged)",
    "claims": "its implementation is checked against claims (equivalence.testing.parametrize_with_claims)",
    "relation": "its function is held against what right code satisfies (equivalence.testing.related)",
}
ATTRIBUTE = "__evidence__"  # of a decorated test: its mark
ROWS = pytest.StashKey[list[dict[str, Any]]]()

_running: list["Evidence"] = []  # the last one runs a judged test; more than one where pytest runs within pytest


def running() -> Any:
    """The session of the judged test that runs now, see `equivalence.testing.plugin`; None outside of one."""
    return _running[-1].session if _running else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("evidence", "evidence of judged tests and claims")
    group.addoption(
        "--evidence-budget",
        type=float,
        metavar="SECONDS",
        help="ask each judged test on as many instances as fit into that many seconds (at least 30)",
    )
    group.addoption(
        "--evidence-min",
        choices=LEVELS,
        metavar="LEVEL",
        help=f"fail where the evidence is weaker than LEVEL: {', '.join(LEVELS)}",
    )
    group.addoption("--evidence-report", metavar="FILE.json", help="write every verdict of this run as JSON")
    group.addoption(
        "--evidence-baseline",
        metavar="FILE.json",
        help="fail where a verdict is weaker than in this file, as `consistent` is weaker than `proved for all`",
    )
    group.addoption(
        "--evidence-update-baseline",
        action="store_true",
        default=None,
        help="compare with no baseline, but write the verdicts of this run to --evidence-baseline",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks, and the hooks of this run."""
    for name, text in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {text}")
    evidence = Evidence(config)
    config.pluginmanager.register(evidence, "equivalence-evidence")
    given = ("budget", "min", "report", "baseline", "update_baseline")
    if any(config.getoption(f"evidence_{name}") is not None for name in given):
        evidence.begin()


class Evidence:
    """The hooks of one run; `session` is None until a test is judged."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.session: Any = None

    def begin(self) -> Any:
        """The session, begun at the first call."""
        if self.session is None:
            from equivalence.testing.plugin import Session

            self.session = Session(self.config)
        return self.session

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Mark what the decorators have decorated."""
        mark = getattr(getattr(item, "obj", None), ATTRIBUTE, None)
        if isinstance(mark, str) and mark in MARKS:
            item.add_marker(mark)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Let what is judged during the test find the session."""
        __tracebackhide__ = True
        if not isinstance(getattr(getattr(item, "obj", None), ATTRIBUTE, None), str):
            return (yield)
        item.stash[ROWS] = rows = []
        self.begin().running(item.nodeid, rows)
        _running.append(self)
        try:
            return (yield)
        finally:
            _running.pop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send the verdicts along with the report of the test."""
        report = yield
        if call.when == "call" and (rows := item.stash.get(ROWS, [])):
            report.evidence = rows  # type: ignore[attr-defined]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect verdicts, of the workers too."""
        if rows := getattr(report, "evidence", None):
            self.begin().collect(rows)

    def pytest_sessionfinish(self) -> None:
        """Write what is to be written, once: not in the workers."""
        if self.session is not None and not hasattr(self.config, "workerinput"):
            self.session.write()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show a line for each verdict."""
        if self.session is not None:
            self.session.show(terminalreporter)
