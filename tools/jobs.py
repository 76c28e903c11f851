"""Jobs in flight: started for one caller, awaited by any, ended by cancelling; what became of them is in the library."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from dgx_pixels.library.library import Library
from dgx_pixels.library.records import JobRecord
from dgx_pixels.tools.answers import JobAnswer, JobStatus, Progress, SpriteResult

logger = logging.getLogger(__name__)

_REPORT_EVERY_S = 0.2
_HEARTBEAT_S = 10.0
"""Clients that hear nothing for minutes give up; a job that queues or loads has no steps to report."""


class JobFailedError(Exception):
    """A job cannot be done; its text is one sentence for the caller."""


class Report(Protocol):
    """Takes a job's progress; the newest wins."""

    def __call__(self, done: int, total: int, message: str) -> None: ...  # noqa: D102  # the class says it


Work = Callable[[Report], Awaitable[SpriteResult]]
OnProgress = Callable[[float, float, str], Awaitable[None]]


class _Flight:
    """A job that this process works on."""

    def __init__(self) -> None:
        self.progress = Progress(done=0, total=1, message="queued")
        self.running = False
        self.task: asyncio.Task[None] | None = None

    def report(self, done: int, total: int, message: str) -> None:
        self.running = True
        self.progress = Progress(done=done, total=total, message=message)


class JobRunner:
    """Starts jobs, answers for them and cancels them. Close it before the things its jobs use."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._flights: dict[str, _Flight] = {}

    @property
    def busy(self) -> bool:
        """Whether any job is queued or running."""
        return bool(self._flights)

    async def start(self, kind: str, project: str, request: str, work: Work) -> str:
        """Keep a new job and begin it; answers with its id at once."""
        job_id = await self._library.create_job(kind, project, request)
        flight = self._flights[job_id] = _Flight()
        flight.task = asyncio.create_task(self._fly(job_id, flight, work), name=f"job {job_id}")
        await asyncio.sleep(0)  # a task that is cancelled before it has begun could not say so in the library
        return job_id

    async def _fly(self, job_id: str, flight: _Flight, work: Work) -> None:
        try:
            await self._library.set_job(job_id, "running")
            result = await work(flight.report)
            await self._library.set_job(job_id, "done", result=result.model_dump_json())
        except asyncio.CancelledError:
            await self._library.set_job(job_id, "cancelled")
        except JobFailedError as error:
            await self._library.set_job(job_id, "failed", error=str(error))
        except Exception:
            logger.exception("job %s failed", job_id)
            error_text = "Something went wrong inside DGX-Pixels; its log has the details. Ask again, or try other settings."
            await self._library.set_job(job_id, "failed", error=error_text)
        finally:
            del self._flights[job_id]

    def cancel(self, job_id: str) -> None:
        """End a job at its next step; nothing happens if it is not in flight here. Returns at once."""
        flight = self._flights.get(job_id)
        if flight is not None and flight.task is not None:
            flight.task.cancel()

    async def wait(self, job_id: str, seconds: float, on_progress: OnProgress | None = None) -> JobAnswer:
        """Wait until the job has ended, but no longer than this; answers with its state. Raises LibraryError if it is unknown."""
        flight = self._flights.get(job_id)
        if flight is not None and flight.task is not None:
            await _watch(flight, flight.task, seconds, on_progress)
        return self._answer(await self._library.job(job_id))

    def _answer(self, job: JobRecord) -> JobAnswer:
        flight = self._flights.get(job.id)
        if flight is not None:
            status: JobStatus = "running" if flight.running else "queued"
            next_step = f"Call get_job with job_id {job.id!r} to wait for it, or cancel_job to stop it."
            return JobAnswer(job_id=job.id, status=status, progress=flight.progress, next=next_step)
        if job.status == "done" and job.result is not None:
            result = SpriteResult.model_validate_json(job.result)
            progress = Progress(done=1, total=1, message="done")
            return JobAnswer(job_id=job.id, status="done", progress=progress, result=result, next=_after(result))
        progress = Progress(done=0, total=1, message=job.status)
        if job.status == "cancelled":
            return JobAnswer(job_id=job.id, status="cancelled", progress=progress, next="Ask again if it is still wanted.")
        if job.status == "failed":
            return JobAnswer(
                job_id=job.id, status="failed", progress=progress, error=job.error, next="Mend the cause and ask again."
            )
        if _is_alive(job.owner):  # another process of ours works on it
            return JobAnswer(
                job_id=job.id, status="running", progress=progress, next=f"Call get_job with job_id {job.id!r} again."
            )
        return JobAnswer(
            job_id=job.id,
            status="failed",
            progress=progress,
            error="The server ended before the job was done.",
            next="Ask again.",
        )

    async def close(self) -> None:
        """Cancel what is in flight and wait until it has ended."""
        tasks = [f.task for f in self._flights.values() if f.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(flight: _Flight, task: asyncio.Task[None], seconds: float, on_progress: OnProgress | None) -> None:
    """Wait for the task, telling `on_progress` of the newest progress; its values only ever grow, as MCP demands."""
    deadline = time.monotonic() + seconds
    told, told_at, value = None, time.monotonic(), 0.0
    while not task.done() and (left := deadline - time.monotonic()) > 0:
        await asyncio.wait({task}, timeout=min(_REPORT_EVERY_S, left))
        progress, now = flight.progress, time.monotonic()
        if on_progress is None or (progress == told and now - told_at < _HEARTBEAT_S):
            continue
        value = max(float(progress.done), value + 0.001)
        told, told_at = progress, now
        await on_progress(value, float(progress.total), progress.message)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def _after(result: SpriteResult) -> str:
    first = result.assets[0]
    if not all(a.published for a in result.assets):
        failed = sorted({name for a in result.assets for name, check in a.checks.items() if check.blocks and not check.ok})
        if failed:
            return f"Not every sprite was published, since a check failed ({', '.join(failed)}): try another seed or prompt."
        return "Nothing was published: it is in the library, at `file`. Name a Bevy project (`project`) to have it published."
    return f'Load it in Bevy with asset_server.load("{first.path}"), or look at it with view_asset(asset_id="{first.id}").'
