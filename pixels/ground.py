"""The ground behind a subject: is there one, of which colour, and which cells are it."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import Color, comparable

_SEEN: Final = 128  # cells along a side that are looked at; of larger pictures, pixels mostly, squares are averaged
_LIKE: Final = 14.0  # sRGB units within which border cells show one colour
_AROUND: Final = 20.0  # the same for the cells behind the subject: a ground may be shaded
_BORDER: Final = 0.45  # share of the border that must show the ground's colour
_SHADED_BORDER: Final = 0.5  # the same, its shading taken off
_SHADING: Final = 0.06  # of the picture's side: the width of what passes for shading
_ROUNDS: Final = 3  # in which shading is followed
_FEW: Final = 0.05  # share of the cells around that must be ground to tell its shade
_LEAST: Final = 0.1  # share of the picture that a ground covers; the border alone of 32x32 pixels is 0.12
_FLATTEST: Final = 5.0  # usual step, in sRGB units, between a ground's cells; the hardest noise of the benchmark makes it 3.9
_TEXTURED: Final = 2.0  # times its usual step that a ground's larger ones have; noise alone makes it 1.5
_FAINT: Final = 60.0  # sRGB units from the ground that a subject reaches somewhere, and a floor's stains do not
_STAINED: Final = 0.02  # stains, as a share of the ground, above which it is a floor; noise alone makes it 0.014

_NEAR_KEY: Final = 0.2  # distance, in `colour.comparable`, within which a model draws the key it was asked for
_KEY_BORDER: Final = 0.1  # share of the border that must show a known key

_FILL: Final = 0.09  # distance, in `colour.comparable`, that the flood from the border takes
_TIGHT: Final = 0.04  # the same for a hole: no flood leads there, so colour alone must convince
_FILL_KEY, _TIGHT_KEY = 0.1, 0.06  # the same of a key, which no subject comes near to but by faint mixes at its edge
_PALE: Final = 40  # sRGB units from white or black, and between channels, within which a colour is nearly either

NEIGHBOURS: Final = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)

_Cells = NDArray[np.float64]  # (h, w, 3), sRGB from 0 to 255


def find_ground(cells: _Cells) -> NDArray[np.float64] | None:
    """Find the colour of a flat ground that reaches round the subject, as sRGB; None if the picture shows none.

    `cells` are (h, w, 3), sRGB from 0 to 255, and so is the colour, (3,).

    It is the colour that most border cells share. What of it reaches in from the border must be flat: its cells differ by
    no more than noise makes them. And what stands in it must stand out somewhere: a floor has stains all over, parts
    that are hardly of another colour, where a subject has at least an outline or a glint.
    """
    seen = _reduced(cells)
    border = border_of(seen)
    alike = np.linalg.norm(border[:, None] - border, axis=-1) < _LIKE
    color = np.median(border[alike[alike.sum(axis=1).argmax()]], axis=0)
    near = np.linalg.norm(border - color, axis=-1) < _LIKE
    color = np.asarray(np.median(border[near], axis=0))
    away = _away_from_shaded(seen, color)
    if near.mean() < _BORDER or (border_of(away) < _LIKE).mean() < _SHADED_BORDER:
        return None
    behind = reaching_border(away < _AROUND)
    if behind.all() or behind.mean() < _LEAST or not _is_flat(seen, behind):
        return None
    return None if _stains(away, behind) > _STAINED * behind.sum() else color


def drawn_key(cells: _Cells, key: Color) -> NDArray[np.float64] | None:
    """Find the key colour as the model drew it, (3,): the median of the border cells near to it; None if these are too few."""
    border = border_of(cells)
    near = ground_distance(border, np.array(key, np.float64)) < _NEAR_KEY
    return np.asarray(np.median(border[near], axis=0)) if near.mean() >= _KEY_BORDER else None


def ground_cells(cells: _Cells, color: NDArray[np.float64], *, key: bool = False) -> NDArray[np.bool_]:
    """Tell which cells are ground of a colour, a `key` or a found one: flooded from the border, and the subject's holes.

    `cells` are (h, w, 3), sRGB from 0 to 255; the answer is (h, w).

    A hole of one pixel in a ground that is nearly white or black stays: there it is as likely a glint or a pupil.
    """
    away = ground_distance(cells, color)
    fill, tight = (_FILL_KEY, _TIGHT_KEY) if key else (_FILL, _TIGHT)
    outer = reaching_border(away < fill)
    least = 2 if np.ptp(color) < _PALE and not _PALE < color.mean() < 255 - _PALE else 1
    return outer | holes((away < tight) & ~outer, least)


def ground_distance(cells: NDArray[np.uint8] | NDArray[np.float64], color: NDArray[np.float64]) -> NDArray[np.float64]:
    """How different cells, (..., 3), look from a colour: distances of `colour.comparable`, (...)."""
    there = comparable(np.rint(cells.clip(0, 255)).astype(np.uint8))
    away: NDArray[np.float64] = np.linalg.norm(there - comparable(np.rint(color.clip(0, 255)).astype(np.uint8)), axis=-1)
    return away


def border_of(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cells of the outermost ring: (n, ...) of (h, w, ...)."""
    inner = np.zeros(cells.shape[:2], dtype=np.bool_)
    inner[1:-1, 1:-1] = True
    return cells[~inner]


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


def _reduced(cells: _Cells) -> _Cells:
    """Average squares of a large picture: pixels that are no cells have grain, which is no texture."""
    height, width = cells.shape[:2]
    factor = max(height, width) // _SEEN
    if factor < 2:
        return cells
    size = (max(1, width // factor), max(1, height // factor))
    return np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_AREA))


def _away_from_shaded(cells: _Cells, color: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far cells are from a ground whose shade changes slowly over the picture, sRGB units, (h, w).

    At each cell the ground's colour is the mean of the cells around it that are near to it; each round reaches on from those
    found before.
    """
    wide = [max(1.0, _SHADING * side) for side in cells.shape[:2]]
    away = np.linalg.norm(cells - color, axis=-1)
    for _ in range(_ROUNDS):
        near = (away < _AROUND).astype(np.float64)
        total, count = (
            cv2.GaussianBlur(values, (0, 0), sigmaX=wide[1], sigmaY=wide[0], borderType=cv2.BORDER_REFLECT)
            for values in (cells * near[..., None], near)
        )
        shaded = np.where(count[..., None] > _FEW, total / np.maximum(count, _FEW)[..., None], color)
        away = np.linalg.norm(cells - shaded, axis=-1)
    return np.asarray(away)


def _is_flat(cells: _Cells, behind: NDArray[np.bool_]) -> bool:
    """Tell whether neighbours in the ground differ by noise alone: little, and none much more than most."""
    across = np.abs(np.diff(cells, axis=1)).max(axis=-1)[behind[:, 1:] & behind[:, :-1]]
    down = np.abs(np.diff(cells, axis=0)).max(axis=-1)[behind[1:] & behind[:-1]]
    steps = np.concatenate([across, down])
    if not len(steps):
        return False
    usual, large = np.percentile(steps, (50, 75))
    return bool(usual <= _FLATTEST and large <= _TEXTURED * usual + 1)


def _stains(away: NDArray[np.float64], behind: NDArray[np.bool_]) -> int:
    """Count the cells in parts of which no cell is far from the ground's colour; `away`, (h, w), are distances from it."""
    parts = regions(~behind, corners=True)
    most = np.zeros(int(parts.max()) + 1)
    np.maximum.at(most, parts.reshape(-1), away.reshape(-1))
    return int((~behind & (most < _FAINT)[parts]).sum())
