"""`pixels://assets`: what the library holds, as data and as pictures."""

from __future__ import annotations

import json
from dataclasses import asdict

from fastmcp.exceptions import ResourceError
from fastmcp.resources import resource
from fastmcp.server.dependencies import get_context

from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.library import Library
from dgx_pixels.library.records import AssetVersion

_NEWEST = 200


def _library() -> Library:
    found: Library = get_context().lifespan_context["library"]
    return found


@resource("pixels://assets", title="Assets", mime_type="application/json")
async def assets() -> str:
    """Give the newest version of up to 200 assets of all projects, newest first."""
    found = await _library().newest(None, _NEWEST)
    return json.dumps({"assets": [_described(a) for a in found]}, indent=2)


@resource("pixels://assets/{asset_id}", title="Asset", mime_type="application/json")
async def asset(asset_id: str) -> str:
    """Give one asset with the recipe of its newest version."""
    try:
        found = await _library().version(asset_id)
    except LibraryError as error:
        raise ResourceError(str(error)) from error
    return json.dumps(_described(found) | {"recipe": json.loads(found.recipe)}, indent=2)


@resource("pixels://assets/{asset_id}/image", title="Picture", mime_type="image/png")
async def image(asset_id: str) -> bytes:
    """Give the PNG of an asset's newest version, at its true size."""
    try:
        return await _library().png(asset_id)
    except LibraryError as error:
        raise ResourceError(str(error)) from error


def _described(found: AssetVersion) -> dict[str, object]:
    return {name: value for name, value in asdict(found).items() if name != "recipe"}
