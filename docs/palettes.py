"""Draw the picture of palettes.md: three prompts through generate_sprite, each unlocked and in five palettes, with one seed.

.venv/bin/python docs/palettes.py
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from fastmcp import Client

from dgx_pixels.pixels.preview import contact_sheet
from dgx_pixels.pixels.sprite import Sprite, decode_png
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings

PROMPTS = ("a red potion", "a green dragon", "a blue book")
PALETTES = ("none", "sweetie-16", "pico-8", "endesga-32", "game-boy", "nyx8")


async def draw(home: Path) -> list[Sprite]:
    """All sprites, a row a prompt."""
    sprites = []
    async with Client(build(Settings(home=home))[0]) as client:
        for prompt in PROMPTS:
            for palette in PALETTES:
                arguments = {"prompt": prompt, "palette": palette, "seed": 1, "publish": False, "wait_s": 600}
                answer: Any = (await client.call_tool("generate_sprite", arguments)).structured_content
                sprites.append(decode_png(Path(answer["result"]["assets"][0]["file"]).read_bytes()))
    return sprites


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        picture = contact_sheet(asyncio.run(draw(Path(home))), columns=len(PALETTES), scale=4)
    Path(__file__).with_suffix(".png").write_bytes(picture)
