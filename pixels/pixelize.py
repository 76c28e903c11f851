"""From any picture to the pixel art that was meant."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.cells import cells_to_pixels
from dgx_pixels.pixels.colour import Color
from dgx_pixels.pixels.cutout import cut_out, remove_fringe
from dgx_pixels.pixels.grid import Grid, enlargement_grid, even_grid
from dgx_pixels.pixels.palette import Palette, lock_colors, palette_of, reduce_colors
from dgx_pixels.pixels.sprite import Sprite

_MOST_COLORS = 256
_MOST_CELLS = 128  # along the longer side of a picture that shows no grid


@dataclass(frozen=True, eq=False)
class Pixelized:
    """What was made of a picture.

    `grid` is None for a picture that shows no cells (`kind` "no_grid") or whose pixels are its cells ("true_size");
    `confidence`, 0 to 1, says how sure the grid is; `ground` is the colour that was cut out, None if nothing was.
    """

    sprite: Sprite
    grid: Grid | None
    kind: Literal["grid", "true_size", "no_grid"]
    confidence: float
    ground: Color | None


def pixelize(
    rgba: NDArray[np.uint8],
    *,
    size: tuple[int, int] | None = None,
    colors: int | None = None,
    palette: Palette | None = None,
    transparent: bool = True,
) -> Pixelized:
    """Turn a picture, (H, W, 4) sRGB with alpha, into the pixel art that it shows.

    Raises ValueError for a size below 1 or above the picture's, or a number of colours outside 2 to 256.
    """
    rows, columns = rgba.shape[:2]
    grid = enlargement_grid(rgba) if size is None else even_grid(columns, rows, *size)
    if grid is not None:
        width, height = grid.width, grid.height
    else:
        shrink = max(1.0, max(columns, rows) / _MOST_CELLS)
        width, height = max(1, round(columns / shrink)), max(1, round(rows / shrink))
    rgb = cells_to_pixels(rgba[..., :3], width, height)
    opaque = cells_to_pixels(rgba[..., 3:].repeat(3, axis=2), width, height)[..., 0] > 127
    ground = None
    if transparent and opaque.all():
        cutout = cut_out(rgb, None)
        opaque, ground = cutout.opaque, cutout.ground
        if ground is not None:
            rgb, opaque = remove_fringe(rgb, opaque, ground)
    rgb, used = reduce_colors(rgb, opaque, _MOST_COLORS if colors is None else colors)
    if palette is not None:
        rgb = lock_colors(rgb, opaque, palette)
        used = palette_of(rgb[opaque])
    sprite = Sprite(np.dstack([rgb, np.where(opaque, 255, 0).astype(np.uint8)]), used)
    kind: Literal["grid", "no_grid"] = "no_grid" if grid is None else "grid"
    return Pixelized(sprite, grid, kind, 0.0 if grid is None else grid.confidence, ground)
