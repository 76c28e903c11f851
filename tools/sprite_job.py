"""The work of a sprite job: render, true pixels, checks, library, publish."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.bevy.manifest import ManifestEntry
from dgx_pixels.bevy.names import sprite_path
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import PublishError, PublishItem
from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.records import AssetVersion, NewVersion
from dgx_pixels.models.catalogue import BaseModel, ModelError
from dgx_pixels.models.gpu import QueueFullError, Step, WorkCancelledError
from dgx_pixels.pixels.checks import Check, check_sprite
from dgx_pixels.pixels.sprite import Sprite, encode_png, make_sprite
from dgx_pixels.tools.answers import AssetAnswer, CheckAnswer, Reload, SpriteResult
from dgx_pixels.tools.jobs import JobFailedError, Report
from dgx_pixels.tools.services import Services
from dgx_pixels.tools.sprite_request import SpriteRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from dgx_pixels.models.pipeline import Render, Renderer

T = TypeVar("T")


@dataclass(frozen=True)
class _Made:
    """One finished variant, kept in the library."""

    asset: AssetVersion
    file: Path
    png: bytes
    checks: dict[str, Check]

    @property
    def publishable(self) -> bool:
        return all(check.ok or not check.blocks for check in self.checks.values())


async def sprite_job(services: Services, request: SpriteRequest, project: BevyProject | None, report: Report) -> SpriteResult:
    """Make all variants, keep each as soon as it is done, publish them together. Raises JobFailedError."""
    try:
        model = services.catalogue.get(request.model)
        made = [await _variant(services, request, model, project, i, report) for i in range(request.variants)]
        published = await _to_its_end(_publish(services, request, project, made))
    except (ModelError, PublishError, LibraryError, QueueFullError, WorkCancelledError) as error:
        raise JobFailedError(str(error)) from error
    return SpriteResult(assets=[_answer(m, m.asset.id in published, project) for m in made])


async def _variant(
    services: Services, request: SpriteRequest, model: BaseModel, project: BevyProject | None, i: int, report: Report
) -> _Made:
    seed, total = request.seed + i, request.steps * request.variants
    which = f"variant {i + 1} of {request.variants}, " if request.variants > 1 else ""
    report(i * request.steps, total, f"{which}waiting for the GPU thread and the model")
    render = await _render(
        services, request, model, seed, lambda done: report(i * request.steps + done, total, f"{which}drawing")
    )
    sprite = await asyncio.to_thread(_sprite, request, model, render.pixels)
    recipe = json.dumps(_recipe(request, model, seed, render), sort_keys=True)
    png = encode_png(sprite, recipe)
    checks = check_sprite(
        sprite, width=request.width, height=request.height, colors=request.colors, palette=request.palette,
        transparent=request.transparent, ground=model.ground,
    )  # fmt: skip
    asset = await services.library.add(NewVersion(
        project=str(project.root) if project else "", path=sprite_path(request.category, request.name, i + 1, request.variants),
        kind="sprite", name=request.name, category=request.category, png=png, recipe=recipe,
        width=request.width, height=request.height, colors=len(sprite.palette), seed=seed,
    ))  # fmt: skip
    return _Made(asset, services.library.file(asset.id, asset.version), png, checks)


async def _render(
    services: Services, request: SpriteRequest, model: BaseModel, seed: int, on_step: Callable[[int], None]
) -> Render:
    width, height = model.render_size(request.width, request.height)

    def work(renderer: Renderer, step: Step) -> Render:
        from dgx_pixels.models.pipeline import RenderRequest  # here, on the GPU thread, torch may be imported

        negative = ", ".join(filter(None, (request.negative_prompt, model.negative_prompt)))
        drawn = RenderRequest(
            model, model.prompt.format(request.prompt), negative, width, height, seed, request.steps, request.guidance
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
    libraries = {"dgx-pixels": version("dgx-pixels"), "pillow": version("pillow"), "numpy": version("numpy")} | render.libraries
    return asked | {
        "seed": seed, "kind": "sprite", "render_size": model.render_size(request.width, request.height),
        "weights_sha256": render.weights_sha256, "libraries": libraries,
    }  # fmt: skip


async def _to_its_end(publishing: Coroutine[Any, Any, T]) -> T:
    """Await what must not be left half done: a cancel that comes once it has begun comes too late."""
    task = asyncio.create_task(publishing)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        return await task


async def _publish(services: Services, request: SpriteRequest, project: BevyProject | None, made: list[_Made]) -> set[str]:
    """Publish what may be published; answers with the ids of those assets."""
    good = [m for m in made if m.publishable]
    if project is None or not request.publish or not good:
        return set()
    items = [PublishItem(_entry(m.asset, request, m.png), m.png) for m in good]
    await asyncio.to_thread(services.publisher.publish, project, items, request.overwrite)
    await services.library.mark_published((m.asset.id, m.asset.version) for m in good)
    return {m.asset.id for m in good}


def _entry(asset: AssetVersion, request: SpriteRequest, png: bytes) -> ManifestEntry:
    return ManifestEntry(
        path=asset.path, id=asset.id, version=asset.version, name=asset.name, category=request.category, width=asset.width,
        height=asset.height, colors=asset.colors, sha256=hashlib.sha256(png).hexdigest(), prompt=request.prompt, seed=asset.seed,
        model=request.model,
    )  # fmt: skip


def _answer(made: _Made, published: bool, project: BevyProject | None) -> AssetAnswer:
    asset = made.asset
    file = project.assets / asset.path if published and project is not None else made.file
    return AssetAnswer(
        id=asset.id, version=asset.version, name=asset.name, path=asset.path, file=str(file), width=asset.width,
        height=asset.height, colors=asset.colors, seed=asset.seed,
        checks={name: CheckAnswer(ok=c.ok, value=c.value, blocks=c.blocks) for name, c in made.checks.items()},
        published=published, reloaded=None, reload=Reload(reason="no running game was asked"),
    )  # fmt: skip
