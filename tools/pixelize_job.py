"""The work of a pixelize job: read the picture, make art of it, check; then as every job, library and publish."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from dgx_pixels.bevy.names import sprite_path
from dgx_pixels.bevy.publisher import PublishError
from dgx_pixels.library.database import LibraryError
from dgx_pixels.models.matting import MODEL, MattingError, without_ground
from dgx_pixels.pixels.art import make_art
from dgx_pixels.pixels.art_options import MOST_COLORS, asked_size
from dgx_pixels.pixels.checks import check_sprite
from dgx_pixels.pixels.colour import to_hex
from dgx_pixels.pixels.read import MOST_BYTES, read_picture
from dgx_pixels.tools.answers import GridAnswer, JobResult, PixelizedAnswer, SourceAnswer
from dgx_pixels.tools.job_finished import Origin, keep, library_versions, publish
from dgx_pixels.tools.job_work import JobFailedError
from dgx_pixels.tools.read_roots import read_file
from dgx_pixels.tools.sources import source_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.pixels.art_options import ArtOptions
    from dgx_pixels.pixels.checks import Check
    from dgx_pixels.pixels.grid import Grid
    from dgx_pixels.pixels.pixelize import Pixelized
    from dgx_pixels.pixels.read import Picture
    from dgx_pixels.tools.job_work import Report
    from dgx_pixels.tools.pixelize_request import PixelizeRequest
    from dgx_pixels.tools.services import Services

T = TypeVar("T")

_STEPS = 5


async def pixelize_job(services: Services, request: PixelizeRequest, project: BevyProject | None, report: Report) -> JobResult:
    """Make the sprite, keep it and publish it. Raises JobFailedError."""
    try:
        report(0, _STEPS, "waiting for other pictures")
        data = await _apart(services, lambda: read_file(services, project, request.image, MOST_BYTES))
        art = await pixelized(services, data, request.options, report, matting=request.matting)
        report(4, _STEPS, "publishing")
        source = await source_of(services, request.image, hashlib.sha256(data).hexdigest())
        origin = Origin(sprite_path(request.category, request.name, 1, 1), request.name, request.category, source=source)
        made = await keep(
            services, project, art.found.sprite, origin, art.recipe, art.checks, replaces=request.publish and request.overwrite
        )
        assets = await publish(services, project, [made], wanted=request.publish, overwrite=request.overwrite)
    except PIXELIZE_ERRORS as error:
        raise JobFailedError(str(error)) from error
    except MemoryError as error:
        raise JobFailedError("There is not enough memory for this picture: give a smaller one.") from error
    return JobResult(assets=assets, pixelized=_described(art.picture, art.found))


PIXELIZE_ERRORS = (PublishError, LibraryError, MattingError, ValueError)
"""What ends a pixelize job with one sentence; reading and the engine raise kinds of ValueError."""


@dataclass(frozen=True, eq=False)
class Art:
    """A picture that was made pixel art, but not kept yet."""

    picture: Picture
    found: Pixelized
    recipe: dict[str, object]
    checks: dict[str, Check]


async def pixelized(services: Services, data: bytes, options: ArtOptions, report: Report, *, matting: bool) -> Art:
    """Make pixel art of an image file's content; the same content and options give the same. Raises one of PIXELIZE_ERRORS."""
    report(1, _STEPS, "reading the picture")
    picture = await _apart(services, lambda: read_picture(data))
    recipe: dict[str, object] = {
        "kind": "pixelize", "options": asdict(options), "matting": matting,
        "source_sha256": hashlib.sha256(data).hexdigest(), "libraries": library_versions(),
    }  # fmt: skip
    if matting:
        report(2, _STEPS, "telling the subject from its ground")
        cut = await _apart(services, lambda: without_ground(picture.rgba, services.matting))
        picture = replace(picture, rgba=cut)
        weights = await asyncio.to_thread(services.catalogue.digests.sha256, services.matting / MODEL)
        recipe |= {"weights_sha256": {MODEL: weights}, "libraries": library_versions("onnxruntime")}
    report(3, _STEPS, "finding the pixels that were meant")
    found, checks = await _apart(services, lambda: _art(picture, options))
    return Art(picture, found, recipe, checks)


async def _apart(services: Services, work: Callable[[], T]) -> T:
    """Run heavy work in the one thread for pictures: the event loop stays free, and no two large pictures are in memory.

    A job that is cancelled while it waits is never begun; what has begun runs to its end unseen.
    """
    return await asyncio.get_running_loop().run_in_executor(services.pictures, work)


def _art(picture: Picture, options: ArtOptions) -> tuple[Pixelized, dict[str, Check]]:
    found = make_art(picture.rgba, options)
    height, width = found.sprite.rgba.shape[:2]
    width, height = asked_size(options) or (width, height)
    own_alpha = bool((picture.rgba[..., 3] < 255).any())  # an input's clear pixels stay clear, whatever was asked
    checks = check_sprite(
        found.sprite, width=width, height=height, colors=options.colors or MOST_COLORS, palette=options.palette,
        transparent=options.transparent or own_alpha or options.canvas is not None or options.outline is not None,
        ground=found.ground,
    )  # fmt: skip
    return found, checks


def _described(picture: Picture, found: Pixelized) -> PixelizedAnswer:
    return PixelizedAnswer(
        kind=found.kind, confidence=round(found.confidence, 3),
        grid=None if found.grid is None else _grid(found.grid, picture.shrunk),
        ground=None if found.ground is None else to_hex(found.ground),
        source=SourceAnswer(format=picture.format, width=picture.width, height=picture.height, frames=picture.frames),
    )  # fmt: skip


def _grid(grid: Grid, shrunk: int) -> GridAnswer:
    cell_width, cell_height = (round(length * shrunk, 3) for length in (grid.cell_width, grid.cell_height))
    return GridAnswer(width=grid.width, height=grid.height, cell_width=cell_width, cell_height=cell_height)
