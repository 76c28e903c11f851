"""True pixel art to begin with: CC0 tiles from the sheets in tiles/, or from a whole release.

`python benchmarks/pixel_tiles.py DIR` makes the sheets anew from an unpacked release of the Dungeon Crawl tiles.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32
SHEETS = Path(__file__).parent / "tiles"
SUBJECTS, FLOORS = 150, 50  # committed
_COLUMNS = 10

Tile = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Tiles:
    """Subjects with clear ground and whole floors, each (32, 32, 4)."""

    subjects: list[Tile]
    floors: list[Tile]


def load_tiles(folder: Path | None) -> Tiles:
    """Read the committed sheets, or all fitting tiles of an unpacked release."""
    if folder is None:
        return Tiles(_cut(SHEETS / "subjects.png"), _cut(SHEETS / "floors.png"))
    return Tiles(
        [tile for tile in _read(folder, "mon", "item") if is_subject(tile)],
        [tile for tile in _read(folder, "dngn/floor", "dngn/wall") if (tile[..., 3] > 0).all()],
    )


def is_subject(tile: Tile) -> bool:
    """Tell whether a tile shows one thing on clear ground, in 6 to 64 colours."""
    opaque = tile[..., 3] > 0
    colors = len(np.unique(tile[opaque][:, :3], axis=0))
    return bool(0.18 < opaque.mean() < 0.8) and 6 <= colors <= 64


def _read(folder: Path, *parts: str) -> list[Tile]:
    tiles = []
    for path in sorted(path for part in parts for path in (folder / part).rglob("*.png")):
        tile = np.array(Image.open(path).convert("RGBA"))
        tile[..., 3] = np.where(tile[..., 3] > 127, 255, 0)
        tile[tile[..., 3] == 0] = 0
        if tile.shape == (SIDE, SIDE, 4):
            tiles.append(tile)
    return tiles


def _cut(sheet: Path) -> list[Tile]:
    picture = np.array(Image.open(sheet).convert("RGBA"))
    rows, columns = picture.shape[0] // SIDE, picture.shape[1] // SIDE
    tiles = picture.reshape(rows, SIDE, columns, SIDE, 4).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 4)
    return list(tiles)


def _sheet(tiles: list[Tile], count: int, path: Path) -> None:
    """Write an even choice of so many tiles."""
    chosen = np.stack([tiles[i] for i in np.linspace(0, len(tiles) - 1, count).astype(int)])
    rows = count // _COLUMNS
    picture = chosen.reshape(rows, _COLUMNS, SIDE, SIDE, 4).swapaxes(1, 2).reshape(rows * SIDE, _COLUMNS * SIDE, 4)
    Image.fromarray(picture).save(path, optimize=True)


if __name__ == "__main__":
    everything = load_tiles(Path(sys.argv[1]))
    SHEETS.mkdir(exist_ok=True)
    _sheet(everything.subjects, SUBJECTS, SHEETS / "subjects.png")
    _sheet(everything.floors, FLOORS, SHEETS / "floors.png")
