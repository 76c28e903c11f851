"""The grid of a picture: where its cells begin and end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.grid_cuts import counted_cuts, fitted_cuts
from dgx_pixels.pixels.grid_evidence import Evidence, border_evidence
from dgx_pixels.pixels.grid_flatness import unevenness
from dgx_pixels.pixels.grid_pitch import best_pitch, pitches_between, repetition

_SMALLEST: Final = 2.0  # px of a cell that can be found: with fewer, a picture is its own pixel art
_FEWEST: Final = 6  # cells along the shorter side, for a step to be seen repeating
_SHARP: Final = 8.0  # px of a cell below which the sharp evidence serves better
_GOOD_SCORE: Final = 0.4  # of `repetition`, above which more of it says no more
_MANY: Final = 16  # cells, below which they must be flatter
_HALF_FLAT, _FLAT_STEP = 0.52, 0.06  # of `unevenness`: at the first a grid is half sure; measured, see benchmarks/README.md


@dataclass(frozen=True, eq=False)
class Grid:
    """Borders of a picture's cells along each axis, in px of the picture, and how sure they are, 0 to 1.

    `x_cuts` and `y_cuts` rise strictly and hold one number more than there are cells. Cells need be neither whole pixels
    wide nor equal, and the first and last may be cut off by the picture's edge.
    """

    x_cuts: NDArray[np.float64]
    y_cuts: NDArray[np.float64]
    confidence: float

    @property
    def width(self) -> int:
        """Cells from left to right."""
        return len(self.x_cuts) - 1

    @property
    def height(self) -> int:
        """Cells from top to bottom."""
        return len(self.y_cuts) - 1

    @property
    def cell_width(self) -> float:
        """Mean width of a cell, px."""
        return float(self.x_cuts[-1] - self.x_cuts[0]) / self.width

    @property
    def cell_height(self) -> float:
        """Mean height of a cell, px."""
        return float(self.y_cuts[-1] - self.y_cuts[0]) / self.height


def even_grid(columns: int, rows: int, width: int, height: int) -> Grid:
    """Cut a picture of `columns` x `rows` px in `width` x `height` equal cells; its confidence is 0."""
    return Grid(np.linspace(0.0, columns, width + 1), np.linspace(0.0, rows, height + 1), 0.0)


def find_grid(frames: Sequence[NDArray[np.uint8]]) -> Grid | None:
    """Find the grid that pictures of one size, each (H, W, 3), share; None where nothing repeats.

    Usually there is one picture; the frames of an animation have one grid and are looked at together. Cells may drift,
    differ in size by a third and be of any size from 2 px to a sixth of the picture.
    """
    rows, columns = frames[0].shape[:2]
    most = min(rows, columns) / _FEWEST
    if most < 2 * _SMALLEST:
        return None
    across, down = (_joined(frames, axis) for axis in (1, 0))
    pitches = pitches_between(2 * _SMALLEST, 2 * most)
    each = [repetition(evidence.sharp, pitches) for evidence in (across, down)]
    pitch, score = best_pitch(pitches, each[0] + each[1])
    if score <= 0:
        return None
    x = _borders(fitted_cuts(_profile(across, pitch / 2), pitch), columns)
    y = _borders(fitted_cuts(_profile(down, pitch / 2), pitch), rows)
    return Grid(x, y, _confidence(score / 2, unevenness(frames[0], x, y), min(len(x), len(y)) - 1))


def fit_grid(frames: Sequence[NDArray[np.uint8]], width: int, height: int) -> Grid:
    """Lay a grid of `width` x `height` cells over pictures of one size, each (H, W, 3), where it fits them best."""
    rows, columns = frames[0].shape[:2]
    cuts, scores = [], []
    for axis, length, cells in ((1, columns, width), (0, rows, height)):
        evidence = _joined(frames, axis)
        cuts.append(_borders(counted_cuts(_profile(evidence, length / cells), cells), length))
        near = 2 * length / cells * np.linspace(0.97, 1.03, 7)
        scores.append(float(repetition(evidence.sharp, near).max()))
    return Grid(cuts[0], cuts[1], _confidence(sum(scores) / 2, unevenness(frames[0], cuts[0], cuts[1]), min(width, height)))


def _confidence(score: float, uneven: float, fewest: int) -> float:
    """Join how well the changes repeat, and how much flatter cells are than what lies between them, to 0..1.

    The fewer cells there are (`fewest` along the shorter side), the easier is a chance hit: the flatter they must be.
    """
    flat = 1 / (1 + np.exp((uneven - _HALF_FLAT * min(1.0, fewest / _MANY)) / _FLAT_STEP))
    return float(flat * np.sqrt(min(1.0, max(0.0, score / _GOOD_SCORE))))


def _joined(frames: Sequence[NDArray[np.uint8]], axis: int) -> Evidence:
    evidence = border_evidence(frames[0], axis)
    for frame in frames[1:]:
        evidence = evidence + border_evidence(frame, axis)
    return evidence


def _profile(evidence: Evidence, cell: float) -> NDArray[np.float64]:
    return evidence.sharp if cell < _SHARP else evidence.wide


def _borders(cuts: NDArray[np.intp], length: int) -> NDArray[np.float64]:
    """Turn cuts, in half px, into borders in px, with the picture's edges."""
    return np.concatenate([[0.0], cuts / 2, [float(length)]])
