"""From pictures of terrains to a tileset that is proven to fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.palette import Palette
from dgx_pixels.pixels.tile_layout import Cells, Kind, Layout, Pair, edges_of, make_layout, missing
from dgx_pixels.pixels.tile_mask import Transition, edge_shape
from dgx_pixels.pixels.tile_paint import Material, atlas_of, make_materials, paint_tiles
from dgx_pixels.pixels.tile_seams import Proof, prove
from dgx_pixels.pixels.tile_texture import Texture, calmest, difference, enlivened, fit_period, liveliness, seam, vary

TOO_LIKE: Final = 0.045
"""Terrains that differ by less (see `tile_texture.difference`) cannot be told apart on a map."""
_CONTINUES: Final = 1.25
"""Up to this `seam` a picture continues well over its edges."""


@dataclass(frozen=True, eq=False)
class Tileset:
    """A finished set."""

    layout: Layout
    terrains: int
    """How many a map is made of: what only covers a sidescroller's ground does not count."""
    tiles: NDArray[np.uint8]
    """(n, side, side, 4), in the layout's order."""
    materials: tuple[Material, ...]

    @property
    def side(self) -> int:
        """Of a tile, in pixels."""
        return int(self.tiles.shape[1])

    @property
    def atlas(self) -> NDArray[np.uint8]:
        """All tiles in one picture: (rows * side, columns * side, 4)."""
        return atlas_of(self.tiles, self.layout.columns)

    @cached_property
    def proof(self) -> Proof:
        """How well all legal neighbours fit."""
        return prove(self.tiles, [edges_of(tile.cells) for tile in self.layout.tiles])

    @cached_property
    def missing(self) -> list[str]:
        """Patterns that a map can ask for and that are not there, there twice, or drawn as another; empty if it is complete.

        A sidescroller's may look alike: its ground reaches to its tile's edges, and what lies beyond need not show in it.
        """
        alike = [] if self.layout.kind == "sidescroller" else _drawn_alike(self.layout, self.tiles)
        return missing(self.layout, self.terrains) + [f"{cells} (looks as {first})" for first, cells in alike]

    @cached_property
    def alike(self) -> Pair | None:
        """Two terrains that cannot be told apart, None if all can."""
        fills = [material.fills[0] for material in self.materials]
        pairs = [(a, b) for a in range(len(fills)) for b in range(a)]
        return next(((b, a) for a, b in pairs if difference(fills[a], fills[b]) < TOO_LIKE), None)


def make_textures(renders: Sequence[Texture], side: int, seed: int) -> tuple[Texture, ...]:
    """Make a terrain's tile and its variants, each (side, side, 3), of as many pictures that continue over their edges.

    All variants have the border of the first, and so border on each other in any order.
    """
    main = _main(renders)
    first = calmest(enlivened(fit_period(main, side, seed)))
    others = [fit_period(render, side, seed + i) for i, render in enumerate((r for r in renders if r is not main), start=1)]
    return (first, *(vary(first, other, seed + i) for i, other in enumerate(others, start=1)))


def _drawn_alike(layout: Layout, tiles: NDArray[np.uint8]) -> list[tuple[Cells, Cells]]:
    """Patterns whose tiles are the same picture: the first, and each that looks as it."""
    firsts: dict[bytes, Cells] = {}
    pairs = (
        (firsts.setdefault(picture.tobytes(), tile.cells), tile.cells) for tile, picture in zip(layout.tiles, tiles, strict=True)
    )
    return [(first, cells) for first, cells in pairs if first != cells]


def _main(renders: Sequence[Texture]) -> Texture:
    """The picture that the tile is made of: the liveliest of those that continue well.

    Asked for bricks, a model draws bricks for one seed and mud for the next, and mud continues best of all.
    """
    well = [render for render in renders if seam(render) <= _CONTINUES] or [min(renders, key=seam)]
    return max(well, key=liveliness)


def make_tileset(
    kind: Kind,
    textures: Sequence[Sequence[Texture]],
    *,
    transition: Transition,
    colors: int,
    seed: int,
    palette: Palette | None = None,
    pairs: Sequence[Pair] | None = None,
) -> Tileset:
    """Make a set of textures, for each terrain its variants, from the lowest terrain to the highest; all of one even size.

    A sidescroller's first terrain is its ground, a second one covers it. Kinds are told in `tile_layout.make_layout`, the
    seamless one may have an odd size. `colors` are at most so many, of which each terrain gets an equal part, 3 at least.
    Whether the set is good is for `proof`, `missing` and `alike` to say.

    Raises ValueError for what there is no layout for, an odd size, or a number of colours out of range.
    """
    side = len(textures[0][0])
    terrains = 1 if kind == "sidescroller" else len(textures)
    layout = make_layout(kind, terrains, len(textures[0]), pairs)
    materials = make_materials(textures, colors, palette)
    if kind == "seamless":
        alone = [materials[tile.cells[0][0]].fills[tile.variant] for tile in layout.tiles]
        tiles = np.stack([np.dstack([fill, np.full((side, side), 255, np.uint8)]) for fill in alone])
    else:
        tiles = paint_tiles(
            layout, materials, edge_shape(kind, side, transition, seed), transition, surface=len(textures) > terrains
        )
    return Tileset(layout, terrains, tiles, materials)
