"""What is checked before a sprite may reach a game."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from dgx_pixels.pixels.palette import Palette
from dgx_pixels.pixels.sprite import Sprite

_LEAST_OPAQUE: Final = 0.02  # share of opaque pixels below which a sprite counts as empty


@dataclass(frozen=True)
class Check:
    """One check's outcome: whether it passed, what was found, and whether a failure keeps the sprite from being used."""

    ok: bool
    value: int | float | str
    blocks: bool


def check_sprite(
    sprite: Sprite, *, width: int, height: int, colors: int, palette: Palette | None, transparent: bool
) -> dict[str, Check]:
    """Check a sprite against what was asked for.

    The values are:

    - `size`: its size, as "32x32";
    - `colors`: how many different colours its opaque pixels have, `colors` at most;
    - `palette`: how many of these are not in `palette` (0 if none was asked for);
    - `alpha`: pixels that are half clear, clear but coloured, or clear though `transparent` was not asked for;
    - `emptiness`: share of clear pixels, 0 to 1: at least 2 % must be opaque;
    - `fill`: share of opaque pixels; a warning, not a block, when `transparent` was asked for and nothing was cut out.
    """
    rgb, alpha = sprite.rgba[..., :3], sprite.rgba[..., 3]
    opaque = alpha > 0
    used = {tuple(color) for color in np.unique(rgb[opaque], axis=0).tolist()}
    foreign = 0 if palette is None else len(used - set(palette))
    wrong_alpha = (opaque & (alpha < 255)) | (~opaque & rgb.any(axis=-1))
    if not transparent:
        wrong_alpha |= ~opaque
    bad = int(wrong_alpha.sum())
    share = float(opaque.mean())
    return {
        "size": Check(alpha.shape == (height, width), f"{alpha.shape[1]}x{alpha.shape[0]}", True),
        "colors": Check(len(used) <= colors, len(used), True),
        "palette": Check(foreign == 0, foreign, True),
        "alpha": Check(bad == 0, bad, True),
        "emptiness": Check(share >= _LEAST_OPAQUE, 1.0 - share, True),
        "fill": Check(not transparent or share < 1.0, share, False),
    }
