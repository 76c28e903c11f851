"""Make the example game's assets anew: sprites, an animated sheet and a tileset, all drawn by the embedded model.

make game-assets
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from fastmcp import Client
from numpy.typing import NDArray

from dgx_pixels.bevy.manifest import Atlas, ManifestEntry
from dgx_pixels.bevy.names import Category
from dgx_pixels.bevy.project import open_project
from dgx_pixels.bevy.publisher import Publisher, PublishItem, Sidecar
from dgx_pixels.bevy.sheet import FrameTag, sheet_json, sheet_path
from dgx_pixels.pixels.palette import palette_of
from dgx_pixels.pixels.sprite import Sprite, decode_png, encode_png
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings

GAME = Path(__file__).parent
SEED = 1
SPRITES: tuple[tuple[str, Category], ...] = (
    ("knight", "character"), ("wizard", "npc"), ("king", "npc"), ("green dragon", "enemy"), ("skeleton", "enemy"),
    ("spider", "enemy"), ("treasure chest", "item"), ("cyan gem", "item"), ("blue shield", "item"), ("silver sword", "item"),
    ("mushroom", "environment"), ("tree", "environment"),
)  # fmt: skip
SLIME = "blue slime"
TERRAINS = ["water", "grass"]

Pixels = NDArray[np.uint8]


def breathe(rgba: Pixels, depth: int) -> Pixels:
    """Press a sprite down by `depth` rows: they vanish a third above its foot, and what is higher sinks."""
    rows = np.flatnonzero(rgba[..., 3].any(axis=1))
    waist = int(rows[-1] - (rows[-1] - rows[0]) // 3)
    pressed = rgba.copy()
    pressed[depth:waist] = rgba[: waist - depth]
    pressed[:depth] = 0
    return pressed


def sheet(slime: Pixels) -> PublishItem:
    """Return four frames of a slime that breathes."""
    frames = [breathe(slime, depth) for depth in (0, 1, 2, 1)]
    image = np.hstack(frames)
    sprite = Sprite(image, palette_of(image[image[..., 3] > 0][:, :3]))
    data = encode_png(sprite, "{}")
    path = "sprites/enemy_blue_slime.png"
    atlas = Atlas(tile_width=slime.shape[1], tile_height=slime.shape[0], columns=len(frames), rows=1)
    entry = ManifestEntry(
        path=path, id=hashlib.sha256(path.encode()).hexdigest()[:12], version=1, name="blue_slime", category="enemy",
        width=image.shape[1], height=image.shape[0], colors=len(sprite.palette), sha256=hashlib.sha256(data).hexdigest(),
        prompt=SLIME, seed=SEED, model="tiny-sdxl", kind="sheet", atlas=atlas,
    )  # fmt: skip
    times = sheet_json(path, atlas, [300, 120, 200, 120], [FrameTag("idle", 0, len(frames) - 1)])
    return PublishItem(entry=entry, data=data, sidecars=(Sidecar(path=sheet_path(path), data=times),))


async def draw(home: Path) -> None:
    """Draw everything and publish it into the game."""
    always = {"seed": SEED, "wait_s": 600}
    into_game = always | {"project": str(GAME), "overwrite": True}
    async with Client(build(Settings(home=home))[0]) as client:
        for prompt, category in SPRITES:
            await client.call_tool("generate_sprite", into_game | {"prompt": prompt, "category": category})
        await client.call_tool("generate_tileset", into_game | {"terrains": TERRAINS, "name": "_".join(TERRAINS)})
        kept = {"prompt": SLIME, "category": "enemy", "publish": False}
        answer: Any = (await client.call_tool("generate_sprite", always | kept)).structured_content
    slime = decode_png(Path(answer["result"]["assets"][0]["file"]).read_bytes()).rgba
    Publisher().publish(open_project(GAME), [sheet(slime)], overwrite=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(draw(Path(home)))
