"""`cancel_job`: stop a job at its next step, or pause it."""

from __future__ import annotations

from typing import Annotated

from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from mcp_types import ToolAnnotations
from pydantic import Field

from dgx_pixels.library.database import LibraryError
from dgx_pixels.tools.answers import JobAnswer
from dgx_pixels.tools.answers_content import shown
from dgx_pixels.tools.answers_schema import schema_of
from dgx_pixels.tools.arguments import JobIdArgument
from dgx_pixels.tools.services import Services, ServicesDep

_WAIT_S = 10
"""How long a job that was told to end is waited for."""


@tool(
    title="Cancel job",
    output_schema=schema_of(JobAnswer),
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False),
)
async def cancel_job(
    job_id: JobIdArgument,
    pause: Annotated[
        bool, Field(description="Keep what a training has so far, to go on later with train_lora(resume=job_id).")
    ] = False,
    services: Services = ServicesDep,
) -> ToolResult:
    """Stop a job at its next step. What it had finished stays in the library; a job that has ended stays as it is."""
    here = services.jobs.pause(job_id) if pause else services.jobs.cancel(job_id)
    try:
        if not here and not pause:
            await services.jobs.end(job_id)
        elif not here and services.library.jobs.is_left(await services.library.jobs.get(job_id)):
            raise ToolError(f"Nobody works on job {job_id} now: wait until a server has taken it over, or cancel it.")
        answer = await services.jobs.wait(job_id, _WAIT_S if here else 0)
    except LibraryError as error:
        raise ToolError(str(error)) from error
    if not here and answer.status in ("queued", "running"):
        raise ToolError(_why_not(services, job_id, pause=pause))
    return await shown(services, answer)


def _why_not(services: Services, job_id: str, *, pause: bool) -> str:
    if pause and services.jobs.progress(job_id) is not None:
        return f"The job {job_id} cannot be paused, only a training can: wait for it with get_job, or cancel it with pause=false."
    return f"Another dgx-pixels process works on job {job_id}: cancel it there, or end that process."
