"""Frames of one animation: what stands still in them keeps its very colour."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_SAME: Final = 8.0  # times the usual difference of a cell in two frames, within which it stands still
_MOST: Final = 24.0  # sRGB units, the most that noise is taken for

_Cells = NDArray[np.float64]  # (frames, h, w, 3), sRGB from 0 to 255


def steady(cells: _Cells) -> _Cells:
    """Give a cell one colour, its mean, in all frames where it shows the same but for noise. At least two frames.

    The noise is the median difference between a cell and itself one frame later: in an animation most cells stand still.
    A cell that shows one colour, then another, then the first again has two.
    """
    limit = min(_MOST, _SAME * float(np.median(np.linalg.norm(np.diff(cells, axis=0), axis=-1))))
    group = np.tile(np.arange(len(cells))[:, None, None], (1, *cells.shape[1:3]))
    for later in range(1, len(cells)):
        for earlier in range(later):
            same = (np.linalg.norm(cells[later] - cells[earlier], axis=-1) <= limit) & (group[later] == later)
            group[later][same] = group[earlier][same]
    result = cells.copy()
    for first in range(len(cells)):
        member = group == first
        mean = (cells * member[..., None]).sum(axis=0) / np.maximum(member.sum(axis=0), 1)[..., None]
        result = np.where(member[..., None], mean, result)
    return result


def alike(painted: _Cells, cells: _Cells) -> _Cells:
    """Paint a cell alike in all frames where `cells` has one colour for it: as in the first of them."""
    result = painted.copy()
    for later in range(1, len(cells)):
        for earlier in reversed(range(later)):
            same = (cells[later] == cells[earlier]).all(axis=-1)
            result[later][same] = result[earlier][same]
    return result
