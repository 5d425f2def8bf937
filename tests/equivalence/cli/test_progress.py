"""The bar appears on a terminal after its time, and leaves nothing behind."""

import io
import time

import pytest
from rich.console import Console

from equivalence.cli.progress import progress_bar


def written(after, work, **terminal):
    file = io.StringIO()
    console = Console(file=file, width=80, **terminal)
    with progress_bar(console, after=after) as progress:
        work(progress)
    return file.getvalue()


def steps(progress):
    for done in range(1, 4):
        progress(done, 3)
        time.sleep(0.05)


def test_it_appears_on_a_terminal_and_is_removed():
    text = written(0, steps, force_terminal=True, force_interactive=True)
    assert "3/3" in text
    assert text.endswith("\x1b[1A\x1b[2K"), "the line of the bar is erased"


def test_it_does_not_appear_where_all_is_quick():
    assert written(60, steps, force_terminal=True, force_interactive=True) == ""


def test_it_does_not_appear_in_a_pipe():
    assert written(0, steps) == ""


def test_it_goes_away_with_an_error():
    def fail(progress):
        steps(progress)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        written(0, fail, force_terminal=True, force_interactive=True)
