"""Sprites enlarged for the eye: a preview, and a sheet of several."""

from collections.abc import Sequence
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.pixels.sprite import Sprite

MOST_BYTES: Final = 256 * 1024  # of a picture in an answer
_SQUARE: Final = 8  # px of the checkerboard, about as in drawing programs
_LIGHT, _DARK = 204, 153  # its greys
_GAP: Final = 8  # px between the sprites of a sheet
_MOST_PLACES: Final = 254  # of a PNG's palette: two are the checkerboard's
_GROUND: Final = 32  # the sheet's grey


def preview_png(sprite: Sprite, side: int = 512) -> bytes:
    """Draw a sprite as a PNG of at most `side` px a side (at least 1) and under 256 KB, on a grey checkerboard.

    Enlarged by the largest whole number that fits. A sprite larger than `side`, or one too busy for the bytes, shows
    every second, third, ... pixel, so that what is seen are still its own colours. Raises ValueError for a side below 1.
    """
    if side < 1:
        raise ValueError(f"A preview of {side} px shows nothing: ask for at least 1.")
    longest = max(sprite.rgba.shape[:2])
    step = -(-longest // side)
    pixels, scale = sprite.rgba[::step, ::step], max(1, side // longest)
    data = _png(_indexed(pixels, scale) or Image.fromarray(on_checkerboard(pixels, scale)))
    return data if len(data) < MOST_BYTES else preview_png(sprite, side // 2)


def render_png(rgb: NDArray[np.uint8], side: int = 256) -> bytes:
    """Draw a small picture, (h, w, 3), as a PNG, enlarged by the largest whole number that keeps it within `side` px."""
    return _png(Image.fromarray(_enlarged(rgb, max(1, side // max(rgb.shape[:2])))))


def contact_sheet(sprites: Sequence[Sprite], columns: int, scale: int) -> bytes:
    """Draw sprites in rows of `columns`, each pixel `scale` px (fewer, to stay under 256 KB), dark gaps.

    Every place is as large as the largest sprite; each sprite stands in the middle of its own. Raises ValueError if
    there is no sprite, or `columns` or `scale` is below 1.
    """
    if not sprites or columns < 1 or scale < 1:
        raise ValueError(
            f"A sheet of {len(sprites)} sprites in {columns} columns at scale {scale} is empty: each must be at least 1."
        )
    height = scale * max(sprite.rgba.shape[0] for sprite in sprites)
    width = scale * max(sprite.rgba.shape[1] for sprite in sprites)
    columns = min(columns, len(sprites))
    rows = -(-len(sprites) // columns)
    sheet = np.full((_GAP + rows * (height + _GAP), _GAP + columns * (width + _GAP), 3), _GROUND, dtype=np.uint8)
    for place, sprite in enumerate(sprites):
        picture = on_checkerboard(sprite.rgba, scale)
        row, column = divmod(place, columns)
        top = _GAP + row * (height + _GAP) + (height - picture.shape[0]) // 2
        left = _GAP + column * (width + _GAP) + (width - picture.shape[1]) // 2
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    data = _png(Image.fromarray(sheet))
    return data if len(data) < MOST_BYTES or scale == 1 else contact_sheet(sprites, columns, scale - 1)


def on_checkerboard(rgba: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Enlarge a picture, (h, w, 4), by a whole number, and lay it over the checkerboard; (h * scale, w * scale, 3)."""
    return _flattened(_enlarged(rgba, scale))


def _enlarged(pixels: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


def _indexed(rgba: NDArray[np.uint8], scale: int) -> Image.Image | None:
    """What `on_checkerboard` draws, with a palette: a fifth of the work. None for too many colours, or half-clear pixels."""
    clear = rgba[..., 3] == 0
    if not (clear | (rgba[..., 3] == 255)).all():
        return None
    colours, places = np.unique(rgba[..., :3][~clear], axis=0, return_inverse=True)
    if len(colours) > _MOST_PLACES:
        return None
    index = np.zeros(rgba.shape[:2], dtype=np.uint8)
    index[~clear] = places.reshape(-1) + 2
    shown = _enlarged(index, scale)
    board = _is_light(shown.shape[0], shown.shape[1]).astype(np.uint8)
    picture = Image.fromarray(np.where(shown == 0, board, shown), "P")
    picture.putpalette(bytes((_DARK,) * 3 + (_LIGHT,) * 3) + colours.tobytes())
    return picture


def _is_light(height: int, width: int) -> NDArray[np.bool_]:
    """The checkerboard's light squares, (h, w)."""
    odd_row, odd_column = (np.arange(side) // _SQUARE % 2 == 1 for side in (height, width))
    light: NDArray[np.bool_] = odd_row[:, None] == odd_column
    return light


def _flattened(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay an RGBA picture over the checkerboard; (h, w, 3)."""
    board = np.where(_is_light(rgba.shape[0], rgba.shape[1]), np.uint8(_LIGHT), np.uint8(_DARK))[..., None]
    alpha = rgba[..., 3:]
    if ((alpha == 0) | (alpha == 255)).all():  # as sprites are: seven times as fast
        return np.where(alpha == 255, rgba[..., :3], board)
    share = alpha / 255.0
    return np.rint(rgba[..., :3] * share + board * (1 - share)).astype(np.uint8)


def _png(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "PNG", compress_level=6)  # 9 takes twice as long for a tenth of the bytes
    return out.getvalue()
