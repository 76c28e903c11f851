"""Checks of what is published, and the other files that sprites can be written to."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.pixels.checks import Check, check_sprite
from dgx_pixels.pixels.edit import place, scale, sprite_of
from dgx_pixels.pixels.export import encode_animation, encode_indexed_png, encode_plain_png
from dgx_pixels.pixels.sprite import Sprite


def noise(seed: int, colors: int, side: int = 12, clear: float = 0.4) -> Sprite:
    """A sprite of random colours and clear pixels."""
    rng = np.random.default_rng(seed)
    palette = np.random.default_rng(colors).integers(0, 256, (colors, 3), dtype=np.uint8)
    rgba = np.dstack([palette[rng.integers(0, colors, (side, side))], np.full((side, side), 255, dtype=np.uint8)])
    rgba[rng.random((side, side)) < clear] = 0
    return sprite_of(rgba)


def decoded(image: Image.Image) -> NDArray[np.uint8]:
    """An image as RGBA, clear pixels black."""
    rgba = np.array(image.convert("RGBA"))
    rgba[rgba[..., 3] == 0] = 0
    return rgba


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 15, 100]))
def test_an_indexed_png_is_the_sprite(seed: int, colors: int) -> None:
    """It is of colour type 3, and decodes to the sprite's pixels, clear ones included."""
    sprite = noise(seed, colors)
    data = encode_indexed_png(sprite)

    assert data[25] == 3
    assert (decoded(Image.open(BytesIO(data))) == sprite.rgba).all()


def test_an_enlarged_png_shows_squares() -> None:
    """Each pixel is a square of one colour, in 8-bit RGBA."""
    sprite = noise(1, 9)
    data = encode_plain_png(sprite, 4)

    assert data[24:26] == bytes([8, 6])
    assert (np.asarray(Image.open(BytesIO(data))) == scale(sprite, 4).rgba).all()


@pytest.mark.parametrize("kind", ["gif", "apng"])
@pytest.mark.parametrize("colors", [1, 3, 16, 200])
def test_an_animation_shows_each_frame_bit_for_bit(kind: Literal["gif", "apng"], colors: int) -> None:
    """Every frame decodes to its sprite, an empty one and one that comes twice included; the time is kept, it never ends."""
    frames = [noise(i, colors) for i in range(4)] + [sprite_of(np.zeros((12, 12, 4), dtype=np.uint8)), noise(0, colors)]
    with Image.open(BytesIO(encode_animation(frames, 80, kind))) as image:
        assert (image.n_frames, image.info["loop"]) == (6, 0)  # type: ignore[attr-defined]  # both formats have it
        for i, frame in enumerate(frames):
            image.seek(i)
            assert (decoded(image) == frame.rgba).all()
            assert image.info["duration"] == 80


@pytest.mark.parametrize(
    ("frames", "duration_ms", "says"),
    [
        ([], 100, "at least one frame"),
        ([noise(1, 3), noise(1, 3, side=5)], 100, "one size"),
        ([noise(1, 3)], 5, "20 to 60,000 ms"),
        ([noise(1, 4000, side=40)], 100, "reduce them to 255"),
    ],
)
def test_what_is_no_animation_is_refused(frames: list[Sprite], duration_ms: int, says: str) -> None:
    """The text says what is allowed."""
    with pytest.raises(ValueError, match=says):
        encode_animation(frames, duration_ms, "gif")


def checked(sprite: Sprite, **changes: Any) -> dict[str, Check]:  # noqa: ANN401  # any of the checks' arguments
    """Check a sprite against what it is, but for `changes`."""
    height, width = sprite.rgba.shape[:2]
    asked: dict[str, Any] = {"width": width, "height": height, "colors": 256, "palette": None, "transparent": True}
    return check_sprite(sprite, **(asked | changes))


def disc(color: tuple[int, int, int], rim: tuple[int, int, int] | None = None) -> Sprite:
    """A disc on a clear 32x32 canvas, with a rim of one pixel."""
    y, x = np.indices((32, 32))
    away = np.hypot(y - 15.5, x - 15.5)
    rgba = np.zeros((32, 32, 4), dtype=np.uint8)
    rgba[away < 11] = (*(rim or color), 255)
    rgba[away < 10] = (*color, 255)
    return sprite_of(rgba)


def test_ground_left_at_the_edge_is_a_fringe() -> None:
    """A rim of mostly magenta around a green disc warns; the same rim is the subject's own where white was cut out."""
    fringed = disc((30, 140, 60), rim=(220, 30, 210))

    assert not checked(fringed, ground=(255, 0, 255))["fringe"].ok
    assert checked(fringed, ground=(255, 255, 255))["fringe"].ok
    assert checked(disc((30, 140, 60)), ground=(255, 0, 255))["fringe"] == Check(True, 0.0, False)


def test_a_subject_at_the_border_warns_only_if_it_was_to_be_cut_out() -> None:
    """Opaque pixels of the outermost ring are counted; a tile's are as they should be."""
    standing = place(disc((30, 140, 60)), 32, 32, "feet")
    tile = sprite_of(np.full((8, 8, 4), 255, dtype=np.uint8))

    assert checked(disc((30, 140, 60)))["border"] == Check(True, 0, False)
    assert not checked(standing)["border"].ok
    assert checked(tile, transparent=False)["border"] == Check(True, 28, False)


def test_noise_is_full_of_orphans_and_art_is_not() -> None:
    """The share of lonely pixels tells noise from drawing."""
    assert not checked(noise(3, 200, clear=0))["orphans"].ok
    assert checked(disc((30, 140, 60)))["orphans"] == Check(True, 0.0, False)
