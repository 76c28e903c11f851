"""From a render to true pixels: one colour for each cell."""

import numpy as np
from numpy.typing import NDArray

_MOST_SAMPLES = 8  # along each axis: more of a cell's middle than this changes no colour, and costs time


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
    if width < 1 or height < 1:
        raise ValueError(f"A sprite of {width}x{height} has no pixels: ask for at least 1x1.")
    if columns < width or rows < height:
        raise ValueError(
            f"The render is {columns}x{rows}, less than the {width}x{height} asked for: "
            f"ask for at most {columns}x{rows}, or render larger."
        )
    y, x = _sample_positions(rows, height), _sample_positions(columns, width)
    samples = render[y[:, None, :, None], x[None, :, None, :]].reshape(height * width, -1, 3)
    return _typical(samples).reshape(height, width, 3)


def _sample_positions(length: int, cells: int) -> NDArray[np.intp]:
    """Positions of the samples along one axis, shape (cells, samples), all in the central half of their cell."""
    size = length / cells
    count = min(_MOST_SAMPLES, max(1, int(size / 2)))
    within = 0.25 + (np.arange(count) + 0.5) / (2 * count)
    return np.floor((np.arange(cells)[:, None] + within) * size).astype(np.intp)


def _typical(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of each group's samples, shape (groups, samples, 3), the one nearest to the group's channel-wise median."""
    away = np.abs(samples - np.median(samples, axis=1, keepdims=True)).sum(axis=2)
    nearest = away.argmin(axis=1)
    typical: NDArray[np.uint8] = samples[np.arange(len(samples)), nearest]
    return typical
