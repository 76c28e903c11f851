"""How an answer is shown: the structured part for the model, a line, a preview and links for people."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from typing import TYPE_CHECKING

import numpy as np
from fastmcp.tools import ToolResult
from fastmcp.utilities.types import Image
from mcp_types import ResourceLink, TextContent

from dgx_pixels.library.comparison_pictures import sheet
from dgx_pixels.library.database import LibraryError
from dgx_pixels.pixels.edit import sprite_of
from dgx_pixels.pixels.preview import contact_sheet, preview_png, render_png
from dgx_pixels.pixels.sprite import decode_png
from dgx_pixels.pixels.tile_map import TileMap, draw_map
from dgx_pixels.pixels.tile_paint import tiles_of
from dgx_pixels.tools.asset_details import read_details
from dgx_pixels.tools.training_shown import line_of, sheet_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_types import ContentBlock

    from dgx_pixels.library.comparison_answer import ComparisonAnswer
    from dgx_pixels.tools.answers import AssetAnswer, JobAnswer, PixelizedAnswer, TilesetAnswer
    from dgx_pixels.tools.services import Services

_MOST_SHOWN = 100
"""Sprites of a batch that its sheet shows."""
_SHEET_WIDTH = 1280
"""Of a contact sheet, in px, where the sprites are small enough."""
_MAP_SIDE = 768
"""Of the picture of a map, in px: about 12 large tiles, or 32 small ones."""


async def shown(services: Services, answer: JobAnswer) -> ToolResult:
    """The tool result for a job's state; with a preview image, and resource links once it is done."""
    content: list[ContentBlock] = [TextContent(type="text", text=_line(answer))]
    under_way = services.jobs.preview(answer.job_id)
    if under_way is not None:
        content.append(Image(data=await asyncio.to_thread(render_png, under_way), format="png").to_image_content())
    if answer.result is not None:
        with contextlib.suppress(LibraryError, ValueError):  # deleted or damaged in the library: path and seed still help
            content.append(Image(data=await _preview(services, answer), format="png").to_image_content())
        content.extend(
            ResourceLink(
                type="resource_link", uri=f"pixels://assets/{a.id}/image", name=a.path.rsplit("/", 1)[-1], mime_type="image/png"
            )
            for a in answer.result.assets
        )
    return ToolResult(content=content, structured_content=answer.model_dump(mode="json"))


async def _preview(services: Services, answer: JobAnswer) -> bytes:
    assert answer.result is not None
    if answer.result.comparison is not None:
        return await sheet(services.library.comparisons, answer.result.comparison.id)
    if answer.result.training is not None and not answer.result.assets:
        return await asyncio.to_thread(sheet_of, answer.result.training, services.home / "datasets")
    if answer.result.tileset is not None:
        return await _map(services, answer.result.assets[0], answer.result.tileset)
    if answer.result.batch is not None:
        assets = [(a.id, a.version) for item in answer.result.batch.items for a in item.assets][:_MOST_SHOWN]
    else:
        assets = [(a.id, a.version) for a in answer.result.assets]
    return await asyncio.to_thread(_sheet, [await services.library.png(*asset) for asset in assets])


def _sheet(pngs: Sequence[bytes]) -> bytes:
    """All pictures in one, about square, and no wider than a model takes."""
    sprites = [decode_png(png) for png in pngs]
    if len(sprites) == 1:
        return preview_png(sprites[0])
    columns = max(4, math.ceil(math.sqrt(len(sprites))))
    scale = _SHEET_WIDTH // (columns * max(sprite.rgba.shape[1] for sprite in sprites))
    return contact_sheet(sprites, columns=columns, scale=min(4, max(1, scale)))


async def _map(services: Services, asset: AssetAnswer, tileset: TilesetAnswer) -> bytes:
    """The sample map that was made with a tileset, or, if its sidecar is gone, the tileset itself."""
    kept = await services.library.version(asset.id, asset.version)
    files = read_details(kept, await services.library.details(kept)).files()
    atlas = decode_png(await services.library.png(asset.id, asset.version))
    sidecar = next((file.data for file in files if file.path.endswith(".json")), None)
    if sidecar is None:
        return await asyncio.to_thread(preview_png, atlas)
    sample = TileMap(tuple(np.array(layer) for layer in json.loads(sidecar)["map"]))

    def draw() -> bytes:
        tiles = tiles_of(atlas.rgba, tileset.tile_size, tileset.tiles)
        return preview_png(sprite_of(draw_map(sample, tiles)), side=_MAP_SIDE)

    return await asyncio.to_thread(draw)


def _line(answer: JobAnswer) -> str:
    if answer.result is None:
        why = f": {answer.error}" if answer.error else f" ({answer.progress.message})"
        return f"Job {answer.job_id} is {answer.status}{why}. {answer.next}"
    if answer.result.training is not None:
        return f"{line_of(answer.result.training)} {answer.next}"
    if (batch := answer.result.batch) is not None:
        failed = "; ".join(f"{item.prompt[:60]!r}: {item.error}" for item in batch.items if item.error is not None)
        return f"Made {batch.done} of {len(batch.items)} prompts. {answer.next}{f' Failed: {failed}' if failed else ''}"
    if answer.result.comparison is not None:
        return _of_comparison(answer, answer.result.comparison)
    found = answer.result.pixelized
    made = "; ".join(
        f"{a.file} ({a.width}x{a.height}, {a.colors} colours, {_how(found) if found else f'seed {a.seed}'})"
        for a in answer.result.assets
    )
    return f"Made {made}. {answer.next}"


def _of_comparison(answer: JobAnswer, comparison: ComparisonAnswer) -> str:
    why = f": {answer.error}" if answer.error else ""
    state = (
        f"Comparison {answer.job_id} is {answer.status}{why}; {len(comparison.rounds)} of {comparison.planned} rounds are drawn."
    )
    says = [] if comparison.standing is None else [pair.says for pair in comparison.standing.pairs]
    page = f"For a person without a viewer: {comparison.page}" if comparison.page and comparison.open else ""
    return " ".join(filter(None, (state, comparison.note, *says, comparison.next, page)))


def _how(found: PixelizedAnswer) -> str:
    if found.grid is not None:
        cell = f"{found.grid.cell_width:.4g}x{found.grid.cell_height:.4g} px"
        return f"from cells of {cell}, confidence {found.confidence:.2f}"
    return "already at its true size" if found.kind == "true_size" else "reduced from a picture without a grid"
