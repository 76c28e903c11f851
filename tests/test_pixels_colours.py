"""Colours and palettes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import Color, comparable, oklab_to_srgb, parse_hex, srgb_to_oklab, to_hex
from dgx_pixels.pixels.palette import PaletteError, bundled_names, lock_colors, read_palette, reduce_colors


def noise(seed: int, side: int = 12) -> NDArray[np.uint8]:
    """Make a square picture of random colours."""
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def used(rgb: NDArray[np.uint8]) -> set[Color]:
    """List the different colours of pixels (n, 3)."""
    return {tuple(color) for color in np.unique(rgb, axis=0).tolist()}


def test_oklab_matches_its_authors_figures() -> None:
    """White is L = 1 without tint, and pure red has the published L, a, b."""
    white, red = srgb_to_oklab(np.array([[255, 255, 255], [255, 0, 0]], dtype=np.uint8))
    assert white == pytest.approx([1, 0, 0], abs=1e-4)
    assert red == pytest.approx([0.62796, 0.22486, 0.12585], abs=1e-4)


@given(st.integers(0, 2**32 - 1))
def test_oklab_comes_back_bit_for_bit(seed: int) -> None:
    """Every sRGB colour survives the way to OKLab and back."""
    picture = noise(seed)
    assert (oklab_to_srgb(srgb_to_oklab(picture)) == picture).all()


def test_dark_noise_is_not_noticeable() -> None:
    """Two units of noise in black are about one noticeable step, far less than in plain OKLab; white lies 1 from black."""
    black, noisy, white = comparable(np.array([[0, 0, 0], [2, 2, 2], [255, 255, 255]], dtype=np.uint8))
    assert np.linalg.norm(noisy - black) < 0.025
    assert np.linalg.norm(white - black) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("text", ["#1A1c2C", "1a1c2c"])
def test_hex_is_read_and_written(text: str) -> None:
    """Hex is read with or without a hash in either case, and written in lower case."""
    assert parse_hex(text) == (26, 28, 44)
    assert to_hex((26, 28, 44)) == "#1a1c2c"


@pytest.mark.parametrize("text", ["", "#fff", "1a1c2g", "##1a1c2c", "1a1c2c00"])
def test_bad_hex_is_refused(text: str) -> None:
    """Anything but six hex digits is refused with an example."""
    with pytest.raises(ValueError, match="#1a1c2c"):
        parse_hex(text)


@pytest.mark.parametrize(("name", "size"), [("pico-8", 16), ("Game-Boy", 4), ("endesga-32", 32), ("1-bit", 2)])
def test_bundled_palettes_are_read_by_name(name: str, size: int) -> None:
    """A bundled palette has its known number of colours, in any case of its name."""
    assert len(read_palette(name)) == size


def test_every_bundled_palette_is_sound() -> None:
    """Each bundled file is a palette, and repeats no colour."""
    for name in bundled_names():
        assert 2 <= len(read_palette(name)) <= 64
    assert "sweetie-16" in bundled_names()


def test_hex_palettes_keep_their_order() -> None:
    """Colours stay in the order given, without repeats."""
    assert read_palette("#ffffff, 000000,#FFFFFF") == ((255, 255, 255), (0, 0, 0))


@pytest.mark.parametrize("text", ["pico8", "", "#ff0000", "#ff0000,#ff0000", ",".join(f"{i:06x}" for i in range(257))])
def test_no_palette_names_the_bundled_ones(text: str) -> None:
    """What is no palette is refused, and the message says which names exist."""
    with pytest.raises(PaletteError, match="pico-8"):
        read_palette(text)


@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_at_most_so_many_colours(seed: int, colors: int) -> None:
    """Whatever the picture, its opaque pixels end with at most `colors` colours: the palette's, all from the picture."""
    picture, opaque = noise(seed), np.random.default_rng(seed).random((12, 12)) < 0.7
    reduced, palette = reduce_colors(picture, opaque, colors)
    assert used(reduced[opaque]) == set(palette) <= used(picture[opaque])
    assert len(palette) <= colors
    assert not reduced[~opaque].any()


@given(st.integers(0, 2**32 - 1))
def test_few_colours_are_kept_exactly(seed: int) -> None:
    """A picture with few enough colours is unchanged, and its palette runs from dark to light."""
    picture = noise(seed, 4)
    opaque = np.ones((4, 4), dtype=bool)
    reduced, palette = reduce_colors(picture, opaque, 16)
    assert (reduced == picture).all()
    lightness = srgb_to_oklab(np.array(palette, dtype=np.uint8))[:, 0]
    assert (np.diff(lightness) >= 0).all()


def test_a_two_pixel_highlight_survives() -> None:
    """Two white pixels in a noisy two-tone picture keep a near-white colour when six are allowed."""
    rng = np.random.default_rng(1)
    picture = np.full((32, 32, 3), (120, 40, 40))
    picture[16:] = (30, 60, 110)
    picture[8, 8:10] = 250
    picture = np.clip(picture + rng.integers(-6, 7, picture.shape), 0, 255).astype(np.uint8)
    reduced, palette = reduce_colors(picture, np.ones((32, 32), dtype=bool), 6)
    assert (reduced[8, 8:10] > 230).all()
    assert len(palette) <= 6


def test_noise_is_merged() -> None:
    """Three flat colours under a little noise come out as three, though sixteen are allowed."""
    rng = np.random.default_rng(2)
    picture = np.repeat(np.array([[200, 60, 60], [60, 160, 80], [70, 90, 200]]), 200, axis=0).reshape(30, 20, 3)
    picture = (picture + rng.integers(-2, 3, picture.shape)).astype(np.uint8)
    assert len(reduce_colors(picture, np.ones((30, 20), dtype=bool), 16)[1]) == 3


def test_reducing_is_deterministic_and_handles_nothing() -> None:
    """The same picture gives the same result; no opaque pixel gives an empty palette; a bad number is refused."""
    picture, opaque = noise(5), np.ones((12, 12), dtype=bool)
    assert (reduce_colors(picture, opaque, 8)[0] == reduce_colors(picture.copy(), opaque, 8)[0]).all()
    assert reduce_colors(picture, ~opaque, 8)[1] == ()
    with pytest.raises(ValueError, match="2 to 256"):
        reduce_colors(picture, opaque, 1)


@given(st.integers(0, 2**32 - 1), st.sampled_from(bundled_names()))
def test_lock_holds(seed: int, name: str) -> None:
    """Every opaque pixel ends in the palette, the others black, and locking twice changes nothing."""
    picture, opaque, palette = noise(seed), np.random.default_rng(seed).random((12, 12)) < 0.7, read_palette(name)
    locked = lock_colors(picture, opaque, palette)
    assert used(locked[opaque]) <= set(palette)
    assert not locked[~opaque].any()
    assert (lock_colors(locked, opaque, palette) == locked).all()


def test_lock_takes_the_nearest_by_eye() -> None:
    """A dark grey goes to black rather than to a lighter blue; an empty palette is refused."""
    picture, opaque = np.full((1, 1, 3), 8, dtype=np.uint8), np.ones((1, 1), dtype=bool)
    assert lock_colors(picture, opaque, ((34, 32, 52), (0, 0, 0))).tolist() == [[[0, 0, 0]]]
    with pytest.raises(ValueError, match="at least one"):
        lock_colors(picture, opaque, ())
