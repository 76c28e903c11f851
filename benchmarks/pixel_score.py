"""How well true pixels were given back, in the figures of the benchmark's table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
_Lab = NDArray[np.float64]
_SHIFT = 2  # cells that an answer may lie beside the truth


@dataclass(frozen=True)
class Score:
    """One answer's figures.

    `grid`: its size is true; `strict` and `near`: shares of opaque cells within CIEDE2000 3 and 6, 0 if the size is wrong;
    `alpha`: intersection over union of what is opaque, None where nothing is clear in the truth; `palette`: its colours
    over the truth's.
    """

    grid: bool
    strict: float
    near: float
    alpha: float | None
    palette: float


def score(truth: Picture, answer: Picture) -> Score:
    """Score an answer, (h', w', 4), against the truth, (h, w, 4), at the shift of whole cells that suits it best."""
    solid = truth[..., 3] > 127
    seen = answer[answer[..., 3] > 127][:, :3]
    palette = len(np.unique(seen, axis=0)) / len(np.unique(truth[solid][:, :3], axis=0))
    if answer.shape != truth.shape:
        return Score(False, 0.0, 0.0, None if solid.all() else 0.0, palette)
    best = max((_compared(truth, answer, dy, dx) for dy, dx in _shifts()), key=lambda found: found[0] + found[1])
    return Score(True, best[0], best[1], None if solid.all() else best[2], palette)


def _shifts() -> list[tuple[int, int]]:
    reach = range(-_SHIFT, _SHIFT + 1)
    return sorted(((dy, dx) for dy in reach for dx in reach), key=lambda shift: abs(shift[0]) + abs(shift[1]))


def _compared(truth: Picture, answer: Picture, dy: int, dx: int) -> tuple[float, float, float]:
    moved = np.zeros_like(answer)
    height, width = answer.shape[:2]
    moved[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = answer[
        max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)
    ]
    solid, drawn = truth[..., 3] > 127, moved[..., 3] > 127
    both = solid & drawn
    away = ciede2000(lab(truth[both][:, :3]), lab(moved[both][:, :3]))
    count = max(int(solid.sum()), 1)
    return (away < 3).sum() / count, (away < 6).sum() / count, both.sum() / max(int((solid | drawn).sum()), 1)


def lab(rgb: Picture) -> _Lab:
    """Convert sRGB bytes, (..., 3), to CIELAB under D65."""
    value = rgb / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    matrix = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    ratio = linear @ np.array(matrix).T / (0.95047, 1.0, 1.08883)
    bent = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(bent, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(one: _Lab, other: _Lab) -> NDArray[np.float64]:
    """Colour difference of CIELAB colours, (..., 3), after Sharma, Wu and Dalal 2005."""
    l1, a1, b1 = np.moveaxis(one, -1, 0)
    l2, a2, b2 = np.moveaxis(other, -1, 0)
    chroma = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(chroma / (chroma + 25.0**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.arctan2(b1, a1), np.arctan2(b2, a2)
    colourless = c1 * c2 == 0
    turn = np.where(colourless, 0.0, (h2 - h1 + np.pi) % (2 * np.pi) - np.pi)
    hue = np.degrees(np.where(colourless, h1 + h2, h1 + turn / 2))
    light, c = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * _cos(hue - 30)
        + 0.24 * _cos(2 * hue)
        + 0.32 * _cos(3 * hue + 6)
        - 0.20 * _cos(4 * hue - 63)
    )  # fmt: skip
    dl = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    dc = (c2 - c1) / (1 + 0.045 * c)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / (1 + 0.015 * c * t)
    rotate = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((hue % 360 - 275) / 25) ** 2))))
    return np.asarray(np.sqrt(np.maximum(dl**2 + dc**2 + dh**2 + rotate * dc * dh, 0)))


def _cos(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.cos(np.radians(degrees)))
