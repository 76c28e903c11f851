"""What can be measured of a drawn picture without knowing what it shows, so that models can be compared in numbers."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.cells import cells_to_pixels
from dgx_pixels.pixels.cleanup import orphans
from dgx_pixels.pixels.colour import Color, comparable
from dgx_pixels.pixels.cutout import cut_out, remove_fringe
from dgx_pixels.pixels.grid import even_grid
from dgx_pixels.pixels.grid_flatness import unevenness
from dgx_pixels.pixels.likeness import Style, likeness
from dgx_pixels.pixels.palette import Palette
from dgx_pixels.pixels.sprite import Sprite

_SMALLEST_CELL: Final = 2  # px: in smaller ones nothing can be flat or not


@dataclass(frozen=True)
class Measures:
    """Of one render and the sprite made of it; None where a measure does not apply. See `measure`."""

    colors: int
    palette_distance: float | None
    orphans: float
    cutout: float | None
    sharpness: float | None
    likeness_colors: float | None
    likeness_texture: float | None


def measure(
    render: NDArray[np.uint8], sprite: Sprite, *, palette: Palette | None, transparent: bool, ground: Color | None,
    reference: Style | None = None,
) -> Measures:  # fmt: skip
    """Measure a render, (H, W, 3), and its sprite, made with these `palette`, `transparent` and `ground`.

    - `colors`: different colours of the sprite's opaque pixels;
    - `palette_distance`: mean distance in `colour.comparable` of the subject's cells, as drawn, from the nearest colour of the
      palette: 0 is in it, 0.02 just noticeable; None without a palette;
    - `orphans`: share of opaque pixels of a colour that none of their eight neighbours has;
    - `cutout`: share of the subject's outline that was no mix with the ground and needed no cleaning, 0 to 1; 0 if no ground was
      found though one was to be cut out; None if it was to be kept;
    - `sharpness`: 1 less the variance inside the render's cells over that half a cell further on, 0 to 1: true cells have nearly
      1, a smooth picture 0; None for cells of less than 2 px, which cannot vary inside;
    - `likeness_colors`, `likeness_texture`: see `likeness.likeness`; None without a reference.
    """
    height, width = sprite.rgba.shape[:2]
    cells = cells_to_pixels(render, width, height)
    alike = (None, None) if reference is None else likeness(sprite.rgba, reference)
    opaque = sprite.rgba[..., 3] > 0
    return Measures(
        colors=len(sprite.palette),
        palette_distance=None if palette is None else _distance(cells[opaque], palette),
        orphans=float(orphans(sprite.rgba).sum()) / max(1, int(opaque.sum())),
        cutout=_cutout(cells, ground) if transparent else None,
        sharpness=_sharpness(render, width, height),
        likeness_colors=alike[0],
        likeness_texture=alike[1],
    )


def _distance(colors: NDArray[np.uint8], palette: Palette) -> float | None:
    """Mean distance of colours, (n, 3), from the palette; None if there are none."""
    if not len(colors):
        return None
    allowed = comparable(np.array(palette, np.uint8))
    found, counts = np.unique(colors, axis=0, return_counts=True)
    away = np.linalg.norm(comparable(found)[:, None] - allowed[None], axis=2).min(axis=1)
    return float(np.average(away, weights=counts))


def _cutout(cells: NDArray[np.uint8], ground: Color | None) -> float:
    cut = cut_out(cells[None], ground)
    opaque = cut.opaque[0]
    if cut.ground is None or not opaque.any():
        return 0.0
    cleaned, left = remove_fringe(cells, opaque, cut.ground)
    mixed = opaque & (~left | (cleaned != cells).any(axis=-1))
    around = np.pad(opaque, 1, constant_values=True)  # the picture's own edge is no outline
    inside = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    outline = int((opaque & ~inside).sum())
    return 1.0 - min(1.0, int(mixed.sum()) / outline) if outline else 0.0


def _sharpness(render: NDArray[np.uint8], width: int, height: int) -> float | None:
    rows, columns = render.shape[:2]
    if columns < _SMALLEST_CELL * width or rows < _SMALLEST_CELL * height:
        return None
    grid = even_grid(columns, rows, width, height)
    return max(0.0, 1.0 - unevenness(render, grid.x_cuts, grid.y_cuts))
