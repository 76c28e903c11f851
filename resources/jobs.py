"""`pixels://jobs`: what `get_job` says of a job, without waiting."""

from __future__ import annotations

from typing import Protocol

from fastmcp.exceptions import ResourceError
from fastmcp.resources import resource
from fastmcp.server.dependencies import get_context

from dgx_pixels.library.database import LibraryError


class _Answer(Protocol):
    def model_dump_json(self, *, indent: int) -> str: ...


class _Jobs(Protocol):
    async def wait(self, job_id: str, seconds: float) -> _Answer: ...


@resource("pixels://jobs/{job_id}", title="Job", mime_type="application/json")
async def job(job_id: str) -> str:
    """Give a job's state and, once it is done, its result. Subscribe to hear when it changes."""
    jobs: _Jobs = get_context().lifespan_context["services"].jobs
    try:
        return (await jobs.wait(job_id, 0)).model_dump_json(indent=2)
    except LibraryError as error:
        raise ResourceError(str(error)) from error
