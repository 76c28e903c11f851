"""The whole way, with any options: what was asked for holds in what comes out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pictures import potion

from dgx_pixels.pixels.art import make_art
from dgx_pixels.pixels.art_options import MOST_TOUCHED, asked_size, read_options
from dgx_pixels.pixels.checks import check_sprite
from dgx_pixels.pixels.palette import read_palette


def picture(seed: int, cells: int, scale: int, noise: int) -> NDArray[np.uint8]:
    """A potion of `cells` cells, `scale` px each, with noise, (H, W, 4)."""
    rng = np.random.default_rng(seed)
    rgb = potion(cells).repeat(scale, 0).repeat(scale, 1).astype(int)
    rgb += rng.integers(-noise, noise + 1, rgb.shape)
    return np.dstack([np.clip(rgb, 0, 255), np.full(rgb.shape[:2], 255)]).astype(np.uint8)


OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "size": st.sampled_from([None, 8, "12x10", 16]),
    "colors": st.sampled_from([None, 3, 16]),
    "palette": st.sampled_from([None, read_palette("1-bit"), read_palette("pico-8")]),
    "transparent": st.booleans(),
    "dither": st.sampled_from(["none", "bayer4", "bayer8", "floyd-steinberg"]),
    "cleanup": st.lists(st.sampled_from(["orphans", "lines", "outlines"]), max_size=3),
    "outline": st.sampled_from([None, "#000000"]),
    "trim": st.sampled_from([False, False, True]),
    "canvas": st.sampled_from([None, 40, "44x50"]),
    "anchor": st.sampled_from([None, "feet", "centre"]),
}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(16, 8), (24, 5), (12, 1)]), st.fixed_dictionaries(OPTIONS))
def test_whatever_is_asked_holds(seed: int, shape: tuple[int, int], asked: dict[str, Any]) -> None:
    """Size, number of colours, palette and binary alpha are as asked, for every combination that is not refused."""
    try:
        options = read_options(**asked)
        found = make_art(picture(seed, *shape, noise=6), options)
    except ValueError:
        reject()  # wishes that contradict each other
    height, width = found.sprite.rgba.shape[:2]
    wanted = asked_size(options) or (width, height)
    clear = bool((found.sprite.rgba[..., 3] == 0).any())
    checks = check_sprite(
        found.sprite, width=wanted[0], height=wanted[1], colors=options.colors or 256, palette=options.palette, transparent=clear
    )
    assert all(checks[name].ok for name in ("size", "colors", "palette", "alpha"))


def test_an_outline_gets_room_where_the_subject_reaches_the_border() -> None:
    """Without an asked size the art grows by the outline; with one it keeps its size."""
    whole = np.dstack([potion(), np.full((16, 16), 255, dtype=np.uint8)]).repeat(8, 0).repeat(8, 1)
    free = make_art(whole, read_options(transparent=False, outline="#000000")).sprite.rgba
    sized = make_art(whole, read_options(transparent=False, outline="#000000", size=16)).sprite.rgba

    assert free.shape == (18, 18, 4)
    assert (free[0, 1:-1] == (0, 0, 0, 255)).all()
    assert sized.shape == (16, 16, 4)


def test_a_colour_is_kept_free_for_the_outline() -> None:
    """With three colours asked, the outline's is one of the three."""
    art = make_art(picture(1, 16, 8, 0), read_options(colors=3, outline="#00ff00")).sprite

    assert (0, 255, 0) in art.palette
    assert len(art.palette) == 3


def test_an_outline_is_not_the_257th_colour() -> None:
    """Where 256 colours are found, one gives way to the outline's."""
    noise = np.dstack([np.random.default_rng(0).integers(0, 256, (40, 90, 3)), np.full((40, 90), 255)]).astype(np.uint8)
    art = make_art(noise, read_options(transparent=False, outline="#000000")).sprite

    assert (0, 0, 0) in art.palette
    assert len(art.palette) <= 256


def test_art_that_is_too_large_is_not_touched_up() -> None:
    """What takes too much memory is refused with what to do."""
    rng = np.random.default_rng(0)
    side = int(MOST_TOUCHED**0.5) + 8
    noise = np.dstack([rng.integers(0, 4, (side, side, 3)) * 80, np.full((side, side), 255)]).astype(np.uint8)
    with pytest.raises(ValueError, match="ask for a smaller size"):
        make_art(noise, read_options(cleanup=["orphans"], transparent=False))
