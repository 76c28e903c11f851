"""The grid of a picture: where its cells begin and end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
    """Cut a picture of `columns` x `rows` px in `width` x `height` equal cells."""
    return Grid(np.linspace(0.0, columns, width + 1), np.linspace(0.0, rows, height + 1), 0.0)


def enlargement_grid(rgba: NDArray[np.uint8]) -> Grid | None:
    """Find the grid of an exact enlargement by whole numbers, (H, W, 4); None if the picture is none."""
    rows, columns = rgba.shape[:2]
    x, y = (_common_step(rgba, axis) for axis in (1, 0))
    if x == 1 and y == 1:
        return None
    return Grid(np.arange(0.0, columns + 1, x), np.arange(0.0, rows + 1, y), 1.0)


def _common_step(rgba: NDArray[np.uint8], axis: int) -> int:
    """Largest step, px, on whose multiples all changes along an axis lie; 1 if nothing changes."""
    changes = (np.diff(rgba, axis=axis) != 0).any(axis=(1 - axis, 2))
    places = np.flatnonzero(changes) + 1
    return int(np.gcd.reduce([*places.tolist(), rgba.shape[axis]])) if len(places) else 1
