"""Spill: key colour that the model let into the subject, away from its edge."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import Color
from dgx_pixels.pixels.ground import NEIGHBOURS, ground_distance

_NEAR: Final = 0.16  # distance in `comparable` from the key within which a pixel may be spill
_MOST: Final = 0.06  # share of the subject above which such a colour is the subject's own: a purple potion is no spill
_ROUNDS: Final = 3  # a speck of several pixels is healed from its rim


def remove_spill(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_], key: Color) -> NDArray[np.uint8]:
    """Give pixels of nearly the key colour the colour of a neighbour: `rgb` (h, w, 3), the subject (h, w); returns a new array.

    Of a pixel's opaque neighbours that are no spill, the one nearest to their channel-wise median is taken, so no colour is
    made up. A subject of which more than a little is near the key is that colour on purpose, and stays as it is.
    """
    spill = opaque & (ground_distance(rgb, np.array(key, np.float64)) < _NEAR)
    if not spill.any() or spill.sum() > max(3, _MOST * opaque.sum()):
        return rgb
    healed = rgb.copy()
    for _ in range(_ROUNDS):
        sound = opaque & ~spill
        for y, x in np.argwhere(spill):
            near = [(y + dy, x + dx) for dy, dx in NEIGHBOURS if 0 <= y + dy < len(rgb) and 0 <= x + dx < rgb.shape[1]]
            colours = np.array([healed[place] for place in near if sound[place]], np.int16).reshape(-1, 3)
            if len(colours):
                healed[y, x] = colours[np.abs(colours - np.median(colours, axis=0)).sum(axis=1).argmin()]
                spill[y, x] = False
    return healed
