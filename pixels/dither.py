"""Dithering to a given palette: shades that it lacks, drawn as patterns of those that it has. Never done unasked."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import comparable
from dgx_pixels.pixels.palette import Palette

Dither = Literal["none", "bayer4", "bayer8", "floyd-steinberg"]
"""How shades are mixed: not at all, in an ordered 4x4 or 8x8 pattern, or by error diffusion."""

_Lab = NDArray[np.float64]  # in the space of `comparable`: OKLab with its toe

_CLOSE: Final = 0.02  # what no eye tells apart is not dithered
_PARTNERS: Final = 24  # of the palette's colours, so many nearest ones may be mixed in
_APART: Final = 0.12  # how much a mix of colours that lie far apart is worse than a plain one: it looks like noise
_BLOCK: Final = 2048  # colours compared at once, which bounds memory
_SPREAD: Final = ((0, 1, 7 / 16), (1, -1, 3 / 16), (1, 0, 5 / 16), (1, 1, 1 / 16))  # (dy, dx, share of the error)


def dither(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_], palette: Palette, method: Dither) -> NDArray[np.uint8]:
    """Paint a picture in a palette's colours, mixing them to suggest others.

    `rgb` is (H, W, 3), `opaque` (H, W); pixels that are not opaque become (0, 0, 0) and take no part: no error flows into
    them or through them. A pixel whose colour is in the palette keeps it under ordered dithering. The same input gives the
    same output. With "none", each pixel takes its nearest colour.

    Ordered: each colour is a mix of two of the palette, set by Bayer's matrix (Bayer 1973, "An optimum method for two-level
    rendition of continuous-tone pictures"). Diffusion: Floyd and Steinberg 1976, "An adaptive algorithm for spatial greyscale",
    row by row from the left. Both work in OKLab with its toe (see `colour.comparable`).

    Raises ValueError for an empty palette or an unknown method.
    """
    if not palette:
        raise ValueError("The palette has no colours: give at least one.")
    if method not in ("none", "bayer4", "bayer8", "floyd-steinberg"):
        raise ValueError(f"There is no dithering {method!r}: use none, bayer4, bayer8 or floyd-steinberg.")
    allowed = np.array(palette, dtype=np.uint8)
    points = comparable(allowed)
    if method == "floyd-steinberg":
        chosen = _diffused(comparable(rgb), opaque, points)
    else:
        chosen = _ordered(rgb, points, {"none": 1, "bayer4": 4, "bayer8": 8}[method])
    painted = allowed[chosen]
    painted[~opaque] = 0
    return painted


def bayer(side: int) -> NDArray[np.float64]:
    """Bayer's matrix of thresholds, (side, side), each from 0 to 1 and met once; `side` is a power of two."""
    matrix = np.zeros((1, 1))
    while len(matrix) < side:
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    thresholds: NDArray[np.float64] = (matrix + 0.5) / side**2
    return thresholds


def _ordered(rgb: NDArray[np.uint8], points: _Lab, side: int) -> NDArray[np.intp]:
    """Index of each pixel's colour, (h, w)."""
    height, width = rgb.shape[:2]
    colors, which = np.unique(rgb.reshape(-1, 3), axis=0, return_inverse=True)
    dark, light, share = _mixes(comparable(colors), points, mixed=side > 1)
    threshold = np.tile(bayer(side), (-(-height // side), -(-width // side)))[:height, :width].reshape(-1)
    which = which.reshape(-1)
    return np.where(share[which] > threshold, light[which], dark[which]).reshape(height, width)


def _mixes(colors: _Lab, points: _Lab, *, mixed: bool) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """For each colour, (n, 3): the darker and the lighter colour that mix to it, and the lighter one's share, 0 to 1.

    The nearest colour is one of the two; the other is the one with which the mix comes closest, colours that lie far from
    the first counting for less. That the share is always the lighter one's keeps patterns from flipping where two
    neighbouring shades swap which is nearest.
    """
    parts = [_mixes_of(colors[i : i + _BLOCK], points, mixed) for i in range(0, len(colors), _BLOCK)]
    nearest, partner, share = (np.concatenate(part) for part in zip(*parts, strict=True))
    swapped = points[nearest, 0] > points[partner, 0]
    dark, light = np.where(swapped, partner, nearest), np.where(swapped, nearest, partner)
    return dark, light, np.where(swapped, 1 - share, share)


def _mixes_of(colors: _Lab, points: _Lab, mixed: bool) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    away = np.sqrt(((colors[:, None] - points) ** 2).sum(axis=2))
    order = np.argsort(away, axis=1, kind="stable")[:, : _PARTNERS + 1]
    nearest = order[:, 0]
    least = away[np.arange(len(colors)), nearest]
    if not mixed or len(points) == 1:
        return nearest, nearest, np.zeros(len(colors))
    start, partners = points[nearest][:, None], points[order[:, 1:]]
    way = partners - start
    length = (way**2).sum(axis=2)
    share = np.clip(((colors[:, None] - start) * way).sum(axis=2) / np.maximum(length, 1e-12), 0.0, 0.5)
    missed = np.sqrt(((colors[:, None] - start - share[..., None] * way) ** 2).sum(axis=2))
    best = (missed + _APART * np.sqrt(length)).argmin(axis=1)
    row = np.arange(len(colors))
    plain = least < _CLOSE / 2
    return nearest, order[row, best + 1], np.where(plain, 0.0, share[row, best])


def _diffused(lab: _Lab, opaque: NDArray[np.bool_], points: _Lab) -> NDArray[np.intp]:
    """Index of each pixel's colour, (h, w).

    A pixel waits for the error of its left neighbour and of three above it, so that all pixels with the same x + 2y can be
    done at once: the result is that of going row by row.
    """
    height, width = opaque.shape
    wanted = np.pad(lab, ((0, 1), (1, 1), (0, 0)))
    taking = np.pad(opaque, ((0, 1), (1, 1)))
    chosen = np.zeros((height, width), dtype=np.intp)
    low, high = points.min(axis=0), points.max(axis=0)
    for step in range(width + 2 * (height - 1)):
        y = np.arange(max(0, (step - width) // 2 + 1), min(height - 1, step // 2) + 1)
        x = step - 2 * y
        inside = opaque[y, x]
        y, x = y[inside], x[inside]
        if not len(y):
            continue
        # What the palette cannot show at all must not pile up and burst out elsewhere.
        seen = np.clip(wanted[y, x + 1], low, high)
        index = ((seen[:, None] - points) ** 2).sum(axis=2).argmin(axis=1)
        chosen[y, x] = index
        error = seen - points[index]
        for dy, dx, share in _SPREAD:
            to = taking[y + dy, x + 1 + dx]
            wanted[y[to] + dy, x[to] + 1 + dx] += share * error[to]
    return chosen
