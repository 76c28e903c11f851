"""The pictures that a tileset is made of: one seamless render for each terrain and variant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dgx_pixels.pixels.cells import cells_to_pixels
from dgx_pixels.tools.tileset_request import MOST_VARIANTS

if TYPE_CHECKING:
    from dgx_pixels.models.catalogue import BaseModel
    from dgx_pixels.models.gpu import Step
    from dgx_pixels.models.pipeline import Render, Renderer
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
    weights_sha256: dict[str, str]
    libraries: dict[str, str]


async def draw_textures(services: Services, request: TilesetRequest, on_step: OnStep) -> Drawn:
    """Draw all terrains; variant v of terrain t has the seed `seed + 8 t + v`. Raises ModelError and what the GPU thread does."""
    model = services.catalogue.get(request.model)
    side = drawn_side(model, request.tile_size)
    total, done = len(request.terrains) * request.variants * model.steps, 0
    textures: list[list[Texture]] = []
    render: Render | None = None
    for number, terrain in enumerate(request.terrains):
        textures.append([])
        for variant in range(request.variants):
            seed = request.seed + MOST_VARIANTS * number + variant
            render = await _render(services, model, terrain, side, seed, partial(_told, on_step, done, total))
            textures[-1].append(cells_to_pixels(render.pixels, side, side))
            done += model.steps
    assert render is not None
    return Drawn(textures, side, render.weights_sha256, render.libraries)


def _told(on_step: OnStep, before: int, total: int, step: int) -> None:
    on_step(before + step, total)


def drawn_side(model: BaseModel, tile_size: int) -> int:
    """The side in cells at which the model draws a texture for such tiles: the next that it truly draws, else its largest.

    Each of its cells is a whole number of the render's pixels, or the texture's edges would not be the render's.
    """
    return min((side for side in model.sizes if side >= tile_size), default=max(model.sizes))


async def _render(
    services: Services, model: BaseModel, terrain: str, side: int, seed: int, on_step: Callable[[int], None]
) -> Render:
    width, height = model.render_size(side, side)

    def work(renderer: Renderer, step: Step) -> Render:
        from dgx_pixels.models.pipeline import RenderRequest  # here, on the GPU thread, torch may be imported

        return renderer.render(
            RenderRequest(
                model, _worded(model, terrain), model.negative_prompt, width, height, seed, model.steps, model.guidance,
                seamless=True,
            ),
            step,
        )  # fmt: skip

    return await services.gpu.run(work, lambda done, _: on_step(done))


def _worded(model: BaseModel, terrain: str) -> str:
    """A terrain as a model should be asked for it: what it says of sprites, that they stand alone, is wrong here."""
    if model.ground is not None:  # one of ours, which knows grounds by their names
        return model.prompt.format(terrain)
    return f"pixel art, seamless texture of {terrain}, seen from above, flat light"
