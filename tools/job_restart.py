"""How jobs that a process left unfinished are done again: from their stored requests, by kind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from dgx_pixels.bevy.project import ProjectError, open_project
from dgx_pixels.library.database import LibraryError, checked_id
from dgx_pixels.tools.batch_job import batch_job
from dgx_pixels.tools.batch_request import BatchRequest
from dgx_pixels.tools.comparison_job import comparison_job
from dgx_pixels.tools.comparison_request import ComparisonRequest
from dgx_pixels.tools.job_work import JobFailedError
from dgx_pixels.tools.pixelize_job import pixelize_job
from dgx_pixels.tools.pixelize_request import PixelizeRequest
from dgx_pixels.tools.replay import ReplayRequest
from dgx_pixels.tools.replay_job import replay_job
from dgx_pixels.tools.sprite_job import sprite_job
from dgx_pixels.tools.sprite_request import SpriteRequest
from dgx_pixels.tools.tileset_job import tileset_job
from dgx_pixels.tools.tileset_request import TilesetRequest
from dgx_pixels.tools.training_job import training_job
from dgx_pixels.tools.training_request import TrainingRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.library.records import JobRecord
    from dgx_pixels.tools.answers import JobResult
    from dgx_pixels.tools.job_work import Again, JobReport, Work
    from dgx_pixels.tools.services import Services

R = TypeVar("R", bound=BaseModel)


def works(services: Services) -> Mapping[str, Again]:
    """The work of each kind of job that can be done again, from what the library has of it."""
    return {
        "sprite": _again(services, SpriteRequest, sprite_job),
        "batch": _again(services, BatchRequest, batch_job),
        "pixelize": _again(services, PixelizeRequest, pixelize_job),
        "tileset": _again(services, TilesetRequest, tileset_job),
        "comparison": _again(services, ComparisonRequest, comparison_job),
        "training": _again(services, TrainingRequest, training_job),
        "replay": _again(services, ReplayRequest, replay_job),
    }


def _again(
    services: Services, kind: type[R], do: Callable[[Services, R, BevyProject | None, JobReport], Awaitable[JobResult]]
) -> Again:
    def again(job: JobRecord) -> Work:
        async def work(report: JobReport) -> JobResult:
            return await do(services, _read(kind, job), _project(job), report)

        return work

    return again


def _read(kind: type[R], job: JobRecord) -> R:
    try:
        checked_id(job.id)  # a job's folder is named by it, and another's database may say anything
        return kind.model_validate_json(job.request)
    except LibraryError as error:
        raise JobFailedError(str(error)) from error
    except ValidationError as error:
        why = "The server ended before the job was done, and another version of dgx-pixels had begun it: ask again."
        raise JobFailedError(why) from error


def _project(job: JobRecord) -> BevyProject | None:
    try:
        return open_project(Path(job.project)) if job.project else None
    except ProjectError as error:
        raise JobFailedError(str(error)) from error
