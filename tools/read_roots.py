"""Which files tools may read: those of the project, of the library, and of the folders that the user has named."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dgx_pixels.pixels.palette import PaletteError
from dgx_pixels.pixels.palette_files import MOST_BYTES
from dgx_pixels.pixels.plain_file import open_unlinked
from dgx_pixels.tools.palettes import find_palette

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.pixels.palette import Palette
    from dgx_pixels.tools.services import Services


class ReadError(ValueError):
    """The file may not or cannot be read; the text says why and what to do."""


def read_file(services: Services, project: BevyProject | None, path: str, most_bytes: int) -> bytes:
    """Read a file that may be read; blocks.

    A relative path starts at the project's root. Links are followed first: where they lead must be allowed, too.

    Raises ReadError, with one sentence, if it lies elsewhere, is no plain file, or has more than `most_bytes`.
    """
    file = allowed_file(services, project, path)
    try:
        with open_unlinked(file) as opened:
            size = os.fstat(opened.fileno()).st_size
            if size > most_bytes:
                raise ReadError(f"{file} has {size:,} bytes, but at most {most_bytes:,} are read: give a smaller file.")
            return opened.read(most_bytes)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EISDIR):
            raise ReadError(f"{file} is no plain file: give the path of an image file.") from error
        raise ReadError(f"{file} cannot be read ({error.strerror}): check the path and its permissions.") from error


def allowed_file(services: Services, project: BevyProject | None, path: str) -> Path:
    """Resolve a path; raises ReadError if it does not lie in a folder that may be read, without a look at what is there."""
    asked = Path(path)
    if not asked.is_absolute():
        if project is None:
            raise ReadError(
                f"The path {path[:200]!r} is not absolute, and there is no Bevy project to start from: give it in full."
            )
        asked = project.root / asked
    roots = [root for root in (project.root if project else None, *services.read_roots) if root is not None]
    try:
        file = Path(os.path.realpath(asked))
        inside = any(file.is_relative_to(os.path.realpath(root)) for root in roots)
    except (OSError, ValueError) as error:  # a byte 0
        raise ReadError(f"The path {path[:200]!r} is none: give the path of an image file.") from error
    if not inside:
        where = ", ".join(map(str, roots)) or "no folder"
        raise ReadError(
            f"{path[:200]} may not be read, only what lies in {where}: copy it there, or start DGX-Pixels with its folder in the "
            "setting read_roots (DGX_PIXELS_READ_ROOTS)."
        )
    return file


def asked_palette(services: Services, project: BevyProject | None, text: str) -> Palette:
    """Find the palette that an argument names (see `palettes.find_palette`); blocks. Raises PaletteError."""
    try:
        return find_palette(text, project.assets if project else None, lambda p: read_file(services, project, p, MOST_BYTES))
    except ReadError as error:
        raise PaletteError(str(error)) from error
