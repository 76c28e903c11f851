"""The finished sprite: made from a render, written to PNG and read back."""

from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.pixels.cells import cells_to_pixels
from dgx_pixels.pixels.colour import Color
from dgx_pixels.pixels.cutout import cut_out, remove_fringe
from dgx_pixels.pixels.ground import regions
from dgx_pixels.pixels.palette import Palette, lock_colors, palette_of, reduce_colors
from dgx_pixels.pixels.png_text import with_recipe
from dgx_pixels.pixels.read import LARGE, PictureError, read_picture
from dgx_pixels.pixels.spill import remove_spill

_SPECK: Final = 2  # pixels in a part that counts as a stray speck


@dataclass(frozen=True, eq=False)
class Sprite:
    """A finished picture at its true size: `rgba` (h, w, 4), read-only, and the palette of its opaque pixels."""

    rgba: NDArray[np.uint8]
    palette: Palette

    def __post_init__(self) -> None:
        """Keep a private, read-only copy; raise ValueError for an array of another shape or type."""
        if self.rgba.ndim != 3 or self.rgba.shape[2] != 4 or self.rgba.dtype != np.uint8 or not self.rgba.size:
            raise ValueError(f"A sprite needs an (h, w, 4) array of bytes, not {self.rgba.shape} of {self.rgba.dtype}.")
        own = self.rgba.copy()
        own.setflags(write=False)
        object.__setattr__(self, "rgba", own)


def make_sprite(
    render: NDArray[np.uint8],
    width: int,
    height: int,
    *,
    colors: int = 16,
    palette: Palette | None = None,
    transparent: bool = True,
    ground: Color | None = None,
) -> Sprite:
    """Make a sprite of `width` x `height` from a render, (H, W, 3) sRGB, at least as large.

    Cells become pixels; with `transparent`, the ground is cut out (`ground` is the key colour that the model was asked
    for, or None to look for one), the edge cleaned of it, and stray specks dropped; then at most `colors` colours
    (2 to 256) are kept, and with a `palette` each becomes its nearest in it, so that both limits hold. Alpha is 0 or
    255, and a clear pixel is (0, 0, 0, 0). The sprite's palette runs from dark to light and holds only colours in use.

    Raises ValueError for a size below 1 or above the render's, `colors` out of range, or an empty palette.
    """
    rgb = cells_to_pixels(render, width, height)
    opaque = np.ones((height, width), dtype=np.bool_)
    if transparent:
        cutout = cut_out(rgb[None], ground)
        opaque = cutout.opaque[0]
        if cutout.ground is not None:
            rgb, opaque = remove_fringe(rgb, opaque, cutout.ground)
            opaque = _without_specks(opaque)
            if ground is not None:
                rgb = remove_spill(rgb, opaque, cutout.ground)
    rgb, used = reduce_colors(rgb, opaque, colors)
    if palette is not None:
        rgb = lock_colors(rgb, opaque, palette)
        used = palette_of(rgb[opaque])
    return Sprite(np.dstack([rgb, np.where(opaque, 255, 0).astype(np.uint8)]), used)


def encode_png(sprite: Sprite, recipe: str) -> bytes:
    """Write an 8-bit RGBA PNG, not interlaced, without colour profile; the same sprite and recipe give the same bytes.

    The recipe stands in it as `png_text.recipe_in` reads it.
    """
    out = BytesIO()
    Image.fromarray(sprite.rgba).save(out, "PNG", compress_level=9)
    return with_recipe(out.getvalue(), recipe)


def decode_png(data: bytes) -> Sprite:
    """Read a PNG of any kind as a sprite; its palette is found anew. Raises ValueError if it is not a whole PNG."""
    try:
        found = read_picture(data, LARGE)
    except PictureError as error:
        raise ValueError(f"These {len(data)} bytes are not a whole PNG of a sprite's size. {error}") from error
    if found.format != "PNG":
        raise ValueError(f"These {len(data)} bytes are not a whole PNG: give the PNG file's content, unchanged.")
    return Sprite(found.rgba, palette_of(found.rgba[found.rgba[..., 3] > 0][:, :3]))


def _without_specks(opaque: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop parts of one or two pixels far from all larger parts: a spark beside the subject stays."""
    numbers = regions(opaque, corners=True)
    sizes = np.bincount(numbers.reshape(-1))
    small = (sizes <= _SPECK)[numbers] & opaque
    large = opaque & ~small
    if not large.any():
        return opaque
    return opaque & ~(small & ~_grown(large, max(3, min(opaque.shape) // 16)))


def _grown(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Spread the mask by so many pixels in all eight directions."""
    for axis in (0, 1):
        padded = np.pad(mask, [(steps, steps) if axis == a else (0, 0) for a in (0, 1)])
        mask = np.logical_or.reduce(np.lib.stride_tricks.sliding_window_view(padded, 2 * steps + 1, axis=axis), axis=-1)
    return mask
