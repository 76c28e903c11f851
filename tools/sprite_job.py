"""The work of a sprite job: render, true pixels, checks; then as every job, library and publish."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dgx_pixels.bevy.names import sprite_path
from dgx_pixels.bevy.publisher import PublishError
from dgx_pixels.library.database import LibraryError
from dgx_pixels.models.catalogue import ModelError
from dgx_pixels.models.gpu import QueueFullError, WorkCancelledError
from dgx_pixels.pixels.checks import check_key, check_sprite
from dgx_pixels.pixels.sprite import make_sprite
from dgx_pixels.tools.answers import SpriteResult
from dgx_pixels.tools.finished import Finished, Origin, keep, library_versions, publish
from dgx_pixels.tools.jobs import JobFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.models.catalogue import BaseModel
    from dgx_pixels.models.gpu import Step
    from dgx_pixels.models.pipeline import Render, Renderer
    from dgx_pixels.pixels.sprite import Sprite
    from dgx_pixels.tools.jobs import Report
    from dgx_pixels.tools.services import Services
    from dgx_pixels.tools.sprite_request import SpriteRequest


async def sprite_job(services: Services, request: SpriteRequest, project: BevyProject | None, report: Report) -> SpriteResult:
    """Make all variants, keep each as soon as it is done, publish them together. Raises JobFailedError."""
    try:
        model = services.catalogue.get(request.model)
        made = [await _variant(services, request, model, project, i, report) for i in range(request.variants)]
        assets = await publish(services, project, made, wanted=request.publish, overwrite=request.overwrite)
    except (ModelError, PublishError, LibraryError, QueueFullError, WorkCancelledError) as error:
        raise JobFailedError(str(error)) from error
    return SpriteResult(assets=assets)


async def _variant(
    services: Services, request: SpriteRequest, model: BaseModel, project: BevyProject | None, i: int, report: Report
) -> Finished:
    seed, total = request.seed + i, request.steps * request.variants
    which = f"variant {i + 1} of {request.variants}, " if request.variants > 1 else ""
    report(i * request.steps, total, f"{which}waiting for the GPU thread and the model")
    render = await _render(
        services, request, model, seed, lambda done: report(i * request.steps + done, total, f"{which}drawing")
    )
    sprite = await asyncio.to_thread(_sprite, request, model, render.pixels)
    checks = check_sprite(
        sprite, width=request.width, height=request.height, colors=request.colors, palette=request.palette,
        transparent=request.transparent, ground=model.ground,
    )  # fmt: skip
    if model.ground is not None and not request.transparent:
        checks["key"] = check_key(render.pixels, model.ground)
    path = sprite_path(request.category, request.name, i + 1, request.variants)
    origin = Origin(path, request.name, request.category, request.prompt, seed, request.model)
    return await keep(services, project, sprite, origin, _recipe(request, model, seed, render), checks)


async def _render(
    services: Services, request: SpriteRequest, model: BaseModel, seed: int, on_step: Callable[[int], None]
) -> Render:
    width, height = model.render_size(request.width, request.height)

    def work(renderer: Renderer, step: Step) -> Render:
        from dgx_pixels.models.pipeline import RenderRequest  # here, on the GPU thread, torch may be imported

        negative = ", ".join(filter(None, (request.negative_prompt, model.negative_prompt)))
        drawn = RenderRequest(
            model,
            model.prompt.format(request.prompt),
            negative,
            width,
            height,
            seed,
            request.steps,
            request.guidance,
            seamless=request.seamless,
        )
        return renderer.render(drawn, step)

    return await services.gpu.run(work, lambda done, _: on_step(done))


def _sprite(request: SpriteRequest, model: BaseModel, render: NDArray[np.uint8]) -> Sprite:
    return make_sprite(
        render, request.width, request.height, colors=request.colors, palette=request.palette, transparent=request.transparent,
        ground=model.ground,
    )  # fmt: skip


def _recipe(request: SpriteRequest, model: BaseModel, seed: int, render: Render) -> dict[str, object]:
    """All that is needed to make the sprite again; no time, host, path or job, so that equal sprites are equal files."""
    asked = request.model_dump(exclude={"name", "category", "variants", "publish", "overwrite"})
    return asked | {
        "seed": seed, "kind": "sprite", "render_size": model.render_size(request.width, request.height),
        "weights_sha256": render.weights_sha256, "libraries": library_versions() | render.libraries,
    }  # fmt: skip
