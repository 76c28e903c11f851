"""Terrains for tests: textures that continue over their edges, made of a few waves of noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.tile_layout import Kind
from dgx_pixels.pixels.tile_set import Tileset, make_textures, make_tileset

Texture = NDArray[np.uint8]
COLORS = ((40, 90, 190), (200, 180, 110), (50, 140, 50), (120, 110, 110), (230, 235, 245), (150, 40, 20))


def ground(number: int, side: int = 32, seed: int = 0) -> Texture:
    """A texture in the colour of this number, 0 to 5, as a model would draw it to wrap."""
    random = np.random.default_rng(100 * number + seed)
    waves = np.fft.irfft2(np.fft.rfft2(random.normal(size=(side, side))) * _low(side), s=(side, side))
    lightness = 14 * waves / waves.std()
    return np.asarray(np.clip(np.array(COLORS[number]) + lightness[..., None], 0, 255), dtype=np.uint8)


def _low(side: int) -> NDArray[np.float64]:
    far = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    return np.asarray(np.exp(-((far * 4) ** 2)))


def tileset(kind: Kind, terrains: int = 2, side: int = 16, variants: int = 2, **options: Any) -> Tileset:  # noqa: ANN401  # as make_tileset takes them
    """A set of this kind."""
    textures = [make_textures([ground(n, seed=v) for v in range(variants)], side, n) for n in range(terrains)]
    asked: dict[str, Any] = {"transition": "outlined", "colors": 8 * terrains, "seed": 5} | options
    return make_tileset(kind, textures, **asked)
