"""One training at a time on a home, over all processes: the first that was asked for comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout
from pydantic import ValidationError

from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.job_work import JobPausedError
from dgx_pixels.tools.training_request import TrainingRequest

if TYPE_CHECKING:
    from pathlib import Path

    from dgx_pixels.library.records import JobRecord
    from dgx_pixels.tools.job_work import Report
    from dgx_pixels.tools.services import Services

KIND: Final = "training"
_LOOK_EVERY_S: Final = 0.5


@asynccontextmanager
async def training_turn(services: Services, job_id: str, stop: asyncio.Event, report: Report) -> AsyncIterator[None]:
    """Wait until no training that was asked for before is open, and none runs; within this context no other begins.

    Raises JobPausedError if it is to stop before its turn comes.
    """
    lock = FileLock(services.home / "training.lock", thread_local=False)  # the system frees it with its process
    holder = services.home / "training.holder"  # beside it, since taking a lock empties its file
    while (first := await _before(services, job_id)) is not None or not _taken(lock):
        if stop.is_set():
            raise JobPausedError
        other = first if first is not None else _read(holder)  # one that was asked for later, and began while this was paused
        whom = f"training {other}" if other else "the training of another process"
        report(0, 1, f"queued: waits for {whom} to end, one at a time")
        await asyncio.sleep(_LOOK_EVERY_S)
    try:
        holder.write_text(job_id)
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


async def _before(services: Services, job_id: str) -> str | None:
    """The training that comes before this one, if there is one."""
    jobs = services.library.jobs
    waiting = [job for job in await jobs.open(KIND) if jobs.is_worked_on(job)]
    first = min(waiting, key=lambda job: (job.created, job.id), default=None)
    return first.id if first is not None and first.id != job_id else None


async def check_unclaimed(services: Services, job_id: str, name: str) -> None:
    """Raise RequestError if a training that was asked for before this one, and has not ended, will give a LoRA of this name."""
    ours = await services.library.jobs.get(job_id)
    for job in await services.library.jobs.open(KIND):
        if (job.created, job.id) < (ours.created, ours.id) and _claims(job, name):
            raise RequestError(
                f"Training {job.id}, which is {job.status}, will make a LoRA {name}: choose another name, or wait for it with "
                "get_job."
            )


def _claims(job: JobRecord, name: str) -> bool:
    try:
        request = TrainingRequest.model_validate_json(job.request)
    except ValidationError:  # of another version: it cannot go on
        return False
    return request.name == name and not request.dry_run


def _read(holder: Path) -> str:
    """The id of the training whose turn it is; "" if nobody says."""
    try:
        return holder.read_text()
    except (OSError, ValueError):
        return ""


def _taken(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True
