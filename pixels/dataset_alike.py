"""Which pictures of a set are nearly the same."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE: Final = 16  # px of the small copies that are compared
_COARSE: Final = 4  # px of the smaller ones that tell which pairs are worth it
_NEAR: Final = 4.0  # mean difference, of 255, over what either shows, below which two are nearly the same
_WORTH: Final = 24.0  # root mean square difference of the coarse copies, of 255
_BLOCK: Final = 512


def small_copy(rgba: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Shrink what a sprite, (h, w, 4) with alpha 0 or 255, shows to (16, 16, 4); colours are scaled by their alpha."""
    opaque = rgba[..., 3] > 0
    (top, bottom), (left, right) = (np.flatnonzero(opaque.any(axis=axis))[[0, -1]].tolist() for axis in (1, 0))
    shown = np.where(opaque[..., None], rgba, 0)[top : bottom + 1, left : right + 1].astype(np.float32)
    return np.asarray(cv2.resize(shown, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), dtype=np.float32)


def nearly_same(copies: Sequence[NDArray[np.float32]]) -> list[tuple[int, int]]:
    """Find pairs (i, j), i < j, of small copies that differ by hardly anything, in order; each j only with its first i."""
    if not copies:
        return []
    fine = np.stack(copies)
    coarse = fine.reshape(len(fine), _COARSE, _SIDE // _COARSE, _COARSE, _SIDE // _COARSE, 4).mean((2, 4)).reshape(len(fine), -1)
    squares = (coarse**2).sum(1)
    found: dict[int, int] = {}
    for start in range(0, len(coarse), _BLOCK):
        block = coarse[start : start + _BLOCK]
        away = (squares[start : start + _BLOCK, None] + squares - 2 * block @ coarse.T) / coarse.shape[1]
        for row, other in zip(*np.nonzero(away < _WORTH**2), strict=True):
            i, j = start + int(row), int(other)
            if i < j and j not in found and _difference(fine[i], fine[j]) < _NEAR:
                found[j] = i
    return sorted((i, j) for j, i in found.items())


def _difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean difference over the pixels that either shows."""
    shown = np.maximum(one[..., 3], other[..., 3]) > 0
    return float(np.abs(one - other).mean(axis=-1)[shown].mean()) if shown.any() else 0.0
