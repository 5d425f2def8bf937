"""Interleaved timing: ours, theirs, ours, theirs, ..., and the median of the ratios of each turn.

Time is that of the processor, spent by this process alone. On an idle machine that is the time on the clock, since
one thread works and waits for nobody; on a shared one the clock would measure the neighbors. They still take caches
and memory bandwidth, which the turns share out evenly.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Comparison:
    """One row: two ways to the same answer, which have been compared already.

    `ours` treats n_ours items and `theirs` n_theirs of them; times are per item. `construction` is the time in
    seconds, per item, of what `ours` takes as given. `goal` is the ratio aimed at.
    """

    size: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    construction: float
    runs: int
    goal: float | None = None
    n_ours: int = 1
    n_theirs: int = 1


class Times(NamedTuple):
    """Seconds per item of each turn."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times faster ours is, turn by turn."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]


def seconds(function: Callable[[], Any]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def interleaved(comparison: Comparison, runs: int) -> Times:
    """Times of `runs` turns, after one that is not counted."""
    times = Times([], [])
    for turn in range(runs + 1):
        ours = seconds(comparison.ours) / comparison.n_ours
        theirs = seconds(comparison.theirs) / comparison.n_theirs
        if turn:
            times.ours.append(ours)
            times.theirs.append(theirs)
    return times


def report(question: str, comparisons: Iterable[Comparison], runs: int = 0) -> None:
    """A table of all comparisons, printed row by row as they are done; `runs` other than the usual number."""
    console = Console(width=100)
    table = Table("size", "ours", "theirs", "ratio", r"\[least, most]", "goal", "turns", "construction", title=question)
    for column in table.columns[1:]:
        column.justify = "right"
    for comparison in comparisons:
        times = interleaved(comparison, runs or comparison.runs)
        ratios = times.ratios
        table.add_row(
            comparison.size,
            _text(statistics.median(times.ours)),
            _text(statistics.median(times.theirs)),
            _digits(statistics.median(ratios)),
            rf"\[{_digits(min(ratios))}, {_digits(max(ratios))}]",
            "" if comparison.goal is None else f"{comparison.goal:g}",
            str(len(ratios)),
            _text(comparison.construction),
        )
    console.print(table)


def _text(duration: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if duration >= size:
            return f"{duration / size:.3g} {unit}"
    return f"{duration / 1e-6:.3g} µs"


def _digits(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.2g}" if ratio >= 10 else f"{ratio:.2f}"
