"""The palette that cells were drawn from, found again behind noise, shading and soft edges."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.recover_clusters import find_centres, nearest

_ROUNDS: Final = 3  # each finds the palette in cells that the round before has cleaned
_TRUSTED: Final = 1500  # cells that count as independent while shading is still in them: it splits large colours
_FIELD: Final = 0.06  # of the picture's side: the width of what passes for shading
_NARROWEST: Final = 0.7  # the same in cells, at least
_CALM: Final = 4.0  # cells' worth of evidence that there is no shading
_STRAY: Final = 3.0  # times the usual residual beyond which a cell says little about the shading
_MOST_MIXED: Final = 0.3

_Cells = NDArray[np.float64]  # (h, w, 3), sRGB from 0 to 255


@dataclass(frozen=True, eq=False)
class Recovered:
    """`cells`, (h, w, 3), cleaned of shading and of their neighbours' colours; `palette`, (n, 3) sRGB; `labels`, (h, w).

    A cell that was not opaque has the label n.
    """

    cells: _Cells
    palette: NDArray[np.float64]
    labels: NDArray[np.intp]


def recover_palette(cells: _Cells, opaque: NDArray[np.bool_], most: int) -> Recovered:
    """Find the palette, of at most `most` colours, that noisy cells, (h, w, 3) sRGB, were drawn from.

    A drawn cell is taken to be its palette colour, plus a shade that changes slowly over the picture, plus a share of its
    neighbours' colours (blur), plus noise. The palette is found by clustering (`recover_clusters`); what is left over then
    tells the share, by least squares over all cells, and the shade, as its weighted local mean (a bilateral residual, as
    in Durand and Dorsey 2002); both are taken off and the palette found again, three times in all.

    Noise is even in sRGB, where it arose, so distances here are those of sRGB; distances that an eye judges are OKLab's.
    """
    clean, palette, labels = cells, np.zeros((0, 3)), np.zeros(cells.shape[:2], dtype=np.intp)
    ground = np.median(cells[~opaque], axis=0) if not opaque.all() else np.zeros(3)
    for round_ in range(_ROUNDS):
        points = clean[opaque]
        trusted = len(points) if round_ == _ROUNDS - 1 else _TRUSTED
        palette = find_centres(points, most, trusted)
        labels = np.full(opaque.shape, len(palette), dtype=np.intp)
        labels[opaque] = nearest(points, palette)
        if round_ < _ROUNDS - 1:
            drawn = np.vstack([palette, ground])[labels]
            bleed = _bleed(clean, cells, drawn)
            clean = cells - bleed - _shade(cells - bleed - drawn)
    return Recovered(clean, palette, labels)


def _bleed(clean: _Cells, cells: _Cells, drawn: _Cells) -> _Cells:
    """How much of their neighbours' colours cells took on, along each axis, at the share that explains most."""
    pulls = [_neighbours(drawn, axis) - drawn for axis in (0, 1)]
    away = np.linalg.norm(clean - drawn, axis=-1)
    usual = away < 4 * (np.median(away) + 0.5)
    factors = np.stack([pull[usual].reshape(-1) for pull in pulls], axis=1)
    rest = (cells - drawn)[usual].reshape(-1)
    share = np.linalg.solve(factors.T @ factors + 1e-3 * np.eye(2), factors.T @ rest).clip(0.0, _MOST_MIXED)
    return np.asarray(share[0] * pulls[0] + share[1] * pulls[1])


def _neighbours(drawn: _Cells, axis: int) -> _Cells:
    """Mean of each cell's two neighbours along an axis; the border's missing one is the cell itself."""
    padded = np.pad(drawn, [(1, 1) if axis == a else (0, 0) for a in range(3)], mode="edge")
    before, after = (padded[:-2], padded[2:]) if axis == 0 else (padded[:, :-2], padded[:, 2:])
    return np.asarray((before + after) / 2)


def _shade(rest: _Cells) -> _Cells:
    """Slow change of colour over the picture: the residuals' local mean, drawn towards 0 where few cells speak."""
    away = np.linalg.norm(rest, axis=-1)
    usual = max(1.0, float(np.median(away)))
    weight = np.exp(-((away / (_STRAY * usual)) ** 2) / 2)
    spread = [max(_NARROWEST, _FIELD * side) for side in rest.shape[:2]]
    total = _blurred(rest * weight[..., None], spread)
    count = _blurred(weight, spread)
    cells = 4 * np.pi * spread[0] * spread[1] * count  # that speak at each place
    return np.asarray(total / np.maximum(count, 1e-6)[..., None] * (cells / (cells + _CALM))[..., None])


def _blurred(values: NDArray[np.float64], spread: list[float]) -> NDArray[np.float64]:
    blurred = cv2.GaussianBlur(values, (0, 0), sigmaX=spread[1], sigmaY=spread[0], borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred)
