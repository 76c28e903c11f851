"""From any picture to the pixel art that was meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.pixels.cells import cell_alpha, cell_colors, check_size
from dgx_pixels.pixels.colour import Color
from dgx_pixels.pixels.cutout import cut_out
from dgx_pixels.pixels.frames import alike, steady
from dgx_pixels.pixels.grid import Grid, find_grid, fit_grid
from dgx_pixels.pixels.grid_exact import enlargement
from dgx_pixels.pixels.grid_smooth import SmoothGrid, find_smooth_grid, smooth_colors
from dgx_pixels.pixels.palette import Palette, lock_colors, palette_of, reduce_colors
from dgx_pixels.pixels.recover import recover_palette
from dgx_pixels.pixels.reduce import few_colors, reduce_picture
from dgx_pixels.pixels.sprite import Sprite

Kind = Literal["grid", "true_size", "no_grid"]

SURE: Final = 0.35  # confidence below which a picture counts as one without a grid
_MOST_COLORS: Final = 256
_MOST_KEPT: Final = 4096  # colours that a picture left as it is may keep: pixel art with more is none
OPAQUE: Final = 127  # alpha above which a pixel is drawn

_Cells = NDArray[np.float64]  # (frames, h, w, 3), sRGB from 0 to 255


@dataclass(frozen=True, eq=False)
class Pixelized:
    """What was made of a picture.

    `grid` is None for a picture that shows no cells (`kind` "no_grid") or whose pixels are its cells ("true_size");
    `confidence`, 0 to 1, says how sure the grid is; `ground` is the colour that was cut out, None if nothing was.
    """

    sprite: Sprite
    grid: Grid | None
    kind: Kind
    confidence: float
    ground: Color | None


def pixelize(
    rgba: NDArray[np.uint8],
    *,
    size: tuple[int, int] | None = None,
    colors: int | None = None,
    palette: Palette | None = None,
    transparent: bool = True,
) -> Pixelized:
    """Turn a picture, (H, W, 4) sRGB with alpha, into the pixel art that it shows.

    The grid is found, or fitted to `size`, (width, height). A picture that shows none is left at its own size; with a
    `size` it is reduced, keeping outlines and small details. Its palette is found, of at most `colors` (2 to 256), or is
    `palette`. With `transparent`, a flat ground is cut out; clear pixels of the picture stay clear in any case. An exact
    enlargement, or a picture at its true size, keeps its colours bit for bit unless fewer are asked for.

    Raises ValueError for a size below 1 or above the picture's, `colors` out of range, or an empty palette.
    """
    return pixelize_frames([rgba], size=size, colors=colors, palette=palette, transparent=transparent)[0]


def pixelize_frames(
    frames: Sequence[NDArray[np.uint8]],
    *,
    size: tuple[int, int] | None = None,
    colors: int | None = None,
    palette: Palette | None = None,
    transparent: bool = True,
) -> tuple[Pixelized, ...]:
    """Turn the frames of one animation, each (H, W, 4) and of one size, into pixel art with one grid and one palette.

    A cell that stands still keeps its very colour through all frames: what differs by no more than the frames' noise is
    one colour. All else is as for `pixelize`, which is this for one frame. Raises ValueError also for no frames, or
    frames of different sizes.
    """
    _check(frames, size)
    pictures = [_without_clear(frame) for frame in frames]
    grid, kind, confidence = _layout(frames, pictures, size)
    cells, opaque, noise = _cells(frames, pictures, grid, size if kind == "no_grid" else None)
    ground = None
    if transparent and opaque.all():
        cutout = cut_out(cells, None)
        opaque, ground = cutout.opaque, cutout.ground
    exact = noise == 0 and kind != "no_grid"
    rgb = np.rint(cells).astype(np.uint8) if exact else _recovered(cells, opaque, kind)
    sprites = _sprites(rgb, opaque, colors, palette)
    return tuple(Pixelized(sprite, grid, kind, confidence, ground) for sprite in sprites)


def _check(frames: Sequence[NDArray[np.uint8]], size: tuple[int, int] | None) -> None:
    if not frames or any(frame.shape != frames[0].shape for frame in frames):
        sizes = sorted({f"{frame.shape[1]}x{frame.shape[0]}" for frame in frames})
        raise ValueError(f"Frames need one size, and there must be at least one: these are {', '.join(sizes) or 'none'}.")
    if size is not None:
        check_size(frames[0].shape[1], frames[0].shape[0], *size)


def _without_clear(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Paint what is clear in the corner of the colour cube that is farthest from all opaque colours, so that it has edges."""
    rgb = np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), dtype=np.uint8)
    clear = np.asarray(cv2.extractChannel(rgba, 3)) <= OPAQUE
    if not clear.any():
        return rgb
    seen = rgb[~clear][:: max(1, int((~clear).sum()) // 4096)].astype(np.int64)
    corners = np.array(np.meshgrid(*[(0, 255)] * 3)).reshape(3, -1).T
    away = np.abs(corners[:, None] - seen).sum(axis=-1).min(axis=1, initial=765)
    return np.where(clear[..., None], corners[away.argmax()], rgb).astype(np.uint8)


def _layout(
    frames: Sequence[NDArray[np.uint8]], pictures: Sequence[NDArray[np.uint8]], size: tuple[int, int] | None
) -> tuple[Grid | None, Kind, float]:
    """Find the grid, or what the picture is instead, and how sure that is a grid."""
    rows, columns = pictures[0].shape[:2]
    if size == (columns, rows):
        return None, "true_size", 1.0
    steps = enlargement([*pictures, *(frame[..., 3:] > OPAQUE for frame in frames)])
    if steps is not None and size in (None, (columns // steps[0], rows // steps[1])):
        grid = Grid(np.arange(0.0, columns + 1, steps[0]), np.arange(0.0, rows + 1, steps[1]), 1.0)
        return grid, "grid", 1.0
    found = find_grid(pictures) if size is None else fit_grid(pictures, *size)
    confidence = 0.0 if found is None else found.confidence
    if found is not None and confidence >= SURE:
        return found, "grid", confidence
    smooth = find_smooth_grid(frames, size)
    if smooth is not None:
        return smooth, "grid", smooth.confidence
    few = size is None and all(_is_few(picture) for picture in pictures)
    return None, "true_size" if few else "no_grid", confidence


def _is_few(rgb: NDArray[np.uint8]) -> bool:
    """Tell whether a picture has as few colours as pixel art may have."""
    return Image.fromarray(rgb).getcolors(_MOST_COLORS) is not None


def _cells(
    frames: Sequence[NDArray[np.uint8]],
    pictures: Sequence[NDArray[np.uint8]],
    grid: Grid | None,
    size: tuple[int, int] | None,
) -> tuple[_Cells, NDArray[np.bool_], float]:
    """Colours, (frames, h, w, 3), opaque cells, (frames, h, w), and noise, 0 if the cells are flat and exact."""
    if isinstance(grid, SmoothGrid):
        cells, noise = np.stack([smooth_colors(frame, grid) for frame in frames]), 1.0
        opaque = np.stack([cell_alpha(frame[..., 3], grid.x_cuts, grid.y_cuts) for frame in frames])
    elif grid is not None:
        found = [cell_colors(picture, grid.x_cuts, grid.y_cuts) for picture in pictures]
        opaque = np.stack([cell_alpha(frame[..., 3], grid.x_cuts, grid.y_cuts) for frame in frames])
        cells, noise = np.stack([colors for colors, _ in found]), max(noise for _, noise in found)
    elif size is not None:
        even_x, even_y = (np.linspace(0.0, side, n + 1) for side, n in zip(pictures[0].shape[1::-1], size, strict=True))
        cells, noise = np.stack([reduce_picture(picture, *size) for picture in pictures]), 0.0
        opaque = np.stack([cell_alpha(frame[..., 3], even_x, even_y) for frame in frames])
    else:
        cells, noise = np.stack(pictures).astype(np.float64), 0.0
        opaque = np.stack([frame[..., 3] > OPAQUE for frame in frames])
    return (steady(cells) if len(frames) > 1 else cells), opaque, noise


def _recovered(cells: _Cells, opaque: NDArray[np.bool_], kind: Kind) -> NDArray[np.uint8]:
    """Give cells, (frames, h, w, 3), the colours that they were drawn in; those of a picture without a grid are only fewer."""
    count, height, width = opaque.shape
    strip, inside = cells.reshape(count * height, width, 3), opaque.reshape(count * height, width)
    if kind != "grid":
        return few_colors(np.rint(strip).astype(np.uint8), _MOST_COLORS).reshape(cells.shape)
    found = recover_palette(strip, inside, _MOST_COLORS)
    painted = np.vstack([found.palette, np.zeros(3)])[found.labels].reshape(cells.shape)
    return np.rint(alike(painted, cells) if count > 1 else painted).astype(np.uint8)


def _sprites(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_], colors: int | None, palette: Palette | None) -> list[Sprite]:
    """Make sprites of frames, (frames, h, w, 3), that have their colours and palette in common."""
    count, height, width = opaque.shape
    strip, inside = rgb.reshape(count * height, width, 3), opaque.reshape(count * height, width)
    used = palette_of(strip[inside])
    if len(used) > _MOST_KEPT:
        strip = few_colors(strip, _MOST_COLORS)
        used = palette_of(strip[inside])
    if colors is not None:
        strip, used = reduce_colors(strip, inside, colors)
    if palette is not None:
        strip = lock_colors(strip, inside, palette)
        used = palette_of(strip[inside])
    rgba = np.dstack([np.where(inside[..., None], strip, 0), np.where(inside, 255, 0)]).astype(np.uint8)
    return [Sprite(frame, used) for frame in rgba.reshape(count, height, width, 4)]
