"""Image files of many kinds for tests, sound and broken."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def file_of(image: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401  # Pillow's own options
    """The bytes of an image file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def blocks(seed: int, width: int = 16, height: int = 16, scale: int = 1) -> Image.Image:
    """A picture of random strong colours, none equal to the next, each cell `scale` px."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 8, (height, width, 3), dtype=np.uint8) * 36
    cells[(np.add.outer(np.arange(height), np.arange(width)) % 2) == 0, 0] |= 3  # neighbours always differ
    return Image.fromarray(cells.repeat(scale, 0).repeat(scale, 1))


def potion(side: int = 16, ground: tuple[int, int, int] = (250, 250, 250)) -> NDArray[np.uint8]:
    """A small subject of four colours, (side, side, 3), well inside a flat ground."""
    art = np.full((side, side, 3), ground, dtype=np.uint8)
    low, high = side // 4, side - side // 4
    art[low:high, low:high] = (40, 20, 60)
    art[low + 1 : high - 1, low + 1 : high - 1] = (200, 40, 60)
    art[low + 2, low + 2] = (255, 200, 210)
    art[2:low, side // 2 - 1 : side // 2 + 1] = (120, 80, 30)
    return art


def png_saying(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises so many pixels: a decompression bomb, if it is believed."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
