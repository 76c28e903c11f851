"""`list_assets` and `view_asset`: what the library holds, and what it looks like."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from fastmcp.utilities.types import Image
from mcp_types import ToolAnnotations
from pydantic import Field

from dgx_pixels.library.database import LibraryError
from dgx_pixels.pixels.preview import preview_png
from dgx_pixels.pixels.sprite import decode_png
from dgx_pixels.tools.answers import AssetList, AssetSummary, schema_of
from dgx_pixels.tools.arguments import ProjectArgument
from dgx_pixels.tools.services import Services, ServicesDep, project_of

_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


@tool(title="List assets", output_schema=schema_of(AssetList), annotations=_READS)
async def list_assets(
    limit: Annotated[int, Field(description="At most this many.", json_schema_extra={"minimum": 1, "maximum": 200})] = 50,
    everywhere: Annotated[bool, Field(description="Assets of all projects, not only of this one.")] = False,
    project: ProjectArgument = None,
    services: Services = ServicesDep,
) -> ToolResult:
    """List the assets made so far for the Bevy project, newest first, each with its id, path, size and seed."""
    if not 1 <= limit <= 200:
        raise ToolError(f"limit is {limit}, but must be from 1 to 200.")
    bevy = None if everywhere else project_of(services, project)
    found = await services.library.newest(None if everywhere else str(bevy.root) if bevy else "", limit)
    answer = AssetList(assets=[
        AssetSummary(
            id=a.id, version=a.version, kind=a.kind, name=a.name, category=a.category, project=a.project, path=a.path,
            file=str(services.library.file(a.id, a.version)), width=a.width, height=a.height, colors=a.colors, seed=a.seed,
            published=a.published,
        )
        for a in found
    ])  # fmt: skip
    lines = [f"{a.id} v{a.version} {a.path} {a.width}x{a.height}" for a in answer.assets]
    return ToolResult(content="\n".join(lines) or "No assets yet: call generate_sprite.", structured_content=answer.model_dump())


@tool(title="View asset", output_schema=None, annotations=_READS)
async def view_asset(
    asset_id: Annotated[str, Field(description="An id of list_assets or of a result.")],
    version: Annotated[int | None, Field(description="Which version; the newest if left out.")] = None,
    services: Services = ServicesDep,
) -> Image:
    """Look at an asset: the picture itself, enlarged without smoothing, on a checkerboard where it is transparent."""
    try:
        png = await services.library.png(asset_id, version)
        return Image(data=await asyncio.to_thread(lambda: preview_png(decode_png(png))), format="png")
    except (LibraryError, ValueError) as error:  # ValueError: the file in the library is damaged
        raise ToolError(str(error)) from error
