"""What a `palette` argument means: a bundled name, hex colours, a palette file, or "project"."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from dgx_pixels.pixels.art_options import MOST_COLORS
from dgx_pixels.pixels.palette import Palette, PaletteError, palette_of, read_palette, reduce_colors
from dgx_pixels.pixels.palette_files import MOST_BYTES, SUFFIXES, colors_in_order, parse_palette
from dgx_pixels.pixels.plain_file import read_plain
from dgx_pixels.pixels.read import PictureError, read_picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dgx_pixels.pixels.colour import Color

PROJECT: Final = "project"
"""The name of the palette of what the Bevy project has already."""

_MOST_FILES: Final = 2000
_MOST_PIXELS: Final = 2**24
"""Of a sheet that is looked at, 4096x4096: a file of a few KB may have many more."""


def find_palette(text: str, assets: Path | None, read: Callable[[str], bytes]) -> Palette:
    """Find the palette that `text` names; blocks.

    It is "project" (see `project_palette`; `assets` is the project's folder, None if there is no project), the path of a
    palette file, which `read` reads, or what `pixels.palette.read_palette` takes.

    Raises PaletteError, with one sentence, if it is none of these; whatever `read` raises.
    """
    name = text.strip()
    if name.lower() == PROJECT:
        if assets is None:
            raise PaletteError("There is no Bevy project to take the palette from: give `project`, or name a palette.")
        return project_palette(assets)
    if name.lower().endswith(SUFFIXES):
        return parse_palette(read(name))
    return read_palette(text)


def project_palette(assets: Path) -> Palette:
    """Find the colours of all pixel art below a project's assets/: of every PNG of at most 256 colours, from dark to light.

    If they are more than 256 together, those that stand best for all of them, each PNG's colours counting once.
    Raises PaletteError if there are fewer than two.
    """
    seen: Counter[Color] = Counter()
    for file in sorted(assets.rglob("*.png"))[:_MOST_FILES]:
        if file.resolve().is_relative_to(assets):  # a link may lead anywhere
            seen.update(_colors_of(file))
    if len(seen) < 2:
        raise PaletteError(f"{assets} holds no pixel art yet (PNGs of at most 256 colours): name a palette instead.")
    pixels = np.array(list(seen.elements()), dtype=np.uint8)
    if len(seen) <= MOST_COLORS:
        return palette_of(pixels)
    return reduce_colors(pixels[None], np.ones((1, len(pixels)), dtype=np.bool_), MOST_COLORS)[1]


def _colors_of(file: Path) -> Palette:
    """The colours of a PNG; none if it is no pixel art, or cannot be read: it is the user's, and not asked for by name."""
    try:
        colors = colors_in_order(read_picture(read_plain(file, MOST_BYTES), _MOST_PIXELS).rgba)
    except (PictureError, OSError):
        return ()
    return colors if len(colors) <= MOST_COLORS else ()
