"""The work of a job: what it is given, what it raises, whose turn it is, and which job it is for. `jobs` runs it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from dgx_pixels.library.records import JobRecord
from dgx_pixels.models.gpu_work import Priority
from dgx_pixels.tools.answers import JobResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PRIORITIES = {"batch": Priority.BATCH, "comparison": Priority.BATCH, "training": Priority.TRAINING}
CURRENT_JOB: ContextVar[str] = ContextVar("the job that this task works for", default="")


class JobFailedError(Exception):
    """A job cannot be done; its text is one sentence for the caller."""


class JobPausedError(Exception):
    """A job has ended for now, of its own: what it has so far is kept, and it can go on from there."""


class Report(Protocol):
    """Takes a job's progress; the newest wins. A preview, (h, w, 3), shows how far a picture has come."""

    def __call__(  # noqa: D102  # the class says it
        self, done: int, total: int, message: str, preview: NDArray[np.uint8] | None = None
    ) -> None: ...


class JobReport(Report, Protocol):
    """What a job's work is given: a report that can also be told how the work is paused."""

    def pausable(self, pause: Callable[[], None]) -> None:
        """From now on `pause` asks the work to end with JobPausedError, as soon as it has kept what it has."""


Work = Callable[[JobReport], Coroutine[Any, Any, JobResult]]
Again = Callable[[JobRecord], Work]
"""Gives the work of a job, from what the library has of it."""


def priority_of(kind: str) -> Priority:
    """The turn of a kind of job: somebody waits for most, and nobody for a batch, a comparison or a training."""
    return _PRIORITIES.get(kind, Priority.INTERACTIVE)
