"""Make the example game's assets anew: sprites, an animated sheet and a tileset, all drawn by the embedded model.

make game-assets
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
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
TERRAINS = ("water", "grass")

Pixels = NDArray[np.uint8]


def breathe(rgba: Pixels, depth: int) -> Pixels:
    """Press a sprite down by `depth` rows: they vanish a third above its foot, and what is higher sinks."""
    rows = np.flatnonzero(rgba[..., 3].any(axis=1))
    waist = int(rows[-1] - (rows[-1] - rows[0]) // 3)
    pressed = rgba.copy()
    pressed[depth:waist] = rgba[: waist - depth]
    pressed[:depth] = 0
    return pressed


def joined(upper: Pixels, lower: Pixels, corners: tuple[int, ...]) -> Pixels:
    """Draw one tile of two terrains; `corners` (upper left, upper right, lower left, lower right) are 1 where `upper` lies.

    The border is where the corners' bilinear mean is a half. Along an edge it depends on that edge's two corners alone, so
    that tiles with equal corners fit; two rows of `lower`'s darkest colour are its bank.
    """
    side = len(upper)
    t = (np.arange(side) + 0.5) / side
    a, b, c, d = corners
    height = (1 - t)[:, None] * ((1 - t) * a + t * b) + t[:, None] * ((1 - t) * c + t * d)
    above = height > 0.5
    bank = above & ~np.pad(above, ((0, 2), (0, 0)), mode="edge")[2:]
    tile = np.where(above[..., None], upper, lower)
    colors = lower.reshape(-1, 4)
    tile[bank] = colors[colors[:, :3].sum(axis=1).argmin()]
    return tile


def item(path: str, rgba: Pixels, atlas: Atlas, prompt: str, category: Category, **more: Any) -> PublishItem:  # noqa: ANN401  # fields
    """Put together what is published of an image that has a grid."""
    sprite = Sprite(rgba, palette_of(rgba[rgba[..., 3] > 0][:, :3]))
    sidecars = more.pop("sidecars", ())
    data = encode_png(sprite, "{}")
    entry = ManifestEntry(
        path=path, id=hashlib.sha256(path.encode()).hexdigest()[:12], version=1, name=prompt.replace(" ", "_"), category=category,
        width=rgba.shape[1], height=rgba.shape[0], colors=len(sprite.palette), sha256=hashlib.sha256(data).hexdigest(),
        prompt=prompt, seed=SEED, model="tiny-sdxl", atlas=atlas, **more,
    )  # fmt: skip
    return PublishItem(entry=entry, data=data, sidecars=sidecars)


def sheet(slime: Pixels) -> PublishItem:
    """Return four frames of a slime that breathes."""
    frames = [breathe(slime, depth) for depth in (0, 1, 2, 1)]
    atlas = Atlas(tile_width=slime.shape[1], tile_height=slime.shape[0], columns=len(frames), rows=1)
    path = "sprites/enemy_blue_slime.png"
    data = sheet_json(path, atlas, [300, 120, 200, 120], [FrameTag("idle", 0, len(frames) - 1)])
    sidecar = Sidecar(path=sheet_path(path), data=data)
    return item(path, np.hstack(frames), atlas, SLIME, "enemy", kind="sheet", sidecars=(sidecar,))


def tileset(water: Pixels, grass: Pixels) -> PublishItem:
    """Return the sixteen tiles that two terrains make by their corners."""
    corners = list(itertools.product((0, 1), repeat=4))
    tiles = [joined(grass, water, four) for four in corners]
    image = np.vstack([np.hstack(tiles[row : row + 4]) for row in range(0, 16, 4)])
    atlas = Atlas(tile_width=grass.shape[1], tile_height=grass.shape[0], columns=4, rows=4)
    rules = {"kind": "wang16", "terrains": list(TERRAINS), "pattern": "corners", "tiles": [list(four) for four in corners]}
    return item("tiles/tile_water_grass.png", image, atlas, "water grass", "tile", kind="tileset", tileset=rules)


async def draw(home: Path) -> None:
    """Draw everything and publish it into the game."""
    async with Client(build(Settings(home=home))[0]) as client:

        async def one(prompt: str, category: Category, publish: bool) -> Pixels:
            arguments = {"prompt": prompt, "category": category, "seed": SEED, "wait_s": 600, "publish": publish}
            more = {"project": str(GAME), "overwrite": True} if publish else {}
            answer: Any = (await client.call_tool("generate_sprite", arguments | more)).structured_content
            return decode_png(Path(answer["result"]["assets"][0]["file"]).read_bytes()).rgba

        for prompt, category in SPRITES:
            await one(prompt, category, True)
        items = [
            sheet(await one(SLIME, "enemy", False)),
            tileset(*[await one(terrain, "tile", False) for terrain in TERRAINS]),
        ]
    Publisher().publish(open_project(GAME), items, overwrite=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(draw(Path(home)))
