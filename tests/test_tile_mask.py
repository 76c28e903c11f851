"""Masks: clean edges that fit from tile to tile, by construction."""

from __future__ import annotations

from itertools import product
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgx_pixels.pixels.tile_layout import SHAPES, Kind, blob_cells, edges_of, make_layout
from dgx_pixels.pixels.tile_mask import BAND, EdgeShape, Labels, Transition, edge_shape, labels_of
from dgx_pixels.pixels.tile_seams import fits

KINDS: tuple[Kind, ...] = ("wang16", "blob47", "dualgrid15", "sidescroller")


def tiles_of(kind: Kind, shape: EdgeShape) -> list[tuple[tuple[tuple[int, ...], ...], Labels]]:
    """Patterns and labels of all tiles of a pair."""
    return [(t.cells, labels_of(t.cells, shape)) for t in make_layout(kind, 1 if kind == "sidescroller" else 2, 1).tiles]


@settings(max_examples=12)
@given(
    kind=st.sampled_from(KINDS),
    side=st.sampled_from((8, 10, 16, 18, 24, 32)),
    transition=st.sampled_from(get_args(Transition)),
    seed=st.integers(0, 10**6),
)
def test_legal_neighbours_agree_on_what_lies_along_their_edge(kind: Kind, side: int, transition: Transition, seed: int) -> None:
    """Pixel for pixel, BAND deep on both sides: so lines and shadows go on, too."""
    tiles = tiles_of(kind, edge_shape(kind, side, transition, seed))
    inside = slice(BAND, -BAND)
    for (a, one), (b, other) in product(tiles, repeat=2):
        if edges_of(a)[1] == edges_of(b)[3] and fits(edges_of(a)[1]):
            assert np.array_equal(one[inside, -2 * BAND :], other[inside, : 2 * BAND])
        if edges_of(a)[2] == edges_of(b)[0] and fits(edges_of(a)[2]):
            assert np.array_equal(one[-2 * BAND :, inside], other[: 2 * BAND, inside])


@pytest.mark.parametrize("transition", ["hard", "rough"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_pixel_is_astray(kind: Kind, transition: Transition) -> None:
    """Every pixel has at least one of its own terrain beside, above or below it, for ten seeds."""
    for seed in range(10):
        for cells, labels in tiles_of(kind, edge_shape(kind, 16, transition, seed)):
            padded = np.pad(labels, 1, mode="edge")
            around = [padded[1:-1, :-2], padded[1:-1, 2:], padded[:-2, 1:-1], padded[2:, 1:-1]]
            alone = np.logical_and.reduce([labels != other for other in around])
            assert not alone.any(), (cells, seed)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_edges_and_another_seed_others(kind: Kind) -> None:
    """Masks are made from seeds alone."""
    one, again, other = (
        np.stack([labels for _, labels in tiles_of(kind, edge_shape(kind, 16, "rough", seed))]) for seed in (3, 3, 4)
    )
    assert np.array_equal(one, again)
    assert np.array_equal(one, other) == (kind == "sidescroller")  # what one stands on is straight


def test_corners_are_rounded() -> None:
    """Where one corner alone is upper, the tip of its square is gone; where three are, the notch is filled."""
    shape = edge_shape("wang16", 16, "hard", 0)
    one, three = (labels_of(cells, shape)[BAND:-BAND, BAND:-BAND] for cells in (((1, 0), (0, 0)), ((1, 1), (1, 0))))

    assert (one[0, 0], one[7, 0], one[0, 7], one[7, 7]) == (1, 1, 1, 0)
    assert (three[15, 15], three[8, 15], three[15, 8], three[8, 8]) == (0, 0, 0, 1)


def test_dither_mixes_in_a_regular_pattern_only_near_the_line() -> None:
    """A soft edge has both terrains in its band, and none of it beyond."""
    shape = edge_shape("wang16", 32, "soft", 1)
    labels = labels_of(((1, 0), (1, 0)), shape)[BAND:-BAND, BAND:-BAND]

    assert (labels[:, :6] == 1).all()
    assert (labels[:, -6:] == 0).all()
    assert len({labels[y, 12:20].tobytes() for y in range(32)}) > 2


@pytest.mark.parametrize("side", [8, 10, 12, 14, 16])
def test_a_blob_is_seen_in_small_tiles(side: int) -> None:
    """A cell of the upper terrain alone shows some of it, and one among its like nothing else."""
    for transition in get_args(Transition):
        shape = edge_shape("blob47", side, transition, 1)
        lone, full = (labels_of(blob_cells(mask, 1, 0), shape)[BAND:-BAND, BAND:-BAND] for mask in (0, 255))
        assert lone.mean() > 0.08, transition
        assert full.all()


@pytest.mark.parametrize("side", [6, 7, 15])
def test_an_odd_or_tiny_tile_has_no_edges(side: int) -> None:
    """What cannot be halved is refused."""
    assert SHAPES["wang16"] == 2
    with pytest.raises(ValueError, match="must be even"):
        edge_shape("wang16", side, "hard", 0)
