"""Draw the pictures of docs/tilesets.md: for each kind a map of 64x64 tiles, and the layouts with their indices.

.venv/bin/python docs/tilesets.py
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import numpy as np
from fastmcp import Client
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dgx_pixels.pixels.sprite import decode_png
from dgx_pixels.pixels.tile_layout import Kind, Layout, make_layout
from dgx_pixels.pixels.tile_map import draw_map, random_map
from dgx_pixels.pixels.tile_mask import Transition
from dgx_pixels.pixels.tile_paint import tiles_of
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings

HERE = Path(__file__).parent
SEED = 29
SKY, GAP = (99, 155, 255), (32, 32, 32)
ZOOM = 3


@dataclass(frozen=True)
class Asked:
    """One set to show: its map, or, of a pair, its layout."""

    picture: str
    kind: Kind
    terrains: tuple[str, ...]
    transition: str = "outlined"


MAPS = (
    Asked("seamless", "seamless", ("grass floor", "sand", "water", "stone wall")),
    Asked("wang16", "wang16", ("water", "sand", "grass floor")),
    Asked("blob47", "blob47", ("sand", "brick wall")),
    Asked("dualgrid15", "dualgrid15", ("water", "sand", "grass floor"), "rough"),
    Asked("sidescroller", "sidescroller", ("brown dirt floor", "grass floor")),
)
LAYOUTS = (
    Asked("wang16-layout", "wang16", ("sand", "grass floor")),
    Asked("dualgrid15-layout", "dualgrid15", ("sand", "grass floor")),
    Asked("blob47-layout", "blob47", ("sand", "brick wall")),
    Asked("sidescroller-layout", "sidescroller", ("brown dirt floor", "grass floor")),
)
TRANSITIONS = tuple(Asked(t, "wang16", ("water", "sand", "grass floor"), t) for t in get_args(Transition))


async def draw(home: Path) -> dict[Asked, NDArray[np.uint8]]:
    """The tiles of each set, made by the tool."""
    found = {}
    async with Client(build(Settings(home=home))[0]) as client:
        for asked in (*MAPS, *LAYOUTS, *TRANSITIONS):
            arguments = {
                "terrains": list(asked.terrains), "kind": asked.kind, "transition": asked.transition, "seed": SEED,
                "publish": False, "wait_s": 600,
            }  # fmt: skip
            answer: Any = (await client.call_tool("generate_tileset", arguments)).structured_content
            tileset = answer["result"]["tileset"]
            atlas = decode_png(Path(answer["result"]["assets"][0]["file"]).read_bytes()).rgba
            found[asked] = tiles_of(atlas, tileset["tile_size"], tileset["tiles"])
    return found


def layout_of(asked: Asked) -> tuple[Layout, int]:
    """Its layout, and how many terrains a map of it has."""
    terrains = 1 if asked.kind == "sidescroller" else len(asked.terrains)
    return make_layout(asked.kind, terrains, 3), terrains


def map_of(asked: Asked, tiles: NDArray[np.uint8], side: int) -> Image.Image:
    """A random map of side x side tiles."""
    layout, terrains = layout_of(asked)
    laid = Image.fromarray(draw_map(random_map(layout, terrains, side, side, SEED), tiles))
    picture = Image.new("RGB", laid.size, SKY if asked.kind == "sidescroller" else GAP)
    picture.paste(laid, (0, 0), laid)
    return picture


def numbered(layout: Layout, tiles: NDArray[np.uint8]) -> Image.Image:
    """The atlas enlarged, each tile with its index above it."""
    side = tiles.shape[1] * ZOOM
    step = side + 14
    sheet = Image.new("RGB", (layout.columns * step + 2, layout.rows * step + 2), GAP)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=10)
    for index, tile in enumerate(tiles):
        x, y = 2 + index % layout.columns * step, 2 + index // layout.columns * step
        large = Image.fromarray(tile.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1))
        sheet.paste(SKY, (x, y + 11, x + side, y + 11 + side))
        sheet.paste(large, (x, y + 11), large)
        pen.text((x, y - 1), str(index), fill=(220, 220, 220), font=font)
    return sheet


def save(picture: Image.Image, name: str) -> None:
    """Write an indexed PNG: pixel art has few colours."""
    out = BytesIO()
    picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    (HERE / f"tilesets-{name}.png").write_bytes(out.getvalue())


def main(found: dict[Asked, NDArray[np.uint8]]) -> None:
    """Write all pictures."""
    for asked in MAPS:
        save(map_of(asked, found[asked], 64), asked.picture)
    for asked in LAYOUTS:
        save(numbered(layout_of(asked)[0], found[asked]), asked.picture)
    strip = Image.new("RGB", (len(TRANSITIONS) * 400 - 16, 384), GAP)
    for place, asked in enumerate(TRANSITIONS):
        strip.paste(map_of(asked, found[asked], 12).resize((384, 384), Image.Resampling.NEAREST), (400 * place, 0))
    save(strip, "transitions")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        main(asyncio.run(draw(Path(home))))
