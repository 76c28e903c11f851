"""Exact enlargements: pictures whose cells are whole px wide, all alike and flat."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TRIED = 16  # lines that are looked at before all are: most pictures are no enlargement, and show it at once


def enlargement(frames: Sequence[NDArray[Any]]) -> tuple[int, int] | None:
    """Find the whole numbers, across and down, by which pictures of one size, each (H, W, c), were enlarged exactly.

    They are the largest on whose multiples all changes lie; None if either is 1, or if an axis has
    no changes: bars and gradients show nothing of a grid.
    """
    across, down = _common_step(frames, 1), _common_step(frames, 0)
    return (across, down) if min(across, down) > 1 else None


def _common_step(frames: Sequence[NDArray[Any]], axis: int) -> int:
    """Largest step, px, on whose multiples all changes along an axis lie, the picture's end included; 0 for no change."""
    step = 0
    for frame in frames:
        lines = np.moveaxis(frame, axis, 0)
        for part in (lines[:, :: max(1, lines.shape[1] // _TRIED)], lines):
            changes = (part[1:] != part[:-1]).any(axis=(1, 2))
            step = int(np.gcd.reduce([step, *(np.flatnonzero(changes) + 1).tolist()]))
            if step == 1:
                return 1
    return int(np.gcd(step, frames[0].shape[axis])) if step else 0
