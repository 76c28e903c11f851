"""`get_job` and `cancel_job`: wait for, look at and stop work."""

from __future__ import annotations

from typing import Annotated

from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from mcp_types import ToolAnnotations
from pydantic import Field

from dgx_pixels.library.database import LibraryError
from dgx_pixels.tools.answers import JobAnswer, schema_of
from dgx_pixels.tools.content import shown
from dgx_pixels.tools.job_calls import check_wait
from dgx_pixels.tools.services import Services, ServicesDep

JobId = Annotated[str, Field(description="The job_id that a generating tool answered with.")]


@tool(
    title="Get job",
    output_schema=schema_of(JobAnswer),
    annotations=ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False),
)
async def get_job(
    job_id: JobId,
    ctx: Context,
    wait_s: Annotated[
        float, Field(description="Seconds to wait for the job to end.", json_schema_extra={"minimum": 0, "maximum": 600})
    ] = 45,
    services: Services = ServicesDep,
) -> ToolResult:
    """Wait for a job and answer with its state and, once it is done, its result; a failed job's reason is in `error`."""
    check_wait(wait_s)
    try:
        answer = await services.jobs.wait(job_id, wait_s, ctx.report_progress)
    except LibraryError as error:
        raise ToolError(str(error)) from error
    return await shown(services, answer)


@tool(
    title="Cancel job",
    output_schema=schema_of(JobAnswer),
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False),
)
async def cancel_job(job_id: JobId, services: Services = ServicesDep) -> ToolResult:
    """Stop a job at its next step. What it had finished stays in the library; a job that has ended stays as it is."""
    here = services.jobs.cancel(job_id)
    try:
        answer = await services.jobs.wait(job_id, 10 if here else 0)
        if not here and services.jobs.cancel(job_id):  # it had been left by a process that died, until we looked
            answer = await services.jobs.wait(job_id, 10)
    except LibraryError as error:
        raise ToolError(str(error)) from error
    if not here and answer.status in ("queued", "running"):
        raise ToolError(f"Another dgx-pixels process works on job {job_id}: cancel it there, or end that process.")
    return await shown(services, answer)
