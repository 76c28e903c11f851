"""What is checked before a sprite may reach a game."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.cleanup import orphans
from dgx_pixels.pixels.colour import Color
from dgx_pixels.pixels.cutout import remove_fringe
from dgx_pixels.pixels.ground import ground_distance
from dgx_pixels.pixels.palette import Palette
from dgx_pixels.pixels.sprite import Sprite

_LEAST_OPAQUE: Final = 0.02  # share of opaque pixels below which a sprite counts as empty
_MOST_FRINGE: Final = 0.02  # share of opaque pixels that may look like ground: a few do by chance
_MOST_ORPHANS: Final = 0.6  # nine in ten hand-drawn tiles have fewer; noise has nearly 1
_NEAR_KEY: Final = 0.1  # distance in `colour.comparable` from the key: what of it is left in a picture lies this near
_MOST_KEY: Final = 0.02  # share of such pixels: a floor has none, a thing on the key's ground a fifth and more
_FRINGE_SEEN: Final = 2**20  # pixels up to which a fringe is looked for: in larger pictures it is no wider, and never seen


@dataclass(frozen=True)
class Check:
    """One check's outcome: whether it passed, what was found, and whether a failure keeps the sprite from being used."""

    ok: bool
    value: int | float | str
    blocks: bool


def check_sprite(
    sprite: Sprite,
    *,
    width: int,
    height: int,
    colors: int,
    palette: Palette | None,
    transparent: bool,
    ground: Color | None = None,
) -> dict[str, Check]:
    """Check a sprite against what was asked for.

    These block when they fail:

    - `size`: its size, as "32x32";
    - `colors`: how many different colours its opaque pixels have, `colors` at most;
    - `palette`: how many of these are not in `palette` (0 if none was asked for);
    - `alpha`: pixels that are half clear, clear but coloured, or clear though `transparent` was not asked for;
    - `emptiness`: share of clear pixels, 0 to 1: at least 2 % must be opaque.

    These only warn:

    - `fill`: share of opaque pixels: below 1 when `transparent` was asked for, else nothing was cut out;
    - `border`: opaque pixels on the outermost ring: none when `transparent` was asked for, else the subject may be cut off;
    - `fringe`: share of opaque pixels that are mostly `ground`, the colour that was cut out: 2 % at most;
    - `orphans`: share of opaque pixels of a colour that none of their eight neighbours has: 60 % at most.
    """
    rgb, alpha = sprite.rgba[..., :3], sprite.rgba[..., 3]
    opaque = alpha > 0
    used = _colors(rgb[opaque])
    foreign = 0 if palette is None else len(used - {red << 16 | green << 8 | blue for red, green, blue in palette})
    wrong_alpha = (opaque & (alpha < 255)) | (~opaque & rgb.any(axis=-1))
    if not transparent:
        wrong_alpha |= ~opaque
    bad, share = int(wrong_alpha.sum()), float(opaque.mean())
    border = int(opaque.sum() - opaque[1:-1, 1:-1].sum())
    fringe, lonely = _fringe(rgb, opaque, ground), _share(orphans(sprite.rgba), opaque)
    return {
        "size": Check(alpha.shape == (height, width), f"{alpha.shape[1]}x{alpha.shape[0]}", True),
        "colors": Check(len(used) <= colors, len(used), True),
        "palette": Check(foreign == 0, foreign, True),
        "alpha": Check(bad == 0, bad, True),
        "emptiness": Check(share >= _LEAST_OPAQUE, 1.0 - share, True),
        "fill": Check(not transparent or share < 1.0, share, False),
        "border": Check(not transparent or border == 0, border, False),
        "fringe": Check(fringe <= _MOST_FRINGE, fringe, False),
        "orphans": Check(lonely <= _MOST_ORPHANS, lonely, False),
    }


def check_key(render: NDArray[np.uint8], key: Color) -> Check:
    """Tell whether a render, (H, W, 3), that is kept whole shows the model's key colour; warns, with the key's share.

    It does where a thing was asked for as a tile, rather than a floor or wall that fills its square. The render is looked
    at, since a locked palette would hide the key behind its nearest colour.
    """
    share = float((ground_distance(render, np.array(key, np.float64)) < _NEAR_KEY).mean())
    return Check(share <= _MOST_KEY, share, False)


def _colors(pixels: NDArray[np.uint8]) -> set[int]:
    """The different colours of pixels, (n, 3), as numbers 0xrrggbb."""
    wide = pixels.astype(np.uint32)
    return set(np.unique(wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]).tolist())


def _fringe(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_], ground: Color | None) -> float:
    """Share of the opaque pixels that a cut-out would still take for ground."""
    if ground is None or opaque.size > _FRINGE_SEEN:
        return 0.0
    return _share(opaque & ~remove_fringe(rgb, opaque, ground)[1], opaque)


def _share(found: NDArray[np.bool_], opaque: NDArray[np.bool_]) -> float:
    return float(found.sum()) / max(1, int(opaque.sum()))
