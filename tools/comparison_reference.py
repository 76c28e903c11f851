"""The reference set of a comparison: pictures whose style the contenders' are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dgx_pixels.pixels.likeness import Style, style_of
from dgx_pixels.pixels.read import MOST_BYTES, PictureError, read_picture
from dgx_pixels.tools.read_roots import ReadError, allowed_file, read_file
from dgx_pixels.tools.sprite_reference import ASSET_ID

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.services import Services

_MOST_PICTURES = 500
_MOST_SIDE = 512
"""px: a larger picture is no sprite at its true size, and its texture would be that of an enlargement."""


async def asset_pictures(services: Services, text: str) -> list[bytes] | None:
    """The PNGs of assets, if the text is their ids, split by commas; else None. Raises LibraryError for an unknown one."""
    ids = [part.strip() for part in text.split(",")]
    if not all(ASSET_ID.fullmatch(part) for part in ids):
        return None
    return [await services.library.png(asset_id) for asset_id in ids[:_MOST_PICTURES]]


def style_of_assets(pngs: list[bytes]) -> Style:
    """The style of assets' PNGs; blocks. Raises ReadError."""
    return _style([read_picture(png).rgba for png in pngs], "These assets")


def style_of_folder(services: Services, project: BevyProject | None, text: str) -> Style:
    """The style of the PNGs in a folder that may be read, and below it; "project" is the project's assets/. Blocks.

    What is no picture, or larger than a sprite, does not count. Raises ReadError, in one sentence, if nothing is left.
    """
    if text.strip().lower() == "project":
        if project is None:
            raise ReadError("There is no Bevy project to take the reference set from: give `project`, or name a folder.")
        text = str(project.assets)
    folder = allowed_file(services, project, text)
    if not folder.is_dir():
        raise ReadError(f"{folder} is no folder: give one with sprites at their true size, asset ids, or 'project'.")
    files = sorted(folder.rglob("*.png"))[:_MOST_PICTURES]
    found = [picture for file in files if (picture := _sprite(services, project, str(file))) is not None]
    return _style(found, str(folder))


def _style(pictures: list[NDArray[np.uint8]], what: str) -> Style:
    try:
        return style_of(pictures)
    except ValueError as error:
        raise ReadError(f"{what}: no sprite of at most {_MOST_SIDE} px a side is there, as a PNG with opaque pixels.") from error


def _sprite(services: Services, project: BevyProject | None, file: str) -> NDArray[np.uint8] | None:
    try:
        picture = read_picture(read_file(services, project, file, MOST_BYTES), _MOST_SIDE**2).rgba
    except (ReadError, PictureError):
        return None  # others of the folder will do
    return picture if max(picture.shape[:2]) <= _MOST_SIDE else None
