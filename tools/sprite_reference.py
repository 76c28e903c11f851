"""The picture that a sprite starts from: an asset of the library, or a file that may be read."""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import TYPE_CHECKING

from dgx_pixels.models.render import Reference
from dgx_pixels.pixels.read import MOST_BYTES, read_picture
from dgx_pixels.pixels.reference import reference_render
from dgx_pixels.tools.read_roots import read_file

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.models.catalogue import BaseModel
    from dgx_pixels.tools.services import Services
    from dgx_pixels.tools.sprite_request import SpriteRequest

ASSET_ID = re.compile(r"[0-9a-f]{12}")
_PLAIN = (200, 200, 200)
"""The ground for models that draw none of their own colour."""


async def read_reference(
    services: Services, project: BevyProject | None, request: SpriteRequest, base: BaseModel
) -> Reference | None:
    """The request's reference, as large as its render; None if it has none.

    Raises LibraryError, ReadError or PictureError, with one sentence, if there is no such asset, or the file may not or cannot be
    read.
    """
    if request.reference is None:
        return None
    if ASSET_ID.fullmatch(request.reference):
        data = await services.library.png(request.reference)
    else:
        data = await asyncio.to_thread(read_file, services, project, request.reference, MOST_BYTES)
    return await fit_reference(services, data, request, base)


async def fit_reference(services: Services, data: bytes, request: SpriteRequest, base: BaseModel) -> Reference:
    """A picture file's content as the request's reference, as large as its render. Raises PictureError."""
    width, height = base.render_size(request.width, request.height, wrapped=request.seamless)

    def fitted() -> Reference:
        pixels = reference_render(read_picture(data).rgba, width, height, base.ground or _PLAIN)
        return Reference(pixels, request.strength, hashlib.sha256(data).hexdigest())

    return await asyncio.get_running_loop().run_in_executor(services.pictures, fitted)
