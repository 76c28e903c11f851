"""Operations on finished sprites. None makes a colour or an alpha that was not there: a locked palette stays locked."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import Color
from dgx_pixels.pixels.palette import palette_of
from dgx_pixels.pixels.sprite import Sprite

Anchor = Literal["feet", "centre"]
"""Where a subject stands on its canvas: bottom centre, as characters and tall objects do, or in the middle."""

MOST_SIDE: Final = 4096
"""Pixels along a side that an operation may make."""


def sprite_of(rgba: NDArray[np.uint8]) -> Sprite:
    """Make a sprite of an (h, w, 4) array, with the palette of its opaque pixels, from dark to light."""
    return Sprite(rgba, palette_of(rgba[rgba[..., 3] > 0][:, :3]))


def crop(sprite: Sprite, left: int, top: int, width: int, height: int) -> Sprite:
    """Cut out a part. Raises ValueError if it does not lie within the sprite or is empty."""
    rows, columns = sprite.rgba.shape[:2]
    if left < 0 or top < 0 or width < 1 or height < 1 or left + width > columns or top + height > rows:
        raise ValueError(
            f"A part of {width}x{height} at {left}, {top} is not within the sprite's {columns}x{rows}: choose one that is."
        )
    return sprite_of(sprite.rgba[top : top + height, left : left + width])


def flip(sprite: Sprite, axis: Literal["horizontal", "vertical"]) -> Sprite:
    """Mirror: "horizontal" swaps left and right, "vertical" swaps top and bottom. Raises ValueError for another axis."""
    if axis not in ("horizontal", "vertical"):
        raise ValueError(f"There is no axis {axis!r}: use horizontal or vertical.")
    return sprite_of(np.flip(sprite.rgba, axis=1 if axis == "horizontal" else 0))


def scale(sprite: Sprite, factor: int) -> Sprite:
    """Enlarge by a whole factor, each pixel a square of one colour.

    Raises ValueError for a factor below 1, or one that makes a side longer than MOST_SIDE.
    """
    if factor < 1 or factor * max(sprite.rgba.shape[:2]) > MOST_SIDE:
        raise ValueError(f"A factor of {factor} is not allowed: use a whole number from 1, for sides of at most {MOST_SIDE} px.")
    return sprite_of(sprite.rgba.repeat(factor, axis=0).repeat(factor, axis=1))


def sheet(sprites: Sequence[Sprite], columns: int) -> Sprite:
    """Put frames of one size in rows of `columns`, without gaps; places without a frame stay clear.

    Raises ValueError if there is no frame, frames differ in size, `columns` is below 1, or a side gets longer than MOST_SIDE.
    """
    if not sprites or columns < 1:
        raise ValueError("A sheet needs at least one frame and one column.")
    if len({sprite.rgba.shape for sprite in sprites}) > 1:
        raise ValueError("The frames of a sheet must have one size: place them on one canvas first.")
    height, width = sprites[0].rgba.shape[:2]
    columns = min(columns, len(sprites))
    rows = -(-len(sprites) // columns)
    if max(rows * height, columns * width) > MOST_SIDE:
        raise ValueError(f"A sheet of {columns * width}x{rows * height} px is too large: at most {MOST_SIDE} a side.")
    rgba = np.zeros((rows * height, columns * width, 4), dtype=np.uint8)
    for place, sprite in enumerate(sprites):
        row, column = divmod(place, columns)
        rgba[row * height : (row + 1) * height, column * width : (column + 1) * width] = sprite.rgba
    return sprite_of(rgba)


def recolor(sprite: Sprite, swaps: Mapping[Color, Color]) -> Sprite:
    """Swap colours: each opaque pixel of a colour in `swaps` takes the colour that stands for it, all at once.

    Colours that the sprite has not are passed over; so are clear pixels.
    """
    rgba = sprite.rgba.copy()
    opaque = sprite.rgba[..., 3] > 0
    for old, new in swaps.items():
        rgba[opaque & (sprite.rgba[..., :3] == np.array(old, dtype=np.uint8)).all(axis=2), :3] = new
    return sprite_of(rgba)


def trim(sprite: Sprite) -> Sprite:
    """Cut off the clear rows and columns around the subject; an empty sprite stays as it is."""
    opaque = sprite.rgba[..., 3] > 0
    if not opaque.any():
        return sprite
    (top, bottom), (left, right) = (np.flatnonzero(opaque.any(axis=axis))[[0, -1]].tolist() for axis in (1, 0))
    return crop(sprite, left, top, right - left + 1, bottom - top + 1)


def place(sprite: Sprite, width: int, height: int, anchor: Anchor) -> Sprite:
    """Trim the subject and stand it on a clear canvas of `width` x `height`.

    "feet": its lowest row on the canvas's lowest, its middle in the middle; "centre": the middle of both ways. With an odd
    rest, the pixel more is left and above. Raises ValueError if the canvas is too small for the subject, or the anchor unknown.
    """
    if anchor not in ("feet", "centre"):
        raise ValueError(f"There is no anchor {anchor!r}: use feet (bottom centre) or centre.")
    subject = trim(sprite).rgba
    rows, columns = subject.shape[:2]
    if not (columns <= width <= MOST_SIDE and rows <= height <= MOST_SIDE):
        raise ValueError(
            f"The subject is {columns}x{rows} and does not fit on a canvas of {width}x{height}: "
            f"ask for one at least as large, and at most {MOST_SIDE} px a side."
        )
    top = height - rows if anchor == "feet" else (height - rows + 1) // 2
    left = (width - columns + 1) // 2
    rgba = np.zeros((height, width, 4), dtype=np.uint8)
    rgba[top : top + rows, left : left + columns] = subject
    return sprite_of(rgba)
