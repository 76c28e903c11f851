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
_VERSIONS = 50
"""How many versions of an asset are told."""


def _library() -> Library:
    found: Library = get_context().lifespan_context["library"]
    return found


@resource("pixels://assets", title="Assets", mime_type="application/json")
async def assets() -> str:
    """Give the newest version of up to 200 assets of all projects, newest first."""
    try:
        found = await _library().newest(None, _NEWEST)
    except LibraryError as error:
        raise ResourceError(str(error)) from error
    return json.dumps({"assets": [_described(a) for a in found]}, indent=2)


@resource("pixels://assets/{asset_id}", title="Asset", mime_type="application/json")
async def asset(asset_id: str) -> str:
    """Give one asset: its newest version with recipe and checks, its last 50 versions with their parents, and where it stands."""
    library = _library()
    try:
        history = await library.history(asset_id)
        newest = history[0]
        checks = _checks(await library.details(newest))
        versions = [_version(v) | {"parents": _named(await library.parents(v.id, v.version))} for v in history[:_VERSIONS]]
        places = [asdict(place) for place in await library.places(asset_id)]
    except LibraryError as error:
        raise ResourceError(str(error)) from error
    more = {"recipe": _parsed(newest.recipe), "checks": checks, "places": places, "versions": versions}
    return json.dumps(_described(newest) | more, indent=2)


@resource("pixels://assets/{asset_id}/image", title="Picture", mime_type="image/png")
async def image(asset_id: str) -> bytes:
    """Give the PNG of an asset's newest version, at its true size."""
    try:
        return await _library().png(asset_id)
    except LibraryError as error:
        raise ResourceError(str(error)) from error


def _parsed(recipe: str) -> object:
    """A recipe as JSON; None for one that is none."""
    try:
        return json.loads(recipe)
    except (ValueError, RecursionError):
        return None


def _checks(details: str) -> object:
    """What the checks of a version found; None where nothing was kept of them."""
    try:
        return json.loads(details)["checks"]
    except (ValueError, KeyError, TypeError):
        return None


def _version(found: AssetVersion) -> dict[str, object]:
    return {
        name: getattr(found, name) for name in ("version", "created", "width", "height", "colors", "seed", "sha256", "published")
    }


def _named(parents: list[tuple[str, int]]) -> list[dict[str, object]]:
    return [{"id": asset_id, "version": version} for asset_id, version in parents]


def _described(found: AssetVersion) -> dict[str, object]:
    return {name: value for name, value in asdict(found).items() if name != "recipe"}
