"""Cutting the subject out of its ground."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import Color, comparable
from dgx_pixels.pixels.ground import holes, reaching_border

# Distances are those of `comparable`, where 0.02 is just noticeable and magenta lies 0.5 or more from most subjects.
_NEAR_KEY: Final = 0.2  # a model asked for a key draws it about so well
_FLAT: Final = 0.04  # a found ground's pixels lie this near to its colour
_FILL_KEY: Final = 0.1  # what the flood takes of a known key: its noise and the faint mixes at its edge
_FILL_FOUND: Final = 0.05  # the same of a found ground, which may be a near shade of the subject, as grey and white are
_TIGHT_KEY: Final = 0.06  # an enclosed hole in a known key: no flood leads there, so colour alone must convince
_TIGHT_FOUND: Final = 0.02  # the same in a found ground, which is often white or black, as eyes and mouths are
_KEY_BORDER: Final = 0.1  # share of the border that must show a known key
_FOUND_BORDER: Final = 0.6  # share of the border that must be one flat colour to be taken for a ground
_MOST_CUT: Final = 0.98  # a found ground covering more than this is no ground but the picture
_MIXED: Final = 0.5  # a ground's share above which an edge pixel is ground
_LEAST_SHARE: Final = 0.04  # below this a mix is not told from noise
_OFF_LINE: Final = 0.3  # how far off the line from subject to ground a mix may lie, as a part of its way along it
_SURE: Final = 0.04  # this near to the ground, an edge pixel is ground whatever stands beside it
_NOISE: Final = 8.0  # sRGB units of noise allowed on top
_OWN: Final = 24.0  # sRGB units from a neighbour's colour within which an edge pixel is subject and no mix
_SPREAD: Final = 60.0  # sRGB units between subject and ground, below which shares mean nothing
_ROUNDS: Final = 2  # a cut edge pixel uncovers the next, and a soft edge is seldom wider than two

_AROUND: Final = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)
_NEARBY: Final = tuple((dy, dx) for dy in range(-2, 3) for dx in range(-2, 3) if dy or dx)


@dataclass(frozen=True, eq=False)
class Cutout:
    """What is subject (`opaque`, (h, w), True) and the ground's colour as drawn; None when nothing was cut."""

    opaque: NDArray[np.bool_]
    ground: Color | None


def cut_out(rgb: NDArray[np.uint8], ground: Color | None) -> Cutout:
    """Separate the subject of a true-size picture, (h, w, 3), from its ground.

    `ground` is the key colour that the model was asked to draw, or None to look for a ground: the colour that most of
    the border shows, if the border is flat enough. The ground is flooded from the border over edges (not corners), then
    enclosed holes of just its colour are opened. A picture that shows no ground is kept whole.
    """
    border = _border(rgb)
    drawn = _found_ground(border) if ground is None else _drawn_key(border, ground)
    whole = Cutout(np.ones(rgb.shape[:2], dtype=np.bool_), None)
    if drawn is None:
        return whole
    away = _distance(rgb, drawn)
    fill, tight, least = (
        (_FILL_KEY, _TIGHT_KEY, 1) if ground is not None else (_FILL_FOUND, _TIGHT_FOUND, max(4, away.size // 256))
    )
    cut = reaching_border(away < fill)
    cut |= holes((away < tight) & ~cut, least)
    if ground is None and cut.mean() > _MOST_CUT:
        return whole
    return Cutout(~cut, drawn)


def _border(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels of the outermost ring, (n, 3)."""
    inner = np.zeros(rgb.shape[:2], dtype=np.bool_)
    inner[1:-1, 1:-1] = True
    return rgb[~inner]


def _distance(rgb: NDArray[np.uint8], color: Color) -> NDArray[np.float64]:
    away: NDArray[np.float64] = np.linalg.norm(comparable(rgb) - comparable(np.array(color, dtype=np.uint8)), axis=-1)
    return away


def _drawn_key(border: NDArray[np.uint8], key: Color) -> Color | None:
    """Find the key as the model drew it: the median of the border pixels near to it, if there are enough."""
    near = _distance(border, key) < _NEAR_KEY
    return _median(border[near]) if near.mean() >= _KEY_BORDER else None


def _found_ground(border: NDArray[np.uint8]) -> Color | None:
    """Find the flat colour of most of the border, if it has one."""
    near = _distance(border, _median(border)) < _FLAT
    return _median(border[near]) if near.mean() >= _FOUND_BORDER else None


def _median(pixels: NDArray[np.uint8]) -> Color:
    red, green, blue = np.median(pixels, axis=0).astype(int).tolist()
    return red, green, blue


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
        share[_distance(rgb[edge], ground) < _SURE] = 1.0
        kept = np.minimum(share, _MIXED)[:, None]
        rgb[edge] = np.rint(np.clip((rgb[edge] - kept * key) / (1 - kept), 0, 255)).astype(np.uint8)
        opaque[edge] = share <= _MIXED
    return rgb, opaque


def _near_clear(opaque: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels with a clear one among their eight neighbours; outside the picture counts as opaque."""
    surrounded: NDArray[np.bool_] = np.logical_and.reduce(_shifted(opaque, _AROUND, 1.0), axis=0)
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
