"""Draw the picture of bevy-game.md: the example game before and after two publishes, taken from the running game.

make game-picture
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from fastmcp import Client
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from games import Game, missing, running  # noqa: E402  # found by the line above

from dgx_pixels.server.app import build  # noqa: E402  # sorted after it
from dgx_pixels.server.settings import Settings  # noqa: E402

PUBLISHED = ({"prompt": "a red demon", "name": "knight", "category": "character"}, {"prompt": "a red potion", "category": "item"})
ZOOM = 3  # of the game
DRAWN = 2  # of the picture
GAP = 12


async def publish(project: Path, home: Path) -> None:
    """Draw into the game: one sprite under a name that it has, and a new one."""
    async with Client(build(Settings(home=home))[0]) as client:
        for arguments in PUBLISHED:
            more: dict[str, Any] = {"seed": 1, "wait_s": 600, "project": str(project), "overwrite": True}
            await client.call_tool("generate_sprite", arguments | more)


def look(game: Game, path: Path) -> Image.Image:
    """Take a screenshot at the art's own size."""
    game.wait_frames(60)
    with Image.open(game.screenshot(path)) as image:
        return image.convert("RGB").resize((image.width // ZOOM, image.height // ZOOM), Image.Resampling.NEAREST)


def draw(folder: Path) -> Image.Image:
    """Run the game on a copy of its assets; before stands left, after right."""
    project = folder / "game"
    shutil.copytree(ROOT / "bevy_example/assets", project / "assets")
    shutil.copy(ROOT / "bevy_example/Cargo.toml", project)
    with running(project, folder / "log", "offscreen") as game:
        before = look(game, folder / "before.png")
        asyncio.run(publish(project, folder / "home"))
        after = look(game, folder / "after.png")
    picture = Image.new("RGB", (before.width * 2 + GAP // DRAWN, before.height), "white")
    picture.paste(before, (0, 0))
    picture.paste(after, (before.width + GAP // DRAWN, 0))
    return picture.resize((picture.width * DRAWN, picture.height * DRAWN), Image.Resampling.NEAREST)


if __name__ == "__main__":
    if (lack := missing("offscreen")) is not None:
        sys.exit(lack)
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder)).save(ROOT / "docs/bevy-game.png", optimize=True)
