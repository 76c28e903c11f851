"""The jobs as a list shows them: one line each, with what was asked for in a few words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from dgx_pixels.library.jobs import Jobs
    from dgx_pixels.library.records import JobRecord, JobStatus

_LONGEST: Final = 80
_NAMED_BY: Final = ("prompt", "terrains", "prompts", "image", "name")
"""The parts of a request that say what it is about, the better first."""


@dataclass(frozen=True)
class JobSummary:
    """A job in short."""

    id: str
    kind: str
    what: str
    """What was asked for, in a few words."""
    project: str
    status: JobStatus | Literal["left"]
    """"left": its process has died, and the next server does it."""
    error: str | None
    created: float
    """Seconds since 1970."""
    updated: float


async def recent_jobs(jobs: Jobs, limit: int, project: str | None = None) -> list[JobSummary]:
    """The newest jobs, of one project or of all for None: first those that have not ended, then the others, newest first."""
    return [_summary(job, "left" if jobs.is_left(job) else job.status) for job in await jobs.recent(limit, project)]


def _summary(job: JobRecord, status: JobStatus | Literal["left"]) -> JobSummary:
    return JobSummary(job.id, job.kind, _what(job.request), job.project, status, job.error, job.created, job.updated)


def _what(request: str) -> str:
    """A few words on a request; of one of another version perhaps none."""
    try:
        asked: dict[str, Any] = json.loads(request)
        return _named_by(asked)
    except (ValueError, TypeError, AttributeError, IndexError, RecursionError):
        return ""


def _named_by(asked: dict[str, Any]) -> str:
    """What a request is about; raises what reading another shape does."""
    several = asked.get("items") or asked.get("prompts")  # of a batch, of a comparison
    if isinstance(several, list) and isinstance(several[0], dict):
        return f"{len(several)} prompts: {several[0].get('prompt', '')}"[:_LONGEST]
    found = next((asked[name] for name in _NAMED_BY if asked.get(name)), "")
    said = ", ".join(map(str, found)) if isinstance(found, list) else str(found)
    return f"{said[:_LONGEST]}, a dry run" if asked.get("dry_run") else said[:_LONGEST]
