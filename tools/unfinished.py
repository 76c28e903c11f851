"""How jobs that a process left unfinished are done again: from their stored requests, by kind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from dgx_pixels.bevy.project import ProjectError, open_project
from dgx_pixels.tools.jobs import JobFailedError
from dgx_pixels.tools.pixelize_job import pixelize_job
from dgx_pixels.tools.pixelize_request import PixelizeRequest
from dgx_pixels.tools.replay import ReplayRequest
from dgx_pixels.tools.replay_job import replay_job
from dgx_pixels.tools.sprite_job import sprite_job
from dgx_pixels.tools.sprite_request import SpriteRequest
from dgx_pixels.tools.tileset_job import tileset_job
from dgx_pixels.tools.tileset_request import TilesetRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.library.records import JobRecord
    from dgx_pixels.tools.answers import JobResult
    from dgx_pixels.tools.jobs import Again, Report, Work
    from dgx_pixels.tools.services import Services

R = TypeVar("R", SpriteRequest, PixelizeRequest, TilesetRequest, ReplayRequest)


def works(services: Services) -> Mapping[str, Again]:
    """The work of each kind of job that can be done again, from what the library has of it."""

    def sprite(job: JobRecord) -> Work:
        async def work(report: Report) -> JobResult:
            return await sprite_job(services, _read(SpriteRequest, job), _project(job), report)

        return work

    def pixelize(job: JobRecord) -> Work:
        async def work(report: Report) -> JobResult:
            return await pixelize_job(services, _read(PixelizeRequest, job), _project(job), report)

        return work

    def tileset(job: JobRecord) -> Work:
        async def work(report: Report) -> JobResult:
            return await tileset_job(services, _read(TilesetRequest, job), _project(job), report)

        return work

    def replay(job: JobRecord) -> Work:
        async def work(report: Report) -> JobResult:
            return await replay_job(services, _read(ReplayRequest, job), _project(job), report)

        return work

    return {"sprite": sprite, "pixelize": pixelize, "tileset": tileset, "replay": replay}


def _read(kind: type[R], job: JobRecord) -> R:
    try:
        return kind.model_validate_json(job.request)
    except ValidationError as error:
        why = "The server ended before the job was done, and another version of dgx-pixels had begun it: ask again."
        raise JobFailedError(why) from error


def _project(job: JobRecord) -> BevyProject | None:
    try:
        return open_project(Path(job.project)) if job.project else None
    except ProjectError as error:
        raise JobFailedError(str(error)) from error
