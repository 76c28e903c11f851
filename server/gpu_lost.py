"""The end of a process whose GPU is lost or hangs: one sentence, and out, before anything wrong is answered."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NoReturn, Protocol

from dgx_pixels.server.terminal import CLEAR_LINE, order

EXIT_STATUS = 75
"""EX_TEMPFAIL of sysexits.h: it may well work when it is tried again, in a new process."""

Role = Literal["serve", "alone", "once"]
"""What a process is for: serving many clients, serving one over stdio, or one command."""
_AFTERWARDS: dict[Role, str] = {
    "serve": "This server ends; the next one, which `dgx-pixels stdio` starts by itself, runs its unfinished jobs again.",
    "alone": "This process ends; start it again, and it runs its unfinished jobs again.",
    "once": "Run this again, and see `dgx-pixels doctor` if that does not help.",
}
_LOOK_EVERY_S = 5.0


class Silent(Protocol):
    """What may hang."""

    @property
    def silent_s(self) -> float:
        """Seconds since it last made a step."""


def end(role: Role, why: str) -> NoReturn:
    """Say why, in one line, and what follows, on stderr, which is a server's log; then end this process at once.

    Nothing is closed: threads may hang in the driver for ever, and the library is made for being killed.
    """
    try:
        with contextlib.suppress(OSError, ValueError):  # nobody may be there to hear it
            if sys.stderr.isatty():
                order(sys.stderr, CLEAR_LINE)  # of a progress bar
            print(f"dgx-pixels: {why} {_AFTERWARDS[role]}", file=sys.stderr, flush=True)
    finally:
        os._exit(EXIT_STATUS)


@contextmanager
def watched(gpu: Silent, limit_s: float, on_hang: Callable[[str], object]) -> Iterator[None]:
    """Within this context, a GPU thread that makes no step for `limit_s` is noticed, by a thread that hangs with no other.

    All threads' stacks go to stderr, then `on_hang` is told why: a call that hangs in the driver cannot be ended from here.
    """
    left = threading.Event()

    def watch() -> None:
        while not left.wait(min(_LOOK_EVERY_S, limit_s / 4)):
            if gpu.silent_s > limit_s:
                with contextlib.suppress(OSError, ValueError):
                    faulthandler.dump_traceback()
                on_hang(f"The GPU has made no step for {limit_s / 60:.3g} minutes, and its work cannot be stopped.")
                return

    thread = threading.Thread(target=watch, name="hang watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()
