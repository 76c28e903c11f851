"""How alike pictures are to a reference set in their colours and their texture: two classic histograms, no model.

It says whether a picture uses the set's colours in the set's shares, and whether its pixels lie beside each other as the set's
do: flat areas, outlines, dither, noise. It knows nothing of what is shown: a good potion and a bad one can be equally alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import comparable

_LIGHT, _HUES = 8, 9  # bins of lightness, and of each colour axis: odd, so that greys fall into the middle of one
_REACH: Final = 0.4  # of the colour axes: sRGB lies within
_PATTERNS: Final = 10
_AROUND: Final = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))  # in a circle


@dataclass(frozen=True)
class Style:
    """Shares of a picture's, or on average of a set's, opaque pixels: by colour, and by local binary pattern."""

    colors: tuple[float, ...]
    texture: tuple[float, ...]


def style_of(pictures: Sequence[NDArray[np.uint8]]) -> Style:
    """The style of pictures, each (h, w, 4) at its true size; all count alike. Raises ValueError if none has an opaque pixel."""
    seen = [picture for picture in pictures if (picture[..., 3] > 127).any()]
    if not seen:
        raise ValueError("No picture of the set has an opaque pixel: name a folder with sprites.")
    colors = np.mean([_colors(picture) for picture in seen], axis=0)
    texture = np.mean([_texture(picture) for picture in seen], axis=0)
    return Style(tuple(colors.tolist()), tuple(texture.tolist()))


def likeness(picture: NDArray[np.uint8], style: Style) -> tuple[float, float]:
    """How alike a picture, (h, w, 4), is to a style in colours and in texture: 0 nothing in common, 1 the same shares.

    Each is a histogram intersection (Swain and Ballard, "Color indexing", IJCV 7, 1991): of the colours in the space of
    `colour.comparable`, and of rotation-invariant uniform local binary patterns of the eight neighbours' lightness (Ojala,
    Pietikainen and Maenpaa, "Multiresolution gray-scale and rotation invariant texture classification", PAMI 24, 2002). One
    picture has few of a set's colours, so that the first is far below 1 even for the set's own pictures: it is for comparing.
    """
    if not (picture[..., 3] > 127).any():
        return 0.0, 0.0
    return (
        float(np.minimum(_colors(picture), style.colors).sum()),
        float(np.minimum(_texture(picture), style.texture).sum()),
    )


def _colors(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    points = comparable(picture[picture[..., 3] > 127][:, :3])
    light = np.clip((points[:, 0] * _LIGHT).astype(int), 0, _LIGHT - 1)
    hues = np.clip(((points[:, 1:] + _REACH) / (2 * _REACH) * _HUES).astype(int), 0, _HUES - 1)
    places = (light * _HUES + hues[:, 0]) * _HUES + hues[:, 1]
    return np.bincount(places, minlength=_LIGHT * _HUES * _HUES) / len(points)


def _texture(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Shares of patterns 0 to 8 (so many neighbours in a row at least as light) and 9 (several rows); clear counts as lighter."""
    opaque = picture[..., 3] > 127
    light = np.pad(np.where(opaque, comparable(picture[..., :3])[..., 0], 2.0), 1, constant_values=2.0)
    height, width = opaque.shape
    centre = light[1:-1, 1:-1]
    lighter = np.stack([light[1 + y : 1 + y + height, 1 + x : 1 + x + width] >= centre for y, x in _AROUND])
    changes = (lighter != np.roll(lighter, 1, axis=0)).sum(axis=0)
    patterns = np.where(changes <= 2, lighter.sum(axis=0), _PATTERNS - 1)
    return np.bincount(patterns[opaque], minlength=_PATTERNS) / int(opaque.sum())
