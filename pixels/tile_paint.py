"""Tiles painted from materials: where each terrain lies, its texture there, and the lines and shadows between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import Color, comparable, oklab_to_srgb, srgb_to_oklab
from dgx_pixels.pixels.palette import Palette, lock_colors, reduce_colors
from dgx_pixels.pixels.tile_layout import CLEAR, Cells, Layout, Tile
from dgx_pixels.pixels.tile_mask import BAND, EdgeShape, Labels, Transition, labels_of
from dgx_pixels.pixels.tile_texture import Texture

_LINE, _SHADOW, _LIGHT = 0.52, 0.74, 1.22  # of the lightness of the material
_FEWEST: Final = 3  # colours of a material: itself, its line and its light


@dataclass(frozen=True, eq=False)
class Material:
    """What a terrain is made of, all in one palette: `fills`, (variants, n, n, 3), border on each other and on themselves."""

    fills: NDArray[np.uint8]
    shadow: Texture
    """(n, n, 3): the first fill, as it lies in shadow."""
    line: Color
    """Of the dark line where it ends."""
    light: Color
    """Of its edges that face the light, which comes from above."""


def make_materials(textures: Sequence[Sequence[Texture]], colors: int, palette: Palette | None) -> tuple[Material, ...]:
    """Make materials of textures, for each terrain its variants, all (n, n, 3): under one palette of at most so many colours.

    With a `palette`, each colour becomes its nearest there. Raises ValueError as `palette.reduce_colors` does.
    """
    share = max(_FEWEST, colors // len(textures))
    return tuple(_material(variants, share, palette) for variants in textures)


def paint_tiles(
    layout: Layout, materials: Sequence[Material], shape: EdgeShape, transition: Transition, *, surface: bool = False
) -> NDArray[np.uint8]:
    """Paint all tiles of a layout: (tiles, side, side, 4), alpha 0 or 255, clear pixels (0, 0, 0, 0).

    Terrain i is of material i. With `surface`, the ground of a sidescroller is of material 0 and its top of material 1.
    """
    return np.stack([_tile(tile, materials, shape, transition, surface=surface) for tile in layout.tiles])


def atlas_of(tiles: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Lay tiles, (n, h, w, 4), in rows of so many, no spacing and no margin; what is left of the last row is clear."""
    count, height, width = tiles.shape[:3]
    rows = -(-count // columns)
    full = np.zeros((rows * columns, height, width, 4), dtype=np.uint8)
    full[:count] = tiles
    return full.reshape(rows, columns, height, width, 4).transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 4)


def tiles_of(atlas: NDArray[np.uint8], side: int, count: int) -> NDArray[np.uint8]:
    """Cut an atlas, (h, w, 4), into its first `count` tiles: (count, side, side, 4)."""
    rows, columns = atlas.shape[0] // side, atlas.shape[1] // side
    cut = atlas.reshape(rows, side, columns, side, 4).transpose(0, 2, 1, 3, 4)
    return cut.reshape(rows * columns, side, side, 4)[:count]


def _material(variants: Sequence[Texture], colors: int, palette: Palette | None) -> Material:
    fills = np.stack(variants)
    first = fills[0].reshape(-1, 3)
    by_light = first[comparable(first)[:, 0].argsort()]
    dark, bright = by_light[len(first) // 4][None], by_light[9 * len(first) // 10][None]
    ends = np.concatenate([_lit(dark, _LINE), _lit(bright, _LIGHT)])
    pixels = np.concatenate([fills.reshape(-1, 3), _lit(first, _SHADOW), ends])[None]
    opaque = np.ones(pixels.shape[:2], dtype=np.bool_)
    pixels, _ = reduce_colors(pixels, opaque, colors)
    if palette is not None:
        pixels = lock_colors(pixels, opaque, palette)
    filled, shaded, last = np.split(pixels[0], (len(pixels[0]) - len(first) - 2, len(pixels[0]) - 2))
    line, light = ((int(red), int(green), int(blue)) for red, green, blue in last)
    return Material(filled.reshape(fills.shape), shaded.reshape(fills.shape[1:]), line, light)


def _lit(rgb: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Colours as lighter or darker ones of the same hue."""
    lab = srgb_to_oklab(rgb)
    return oklab_to_srgb(lab * (share, share**0.5, share**0.5))


def _tile(
    tile: Tile, materials: Sequence[Material], shape: EdgeShape, transition: Transition, *, surface: bool
) -> NDArray[np.uint8]:
    side = shape.side
    if tile.terrain is not None and not surface:
        return np.dstack([materials[tile.terrain].fills[tile.variant], np.full((side, side), 255, np.uint8)])
    labels = labels_of(tile.cells, shape)
    if surface:
        labels = _with_surface(labels, tile.cells, shape)
    inner = _inner(labels)
    rgba = np.zeros((side, side, 4), dtype=np.uint8)
    for label in np.unique(inner):
        if label != CLEAR:
            here = inner == label
            fills = materials[label].fills
            rgba[here, :3] = fills[tile.variant if tile.terrain is not None else 0][here]
            rgba[here, 3] = 255
    if transition == "outlined":
        _draw_lines(rgba, labels, materials)
    return rgba


def _draw_lines(rgba: NDArray[np.uint8], labels: Labels, materials: Sequence[Material]) -> None:
    """Draw the upper terrains' rims, light where they face up, dark elsewhere, and their shadow below them."""
    inner = _inner(labels)
    north, south = _inner(labels, -1, 0), _inner(labels, 1, 0)
    west, east = _inner(labels, 0, -1), _inner(labels, 0, 1)
    for label in np.unique(inner):
        if label == CLEAR:
            continue
        here = inner == label
        material = materials[label]
        shaded = here & ((north > label) | (_inner(labels, -2, 0) > label) & (len(inner) >= 24))
        rgba[shaded, :3] = material.shadow[shaded]
        rgba[here & (north < label), :3] = material.light
        rgba[here & ((south < label) | (west < label) | (east < label)), :3] = material.line


def _with_surface(labels: Labels, cells: Cells, shape: EdgeShape) -> Labels:
    """Lay terrain 1 on top of terrain 0 where the ground is open above, ending rounded where a wall rises from it."""
    side = shape.side
    y, x = (places - BAND for places in np.indices(labels.shape))
    covered = np.zeros(labels.shape, dtype=np.bool_)
    if cells[0][1] == CLEAR:
        covered |= y < shape.surface[x % side]
    for column, corner, depth in ((0, -0.5, shape.surface[-1]), (2, side - 0.5, shape.surface[0])):
        if cells[0][1] != CLEAR and cells[0][column] == CLEAR and cells[1][column] != CLEAR:
            covered |= np.hypot(x - corner, y - depth / 2) < (depth - 1) / 2  # below the wall's own edge
    result = labels.copy()
    result[covered & (labels != CLEAR)] = 1
    return result


def _inner(labels: Labels, dy: int = 0, dx: int = 0) -> Labels:
    """The tile's own pixels, or, for each, the one at (dy, dx) from it."""
    rows, columns = labels.shape
    return labels[BAND + dy : rows - BAND + dy, BAND + dx : columns - BAND + dx]
