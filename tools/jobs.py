"""Jobs: started for one caller, awaited by any, ended by cancelling; what became of them is in the library.

A runner that was given ways to do so also takes over what a process that died has left unfinished, under the same id.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Coroutine, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from dgx_pixels.library.library import Library
from dgx_pixels.library.records import JobRecord
from dgx_pixels.models.gpu_work import Priority
from dgx_pixels.pixels.shown import printable_lines
from dgx_pixels.tools.answers import JobAnswer, JobResult, Progress
from dgx_pixels.tools.job_flight import REPORT_EVERY_S, Flight, OnProgress, watch
from dgx_pixels.tools.job_states import answer_of, with_comparison
from dgx_pixels.tools.job_work import CURRENT_JOB, Again, JobFailedError, JobPausedError, Work, priority_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_MOST_ATTEMPTS = 3
"""How often a job is begun without getting further. One that ends the process each time must not do so for ever; a machine that
went down in the middle of one, and in the middle of the next try, was no fault of it."""
_KEPT_PIECEMEAL = ("comparison",)
"""Kinds that go on where they broke off, whatever broke them off."""
_INNER_FAILURE = "Something went wrong inside DGX-Pixels; its log has the details. Ask again, or try other settings."


class JobRunner:
    """Starts jobs, answers for them, pauses and cancels them. Close it before the things its jobs use."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._flights: dict[str, Flight] = {}
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

    async def start_once(
        self, kind: str, project: str, request: str, work: Work, *, key: str, asked: str, job_id: str | None = None
    ) -> tuple[str, bool]:
        """Begin the job of this key unless there is one: answers with its id, and whether it is new.

        `asked` tells two questions under one key apart. Raises JobFailedError if the job was asked for with another one, and
        LibraryError. A caller that goes away while the library writes leaves the job to whoever asks again.
        """
        return await asyncio.shield(self._start_once(kind, project, request, work, key, asked, job_id or uuid.uuid4().hex[:12]))

    async def _start_once(
        self, kind: str, project: str, request: str, work: Work, key: str, asked: str, job_id: str
    ) -> tuple[str, bool]:
        before = await self._library.jobs.create_once(job_id, kind, project, request, key, asked)
        if before is None:
            return self._start(job_id, None, work), True
        if before.asked != asked:
            raise JobFailedError(
                f"The key {key!r} stands for another request, job {before.job_id}: give each request a key of its own."
            )
        await self.join(before.job_id, kind, work, request)
        return before.job_id, False

    def _start(self, job_id: str, first: Coroutine[Any, Any, None] | None, work: Work, turn: asyncio.Lock | None = None) -> str:
        flight = self._flights[job_id] = Flight()
        flight.all = asyncio.create_task(self._fly(flight, job_id, first, work, turn), name=f"job {job_id}")
        return job_id

    async def _fly(
        self, flight: Flight, job_id: str, first: Coroutine[Any, Any, None] | None, work: Work, turn: asyncio.Lock | None
    ) -> None:
        try:
            if first is not None:
                await first
            flight.kept.set()
            flight.work = asyncio.create_task(self._begin(flight, job_id, work, turn))
            if flight.cancelled:
                flight.work.cancel()
            await asyncio.wait({flight.work})
            try:
                await self._keep_outcome(flight, job_id, flight.work)
            except BaseException:
                self._library.jobs.lose(job_id)
                raise
        finally:
            flight.kept.set()
            del self._flights[job_id]

    async def _begin(self, flight: Flight, job_id: str, work: Work, turn: asyncio.Lock | None) -> JobResult:
        CURRENT_JOB.set(job_id)
        async with turn or nullcontext():
            await self._library.jobs.begin(job_id)
            flight.begun = True
            return await work(flight)

    async def _keep_outcome(self, flight: Flight, job_id: str, work: asyncio.Task[JobResult]) -> None:
        if work.cancelled() and flight.left and not flight.pausing:
            return await self._library.jobs.give_back(job_id, begun=flight.begun)
        if work.cancelled():
            return await self._library.jobs.set(job_id, "paused" if flight.left else "cancelled")
        error = work.exception()
        if error is None:
            return await self._library.jobs.set(job_id, "done", result=work.result().model_dump_json())
        if isinstance(error, JobPausedError):
            return await self._library.jobs.set(job_id, "paused")
        if not isinstance(error, JobFailedError):
            logger.error("job %s failed", job_id, exc_info=error)
        return await self._library.jobs.set(
            job_id, "failed", error=printable_lines(str(error)) if isinstance(error, JobFailedError) else _INNER_FAILURE
        )

    async def take_over(self, again: Mapping[str, Again]) -> None:
        """Run what was left unfinished, now and whenever it is asked for; `again` gives the work of each kind that can be.

        What somebody waits for comes first, and of that what was begun least often. One after the other, so that a job that ends
        the process takes no other with it; a training, which is a process of its own, holds up none. Raises LibraryError.
        """
        self._again = again
        left = await self._library.jobs.left()  # oldest first
        for job in sorted(left, key=lambda job: (priority_of(job.kind), job.attempts)):
            await self._take(job)

    async def join(self, job_id: str, kind: str, work: Work, request: str | None = None) -> bool:
        """Whether a job of this id can be waited for: in flight, ended, or left and now taken over.

        One that was cancelled, as a server does with its callers' when it ends, begins anew with `work`, which does `request`;
        so does a failed one that keeps all it has made.
        Raises JobFailedError for a job of another kind.
        """
        if (ending := self._flights.get(job_id)) is not None and ending.cancelled and ending.all is not None:
            await asyncio.wait({ending.all})
        job = None if job_id in self._flights else await self._library.jobs.find(job_id)
        if job_id in self._flights:  # by now
            return True
        if job is None:
            return False
        if job.kind != kind:
            raise JobFailedError(f"The call {job_id} has asked for another kind of work before: give each call an id of its own.")
        anew = job.status == "cancelled" or (job.status == "failed" and kind in _KEPT_PIECEMEAL)
        if anew and await self._library.jobs.take(job, request) and job_id not in self._flights:
            self._start(job_id, None, work)
        return True

    async def resume(self, job_id: str, work: Work | None = None) -> None:
        """Go on with a job that was paused, or that was cancelled or failed and is wanted all the same; under its id.

        Its work is `work`, or what this runner does with left jobs of its kind. Nothing happens to one that is in flight.
        Raises JobFailedError if it is done, is worked on elsewhere, or is of a kind that cannot be done again; LibraryError.
        """
        job = await self._library.jobs.get(job_id)
        again = self._again.get(job.kind)
        work = work if work is not None or again is None else again(job)
        if job_id in self._flights:
            return
        if job.status == "done":
            raise JobFailedError(f"The job {job_id} is done already, and no finished job runs again: ask for a new one.")
        if self._library.jobs.is_worked_on(job):
            raise JobFailedError(f"Another dgx-pixels process works on job {job_id}: wait for it with get_job.")
        if work is None:
            raise JobFailedError(f"A job of kind {job.kind} cannot go on in this process: run `dgx-pixels serve` and try there.")
        if await self._library.jobs.take(job, afresh=True) and job_id not in self._flights:
            self._start(job_id, None, work)

    async def _take(self, job: JobRecord) -> None:
        """Take a job over if it was left and can be done again."""
        again = self._again.get(job.kind)
        if again is None or not self._library.jobs.is_left(job) or not await self._library.jobs.take(job):
            return
        training = priority_of(job.kind) is Priority.TRAINING  # in a process of its own, it ends no server
        if job.attempts >= _MOST_ATTEMPTS and not training:
            why = f"The server ended {job.attempts} times while it worked on this job: its log may say why."
            await self._library.jobs.set(job.id, "failed", error=f"{why} Ask again with other settings.")
        elif job.id not in self._flights:
            logger.warning("job %s was left unfinished: it is done again", job.id)
            self._start(job.id, None, again(job), None if training else self._turn)

    def cancel(self, job_id: str) -> bool:
        """End a job at its next step; answers at once, with whether the job is in flight here."""
        flight = self._flights.get(job_id)
        if flight is None:
            return False
        flight.cancel()
        return True

    async def end(self, job_id: str) -> None:
        """Cancel a job that nobody works on: one that is paused, or that a process has left. Raises LibraryError."""
        job = await self._library.jobs.get(job_id)
        idle = job.status == "paused" or self._library.jobs.is_left(job)
        if idle and job_id not in self._flights and await self._library.jobs.take(job):
            await self._library.jobs.set(job_id, "cancelled")

    def leave(self, job_id: str) -> None:
        """End a job whose caller went away, unless somebody else waits for it."""
        if (flight := self._flights.get(job_id)) is not None and flight.waiters == 0:
            flight.cancel()

    def pause(self, job_id: str) -> bool:
        """Ask a job to keep what it has and end for now; answers at once, with whether it is in flight here and can."""
        flight = self._flights.get(job_id)
        return flight is not None and flight.pause()

    def progress(self, job_id: str) -> Progress | None:
        """How far a job is that is in flight here."""
        flight = self._flights.get(job_id)
        return flight.progress if flight is not None else None

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
            with flight.waited_for():
                await flight.kept.wait()
                await watch(flight, flight.all, deadline, on_progress)
            if flight.all.done():
                flight.all.result()
        job = await self._library.jobs.get(job_id)
        while flight is None and self._library.jobs.is_worked_on(job) and time.monotonic() < deadline:  # by another process
            await asyncio.sleep(REPORT_EVERY_S)
            job = await self._library.jobs.get(job_id)
        answer = answer_of(job, self._flights.get(job.id), worked_on=self._library.jobs.is_worked_on(job))
        return await with_comparison(self._library.comparisons, answer) if job.kind == "comparison" else answer

    async def close(self) -> None:
        """End what is in flight and wait for it.

        It is left to the next process if this one takes over such work, too; else it is paused if it can be, or cancelled. What
        was about to pause stays paused: whoever asked for that was told so.
        """
        flights = list(self._flights.values())
        for flight in flights:
            flight.left = (bool(self._again) or flight.pausing) and not flight.cancelled
            if flight.left or not flight.pause():
                flight.cancel()
        await asyncio.gather(*(f.all for f in flights if f.all is not None), return_exceptions=True)
