"""Makes docs/comparing-viewer.png: the viewer in its host, light and dark.

Run: .venv/bin/python docs/comparing_viewer.py [--home HOME] CONTENDER CONTENDER; HOME is where the contenders' LoRAs lie.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from conftest import unused_port  # noqa: E402  # found by the line above
from processes import DGX_PIXELS, health, options  # noqa: E402  # as is this
from viewer_host import Host  # noqa: E402  # and this

from dgx_pixels.server.settings import Settings  # noqa: E402  # sorted after them

PROMPTS = ["a shield", "a potion", "a dragon", "a knight"]
WIDTHS = (640, 400)
HEIGHT = 400


async def shots(settings: Settings, contenders: list[str], folder: Path) -> list[Image.Image]:
    """A round with a vote in the one before it, wide in light, and narrow in dark."""
    taken = []
    async with Host.running(folder / "browser", settings.url) as host:
        for width, theme in zip(WIDTHS, ("light", "dark"), strict=True):
            await host.do("size", width=width, height=HEIGHT)
            await host.open(
                "compare_models", {"contenders": contenders, "prompts": PROMPTS, "seed": 7, "wait_s": 20}, theme=theme
            )
            await host.wait(f"comparison?.rounds.length === {len(PROMPTS)}")
            await host.pictures(len(contenders))
            await host.do("click", selector="figure:last-child button")
            await host.said("Round 1")
            await host.pictures(len(contenders))
            await host.do("shot", path=str(folder / f"{theme}.png"))
            taken.append(Image.open(io.BytesIO((folder / f"{theme}.png").read_bytes())).convert("RGB"))
    return taken


async def picture(home: Path, contenders: list[str], folder: Path) -> Image.Image:
    """Both shots side by side, from a server with this home."""
    settings = Settings(home=home, port=unused_port(), device="cpu")
    process = await asyncio.create_subprocess_exec(*DGX_PIXELS, "serve", *options(settings), cwd=folder)
    try:
        while health(settings) is None:
            await asyncio.sleep(0.1)
        taken = await shots(settings, contenders, folder)
    finally:
        process.terminate()
        await process.wait()
    both = Image.new("RGB", (sum(WIDTHS) + 16, max(shot.height for shot in taken)), (128, 128, 128))
    both.paste(taken[0], (0, 0))
    both.paste(taken[1], (WIDTHS[0] + 16, 0))
    return both


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("contenders", nargs="+", metavar="CONTENDER")
    with tempfile.TemporaryDirectory() as temporary:
        asked.add_argument("--home", type=Path, default=Path(temporary) / "home")
        given = asked.parse_args()
        made = asyncio.run(picture(given.home, given.contenders, Path(temporary)))
    made.quantize(64).save(HERE / "comparing-viewer.png", optimize=True)
