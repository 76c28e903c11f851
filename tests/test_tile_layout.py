"""Layouts: what a set holds, where, and what is missing from one that lacks a tile."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import get_args

import pytest

from dgx_pixels.pixels.tile_layout import (
    BLOB_MASKS,
    CLEAR,
    Kind,
    Layout,
    Tile,
    blob_cells,
    blob_mask,
    edges_of,
    make_layout,
    missing,
)

FEWEST: dict[Kind, int] = {"seamless": 1, "wang16": 2, "blob47": 2, "dualgrid15": 1, "sidescroller": 1}


@pytest.mark.parametrize("terrains", range(1, 7))
@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_layout_is_complete(kind: Kind, terrains: int) -> None:
    """Whatever a map asks for is there, once, however many terrains there are."""
    if FEWEST[kind] <= terrains and not (kind == "sidescroller" and terrains > 1):
        assert missing(make_layout(kind, terrains, 3), terrains) == []


def test_a_layout_that_lacks_a_tile_or_has_it_twice_says_which() -> None:
    """The check of completeness can fail, both ways."""
    good = make_layout("wang16", 2, 1)

    def with_tiles(*tiles: Tile) -> Layout:
        return replace(good, tiles=tiles)

    assert missing(with_tiles(*good.tiles[:5], *good.tiles[6:]), 2) == [str(good.tiles[5].cells)]
    assert missing(with_tiles(*good.tiles, good.tiles[7]), 2) == [str(good.tiles[7].cells)]


@pytest.mark.parametrize(("kind", "count"), [("seamless", 2), ("wang16", 16), ("blob47", 48), ("dualgrid15", 16)])
def test_counts_of_a_pair(kind: Kind, count: int) -> None:
    """A pair has as many tiles as the kind's name says, and the lower terrain where it is not among them."""
    assert len(make_layout(kind, 2, 1).tiles) == count


def test_variants_come_after_all_patterns() -> None:
    """More variants do not move the tiles that a game knows by their indices."""
    one, four = make_layout("blob47", 2, 1), make_layout("blob47", 2, 4)

    assert four.tiles[: len(one.tiles)] == one.tiles
    assert len(four.tiles) == len(one.tiles) + 2 * 3


def test_wang_indices_are_the_sums_of_their_corners() -> None:
    """1 north-east, 2 south-east, 4 south-west, 8 north-west, the numbering that tools and tutorials use."""
    for index, tile in enumerate(make_layout("wang16", 2, 1).tiles):
        (nw, ne), (sw, se) = tile.cells
        assert index == ne + 2 * se + 4 * sw + 8 * nw


def test_blob_masks_are_the_47_of_the_literature() -> None:
    """A corner counts only between two edges that do."""
    assert len(BLOB_MASKS) == 47
    assert (BLOB_MASKS[0], BLOB_MASKS[-1]) == (0, 255)
    assert {blob_mask(blob_cells(mask, 1, 0), 1) for mask in range(256)} == set(BLOB_MASKS)


def test_neighbours_in_any_wang_map_have_equal_edges() -> None:
    """What two tiles share is told alike from both sides."""
    for a, b, c, d, e, f in product((0, 1, 2), repeat=6):
        left, right = ((a, b), (d, e)), ((b, c), (e, f))
        assert edges_of(left)[1] == edges_of(right)[3]


def test_neighbours_in_any_blob_map_have_equal_edges() -> None:
    """Also where corners do not count: all maps of three by four cells around two upper ones."""
    for bits in product((0, 1), repeat=10):
        field = [bits[:4], (bits[4], 1, 1, bits[5]), bits[6:]]
        left, right = (tuple(row[x : x + 3] for row in map(tuple, field)) for x in (0, 1))
        one, other = (blob_cells(blob_mask(cells, 1), 1, 0) for cells in (left, right))
        assert edges_of(one)[1] == edges_of(other)[3]


def test_dual_grid_tiles_lie_on_clear_ground() -> None:
    """Each terrain but the lowest has 15 tiles over nothing, so that any may lie over any."""
    tiles = make_layout("dualgrid15", 3, 1).tiles

    assert [tile.cells for tile in tiles if CLEAR not in {v for row in tile.cells for v in row} and tile.terrain == 0] == [
        ((0, 0), (0, 0))
    ]
    assert len(tiles) == 1 + 2 * 15


def test_pairs_have_no_tiles_of_other_pairs() -> None:
    """Asked for two pairs of three terrains, no tile joins the third."""
    layout = make_layout("wang16", 3, 1, [(1, 0), (2, 1)])

    assert len(layout.tiles) == 3 + 2 * 14
    assert missing(layout, 3) == []
    assert not [tile for tile in layout.tiles if {0, 2} <= {v for row in tile.cells for v in row}]


@pytest.mark.parametrize("kind", ["wang16", "blob47"])
def test_a_pair_names_the_higher_terrain_first(kind: Kind) -> None:
    """What lies along an edge is the lower number of two cells: a pair the other way round would not fit."""
    with pytest.raises(ValueError, match="the higher number, first"):
        make_layout(kind, 2, 1, [(0, 1)])


@pytest.mark.parametrize(("kind", "terrains"), [("wang16", 1), ("blob47", 1), ("hexagons", 2)])
def test_there_is_no_layout_for_nonsense(kind: Kind, terrains: int) -> None:
    """One terrain has no transitions; an unknown kind has no layout."""
    with pytest.raises(ValueError, match="There is no"):
        make_layout(kind, terrains, 1)
