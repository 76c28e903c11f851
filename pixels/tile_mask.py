"""Where one terrain ends and the next begins: hard-edged masks that fit from tile to tile."""

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.tile_layout import SHAPES, Cells, Kind

Transition = Literal["hard", "rough", "outlined", "soft"]
Labels = NDArray[np.int8]
"""(h, w): the terrain of each pixel, CLEAR for none."""

BAND: Final = 2
"""Pixels beyond a tile's edges that its pattern decides, so that lines and shadows can be drawn without its neighbours."""
_COVER: Final = 0.3
"""Of a tile's side: how deep a sidescroller's surface is."""
_WAVES: Final = 4  # along a side at most: more, as high as these, would break into islands
_ROUNDS: Final = 4
_ROOMY: Final = 16
"""Side of a tile, in pixels, from which on a blob has room for a dither on both sides of its line."""
_BAYER: Final = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])  # Bayer 1973
_BAYER_NARROW: Final = np.roll(_BAYER, (2, 1), (0, 1))
"""For bands no wider than the table: of its 16 places, the one from which it steps least over the edges of 8 px tiles."""


@dataclass(frozen=True, eq=False)
class EdgeShape:
    """How terrains meet in one set: all tiles share it, so that they fit."""

    side: int
    """Of a tile, in pixels; even."""
    inset: int
    """How far inside its own cells an upper terrain ends, in patterns of three by three."""
    radius: int
    """Of rounded corners, in pixels."""
    notch: int
    """Of rounded corners that point inwards, in patterns of three by three."""
    waver: NDArray[np.float64]
    """(side, side): by how many pixels the line is moved; it continues over its own edges."""
    dither: int
    """How wide the dithered band is, in pixels; 0 for a clean edge."""
    surface: NDArray[np.intp]
    """(side,): how deep what covers a sidescroller's ground reaches, at each of a tile's columns, in pixels."""


def edge_shape(kind: Kind, side: int, transition: Transition, seed: int) -> EdgeShape:
    """The edges of a set with tiles of `side` px, even and at least 8. The same seed gives the same edges.

    Raises ValueError for an odd or smaller side.
    """
    if side % 2 or side < 8:
        raise ValueError(f"A tile of {side} px cannot be halved: its side must be even, and at least 8.")
    dither = max(3, side // 4) if transition == "soft" else 0
    amplitude = 0.0 if transition == "hard" else 0.5 if side < 12 else 0.09 * side + 0.4
    if kind == "blob47" and side < _ROOMY:
        dither = min(dither, 2)
    reach = -(-dither // 2) if side >= _ROOMY else 0  # how far the dither comes out over the line
    across = max(side // 5, BAND + reach)
    crossings = (side // 2,) if SHAPES[kind] == 2 else (across + 1, side - across - 1)
    waver = _straight_over_edges(_waver(side, seed, 5 if SHAPES[kind] == 2 else 8), crossings)
    surface = np.rint(max(2, round(_COVER * side)) + amplitude * waver[side // 2]).astype(np.intp)
    if SHAPES[kind] == 2:
        radius = max(0, min(side // 2 - BAND - 1, round(0.36 * side)))
        return EdgeShape(side, 0, radius, 0, amplitude * waver, dither, surface)
    if kind == "sidescroller":  # what one stands on ends where its tile does
        return EdgeShape(side, 0, max(1, side // 7), 0, np.zeros((side, side)), 0, surface)
    inset = across
    notch = min(side // 10, inset - BAND - reach)
    if dither and not reach:  # all of it inside the line, which is straight: there is no room for more
        waver = np.full((side, side), 0.5 - 0.48 * dither)
    elif transition != "hard":  # a notch must not come as near to a neighbour as BAND, or that would have to know of it
        waver = (0.05 * side + 0.2) * waver
        waver += inset - BAND - notch - reach - waver.max()
    else:
        waver = np.zeros((side, side))
    return EdgeShape(side, inset, max(1, min(side // 2 - inset - BAND, side // 5)), notch, waver, dither, surface)


def labels_of(cells: Cells, shape: EdgeShape) -> Labels:
    """Tell the terrain of each pixel of a tile and of BAND px around it: (side + 2 BAND, side + 2 BAND).

    Each terrain covers those below it. What lies along an edge depends on that edge's own pattern alone (see
    `tile_layout.edges_of`): corners are rounded further inside, and the line wavers alike in all tiles.
    """
    pattern = np.array(cells, dtype=np.int8)
    values = np.unique(pattern)
    width = shape.side + 2 * BAND
    labels = np.full((width, width), values[0], dtype=np.int8)
    for value in values[1:]:
        labels[_mask(pattern >= value, shape)] = value
    return labels


def _mask(upper: NDArray[np.bool_], shape: EdgeShape) -> NDArray[np.bool_]:
    side, around = shape.side, shape.side // 2
    region = _rounded(_region(upper, shape, around), upper, shape)
    inside = cv2.distanceTransform(region, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform(1 - region, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    away = np.where(region > 0, inside - 0.5, 0.5 - outside)  # from the line to the pixel's middle
    places = np.arange(-BAND - 1, side + BAND + 1)  # one more, for bumps to be known by their neighbours
    away = away[around - BAND - 1 : around + side + BAND + 1, around - BAND - 1 : around + side + BAND + 1]
    mask: NDArray[np.bool_] = away + shape.waver[np.ix_(places % side, places % side)] > _threshold(shape, places)
    if shape.dither:
        return mask[1:-1, 1:-1]
    if len(upper) == 2:  # notches leave no room for this
        mask = _without_bumps(mask)
    inside = np.zeros_like(mask)
    inside[2 * BAND + 1 : -2 * BAND - 1, 2 * BAND + 1 : -2 * BAND - 1] = True
    for _ in range(_ROUNDS):  # a bump that is gone may lay bare the next; near an edge, the neighbours would have to know
        mask = np.where(inside, _without_bumps(mask), mask)
    return mask[1:-1, 1:-1]


def _region(upper: NDArray[np.bool_], shape: EdgeShape, around: int) -> NDArray[np.uint8]:
    """The upper terrain's cells in pixels, before any rounding, with `around` px of what must lie beyond the tile's edges."""
    region = upper.astype(np.uint8)
    if len(region) == 2:
        half = region.repeat(shape.side // 2, axis=0).repeat(shape.side // 2, axis=1)
        return np.pad(half, around, mode="edge")
    whole = region.repeat(shape.side, axis=0).repeat(shape.side, axis=1)
    eroded = np.asarray(cv2.erode(whole, np.ones((2 * shape.inset + 1,) * 2, np.uint8)), dtype=np.uint8)
    start, end = shape.side - around, 2 * shape.side + around
    return np.ascontiguousarray(eroded[start:end, start:end])


def _rounded(region: NDArray[np.uint8], upper: NDArray[np.bool_], shape: EdgeShape) -> NDArray[np.uint8]:
    """Round the corners in whole pixels. Where two cells touch at a corner only, they stay apart."""
    disk = _disk(shape.radius)
    if len(upper) == 3:
        closed = cv2.morphologyEx(region, cv2.MORPH_CLOSE, _disk(shape.notch))
        return np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, disk), dtype=np.uint8)
    how = cv2.MORPH_CLOSE if upper.sum() == 3 else cv2.MORPH_OPEN
    return np.asarray(cv2.morphologyEx(region, how, disk), dtype=np.uint8)


def _disk(radius: int) -> NDArray[np.uint8]:
    across = np.arange(-radius, radius + 1)
    return (across**2 + across[:, None] ** 2 <= radius * (radius + 1)).astype(np.uint8)


def _waver(side: int, seed: int, shortest: int) -> NDArray[np.float64]:
    """Smooth noise from -1 to 1 that continues over its own edges: a few waves, none much shorter than so many pixels."""
    random = np.random.default_rng(seed)
    most = min(_WAVES, side // shortest)
    y, x = np.indices((side, side)) * (2 * np.pi / side)
    total = np.zeros((side, side))
    for down in range(-most, most + 1):
        for across in range(-most, most + 1):
            how_fine = np.hypot(down, across)
            if 0 < how_fine <= most:
                total += random.normal() / how_fine**0.7 * np.cos(down * y + across * x + random.uniform(0, 2 * np.pi))
    return np.asarray(np.clip(total / (2 * total.std()), -1, 1))


def _straight_over_edges(waver: NDArray[np.float64], crossings: tuple[int, ...]) -> NDArray[np.float64]:
    """Roll the noise so that lines go straight on where they cross the tile's edges, at these places along them.

    There all tiles have the same step, and one of them would show on the whole map.
    """
    cost = np.zeros_like(waver)
    for axis in (0, 1):
        step = np.abs(waver - np.roll(waver, 1, 1 - axis))
        wide = sum(np.roll(step, shift, axis) for shift in range(-BAND, BAND + 1))
        cost = cost + sum(np.roll(wide, -place, axis) for place in crossings)
    down, right = np.unravel_index(cost.argmin(), cost.shape)
    return np.roll(waver, (-int(down), -int(right)), (0, 1))


def _threshold(shape: EdgeShape, places: NDArray[np.intp]) -> NDArray[np.float64]:
    """How far inside a pixel must lie to belong: 0, or, dithered, a regular pattern of steps."""
    if not shape.dither:
        return np.zeros((1, 1))
    table = _BAYER_NARROW if shape.dither <= (3 if shape.inset else 4) else _BAYER
    table = table if shape.side % 4 == 0 else table[:2, :2] // 4 * 5
    steps = (table + 0.5) / 16 - 0.5
    at = places % len(table)
    return np.asarray(shape.dither * steps[np.ix_(at, at)])


def _without_bumps(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take away bumps and dents of a single pixel; the outermost ring is not to be used."""
    near = mask.astype(np.uint8)
    same = sum(np.roll(near, shift, axis).astype(int) for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)))
    return np.where(mask, same >= 2, same >= 3)
