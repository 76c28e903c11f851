"""The whole way from any picture to finished pixel art: the engine, then whatever touch-ups were asked for."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.art_options import MOST_COLORS, MOST_TOUCHED, ArtOptions
from dgx_pixels.pixels.cleanup import add_outline, remove_orphans, smooth_lines, thin_outline
from dgx_pixels.pixels.colour import Color
from dgx_pixels.pixels.dither import dither
from dgx_pixels.pixels.edit import place, sprite_of, trim
from dgx_pixels.pixels.palette import reduce_colors
from dgx_pixels.pixels.pixelize import Pixelized, pixelize
from dgx_pixels.pixels.sprite import Sprite


def make_art(rgba: NDArray[np.uint8], options: ArtOptions) -> Pixelized:
    """Turn a picture, (H, W, 4), into pixel art as asked; what was found of its grid comes with it.

    The order is: engine, dithering, clean-up, outline, then trimming or placing. A size that was asked for holds unless the
    subject is trimmed or placed on a canvas; without one, a subject that reaches the border gets room for its outline.

    Raises ValueError as `pixelize` and `edit.place` do, and if art of more than MOST_TOUCHED pixels is to be touched up.
    """
    found = _dithered(rgba, options) if options.dither != "none" else _plain(rgba, options)
    sprite = found.sprite
    if options.cleanup:
        _check_small(sprite)
    for name, touch in (("orphans", remove_orphans), ("lines", smooth_lines), ("outlines", thin_outline)):
        if name in options.cleanup:
            sprite = touch(sprite)
    if options.outline is not None:
        sprite = _outlined(sprite, options, options.outline)
    if options.trim:
        sprite = trim(sprite)
    elif options.canvas is not None or options.anchor is not None:
        width, height = options.canvas or (sprite.rgba.shape[1], sprite.rgba.shape[0])
        sprite = place(sprite, width, height, options.anchor or "feet")
    return replace(found, sprite=sprite)


def _plain(rgba: NDArray[np.uint8], options: ArtOptions) -> Pixelized:
    return pixelize(
        rgba, size=options.size, colors=options.colors, palette=options.palette, transparent=options.transparent
    )  # fmt: skip


def _dithered(rgba: NDArray[np.uint8], options: ArtOptions) -> Pixelized:
    """The same cells with their own colours, painted in the palette that plain pixel art would have."""
    palette = options.palette if options.colors is None else _plain(rgba, options).sprite.palette
    own = pixelize(rgba, size=options.size, colors=MOST_COLORS, transparent=options.transparent)
    if not palette:
        return own
    _check_small(own.sprite)
    opaque = own.sprite.rgba[..., 3] > 0
    rgb = dither(own.sprite.rgba[..., :3], opaque, palette, options.dither)
    return replace(own, sprite=sprite_of(np.dstack([rgb, own.sprite.rgba[..., 3]])))


def _outlined(sprite: Sprite, options: ArtOptions, color: Color) -> Sprite:
    rgba = sprite.rgba
    opaque = rgba[..., 3] > 0
    most = options.colors or MOST_COLORS
    if color not in sprite.palette and len(sprite.palette) >= most:
        rgb, _ = reduce_colors(rgba[..., :3], opaque, most - 1)
        rgba = np.dstack([rgb, rgba[..., 3]])
    if options.size is None and (opaque.sum() > opaque[1:-1, 1:-1].sum()):
        rgba = np.pad(rgba, ((1, 1), (1, 1), (0, 0)))
    return add_outline(sprite_of(rgba), color)


def _check_small(sprite: Sprite) -> None:
    height, width = sprite.rgba.shape[:2]
    if height * width > MOST_TOUCHED:
        raise ValueError(f"The art is {width}x{height}, too large to be dithered or cleaned up: ask for a smaller size.")
