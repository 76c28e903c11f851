"""Smooth enlargements: pictures whose every line is a bilinear, bicubic or Lanczos curve through the cells' colours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.pixels.grid import Grid

Kernel = Literal["bilinear", "bicubic", "bicubic -0.75", "lanczos3", "lanczos4"]

_ALL: Final[tuple[Kernel, ...]] = ("bilinear", "bicubic", "bicubic -0.75", "lanczos3", "lanczos4")
_FINDING: Final[tuple[Kernel, ...]] = ("bicubic", "lanczos3")  # near enough to all of them to find the cells
_PILLOW: Final = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos3": Image.Resampling.LANCZOS,
}
_OPENCV: Final = {"bicubic -0.75": cv2.INTER_CUBIC, "lanczos4": cv2.INTER_LANCZOS4}
_FEWEST: Final = 12  # cells along a side: a few smooth waves can be drawn through fewer
_SMALLEST: Final = 3.0  # px of a cell, below which a curve bends too often to be told from noise
_LINES: Final = 48  # that are looked at along each axis
_FEW: Final = 64  # cells, up to which every count is tried: they cost little, and sparse art shows no clear waves
_TRIED: Final = 24  # larger counts of cells along each axis that are tried
_LOUDEST: Final = 4.0  # times the mean that a bend may count
_ROUNDING: Final = 0.25  # sRGB units that any curve misses by, since pixels are whole numbers
_LIKELY: Final = 0.75  # times the misfit of one cell more or less, below which a count of cells is looked into
_RIGHT: Final = 0.46  # the same when whole pictures are compared, below which it is right
_FARTHEST: Final = 3.0  # sRGB units that its enlargement may be from the picture: twice what JPEG 80 adds
_ROUNDS: Final = 3  # in which a curve is drawn on through where it was cut off at black or white
_STEPS, _GLANCE = 8, 3  # from the first guess of the cells' colours to the last; and to one that tells kernels apart

_Lines = NDArray[np.float32]  # (length, lines), 0 to 255


@dataclass(frozen=True, eq=False)
class SmoothGrid(Grid):
    """An even grid whose cells were enlarged with a `kernel`: their colours are in their centres, and blend in between."""

    kernel: Kernel


def find_smooth_grid(frames: Sequence[NDArray[np.uint8]], size: tuple[int, int] | None = None) -> SmoothGrid | None:
    """Find the grid, of `size` cells if given, from which pictures of one size, each (H, W, 4), were enlarged smoothly.

    An enlargement is linear, so every line of it lies in the space that the kernel's weights span for the true number of
    cells: least squares leave nothing of it but rounding, clipping and what JPEG added, while one cell more or fewer
    misses it widely. Photos, gradients and blurred art are missed as much, or as little, by all counts. Which large
    counts are worth trying is told by the bends (second differences), which repeat from centre to centre.
    """
    rows, columns = frames[0].shape[:2]
    if min(rows, columns) < _FEWEST * _SMALLEST:
        return None
    down, across = (np.hstack([_lines(frame, axis) for frame in frames]) for axis in (0, 1))
    if size is None:
        pairs = [(w, h) for w in _likely(across) for h in _likely(down) if abs(w * rows / columns - h) <= 1]
    else:
        pairs = [size] if min(size) >= _FEWEST and max(size[0] / columns, size[1] / rows) <= 1 / _SMALLEST else []
    distances = [cache(partial(_distance, lines)) for lines in (across, down)]
    plane = np.asarray(cv2.cvtColor(frames[0], cv2.COLOR_RGBA2GRAY), dtype=np.float32)
    for width, height in sorted(pairs):
        if any(all(_misfit(*of, kernel) < _LIKELY for of in zip(distances, (width, height), strict=True)) for kernel in _FINDING):
            away, kernel = min((_drawn_from(plane, width, height, kernel, _GLANCE)[1], kernel) for kernel in _ALL)
            others = [_drawn_from(plane, width + more, height + more, kernel, _GLANCE)[1] for more in (-1, 1)]
            worse = (away + _ROUNDING) / (min(others) + _ROUNDING)
            if away < _FARTHEST and worse < _RIGHT:
                return SmoothGrid(np.linspace(0, columns, width + 1), np.linspace(0, rows, height + 1), 1 - worse, kernel)
    return None


def smooth_colors(rgba: NDArray[np.uint8], grid: SmoothGrid) -> NDArray[np.float64]:
    """Tell the colours that a picture, (H, W, 4), was enlarged from: (h, w, 3) of fractions of bytes."""
    alpha = np.asarray(cv2.extractChannel(rgba, 3), dtype=np.float32)
    planes = [np.asarray(np.asarray(plane) * (alpha / 255), dtype=np.float32) for plane in cv2.split(rgba)[:3]]
    colors = np.stack([_drawn_from(plane, grid.width, grid.height, grid.kernel)[0] for plane in planes], axis=-1)
    if alpha.min() < 255:
        colors /= np.maximum(_drawn_from(alpha, grid.width, grid.height, grid.kernel)[0][..., None] / 255, 0.1)
    return colors.clip(0, 255).astype(np.float64)


def _lines(rgba: NDArray[np.uint8], axis: int) -> _Lines:
    """Lines along an axis, evenly chosen: of alpha if that has a shape, of brightness if not."""
    alpha = cv2.extractChannel(rgba, 3)
    plane = np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2GRAY) if np.asarray(alpha).min() == 255 else alpha)
    plane = plane if axis == 0 else plane.T
    places = np.unique(np.linspace(0, plane.shape[1] - 1, _LINES + 2).astype(int)[1:-1])
    return plane[:, places].astype(np.float32)


def _likely(lines: _Lines) -> list[int]:
    """Choose counts of cells: all small ones, and of the larger those at whose centres the lines bend most, or least."""
    most = int(len(lines) / _SMALLEST)
    bends = np.abs(np.diff(lines, 2, axis=0))
    profile = np.pad(np.minimum(bends, _LOUDEST * bends.mean() + 1).sum(axis=1), 1)
    waves = np.fft.rfft(profile - profile.mean())
    strength = np.abs((waves * np.exp(-1j * np.pi * np.arange(len(waves)) / len(lines))).real)
    strongest = _FEW + 1 + np.argsort(-strength[_FEW + 1 : most + 1])[:_TRIED]
    return [*range(_FEWEST, min(most, _FEW) + 1), *strongest.tolist()]


def _misfit(distance: Callable[[int, Kernel], float], count: int, kernel: Kernel) -> float:
    """How badly lines fit a count of cells, as a part of how badly they fit one cell more or less."""
    here, fewer, more = (distance(near, kernel) + _ROUNDING for near in (count, count - 1, count + 1))
    return here / min(fewer, more)


def _distance(lines: _Lines, count: int, kernel: Kernel) -> float:
    """Mean distance of lines from the nearest that so many cells can give."""
    way = _weights(len(lines), count, kernel)
    back = _inverse(way)
    whole = lines
    for _ in range(_ROUNDS):
        fit = way @ (back @ whole)
        cut = ((lines <= 0.5) & (fit < lines)) | ((lines >= 254.5) & (fit > lines))
        whole = np.where(cut, fit, lines)
    return float(np.abs(whole - fit).mean())


def _drawn_from(plane: _Lines, width: int, height: int, kernel: Kernel, steps: int = _STEPS) -> tuple[NDArray[np.float32], float]:
    """Find what a channel, (H, W), was enlarged from, (height, width), and how far its enlargement is from the channel.

    What the cells' enlargement misses is brought back to cells and added, again and again (iterative back-projection, as
    in Irani and Peleg 1991): so what overshot and was cut off is allowed for. Pillow cuts after each axis, OpenCV once.
    """
    down, across = _weights(plane.shape[0], height, kernel), _weights(plane.shape[1], width, kernel)
    up, left = _inverse(down), _inverse(across).T
    cells, missed = np.zeros((height, width), dtype=np.float32), plane
    for _ in range(steps):
        cells += up @ missed @ left
        wide = (cells @ across.T).clip(0, 255) if kernel in _PILLOW else cells @ across.T
        missed = np.asarray(plane - (down @ wide).clip(0, 255), dtype=np.float32)
    return cells, float(np.abs(missed).mean())


def _weights(length: int, count: int, kernel: Kernel) -> NDArray[np.float32]:
    """What each of `count` cells gives to each of `length` px, (length, count)."""
    one = np.eye(count, dtype=np.float32)
    if kernel in _OPENCV:
        return np.asarray(cv2.resize(one, (count, length), interpolation=_OPENCV[kernel]))
    return np.asarray(Image.fromarray(one).resize((count, length), _PILLOW[kernel]))


def _inverse(way: NDArray[np.float32]) -> NDArray[np.float32]:
    """Least squares: from px back to cells, (count, length)."""
    return np.asarray(np.linalg.solve(way.T @ way + np.float32(1e-4) * np.eye(way.shape[1], dtype=np.float32), way.T))
