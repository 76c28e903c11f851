"""Which tiles a tileset has, and which of them fit side by side: layouts as data, made of terrain patterns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Final, Literal

Kind = Literal["seamless", "wang16", "blob47", "dualgrid15", "sidescroller"]
Cells = tuple[tuple[int, ...], ...]
"""A tile's pattern, in rows. Two by two: the terrain at each of its corners. Three by three: its own and its eight neighbours'.
Terrains are numbers, the higher lying over the lower; CLEAR is nothing at all."""
Edges = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Upper, right, lower and left edge: the terrains that lie along each, from left to right or from top to bottom."""
Pair = tuple[int, int]
"""Two terrains, the upper one first."""

CLEAR: Final = -1
SHAPES: Final[dict[Kind, Literal[2, 3]]] = {"seamless": 2, "wang16": 2, "dualgrid15": 2, "blob47": 3, "sidescroller": 3}
"""How many cells there are along a side of the kind's patterns."""
BLOB_MASKS: Final = tuple(
    sorted({m & ~(2 * (m & 5 != 5) | 8 * (m & 20 != 20) | 32 * (m & 80 != 80) | 128 * (m & 65 != 65)) for m in range(256)})
)
"""The 47 ways in which a cell's neighbours can matter: 1 north, 2 north-east, 4 east, ... 128 north-west, clockwise. A corner
counts only if both edges beside it do. The weights are those of Guy Walker's stagecast page on blob tiles."""
_RING: Final = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))  # row and column of each bit's neighbour


@dataclass(frozen=True)
class Tile:
    """One tile: its pattern, and which of the pictures of this pattern it is."""

    cells: Cells
    variant: int = 0

    @property
    def terrain(self) -> int | None:
        """The only terrain of this tile, None for a transition."""
        found = {value for row in self.cells for value in row}
        return found.pop() if len(found) == 1 else None


@dataclass(frozen=True)
class Layout:
    """All tiles of a set, in the order of the atlas, from left to right and from top to bottom."""

    kind: Kind
    tiles: tuple[Tile, ...]
    columns: int
    pairs: tuple[Pair, ...]
    """Pairs of terrains between which there are all transitions; none means all of them at once."""

    @property
    def rows(self) -> int:
        """Rows of the atlas; the last may have empty places."""
        return -(-len(self.tiles) // self.columns)

    @cached_property
    def places(self) -> dict[Cells, tuple[int, ...]]:
        """The atlas indices of each pattern's variants."""
        found: dict[Cells, tuple[int, ...]] = {}
        for index, tile in enumerate(self.tiles):
            found[tile.cells] = (*found.get(tile.cells, ()), index)
        return found


def make_layout(kind: Kind, terrains: int, variants: int, pairs: Sequence[Pair] | None = None) -> Layout:
    """List the tiles of a set of so many terrains; the tiles of one terrain alone come in so many variants, at least 1.

    - seamless: each terrain alone.
    - wang16: a terrain at each corner: 16 tiles for a pair. The index of the first pair's is the sum of 1 for the upper terrain
      at the north-east, 2 south-east, 4 south-west, 8 north-west (Guy Walker's weights); without `pairs`, all `terrains` ** 4.
    - blob47: the upper terrain in its own cells, fitted to its neighbours: 46 tiles for a pair (BLOB_MASKS in order but for
      the last), and each terrain alone. Without `pairs`, each terrain lies over the one before.
    - dualgrid15: as wang16, but on clear ground: the lowest terrain alone, and 15 tiles for each other terrain.
    - sidescroller: solid ground in clear air: the 47 of a blob.

    Raises ValueError for a kind or number of terrains that there is no layout for, or a pair whose upper terrain is the lower.
    """
    fewest = 2 if kind in ("wang16", "blob47") else 1
    if kind not in SHAPES or terrains < fewest or variants < 1:
        raise ValueError(f"There is no {kind} set of {terrains} terrains in {variants} variants.")
    if any(upper <= lower for upper, lower in pairs or ()):
        raise ValueError(f"The pairs {pairs} must each name the upper terrain, the higher number, first.")
    asked = tuple(pairs) if pairs is not None and kind in ("wang16", "blob47") else _all_pairs(kind, terrains)
    patterns = list(dict.fromkeys(_patterns(kind, terrains, asked)))
    lone = [Tile(cells).terrain for cells in patterns if Tile(cells).terrain is not None]
    tiles = [Tile(cells) for cells in patterns]
    tiles += [Tile(_alone(kind, terrain), v) for terrain in lone if terrain is not None for v in range(1, variants)]
    return Layout(kind, tuple(tiles), _columns(len(tiles)), asked)


def edges_of(cells: Cells) -> Edges:
    """Tell what lies along a pattern's edges: two tiles fit side by side if what they share is alike."""
    if len(cells) == 2:
        (nw, ne), (sw, se) = cells
        return (nw, ne), (ne, se), (sw, se), (nw, sw)
    around = [[min(cells[y][x], cells[y][x + 1], cells[y + 1][x], cells[y + 1][x + 1]) for x in (0, 1)] for y in (0, 1)]
    (nw, ne), (sw, se) = around
    north, east, south, west = (min(cells[1][1], cells[y][x]) for y, x in ((0, 1), (1, 2), (2, 1), (1, 0)))
    return (nw, north, ne), (ne, east, se), (sw, south, se), (nw, west, sw)


def blob_cells(mask: int, upper: int, lower: int) -> Cells:
    """The pattern of an upper cell whose neighbours are upper where `mask` has their bit."""
    rows = [[lower] * 3 for _ in range(3)]
    rows[1][1] = upper
    for bit, (y, x) in enumerate(_RING):
        if mask >> bit & 1:
            rows[y][x] = upper
    return tuple(tuple(row) for row in rows)


def blob_mask(neighbours: Cells, upper: int) -> int:
    """The mask, one of BLOB_MASKS, of a cell with these neighbours: those that are `upper` or lie over it count."""
    mask = sum(1 << bit for bit, (y, x) in enumerate(_RING) if neighbours[y][x] >= upper)
    for corner, both in ((2, 5), (8, 20), (32, 80), (128, 65)):
        if mask & both != both:
            mask &= ~corner
    return mask


def missing(layout: Layout, terrains: int) -> list[str]:
    """Name every pattern a map can ask for that the layout lacks or has twice as its first variant; empty if it is complete."""
    firsts = [tile.cells for tile in layout.tiles if tile.variant == 0]
    return [str(cells) for cells in sorted(_demands(layout, terrains)) if firsts.count(cells) != 1]


def _demands(layout: Layout, terrains: int) -> set[Cells]:
    """All that maps can ask for, found by trying every neighbourhood."""
    lone = {"sidescroller": 0, "dualgrid15": int(terrains > 1)}.get(layout.kind, terrains)
    found = {_alone(layout.kind, t) for t in range(lone)}
    if layout.kind == "wang16" and not layout.pairs:
        return {((a, b), (c, d)) for a, b, c, d in product(range(terrains), repeat=4)}
    for upper, lower in layout.pairs:
        if SHAPES[layout.kind] == 2:
            found |= {((a, b), (c, d)) for a, b, c, d in product((upper, lower), repeat=4)}
            continue
        for around in product((upper, lower), repeat=8):
            nw, n, ne, w, e, sw, s, se = around
            mask = blob_mask(((nw, n, ne), (w, upper, e), (sw, s, se)), upper)
            found.add(_alone(layout.kind, upper) if mask == 255 else blob_cells(mask, upper, lower))
    return {cells for cells in found if Tile(cells).terrain != CLEAR}


def _all_pairs(kind: Kind, terrains: int) -> tuple[Pair, ...]:
    if kind == "wang16":
        return () if terrains > 2 else ((1, 0),)
    if kind == "blob47":
        return tuple((t, t - 1) for t in range(1, terrains))
    if kind == "dualgrid15":
        return tuple((t, CLEAR) for t in range(min(1, terrains - 1), terrains))
    return ((0, CLEAR),) if kind == "sidescroller" else ()


def _patterns(kind: Kind, terrains: int, pairs: tuple[Pair, ...]) -> Iterator[Cells]:
    if kind == "wang16" and not pairs:
        yield from _corners(range(terrains))
    if kind == "dualgrid15" and terrains > 1:
        yield _alone(kind, 0)
    for upper, lower in pairs:
        if SHAPES[kind] == 2:
            yield from (c for c in _corners((lower, upper)) if Tile(c).terrain != CLEAR)
        else:
            yield from (blob_cells(mask, upper, lower) for mask in BLOB_MASKS[:-1])
            yield _alone(kind, upper)
            if lower != CLEAR:
                yield _alone(kind, lower)
    if kind in ("seamless", "blob47", "wang16"):
        yield from (_alone(kind, t) for t in range(terrains))


def _corners(values: Sequence[int]) -> Iterator[Cells]:
    yield from (((nw, ne), (sw, se)) for nw, sw, se, ne in product(values, repeat=4))


def _alone(kind: Kind, terrain: int) -> Cells:
    side = SHAPES[kind]
    return ((terrain,) * side,) * side


def _columns(tiles: int) -> int:
    return next(columns for columns, most in ((4, 32), (8, 64), (16, 256), (32, tiles)) if tiles <= most)
