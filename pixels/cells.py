"""From a picture to true pixels: one colour for each cell."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_MIDDLE: Final = 0.5  # of a cell's width and height: outside it, the cell is blurred into its neighbours
_MOST_SAMPLES: Final = 8  # along each axis: more of a cell's middle than this changes no colour, and costs time
_SAMPLES: Final = 5  # along each axis of a cell that is noisy
_KEPT: Final = 0.6  # share of a noisy cell's samples that make its colour


def cells_to_pixels(render: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Take each cell's own colour: the nearest-cell downscale.

    `render` is (H, W, 3) sRGB, cut in `width` x `height` equal cells, which need not be whole pixels wide. The result is
    (height, width, 3). A render that is already at its true size, or an exact integer enlargement of such a picture,
    comes back bit for bit.

    A cell's rim is anti-aliased into its neighbours, so only its central half counts: up to 8 x 8 samples there. Of
    these, the one nearest to their channel-wise median is the cell's colour. The median stands against any minority of
    stray samples; taking a sample rather than the median itself gives a colour that the model really drew, since three
    channels' medians can come from three different pixels. Nothing is ever averaged.

    Raises ValueError if a size is below 1, or if the render is smaller than what is asked: pixels are never invented.
    """
    rows, columns = render.shape[:2]
    check_size(columns, rows, width, height)
    counts = [min(_MOST_SAMPLES, max(1, int(length * _MIDDLE))) for length in (columns / width, rows / height)]
    even_x, even_y = np.linspace(0.0, columns, width + 1), np.linspace(0.0, rows, height + 1)
    samples = cell_samples(render, even_x, even_y, counts[0], counts[1])
    return _typical(samples.reshape(height * width, -1, 3)).reshape(height, width, 3)


def check_size(columns: int, rows: int, width: int, height: int) -> None:
    """Raise ValueError unless a picture of `columns` x `rows` px can be cut in `width` x `height` cells."""
    if width < 1 or height < 1:
        raise ValueError(f"A sprite of {width}x{height} has no pixels: ask for at least 1x1.")
    if columns < width or rows < height:
        raise ValueError(
            f"The picture is {columns}x{rows}, less than the {width}x{height} asked for: "
            f"ask for at most {columns}x{rows}, or render larger."
        )


def cell_samples(
    picture: NDArray[np.uint8], x_cuts: NDArray[np.float64], y_cuts: NDArray[np.float64], across: int, down: int
) -> NDArray[np.uint8]:
    """Take `across` x `down` samples from the middle of each cell of a picture, (H, W, c).

    The cuts are the cells' borders in px, one more than cells; the result is (h, w, across * down, c).
    """
    x, y = _places(x_cuts, picture.shape[1], across), _places(y_cuts, picture.shape[0], down)
    rows = picture[y.reshape(-1)]
    taken = rows[:, x.reshape(-1)].reshape(len(y), down, len(x), across, -1)
    return taken.transpose(0, 2, 1, 3, 4).reshape(len(y), len(x), down * across, -1)


def cell_colors(
    rgb: NDArray[np.uint8], x_cuts: NDArray[np.float64], y_cuts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Tell each cell's colour in a noisy picture, (H, W, 3), as (h, w, 3) of fractions of bytes; and the picture's noise.

    The colour is the mean of those samples from the cell's central half that lie nearest to their channel-wise median:
    three of five, so that what another cell bled in does not count. The noise is their mean distance from it, in sRGB
    units summed over channels: exactly 0 where cells are flat, and then the colours are exact too.
    """
    samples = cell_samples(rgb, x_cuts, y_cuts, _SAMPLES, _SAMPLES)
    planes = np.ascontiguousarray(samples.transpose(3, 0, 1, 2)).reshape(3, -1, _SAMPLES**2)
    away = _away_from_median(planes)
    kept = int(np.ceil(_KEPT * _SAMPLES**2))
    limit = np.partition(away, kept - 1, axis=-1)[:, kept - 1 : kept]
    near = away <= limit
    count = near.sum(axis=-1)
    colors = (planes * near).sum(axis=-1) / count
    noise = float((away * near).sum() / count.sum())
    return colors.T.reshape(*samples.shape[:2], 3), noise


def cell_alpha(alpha: NDArray[np.uint8], x_cuts: NDArray[np.float64], y_cuts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which cells of an alpha channel, (H, W), are opaque: those of whose central half most is."""
    samples = cell_samples(alpha[..., None], x_cuts, y_cuts, _SAMPLES, _SAMPLES)[..., 0]
    return np.asarray((samples > 127).mean(axis=-1) > 0.5)


def _places(cuts: NDArray[np.float64], length: int, count: int) -> NDArray[np.intp]:
    """Positions of the samples along one axis, shape (cells, count), all in the central half of their cell."""
    within = 0.5 + _MIDDLE * ((np.arange(count) + 0.5) / count - 0.5)
    places = np.floor(cuts[:-1, None] + np.diff(cuts)[:, None] * within + 1e-9).astype(np.intp)
    return np.clip(places, 0, length - 1)


def _away_from_median(planes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Distance of samples, (3, cells, n), from the channel-wise median of their cell, summed over channels; (cells, n)."""
    middle = planes.shape[-1] // 2
    median = np.partition(planes, middle, axis=-1)[..., middle : middle + 1].astype(np.int16)
    return np.asarray(np.abs(planes - median).sum(axis=0, dtype=np.int16))


def _typical(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of each group's samples, shape (groups, samples, 3), the one nearest to the group's channel-wise median."""
    away = np.abs(samples - np.median(samples, axis=1, keepdims=True)).sum(axis=2)
    nearest = away.argmin(axis=1)
    typical: NDArray[np.uint8] = samples[np.arange(len(samples)), nearest]
    return typical
