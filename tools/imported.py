"""What comes into the library from outside: an artist's edit of a published file is the asset's next version."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from dgx_pixels.bevy.items import sha256
from dgx_pixels.bevy.preflight import PublishError, target_of
from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.records import NewVersion
from dgx_pixels.pixels.sprite import decode_png

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.library.records import AssetVersion
    from dgx_pixels.tools.services import Services


async def keep_edited(services: Services, project: BevyProject, path: str) -> AssetVersion | None:
    """Keep the file at `path`, relative to assets/, as its asset's next version; None if it holds the newest, or is no asset's.

    Raises LibraryError, OSError if the file cannot be read, and ValueError if it is no PNG that could be a sprite.
    """
    asset_id = await services.library.at_path(str(project.root), path)
    if asset_id is None:
        return None
    newest = await services.library.version(asset_id)
    try:
        png = await asyncio.to_thread(target_of(project, path).read_bytes)
    except PublishError as error:
        raise LibraryError(str(error)) from error
    if sha256(png) == newest.sha256:
        return None
    sprite = await asyncio.to_thread(decode_png, png)
    height, width = sprite.rgba.shape[:2]
    recipe = {"kind": "edited", "parent": {"asset": newest.id, "version": newest.version}}
    return await services.library.add(NewVersion(
        project=newest.project, path=path, kind=newest.kind, name=newest.name, category=newest.category, png=png,  # type: ignore[arg-type]  # a kind that was kept is one
        recipe=json.dumps(recipe, sort_keys=True), width=width, height=height, colors=len(sprite.palette), seed=newest.seed,
        details=await services.library.details(newest),
    ))  # fmt: skip
