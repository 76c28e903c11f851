"""A locked palette holds through every operation: sizes are exact, alpha is 0 or 255, and no colour appears from nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dgx_pixels.pixels.cleanup import add_outline, orphans, remove_orphans, smooth_lines, thin_outline
from dgx_pixels.pixels.colour import Color, comparable
from dgx_pixels.pixels.dither import Dither, bayer, dither
from dgx_pixels.pixels.edit import Anchor, crop, flip, place, recolor, scale, sheet, sprite_of, trim
from dgx_pixels.pixels.palette import lock_colors, read_palette
from dgx_pixels.pixels.sprite import Sprite

PALETTE = read_palette("sweetie-16")
DARK, RED, GOLD = PALETTE[0], PALETTE[2], PALETTE[4]


@st.composite
def sprites(draw: st.DrawFn) -> Sprite:
    """Sprites in sweetie-16, from empty to full."""
    width, height = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    colors = rng.integers(0, draw(st.integers(1, 16)), (height, width))
    rgba = np.dstack([np.array(PALETTE, dtype=np.uint8)[colors], np.full((height, width), 255, dtype=np.uint8)])
    rgba[rng.random((height, width)) < draw(st.sampled_from([0.0, 0.3, 0.9, 1.0]))] = 0
    return sprite_of(rgba)


def drawn(*rows: str) -> Sprite:
    """A sprite from text: # dark, r red, g gold, . clear."""
    colors: dict[str, tuple[int, ...]] = {"#": (*DARK, 255), "r": (*RED, 255), "g": (*GOLD, 255), ".": (0, 0, 0, 0)}
    return sprite_of(np.array([[colors[c] for c in row] for row in rows], dtype=np.uint8))


def used(sprite: Sprite) -> set[Color]:
    """The colours of the opaque pixels."""
    return {tuple(c) for c in np.unique(sprite.rgba[sprite.rgba[..., 3] > 0][:, :3], axis=0).tolist()}


OPERATIONS: dict[str, Callable[[Sprite], Sprite]] = {
    "crop": lambda s: crop(s, s.rgba.shape[1] // 2, 0, s.rgba.shape[1] - s.rgba.shape[1] // 2, s.rgba.shape[0]),
    "flip": lambda s: flip(flip(s, "vertical"), "horizontal"),
    "scale": lambda s: scale(s, 3),
    "sheet": lambda s: sheet([s, flip(s, "horizontal"), s], 2),
    "recolor": lambda s: recolor(s, dict(zip(PALETTE, PALETTE[1:] + PALETTE[:1], strict=True))),
    "trim": trim,
    "feet": lambda s: place(s, 12, 14, "feet"),
    "centre": lambda s: place(s, 15, 12, "centre"),
    "orphans": remove_orphans,
    "lines": smooth_lines,
    "outline": lambda s: add_outline(s, DARK),
    "thin": thin_outline,
}


@given(sprites(), st.sampled_from(sorted(OPERATIONS)))
def test_every_operation_keeps_the_palette_and_binary_alpha(sprite: Sprite, name: str) -> None:
    """Whatever is done to a sprite in a palette, it stays in it, its alpha stays 0 or 255, and clear pixels stay black."""
    after = OPERATIONS[name](sprite)

    assert set(np.unique(after.rgba[..., 3]).tolist()) <= {0, 255}
    assert not after.rgba[after.rgba[..., 3] == 0].any()
    assert used(after) == set(after.palette) <= set(PALETTE)


@given(sprites(), st.sampled_from(["orphans", "thin", "lines", "recolor", "flip"]))
def test_touch_ups_keep_the_size(sprite: Sprite, name: str) -> None:
    """What repaints pixels does not change their number."""
    assert OPERATIONS[name](sprite).rgba.shape == sprite.rgba.shape


@given(sprites(), st.integers(1, 5))
def test_scaling_and_taking_each_square_once_gives_the_sprite_back(sprite: Sprite, factor: int) -> None:
    """Enlarging is exact."""
    large = scale(sprite, factor)

    assert large.rgba.shape[:2] == (sprite.rgba.shape[0] * factor, sprite.rgba.shape[1] * factor)
    assert (large.rgba[::factor, ::factor] == sprite.rgba).all()
    assert (large.rgba[factor - 1 :: factor, factor - 1 :: factor] == sprite.rgba).all()


@given(sprites(), st.integers(1, 4), st.integers(1, 4))
def test_a_sheet_holds_each_frame_in_its_place(sprite: Sprite, count: int, columns: int) -> None:
    """Frames can be cropped out of the sheet again, bit for bit."""
    frames = [sprite if i % 2 else flip(sprite, "horizontal") for i in range(count)]
    whole = sheet(frames, columns)
    height, width = sprite.rgba.shape[:2]
    columns = min(columns, count)
    for i, frame in enumerate(frames):
        part = crop(whole, i % columns * width, i // columns * height, width, height)
        assert (part.rgba == frame.rgba).all()


@given(sprites(), st.sampled_from(["feet", "centre"]))
def test_placing_moves_the_subject_and_nothing_else(sprite: Sprite, anchor: Anchor) -> None:
    """The trimmed subject stands whole on the canvas: its feet on the lowest row, or its middle within half a pixel."""
    placed = place(sprite, 13, 16, anchor)

    assert placed.rgba.shape == (16, 13, 4)
    if used(sprite):
        assert (trim(placed).rgba == trim(sprite).rgba).all()
    rows, columns = (np.flatnonzero((placed.rgba[..., 3] > 0).any(axis=axis)) for axis in (1, 0))
    if len(rows):
        assert abs((columns[0] + columns[-1]) / 2 - 6) <= 0.5
        assert rows[-1] == 15 if anchor == "feet" else abs((rows[0] + rows[-1]) / 2 - 7.5) <= 0.5


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda s: crop(s, 1, 0, 2, 2), "not within the sprite's 2x2"),
        (lambda s: flip(s, "diagonal"), "use horizontal or vertical"),  # type: ignore[arg-type]  # the point of the test
        (lambda s: scale(s, 0), "whole number from 1"),
        (lambda s: scale(s, 2049), "at most 4096 px"),
        (lambda _: sheet([], 1), "at least one frame"),
        (lambda s: sheet([s, scale(s, 2)], 2), "one size"),
        (lambda s: sheet([s] * 3000, 3000), "too large"),
        (lambda s: place(s, 1, 9, "feet"), "does not fit on a canvas of 1x9"),
        (lambda s: place(s, 9, 9, "head"), "use feet"),  # type: ignore[arg-type]  # the point of the test
    ],
)  # fmt: skip
def test_what_cannot_be_done_gets_one_sentence(call: Callable[[Any], Any], says: str) -> None:
    """Each operation says what is allowed."""
    with pytest.raises(ValueError, match=says):
        call(drawn("rr", "rr"))


def test_recoloring_swaps_colours_all_at_once() -> None:
    """Swapping two colours does not merge them; a colour that is not there is passed over."""
    assert (recolor(drawn("rg#."), {RED: GOLD, GOLD: RED, (1, 2, 3): DARK}).rgba == drawn("gr#.").rgba).all()


def test_a_faint_orphan_goes_and_an_eye_stays() -> None:
    """A stray near shade takes the colour around it; a single dark pixel in a face is an eye."""
    face = drawn("ggggg", "ggggg", "gg#gg", "ggggg")
    stray = face.rgba.copy()
    stray[1, 1, :3] = np.array(GOLD) - 9
    lonely = orphans(stray)

    assert np.argwhere(lonely).tolist() == [[1, 1], [2, 2]]
    assert (remove_orphans(sprite_of(stray)).rgba == face.rgba).all()


def test_staircases_lose_their_corners_and_boxes_keep_theirs() -> None:
    """A line drawn with doubled steps becomes a clean diagonal; a box's outline is not touched."""
    stairs = drawn("##....", ".##...", "..##..", "...##.", "....##")
    smooth = smooth_lines(stairs).rgba[..., 3] > 0
    box = drawn("####", "#rr#", "#rr#", "####")

    assert smooth.sum(axis=1).tolist() == [2, 1, 1, 1, 2]  # the line's ends are no corners
    assert (smooth_lines(box).rgba == box.rgba).all()


def test_a_doubled_outline_is_thinned_and_a_single_one_is_kept() -> None:
    """Two dark pixels around gold become one; one stays one; dark shoes under a gold coat are no outline."""
    double = drawn("........", ".######.", ".######.", ".##gg##.", ".##gg##.", ".######.", ".######.", "........")
    single = drawn("......", ".####.", ".#gg#.", ".#gg#.", ".####.", "......")
    shoes = drawn("......", "..gg..", ".gggg.", ".gggg.", ".####.", ".####.")

    thin = thin_outline(double)
    assert (thin.rgba[2, 3:5] == (*GOLD, 255)).all()
    assert (thin.rgba[3, 2] == (*GOLD, 255)).all()
    assert (thin.rgba[1, 1:7] == (*DARK, 255)).all()
    for kept in (single, shoes):
        assert (thin_outline(kept).rgba == kept.rgba).all()


def test_an_outline_surrounds_the_subject() -> None:
    """The clear pixels beside the subject take the colour; corners do not, and the size stays."""
    outlined = add_outline(drawn(".....", "..r..", "....."), DARK)

    assert (outlined.rgba == drawn("..#..", ".#r#.", "..#..").rgba).all()


METHODS: tuple[Dither, ...] = ("none", "bayer4", "bayer8", "floyd-steinberg")


@given(st.integers(0, 2**32 - 1), st.sampled_from(METHODS), st.sampled_from(["1-bit", "pico-8"]))
def test_dithering_stays_in_the_palette_and_leaves_clear_pixels_alone(seed: int, method: Dither, name: str) -> None:
    """Only the palette's colours, nothing where it is clear, the same each time, and blind to what lies under clear pixels."""
    rng = np.random.default_rng(seed)
    picture, opaque = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8), rng.random((9, 7)) < 0.7
    other = picture.copy()
    other[~opaque] = 99

    mixed = dither(picture, opaque, read_palette(name), method)
    assert {tuple(c) for c in mixed[opaque].tolist()} <= set(read_palette(name))
    assert not mixed[~opaque].any()
    assert (mixed == dither(other, opaque, read_palette(name), method)).all()


def test_without_dithering_each_pixel_takes_its_nearest_colour() -> None:
    """The method "none" is the palette lock."""
    picture, opaque = np.random.default_rng(3).integers(0, 256, (20, 20, 3), dtype=np.uint8), np.ones((20, 20), dtype=bool)

    assert (dither(picture, opaque, PALETTE, "none") == lock_colors(picture, opaque, PALETTE)).all()


@pytest.mark.parametrize("method", METHODS[1:])
def test_dithered_greys_keep_their_lightness(method: Dither) -> None:
    """In black and white alone, a grey's share of white grows with its lightness, and flat palette colours stay flat."""
    shares = []
    for grey in (0, 60, 120, 180, 255):
        flat = np.full((32, 32, 3), grey, dtype=np.uint8)
        shares.append(float((dither(flat, np.ones((32, 32), dtype=bool), read_palette("1-bit"), method) > 0).mean()))

    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert shares == sorted(shares)
    assert 0.3 < shares[2] < 0.65


def floyd_steinberg_row_by_row(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The textbook's loop, for greys from 0 to 1 and a palette of black and white."""
    wanted = np.pad(values, ((0, 1), (1, 1)))
    for y in range(values.shape[0]):
        for x in range(1, values.shape[1] + 1):
            seen = min(max(wanted[y, x], 0.0), 1.0)
            error = seen - (seen > 0.5)
            wanted[y, x] = seen > 0.5
            for dy, dx, share in ((0, 1, 7), (1, -1, 3), (1, 0, 5), (1, 1, 1)):
                wanted[y + dy, x + dx] += error * share / 16
    return wanted[:-1, 1:-1] > 0.5


def test_error_diffusion_is_that_of_the_textbook() -> None:
    """Working along slanted lines gives what the plain loop gives."""
    grey = np.random.default_rng(5).integers(0, 256, (15, 11), dtype=np.uint8)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    mixed = dither(rgb, np.ones(grey.shape, dtype=bool), ((0, 0, 0), (255, 255, 255)), "floyd-steinberg")
    assert ((mixed[..., 0] > 0) == floyd_steinberg_row_by_row(comparable(rgb)[..., 0])).mean() > 0.99


@pytest.mark.parametrize("side", [1, 2, 4, 8])
def test_bayers_matrix_has_each_threshold_once(side: int) -> None:
    """All thresholds differ and lie evenly between 0 and 1."""
    assert np.allclose(np.sort(bayer(side).reshape(-1)), (np.arange(side**2) + 0.5) / side**2)


def test_unknown_methods_and_empty_palettes_are_refused() -> None:
    """The text says which methods there are."""
    picture, opaque = np.zeros((2, 2, 3), dtype=np.uint8), np.ones((2, 2), dtype=bool)
    with pytest.raises(ValueError, match="bayer4, bayer8 or floyd-steinberg"):
        dither(picture, opaque, PALETTE, "random")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="at least one"):
        dither(picture, opaque, (), "bayer4")
