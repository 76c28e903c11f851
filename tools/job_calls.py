"""What every generating tool does with its job: start it, wait as long as asked, and answer with its state."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastmcp.exceptions import ToolError

from dgx_pixels.library.database import LibraryError
from dgx_pixels.tools.content import shown
from dgx_pixels.tools.jobs import JobFailedError
from dgx_pixels.tools.services import call_id

if TYPE_CHECKING:
    from fastmcp.tools import ToolResult
    from pydantic import BaseModel

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.jobs import OnProgress, Work
    from dgx_pixels.tools.services import Services


async def run_job(
    services: Services,
    kind: str,
    project: BevyProject | None,
    request: BaseModel,
    work: Work,
    *,
    wait_s: float,
    on_progress: OnProgress,
    lasting: bool = False,
) -> ToolResult:
    """Start a job and wait for it. Raises ToolError if it fails or is cancelled.

    A caller that goes away cancels it, unless it is `lasting`: trainings and comparisons end by cancel_job only.

    A call that is sent again, as a proxy does whose server died, waits for the job that it has started before.
    """
    where, job_id = str(project.root) if project else "", call_id()
    try:
        if job_id is None or not await services.jobs.join(job_id, kind, work):
            job_id = services.jobs.start(kind, where, request.model_dump_json(), work, job_id)
    except (LibraryError, JobFailedError) as error:
        raise ToolError(str(error)) from error
    try:
        answer = await services.jobs.wait(job_id, wait_s, on_progress)
    except asyncio.CancelledError:
        if not lasting:
            services.jobs.cancel(job_id)
        raise
    except LibraryError as error:
        raise ToolError(str(error)) from error
    if answer.status in ("failed", "cancelled"):
        raise ToolError(answer.error or "The job was cancelled before it was done.")
    return await shown(services, answer)


def check_wait(wait_s: float) -> None:
    """Raise ToolError for a wait out of range."""
    if not 0 <= wait_s <= 600:
        raise ToolError(f"wait_s is {wait_s}, but must be from 0 to 600 seconds.")
