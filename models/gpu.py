"""The GPU thread: the one thread that owns the renderer, behind an asyncio face.

Requests that can be drawn together are, and those that somebody waits for come first. A failure on the thread reaches the
callers it belongs to. A caller that is cancelled leaves the queue, or the batch at its next step. The renderer is made on the
thread, on its first use, so that starting a server never waits for torch.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.models.gpu_work import (
    Drawable,
    Engine,
    GpuLostError,
    Preview,
    Priority,
    QueueFullError,
    Watcher,
    WorkCancelledError,
)

logger = logging.getLogger(__name__)

_LINGER_S = 0.01
"""How long the thread waits for requests that come together, before it draws the first of them alone."""
_PREVIEW_EVERY_S = 0.25
_ENDING_S = 15.0
"""How long leaving waits for the thread: a step takes less, and a driver that hangs never ends."""


R = TypeVar("R", bound=Drawable)
P = TypeVar("P")


@dataclass(eq=False)
class _Item(Generic[R, P]):
    request: R
    watch: Callable[[int, int, NDArray[np.uint8] | None], None]
    priority: Priority
    future: Future[P] = field(default_factory=Future)
    stop: threading.Event = field(default_factory=threading.Event)
    previewed: float = 0.0


class GpuThread(Generic[R, P]):
    """Draws on one thread, one batch after the other, with the engine that `make_engine` makes there.

    Use as an async context manager. Leaving it stops the running batch at its next step and drops what is queued. `on_lost` is
    called on the thread with one sentence when the GPU is lost: nothing can be drawn after that. `turn` is held while a batch is
    drawn: a training in another process waits for it, see `Turn.for_drawing`.
    """

    def __init__(
        self, make_engine: Callable[[], Engine[R, P]], on_lost: Callable[[str], None] = lambda _: None, max_waiting: int = 64,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:  # fmt: skip
        self._make_engine = make_engine
        self._on_lost = on_lost
        self._turn = turn
        self._max_waiting = max_waiting
        self._engine: Engine[R, P] | None = None
        self._queue: deque[_Item[R, P]] = deque()
        self._running: list[_Item[R, P]] = []
        self._changed = threading.Condition()
        self._closing = False
        self._beat = time.monotonic()
        self._thread = threading.Thread(target=self._work, name="gpu", daemon=True)  # a hung driver must not hold the exit

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._changed:
            self._closing = True
            for item in (*self._queue, *self._running):
                item.stop.set()
            self._changed.notify_all()
        await asyncio.to_thread(self._thread.join, _ENDING_S)
        if self._thread.is_alive():
            logger.warning(
                "the GPU thread has not ended within %.0f s, and is not waited for: it hangs, or loads a model", _ENDING_S
            )

    @property
    def waiting(self) -> int:
        """How many requests are queued or being drawn."""
        return len(self._queue) + len(self._running)

    @property
    def silent_s(self) -> float:
        """Seconds since the thread last made a step; 0 while it has nothing to do, or works where silence means nothing."""
        may_hang = self._engine is None or self._engine.can_hang
        return time.monotonic() - self._beat if self._running and may_hang else 0.0

    async def draw(self, request: R, watch: Watcher | None = None, priority: Priority = Priority.INTERACTIVE) -> P:
        """Draw one picture, together with others of its priority where that is possible; `watch` is told of its steps.

        What is being drawn is drawn to its end; then the best priority comes first, and of that the oldest.

        Raises QueueFullError at once if somebody waits for it and too much of that kind is waiting, WorkCancelledError if the
        thread closes, and whatever the engine raises or answers for this request.
        """
        loop = asyncio.get_running_loop()

        def tell(done: int, total: int, preview: NDArray[np.uint8] | None) -> None:
            if watch is not None:
                loop.call_soon_threadsafe(watch, done, total, preview)

        item: _Item[R, P] = _Item(request, tell, priority)
        with self._changed:
            if self._closing:
                raise WorkCancelledError("The server is closing: ask again when it is back.")
            if priority is Priority.INTERACTIVE and (before := self._before()) >= self._max_waiting:
                raise QueueFullError(
                    f"{before} pieces of work are waiting for the GPU already: try again when some of them are done."
                )
            self._queue.append(item)
            self._changed.notify_all()
        try:
            return await asyncio.wrap_future(item.future)
        except asyncio.CancelledError:
            item.stop.set()
            raise

    def _work(self) -> None:
        while (batch := self._take()) is not None:
            outcomes: Sequence[P | Exception]
            try:
                outcomes = self._drawn([item.request for item in batch]) if batch else []
            except GpuLostError as error:
                self._on_lost(str(error))
                outcomes = [error] * len(batch)
            except Exception as error:  # whatever it is, it belongs to these callers
                outcomes = [error.with_traceback(None) if isinstance(error, WorkCancelledError) else error] * len(batch)
            self._running = []  # before the answers: who has one finds the thread free
            self._finish(batch, outcomes)

    def _drawn(self, requests: Sequence[R]) -> Sequence[P | Exception]:
        if self._engine is None:
            self._engine = self._make_engine()
        with self._turn():
            return self._engine.draw(requests, self._tell)

    def _take(self) -> list[_Item[R, P]] | None:
        """Wait for requests, and take the next with those that can be drawn with it; None when closing."""
        with self._changed:
            while True:
                self._forget_stopped()
                if self._closing:
                    return None
                if self._queue:
                    break
                self._changed.wait()
            end = time.monotonic() + _LINGER_S
            while self._lacks(self._next()) and (left := end - time.monotonic()) > 0 and not self._closing:
                self._changed.wait(left)
            batch = self._next()
            for item in batch:
                self._queue.remove(item)
            batch = [item for item in batch if item.future.set_running_or_notify_cancel()]
            self._running, self._beat = batch, time.monotonic()
            return batch

    def _before(self) -> int:
        """How much is queued or being drawn that somebody waits for. The rest is overtaken, and may be any number."""
        return sum(item.priority is Priority.INTERACTIVE for item in (*self._queue, *self._running))

    def _next(self) -> list[_Item[R, P]]:
        """The oldest of the best priority, with what can be drawn with it.

        That is of the same priority, too: who waits must not wait for a larger batch.
        """
        first = min(self._queue, key=lambda item: item.priority)
        like = [i for i in self._queue if i.request.key == first.request.key and i.priority == first.priority]
        return like[: first.request.most]

    @staticmethod
    def _lacks(batch: list[_Item[R, P]]) -> bool:
        return len(batch) < batch[0].request.most

    def _forget_stopped(self) -> None:
        for item in [i for i in self._queue if i.stop.is_set()]:
            self._queue.remove(item)
            if item.future.set_running_or_notify_cancel():
                item.future.set_exception(WorkCancelledError("The server is closing: ask again when it is back."))

    def _tell(self, done: int, total: int, preview: Preview) -> None:
        self._beat = now = time.monotonic()
        for place, item in enumerate(self._running):
            if not item.stop.is_set():
                due = now - item.previewed >= _PREVIEW_EVERY_S
                item.previewed = now if due else item.previewed
                item.watch(done, total, preview(place) if due else None)
        if all(item.stop.is_set() for item in self._running):
            raise WorkCancelledError("The work was stopped before it was done.")

    @staticmethod
    def _finish(batch: Sequence[_Item[R, P]], outcomes: Sequence[P | Exception]) -> None:
        for item, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Exception):
                item.future.set_exception(outcome)
            else:
                item.future.set_result(outcome)
