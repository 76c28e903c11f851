"""Makes docs/touch-ups.png: one picture with different wishes. Run: .venv/bin/python docs/touch_ups.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.pixels.art import make_art
from dgx_pixels.pixels.art_options import read_options
from dgx_pixels.pixels.edit import place, sprite_of
from dgx_pixels.pixels.palette import read_palette
from dgx_pixels.pixels.preview import contact_sheet
from dgx_pixels.pixels.sprite import Sprite

HERE = Path(__file__).parent
SHEET = HERE.parent / "benchmarks" / "tiles" / "subjects.png"  # CC0 tiles of 32x32
SUBJECTS = ((5, 11), (9, 9), (7, 0))  # column and row there
CANVAS = 38
WISHES: tuple[dict[str, Any], ...] = (
    {},
    {"palette": read_palette("sweetie-16")},
    {"palette": read_palette("sweetie-16"), "dither": "bayer4"},
    {"palette": read_palette("game-boy"), "dither": "floyd-steinberg"},
    {"outline": "#f4f4f4"},
    {"cleanup": ["orphans", "lines", "outlines"]},
)
"""As in docs/touch-ups.md, from left to right."""


def picture(column: int, row: int) -> NDArray[np.uint8]:
    """A tile on white, drawn at eight and a half pixels a cell, as a generator would, (H, W, 4)."""
    tile = Image.open(SHEET).convert("RGBA").crop((32 * column, 32 * row, 32 * column + 32, 32 * row + 32))
    ground = Image.new("RGBA", (CANVAS, CANVAS), (250, 250, 250, 255))
    ground.alpha_composite(tile, (3, 3))
    cells = ground.resize((CANVAS * 16, CANVAS * 16), Image.Resampling.NEAREST)
    return np.asarray(cells.resize((323, 323), Image.Resampling.BICUBIC))


def wished(rgba: NDArray[np.uint8]) -> list[Sprite]:
    """The picture's art with each wish, on canvases of one size."""
    return [place(make_art(rgba, read_options(**wish)).sprite, CANVAS, CANVAS, "centre") for wish in WISHES]


if __name__ == "__main__":
    sprites = [sprite for subject in SUBJECTS for sprite in wished(picture(*subject))]
    (HERE / "touch-ups.png").write_bytes(contact_sheet([sprite_of(s.rgba) for s in sprites], columns=len(WISHES), scale=4))
