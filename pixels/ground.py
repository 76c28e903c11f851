"""The flat ground behind a subject: is there one, and which cells are it."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import comparable

_LIKE: Final = 14.0  # sRGB units within which border cells show one colour
_AROUND: Final = 20.0  # the same for the cells behind the subject: a ground may be shaded
_BORDER: Final = 0.4  # share of the border that must show the ground
_ASKED: Final = 1000  # border cells that are compared, each with each
_LEAST: Final = 0.1  # share of the picture that a ground covers; the border alone of 32x32 pixels is 0.12
_FLATTEST, _NOISIER, _NOISIEST = 1.5, 0.5, 6.0  # how much a ground may vary from cell to cell, see `find_ground`
_TEXTURED: Final = 2.0  # times its usual step that a ground's larger ones have; noise alone makes it 1.5
_QUIET: Final = 20  # per cent of the subject's neighbours that have one colour, so that they differ by noise alone

_FILL: Final = 0.09  # distance, in `colour.comparable`, that the flood from the border takes
_TIGHT: Final = 0.04  # the same for a hole: no flood leads there, so colour alone must convince
_PALE: Final = 40  # sRGB units from white or black, and between channels, within which a colour is nearly either

_Cells = NDArray[np.float64]  # (h, w, 3), sRGB from 0 to 255


def find_ground(cells: _Cells) -> NDArray[np.float64] | None:
    """Find the colour of a flat ground that reaches round the subject, as sRGB; None if the picture shows none.

    It is the colour that most border cells share. What of it reaches in from the border must be as flat as the picture's
    own noise allows: a quiet floor or a dark wall, whose texture shows from cell to cell, belongs to the picture.
    """
    border = np.concatenate([cells[0], cells[-1], cells[1:-1, 0], cells[1:-1, -1]])
    border = border[:: 1 + len(border) // _ASKED]
    alike = np.linalg.norm(border[:, None] - border, axis=-1) < _LIKE
    color = np.median(border[alike[alike.sum(axis=1).argmax()]], axis=0)
    near = np.linalg.norm(border - color, axis=-1) < _LIKE
    if near.mean() < _BORDER:
        return None
    color = np.median(border[near], axis=0)
    behind = reaching_border(np.linalg.norm(cells - color, axis=-1) < _AROUND)
    if behind.all() or behind.mean() < _LEAST:
        return None
    own = _steps(cells, ~behind)
    noise = float(np.percentile(own, _QUIET)) if len(own) else 0.0
    flat = _steps(cells, behind)
    if not len(flat):
        return None
    usual, large = np.percentile(flat, (50, 75))
    return color if usual <= min(_NOISIEST, _FLATTEST + _NOISIER * noise) and large <= _TEXTURED * usual + 1 else None


def ground_cells(cells: _Cells, color: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which cells are ground of a colour: flooded from the border, and the holes that the subject closes off.

    A hole of one pixel in a ground that is nearly white or black stays: there it is as likely a glint or a pupil.
    """
    away = ground_distance(cells, color)
    outer = reaching_border(away < _FILL)
    least = 2 if np.ptp(color) < _PALE and not _PALE < color.mean() < 255 - _PALE else 1
    return outer | holes((away < _TIGHT) & ~outer, least)


def ground_distance(cells: _Cells, color: NDArray[np.float64]) -> NDArray[np.float64]:
    """How different cells look from a colour: distances of `colour.comparable`, (h, w)."""
    there = comparable(np.rint(cells.clip(0, 255)).astype(np.uint8))
    away: NDArray[np.float64] = np.linalg.norm(there - comparable(np.rint(color.clip(0, 255)).astype(np.uint8)), axis=-1)
    return away


def reaching_border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the parts of a mask, (h, w), that reach the picture's border over edges, not over corners alone."""
    parts = regions(mask, corners=False)
    outer = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    return np.isin(parts, outer[outer > 0])


def holes(mask: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """Keep the parts of a mask, (h, w), that have at least so many pixels."""
    parts = regions(mask, corners=False)
    sizes = np.bincount(parts.reshape(-1))
    sizes[0] = 0
    return np.asarray((sizes >= least)[parts])


def regions(mask: NDArray[np.bool_], *, corners: bool) -> NDArray[np.int32]:
    """Count off the connected parts of a mask, (h, w): from 1 up, 0 outside; `corners` joins pixels that touch there only."""
    return np.asarray(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8 if corners else 4)[1])


def _steps(cells: _Cells, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Differences of neighbours inside a mask, largest channel, sRGB units."""
    across = np.abs(np.diff(cells, axis=1)).max(axis=-1)[mask[:, 1:] & mask[:, :-1]]
    down = np.abs(np.diff(cells, axis=0)).max(axis=-1)[mask[1:] & mask[:-1]]
    return np.concatenate([across, down])
