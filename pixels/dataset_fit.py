"""A sprite as a picture that a model learns from: enlarged by a whole number, on a plain ground, at one of the model's sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import Color, comparable
from dgx_pixels.pixels.cutout import cut_out
from dgx_pixels.pixels.ground import border_of

_STEP: Final = 64  # px of which SDXL's sizes are multiples
_LARGE: Final = 512  # px of a model's side from which it has several sizes
_LEAST_AREA: Final = 0.9  # of the model's side squared
_MOST_ASPECT: Final = 4.0
_CLEAR: Final = 0.6  # share of the border that must be clear for the ground to be found again; the cut-out needs half
_FAR: Final = 0.1  # distance, in `colour.comparable`, of a ground from the colours at the sprite's edge: the cut-out takes 0.09
_APART: Final = 0.05  # the same from all its colours: a hole of the ground's colour is opened within 0.04
_GROUNDS: Final[tuple[Color, ...]] = (
    (200, 200, 200), (152, 152, 152), (104, 104, 104), (232, 232, 232), (170, 190, 230), (190, 225, 180), (240, 200, 215),
    (235, 225, 170), (255, 0, 255), (0, 255, 0), (0, 0, 255),
)  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """Where a sprite stands in its picture of `width` x `height` px: each pixel becomes a square of `factor` px."""

    width: int
    height: int
    factor: int


@dataclass(frozen=True, eq=False)
class Fitted:
    """A picture, `rgb` (H, W, 3), in which each of a sprite's pixels is a square of `factor` px, the first at `left`, `top`."""

    rgb: NDArray[np.uint8]
    factor: int
    left: int
    top: int


class Area(NamedTuple):
    """A part of a sheet, in pixels."""

    left: int
    top: int
    width: int
    height: int


@cache
def picture_sizes(side: int) -> tuple[tuple[int, int], ...]:
    """Sizes (width, height) that a model of this render side learns from; square first, then by how long they are.

    For a large model they are SDXL's: multiples of 64 px whose area is just below that of the square, up to 4:1 (Podell et
    al. 2023, "SDXL", appendix I). A small one has its square alone.
    """
    if side < _LARGE:
        return ((side, side),)
    wide = {
        (width, side * side // width // _STEP * _STEP)
        for width in range(side, int(side * _MOST_ASPECT**0.5) + 1, _STEP)
    }  # fmt: skip
    found = [size for size in wide if size[0] * size[1] >= _LEAST_AREA * side * side]
    both = {*found, *((height, width) for width, height in found)}
    return tuple(sorted(both, key=lambda size: (max(size) / min(size), size)))


def fit(width: int, height: int, side: int, *, margin: bool = False) -> Fit | None:
    """Find the size and the whole factor at which a sprite covers most of its picture; None if it is larger than all.

    With `margin` there is at least a pixel of ground on each side, where the model's size allows any.
    """
    most = None
    covered = 0.0
    for across, down in picture_sizes(side):
        factor = min((across - 2 * margin) // width, (down - 2 * margin) // height)
        share = width * height * factor * factor / (across * down)
        if factor >= 1 and share > covered:
            most, covered = Fit(across, down, factor), share
    return most if most is not None or not margin else fit(width, height, side)


def fitted(rgba: NDArray[np.uint8], side: int, ground: Color | None) -> Fitted | None:
    """Make the picture of a sprite, (h, w, 4) sRGB with alpha 0 or 255; None if it is too large for the model.

    What is clear becomes `ground`, or, without one, a plain colour far from all of the sprite's (see `plain_ground`), and
    then a sprite whose border is not mostly clear gets a margin, so that the ground is found again. The sprite keeps its
    canvas where that fits, for its share of the picture is part of how the model draws; else it is trimmed. It stands in
    the middle. No pixel is smoothed or left out.
    """
    clear = rgba[..., 3] == 0
    margin = ground is None and bool(clear.any()) and bool(border_of(clear[..., None].astype(np.float64)).mean() < _CLEAR)
    found = fit(rgba.shape[1], rgba.shape[0], side, margin=margin)
    if found is None:
        trimmed = _trimmed(rgba)
        if trimmed.shape == rgba.shape:
            return None
        return fitted(trimmed, side, ground)
    color = ground if ground is not None else plain_ground(rgba)
    picture = np.full((found.height, found.width, 3), color, dtype=np.uint8)
    flat = np.where(clear[..., None], np.array(color, dtype=np.uint8), rgba[..., :3])
    large = flat.repeat(found.factor, axis=0).repeat(found.factor, axis=1)
    top, left = (found.height - large.shape[0]) // 2, (found.width - large.shape[1]) // 2
    picture[top : top + large.shape[0], left : left + large.shape[1]] = large
    return Fitted(picture, found.factor, left, top)


def without_ground(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Clear the flat ground of a picture, (h, w, 4), that has no clear pixel, if it shows one behind its subject."""
    if (rgba[..., 3] == 0).any():
        return rgba
    opaque = cut_out(rgba[None, ..., :3], None).opaque[0]
    return np.where(opaque[..., None], rgba, 0).astype(np.uint8)


def plain_ground(rgba: NDArray[np.uint8]) -> Color:
    """Choose a ground for a sprite, (h, w, 4): the first of eleven that the cut-out tells from it, else the best of them.

    Greys come first, then pale colours: a strong hue would bleed into the sprite as a model draws it.
    """
    opaque = rgba[..., 3] > 0
    clear = np.pad(~opaque, 1, constant_values=True).astype(np.uint8)
    edge = opaque & (np.asarray(cv2.dilate(clear, np.ones((3, 3), np.uint8)))[1:-1, 1:-1] > 0)
    grounds = comparable(np.array(_GROUNDS, np.uint8))
    far = _nearest(rgba[edge], grounds) / _FAR
    told = np.minimum(far, _nearest(rgba[opaque], grounds) / _APART)
    return _GROUNDS[int((told >= 1).argmax() if (told >= 1).any() else told.argmax())]


def _nearest(pixels: NDArray[np.uint8], grounds: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each ground is from the nearest colour of the pixels, (n, 4); infinite for none."""
    colors = comparable(np.unique(pixels[:, :3], axis=0))
    return np.asarray(np.linalg.norm(colors[:, None] - grounds, axis=-1).min(axis=0, initial=np.inf))


def cut_frames(rgba: NDArray[np.uint8], width: int, height: int) -> list[NDArray[np.uint8]]:
    """Cut a sheet, (H, W, 4), into its frames of `width` x `height`, row by row, without those that show nothing.

    Raises ValueError, with one sentence, unless they fill the sheet.
    """
    rows, columns = rgba.shape[:2]
    if rows % height or columns % width:
        raise ValueError(f"its {columns}x{rows} px cannot be cut into frames of {width}x{height}")
    parts = rgba.reshape(rows // height, height, columns // width, width, 4).swapaxes(1, 2).reshape(-1, height, width, 4)
    return [part for part in parts if part[..., 3].any()]


def cut_areas(rgba: NDArray[np.uint8], areas: Sequence[Area]) -> list[NDArray[np.uint8]]:
    """Cut parts out of a sheet, (H, W, 4), without those that show nothing.

    Raises ValueError, with a clause, if one lies outside.
    """
    rows, columns = rgba.shape[:2]
    if any(a.left + a.width > columns or a.top + a.height > rows for a in areas):
        raise ValueError(f"the file of its frames names pixels outside its {columns}x{rows}")
    parts = [rgba[a.top : a.top + a.height, a.left : a.left + a.width] for a in areas]
    return [part for part in parts if part[..., 3].any()]


def _trimmed(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    opaque = rgba[..., 3] > 0
    (top, bottom), (left, right) = (np.flatnonzero(opaque.any(axis=axis))[[0, -1]].tolist() for axis in (1, 0))
    return rgba[top : bottom + 1, left : right + 1]
