"""Code that does not come back: it leaves the interpreter, or it loops for ever.

`sys.exit()` within a subject would end the run with somebody's own exit status, and an iteration that stops where
nothing changes any more never stops where nothing converges, as values at discount 1. Both become an exception here,
`DidNotReturn`, as any other that code raises.

The limit is one of processor time, since other processes take none of that, on POSIX systems and in the main thread;
elsewhere there is none. Instances are small, so that it is far from what code needs that returns. Code that has not
returned is waited for less, and then hardly at all.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SECONDS = 20.0  # of processor time in one call: what compiles takes some at first
LESS = 4  # so many times less after each call that did not return
LEAST = 0.05
AGAIN = 1.0  # seconds after which code that goes on is interrupted again


class DidNotReturn(Exception):
    """A subject that left the interpreter, or that was interrupted."""


class _TimeIsOver(BaseException):
    """Raised within a subject; no `except Exception` of its own is in the way."""


class Patience:
    """How long the next call of a subject is waited for."""

    def __init__(self) -> None:
        self.seconds = SECONDS

    def answer(self, call: Callable[[], Any]) -> Any:
        """What a call returns.

        Errors: `DidNotReturn` where it would end the run, or go on for ever.
        """
        waited = self.seconds
        try:
            with _interrupted_after(waited):
                return call()
        except SystemExit as error:
            left = DidNotReturn(f"it called sys.exit({'' if error.code is None else repr(error.code)})")
            raise left.with_traceback(error.__traceback__) from None
        except _TimeIsOver as error:
            self.seconds = max(waited / LESS, LEAST)
            over = DidNotReturn(f"it did not return within {SECONDS:g} s of processor time")
            raise over.with_traceback(error.__traceback__) from None


@contextmanager
def _interrupted_after(seconds: float) -> Iterator[None]:
    if not _is_free():
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _is_free() -> bool:
    """Whether there is such a timer, and nobody uses it."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return False
    return signal.getsignal(signal.SIGVTALRM) is signal.SIG_DFL


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _TimeIsOver
