"""The measures of a picture, on pictures whose truth is known."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dgx_pixels.pixels.labelled_sheet import Group, labelled_sheet
from dgx_pixels.pixels.likeness import likeness, style_of
from dgx_pixels.pixels.measures import Measures, measure
from dgx_pixels.pixels.palette import Palette
from dgx_pixels.pixels.sprite import Sprite, make_sprite

KEY = (255, 0, 255)
RED, BLUE = (200, 30, 40), (40, 60, 200)


def drawn(side: int = 16, cell: int = 8, subject: tuple[int, int, int] = RED) -> NDArray[np.uint8]:
    """A render of a disc on the key colour, in hard cells."""
    picture = Image.new("RGB", (side, side), KEY)
    ImageDraw.Draw(picture).ellipse((3, 3, side - 4, side - 4), fill=subject)
    return np.asarray(picture).repeat(cell, axis=0).repeat(cell, axis=1)


def measured(render: NDArray[np.uint8], palette: Palette | None = None, *, transparent: bool = True) -> Measures:
    """All measures of a render and the 16 px sprite made of it."""
    sprite = make_sprite(render, 16, 16, palette=palette, transparent=transparent, ground=KEY)
    return measure(render, sprite, palette=palette, transparent=transparent, ground=KEY)


def smooth(render: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """The render, blurred by a box."""
    picture = Image.fromarray(render)
    small = picture.resize((render.shape[1] // radius, render.shape[0] // radius), Image.Resampling.BOX)
    return np.asarray(small.resize(picture.size, Image.Resampling.BICUBIC))


def test_a_clean_render_has_the_best_measures() -> None:
    """Hard cells, a clean outline, one colour, no orphans."""
    found = measured(drawn())
    assert (found.colors, found.orphans, found.cutout, found.sharpness) == (1, 0, 1, 1)
    assert (found.palette_distance, found.likeness_colors, found.likeness_texture) == (None, None, None)


def test_a_blurred_render_is_less_sharp_and_worse_to_cut_out() -> None:
    """The softer the picture, the lower both."""
    hard, soft, softer = measured(drawn()), measured(smooth(drawn(), 4)), measured(smooth(drawn(), 12))
    assert all(found.sharpness is not None and found.cutout is not None for found in (hard, soft, softer))
    assert (hard.sharpness or 0) > (soft.sharpness or 0) > (softer.sharpness or 0)
    assert (hard.cutout or 0) > (softer.cutout or 0)


def test_the_palettes_distance_is_of_the_colours_as_drawn() -> None:
    """0 for a palette that has the colour; else how far it was moved by locking, whatever the sprite has now."""
    assert measured(drawn(), (RED, BLUE)).palette_distance == pytest.approx(0, abs=1e-9)
    near, far = (measured(drawn(subject=(206, 36, 46)), (RED, BLUE)), measured(drawn(subject=(90, 200, 60)), (RED, BLUE)))
    assert 0 < (near.palette_distance or 0) < 0.05 < (far.palette_distance or 0)


def test_orphans_are_lone_pixels() -> None:
    """A speckled subject has them."""
    render = drawn(cell=1).copy()
    speckled = np.arange(256).reshape(16, 16) % 7 == 0
    render[speckled & (render != KEY).any(axis=-1)] = BLUE
    assert measured(render).orphans > 0.1


def test_what_does_not_apply_is_none() -> None:
    """No cut-out was asked for; cells of one pixel cannot vary inside."""
    found = measured(drawn(cell=1), transparent=False)
    assert (found.cutout, found.sharpness) == (None, None)


def test_a_picture_without_ground_is_cut_out_badly() -> None:
    """Asked for and not found: the worst."""
    render = np.full((128, 128, 3), RED, np.uint8)
    assert measured(render).cutout == 0


def test_likeness_knows_colours_and_texture_apart() -> None:
    """The set's own picture is most alike; the same shape in other colours is alike in texture only; noise in neither."""
    chance = np.random.default_rng(1)

    def sprite(render: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return make_sprite(render, 16, 16, ground=KEY).rgba

    own, other = sprite(drawn()), sprite(drawn(subject=BLUE))
    noise = np.dstack([chance.integers(0, 256, (16, 16, 3), np.uint8), np.full((16, 16), 255, np.uint8)])
    style = style_of([own])

    assert likeness(own, style) == pytest.approx((1, 1))
    assert likeness(other, style) == pytest.approx((0, 1))
    assert max(likeness(noise, style)) < 0.5
    assert 0 < likeness(own, style_of([own, other]))[0] < 1
    assert likeness(np.zeros((16, 16, 4), np.uint8), style) == (0, 0)


def test_a_set_without_pixels_is_refused() -> None:
    """Nothing can be like it."""
    with pytest.raises(ValueError, match="opaque"):
        style_of([np.zeros((4, 4, 4), np.uint8)])


@pytest.mark.parametrize("count", [1, 7, 80])
def test_a_sheet_shows_all_at_a_whole_scale(count: int) -> None:
    """Under 256 KB, near 1536 px; each sprite's own pixels are in it; nothing but pixels is in the file."""
    sprites = [make_sprite(drawn(subject=color), 16, 16, ground=KEY) for color in (RED, BLUE)]
    groups = [
        Group(f"{i}. a prompt that is far too long to stand in one line", (("A", sprites[0]), ("B", sprites[1])))
        for i in range(count)
    ]
    data = labelled_sheet(groups, ["1: one", "2: another"])

    assert len(data) < 256 * 1024
    with Image.open(io.BytesIO(data)) as sheet:
        assert max(sheet.size) <= 1536
        assert sheet.info == {}
        pixels = np.asarray(sheet.convert("RGB"))
    reds, blues = ((pixels == color).all(axis=-1).sum() for color in (RED, BLUE))
    opaque = int((sprites[0].rgba[..., 3] > 0).sum())
    scale = (reds / opaque / count) ** 0.5
    assert scale == round(scale) >= 1
    assert reds == blues


@pytest.mark.parametrize("side", [64, 128])
def test_a_busy_sheet_stays_small(side: int) -> None:
    """Noise hardly compresses: 160 such pictures are drawn smaller, and at last with pixels left out."""
    chance = np.random.default_rng(1)
    pictures = [
        Sprite(np.dstack([chance.integers(0, 256, (side, side, 3), np.uint8), np.full((side, side), 255, np.uint8)]), ())
        for _ in range(4)
    ]
    groups = [Group("noise", tuple(zip("ABCD", pictures[i % 4 :] + pictures[: i % 4], strict=True))) for i in range(40)]
    data = labelled_sheet(groups)

    assert len(data) < 256 * 1024
    with Image.open(io.BytesIO(data)) as sheet:
        assert max(sheet.size) <= 1536


def test_an_empty_sheet_is_refused() -> None:
    """There is nothing to draw."""
    with pytest.raises(ValueError, match="at least one group"):
        labelled_sheet([])
