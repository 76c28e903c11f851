"""The work of a batch: each prompt's sprites as a sprite job makes them, published in chunks; what fails, fails alone."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from dgx_pixels.bevy.publisher import PublishError
from dgx_pixels.library.database import LibraryError
from dgx_pixels.models.gpu_work import Priority
from dgx_pixels.tools.answers import BatchAnswer, BatchAsset, BatchItemAnswer, JobResult
from dgx_pixels.tools.job_finished import publish
from dgx_pixels.tools.job_work import JobFailedError
from dgx_pixels.tools.sprite_job import JOB_ERRORS, make_sprites

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.answers import AssetAnswer
    from dgx_pixels.tools.batch_request import BatchItem, BatchRequest
    from dgx_pixels.tools.job_finished import Finished
    from dgx_pixels.tools.job_work import Report
    from dgx_pixels.tools.services import Services

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 8
"""Sprites that are drawn and published together: what an engine draws in one go, and few enough to see how far it is."""
_PARTS: Final = 100
"""Of each prompt's share of the progress."""
_INNER_FAILURE: Final = "Something went wrong inside DGX-Pixels; its log has the details."


async def batch_job(services: Services, request: BatchRequest, project: BevyProject | None, report: Report) -> JobResult:
    """Make and publish what can be, chunk by chunk; the next is drawn while one is published.

    Begun anew it makes nothing again that it has kept. Raises JobFailedError if nothing at all could be made.
    """
    shares = _Shares(report, len(request.items))
    size = max(1, _AT_ONCE // max(item.request.variants for item in request.items if item.request is not None))
    answers: list[BatchItemAnswer] = []
    publishing: asyncio.Task[list[BatchItemAnswer]] | None = None
    try:
        for start in range(0, len(request.items), size):
            chunk = request.items[start : start + size]
            made = await asyncio.gather(*(_made(services, item, project, shares, start + i) for i, item in enumerate(chunk)))
            # Shielded, since publishing takes in a cancel that comes too late for it: the next chunks must hear of it.
            answers += await asyncio.shield(publishing) if publishing is not None else []
            publishing = asyncio.create_task(_published(services, project, chunk, made))
        answers += await publishing if publishing is not None else []
    finally:
        if publishing is not None:
            await asyncio.wait({publishing})  # what has begun is not left half done
    failed = [answer for answer in answers if answer.status == "failed"]
    if len(failed) == len(answers):
        raise JobFailedError(f"None of the {len(answers)} prompts gave a sprite. The first: {failed[0].error}")
    return JobResult(batch=_answer(project, answers))


class _Shares:
    """How far each prompt is, as one number."""

    def __init__(self, report: Report, prompts: int) -> None:
        self._report = report
        self._parts = [0] * prompts
        report(0, prompts * _PARTS, "waiting for the GPU thread and the model")

    def told(self, place: int, done: int, total: int, preview: NDArray[np.uint8] | None = None) -> None:
        """Take one prompt's progress: `done` of `total`."""
        self._parts[place] = _PARTS * done // total
        ended = sum(part == _PARTS for part in self._parts)
        self._report(sum(self._parts), _PARTS * len(self._parts), f"{ended} of {len(self._parts)} prompts drawn", preview)


async def _made(
    services: Services, item: BatchItem, project: BevyProject | None, shares: _Shares, place: int
) -> list[Finished] | str:
    """A prompt's sprites, or why there are none."""

    def report(done: int, total: int, message: str, preview: NDArray[np.uint8] | None = None) -> None:  # noqa: ARG001  # Report
        shares.told(place, done, total, preview)

    try:
        if item.request is None:
            return item.error or _INNER_FAILURE
        return await make_sprites(services, item.request, project, report, Priority.BATCH)
    except JOB_ERRORS as error:
        return str(error)
    except Exception:
        logger.exception("a prompt of a batch failed")
        return _INNER_FAILURE
    finally:
        shares.told(place, 1, 1)


async def _published(
    services: Services, project: BevyProject | None, chunk: Sequence[BatchItem], made: Sequence[list[Finished] | str]
) -> list[BatchItemAnswer]:
    """The chunk's answers, all that was made being published together; if it cannot be, each prompt by itself."""
    sprites = [sprite for one in made if not isinstance(one, str) for sprite in one]
    try:
        assets, why = await _publish(services, project, chunk, sprites, wanted=True), None
    except (PublishError, LibraryError) as error:
        if len(chunk) > 1:
            pairs = zip(chunk, made, strict=True)
            return [answer for item, one in pairs for answer in await _published(services, project, [item], [one])]
        assets, why = await _publish(services, project, chunk, sprites, wanted=False), str(error)
    found = {asset.path: asset for asset in assets}
    answers = []
    for item, one in zip(chunk, made, strict=True):
        theirs = [found[sprite.asset.path] for sprite in one] if not isinstance(one, str) else []
        answers.append(_item_answer(item, theirs, one if isinstance(one, str) else why or _failed_checks(theirs)))
    return answers


async def _publish(
    services: Services, project: BevyProject | None, chunk: Sequence[BatchItem], sprites: Sequence[Finished], *, wanted: bool
) -> list[AssetAnswer]:
    asked = next((item.request for item in chunk if item.request is not None), None)
    if asked is None:
        return []
    return await publish(services, project, sprites, wanted=wanted and asked.publish, overwrite=asked.overwrite)


def _failed_checks(assets: Sequence[AssetAnswer]) -> str | None:
    failed = sorted({name for a in assets for name, check in a.checks.items() if check.blocks and not check.ok})
    return f"It was not published, since a check failed ({', '.join(failed)}): try another seed or prompt." if failed else None


def _item_answer(item: BatchItem, assets: Sequence[AssetAnswer], error: str | None) -> BatchItemAnswer:
    return BatchItemAnswer(
        prompt=item.prompt, status="done" if error is None else "failed", error=error,
        assets=[
            BatchAsset(id=a.id, version=a.version, path=a.path, seed=a.seed, published=a.published, reloaded=a.reloaded)
            for a in assets
        ],
    )  # fmt: skip


def _answer(project: BevyProject | None, items: Sequence[BatchItemAnswer]) -> BatchAnswer:
    failed = sum(item.status == "failed" for item in items)
    folder = str(project.assets) if project is not None else None
    return BatchAnswer(done=len(items) - failed, failed=failed, folder=folder, items=list(items))
