"""`pixelize_image`: any image file becomes true pixel art, published into the Bevy project."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated, get_args

from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from mcp_types import ToolAnnotations
from pydantic import Field

from dgx_pixels.bevy.names import sprite_path
from dgx_pixels.bevy.publisher import PublishError
from dgx_pixels.models.matting import MattingError, check_matting
from dgx_pixels.pixels.art_options import MOST_SIDE, Cleanup
from dgx_pixels.pixels.dither import Dither
from dgx_pixels.pixels.edit import Anchor
from dgx_pixels.pixels.palette import PaletteError
from dgx_pixels.tools.answers import JobAnswer
from dgx_pixels.tools.answers_schema import schema_of
from dgx_pixels.tools.arguments import (
    CategoryArgument,
    KeyArgument,
    OverwriteArgument,
    PaletteArgument,
    ProjectArgument,
    PublishArgument,
    RequestError,
    TransparentArgument,
    WaitArgument,
    bounds,
)
from dgx_pixels.tools.job_calls import check_wait, run_job
from dgx_pixels.tools.pixelize_job import pixelize_job
from dgx_pixels.tools.pixelize_request import PixelizeRequest, pixelize_request
from dgx_pixels.tools.project_defaults import locked_palette, settings_of
from dgx_pixels.tools.publishing import check_publish
from dgx_pixels.tools.read_roots import ReadError, allowed_file
from dgx_pixels.tools.services import Services, ServicesDep, project_of

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject


_Image = Annotated[
    str,
    Field(
        description="Path of a PNG, JPEG, WebP, GIF, BMP or TIFF file: absolute, or from the project's root. It must lie in "
        "the project, the library or a folder of the setting read_roots."
    ),
]
_Name = Annotated[str | None, Field(description="File name part, [a-z0-9_]; made from the file's name if left out.")]
_Size = Annotated[
    int | str | None,
    Field(description=f"Cells, as a number or 'WxH', 1 to {MOST_SIDE}; found in the picture if left out, which is best."),
]
_Colors = Annotated[
    int | None,
    Field(description="At most this many colours; found if left out.", json_schema_extra=bounds(2, 256)),
]
_Dither = Annotated[
    str,
    Field(description="Mix shades in patterns; needs palette or colors.", json_schema_extra={"enum": list(get_args(Dither))}),
]
_Cleanup = Annotated[
    list[str] | None,
    Field(
        description="Touch-ups, off unless named: faint orphan pixels, jagged lines, doubled outlines.",
        json_schema_extra={"items": {"enum": list(get_args(Cleanup))}},
    ),
]
_Outline = Annotated[str | None, Field(description="Draw a line of one pixel around the subject in this colour: '#1a1c2c'.")]
_Canvas = Annotated[int | str | None, Field(description="Stand the subject on a clear canvas of this size, a number or 'WxH'.")]
_Anchor = Annotated[
    str | None,
    Field(
        description="Where on the canvas it stands: feet (bottom centre; the default) or centre.",
        json_schema_extra={"enum": [*get_args(Anchor), None]},
    ),
]
_Matting = Annotated[
    bool, Field(description="Tell the subject from a busy ground with a matting model; a flat ground needs none.")
]


@tool(
    title="Pixelize image",
    output_schema=schema_of(JobAnswer),
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False),
)
async def pixelize_image(
    image: _Image,
    ctx: Context,
    name: _Name = None,
    category: CategoryArgument = "item",
    size: _Size = None,
    colors: _Colors = None,
    palette: PaletteArgument = None,
    transparent: TransparentArgument = None,
    dither: _Dither = "none",
    cleanup: _Cleanup = None,
    outline: _Outline = None,
    trim: Annotated[bool, Field(description="Cut off clear rows and columns.")] = False,
    canvas: _Canvas = None,
    anchor: _Anchor = None,
    matting: _Matting = False,
    wait_s: WaitArgument = 45,
    publish: PublishArgument = True,
    overwrite: OverwriteArgument = False,
    project: ProjectArgument = None,
    key: KeyArgument = None,
    services: Services = ServicesDep,
) -> ToolResult:
    """Turn any image file into true pixel art and write it into the Bevy project's assets/, where a running game reloads it.

    Finds the grid of cells in a blurry, drifting or JPEG "pixel art" picture, and gives back one clean pixel a cell, few colours
    and binary alpha, checked. The answer says how sure the grid is. Draws nothing new: to draw from words use generate_sprite.
    """
    bevy = project_of(services, project)
    check_wait(wait_s)
    try:
        settings = await asyncio.to_thread(settings_of, bevy)
        locked = await asyncio.to_thread(locked_palette, services, bevy, palette, settings)
        request = pixelize_request(
            image=image, name=name, category=category, size=size, colors=colors, palette=locked, transparent=transparent,
            dither=dither, cleanup=cleanup or (), outline=outline, trim=trim, canvas=canvas, anchor=anchor, matting=matting,
            publish=publish, overwrite=overwrite,
        )  # fmt: skip
        await asyncio.to_thread(_check, services, bevy, request)
    except (RequestError, PaletteError, ReadError, MattingError, PublishError) as error:
        raise ToolError(str(error)) from error

    work = partial(pixelize_job, services, request, bevy)
    return await run_job(services, "pixelize", bevy, request, work, wait_s=wait_s, on_progress=ctx.report_progress, key=key)


def _check(services: Services, project: BevyProject | None, request: PixelizeRequest) -> None:
    """Find out, before any work, whether the picture may be read and the sprite could be written."""
    allowed_file(services, project, request.image)
    if request.matting:
        check_matting(services.matting)
    if project is not None and request.publish:
        check_publish(services, project, [sprite_path(request.category, request.name, 1, 1)], request.overwrite)
