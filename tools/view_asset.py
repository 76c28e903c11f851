"""`view_asset`: what an asset of the library looks like."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastmcp.exceptions import ToolError
from fastmcp.tools import tool
from fastmcp.utilities.types import Image
from mcp_types import ToolAnnotations
from pydantic import Field

from dgx_pixels.library.database import LibraryError
from dgx_pixels.pixels.preview import preview_png
from dgx_pixels.pixels.sprite import decode_png
from dgx_pixels.tools.services import Services, ServicesDep


@tool(
    title="View asset",
    output_schema=None,
    annotations=ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False),
)
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
