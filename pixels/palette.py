"""Palettes: reading them, finding one in a picture, and keeping a picture to one."""

from collections.abc import Iterable
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import Color, comparable, parse_hex

Palette = tuple[Color, ...]
"""Colours in order, without repeats."""

_Points = NDArray[np.float64]  # (n, 3), in the space of `comparable`

JUST_NOTICEABLE: Final = 0.02  # a distance in `comparable`; the same figure as CSS Color 4's for OKLab
_FEWEST: Final = 2
_MOST: Final = 256
_ROUNDS: Final = 8  # of k-means: from farthest-point seeds, later rounds move nothing visible
_BLOCK: Final = 4096  # points compared at once, which bounds memory on large pictures


class PaletteError(ValueError):
    """A text that names no palette."""


def bundled_names() -> tuple[str, ...]:
    """Names of the palettes that come with this package, sorted."""
    folder = files("dgx_pixels.pixels").joinpath("palettes")
    return tuple(sorted(entry.name.removesuffix(".hex") for entry in folder.iterdir() if entry.name.endswith(".hex")))


def read_palette(text: str) -> Palette:
    """Read a bundled palette's name ("pico-8") or hex colours split by commas ("#1a1c2c,#5d275d").

    Repeats are dropped, the order stays. Raises PaletteError unless 2 to 256 colours are left.
    """
    name = text.strip().lower()
    if name in bundled_names():
        lines = files("dgx_pixels.pixels").joinpath("palettes", f"{name}.hex").read_text("ascii").split()
        return _distinct(parse_hex(line) for line in lines)
    try:
        palette = _distinct(parse_hex(part) for part in text.split(","))
    except ValueError as error:
        raise PaletteError(_how_to_write(f"{text[:40]!r} is not a palette")) from error
    if not _FEWEST <= len(palette) <= _MOST:
        raise PaletteError(_how_to_write(f"A palette of {len(palette)} different colours is not allowed"))
    return palette


def _distinct(colors: Iterable[Color]) -> Palette:
    return tuple(dict.fromkeys(colors))


def _how_to_write(problem: str) -> str:
    return (
        f"{problem}: write {_FEWEST} to {_MOST} hex colours split by commas, like #1a1c2c,#5d275d, "
        f"or one of the names {', '.join(bundled_names())}."
    )


def palette_of(pixels: NDArray[np.uint8]) -> Palette:
    """List the colours of pixels, (n, 3), from dark to light."""
    found, _, _ = _colors_of(pixels)
    order = np.lexsort((*found.T, comparable(found)[:, 0]))
    return tuple((int(red), int(green), int(blue)) for red, green, blue in found[order])


def lock_colors(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_], palette: Palette) -> NDArray[np.uint8]:
    """Give each opaque pixel its nearest colour of the palette, by eye; the others become (0, 0, 0).

    `rgb` is (H, W, 3), `opaque` (H, W). Near is near in OKLab with its toe (see `colour.comparable`); of two equally
    near colours the palette's first wins. Raises ValueError for an empty palette.
    """
    if not palette:
        raise ValueError("The palette has no colours: give at least one.")
    found, _, which = _colors_of(rgb[opaque])
    allowed = np.array(palette, dtype=np.uint8)
    return _painted(opaque, allowed[_nearest(comparable(found), comparable(allowed))][which])


def reduce_colors(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_], colors: int) -> tuple[NDArray[np.uint8], Palette]:
    """Find the picture's own palette, and repaint the picture in it.

    `rgb` is (H, W, 3), `opaque` (H, W), `colors` the most colours that the opaque pixels may have, 2 to 256 (else
    ValueError). Returns the picture, (0, 0, 0) where not opaque, and its palette from dark to light, every colour of
    which is used and occurred in the picture. A picture that has few enough colours keeps them exactly.

    Method, the same each time, all in OKLab with its toe: farthest-point seeds (Gonzalez 1985), four for each colour
    asked for, so that a highlight of two pixels gets one; weighted k-means (Lloyd 1982); clusters that no eye tells
    apart are merged, then the cheapest pairs until few enough are left (after Ward 1963); last, each cluster's member
    nearest to its mean speaks for it.
    """
    if not _FEWEST <= colors <= _MOST:
        raise ValueError(f"{colors} colours cannot be kept: ask for {_FEWEST} to {_MOST}.")
    found, counts, which = _colors_of(rgb[opaque])
    if len(found) > colors:
        points = comparable(found)
        chosen = _representatives(points, counts.astype(np.float64), colors)
        found, which = found[chosen], _nearest(points, points[chosen])[which]
    order = np.lexsort((*found.T, comparable(found)[:, 0]))
    palette = tuple((int(red), int(green), int(blue)) for red, green, blue in found[order])
    return _painted(opaque, found[which]), palette


def _colors_of(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.intp], NDArray[np.intp]]:
    """Different colours of pixels (n, 3), how many pixels each has, and each pixel's place in that list."""
    red, green, blue = pixels.astype(np.uint32).T
    found, which, counts = np.unique(red << 16 | green << 8 | blue, return_inverse=True, return_counts=True)
    return np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.uint8), counts, which.reshape(-1)


def _painted(opaque: NDArray[np.bool_], pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = np.zeros((*opaque.shape, 3), dtype=np.uint8)
    picture[opaque] = pixels
    return picture


def _nearest(points: _Points, centres: _Points) -> NDArray[np.intp]:
    """Index of each point's nearest centre; the first of equals."""
    result = np.empty(len(points), dtype=np.intp)
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK]
        result[start : start + _BLOCK] = _squared(block, centres).argmin(axis=1)
    return result


def _squared(points: _Points, others: _Points) -> NDArray[np.float64]:
    """Squared distances, shape (points, others). Summed by channel: exactly 0 for equal colours, unlike a dot product."""
    total = np.zeros((len(points), len(others)))
    for channel in range(3):
        total += (points[:, channel, None] - others[None, :, channel]) ** 2
    return total


def _representatives(points: _Points, counts: NDArray[np.float64], colors: int) -> NDArray[np.intp]:
    """Pick at most `colors` points that stand for all, by index."""
    centres = _settle(points, counts, _seeds(points, counts, min(4 * colors, _MOST)))
    sizes = np.bincount(_nearest(points, centres), weights=counts, minlength=len(centres)).astype(np.float64)
    centres = _settle(points, counts, _merge(centres[sizes > 0], sizes[sizes > 0], colors))
    member = _nearest(points, centres)
    away = ((points - centres[member]) ** 2).sum(axis=1)
    by_cluster = np.lexsort((-counts, away, member))
    first = np.unique(member[by_cluster], return_index=True)[1]
    return by_cluster[first]


def _seeds(points: _Points, counts: NDArray[np.float64], most: int) -> _Points:
    """Choose the most common point, then again and again the point farthest from all chosen, until none is noticeably far."""
    chosen = [int(counts.argmax())]
    away = _squared(points, points[chosen])[:, 0]
    while len(chosen) < most and away.max() > JUST_NOTICEABLE**2:
        chosen.append(int(away.argmax()))
        away = np.minimum(away, _squared(points, points[chosen[-1:]])[:, 0])
    return points[chosen]


def _settle(points: _Points, counts: NDArray[np.float64], centres: _Points) -> _Points:
    """Weighted k-means from the given centres; a centre that no point is nearest to stays where it is."""
    for _ in range(_ROUNDS):
        member = _nearest(points, centres)
        sizes = np.bincount(member, weights=counts, minlength=len(centres))
        sums = np.stack([np.bincount(member, counts * points[:, c], len(centres)) for c in range(3)], axis=1)
        moved = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1.0)[:, None], centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def _merge(centres: _Points, sizes: NDArray[np.float64], most: int) -> _Points:
    """Join clusters in pairs: first all that no eye tells apart, then the cheapest until at most `most` are left.

    A join costs d^2 * sqrt(a * b / (a + b)): Ward's cost, but with the square root of the sizes, since two light pixels
    in a dark eye count for more than their area. A cluster of one pixel is taken for noise at twice the distance.
    """
    centres, sizes = centres.copy(), sizes.copy()
    while len(centres) > 1:
        squared = _squared(centres, centres)
        np.fill_diagonal(squared, np.inf)
        fewer = np.minimum(sizes[:, None], sizes[None, :])
        close = squared < (JUST_NOTICEABLE * (1 + 1 / fewer)) ** 2
        if len(centres) <= most and not close.any():
            break
        cost = squared * np.sqrt(sizes[:, None] * sizes[None, :] / (sizes[:, None] + sizes[None, :]))
        one, other = divmod(int(np.where(close, cost, np.inf).argmin() if close.any() else cost.argmin()), len(centres))
        both = sizes[one] + sizes[other]
        centres[one] = (centres[one] * sizes[one] + centres[other] * sizes[other]) / both
        sizes[one] = both
        centres, sizes = np.delete(centres, other, axis=0), np.delete(sizes, other)
    return centres
