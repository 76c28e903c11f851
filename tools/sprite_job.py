"""The work of a sprite job: render, true pixels, checks; then as every job, library and publish."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from dgx_pixels.bevy.names import sprite_path
from dgx_pixels.bevy.publisher import PublishError
from dgx_pixels.library.database import LibraryError
from dgx_pixels.models.catalogue import ModelError
from dgx_pixels.models.contender import parse_contender
from dgx_pixels.models.gpu_work import GpuLostError, Priority, QueueFullError, WorkCancelledError
from dgx_pixels.models.render import RenderRequest
from dgx_pixels.pixels.checks import check_key, check_sprite
from dgx_pixels.pixels.read import PictureError
from dgx_pixels.pixels.sprite import make_sprite
from dgx_pixels.tools.answers import JobResult
from dgx_pixels.tools.job_finished import Finished, Origin, keep, kept_before, library_versions, publish
from dgx_pixels.tools.job_work import JobFailedError
from dgx_pixels.tools.read_roots import ReadError
from dgx_pixels.tools.seeds import seed_of_variant
from dgx_pixels.tools.sources import source_of
from dgx_pixels.tools.sprite_reference import read_reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.models.contender import Contender
    from dgx_pixels.models.gpu_work import Watcher
    from dgx_pixels.models.render import Reference, Render
    from dgx_pixels.pixels.checks import Check
    from dgx_pixels.pixels.sprite import Sprite
    from dgx_pixels.tools.job_work import Report
    from dgx_pixels.tools.services import Services
    from dgx_pixels.tools.sprite_request import SpriteRequest

JOB_ERRORS = (ModelError, PublishError, LibraryError, QueueFullError, WorkCancelledError, GpuLostError, ReadError, PictureError)
"""What ends a job with one sentence for its caller."""


async def sprite_job(services: Services, request: SpriteRequest, project: BevyProject | None, report: Report) -> JobResult:
    """Make all variants, keep each as soon as it is done, publish them together. Raises JobFailedError."""
    try:
        made = await make_sprites(services, request, project, report)
        assets = await publish(services, project, made, wanted=request.publish, overwrite=request.overwrite)
    except JOB_ERRORS as error:
        raise JobFailedError(str(error)) from error
    return JobResult(assets=assets)


async def make_sprites(
    services: Services, request: SpriteRequest, project: BevyProject | None, report: Report,
    priority: Priority = Priority.INTERACTIVE,
) -> list[Finished]:  # fmt: skip
    """Make all variants and keep each as soon as it is done; those that this job has kept before are not made again.

    Raises one of JOB_ERRORS.
    """
    contender = await asyncio.to_thread(parse_contender, services.catalogue, request.model)
    reference = await read_reference(services, project, request, contender.base)
    progress = _Progress(report, request.variants)
    variants = [
        _variant(services, request, contender, reference, project, i, progress, priority) for i in range(request.variants)
    ]
    return _all(await asyncio.gather(*variants, return_exceptions=True))


def _all(outcomes: Sequence[Finished | BaseException]) -> list[Finished]:
    """All variants, if each was made; else raises the first failure: what was made beside it is in the library."""
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Finished)]


class _Progress:
    """The steps of all variants, as one number."""

    def __init__(self, report: Report, variants: int) -> None:
        self._report = report
        self._done = [0] * variants
        report(0, 1, "waiting for the GPU thread and the model")

    def told(self, variant: int, done: int, total: int, preview: NDArray[np.uint8] | None) -> None:
        """Add one variant's step."""
        self._done[variant] = done
        which = f" {len(self._done)} variants" if len(self._done) > 1 else ""
        doing = f"drawing{which}" if any(self._done) else "getting the model ready"
        self._report(sum(self._done), total * len(self._done), doing, preview)


async def _variant(
    services: Services, request: SpriteRequest, contender: Contender, reference: Reference | None,
    project: BevyProject | None, i: int, progress: _Progress, priority: Priority,
) -> Finished:  # fmt: skip
    seed = seed_of_variant(request.seed, i)
    path = sprite_path(request.category, request.name, i + 1, request.variants)
    source = await source_of(services, request.reference, reference.source_sha256 if reference is not None else None)
    origin = Origin(path, request.name, request.category, request.prompt, seed, request.model, source=source)
    if (before := await kept_before(services, origin)) is not None:
        return before
    drawn = await draw_variant(
        services, request, contender, reference, i,
        lambda done, total, preview: progress.told(i, done, total, preview), priority,
    )  # fmt: skip
    return await keep(
        services, project, drawn.sprite, origin, drawn.recipe, drawn.checks, replaces=request.publish and request.overwrite
    )


@dataclass(frozen=True, eq=False)
class Drawn:
    """One variant, drawn and finished, but not kept yet."""

    render: Render
    sprite: Sprite
    recipe: dict[str, object]
    checks: dict[str, Check]


async def draw_variant(
    services: Services, request: SpriteRequest, contender: Contender, reference: Reference | None, i: int, watch: Watcher | None,
    priority: Priority,
) -> Drawn:  # fmt: skip
    """Draw variant `i` of a request and make its sprite; the same request gives the same, whoever asks.

    Raises ModelError, QueueFullError, WorkCancelledError and GpuLostError.
    """
    base, seed = contender.base, seed_of_variant(request.seed, i)
    render = await services.gpu.draw(_render_request(request, contender, reference, seed), watch, priority)
    sprite = await asyncio.to_thread(_sprite, request, contender, render.pixels)
    checks = check_sprite(
        sprite, width=request.width, height=request.height, colors=request.colors, palette=request.palette,
        transparent=request.transparent, ground=base.ground,
    )  # fmt: skip
    if base.ground is not None and not request.transparent:
        checks["key"] = check_key(render.pixels, base.ground)
    return Drawn(render, sprite, _recipe(request, contender, reference, seed, render), checks)


def _render_request(request: SpriteRequest, contender: Contender, reference: Reference | None, seed: int) -> RenderRequest:
    base = contender.base
    width, height = base.render_size(request.width, request.height, wrapped=request.seamless)
    words = base.texture_prompt if request.seamless else base.prompt
    return RenderRequest(
        contender, request.schedule, words.format(request.prompt),
        ", ".join(filter(None, (request.negative_prompt, base.negative_prompt))), width, height, seed,
        wrap="xy" if request.seamless else "none", reference=reference, batch=request.batch, graph=request.graph,
    )  # fmt: skip


def _sprite(request: SpriteRequest, contender: Contender, render: NDArray[np.uint8]) -> Sprite:
    return make_sprite(
        render, request.width, request.height, colors=request.colors, palette=request.palette, transparent=request.transparent,
        ground=contender.base.ground,
    )  # fmt: skip


def _recipe(
    request: SpriteRequest, contender: Contender, reference: Reference | None, seed: int, render: Render
) -> dict[str, object]:
    """All that is needed to make the sprite again; no time, host, path or job, so that equal sprites are equal files."""
    asked = request.model_dump(exclude={"name", "category", "variants", "publish", "overwrite", "schedule", "reference"})
    return asked | {
        "seed": seed, "kind": "sprite", "schedule": asdict(request.schedule), "batch": render.batch, "graph": render.graph,
        "in_tiles": render.in_tiles,
        "render_size": contender.base.render_size(request.width, request.height, wrapped=request.seamless),
        "reference_sha256": reference.sha256 if reference is not None else None,
        "source_sha256": reference.source_sha256 if reference is not None else None,
        "weights_sha256": render.weights_sha256, "libraries": library_versions() | render.libraries,
    }  # fmt: skip
