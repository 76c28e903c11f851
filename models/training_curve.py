"""The loss of a training as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_WIDTH, _HEIGHT = 800, 400
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 36, 16, 40
_PAPER, _LINES, _INK = (255, 255, 255), (226, 226, 226), (60, 60, 60)
_FAINT, _STRONG = (190, 205, 235), (25, 80, 190)


def curve_png(losses: Sequence[float]) -> bytes:
    """Draw the loss of each step, faint, and its running mean over a twentieth of the steps, strong, as a PNG."""
    values = np.asarray(losses, np.float64)
    image = Image.new("RGB", (_WIDTH, _HEIGHT), _PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    low, high = _range(values)
    _axes(pen, font, low, high, len(values))
    if len(values):
        mean = smoothed(values, max(1, len(values) // 20))
        for line, colour, width in ((values, _FAINT, 1), (mean, _STRONG, 3)):
            points = _points(line, low, high)
            pen.line(points * 2 if len(points) == 1 else points, fill=colour, width=width)
    data = BytesIO()
    image.save(data, "PNG", optimize=True)
    return data.getvalue()


def smoothed(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """The mean of each of the values, (n,), and those before it within the window of so many; of fewer at the begin."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    means: NDArray[np.float64] = (sums[ends] - sums[starts]) / (ends - starts)
    return means


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    """From 0 to a little above all but the highest hundredth: one outlier must not flatten the rest."""
    return (0.0, float(np.quantile(values, 0.99)) * 1.1 or 1.0) if len(values) else (0.0, 1.0)


def _points(values: NDArray[np.float64], low: float, high: float) -> list[tuple[float, float]]:
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    across = _LEFT + np.arange(len(values)) / max(1, len(values) - 1) * width
    up = _HEIGHT - _BOTTOM - (np.clip(values, low, high) - low) / (high - low) * height
    return list(zip(across.tolist(), up.tolist(), strict=True))


def _axes(
    pen: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, low: float, high: float, steps: int
) -> None:
    for i in range(5):
        y = _HEIGHT - _BOTTOM - i / 4 * (_HEIGHT - _TOP - _BOTTOM)
        pen.line([(_LEFT, y), (_WIDTH - _RIGHT, y)], fill=_LINES)
        pen.text((_LEFT - 8, y), f"{low + i / 4 * (high - low):.3f}", fill=_INK, font=font, anchor="rm")
        x = _LEFT + i / 4 * (_WIDTH - _LEFT - _RIGHT)
        place = ("l", "m", "m", "m", "r")[i]
        pen.text((x, _HEIGHT - _BOTTOM + 8), str(round(i / 4 * steps)), fill=_INK, font=font, anchor=f"{place}t")
    pen.text((_LEFT, 10), "loss by step", fill=_INK, font=font)
