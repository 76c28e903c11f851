"""Finished sets: textures, colours, proof and maps."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from terrains import ground, tileset

from dgx_pixels.pixels.palette import palette_of, read_palette
from dgx_pixels.pixels.tile_block import tileset_block
from dgx_pixels.pixels.tile_layout import Kind, edges_of
from dgx_pixels.pixels.tile_map import EMPTY, draw_map, misfits, random_map
from dgx_pixels.pixels.tile_mask import Transition
from dgx_pixels.pixels.tile_paint import atlas_of, tiles_of
from dgx_pixels.pixels.tile_seams import prove
from dgx_pixels.pixels.tile_set import make_textures
from dgx_pixels.pixels.tile_texture import difference, fit_period, seam, vary


@pytest.mark.parametrize("side", [8, 13, 16, 24, 32, 40, 48, 64])
def test_a_texture_cut_to_any_size_still_continues_over_its_edges(side: int) -> None:
    """Nothing is scaled, and no seam shows."""
    cut = fit_period(ground(0), side, 1)

    assert cut.shape == (side, side, 3)
    assert seam(cut) < 1.3


@pytest.mark.parametrize("side", [8, 16, 32])
def test_variants_keep_the_border_and_change_the_inside(side: int) -> None:
    """So all variants border on each other in any order."""
    base = fit_period(ground(2), side, 0)
    other = vary(base, fit_period(ground(2, seed=1), side, 1), 1)

    changed = (base != other).any(axis=-1)
    assert not changed[[0, -1]].any()
    assert not changed[:, [0, -1]].any()
    assert changed.mean() > 0.03


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_is_complete_and_fits(kind: Kind) -> None:
    """Nothing is missing, and no seam shows between any legal neighbours."""
    for transition in get_args(Transition):
        made = tileset(kind, transition=transition)
        assert made.missing == []
        assert made.proof.ok, (transition, made.proof)


@pytest.mark.parametrize("side", [8, 10, 16, 48])
@pytest.mark.parametrize("kind", ["seamless", "wang16", "blob47", "dualgrid15"])
def test_each_pattern_has_a_picture_of_its_own(kind: Kind, side: int) -> None:
    """In small tiles, too, an edge leaves room for both terrains; a sidescroller's ground shows nothing of what is beyond."""
    for transition in get_args(Transition):
        made = tileset(kind, side=side, variants=1, transition=transition)
        assert made.missing == []
        assert len({tile.tobytes() for tile in made.tiles}) == len(made.layout.tiles), transition


def test_a_tile_that_is_drawn_as_another_is_told() -> None:
    """A set whose map would not show which terrain is where is not complete."""
    made = tileset("blob47")
    spoiled = made.tiles.copy()
    spoiled[7] = spoiled[0]

    cells = [made.layout.tiles[index].cells for index in (7, 0)]
    assert replace(made, tiles=spoiled).missing == [f"{cells[0]} (looks as {cells[1]})"]


def test_a_spoiled_tile_is_found_and_named() -> None:
    """A seam that anyone would see fails the proof, and the pair has that tile in it."""
    made = tileset("wang16")
    edges = [edges_of(tile.cells) for tile in made.layout.tiles]
    spoiled = made.tiles.copy()
    spoiled[5] = np.roll(spoiled[5], 5, axis=1)

    found = prove(spoiled, edges)

    assert not found.ok
    assert 5 in found.worst_pair


def test_materials_that_do_not_continue_are_found() -> None:
    """The mean tells of a render that was not drawn to wrap."""
    flat = np.tile(np.linspace(40, 200, 16)[None, :, None], (16, 1, 3)).astype(np.uint8)
    tiles = np.dstack([flat, np.full((16, 16), 255, np.uint8)])[None]

    assert not prove(tiles, [edges_of(((0, 0), (0, 0)))]).ok


@pytest.mark.parametrize("kind", get_args(Kind))
def test_alpha_is_binary_and_colours_are_few(kind: Kind) -> None:
    """As for sprites: no half-tones, clear pixels are (0, 0, 0, 0), and no more colours than asked."""
    made = tileset(kind, colors=12)
    rgba = made.atlas

    assert {*np.unique(rgba[..., 3])} <= {0, 255}
    assert not rgba[rgba[..., 3] == 0].any()
    assert len(palette_of(rgba[..., :3][rgba[..., 3] > 0])) <= 12


def test_a_locked_palette_holds() -> None:
    """Lines, lights and shadows keep to it, too."""
    locked = tileset("wang16", palette=read_palette("pico-8")).atlas

    assert {*palette_of(locked[..., :3][locked[..., 3] > 0])} <= set(read_palette("pico-8"))


def test_an_atlas_is_its_tiles() -> None:
    """Cut apart again it gives the same tiles, and its sides are whole numbers of them."""
    made = tileset("blob47")

    assert made.atlas.shape[:2] == (made.layout.rows * 16, made.layout.columns * 16)
    assert np.array_equal(tiles_of(made.atlas, 16, len(made.tiles)), made.tiles)
    assert np.array_equal(atlas_of(made.tiles, made.layout.columns), made.atlas)


@pytest.mark.parametrize("terrains", [1, 2, 4])
@pytest.mark.parametrize("kind", get_args(Kind))
def test_random_maps_have_no_gap_and_no_misfit(kind: Kind, terrains: int) -> None:
    """All that a map needs is there, and every two neighbours fit; only a sidescroller's air has no tile."""
    if (kind in ("wang16", "blob47") and terrains == 1) or (kind == "sidescroller" and terrains > 2):
        return
    made = tileset(kind, terrains, 8, 1)
    for seed in range(3):
        laid = random_map(made.layout, made.terrains, 24, 18, seed)
        assert misfits(laid, made.layout) == []
        drawn = draw_map(laid, made.tiles)
        if kind in ("wang16", "blob47") or (kind == "dualgrid15" and terrains > 1):
            assert EMPTY not in laid.layers[0]
            assert (drawn[..., 3] == 255).all()


def test_maps_of_pairs_keep_them_apart() -> None:
    """Terrains that no pair joins are never neighbours."""
    made = tileset("wang16", 3, 8, 1, pairs=[(1, 0), (2, 0)])
    laid = random_map(made.layout, 3, 21, 10, 1)

    assert misfits(laid, made.layout) == []
    assert len({index for layer in laid.layers for index in layer.reshape(-1).tolist()}) > 20


def test_terrains_that_look_alike_are_told() -> None:
    """Whatever their words were."""
    same = make_textures([ground(1, seed=7)], 16, 3)
    assert difference(same[0], make_textures([ground(1)], 16, 2)[0]) < 0.03
    assert tileset("wang16").alike is None
    assert tileset("wang16", palette=((10, 10, 10), (13, 13, 13))).alike is not None


def test_the_block_says_which_tiles_fit() -> None:
    """Equal numbers on facing edges, as the patterns have it; -1 faces nothing."""
    made = tileset("sidescroller")
    block = tileset_block(made, ["ground"])

    assert len(block["tiles"]) == len(block["edges"]) == len(made.tiles)
    right, left = [edge[1] for edge in block["edges"]], [edge[3] for edge in block["edges"]]
    patterns = [edges_of(tile.cells) for tile in made.layout.tiles]
    for i, one in enumerate(right):
        for j, other in enumerate(left):
            assert (one == other and one >= 0) == (patterns[i][1] == patterns[j][3] and patterns[i][1][1] != -1)
    assert -1 in right
