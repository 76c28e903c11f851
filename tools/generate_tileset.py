"""`generate_tileset`: from the names of terrains to a tileset that is proven to fit, published into the Bevy project."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated, get_args

from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from mcp_types import ToolAnnotations
from pydantic import Field

from dgx_pixels.bevy.names import tileset_path
from dgx_pixels.bevy.publisher import PublishError
from dgx_pixels.models.catalogue import ModelError, check_weights
from dgx_pixels.pixels.palette import PaletteError
from dgx_pixels.pixels.tile_layout import Kind
from dgx_pixels.pixels.tile_mask import Transition
from dgx_pixels.tools.answers import JobAnswer
from dgx_pixels.tools.answers_schema import schema_of
from dgx_pixels.tools.arguments import (
    KeyArgument,
    ModelArgument,
    OverwriteArgument,
    PaletteArgument,
    ProjectArgument,
    PublishArgument,
    RequestError,
    WaitArgument,
    bounds,
)
from dgx_pixels.tools.job_calls import check_wait, run_job
from dgx_pixels.tools.project_defaults import defaults
from dgx_pixels.tools.publishing import check_publish
from dgx_pixels.tools.seeds import seed_or_any
from dgx_pixels.tools.services import Services, ServicesDep, project_of
from dgx_pixels.tools.tileset_job import sidecars_of, tileset_job
from dgx_pixels.tools.tileset_request import (
    FEWEST_SIDE,
    MOST_SIDE,
    MOST_TERRAINS,
    MOST_VARIANTS,
    tileset_request,
)

if TYPE_CHECKING:
    from dgx_pixels.bevy.project_settings import ProjectSettings

_SIDE = 16


_Terrains = Annotated[
    list[str],
    Field(
        description="What the ground is made of, from the lowest terrain to the highest: ['water', 'sand', 'grass']. "
        f"1 to {MOST_TERRAINS}. A sidescroller's are the ground and what covers it: ['brown dirt', 'grass'].",
        json_schema_extra={"minItems": 1, "maxItems": MOST_TERRAINS},
    ),
]
_Kind = Annotated[
    str,
    Field(
        description="wang16: a terrain at each corner, all combinations; blob47: cells that join their eight neighbours; "
        "dualgrid15: each terrain on clear ground, to lay in layers; sidescroller: platforms in clear air; seamless: plain "
        "ground, no transitions.",
        json_schema_extra={"enum": list(get_args(Kind))},
    ),
]
_TileSize = Annotated[
    int | None,
    Field(
        description="Side of a tile in pixels, even but for seamless; the project's tile size, or 16, if left out.",
        json_schema_extra=bounds(FEWEST_SIDE, MOST_SIDE),
    ),
]
_Variants = Annotated[
    int,
    Field(
        description="Tiles of each terrain alone; all fit each other.",
        json_schema_extra=bounds(1, MOST_VARIANTS),
    ),
]
_Transition = Annotated[
    str,
    Field(
        description="Between terrains: an outline with light and shadow, a rough edge, a hard one, or a soft one by dither.",
        json_schema_extra={"enum": list(get_args(Transition))},
    ),
]
_Pairs = Annotated[
    list[list[str]] | None,
    Field(
        description="Only these pairs of terrains meet, [upper, lower] each: [['sand', 'water'], ['grass', 'sand']]. "
        "Left out, wang16 has all corner combinations (terrains ** 4 tiles), blob47 each terrain over the one before."
    ),
]
_Colors = Annotated[
    int | None,
    Field(
        description="At most this many; 8 for each terrain, 16 at least, if left out.",
        json_schema_extra=bounds(3, 256),
    ),
]
_Name = Annotated[str | None, Field(description="File name part, [a-z0-9_]; made from kind and terrains if left out.")]
_Seed = Annotated[int | None, Field(description="The same seed gives the same tileset; random if left out.")]


@tool(
    title="Generate tileset",
    output_schema=schema_of(JobAnswer),
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False),
)
async def generate_tileset(
    terrains: _Terrains,
    ctx: Context,
    kind: _Kind = "wang16",
    tile_size: _TileSize = None,
    variants: _Variants = 3,
    transition: _Transition = "outlined",
    pairs: _Pairs = None,
    colors: _Colors = None,
    palette: PaletteArgument = None,
    name: _Name = None,
    seed: _Seed = None,
    model: ModelArgument = None,
    wait_s: WaitArgument = 45,
    publish: PublishArgument = True,
    overwrite: OverwriteArgument = False,
    project: ProjectArgument = None,
    key: KeyArgument = None,
    services: Services = ServicesDep,
) -> ToolResult:
    """Draw terrains and make a tileset of them for the Bevy project: a PNG atlas, its manifest entry, Tiled's .tsx and a .tmx.

    Complete, and every pair of tiles that may be neighbours is compared along its edge before anything is written. The preview is
    a map made of it. The manifest says for each tile which terrains it joins and which edges fit. The same name again becomes
    the asset's next version. For one picture that is no ground use generate_sprite.
    """
    bevy = project_of(services, project)
    check_wait(wait_s)
    try:
        given = await asyncio.to_thread(defaults, services, bevy, palette, model)
        side = tile_size if tile_size is not None else _side(given.settings)
        request = tileset_request(
            terrains=terrains, kind=kind, tile_size=side, variants=variants, transition=transition, pairs=pairs,
            colors=colors, palette=given.palette, name=name, seed=seed_or_any(seed),
            model=str(given.contender), publish=publish, overwrite=overwrite,
        )  # fmt: skip
        await asyncio.to_thread(check_weights, given.contender.base)
        if bevy is not None and publish:
            paths = [tileset_path(request.name), *sidecars_of(request.name)]
            await asyncio.to_thread(check_publish, services, bevy, paths, overwrite)
    except (RequestError, PaletteError, ModelError, PublishError) as error:
        raise ToolError(str(error)) from error

    work = partial(tileset_job, services, request, bevy)
    return await run_job(services, "tileset", bevy, request, work, wait_s=wait_s, on_progress=ctx.report_progress, key=key)


def _side(settings: ProjectSettings) -> int:
    return _SIDE if settings.tile_size is None else min(settings.tile_size, MOST_SIDE)
