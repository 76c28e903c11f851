"""`get_job`: wait for a job, and look at it."""

from __future__ import annotations

from typing import Annotated

from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from mcp_types import ToolAnnotations
from pydantic import Field

from dgx_pixels.library.database import LibraryError
from dgx_pixels.tools.answers import JobAnswer
from dgx_pixels.tools.answers_content import shown
from dgx_pixels.tools.answers_schema import schema_of
from dgx_pixels.tools.arguments import JobIdArgument
from dgx_pixels.tools.job_calls import check_wait
from dgx_pixels.tools.services import Services, ServicesDep


@tool(
    title="Get job",
    output_schema=schema_of(JobAnswer),
    annotations=ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False),
)
async def get_job(
    job_id: JobIdArgument,
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
