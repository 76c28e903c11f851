"""Is a picture something to learn pixel art from: its true pixels, or one clause that says why not."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.grid import find_grid
from dgx_pixels.pixels.grid_exact import enlargement
from dgx_pixels.pixels.pixelize import OPAQUE, SURE

MANY_COLORS: Final = 256
"""More than this pixel art seldom has."""
_SHORTEST: Final = 8  # px along the longer side of what is drawn; and so many pixels times two
_LARGE: Final = 48  # px of the longer side up to which many colours may be an artist's shading
_SOME_COLORS: Final = 64
_FLAT: Final = 0.1  # share of equal neighbours that larger art of more than so many colours has; photos have less, scenes more
_PAINTED: Final = 4096  # colours that no pixel art has
_STEP: Final = 48  # of 255, between a pixel's two neighbours, above which it stands on an edge
_BETWEEN: Final = (0.2, 0.8)  # how far along that step a pixel lies that softens it
_SOFT: Final = 0.7  # share of softened edges; of the CC0 tiles 98 in 100 have fewer, of their enlargements by bicubic 2 in 100
_FEW_EDGES: Final = 24  # below which that share says nothing


@dataclass(frozen=True, eq=False)
class Looked:
    """What was found: `rgba`, (h, w, 4), alpha 0 or 255, clear pixels all 0, each cell of the picture one pixel.

    `why` says in a clause why nothing can be learnt from it, None if it can. `enlarged` is by how much the file was.
    `colors` counts opaque colours; `soft_alpha` is the share of its drawn pixels that were half clear.
    """

    rgba: NDArray[np.uint8]
    why: str | None
    enlarged: int
    colors: int
    soft_alpha: float


def look(rgba: NDArray[np.uint8]) -> Looked:
    """Judge a picture, (H, W, 4) sRGB with alpha; an exact enlargement by a whole number is undone first."""
    pixels, enlarged = true_pixels(_hard_alpha(rgba))
    drawn = rgba[..., 3] > 0
    half = drawn & (rgba[..., 3] < 255)
    opaque = pixels[..., 3] > 0
    colors = len(np.unique(pixels[opaque], axis=0))
    why = _why_not(pixels, opaque, colors)
    return Looked(pixels, why, enlarged, colors, float(half.sum() / max(1, drawn.sum())))


def true_pixels(rgba: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Undo an exact enlargement of a picture, (h, w, 4), by one whole number; returns picture and number, 1 if it was none."""
    steps = enlargement([rgba])
    if steps is None:
        return rgba, 1
    factor = int(np.gcd(*steps))  # bars as wide as two pixels change on every second one only: the other axis tells
    return (rgba[::factor, ::factor], factor) if factor > 1 else (rgba, 1)


def softness(rgba: NDArray[np.uint8]) -> float:
    """Share of the edges, 0 to 1, that a pixel in between makes soft, as a smooth enlargement or blur does; 0 if edges are few.

    `rgba` is (h, w, 4).

    An edge is a drawn pixel whose two neighbours, across or down, are drawn and differ by more than 48 of 255 in a channel.
    """
    opaque, values = rgba[..., 3] > OPAQUE, rgba[..., :3].astype(np.int16)
    soft = edges = 0
    for axis in (0, 1):
        rows, drawn = np.moveaxis(values, axis, 0), np.moveaxis(opaque, axis, 0)
        step, part = rows[2:] - rows[:-2], rows[1:-1] - rows[:-2]
        channel = np.abs(step).argmax(axis=-1, keepdims=True)
        most, some = (np.take_along_axis(x, channel, -1)[..., 0] for x in (step, part))
        edge = drawn[2:] & drawn[1:-1] & drawn[:-2] & (np.abs(most) > _STEP)
        along = some / np.where(most == 0, 1, most)
        soft += int((edge & (along > _BETWEEN[0]) & (along < _BETWEEN[1])).sum())
        edges += int(edge.sum())
    return soft / edges if edges >= _FEW_EDGES else 0.0


def _hard_alpha(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    opaque = rgba[..., 3:] > OPAQUE
    return np.where(opaque, np.concatenate([rgba[..., :3], np.full_like(rgba[..., :1], 255)], axis=2), 0).astype(np.uint8)


def _why_not(rgba: NDArray[np.uint8], opaque: NDArray[np.bool_], colors: int) -> str | None:
    if not opaque.any():
        return "it is empty"
    rows, columns = (int(np.ptp(np.flatnonzero(opaque.any(axis=axis)))) + 1 for axis in (1, 0))
    if max(rows, columns) < _SHORTEST or opaque.sum() < 2 * _SHORTEST:
        return f"it is tiny: it shows {int(opaque.sum())} pixels in {columns}x{rows}"
    if colors == 1 and opaque.all():
        return "it is one plain colour"
    large = max(rgba.shape[:2]) > _LARGE
    if max(rgba.shape[:2]) > 2 * _LARGE and colors > _SOME_COLORS and _has_cells(rgba):
        return "it shows cells, but not one pixel each: make pixel art of it with pixelize_image first"
    if softness(rgba) > _SOFT:
        return "it is blurry: its edges are smooth, as after a smooth enlargement; give the original, or use pixelize_image"
    if large and (colors > _PAINTED or (colors > _SOME_COLORS and _flatness(rgba) < _FLAT)):
        return f"it is no pixel art: a photo or a painting, with {colors:,} colours and no cells"
    return None


def _has_cells(rgba: NDArray[np.uint8]) -> bool:
    found = find_grid([np.ascontiguousarray(rgba[..., :3])])
    return found is not None and found.confidence >= SURE


def _flatness(rgba: NDArray[np.uint8]) -> float:
    """Share of neighbours, across and down, that are equal."""
    equal = [(np.diff(rgba.astype(np.int16), axis=axis) == 0).all(axis=-1) for axis in (0, 1)]
    return float(np.mean([e.mean() for e in equal]))
