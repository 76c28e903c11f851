"""The PNGs that stand in a project: which there are, what each is called, and what it holds."""

from __future__ import annotations

import asyncio
import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, get_args

import numpy as np

from dgx_pixels.bevy.names import Category, name_from_prompt
from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.records import NewVersion
from dgx_pixels.pixels.art_options import MOST_COLORS
from dgx_pixels.pixels.colour import to_hex
from dgx_pixels.pixels.read import PictureError, read_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.services import Services


def pngs_below(project: BevyProject, folder: str) -> tuple[list[str], list[str]]:
    """The PNGs in a folder of assets/ and below it, as paths relative to assets/; links are not followed.

    Apart from them those whose names are no UTF-8 text, with escapes for what is not. Blocks. Raises LibraryError if there is no
    such folder inside assets/.
    """
    start = (project.assets / folder).resolve()
    if not start.is_relative_to(project.assets):
        raise LibraryError(f"{folder[:200]!r} is not inside {project.assets}: name a folder that is.")
    if not start.is_dir():
        raise LibraryError(f"There is no folder {start}: name one inside {project.assets}.")
    found = (file for file in start.rglob("*") if file.suffix.lower() == ".png" and file.is_file() and not file.is_symlink())
    paths = sorted(file.relative_to(project.assets).as_posix() for file in found)
    shown = {path: os.fsencode(path).decode(errors="backslashreplace") for path in paths}
    return [path for path in paths if shown[path] == path], [name for path, name in shown.items() if name != path]


def named(path: str) -> tuple[Category, str]:
    """Category and name of an asset, from its file's name: as we name files, else item and the words of it."""
    stem = PurePosixPath(path).stem
    first, _, rest = stem.lower().partition("_")
    category: Category | None = next((c for c in get_args(Category) if c == first), None)
    if category is not None and rest:
        return category, name_from_prompt(rest.replace("_", " "))
    return "item", name_from_prompt(stem.replace("_", " "))


async def drawn_by_hand(services: Services, data: bytes, path: str) -> NewVersion:
    """A picture as a version that says only what the picture itself tells. Raises PictureError, also if it is no PNG."""
    picture = await asyncio.get_running_loop().run_in_executor(services.pictures, read_picture, data)
    if picture.format != "PNG" or picture.shrunk > 1:
        raise PictureError(
            f"It is a {picture.format} of {picture.width}x{picture.height}: only PNGs of at most 4096x4096 are kept."
        )
    colors = await asyncio.to_thread(_colors, picture.rgba)
    return NewVersion(
        project="", path=path, kind="sprite", name="", category="item", png=data, recipe="{}", width=picture.width,
        height=picture.height, colors=len(colors), seed=0,
        palette=tuple(to_hex((c >> 16, c >> 8 & 255, c & 255)) for c in colors.tolist()) if len(colors) <= MOST_COLORS else None,
    )  # fmt: skip


def _colors(rgba: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The colours of what is not clear, each as 0xrrggbb."""
    red, green, blue = np.moveaxis(rgba[rgba[..., 3] > 0][:, :3].astype(np.uint32), 1, 0)
    return np.unique(red << 16 | green << 8 | blue)
