"""The GPU thread: the one thread that owns the renderer, behind an asyncio face.

A failure on the thread reaches the caller it belongs to. A caller that is cancelled leaves the queue, or stops its work at
the next step. The renderer is made on the thread, on its first use, so that starting a server never waits for torch.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

E = TypeVar("E")
T = TypeVar("T")

Step = Callable[[int, int], None]


class WorkCancelledError(Exception):
    """Raised on the GPU thread at a step, after the caller went away or the thread was asked to close."""


class QueueFullError(RuntimeError):
    """Too much work is waiting already."""


class GpuThread(Generic[E]):
    """Runs work on one thread, one piece after the other, with the engine that `make_engine` makes there.

    Use as an async context manager. Leaving it stops the running work at its next step and drops what is queued.
    """

    def __init__(self, make_engine: Callable[[], E], max_waiting: int = 64) -> None:
        self._make_engine = make_engine
        self._max_waiting = max_waiting
        self._engine: E | None = None
        self._asked_to_stop: set[threading.Event] = set()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gpu")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for stop in list(self._asked_to_stop):
            stop.set()
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)

    @property
    def waiting(self) -> int:
        """How many pieces of work are queued or running."""
        return len(self._asked_to_stop)

    async def run(self, work: Callable[[E, Step], T], on_step: Callable[[int, int], None] | None = None) -> T:
        """Run `work(engine, step)` on the thread and answer with its result.

        `work` calls `step(done, total)` as often as it can be stopped; `on_step` is told of it in the event loop. Raises
        QueueFullError at once if too much is waiting, WorkCancelledError if the thread closes, and whatever `work` raises.
        """
        if self.waiting >= self._max_waiting:
            raise QueueFullError(
                f"{self.waiting} pieces of work are waiting for the GPU already: try again when some of them are done."
            )
        loop = asyncio.get_running_loop()
        stop = threading.Event()

        def step(done: int, total: int) -> None:
            if stop.is_set():
                raise WorkCancelledError("The work was stopped before it was done.")
            if on_step is not None:
                loop.call_soon_threadsafe(on_step, done, total)

        self._asked_to_stop.add(stop)
        future = self._executor.submit(self._run_here, work, step)
        future.add_done_callback(lambda _: self._asked_to_stop.discard(stop))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            stop.set()
            if future.cancelled() and not _being_cancelled():
                raise WorkCancelledError("The server is closing: ask again when it is back.") from None
            raise

    def _run_here(self, work: Callable[[E, Step], T], step: Step) -> T:
        if self._engine is None:
            self._engine = self._make_engine()
        return work(self._engine, step)


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
