"""Cells and the cut-out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dgx_pixels.pixels.cells import cells_to_pixels
from dgx_pixels.pixels.colour import Color
from dgx_pixels.pixels.cutout import cut_out, remove_fringe
from dgx_pixels.pixels.ground import regions

KEY = (255, 0, 255)


def disc(side: int = 24, radius: float = 8.0) -> NDArray[np.bool_]:
    """Make the mask of a disc in the middle."""
    y, x = np.indices((side, side)) - (side - 1) / 2
    mask: NDArray[np.bool_] = np.hypot(y, x) < radius
    return mask


def picture(mask: NDArray[np.bool_], color: Color | NDArray[np.int_], ground: Color = KEY, noise: int = 0) -> NDArray[np.uint8]:
    """Paint a mask on a ground, with seeded noise of so many units."""
    rgb = np.where(mask[..., None], color, ground)
    return np.clip(rgb + np.random.default_rng(0).integers(-noise, noise + 1, rgb.shape), 0, 255).astype(np.uint8)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 6), st.integers(1, 9))
def test_cells_undo_an_integer_enlargement(seed: int, width: int, height: int, scale: int) -> None:
    """A picture enlarged by whole pixels, or not at all, comes back bit for bit."""
    true = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert (cells_to_pixels(true.repeat(scale, 0).repeat(scale, 1), width, height) == true).all()


def test_cells_ignore_their_rims_and_strays() -> None:
    """A blurred rim and a few stray pixels in the middle leave each cell its own, really occurring colour."""
    true = np.random.default_rng(3).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    render = true.repeat(16, 0).repeat(16, 1)
    rim = (np.arange(96) % 16 < 3) | (np.arange(96) % 16 > 12)
    render[rim] = 127
    render[:, rim] = 127
    render[8::16, 8::16] = 0
    assert (cells_to_pixels(render, 6, 6) == true).all()


def test_cells_need_not_be_whole() -> None:
    """Cells 10.5 px wide keep their colours too."""
    true = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10
    index = (np.arange(42) / 10.5).astype(int)
    assert (cells_to_pixels(true[index[:21]][:, index], 4, 2) == true).all()


@pytest.mark.parametrize(("width", "height"), [(9, 8), (8, 9), (0, 4)])
def test_cells_are_never_invented(width: int, height: int) -> None:
    """A size above the render's, or below one, is refused."""
    with pytest.raises(ValueError, match=r"at (most 8x8|least 1x1)"):
        cells_to_pixels(np.zeros((8, 8, 3), dtype=np.uint8), width, height)


def test_a_known_key_is_cut_with_its_holes() -> None:
    """A noisy key is cut around and inside the subject, and nothing else is; the key as drawn is told."""
    mask = disc() & ~disc(radius=3.0)
    cutout = cut_out(picture(mask, (40, 160, 70), (244, 8, 240), noise=5)[None], KEY)
    assert (cutout.opaque[0] == mask).all()
    assert cutout.ground is not None
    assert np.abs(np.subtract(cutout.ground, (244, 8, 240))).max() <= 4


def test_a_picture_without_the_key_is_kept_whole() -> None:
    """A border that hardly shows the key means that there is no ground."""
    rgb = np.random.default_rng(1).integers(0, 120, (16, 16, 3), dtype=np.uint8)
    cutout = cut_out(rgb[None], KEY)
    assert cutout.opaque.all()
    assert cutout.ground is None


def test_a_flat_ground_is_found() -> None:
    """Without a key, a flat border is the ground; eyes of its very colour inside the subject stay."""
    mask, eyes = disc(), np.zeros((24, 24), dtype=bool)
    eyes[10, [9, 14]] = True
    cutout = cut_out(picture(mask & ~eyes, (160, 40, 40), (250, 250, 250))[None], None)
    assert (cutout.opaque[0] == mask).all()


@pytest.mark.parametrize("flat", [True, False])
def test_a_full_picture_is_kept_whole(flat: bool) -> None:
    """Without a key, a picture of one colour and a picture with a busy border keep every pixel."""
    busy = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert cut_out((np.full_like(busy, 90) if flat else busy)[None], None).opaque.all()


def test_the_subject_says_nothing_about_the_grounds_noise() -> None:
    """A noisy flat ground is found behind a subject that is all clean: one black, clipped colour."""
    mask = disc()
    cutout = cut_out(picture(mask, (-90, -90, -90), (24, 200, 40), noise=4)[None], None)
    assert (cutout.opaque[0] == mask).all()


def test_a_shaded_ground_is_cut() -> None:
    """A ground that grows lighter from corner to corner is one ground, and so is its darkest part."""
    mask, across = disc(32), np.add.outer(np.arange(32), np.arange(32))[..., None] * (36 / 62)
    rgb = np.clip(picture(mask, (160, 40, 40), (150, 150, 160), noise=2) + np.where(mask[..., None], 0, across - 18), 0, 255)
    cutout = cut_out(np.rint(rgb)[None], None)
    assert (cutout.opaque[0] == mask).all()


@pytest.mark.parametrize("dark", [False, True])
def test_a_stained_floor_is_no_ground(dark: bool) -> None:
    """A flat floor with faint stains all over stays, alone or under a subject; the same without stains is a ground."""
    rng, mask = np.random.default_rng(4), disc(32)
    floor = np.full((32, 32, 3), 40 if dark else 190)
    stained = np.where(rng.random((32, 32, 1)) < 0.06, floor + 26, floor)
    for there, is_ground in ((floor, True), (stained, False)):
        under = np.where(mask[..., None], (200, 30, 30), there).astype(np.float64)
        assert (cut_out(under[None], None).ground is not None) is is_ground
        assert cut_out(there[None].astype(np.float64), None).opaque.all()


def test_dark_outlines_in_front_of_a_dark_ground_are_no_stains() -> None:
    """A subject is told from the ground by any part of it: its outline may be nearly of the ground's colour."""
    outlined = np.where(disc(32, 6.0)[..., None], (90, 160, 70), (0, 0, 0))
    rgb = np.where(disc(32)[..., None], outlined, (24, 24, 28)).astype(np.float64)
    cutout = cut_out(rgb[None], None)
    assert cutout.ground == (24, 24, 28)
    assert cutout.opaque[0][disc(32, 6.0)].all()


def test_the_pixels_of_a_picture_without_cells_are_seen_as_one() -> None:
    """Grain that differs from pixel to pixel hides no ground in a picture of many pixels."""
    rng = np.random.default_rng(2)
    grain = rng.normal(0, 9, (512, 512, 3))
    subject = disc(512, 150.0)
    cutout = cut_out((np.where(subject[..., None], (40, 60, 150), (205, 205, 200)) + grain)[None], None)
    assert cutout.ground is not None
    assert np.abs(np.subtract(cutout.ground, (205, 205, 200))).max() <= 3


def test_regions_follow_windings() -> None:
    """A spiral is one part; pixels that touch at a corner are one part only when corners join."""
    snake = np.ones((9, 9), dtype=bool)
    snake[1::4, :-1] = snake[3::4, 1:] = False
    assert set(regions(snake, corners=False)[snake].tolist()) == {1}
    assert regions(np.eye(4, dtype=bool), corners=False).max() == 4
    assert regions(np.eye(4, dtype=bool), corners=True).max() == 1


def test_fringe_is_cut_or_unmixed() -> None:
    """An edge pixel with 70 % of the ground goes; one with 30 % gets the subject's colour back."""
    mask, green = disc(), np.array((40, 160, 70))
    rgb = picture(mask, green)
    mixes = {(12, 20): 0.7, (12, 3): 0.3}
    for place, share in mixes.items():
        mask[place] = True
        rgb[place] = np.rint(share * np.array(KEY) + (1 - share) * green)
    clean, opaque = remove_fringe(rgb, mask, KEY)
    assert not opaque[12, 20]
    assert opaque[12, 3]
    assert np.abs(clean[12, 3].astype(int) - green).max() <= 2


@pytest.mark.parametrize("color", [(128, 0, 128), (90, 40, 160), (250, 120, 180), (255, 255, 255), (0, 0, 0)])
def test_the_subjects_own_colours_are_no_fringe(color: Color) -> None:
    """A clean subject of one colour, purple and pink too, is not touched in front of magenta."""
    mask = disc()
    clean, opaque = remove_fringe(picture(mask, color), mask, KEY)
    assert (opaque == mask).all()
    assert (clean[mask] == color).all()
