"""The work of a replay: the picture is made from its recipe by what made the original, then compared with it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dgx_pixels.bevy.project import ProjectError, open_project
from dgx_pixels.models.contender import parse_contender
from dgx_pixels.models.gpu_work import Priority
from dgx_pixels.tools.answers import JobResult
from dgx_pixels.tools.answers_replay import ReplayAnswer
from dgx_pixels.tools.job_finished import Origin, as_kept, keep, publish, with_recipe
from dgx_pixels.tools.job_work import JobFailedError
from dgx_pixels.tools.pixelize_job import PIXELIZE_ERRORS, pixelized
from dgx_pixels.tools.recipes import art_of_recipe, read_recipe, source_of_recipe, sprite_of_recipe, tileset_of_recipe
from dgx_pixels.tools.replay import pixels_of
from dgx_pixels.tools.replay_differences import differences
from dgx_pixels.tools.sources import Source, find_source, source_of
from dgx_pixels.tools.sprite_job import JOB_ERRORS, draw_variant
from dgx_pixels.tools.sprite_reference import fit_reference
from dgx_pixels.tools.tileset_job import draw_tileset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.pixels.checks import Check
    from dgx_pixels.pixels.sprite import Sprite
    from dgx_pixels.tools.job_work import Report
    from dgx_pixels.tools.recipes import Recipe
    from dgx_pixels.tools.replay import ReplayRequest
    from dgx_pixels.tools.services import Services


@dataclass(frozen=True, eq=False)
class _Made:
    """A picture that was made again, but not kept."""

    sprite: Sprite
    origin: Origin
    recipe: Mapping[str, object]
    checks: dict[str, Check]


async def replay_job(services: Services, request: ReplayRequest, project: BevyProject | None, report: Report) -> JobResult:
    """Make the picture again and compare it. The same bytes are the version that the library has; others become a new one.

    Nothing is published. Raises JobFailedError, in one sentence, if a model, a LoRA or the picture that it starts from is gone.
    """
    try:
        recipe = read_recipe(request.recipe)
        made = await _make(services, project, request, recipe, report)
        png, text = await asyncio.to_thread(with_recipe, made.sprite, made.recipe)
        identical = hashlib.sha256(png).hexdigest() == request.sha256
        same_pixels = identical or await asyncio.to_thread(pixels_of, png) == request.pixels
        if identical and request.asset is not None:
            kept = await services.library.version(request.asset, request.version)
            finished = await as_kept(services, kept, made.origin)
        else:
            home = project if request.asset is None else await _home(services, request.asset)
            finished = await keep(services, home, made.sprite, made.origin, made.recipe, made.checks)
        assets = await publish(services, None, [finished], wanted=False, overwrite=False)
    except (*JOB_ERRORS, *PIXELIZE_ERRORS) as error:
        raise JobFailedError(str(error)) from error
    except MemoryError as error:
        raise JobFailedError("There is not enough memory for this picture.") from error
    answer = ReplayAnswer(
        of=f"{request.asset}@{request.version}" if request.asset is not None else None, identical=identical,
        same_pixels=same_pixels, differences=differences(recipe, json.loads(text)),
    )  # fmt: skip
    return JobResult(assets=assets, replay=answer)


async def _make(services: Services, project: BevyProject | None, request: ReplayRequest, recipe: Recipe, report: Report) -> _Made:
    sha256 = source_of_recipe(recipe)
    data = await find_source(services, project, sha256, request.sources) if sha256 is not None else None
    asked = next(iter(request.sources), None)
    source = await source_of(services, asked, sha256) if asked is not None else Source()
    if recipe["kind"] == "tileset":
        drawn = await draw_tileset(services, tileset_of_recipe(recipe, request.name), report)
        return _Made(drawn.sprite, replace(drawn.origin, path=request.path), drawn.recipe, drawn.checks)
    if recipe["kind"] == "pixelize":
        options, matting = art_of_recipe(recipe)
        art = await pixelized(services, data or b"", options, report, matting=matting)
        origin = Origin(request.path, request.name, request.category, source=source)
        return _Made(art.found.sprite, origin, art.recipe, art.checks)
    sprite = sprite_of_recipe(recipe, request.name, request.category)
    contender = await asyncio.to_thread(parse_contender, services.catalogue, sprite.model)
    contender.base.check_size(sprite.width, sprite.height)
    reference = await fit_reference(services, data, sprite, contender.base) if data is not None else None
    made = await draw_variant(
        services, sprite, contender, reference, 0,
        lambda done, total, preview: report(done, total + 1, "drawing it again", preview), Priority.INTERACTIVE,
    )  # fmt: skip
    origin = Origin(request.path, sprite.name, sprite.category, sprite.prompt, sprite.seed, sprite.model, source=source)
    return _Made(made.sprite, origin, made.recipe, made.checks)


async def _home(services: Services, asset_id: str) -> BevyProject | None:
    """The project that an asset was made for; None if it was made for none, or that is gone."""
    asset = await services.library.version(asset_id)
    try:
        return await asyncio.to_thread(open_project, Path(asset.project)) if asset.project else None
    except ProjectError:
        return None
