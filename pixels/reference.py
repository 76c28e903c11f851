"""A picture of any size as the one that a render starts from."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.pixels.colour import Color

_PIXEL_ART: int = 128
"""Longer side, in pixels, up to which a picture is taken for pixel art, and enlarged without smoothing."""


def reference_render(rgba: NDArray[np.uint8], width: int, height: int, ground: Color) -> NDArray[np.uint8]:
    """Fit a picture, (h, w, 4) of any size, into a render of `width` x `height`; answers (height, width, 3).

    It keeps its proportions and stands in the middle of the ground colour, which also shows through where it is clear. Pixel art
    is enlarged by a whole factor where one fits; what is larger than the render is shrunk by area.
    """
    picture = Image.fromarray(rgba)
    scale = min(width / picture.width, height / picture.height)
    if scale >= 1 and max(picture.size) <= _PIXEL_ART:
        scale = int(scale)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    flat = Image.new("RGBA", picture.size, (*ground, 255))
    flat.alpha_composite(picture)
    way = Image.Resampling.NEAREST if scale >= 1 and max(picture.size) <= _PIXEL_ART else Image.Resampling.BOX
    canvas = Image.new("RGB", (width, height), ground)
    canvas.paste(flat.convert("RGB").resize(size, way), ((width - size[0]) // 2, (height - size[1]) // 2))
    return np.asarray(canvas)
