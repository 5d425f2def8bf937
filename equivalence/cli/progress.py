"""A progress bar on a terminal, for what takes longer than a second; it leaves nothing behind."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress_bar(console: Console, *, after: float = 1.0) -> Iterator[Callable[[int, int], None]]:
    """A function (done, all) that moves a bar on the console, which appears after so many seconds.

    Where the console is no terminal there is no bar.
    """
    if not console.is_interactive:
        yield lambda done, total: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task("preparing", total=None)
    timer = threading.Timer(after, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda done, total: bar.update(task, description="verifying", completed=done, total=total)
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
