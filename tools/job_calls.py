"""What every generating tool does with its job: start it, wait as long as asked, and answer with its state."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING, Final

from fastmcp.exceptions import ToolError

from dgx_pixels.library.database import LibraryError
from dgx_pixels.tools.answers_content import shown
from dgx_pixels.tools.job_states import why_ended
from dgx_pixels.tools.job_work import JobFailedError
from dgx_pixels.tools.services import ASKED, call_id

if TYPE_CHECKING:
    from fastmcp.tools import ToolResult
    from pydantic import BaseModel

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.job_flight import OnProgress
    from dgx_pixels.tools.job_work import Work
    from dgx_pixels.tools.services import Services

_LONGEST_KEY: Final = 200
_NOT_ASKED: Final = ("key", "project", "wait_s")
"""Arguments that do not say what is wanted; a key is of its project anyway."""


async def run_job(
    services: Services,
    kind: str,
    project: BevyProject | None,
    request: BaseModel,
    work: Work,
    *,
    wait_s: float,
    on_progress: OnProgress,
    key: str | None = None,
    lasting: bool = False,
) -> ToolResult:
    """Start a job and wait for it. Raises ToolError if it fails or is cancelled.

    A caller that goes away cancels it, if no other waits for it, and unless it is `lasting`: trainings and comparisons end by
    cancel_job only.

    A call that is sent again, as a proxy does whose server died, waits for the job that it has started before; so does one with
    the `key` of an earlier one.
    """
    try:
        job_id, new = await _started(services, kind, project, request, work, key)
    except (LibraryError, JobFailedError) as error:
        raise ToolError(str(error)) from error
    try:
        answer = await services.jobs.wait(job_id, wait_s, on_progress)
    except asyncio.CancelledError:
        if not lasting:
            services.jobs.leave(job_id)
        raise
    except LibraryError as error:
        raise ToolError(str(error)) from error
    if answer.status in ("failed", "cancelled"):
        burnt = not new and answer.status == "failed" and kind != "comparison"  # which goes on by that same key
        before = f" Its key {key!r} stands for this job {job_id} from now on: give another to try again." if burnt else ""
        raise ToolError(why_ended(answer, kind) + before)
    return await shown(services, answer)


async def _started(
    services: Services, kind: str, project: BevyProject | None, request: BaseModel, work: Work, key: str | None
) -> tuple[str, bool]:
    """The job that was started, or that was asked for before, by its key or by the call's id; and False if by its key."""
    where, asked, job_id = str(project.root) if project else "", request.model_dump_json(), call_id()
    if key is not None:
        return await services.jobs.start_once(kind, where, asked, work, key=_checked(key), asked=_digest(asked), job_id=job_id)
    if job_id is None or not await services.jobs.join(job_id, kind, work, asked):
        job_id = services.jobs.start(kind, where, asked, work, job_id)
    return job_id, True


def _checked(key: str) -> str:
    if not (0 < len(key) <= _LONGEST_KEY and key.isprintable()):
        raise JobFailedError(f"The key must have 1 to {_LONGEST_KEY} printable characters: a word, or a random id.")
    return key


def _digest(request: str) -> str:
    """Tells what was asked from anything else: the call as it was sent, else the request that was made of it."""
    sent = ASKED.get()
    told = {k: v for k, v in sent.items() if k not in _NOT_ASKED} if sent is not None else request
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode(errors="surrogatepass")).hexdigest()


def check_wait(wait_s: float) -> None:
    """Raise ToolError for a wait out of range."""
    if not 0 <= wait_s <= 600:
        raise ToolError(f"wait_s is {wait_s}, but must be from 0 to 600 seconds.")
