"""The work of a training job: prepare the dataset, wait for its turn, run the training process, install what it made.

All that has to outlive the server lies in the run's own folder, `jobs/JOB_ID/` below the home: whoever works on the job again
finds there what was prepared, and the process finds its checkpoints.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dgx_pixels.library.database import LibraryError
from dgx_pixels.models.catalogue import ModelError, check_weights
from dgx_pixels.models.training_disk import is_full, write_whole
from dgx_pixels.models.training_spec import make_spec
from dgx_pixels.tools.answers import JobResult
from dgx_pixels.tools.answers_training import TrainingAnswer
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.dataset import prepare_dataset
from dgx_pixels.tools.dataset_request import DatasetRequest
from dgx_pixels.tools.job_work import CURRENT_JOB, JobFailedError, JobPausedError
from dgx_pixels.tools.read_roots import ReadError
from dgx_pixels.tools.training_install import InstallError, install
from dgx_pixels.tools.training_process import SPEC, Ended, Event, train
from dgx_pixels.tools.training_queue import check_unclaimed, training_turn
from dgx_pixels.tools.training_request import check_free
from dgx_pixels.tools.training_samples import Samples
from dgx_pixels.tools.training_shown import time_text
from dgx_pixels.tools.training_time import expected

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.job_work import JobReport
    from dgx_pixels.tools.services import Services
    from dgx_pixels.tools.training_request import TrainingRequest

logger = logging.getLogger(__name__)

_ANSWER: Final = "answer.json"
"""In the run's folder: what was known before the training began. It is there only when the spec beside it is, too."""
_RECENT: Final = 20


async def training_job(services: Services, request: TrainingRequest, project: BevyProject | None, report: JobReport) -> JobResult:
    """Train, or, of a dry run, only prepare; goes on where a process before has stopped.

    Raises JobFailedError and JobPausedError.
    """
    stop, run = asyncio.Event(), _Run(services, request, project, CURRENT_JOB.get())
    report.pausable(stop.set)
    try:
        begun = await run.prepared(report)
        if request.dry_run:
            return JobResult(training=begun)
        async with training_turn(services, run.job_id, stop, report):
            await asyncio.to_thread(_check_base, services, request)
            ended = await run.train(stop, report)
        if ended.how == "paused":
            raise JobPausedError
        if ended.how == "failed" or ended.files is None:
            raise JobFailedError(f"{ended.error} (To go on from its last checkpoint: train_lora with resume={run.job_id!r}.)")
        return await run.finished(begun, ended)
    except (RequestError, ReadError, ModelError, LibraryError, InstallError) as error:
        raise JobFailedError(str(error)) from error
    except OSError as error:
        full = "The disk is full: free some space" if is_full(error) else f"A file cannot be written or read ({error}): mend that"
        raise JobFailedError(f"{full}, then call train_lora with resume={run.job_id!r}.") from error


class _Run:
    """One training in its folder."""

    def __init__(self, services: Services, request: TrainingRequest, project: BevyProject | None, job_id: str) -> None:
        self.job_id, self.folder = job_id, services.home / "jobs" / job_id
        self._services, self._request, self._project = services, request, project
        self._samples = Samples(services, project, request, self.folder)
        self._losses: deque[float] = deque(maxlen=_RECENT)

    async def prepared(self, report: JobReport) -> TrainingAnswer:
        """What is known before the first step: as it was kept, or by preparing dataset and spec now.

        Raises RequestError, ReadError, ModelError and OSError.
        """
        if (kept := await asyncio.to_thread(self._kept)) is not None:
            return kept
        request, services = self._request, self._services
        if not request.dry_run and not request.overwrite:
            await asyncio.to_thread(check_free, services.catalogue, request.name)
            await check_unclaimed(services, self.job_id, request.name)

        def looking(done: int, total: int, message: str) -> None:
            report(0, 1, f"{message} ({done + 1} of {total})")  # no step of the training is done by that

        found = await prepare_dataset(services, self._project, DatasetRequest(
            source=request.source, base=request.base, trigger=request.trigger, grid=request.grid,
            licence_note=request.licence_note,
        ), looking)  # fmt: skip
        base = services.catalogue.get(request.base)
        answer = TrainingAnswer(
            dry_run=request.dry_run, lora=request.name, base=base.id, trigger=request.trigger,
            contender=f"{base.id}+{request.name}:1.0", dataset=found.report.model_dump(mode="json"),
            settings=request.settings.model_dump(mode="json"),
            expected=await asyncio.to_thread(expected, services.home / "jobs", base, request.settings, services.device),
        )  # fmt: skip
        if not request.dry_run:
            await asyncio.to_thread(self._keep, answer, found.folder)
        return answer

    def _keep(self, answer: TrainingAnswer, dataset: Path) -> None:
        request, catalogue = self._request, self._services.catalogue
        spec = make_spec(
            request.settings, folder=self.folder, dataset=dataset, models_folder=catalogue.folder, hf_cache=catalogue.hf_cache,
            turn_folder=self._services.home, base=request.base, name=request.name, trigger=request.trigger, seed=request.seed,
            device=self._services.device, sample_prompts=request.sample_prompts, licence_note=request.licence_note,
            **request.run.model_dump(),
        )  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / SPEC, spec.model_dump_json(indent=2).encode())
        write_whole(self.folder / _ANSWER, answer.model_dump_json().encode())

    def _kept(self) -> TrainingAnswer | None:
        try:
            return TrainingAnswer.model_validate_json((self.folder / _ANSWER).read_bytes())
        except (FileNotFoundError, ValueError):  # not begun, or by another version: prepared anew, the same again
            return None

    async def train(self, stop: asyncio.Event, report: JobReport) -> Ended:
        """Run the process to its end, telling how far it is. Raises OSError."""
        total, advanced = self._request.settings.steps, False
        report(0, total, "starting the training process")

        async def told(event: Event) -> None:
            nonlocal advanced
            if event["event"] == "step" and not advanced:
                advanced = True
                await self._services.library.jobs.progressed(self.job_id)
            await self._told(event, report)

        return await train(self.folder, told, stop)

    async def _told(self, event: Event, report: JobReport) -> None:
        kind, total = event["event"], self._request.settings.steps
        if kind in ("started", "resumed"):
            report(event["step"], total, "loading" if kind == "started" else f"going on from step {event['step']}")
        elif kind == "caching":
            report(0, total, f"encoding the pictures: {event['done']} of {event['total']}")
        elif kind == "step":
            self._losses.append(event["loss"])
            report(event["step"], total, _progress(event, sum(self._losses) / len(self._losses)))
        elif kind == "sample":
            await self._sample(event, report)

    async def _sample(self, event: Event, report: JobReport) -> None:
        """Keep and show a sample; one that cannot be kept costs no training."""
        try:
            preview = await self._samples.add(dict(event), self.job_id)
        except (LibraryError, OSError, ValueError) as error:
            logger.warning("a sample of training %s was left out: %s", self.job_id, error)
            return
        report(event["step"], self._request.settings.steps, f"sample of step {event['step']}: {event['prompt']}", preview)

    async def finished(self, begun: TrainingAnswer, ended: Ended) -> JobResult:
        """Install what the process made, and answer. Raises InstallError and LibraryError."""
        files: dict[str, Any] = dict(ended.files or {})
        made = Path(files["kohya"])
        installed = await asyncio.to_thread(install, self._services.catalogue, made, self._request, self.job_id)
        training = begun.model_copy(update={
            "steps": ended.step, "final_loss": ended.final_loss, "file": str(installed), "folder": str(self.folder),
            "diffusers": files.get("diffusers"), "card": files.get("card"), "curve": files.get("curve"),
        })  # fmt: skip
        return JobResult(assets=await self._samples.last(), training=training)


def _check_base(services: Services, request: TrainingRequest) -> None:
    check_weights(services.catalogue.get(request.base))


def _progress(event: Event, loss: float) -> str:
    speed = f"{event['steps_per_s']:.3g} steps/s, {time_text(event['left_s'])} left"
    return f"step {event['step']}/{event['total']}, loss {loss:.4f}, {speed}, {event['memory_bytes'] / 1e9:.1f} GB of memory"
