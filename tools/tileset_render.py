"""The pictures that a tileset is made of: one seamless render for each terrain and variant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dgx_pixels.models.contender import parse_contender
from dgx_pixels.models.profiles import schedule_for
from dgx_pixels.models.render import RenderRequest
from dgx_pixels.pixels.cells import cells_to_pixels
from dgx_pixels.tools.seeds import seed_of_variant
from dgx_pixels.tools.tileset_request import MOST_VARIANTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dgx_pixels.models.base_model import BaseModel
    from dgx_pixels.models.contender import Contender
    from dgx_pixels.models.profiles import Schedule
    from dgx_pixels.models.render import Render
    from dgx_pixels.pixels.tile_texture import Texture
    from dgx_pixels.tools.services import Services
    from dgx_pixels.tools.tileset_request import TilesetRequest

OnStep = Callable[[int, int], None]
"""Told how many steps of how many are done."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """For each terrain its renders as true pixels, each continuing over its edges, and what decided them."""

    textures: list[list[Texture]]
    side: int
    """Of each, in pixels: as the model draws it, which may be another than a tile's."""
    schedule: Schedule
    weights_sha256: dict[str, str]
    libraries: dict[str, str]


async def draw_textures(services: Services, request: TilesetRequest, on_step: OnStep) -> Drawn:
    """Draw all terrains; variant v of terrain t has the seed `seed + 8 t + v`. Raises ModelError and what the GPU thread does.

    One after the other, each in a batch of its own: so the same seed draws the same picture whatever else is drawn.
    """
    contender = await asyncio.to_thread(parse_contender, services.catalogue, request.model)
    schedule = request.schedule or schedule_for(contender, "standard")
    side = drawn_side(contender.base, request.tile_size)
    total, done = len(request.terrains) * request.variants * schedule.steps, 0
    textures: list[list[Texture]] = []
    render: Render | None = None
    for number, terrain in enumerate(request.terrains):
        textures.append([])
        for variant in range(request.variants):
            seed = seed_of_variant(request.seed, MOST_VARIANTS * number + variant)
            asked = _render_request(contender, schedule, terrain, side, seed)
            render = await services.gpu.draw(asked, partial(_told, on_step, done, total))
            textures[-1].append(cells_to_pixels(render.pixels, side, side))
            done += schedule.steps
    assert render is not None
    return Drawn(textures, side, schedule, render.weights_sha256, render.libraries)


def _told(on_step: OnStep, before: int, total: int, step: int, _steps: int, _preview: NDArray[np.uint8] | None) -> None:
    on_step(before + step, total)


def drawn_side(model: BaseModel, tile_size: int) -> int:
    """The side in cells at which the model draws a texture for such tiles: the next that it truly draws, else its largest.

    Each of its cells is a whole number of the render's pixels, or the texture's edges would not be the render's.
    """
    return min((side for side in model.sizes if side >= tile_size), default=max(model.sizes))


def _render_request(contender: Contender, schedule: Schedule, terrain: str, side: int, seed: int) -> RenderRequest:
    base = contender.base
    width, height = base.render_size(side, side, wrapped=True)
    return RenderRequest(
        contender, schedule, base.texture_prompt.format(terrain), base.negative_prompt, width, height, seed, wrap="xy", batch=1
    )  # fmt: skip
