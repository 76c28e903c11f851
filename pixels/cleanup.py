"""Touch-ups of a sprite, each asked for by name: they help most renders and harm some art, so none is done unasked.

All but `add_outline` use only colours that the sprite has.
"""

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import Color, comparable
from dgx_pixels.pixels.edit import sprite_of
from dgx_pixels.pixels.ground import NEIGHBOURS
from dgx_pixels.pixels.sprite import Sprite

T = TypeVar("T", bound=np.generic)
_Codes = NDArray[np.int32]  # (h, w): a number for each colour, -1 for clear pixels

# Distances are those of `comparable`, where 0.02 is just noticeable.
_FAINT: Final = 0.12  # an orphan that stands out by more is an eye or a spark, and stays
_ONE_LINE: Final = 0.08  # two pixels this near are of one outline
_DARKER: Final = 0.1  # by so much is a line darker than what lies beside it
_DOUBLED: Final = 0.4  # share of the outline that must be two pixels wide to call it doubled
_BESIDE: Final = ((-1, 0), (0, -1), (0, 1), (1, 0))


def orphans(rgba: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Find opaque pixels, (h, w), of a colour that none of their eight neighbours has."""
    codes = _codes(rgba)
    lonely = codes >= 0
    for dy, dx in NEIGHBOURS:
        lonely &= _neighbour(codes, dy, dx) != codes
    return lonely


def remove_orphans(sprite: Sprite) -> Sprite:
    """Give each faint orphan the commonest colour around it; of equally common ones, the nearest.

    An orphan is a pixel without a neighbour of its colour. It is faint if that other colour is not far from its own: single
    pixels that stand out, such as eyes and sparks, stay.
    """
    rgba, lonely = sprite.rgba.copy(), orphans(sprite.rgba)
    codes, lab = _codes(rgba), comparable(rgba[..., :3])
    near = np.stack([_neighbour(codes, dy, dx)[lonely] for dy, dx in NEIGHBOURS])  # (8, orphans)
    colors = np.stack([_neighbour(lab, dy, dx)[lonely] for dy, dx in NEIGHBOURS])
    away = np.linalg.norm(colors - lab[lonely], axis=2)
    common = (near == near[:, None]).sum(axis=0)
    best = np.where(near >= 0, common - away / 2, -np.inf).argmax(axis=0)  # distances are below 2: they only settle ties
    which = np.arange(len(best))
    faint = (near[best, which] >= 0) & (away[best, which] < _FAINT)
    taken = near[best, which][faint]
    ys, xs = (at[faint] for at in np.nonzero(lonely))
    rgba[ys, xs, :3] = np.stack([taken >> 16, taken >> 8 & 255, taken & 255], axis=1)
    return sprite_of(rgba)


def smooth_lines(sprite: Sprite) -> Sprite:
    """Take the corner pixels out of staircases, so that lines of one pixel's width step diagonally.

    A corner pixel has one neighbour of its colour beside it and one above or below it, both of which the line goes on from,
    and one of these two steps is a single pixel long: the corners of boxes stay. It takes the colour outside the corner, if the
    line is darker than both its sides: shading stays. This is what drawing programs call "pixel perfect".
    """
    rgba = np.pad(sprite.rgba, ((2, 2), (2, 2), (0, 0)))  # a corner is looked at two pixels around
    codes, lab = _codes(rgba), comparable(rgba[..., :3])
    beside = sum((_neighbour(codes, 0, dx) == codes).astype(int) for dx in (-1, 1))
    above = sum((_neighbour(codes, dy, 0) == codes).astype(int) for dy in (-1, 1))
    for y, x in np.argwhere((codes >= 0) & (beside == 1) & (above == 1)).tolist():  # one by one: each changes the next
        arms = _arms_of_corner(codes, y, x)
        if arms is None:
            continue
        outside, inside = (y, x - arms[1]), (y + arms[0], x + arms[1])
        if all(codes[at] < 0 or lab[at][0] - lab[y, x][0] > _DARKER for at in (outside, inside)):
            rgba[y, x], codes[y, x], lab[y, x] = rgba[outside], codes[outside], lab[outside]
    return sprite_of(rgba[2:-2, 2:-2])


def thin_outline(sprite: Sprite) -> Sprite:
    """Make an outline that is two pixels wide one pixel wide: its inner pixel takes the colour of what it surrounds.

    The outline is what lies next to clear pixels; its inner pixel is about the same colour, and what follows is clearly
    lighter. Nothing is done unless a good part of the outline is doubled: a dark boot is no outline.
    """
    rgba = sprite.rgba.copy()
    clear, lab = sprite.rgba[..., 3] == 0, comparable(sprite.rgba[..., :3])
    edge = ~clear & np.logical_or.reduce([_neighbour(clear, dy, dx) for dy, dx in _BESIDE])
    doubled = np.zeros_like(clear)
    for dy, dx in _BESIDE:
        outer, fill = _neighbour(lab, -dy, -dx), _neighbour(lab, dy, dx)
        inner = ~clear & ~edge & _neighbour(edge & _neighbour(clear, -dy, -dx), -dy, -dx) & _neighbour(~clear, dy, dx)
        inner &= np.linalg.norm(outer - lab, axis=2) < _ONE_LINE
        inner &= (fill - lab)[..., 0] > _DARKER
        rgba[inner] = _neighbour(sprite.rgba, dy, dx)[inner]
        doubled |= inner
    if doubled.sum() < _DOUBLED * edge.sum():
        return sprite
    return sprite_of(rgba)


def add_outline(sprite: Sprite, color: Color) -> Sprite:
    """Draw a line of one pixel around the subject: the clear pixels beside, above and below it. The size stays."""
    rgba = sprite.rgba.copy()
    opaque = rgba[..., 3] > 0
    line = ~opaque & np.logical_or.reduce([_neighbour(opaque, dy, dx) for dy, dx in _BESIDE])
    rgba[line] = (*color, 255)
    return sprite_of(rgba)


def _codes(rgba: NDArray[np.uint8]) -> _Codes:
    wide = rgba.astype(np.int32)
    return np.where(rgba[..., 3] > 0, wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2], -1)


def _neighbour(values: NDArray[T], dy: int, dx: int) -> NDArray[T]:
    """Each pixel's neighbour at (dy, dx), at most 1 away, same shape; outside the picture all is 0, or -1 for codes."""
    rows, columns = values.shape[:2]
    around = [(1, 1), (1, 1)] + [(0, 0)] * (values.ndim - 2)
    padded = np.pad(values, around, constant_values=-1 if values.dtype == np.int32 else 0)
    return padded[1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + columns]


def _arms_of_corner(codes: _Codes, y: int, x: int) -> tuple[int, int] | None:
    """The directions (dy, dx) in which a line goes on from (y, x), if that is the corner of a staircase."""

    def same(dy: int, dx: int) -> bool:
        return bool(codes[y + dy, x + dx] == codes[y, x])

    beside = [dx for dx in (-1, 1) if same(0, dx)]
    above = [dy for dy in (-1, 1) if same(dy, 0)]
    if len(beside) != 1 or len(above) != 1:
        return None
    dy, dx = above[0], beside[0]
    if same(dy, dx) or (same(0, 2 * dx) and same(2 * dy, 0)):
        return None
    goes_on_beside = any(same(ey, dx + ex) for ey, ex in NEIGHBOURS if (ey, dx + ex) not in ((0, 0), (dy, 0)))
    goes_on_above = any(same(dy + ey, ex) for ey, ex in NEIGHBOURS if (dy + ey, ex) not in ((0, 0), (0, dx)))
    return (dy, dx) if goes_on_beside and goes_on_above else None
