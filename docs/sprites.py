"""Draw the README's picture: every prompt of sprites.json through generate_sprite, all with one seed, none left out.

.venv/bin/python docs/sprites.py
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from fastmcp import Client

from dgx_pixels.pixels.preview import contact_sheet
from dgx_pixels.pixels.sprite import Sprite, decode_png
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings

HERE = Path(__file__).parent


async def draw(home: Path) -> list[Sprite]:
    """All sprites, in the order of the prompts."""
    asked = json.loads((HERE / "sprites.json").read_text())
    sprites = []
    async with Client(build(Settings(home=home))[0]) as client:
        for prompt in asked["prompts"]:
            arguments = {"prompt": prompt, "seed": asked["seed"], "publish": False, "wait_s": 600}
            answer: Any = (await client.call_tool("generate_sprite", arguments)).structured_content
            sprites.append(decode_png(Path(answer["result"]["assets"][0]["file"]).read_bytes()))
    return sprites


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        picture = contact_sheet(asyncio.run(draw(Path(home))), columns=10, scale=3)
    (HERE / "sprites.png").write_bytes(picture)
