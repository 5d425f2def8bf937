"""A run of judged tests under pytest: the baseline, the report, and what the terminal shows.

`equivalence.pytest_plugin` has the hooks and begins a session at the first judged test.

The report is a list of objects, one a verdict. The baseline is an object: for each test the words of its verdicts, by
what they are about. It holds words alone, since margins and seconds change from run to run, and is made to be kept
under version control. Words are compared, see `passing.STRENGTH`; a test that is not in it is new, and passes.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from equivalence.testing.passing import STRENGTH, WRONG

Row = dict[str, Any]
Baseline = Mapping[str, Mapping[str, str]]
COLORS = {"passed": {"green": True}, "failed": {"red": True}, "skipped": {"yellow": True}}


class Session:
    """One run.

    minimum  the least level that passes.     budget  seconds for each test.
    test     the id of the test that runs.    rows    the verdicts of this run, of all workers.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.minimum: str | None = config.getoption("evidence_min")
        self.budget: float | None = config.getoption("evidence_budget")
        if self.budget is not None and not 0 < self.budget < float("inf"):
            raise pytest.UsageError(f"--evidence-budget is {self.budget}; expected a positive number of seconds")
        self.report = _path(config, "evidence_report")
        self.baseline = _path(config, "evidence_baseline")
        self.updates = bool(config.getoption("evidence_update_baseline"))
        if self.updates and self.baseline is None:
            raise pytest.UsageError("--evidence-update-baseline writes to --evidence-baseline FILE.json; none is given")
        if not hasattr(config, "workerinput"):
            _check_writable("--evidence-report", self.report)
            _check_writable("--evidence-baseline", self.baseline if self.updates else None)
        self.known = {} if self.baseline is None else read_baseline(self.baseline, may_be_absent=self.updates)
        self.rows: list[Row] = []
        self.test = ""
        self._own: list[Row] = []

    def running(self, test: str, rows: list[Row]) -> None:
        """From now on verdicts are those of a test, and go into `rows`."""
        self.test, self._own = test, rows

    def before(self, about: str) -> str | None:
        """The word that the running test had in the baseline."""
        return None if self.updates else self.known.get(self.test, {}).get(about)

    def add(self, row: Row) -> None:
        """A verdict of the running test."""
        self._own.append(row)

    def collect(self, rows: list[Row]) -> None:
        """The verdicts of a test that has run, here or in a worker."""
        self.rows += rows

    def write(self) -> None:
        """Write the report and the new baseline."""
        if self.report is not None:
            _write(self.report, self.rows)
        if self.updates and self.baseline is not None:
            _write(self.baseline, updated(self.known, self.rows))

    def show(self, terminal: Any) -> None:
        """A line for each verdict (none with -q), and how many there are of each word."""
        if self.rows or self.report or self.baseline:
            terminal.write_sep("-", "evidence")
        for row in self.rows if terminal.verbosity >= 0 else ():
            terminal.write(f"{row['test']}  ")
            terminal.write(f"{row['trailer']}\n", **COLORS[row["result"]])
        if self.rows:
            terminal.write_line(counted(self.rows))
        if self.baseline is not None:
            terminal.write_line(self._compared())
        if self.report is not None:
            terminal.write_line(f"report: {self.report}")

    def _compared(self) -> str:
        if self.updates:
            return f"baseline: written to {self.baseline}"
        seen = {(row["test"], row["about"]) for row in self.rows}
        known = {(test, about) for test, words in self.known.items() for about in words}
        weaker = sum(
            0 <= STRENGTH.index(row["outcome"]) < STRENGTH.index(row["baseline"])
            for row in self.rows
            if row["baseline"] and row["outcome"] in STRENGTH
        )
        parts = [f"{weaker} weaker", f"{len(seen - known)} new", f"{len(known - seen)} of it did not run"]
        return f"baseline: {len(seen & known)} compared, {', '.join(parts)}"


def counted(rows: list[Row]) -> str:
    """How many verdicts have which word, and what is no pass."""
    words = Counter(row["outcome"] for row in rows)
    order = [*reversed(STRENGTH), *WRONG]
    named = [*(word for word in order if word in words), *(word for word in words if word not in order)]
    text = ", ".join(f"{words[word]} {word}" for word in named)
    idle = sum(n for word, n in words.items() if word not in order)
    return f"{len(rows)} judged: {text}" + (f"; {idle} established nothing, which is no pass" if idle else "")


def read_baseline(path: Path, *, may_be_absent: bool) -> Baseline:
    """The baseline in a file.

    Errors: `pytest.UsageError` where there is none, or it holds something else.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if may_be_absent:
            return {}
        how = "write it with --evidence-update-baseline"
        raise pytest.UsageError(f"--evidence-baseline: there is no {path}; {how}") from None
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"--evidence-baseline: {path} cannot be read: {error}") from None
    rows = list(known.values()) if isinstance(known, dict) else [None]
    words = [word for row in rows for word in (row.values() if isinstance(row, dict) else [None])]
    if wrong := [word for word in words if word not in STRENGTH]:
        expected = f"expected {{test: {{target: word}}}} with the words {', '.join(STRENGTH)}"
        raise pytest.UsageError(f"--evidence-baseline: {path} holds {wrong[0]!r}; {expected}")
    return known


def updated(known: Baseline, rows: list[Row]) -> Baseline:
    """The baseline with the verdicts of a run that hold; tests that did not run stay as they were."""
    merged: dict[str, dict[str, str]] = {test: dict(words) for test, words in known.items()}
    for test in {row["test"] for row in rows}:
        passed = {row["about"]: row["outcome"] for row in rows if row["test"] == test and row["outcome"] in STRENGTH}
        if passed:
            merged[test] = passed
    return merged


def _check_writable(option: str, path: Path | None) -> None:
    """Nothing, where a file can be written.

    Errors: `pytest.UsageError`: at the end of a run would be late.
    """
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a", encoding="utf-8").close()
        if path.stat().st_size == 0:
            path.unlink()
    except OSError as error:
        raise pytest.UsageError(f"{option}: {path} cannot be written: {error.strerror}") from None


def _path(config: pytest.Config, option: str) -> Path | None:
    given = config.getoption(option)
    return None if given is None else Path(config.invocation_params.dir, given)


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=2, sort_keys=isinstance(content, dict), allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")
