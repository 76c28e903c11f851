"""What image generators do to pixel art: seeded truths, and how each case spoils them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pixel_tiles import SIDE, Tiles

Picture = NDArray[np.uint8]
_FINE: Final = 3  # sub-pixels along each side of a px, when cells are drawn
_GROUNDS: Final = ((248, 246, 250), (250, 12, 248), (160, 160, 160), (24, 200, 40))


@dataclass(frozen=True)
class Spoiling:
    """How much of each fault a picture gets. Px and cells as named; colours in units of 255."""

    side: int = 1024  # px along the longer side, about
    crop: float = 0.0  # cells, most that is cut off at an edge
    drift: float = 0.0  # px, slow change of a cell's width; less under 16 px
    uneven: float = 0.0  # standard deviation of each cell's width, as a part of it
    bend: float = 0.0  # cells, smooth two-dimensional warp
    aspect: float = 0.0  # most by which a cell's sides differ, as a part
    blur: tuple[float, float] = (0.0, 0.0)  # px, standard deviation from .. to, at most 0.16 cells
    jitter: float = 0.0  # standard deviation of each cell's colour
    shade: float = 0.0  # standard deviation of slow colour noise
    grain: float = 0.0  # standard deviation of each px's noise
    quality: tuple[int, int] | None = None  # of JPEG, from .. to


LEVELS: Final = {
    "level 1": Spoiling(blur=(0.5, 0.9), jitter=1, shade=1, grain=1, quality=(90, 95)),
    "level 2": Spoiling(
        crop=0.15, drift=0.15, bend=0.03, aspect=0.01, blur=(0.8, 1.6), jitter=2.5, shade=3, grain=2.5, quality=(78, 90)
    ),
    "level 3": Spoiling(
        crop=0.3, drift=0.4, bend=0.08, aspect=0.03, blur=(1.2, 3.0), jitter=4, shade=5, grain=5, quality=(60, 80)
    ),
}


def subject(tiles: Tiles, seed: int, cells: int | None = None) -> Picture:
    """Draw one subject on clear ground, 32 to 36 cells a side; or cut to its middle `cells`."""
    rng = np.random.default_rng([seed, 1])
    tile = tiles.subjects[rng.integers(len(tiles.subjects))]
    if cells is not None:
        first = (SIDE - cells) // 2
        return tile[first : first + cells, first : first + cells].copy()
    top, bottom, left, right = rng.integers(0, 3, 4)
    return np.pad(tile, ((top, bottom), (left, right), (0, 0)))


def scene(tiles: Tiles, seed: int, side: int, *, floor: bool) -> Picture:
    """Draw many subjects, in at most 16 to 48 colours, about `side` cells a side, on clear ground or on a floor."""
    rng = np.random.default_rng([seed, 2])
    width, height = side + rng.integers(-3, 4, 2)
    picture = np.zeros((height, width, 4), dtype=np.uint8)
    if floor:
        tile = tiles.floors[rng.integers(len(tiles.floors))]
        picture[:] = np.tile(tile, (height // SIDE + 1, width // SIDE + 1, 1))[:height, :width]
    step = SIDE if side > 48 else 24
    for y in range(0, height - 20, step):
        for x in range(0, width - 20, step):
            down, across = rng.integers(-2, 3, 2).tolist()
            _stamp(picture, tiles.subjects[rng.integers(len(tiles.subjects))], y + down, x + across)
    return _in_few_colors(picture, int(rng.choice([16, 24, 32, 48])), seed)


def truth(tiles: Tiles, seed: int) -> Picture:
    """Choose a subject or a scene of 48 to 128 cells by seed; even scenes on nothing, odd ones on a floor."""
    kind = np.random.default_rng([seed, 3]).choice(["one", "48", "64", "96", "128"], p=[0.27, 0.16, 0.27, 0.15, 0.15])
    return subject(tiles, seed) if kind == "one" else scene(tiles, seed, int(kind), floor=bool(seed % 2))


def spoil(rgba: Picture, seed: int, how: Spoiling) -> Picture:
    """Draw true pixels, (h, w, 4), as a large faulty picture, (H, W, 3)."""
    rng = np.random.default_rng([seed, 4])
    height, width = rgba.shape[:2]
    cell = how.side / max(width, height) * rng.uniform(0.94, 1.0)
    x = _lines(rng, width, cell, how)
    y = _lines(rng, height, cell * (1 + rng.uniform(-1, 1) * how.aspect), how)
    colors = on_ground(rgba, rng).astype(np.float32)
    calm = np.where(rgba[..., 3:] == 0, 0.3, 1.0)
    colors += rng.normal(0, how.jitter, colors.shape) * calm
    drawn = _drawn(rng, colors.clip(0, 255), x, y, how.bend * cell)
    blur = min(rng.uniform(*how.blur), 0.16 * cell)
    if blur > 0:
        drawn = cv2.GaussianBlur(drawn, (0, 0), blur).astype(np.float32)
    size = drawn.shape[:2]
    noisy = drawn + how.shade * _slow(rng, size, 8, 3).astype(np.float64)
    coarse = rng.normal(0, how.grain, (size[0] // 2 + 1, size[1] // 2 + 1, 3)).repeat(2, 0).repeat(2, 1)
    noisy += 0.7 * (rng.normal(0, how.grain, noisy.shape) + coarse[: size[0], : size[1]])
    result = np.rint(noisy.clip(0, 255)).astype(np.uint8)
    return result if how.quality is None else jpeg(result, int(rng.integers(how.quality[0], how.quality[1] + 1)))


def on_ground(rgba: Picture, rng: np.random.Generator) -> Picture:
    """Lay a picture on a flat ground that its own colours hardly come near to; (h, w, 3)."""
    clear = rgba[..., 3] == 0
    art = rgba[~clear][:, :3].astype(float)
    order = [_GROUNDS[i] for i in rng.permutation(len(_GROUNDS))]
    close = [float((np.linalg.norm(art - ground, axis=1) < 60).mean()) for ground in order]
    return np.where(clear[..., None], order[int(np.argmin(np.round(close, 2)))], rgba[..., :3]).astype(np.uint8)


def jpeg(rgb: Picture, quality: int) -> Picture:
    """Save as JPEG and read again, (H, W, 3)."""
    data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def animation(tiles: Tiles, seed: int, frames: int) -> list[Picture]:
    """Draw frames of 64 x 64 cells in which one subject walks over a floor with others; each (64, 64, 4)."""
    rng = np.random.default_rng([seed, 5])
    walker = tiles.subjects[rng.integers(len(tiles.subjects))]
    still = scene(tiles, seed, 67, floor=True)[:64, :64]
    result = []
    for frame in range(frames):
        picture = still.copy()
        _stamp(picture, walker, 16, 4 + 5 * frame)
        result.append(picture)
    return result


def spoil_frames(frames: list[Picture], seed: int, how: Spoiling) -> list[Picture]:
    """Spoil all frames on one grid, with other noise in each."""
    still = replace(how, jitter=0.0, shade=0.0, grain=0.0, quality=None)
    clean = [spoil(frame, seed, still) for frame in frames]
    rng = np.random.default_rng([seed, 6])
    noisy = [np.rint((one + rng.normal(0, how.grain, one.shape)).clip(0, 255)).astype(np.uint8) for one in clean]
    return noisy if how.quality is None else [jpeg(one, how.quality[0]) for one in noisy]


def _stamp(picture: Picture, tile: Picture, y: int, x: int) -> None:
    top, left = max(0, -y), max(0, -x)
    part = tile[top : max(top, picture.shape[0] - y), left : max(left, picture.shape[1] - x)]
    view = picture[y + top : y + top + part.shape[0], x + left : x + left + part.shape[1]]
    view[part[..., 3] > 0] = part[part[..., 3] > 0]


def _in_few_colors(rgba: Picture, colors: int, seed: int) -> Picture:
    """Bring a picture to so many colours by k-means, each the commonest of its cluster."""
    opaque = rgba[..., 3] > 0
    pixels = rgba[opaque][:, :3]
    if len(np.unique(pixels, axis=0)) <= colors:
        return rgba
    cv2.setRNGSeed(seed)
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0.0)
    _, labels, centres = cv2.kmeans(pixels.astype(np.float32), colors, np.zeros(0), stop, 1, cv2.KMEANS_PP_CENTERS)
    result = rgba.copy()
    result[opaque, :3] = np.rint(centres).astype(np.uint8)[labels.reshape(-1)]
    return result


def _lines(rng: np.random.Generator, cells: int, cell: float, how: Spoiling) -> NDArray[np.float64]:
    """Borders of the cells along one axis, px; the first and last may lie outside the picture, whose end is the last value."""
    t = np.linspace(0, 1, cells)
    wave = np.sin(2 * np.pi * (t * rng.uniform(0.5, 2.0) + rng.uniform())) + rng.uniform(-1, 1) * (2 * t - 1)
    wave = (wave - wave.mean()) / max(float(np.abs(wave - wave.mean()).max()), 1e-9)
    widths = cell + wave * how.drift * min(1.0, cell / 16)
    widths *= (1 + rng.normal(0, how.uneven, cells)).clip(0.62, 1.4) if how.uneven else 1.0
    lines = np.concatenate([[0.0], np.cumsum(widths)]) - rng.uniform(0, how.crop) * cell
    return np.append(lines, np.rint(lines[-1] - rng.uniform(0, how.crop) * cell))


def _drawn(
    rng: np.random.Generator, colors: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], bend: float
) -> NDArray[np.float32]:
    """Draw cells between lines, bent by so many px, each px the mean of its sub-pixels."""
    width, height = int(x[-1]), int(y[-1])
    across = (np.arange(width * _FINE) + 0.5)[None] / _FINE
    down = (np.arange(height * _FINE) + 0.5)[:, None] / _FINE
    if bend:
        warp = cv2.resize(_slow(rng, (height, width), 6, 2).clip(-2, 2) * bend, (width * _FINE, height * _FINE))
        across, down = across + warp[..., 0], down + warp[..., 1]
    column = np.searchsorted(x[:-1], across, "right").clip(1, len(x) - 2) - 1
    row = np.searchsorted(y[:-1], down, "right").clip(1, len(y) - 2) - 1
    fine = colors[row, column]
    return np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _slow(rng: np.random.Generator, size: tuple[int, int], knots: int, channels: int) -> NDArray[np.float32]:
    """Smooth noise of a standard deviation of about 1, (H, W, channels)."""
    small = rng.normal(size=(knots, knots, channels)).astype(np.float32)
    return np.asarray(cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC), dtype=np.float32)
