"""Cutting the subject out of its ground."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import Color
from dgx_pixels.pixels.ground import NEIGHBOURS, drawn_key, find_ground, ground_cells, ground_distance

# Distances are those of `comparable`, where 0.02 is just noticeable, unless they are said to be sRGB units.
_MIXED: Final = 0.5  # a ground's share above which an edge pixel is ground
_LEAST_SHARE: Final = 0.04  # below this a mix is not told from noise
_OFF_LINE: Final = 0.3  # how far off the line from subject to ground a mix may lie, as a part of its way along it
_SURE: Final = 0.04  # this near to the ground, an edge pixel is ground whatever stands beside it
_NOISE: Final = 8.0  # sRGB units of noise allowed on top
_OWN: Final = 24.0  # sRGB units from a neighbour's colour within which an edge pixel is subject and no mix
_SPREAD: Final = 60.0  # sRGB units between subject and ground, below which shares mean nothing
_ROUNDS: Final = 2  # a cut edge pixel uncovers the next, and a soft edge is seldom wider than two

_NEARBY: Final = tuple((dy, dx) for dy in range(-2, 3) for dx in range(-2, 3) if dy or dx)


@dataclass(frozen=True, eq=False)
class Cutout:
    """What is subject (`opaque`, (frames, h, w), True) and the ground's colour as drawn; None when nothing was cut."""

    opaque: NDArray[np.bool_]
    ground: Color | None


def cut_out(frames: NDArray[np.uint8] | NDArray[np.float64], key: Color | None) -> Cutout:
    """Separate the subject of true-size frames, (frames, h, w, 3) sRGB, from their ground, which the first one shows.

    `key` is the colour that the model was asked to draw, or None to look for a ground. The ground is flooded from the border
    over edges (not corners), then enclosed holes of just its colour are opened. A picture that shows no ground is kept
    whole, and so is one that is nothing but a found ground.
    """
    cells = frames.astype(np.float64)
    color = find_ground(cells[0]) if key is None else drawn_key(cells[0], key)
    if color is None:
        return Cutout(np.ones(cells.shape[:3], dtype=np.bool_), None)
    cut = np.stack([ground_cells(frame, color, key=key is not None) for frame in cells])
    if key is None and cut.all():
        return Cutout(np.ones_like(cut), None)
    red, green, blue = np.rint(color).astype(int).tolist()
    return Cutout(~cut, (red, green, blue))


def remove_fringe(
    rgb: NDArray[np.uint8], opaque: NDArray[np.bool_], ground: Color
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Clean the subject's edge pixels, (h, w, 3) and (h, w), of the ground's colour; returns new arrays.

    An edge pixel c that is a mix of the ground g and of the subject's colour s next to it has the ground's share
    t = (c - s).(g - s) / |g - s|^2 (the projection that Smith and Blinn 1996, "Blue screen matting", start from). Above
    one half it is cut; below, it is un-mixed to (c - t * g) / (1 - t). A pixel that lies off the line from g to s, or
    whose colour a neighbour has too, is the subject's own and stays as it is: purple in front of magenta is no fringe.
    """
    rgb, opaque = rgb.copy(), opaque.copy()
    key = np.array(ground, dtype=np.float64)
    for _ in range(_ROUNDS):
        edge = opaque & _near_clear(opaque)
        share = _ground_share(rgb.astype(np.float64), opaque, edge, key)
        share[ground_distance(rgb[edge], key) < _SURE] = 1.0
        kept = np.minimum(share, _MIXED)[:, None]
        rgb[edge] = np.rint(np.clip((rgb[edge] - kept * key) / (1 - kept), 0, 255)).astype(np.uint8)
        opaque[edge] = share <= _MIXED
    return rgb, opaque


def _near_clear(opaque: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels with a clear one among their eight neighbours; outside the picture counts as opaque."""
    surrounded: NDArray[np.bool_] = np.logical_and.reduce(_shifted(opaque, NEIGHBOURS, 1.0), axis=0)
    return ~surrounded


def _shifted(values: NDArray[Any], offsets: tuple[tuple[int, int], ...], outside: float) -> NDArray[Any]:
    """Each pixel's neighbours at the offsets (at most 2 away), shape (offsets, h, w, ...)."""
    rows, columns = values.shape[:2]
    padded = np.pad(values, [(2, 2), (2, 2)] + [(0, 0)] * (values.ndim - 2), constant_values=outside)
    return np.stack([padded[2 + dy : 2 + dy + rows, 2 + dx : 2 + dx + columns] for dy, dx in offsets])


def _ground_share(
    rgb: NDArray[np.float64], opaque: NDArray[np.bool_], edge: NDArray[np.bool_], key: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Ground's share, 0 to 1, of each edge pixel, (edge pixels,): 0 unless it clearly is a mix.

    The subject's colour is looked for within two pixels, away from the edge. A part so thin that it is all edge has to
    do with edge pixels that show less of the ground.
    """
    subject = _shifted(rgb, _NEARBY, 0.0)[:, edge]
    inner = _shifted(opaque & ~edge, _NEARBY, 0.0)[:, edge]
    mixed = rgb[edge]
    further = np.linalg.norm(subject - key, axis=-1) > np.linalg.norm(mixed - key, axis=-1) + _OWN
    usable = inner | (_shifted(opaque, _NEARBY, 0.0)[:, edge] & further)

    way = key - subject
    length = np.linalg.norm(way, axis=-1)
    usable &= length > _SPREAD
    share = np.clip(((mixed - subject) * way).sum(axis=-1) / np.maximum(length, 1.0) ** 2, 0.0, 1.0)
    off_line = np.linalg.norm(mixed - subject - share[..., None] * way, axis=-1)
    usable &= off_line < _OFF_LINE * share * length + _NOISE
    own = (inner & (np.linalg.norm(mixed - subject, axis=-1) < _OWN)).any(axis=0)

    # Of several neighbours that explain the pixel, the one that blames the ground least.
    blame = np.where(usable, share, np.inf).min(axis=0, initial=np.inf)
    return np.where(own | (blame < _LEAST_SHARE) | np.isinf(blame), 0.0, blame)
