"""What the publisher's tests share: items to publish, and looks at what lies on disk."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from dgx_pixels.bevy.manifest import ManifestEntry
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import PublishItem, Sidecar

POTION = "sprites/item_potion.png"
TILES = "tiles/tile_grass.png"


def png(shade: int, side: int = 16) -> bytes:
    """Return a PNG; the same shade gives the same bytes. Noise, so that its size on disk is about 4 * side * side."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(shade).integers(0, 256, (side, side, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def item(shade: int = 1, path: str = POTION, *, side: int = 16, data: bytes | None = None, **changes: object) -> PublishItem:
    """Return one sprite to publish; `changes` replace fields of its entry."""
    data = png(shade, side) if data is None else data
    fields = {
        "path": path,
        "id": "potion",
        "version": 1,
        "name": "potion",
        "category": "item",
        "width": side,
        "height": side,
        "colors": 3,
        "sha256": hashlib.sha256(data).hexdigest(),
        "prompt": "a potion",
        "seed": shade,
        "model": "tiny-sdxl",
    }
    return PublishItem(entry=ManifestEntry.model_validate(fields | changes), data=data)


def tileset(shade: int = 1, version: int = 1, files: tuple[tuple[str, bytes], ...] = ()) -> PublishItem:
    """Return a tileset of four tiles with sidecars, of which each has a name below manifests/ and its bytes."""
    grid = {"tile_width": 8, "tile_height": 8, "columns": 2, "rows": 2}
    made = item(shade, TILES, kind="tileset", category="tile", atlas=grid, tileset={"kind": "seamless"}, version=version)
    return replace(made, sidecars=tuple(Sidecar(f"manifests/{name}", data) for name, data in files))


def everything(root: Path) -> dict[str, tuple[int, int]]:
    """Return all names under a folder with inode and time of change: equal before and after means nothing was touched."""
    return {str(path.relative_to(root)): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in root.rglob("*")}


def staged(project: BevyProject) -> list[Path]:
    """Return what still lies in the staging folder."""
    return list((project.root / ".dgx_pixels" / "staging").iterdir())
