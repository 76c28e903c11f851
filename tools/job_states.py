"""What is answered for a job: its state in the library, with the progress of one that is in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from dgx_pixels.library.comparison_blind import brief, told
from dgx_pixels.library.database import LibraryError
from dgx_pixels.tools.answers import JobAnswer, JobResult, Progress
from dgx_pixels.tools.answers_next import after

if TYPE_CHECKING:
    from dgx_pixels.library.comparisons import Comparisons
    from dgx_pixels.library.records import JobRecord
    from dgx_pixels.tools.job_flight import Flight


def answer_of(job: JobRecord, flight: Flight | None, *, worked_on: bool) -> JobAnswer:
    """The answer for a job that this process may have in flight; `worked_on` says whether any process works on it."""
    if job.status == "done" and job.result is not None:
        try:
            result = JobResult.model_validate_json(job.result)
        except ValidationError as error:
            raise LibraryError(f"What was kept of job {job.id} is damaged, or of another version: ask again.") from error
        progress = Progress(done=1, total=1, message="done")
        return JobAnswer(job_id=job.id, status="done", progress=progress, result=result, next=after(result))
    progress = Progress(done=0, total=1, message=job.status) if flight is None else flight.progress
    if job.status == "cancelled":
        return JobAnswer(job_id=job.id, status="cancelled", progress=progress, next=_after_cancel(job))
    if job.status == "failed":
        on = after_break(job.id) if job.kind == "comparison" else "Mend the cause and ask again."
        return JobAnswer(job_id=job.id, status="failed", progress=progress, error=job.error, next=on)
    if job.status == "paused":
        on = f"Call train_lora with resume={job.id!r} to go on, or cancel_job to end it."
        return JobAnswer(job_id=job.id, status="paused", progress=progress, next=on)
    if worked_on:
        return JobAnswer(
            job_id=job.id,
            status="running" if flight is None or flight.running else "queued",
            progress=progress,
            next=f"Call get_job with job_id {job.id!r} to wait for it, or cancel_job to stop it.",
        )
    return JobAnswer(
        job_id=job.id,
        status="failed",
        progress=progress,
        error="The server ended before the job was done, or could not write what became of it.",
        next="Ask again.",
    )


async def with_comparison(comparisons: Comparisons, answer: JobAnswer) -> JobAnswer:
    """The answer with its comparison as it stands now, however far it is drawn; the job's result is as old as the job's end."""
    if await comparisons.find(answer.job_id) is None:
        return answer
    comparison = brief(await told(comparisons, answer.job_id))
    if not comparison.rounds and answer.result is None:
        return answer
    return answer.model_copy(update={"result": JobResult(comparison=comparison), "next": comparison.next})


def why_ended(answer: JobAnswer, kind: str) -> str:
    """Why a job of this kind failed or was cancelled, and what there is to do if parts of it are kept."""
    why = answer.error or f"The job {answer.job_id} was cancelled before it was done."
    return f"{why} {after_break(answer.job_id)}" if kind == "comparison" else why


def after_break(comparison_id: str) -> str:
    """What to do with a comparison that was cancelled or failed."""
    return (
        f"What is drawn is kept: get_job(job_id={comparison_id!r}) shows it, and compare_models(resume={comparison_id!r}) draws "
        "the rest, if it can be drawn."
    )


def _after_cancel(job: JobRecord) -> str:
    if job.kind == "comparison":
        return after_break(job.id)
    if job.kind != "training":
        return "Ask again if it is still wanted."
    return (
        f"Its checkpoints stay: train_lora with resume={job.id!r} goes on from the last one. If it is not wanted any more, "
        f"delete the folder jobs/{job.id} in DGX-Pixels' home."
    )
