"""Where a picture changes: how much speaks for a cell border at each place along an axis."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_THINNED: Final = 4  # px along a border that are averaged before it is looked at: noise goes, time too
_ALONG: Final = 3  # thinned px that changes are averaged over, along the border
_FLOOR: Final = 1.5  # times the median change, below which a change is noise
_MOST: Final = 48  # a stronger change says no more: an outline must not outvote the shading
_SHORTEST: Final = 2 * _THINNED  # side of a picture that can be looked at, px
_SMOOTH: Final = (0.25, 0.5, 0.25)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What speaks for a cell border along one axis, each (2 * length + 1,): a value for each half px from edge to edge.

    `sharp` tells cells of 2 or 3 px apart, `wide` sees the whole of a blurred border. The unit is that of the colours,
    summed along the border; values are never negative.
    """

    sharp: NDArray[np.float64]
    wide: NDArray[np.float64]

    def __add__(self, other: "Evidence") -> "Evidence":
        """Join the evidence of two pictures of one size that share their grid."""
        return Evidence(self.sharp + other.sharp, self.wide + other.wide)


def border_evidence(rgb: NDArray[np.uint8], axis: int) -> Evidence:
    """Sum up the changes of a picture, (H, W, 3), across each line at right angles to `axis` (0: down, 1: across).

    A line between two px shows the change from one to the other; a line through the middle of a px the change from the px
    before it to the one after. `wide` is made of the second kind alone. A picture with a side below 6 px gives zeros.
    """
    length = rgb.shape[axis]
    sharp, wide = np.zeros(2 * length + 1), np.zeros(2 * length + 1)
    if min(rgb.shape[:2]) >= _SHORTEST:
        thin = _thinned(rgb, axis)
        near, far = _changes(thin, axis, 1), _changes(thin, axis, 2)
        sharp[2:-2:2] = near * (far.sum() / max(near.sum(), 1.0))
        sharp[3:-3:2] = wide[3:-3:2] = far
        wide[4:-4:2] = (far[:-1] + far[1:]) / 2
    return Evidence(np.convolve(sharp, _SMOOTH, "same"), np.convolve(wide, _SMOOTH, "same"))


def _thinned(rgb: NDArray[np.uint8], axis: int) -> NDArray[np.uint8]:
    rows, columns = rgb.shape[:2]
    size = (columns, max(1, rows // _THINNED)) if axis == 1 else (max(1, columns // _THINNED), rows)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _changes(rgb: NDArray[np.uint8], axis: int, gap: int) -> NDArray[np.float64]:
    """Changes between px that lie `gap` apart along an axis, summed along the other; shape (length - gap,)."""
    one, other = (rgb[:, gap:], rgb[:, :-gap]) if axis == 1 else (rgb[gap:], rgb[:-gap])
    red, green, blue = cv2.split(cv2.absdiff(one, other))
    changes = cv2.max(cv2.max(red, green), blue)
    changes = cv2.blur(changes, (1, _ALONG) if axis == 1 else (_ALONG, 1))
    floor = round(_FLOOR * _median(changes))
    counted = np.clip(np.arange(256) - floor, 0, _MOST).astype(np.uint8)
    return np.asarray(np.asarray(cv2.LUT(changes, counted)).sum(axis=1 - axis, dtype=np.float64))


def _median(values: cv2.typing.MatLike) -> int:
    """Median of bytes, by counting them."""
    counts = cv2.calcHist([values], [0], None, [256], [0, 256]).reshape(-1)
    return int(np.searchsorted(np.cumsum(counts), values.size / 2))
