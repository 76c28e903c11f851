"""A job in flight: how far it is, who may end it, and how it is waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dgx_pixels.tools.answers import JobResult, Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REPORT_EVERY_S = 0.2
_HEARTBEAT_S = 10.0
"""Clients that hear nothing for minutes give up; a job that queues or loads has no steps to report."""

OnProgress = Callable[[float, float, str], Awaitable[None]]


class Flight:
    """A job that this process works on. `work` may be cancelled, once; `all`, which keeps its outcome, never is.

    It is the `JobReport` that the work is given.
    """

    def __init__(self) -> None:
        self.progress = Progress(done=0, total=1, message="queued")
        self.preview: NDArray[np.uint8] | None = None
        self.running = False
        self.begun = False
        self.cancelled = False
        self.pausing = False
        self.waiters = 0
        self.left = False  # ended for now, by closing: another process shall do it
        self.kept = asyncio.Event()  # the library has it, or could not take it
        self.work: asyncio.Task[JobResult] | None = None
        self.all: asyncio.Task[None] | None = None
        self._pause: Callable[[], None] | None = None

    def __call__(self, done: int, total: int, message: str, preview: NDArray[np.uint8] | None = None) -> None:
        """Take progress; the newest wins."""
        self.running = self.running or done > 0
        self.preview = preview if preview is not None else self.preview
        self.progress = Progress(done=done, total=total, message=message)

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """Within this context somebody waits for the job."""
        self.waiters += 1
        try:
            yield
        finally:
            self.waiters -= 1

    def pausable(self, pause: Callable[[], None]) -> None:
        """From now on the work can be paused: `pause` asks it to end with JobPausedError as soon as it has kept what it has."""
        self._pause = pause

    def pause(self) -> bool:
        """Ask the work to end for now; answers whether it can."""
        if self._pause is None or self.cancelled:
            return False
        self.pausing = True
        self._pause()
        return True

    def cancel(self) -> None:
        """End the work at its next await."""
        if not self.cancelled and self.work is not None:
            self.work.cancel()
        self.cancelled = True


async def watch(flight: Flight, task: asyncio.Task[None], deadline: float, on_progress: OnProgress | None) -> None:
    """Wait for the task, telling `on_progress` of the newest progress; its values only ever grow, as MCP demands."""
    told, told_at, value = None, time.monotonic(), 0.0
    while not task.done() and (left := deadline - time.monotonic()) > 0:
        await asyncio.wait({task}, timeout=min(REPORT_EVERY_S, left))
        progress, now = flight.progress, time.monotonic()
        if on_progress is None or (progress == told and now - told_at < _HEARTBEAT_S):
            continue
        value = max(float(progress.done), value + 0.001)
        told, told_at = progress, now
        await on_progress(value, float(progress.total), progress.message)
