"""The option `replay` of generate_sprite: a job that makes a picture again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmcp.exceptions import ToolError

from dgx_pixels.library.database import LibraryError
from dgx_pixels.pixels.read import PictureError
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.job_calls import run_job
from dgx_pixels.tools.read_roots import ReadError
from dgx_pixels.tools.replay import replay_request
from dgx_pixels.tools.replay_job import replay_job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastmcp.tools import ToolResult

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.answers import JobResult
    from dgx_pixels.tools.job_flight import OnProgress
    from dgx_pixels.tools.job_work import Report
    from dgx_pixels.tools.services import Services


async def run_replay(
    services: Services, project: BevyProject | None, replay: str, reference: str | None, *, beside: Mapping[str, object],
    wait_s: float, on_progress: OnProgress, key: str | None,
) -> ToolResult:  # fmt: skip
    """Start the job and wait for it. Raises ToolError, also if one of the arguments `beside` it is given: the recipe has them."""
    given = [name for name, value in beside.items() if value is not None]
    if given:
        raise ToolError(f"replay takes all that decides the picture from its recipe: leave out {', '.join(given)}.")
    try:
        request = await replay_request(services, project, replay, reference)
    except (RequestError, ReadError, PictureError, LibraryError) as error:
        raise ToolError(str(error)) from error

    async def work(report: Report) -> JobResult:
        return await replay_job(services, request, project, report)

    return await run_job(services, "replay", project, request, work, wait_s=wait_s, on_progress=on_progress, key=key)
