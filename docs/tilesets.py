"""Draw the pictures of docs/tilesets.md: for each kind a map of 64x64 tiles, and the layouts with their indices.

.venv/bin/python docs/tilesets.py
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from fastmcp import Client
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dgx_pixels.pixels.sprite import decode_png
from dgx_pixels.pixels.tile_layout import CLEAR, Kind, Layout, make_layout
from dgx_pixels.pixels.tile_map import draw_map, random_map
from dgx_pixels.pixels.tile_paint import tiles_of
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings

HERE = Path(__file__).parent
SEED = 6
SKY = (99, 155, 255)
ZOOM = 3


@dataclass(frozen=True)
class Asked:
    """What is shown of one kind."""

    kind: Kind
    terrains: list[str]
    transition: str = "outlined"


SHOWN = (
    Asked("seamless", ["grass floor", "sand", "water", "stone wall"]),
    Asked("wang16", ["water", "sand", "grass floor"], "rough"),
    Asked("blob47", ["sand", "brick wall"]),
    Asked("dualgrid15", ["water", "sand", "grass floor"]),
    Asked("sidescroller", ["brown dirt floor", "grass floor"]),
)


async def draw(home: Path) -> dict[Kind, NDArray[np.uint8]]:
    """The tiles of each kind, made by the tool."""
    found = {}
    async with Client(build(Settings(home=home))[0]) as client:
        for asked in SHOWN:
            arguments = {"terrains": asked.terrains, "kind": asked.kind, "transition": asked.transition, "seed": SEED}
            answer: Any = (
                await client.call_tool("generate_tileset", arguments | {"publish": False, "wait_s": 600})
            ).structured_content
            tileset = answer["result"]["tileset"]
            atlas = decode_png(Path(answer["result"]["assets"][0]["file"]).read_bytes()).rgba
            found[asked.kind] = tiles_of(atlas, tileset["tile_size"], tileset["tiles"])
    return found


def numbered(layout: Layout, tiles: NDArray[np.uint8]) -> Image.Image:
    """The atlas enlarged, each tile with its index above it and a corner mark for each terrain of its pattern."""
    side = tiles.shape[1] * ZOOM
    step = side + 14
    sheet = Image.new("RGB", (layout.columns * step + 2, layout.rows * step + 2), (32, 32, 32))
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
    (HERE / name).write_bytes(out.getvalue())


def main(found: dict[Kind, NDArray[np.uint8]]) -> None:
    """Write all pictures."""
    for asked in SHOWN:
        terrains = 1 if asked.kind == "sidescroller" else len(asked.terrains)
        layout, tiles = make_layout(asked.kind, terrains, 3), found[asked.kind]
        laid = draw_map(random_map(layout, terrains, 64, 64, SEED), tiles)
        picture = Image.new("RGB", laid.shape[1::-1], SKY if CLEAR in np.ravel(layout.tiles[0].cells) else (32, 32, 32))
        picture.paste(Image.fromarray(laid), (0, 0), Image.fromarray(laid))
        save(picture, f"tilesets-{asked.kind}.png")
        if terrains < 3:
            save(numbered(layout, tiles), f"tilesets-{asked.kind}-layout.png")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        main(asyncio.run(draw(Path(home))))
