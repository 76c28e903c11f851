"""Image files as the world has them: every kind, size and defect, from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pictures import blocks, file_of, png_saying
from PIL import Image

LARGE = ("8k noise", "8k gradient", "8k cells")


def hostile_files(count: int, seed: int, *, large: bool) -> Iterator[tuple[str, bytes]]:
    """Make `count` files: what each is, and its bytes. The same seed gives the same files; `large` ones take long."""
    rng = np.random.default_rng(seed)
    kinds = sorted(_KINDS)
    for i in range(count):
        kind = LARGE[i] if large and i < len(LARGE) else kinds[i % len(kinds)]
        make = _LARGE[kind] if kind in _LARGE else _KINDS[kind]
        yield f"{i:04} {kind}", make(rng)


def _noise(rng: np.random.Generator, width: int, height: int, channels: int = 3) -> Image.Image:
    return Image.fromarray(rng.integers(0, 256, (height, width, channels), dtype=np.uint8))


def _sides(rng: np.random.Generator, most: int = 400) -> tuple[int, int]:
    return int(rng.integers(1, most)), int(rng.integers(1, most))


def _gradient(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    low, high = rng.integers(0, 256, (2, 3))
    across = np.linspace(0, 1, width)[None, :, None]
    down = np.linspace(0, 1, height)[:, None, None]
    mixed: NDArray[np.float64] = low + (high - low) * (across + down) / 2
    return Image.fromarray(mixed.astype(np.uint8))


def _art(rng: np.random.Generator) -> Image.Image:
    """Cells of a broken size, soft."""
    cells = blocks(int(rng.integers(2**31)), *(int(v) for v in rng.integers(3, 60, 2)))
    scale = rng.uniform(1.0, 12.0)
    size = (max(1, round(cells.width * scale)), max(1, round(cells.height * scale)))
    return cells.resize(size, Image.Resampling(int(rng.choice([0, 2, 3]))))


def _cut(rng: np.random.Generator, data: bytes) -> bytes:
    return data[: int(rng.integers(0, len(data)))]


def _damaged(rng: np.random.Generator, data: bytes) -> bytes:
    changed = np.frombuffer(data, dtype=np.uint8).copy()
    places = rng.integers(0, len(changed), int(rng.integers(1, 20)))
    changed[places] = rng.integers(0, 256, len(places))
    return changed.tobytes()


def _any_format(rng: np.random.Generator, image: Image.Image) -> bytes:
    return file_of(image, str(rng.choice(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])))


def _alpha(rng: np.random.Generator) -> bytes:
    rgba = np.array(_noise(rng, *_sides(rng), 4))
    rgba[..., 3] = rng.choice([0, 1, 127, 128, 254, 255], rgba.shape[:2])
    return file_of(Image.fromarray(rgba), "PNG")


def _sixteen(rng: np.random.Generator) -> bytes:
    width, height = _sides(rng)
    grey = rng.integers(0, 65536, (height, width)).astype(np.uint16)
    return file_of(Image.fromarray(grey), str(rng.choice(["PNG", "TIFF"])))


def _floats(rng: np.random.Generator) -> bytes:
    width, height = _sides(rng)
    values = rng.normal(0, 10.0 ** rng.integers(-3, 9), (height, width)).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = rng.choice([np.nan, np.inf, -np.inf])
    return file_of(Image.fromarray(values), "TIFF")


def _animated(rng: np.random.Generator) -> bytes:
    width, height = _sides(rng, 120)
    frames = [_noise(rng, width, height) for _ in range(int(rng.integers(2, 5)))]
    return file_of(frames[0], str(rng.choice(["GIF", "PNG", "WEBP"])), save_all=True, append_images=frames[1:])


def _turned(rng: np.random.Generator) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = int(rng.integers(0, 12))
    return file_of(_gradient(rng, *_sides(rng)), "JPEG", exif=exif)


def _bomb(rng: np.random.Generator) -> bytes:
    return png_saying(*(int(v) for v in rng.choice([1, 9000, 16385, 40_000, 2**31 - 1], 2)))


_KINDS: dict[str, Any] = {
    "noise": lambda rng: _any_format(rng, _noise(rng, *_sides(rng))),
    "gradient": lambda rng: _any_format(rng, _gradient(rng, *_sides(rng, 900))),
    "flat": lambda rng: _any_format(rng, Image.new("RGB", _sides(rng), tuple(rng.integers(0, 256, 3).tolist()))),
    "art": lambda rng: _any_format(rng, _art(rng)),
    "1x1": lambda rng: _any_format(rng, _noise(rng, 1, 1)),
    "1x5000": lambda rng: _any_format(rng, _noise(rng, *((1, 5000) if rng.random() < 0.5 else (5000, 1)))),
    "few pixels": lambda rng: _any_format(rng, _noise(rng, *_sides(rng, 6))),
    "greyscale": lambda rng: file_of(_gradient(rng, *_sides(rng)).convert("L"), "PNG"),
    "grey with alpha": lambda rng: file_of(_noise(rng, *_sides(rng), 4).convert("LA"), "PNG"),
    "bitmap": lambda rng: file_of(_noise(rng, *_sides(rng)).convert("1"), "PNG"),
    "palette": lambda rng: file_of(_gradient(rng, *_sides(rng)).quantize(int(rng.integers(2, 256))), "PNG", transparency=0),
    "CMYK": lambda rng: file_of(_noise(rng, *_sides(rng)).convert("CMYK"), str(rng.choice(["JPEG", "TIFF"]))),
    "alpha": _alpha,
    "all clear": lambda rng: file_of(Image.new("RGBA", _sides(rng)), "PNG"),
    "16 bit": _sixteen,
    "floats": _floats,
    "animated": _animated,
    "turned": _turned,
    "truncated": lambda rng: _cut(rng, _any_format(rng, _art(rng))),
    "damaged": lambda rng: _damaged(rng, _any_format(rng, _art(rng))),
    "not an image": lambda rng: rng.bytes(int(rng.integers(0, 3000))),
    "bomb": _bomb,
}
_LARGE: dict[str, Any] = {
    "8k noise": lambda rng: file_of(_noise(rng, 8192, 8192), "BMP"),
    "8k gradient": lambda rng: file_of(_gradient(rng, 512, 512).resize((8192, 8192)), "JPEG"),
    "8k cells": lambda _: file_of(blocks(1, 128, 128, 64), "PNG"),
}
