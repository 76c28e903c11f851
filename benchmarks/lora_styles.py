"""Two styles to be learnt, made of true pixel art, and measures of how much of them a sprite shows; stated beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pixel_tiles import is_subject

from dgx_pixels.models.tiny_data import SIZE, read_tiles
from dgx_pixels.pixels.colour import srgb_to_oklab

Rgba = NDArray[np.uint8]  # (32, 32, 4), alpha 0 or 255

LEARNT = (
    "amulet", "armour", "book", "sword", "wizard", "staff", "coins", "wand", "troll", "snake", "scroll", "mace", "giant", "cloak",
    "spear",
)  # fmt: skip
"""Two sprites of each are learnt from."""
ASKED = ("dragon", "skeleton", "spider", "orc", "demon", "slime", "ghost", "knight", "shield", "potion", "helmet", "axe")
"""What is drawn for the measures: none of it was learnt."""
PER_KIND = 2

HANDHELD = ((15, 56, 15), (48, 98, 48), (139, 172, 15), (155, 188, 15))
"""The four greens of a handheld console of 1989, from dark to light."""
_QUANTILES = (0.25, 0.5, 0.75)  # of a sprite's lightness, between the four
_NEUTRAL = 0.03  # OKLab chroma below which a pixel has no hue
_AROUND = 15.0  # degrees on either side of the palette's hues
_INK = (20, 16, 28)
_DARK = 0.3  # OKLab lightness below which an edge is dark


@dataclass(frozen=True)
class Style:
    """A style: how a sprite is turned into it, and the measures of it with the margin that each is to rise by."""

    name: str
    trigger: str
    """No word, nor made of words: the base model must not know it."""
    made: Callable[[Rgba], Rgba]
    measures: tuple[tuple[str, Callable[[Rgba], float], float | None], ...]
    """What is measured, the measure (0 to 1), and by how much it is to rise from base model to LoRA; None promises nothing."""


def handheld(rgba: Rgba) -> Rgba:
    """The sprite in the four greens, a quarter of its pixels in each, by lightness."""
    opaque = rgba[..., 3] > 0
    light = srgb_to_oklab(rgba[..., :3])[..., 0]
    shade = np.searchsorted(np.quantile(light[opaque], _QUANTILES), light, side="right")
    return _painted(np.array(HANDHELD, np.uint8)[shade], opaque)


def outlined(rgba: Rgba) -> Rgba:
    """The sprite with an outline of dark ink two pixels thick: one around its silhouette, one of its own edge."""
    opaque = rgba[..., 3] > 0
    around = _grown(opaque)
    inside = opaque & ~_grown(~opaque, border=True)
    return _painted(np.where(inside[..., None], rgba[..., :3], np.array(_INK, np.uint8)), around)


def palette_share(rgba: Rgba) -> float:
    """Share of the drawn pixels whose OKLab hue lies within the four greens' hues or 15 degrees beside; greys are outside."""
    lab = srgb_to_oklab(rgba[rgba[..., 3] > 0][:, :3])
    hues = _hue(srgb_to_oklab(np.array(HANDHELD, np.uint8)))
    hue = _hue(lab)
    within = (hue >= hues.min() - _AROUND) & (hue <= hues.max() + _AROUND)
    return float((within & (np.hypot(lab[:, 1], lab[:, 2]) >= _NEUTRAL)).mean())


def edge_share(rgba: Rgba) -> float:
    """Share of the silhouette's edge pixels, those with ground beside or diagonally, that are dark: OKLab lightness below 0.3."""
    opaque = rgba[..., 3] > 0
    return _dark_share(rgba, opaque & _grown(~opaque))


def second_share(rgba: Rgba) -> float:
    """The same of the pixels one further in: a thin outline does not make them dark."""
    opaque = rgba[..., 3] > 0
    inner = opaque & ~_grown(~opaque)
    return _dark_share(rgba, inner & _grown(~inner))


def inner_share(rgba: Rgba) -> float:
    """The same of all that lies further in, which an outline leaves alone; 0 if there is nothing."""
    opaque = rgba[..., 3] > 0
    inner = opaque & ~_grown(~opaque)
    return _dark_share(rgba, inner & ~_grown(~inner))


STYLES = (
    Style("handheld", "qzv", handheld, (("pixels within the palette's hues", palette_share, 0.40),)),
    Style(
        "outline", "wxk", outlined,
        (
            ("edge pixels that are dark", edge_share, 0.10), ("pixels one further in that are dark", second_share, 0.30),
            ("all pixels further in that are dark", inner_share, None),  # added after a first look: is it all darker?
        ),
    ),
)  # fmt: skip


def sprites(tiles: Path) -> list[tuple[str, Rgba]]:
    """Thirty sprites of the CC0 release and what each shows: an even choice of two of each learnt kind."""
    found: dict[str, list[Rgba]] = {kind: [] for kind in LEARNT}
    for tile in read_tiles(tiles):
        rgba = np.dstack([tile.rgb, np.where(tile.opaque, 255, 0).astype(np.uint8)])
        if tile.path.startswith(("mon/", "item/")) and tile.subject.name in found and is_subject(rgba):
            found[tile.subject.name].append(rgba)
    return [(kind, of_kind[i]) for kind, of_kind in found.items() for i in np.linspace(0, len(of_kind) - 1, PER_KIND).astype(int)]


def _painted(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_]) -> Rgba:
    return np.where(opaque[..., None], np.dstack([rgb, np.full((SIZE, SIZE), 255, np.uint8)]), 0).astype(np.uint8)


def _hue(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Degrees, 0 to 360."""
    return np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360


def _grown(mask: NDArray[np.bool_], *, border: bool = False) -> NDArray[np.bool_]:
    """Spread a mask by one pixel in all eight directions; with `border` what lies outside the picture counts as in it."""
    padded = np.pad(mask, 1, constant_values=border).astype(np.uint8)
    return np.asarray(cv2.dilate(padded, np.ones((3, 3), np.uint8)))[1:-1, 1:-1] > 0


def _dark_share(rgba: Rgba, where: NDArray[np.bool_]) -> float:
    if not where.any():
        return 0.0
    return float((srgb_to_oklab(rgba[where][:, :3])[:, 0] < _DARK).mean())
