"""Whether cells are flat: what tells a grid from things that merely repeat."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.cells import cell_samples

_SAMPLES: Final = 5  # along each axis of a cell
_MOST: Final = 33  # cuts along each axis that are looked at


def unevenness(rgb: NDArray[np.uint8], x_cuts: NDArray[np.float64], y_cuts: NDArray[np.float64]) -> float:
    """Compare how much a picture, (H, W, 3), varies inside its cells with how much it does half a cell further on.

    The first over the second, as variances: near 0 for true cells, about 1 where the cuts mean nothing, and 1 where
    nothing varies at all.
    """
    if min(len(x_cuts), len(y_cuts)) < 3:
        return 1.0
    x, y = x_cuts[_part(len(x_cuts))], y_cuts[_part(len(y_cuts))]
    inside = _variance(rgb, x, y)
    between = (_variance(rgb, _middles(x), y) + _variance(rgb, x, _middles(y))) / 2
    return inside / between if between > 0 else 1.0


def _part(count: int) -> slice:
    """The middle cuts, where there are too many."""
    first = max(0, (count - _MOST) // 2)
    return slice(first, first + _MOST)


def _variance(rgb: NDArray[np.uint8], x_cuts: NDArray[np.float64], y_cuts: NDArray[np.float64]) -> float:
    samples = cell_samples(rgb, x_cuts, y_cuts, _SAMPLES, _SAMPLES).astype(np.float32)
    return float(samples.var(axis=2).mean())


def _middles(cuts: NDArray[np.float64]) -> NDArray[np.float64]:
    return (cuts[1:] + cuts[:-1]) / 2
