"""Jobs in flight: started for one caller, awaited by any, ended by cancelling; what became of them is in the library.

A runner that was given ways to do so also takes over what a process that died has left unfinished, under the same id.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from dgx_pixels.library.library import Library
from dgx_pixels.library.records import JobRecord
from dgx_pixels.tools.answers import JobAnswer, JobResult, Progress
from dgx_pixels.tools.next_step import after

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_REPORT_EVERY_S = 0.2
_HEARTBEAT_S = 10.0
"""Clients that hear nothing for minutes give up; a job that queues or loads has no steps to report."""
_MOST_ATTEMPTS = 2
"""How often a job is begun. One that ends the process each time must not do so for ever."""
CURRENT_JOB: ContextVar[str] = ContextVar("the job that this task works for", default="")
_INNER_FAILURE = "Something went wrong inside DGX-Pixels; its log has the details. Ask again, or try other settings."


class JobFailedError(Exception):
    """A job cannot be done; its text is one sentence for the caller."""


class JobPausedError(Exception):
    """A job has ended for now, of its own: what it has so far is kept, and it can go on from there."""


class Report(Protocol):
    """Takes a job's progress; the newest wins. A preview, (h, w, 3), shows how far a picture has come."""

    def __call__(  # noqa: D102  # the class says it
        self, done: int, total: int, message: str, preview: NDArray[np.uint8] | None = None
    ) -> None: ...


Work = Callable[[Report], Coroutine[Any, Any, JobResult]]
Again = Callable[[JobRecord], Work]
"""Gives the work of a job, from what the library has of it."""
OnProgress = Callable[[float, float, str], Awaitable[None]]


class _Flight:
    """A job that this process works on. `work` may be cancelled, once; `all`, which keeps its outcome, never is."""

    def __init__(self) -> None:
        self.progress = Progress(done=0, total=1, message="queued")
        self.preview: NDArray[np.uint8] | None = None
        self.running = False
        self.begun = False
        self.cancelled = False
        self.left = False  # ended for now, by closing: another process shall do it
        self.kept = asyncio.Event()  # the library has it, or could not take it
        self.work: asyncio.Task[JobResult] | None = None
        self.all: asyncio.Task[None] | None = None

    def report(self, done: int, total: int, message: str, preview: NDArray[np.uint8] | None = None) -> None:
        self.running = self.running or done > 0
        self.preview = preview if preview is not None else self.preview
        self.progress = Progress(done=done, total=total, message=message)

    def cancel(self) -> None:
        if not self.cancelled and self.work is not None:
            self.work.cancel()
        self.cancelled = True


class JobRunner:
    """Starts jobs, answers for them and cancels them. Close it before the things its jobs use."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._flights: dict[str, _Flight] = {}
        self._again: Mapping[str, Again] = {}
        self._turn = asyncio.Lock()

    @property
    def busy(self) -> bool:
        """Whether any job is queued or running."""
        return bool(self._flights)

    def start(self, kind: str, project: str, request: str, work: Work, job_id: str | None = None) -> str:
        """Begin a job; answers with its id at once, before anything can be cancelled."""
        job_id = job_id if job_id is not None else uuid.uuid4().hex[:12]
        return self._start(job_id, self._library.jobs.create(job_id, kind, project, request), work)

    def _start(self, job_id: str, first: Coroutine[Any, Any, None] | None, work: Work, turn: asyncio.Lock | None = None) -> str:
        flight = self._flights[job_id] = _Flight()
        flight.all = asyncio.create_task(self._fly(flight, job_id, first, work, turn), name=f"job {job_id}")
        return job_id

    async def _fly(
        self, flight: _Flight, job_id: str, first: Coroutine[Any, Any, None] | None, work: Work, turn: asyncio.Lock | None
    ) -> None:
        try:
            if first is not None:
                await first
            flight.kept.set()
            flight.work = asyncio.create_task(self._begin(flight, job_id, work, turn))
            if flight.cancelled:
                flight.work.cancel()
            await asyncio.wait({flight.work})
            await self._keep_outcome(flight, job_id, flight.work)
        finally:
            flight.kept.set()
            del self._flights[job_id]

    async def _begin(self, flight: _Flight, job_id: str, work: Work, turn: asyncio.Lock | None) -> JobResult:
        CURRENT_JOB.set(job_id)
        async with turn or nullcontext():
            await self._library.jobs.begin(job_id)
            flight.begun = True
            return await work(flight.report)

    async def _keep_outcome(self, flight: _Flight, job_id: str, work: asyncio.Task[JobResult]) -> None:
        if work.cancelled() and flight.left:
            return await self._library.jobs.give_back(job_id, begun=flight.begun)
        if work.cancelled():
            return await self._library.jobs.set(job_id, "cancelled")
        error = work.exception()
        if error is None:
            return await self._library.jobs.set(job_id, "done", result=work.result().model_dump_json())
        if isinstance(error, JobPausedError):
            return await self._library.jobs.set(job_id, "paused")
        if not isinstance(error, JobFailedError):
            logger.error("job %s failed", job_id, exc_info=error)
        return await self._library.jobs.set(
            job_id, "failed", error=str(error) if isinstance(error, JobFailedError) else _INNER_FAILURE
        )

    async def take_over(self, again: Mapping[str, Again]) -> None:
        """Run what was left unfinished, now and whenever it is asked for; `again` gives the work of each kind that can be.

        One after the other, so that a job that ends the process takes no other with it. Raises LibraryError.
        """
        self._again = again
        for job in await self._library.jobs.left():
            await self._take(job)

    async def join(self, job_id: str, kind: str, work: Work) -> bool:
        """Whether a job of this id can be waited for: in flight, ended, or left and now taken over.

        One that was cancelled, as a server does with its callers' when it ends, begins anew with `work`. Raises JobFailedError
        for a job of another kind.
        """
        if job_id in self._flights:
            return True
        job = await self._library.jobs.find(job_id)
        if job is None:
            return False
        if job.kind != kind:
            raise JobFailedError(f"The call {job_id} has asked for another kind of work before: give each call an id of its own.")
        if job.status == "cancelled" and await self._library.jobs.take(job) and job_id not in self._flights:
            self._start(job_id, None, work)
        return True

    async def _take(self, job: JobRecord) -> None:
        """Take a job over if it was left and can be done again."""
        again = self._again.get(job.kind)
        if again is None or not self._library.jobs.is_left(job) or not await self._library.jobs.take(job):
            return
        if job.attempts >= _MOST_ATTEMPTS:
            why = f"The server ended {job.attempts} times while it worked on this job: its log may say why."
            await self._library.jobs.set(job.id, "failed", error=f"{why} Ask again with other settings.")
        elif job.id not in self._flights:
            logger.warning("job %s was left unfinished: it is done again", job.id)
            self._start(job.id, None, again(job), self._turn)

    def cancel(self, job_id: str) -> bool:
        """End a job at its next step; answers at once, with whether the job is in flight here."""
        flight = self._flights.get(job_id)
        if flight is None:
            return False
        flight.cancel()
        return True

    def preview(self, job_id: str) -> NDArray[np.uint8] | None:
        """How far the job's picture has come, (h, w, 3), if it is being drawn here."""
        flight = self._flights.get(job_id)
        return flight.preview if flight is not None else None

    async def wait(self, job_id: str, seconds: float, on_progress: OnProgress | None = None) -> JobAnswer:
        """Wait until the job has ended, but no longer than this; answers with its state.

        Raises LibraryError if there is no such job, or if the library could not keep what became of it.
        """
        deadline = time.monotonic() + seconds
        if job_id not in self._flights and self._again:
            await self._take(await self._library.jobs.get(job_id))
        flight = self._flights.get(job_id)
        if flight is not None and flight.all is not None:
            await flight.kept.wait()
            await _watch(flight, flight.all, deadline, on_progress)
            if flight.all.done():
                flight.all.result()
        job = await self._library.jobs.get(job_id)
        while flight is None and self._library.jobs.is_worked_on(job) and time.monotonic() < deadline:  # by another process
            await asyncio.sleep(_REPORT_EVERY_S)
            job = await self._library.jobs.get(job_id)
        return self._answer(job)

    def _answer(self, job: JobRecord) -> JobAnswer:
        flight = self._flights.get(job.id)
        if job.status == "done" and job.result is not None:
            result = JobResult.model_validate_json(job.result)
            progress = Progress(done=1, total=1, message="done")
            return JobAnswer(job_id=job.id, status="done", progress=progress, result=result, next=after(result))
        progress = Progress(done=0, total=1, message=job.status) if flight is None else flight.progress
        if job.status == "cancelled":
            return JobAnswer(job_id=job.id, status="cancelled", progress=progress, next="Ask again if it is still wanted.")
        if job.status == "failed":
            return JobAnswer(
                job_id=job.id, status="failed", progress=progress, error=job.error, next="Mend the cause and ask again."
            )
        if job.status == "paused":
            on = f"Call train_lora with resume={job.id!r} to go on, or cancel_job to end it."
            return JobAnswer(job_id=job.id, status="paused", progress=progress, next=on)
        if self._library.jobs.is_worked_on(job):
            return JobAnswer(
                job_id=job.id,
                status="running" if flight is None or flight.running else "queued",
                progress=progress,
                next=f"Call get_job with job_id {job.id!r} to wait for it, or cancel_job to stop it.",
            )
        return JobAnswer(
            job_id=job.id,
            status="failed",
            progress=progress,
            error="The server ended before the job was done.",
            next="Ask again.",
        )

    async def close(self) -> None:
        """End what is in flight and wait for it: cancelled, or left to the next process if this one takes over such work."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.left = bool(self._again) and not flight.cancelled
            flight.cancel()
        await asyncio.gather(*(f.all for f in flights if f.all is not None), return_exceptions=True)


async def _watch(flight: _Flight, task: asyncio.Task[None], deadline: float, on_progress: OnProgress | None) -> None:
    """Wait for the task, telling `on_progress` of the newest progress; its values only ever grow, as MCP demands."""
    told, told_at, value = None, time.monotonic(), 0.0
    while not task.done() and (left := deadline - time.monotonic()) > 0:
        await asyncio.wait({task}, timeout=min(_REPORT_EVERY_S, left))
        progress, now = flight.progress, time.monotonic()
        if on_progress is None or (progress == told and now - told_at < _HEARTBEAT_S):
            continue
        value = max(float(progress.done), value + 0.001)
        told, told_at = progress, now
        await on_progress(value, float(progress.total), progress.message)
