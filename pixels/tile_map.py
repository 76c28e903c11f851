"""Maps made of a set's tiles: a random one for the eye, and what fits beside what."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.tile_layout import (
    CLEAR,
    SHAPES,
    Cells,
    Kind,
    Layout,
    Pair,
    Tile,
    blob_cells,
    blob_mask,
    edges_of,
)
from dgx_pixels.pixels.tile_seams import fits

EMPTY: Final = -1
"""No tile."""
_BLUR: Final = 1.7  # cells: how large the areas of one terrain are

Terrains = NDArray[np.int64]
Layer = NDArray[np.int64]
"""(rows, columns): atlas indices, EMPTY for none."""

Patterns = list[list[Cells | None]]


@dataclass(frozen=True, eq=False)
class TileMap:
    """Layers of one size, the lowest first."""

    layers: tuple[Layer, ...]


def random_map(layout: Layout, terrains: int, width: int, height: int, seed: int) -> TileMap:
    """Make a map of width x height tiles that shows all of the set's terrains, the same for the same seed.

    If the set has only some pairs of terrains, or none, each gets a part of its own, with an empty column between. Raises
    LookupError, naming the pattern, if the layout lacks a tile that the map needs.
    """
    random = np.random.default_rng(seed)
    chain = tuple((t, t - 1) for t in range(1, terrains))
    if layout.kind == "seamless":
        return _side_by_side(layout, [_alone(t, height, width // terrains) for t in range(terrains)], random)
    if layout.kind in ("wang16", "blob47") and layout.pairs not in ((), chain):
        across = (width + 1) // len(layout.pairs) - 1
        return _side_by_side(layout, [_pair(layout.kind, pair, height, across, random) for pair in layout.pairs], random)
    size = (height + 1, width + 1) if SHAPES[layout.kind] == 2 else (height, width)
    if layout.kind == "sidescroller":
        field = _ground(size, random)
    else:
        field = _areas(size, terrains, random)
        if layout.pairs and layout.kind != "dualgrid15":
            field = _gentle(field)
    return TileMap(tuple(_indices(layout, cells, random) for cells in _patterns(layout, field, terrains)))


def draw_map(tile_map: TileMap, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw a map with a set's tiles, (n, side, side, 4): (rows * side, columns * side, 4), clear where there is no tile."""
    side = tiles.shape[1]
    rows, columns = tile_map.layers[0].shape
    picture = np.zeros((rows, columns, side, side, 4), dtype=np.uint8)
    for layer in tile_map.layers:
        drawn = tiles[np.maximum(layer, 0)] * (layer != EMPTY)[..., None, None, None]
        picture = np.where(drawn[..., 3:] > 0, drawn, picture).astype(np.uint8)
    return picture.transpose(0, 2, 1, 3, 4).reshape(rows * side, columns * side, 4)


def misfits(tile_map: TileMap, layout: Layout) -> list[tuple[int, int]]:
    """All neighbours in a map whose shared edges have different patterns, as pairs of atlas indices."""
    edges = [edges_of(tile.cells) for tile in layout.tiles]
    found = []
    for layer in tile_map.layers:
        for before, after, first, second in ((layer[:, :-1], layer[:, 1:], 1, 3), (layer[:-1], layer[1:], 2, 0)):
            for one, other in zip(before.reshape(-1).tolist(), after.reshape(-1).tolist(), strict=True):
                if EMPTY not in (one, other) and (edges[one][first] != edges[other][second] or not fits(edges[one][first])):
                    found.append((one, other))
    return found


def _areas(size: tuple[int, int], terrains: int, random: np.random.Generator) -> Terrains:
    """Areas of each terrain, about alike in size, each beside the next."""
    noise = cv2.GaussianBlur(random.normal(size=size), (0, 0), _BLUR)
    return np.digitize(noise, np.quantile(noise, np.arange(1, terrains) / terrains))


def _gentle(field: Terrains) -> Terrains:
    """Lower a field until no two neighbours, corners included, differ by more than one."""
    while True:
        lower = np.minimum(field, cv2.erode(field.astype(np.int16), np.ones((3, 3), np.uint8)).astype(np.int64) + 1)
        if np.array_equal(lower, field):
            return field
        field = lower


def _ground(size: tuple[int, int], random: np.random.Generator) -> Terrains:
    """Hills with a step here and there, caves in them, and islands in the air; 0 is ground, CLEAR is air."""
    height, width = size
    hills = cv2.GaussianBlur(random.normal(size=(1, width)), (0, 0), 3, sigmaY=1)[0]
    top = np.rint(height * (0.62 - 0.2 * hills / np.abs(hills).max())).astype(int)
    rows = np.arange(height)[:, None]
    noise = cv2.GaussianBlur(random.normal(size=size), (0, 0), 2.2, sigmaY=0.9)
    solid = (rows >= top) & ~((noise > 1.4 * noise.std()) & (rows > top + 1))
    solid |= (noise < -1.5 * noise.std()) & (rows < top - 2) & (rows > 1)
    return np.where(solid, 0, CLEAR)


def _side_by_side(layout: Layout, parts: Sequence[Patterns], random: np.random.Generator) -> TileMap:
    """Parts that may not touch, with an empty column between."""
    columns = [column for part in parts for column in (_indices(layout, part, random), np.full((len(part), 1), EMPTY))]
    return TileMap((np.concatenate(columns[:-1], axis=1),))


def _alone(terrain: int, height: int, width: int) -> Patterns:
    return _corners(np.full((height + 1, max(1, width) + 1), terrain))


def _pair(kind: Kind, pair: Pair, height: int, width: int, random: np.random.Generator) -> Patterns:
    corner = SHAPES[kind] == 2
    field = np.where(_areas((height + corner, max(2, width) + corner), 2, random) > 0, *pair)
    return _corners(field) if corner else _blobs(kind, field, pair[1])


def _patterns(layout: Layout, field: Terrains, terrains: int) -> list[Patterns]:
    """For each layer, the patterns that a map of terrains asks for."""
    if layout.kind == "wang16":
        return [_corners(field)]
    if layout.kind == "dualgrid15":
        lowest = [_corners(np.zeros_like(field))] if terrains > 1 else []
        return [*lowest, *(_corners(np.where(field >= upper, upper, CLEAR)) for upper, _ in layout.pairs)]
    return [_blobs(layout.kind, field, None)]


def _corners(field: Terrains) -> Patterns:
    rows = [tuple(row) for row in field.tolist()]
    return [[(a[x : x + 2], b[x : x + 2]) for x in range(len(a) - 1)] for a, b in pairwise(rows)]


def _blobs(kind: Kind, field: Terrains, lower: int | None) -> Patterns:
    """Patterns of cells over the next lower terrain, or of one pair; beyond the map it goes on as at its border."""
    around = np.pad(field, 1, mode="edge").tolist()
    lowest = CLEAR if kind == "sidescroller" else 0

    def pattern(y: int, x: int) -> Cells | None:
        own = around[y + 1][x + 1]
        if own == CLEAR:
            return None
        below = own - 1 if lower is None else lower
        if own == (lowest if lower is None else lower):
            return ((own,) * 3,) * 3
        mask = blob_mask(tuple(tuple(around[y + i][x : x + 3]) for i in range(3)), own)
        return ((own,) * 3,) * 3 if mask == 255 else blob_cells(mask, own, below)

    return [[pattern(y, x) for x in range(field.shape[1])] for y in range(field.shape[0])]


def _indices(layout: Layout, patterns: Patterns, random: np.random.Generator) -> Layer:
    layer = np.full((len(patterns), len(patterns[0])), EMPTY)
    for y, row in enumerate(patterns):
        for x, cells in enumerate(row):
            if cells is None or Tile(cells).terrain == CLEAR:
                continue
            if cells not in layout.places:
                raise LookupError(f"The {layout.kind} set has no tile for {cells}.")
            layer[y, x] = random.choice(layout.places[cells])
    return layer
