"""How a training or a comparison goes on that was paused, cancelled or failed: as it was begun, under its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastmcp.exceptions import ToolError

from dgx_pixels.tools.answers_content import shown
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.job_restart import works
from dgx_pixels.tools.job_states import why_ended

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastmcp import Context
    from fastmcp.tools import ToolResult

    from dgx_pixels.tools.services import Services

RESUMES: Final = {"training": "train_lora", "comparison": "compare_models"}
"""The tool that goes on with each kind of job that can, with its argument `resume`."""


def check_alone(resume: str, others: Iterable[object]) -> None:
    """Raise RequestError if another argument is given; those left out are None, "", 0 or False."""
    if any(other or other == [] for other in others):
        raise RequestError(f"resume={resume!r} goes on with what was begun, as it was begun: leave out the other arguments.")


async def resumed(services: Services, kind: str, job_id: str, wait_s: float, ctx: Context) -> ToolResult:
    """Go on with a job of this kind and wait for it. Raises RequestError, JobFailedError, LibraryError and ToolError."""
    job = await services.library.jobs.get(job_id)
    if job.kind != kind:
        raise RequestError(
            f"The job {job_id} is a {job.kind} job, no {kind}: give the job_id that {RESUMES[kind]} answered with."
        )
    if job.status != "done" and not services.library.jobs.is_worked_on(job):
        await services.jobs.resume(job_id, works(services)[kind](job))
    answer = await services.jobs.wait(job_id, wait_s, ctx.report_progress)
    if answer.status in ("failed", "cancelled"):
        raise ToolError(why_ended(answer, kind))
    return await shown(services, answer)
