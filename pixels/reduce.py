"""Making a picture small that shows no cells: what an artist would keep is kept."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SAMPLES: Final = 6  # along each side of a cell
_DETAIL: Final = 6  # samples, of a cell's 36, that make a detail: a line as thin as a sixth of a cell
_STRONG: Final = 20.0  # of 255 levels of luma, by which a detail stands out from what lies around it
_CLEARLY: Final = 1.5  # times the opposite deviation: on the edge of two areas both are alike, and neither is a detail
_LUMA: Final = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601: near enough to lightness, and fast
_AROUND: Final = 3  # cells across that a detail is compared with


def reduce_picture(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float64]:
    """Reduce a picture, (H, W, 3), to `width` x `height`: (height, width, 3), sRGB from 0 to 255.

    A plain shrink averages a thin dark outline, or a glint in an eye, with its surroundings until neither is left. Here
    the darkest or lightest sixth of a cell becomes its colour if it stands out from the cells around more than the other
    end does; else the cell's mean does. (The idea of contrast-aware shrinking is that of Öztireli and Gross 2015,
    "Perceptually based downscaling of images"; this rule is simpler.)
    """
    size = (width * _SAMPLES, height * _SAMPLES)
    shrinks = rgb.shape[1] >= size[0] and rgb.shape[0] >= size[1]
    fine = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), dtype=np.uint8)
    samples = fine.reshape(height, _SAMPLES, width, _SAMPLES, 3).transpose(0, 2, 1, 3, 4).reshape(height, width, -1, 3)
    lightness = samples @ _LUMA
    order = lightness.argsort(axis=-1)
    ranked = np.take_along_axis(lightness, order, axis=-1)
    around = cv2.blur(lightness.mean(axis=-1), (_AROUND, _AROUND), borderType=cv2.BORDER_REFLECT)
    darker = around - ranked[..., :_DETAIL].mean(axis=-1)
    lighter = ranked[..., -_DETAIL:].mean(axis=-1) - around
    dark = (darker > _STRONG) & (darker > _CLEARLY * lighter)
    light = (lighter > _STRONG) & (lighter > _CLEARLY * darker)
    colors = samples.mean(axis=2)
    for mask, part in ((dark, slice(None, _DETAIL)), (light, slice(-_DETAIL, None))):
        chosen = np.take_along_axis(samples[mask], order[mask][:, part, None], axis=1)
        colors[mask] = chosen.mean(axis=1)
    return np.asarray(colors)


def few_colors(rgb: NDArray[np.uint8], colors: int) -> NDArray[np.uint8]:
    """Give a picture, (H, W, 3), at most so many colours, 2 to 256, by median cut (Heckbert 1982): fast on any size."""
    return np.asarray(Image.fromarray(rgb).quantize(colors, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB"))
