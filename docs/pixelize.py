"""Makes docs/pixelize.png: what the engine is given, and what it gives back. Run: .venv/bin/python docs/pixelize.py."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from pixel_simulator import LEVELS, spoil, subject  # noqa: E402 (found by the line above)
from pixel_tiles import load_tiles  # noqa: E402

from dgx_pixels.pixels.palette import palette_of  # noqa: E402
from dgx_pixels.pixels.pixelize import pixelize  # noqa: E402
from dgx_pixels.pixels.preview import preview_png  # noqa: E402
from dgx_pixels.pixels.sprite import Sprite  # noqa: E402

SIDE, GAP = 224, 8  # px
SEEDS = (3, 11, 19, 42)


def row(seed: int) -> NDArray[np.uint8]:
    """Draw a spoiled picture, a detail of it, what came of it, and the truth, beside each other."""
    tiles = load_tiles(None)
    true = subject(tiles, seed)
    picture = spoil(true, seed, LEVELS["level 3"])
    found = pixelize(np.dstack([picture, np.full(picture.shape[:2], 255, dtype=np.uint8)]))
    middle = [side // 2 for side in picture.shape[:2]]
    detail = picture[middle[0] - 112 : middle[0] + 112, middle[1] - 112 : middle[1] + 112]
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    parts = [small, detail, _large(found.sprite.rgba), _large(true)]
    return np.concatenate([np.pad(np.asarray(part), ((0, GAP), (0, GAP), (0, 0)), constant_values=32) for part in parts], axis=1)


def _large(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Enlarge by a whole number on a checkerboard, in a square."""
    sprite = Sprite(rgba, palette_of(rgba[rgba[..., 3] > 0][:, :3]))
    shown = np.array(Image.open(BytesIO(preview_png(sprite, SIDE))).convert("RGB"))
    down, across = (SIDE - side for side in shown.shape[:2])
    return np.pad(shown, ((down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0)), constant_values=32)


if __name__ == "__main__":
    rows = np.concatenate([row(seed) for seed in SEEDS])
    picture = Image.fromarray(np.pad(rows, ((GAP, 0), (GAP, 0), (0, 0)), constant_values=32))
    picture.quantize(256).save(ROOT / "docs/pixelize.png", optimize=True)
