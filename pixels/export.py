"""Sprites in other files than the published RGBA PNG: indexed or enlarged PNGs, PNGs without a recipe, and animations."""

from collections.abc import Sequence
from io import BytesIO
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import Blend, Disposal

from dgx_pixels.pixels.edit import scale
from dgx_pixels.pixels.palette import palette_of
from dgx_pixels.pixels.sprite import Sprite

_MOST_INDEXED: Final = 255  # one of 256 places is kept for clear pixels
_CLEAR: Final = 0  # its place
_LONGEST_MS: Final = 60_000
_GIF_HEAD: Final = 13 + 768  # bytes of a GIF's header and of its palette of 256 places


def encode_indexed_png(sprite: Sprite) -> bytes:
    """Write an indexed PNG (colour type 3): place 0 is clear, then the sprite's colours from dark to light.

    Raises ValueError for more than 255 colours.
    """
    out = BytesIO()
    _indexed([sprite], 0)[0].save(out, "PNG", transparency=_CLEAR, compress_level=9)
    return out.getvalue()


def encode_plain_png(sprite: Sprite, factor: int = 1) -> bytes:
    """Write an 8-bit RGBA PNG without a recipe, each pixel a square of `factor` px. Raises ValueError as `edit.scale` does."""
    out = BytesIO()
    Image.fromarray((sprite if factor == 1 else scale(sprite, factor)).rgba).save(out, "PNG", compress_level=9)
    return out.getvalue()


def encode_animation(frames: Sequence[Sprite], duration_ms: int, kind: Literal["gif", "apng"]) -> bytes:
    """Write frames of one size as an animation without end, each shown for `duration_ms` (20 to 60,000).

    GIF counts time in hundredths of a second, and so rounds it; all frames share one palette of at most 255 colours. APNG
    is RGBA. Clear pixels are clear: each frame replaces the one before it.

    Raises ValueError for no frames, frames of different sizes, a duration out of range, or too many colours for a GIF.
    """
    if not frames or len({frame.rgba.shape for frame in frames}) > 1:
        raise ValueError("An animation needs at least one frame, and all of one size.")
    if not 20 <= duration_ms <= _LONGEST_MS:
        raise ValueError(f"A frame of {duration_ms} ms is not allowed: use 20 to {_LONGEST_MS:,} ms.")
    if kind == "gif":
        return _gif(_indexed(frames, 256), duration_ms)
    out = BytesIO()
    first, *others = (Image.fromarray(frame.rgba) for frame in frames)
    first.save(
        out, "PNG", save_all=True, append_images=others, duration=duration_ms, loop=0, disposal=Disposal.OP_NONE,
        blend=Blend.OP_SOURCE,
    )  # fmt: skip
    return out.getvalue()


def _gif(frames: Sequence[Image.Image], duration_ms: int) -> bytes:
    """Join frames that have one full palette: the first as a GIF that repeats, then what the others have after the palette.

    Pillow's own writer of animations merges equal frames, and damages the file where a frame is wholly clear.
    """
    files: list[bytes] = []
    for image in frames:
        out = BytesIO()
        again = {} if files else {"loop": 0}
        image.save(out, "GIF", duration=duration_ms, disposal=2, transparency=_CLEAR, optimize=False, interlace=0, **again)
        files.append(out.getvalue().removesuffix(b";"))
    return files[0] + b"".join(file[_GIF_HEAD:] for file in files[1:]) + b";"


def _indexed(frames: Sequence[Sprite], places_at_least: int) -> list[Image.Image]:
    """The frames as images with one palette, of so many places at least. Raises ValueError for more than 255 colours together."""
    colors = palette_of(np.concatenate([frame.rgba[frame.rgba[..., 3] > 0][:, :3] for frame in frames]))
    if len(colors) > _MOST_INDEXED:
        raise ValueError(f"{len(colors):,} colours do not fit in a palette: reduce them to {_MOST_INDEXED} or fewer.")
    places = {color: place for place, color in enumerate(colors, start=1)}
    table = bytes(v for color in ((0, 0, 0), *colors) for v in color).ljust(3 * places_at_least, b"\0")
    images = []
    for frame in frames:
        image = Image.fromarray(_places(frame.rgba, places))
        image.putpalette(table)
        images.append(image)
    return images


def _places(rgba: NDArray[np.uint8], places: dict[tuple[int, int, int], int]) -> NDArray[np.uint8]:
    colors, which = np.unique(rgba.reshape(-1, 4), axis=0, return_inverse=True)
    table = [places[red, green, blue] if alpha else _CLEAR for red, green, blue, alpha in colors.tolist()]
    return np.array(table, dtype=np.uint8)[which.reshape(rgba.shape[:2])]
