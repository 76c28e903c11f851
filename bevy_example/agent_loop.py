"""What an agent does with two MCP servers: bevy_brp_mcp runs the game and looks at it, DGX-Pixels draws into it.

Launch, draw a sprite, look, draw it anew under the same name, look: the picture has changed, and nothing else; shut down.
`make agent-loop` builds what it needs (bevy_brp_mcp alone takes long) and runs it:

    .venv/bin/python bevy_example/agent_loop.py /path/to/bevy_brp_mcp
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from numpy.typing import NDArray
from PIL import Image

GAME = Path(__file__).parent
NAME = "bevy_example"
SHOWN = "bevy_example::gallery::Shown"
CAMERA = "bevy_camera::components::Camera2d"
ANIMATED = "sprites/enemy_blue_slime.png"
_START = time.monotonic()


@dataclass(frozen=True)
class Agent:
    """The two clients, the port between game and servers, and a folder for pictures."""

    brp: Client[Any]
    pixels: Client[Any]
    port: int
    folder: Path

    async def game(self, tool: str, **arguments: Any) -> Any:  # noqa: ANN401  # JSON has any shape
        """Call a tool of bevy_brp_mcp; return its result. Exits with what it said if it failed."""
        answer = await self.brp.call_tool(tool, {**arguments, "port": self.port}, raise_on_error=False)
        said: Any = answer.structured_content or {}
        if answer.is_error or said.get("status") != "success":
            sys.exit(f"{tool} failed: {json.dumps(said)[:2000]}")
        return said.get("result", said)

    async def draw(self, prompt: str, seed: int) -> dict[str, Any]:
        """Generate the sprite `prize`; return what DGX-Pixels tells of it."""
        arguments = {"prompt": prompt, "name": "prize", "seed": seed, "wait_s": 600}
        answer: Any = (await self.pixels.call_tool("generate_sprite", arguments)).structured_content
        asset: dict[str, Any] = answer["result"]["assets"][0]
        say("generate_sprite", prompt, {key: asset.get(key) for key in ("path", "version", "published", "reloaded", "reload")})
        return asset

    async def wait_for(self, count: int, path: str) -> dict[str, Any]:
        """Ask the game until it has loaded the image so many times; return what it tells of it."""
        while True:
            stats = await self.game("brp_execute", method="dgx_pixels/reload_stats")
            image: dict[str, Any] = stats["images"].get(path, {"added": 0, "modified": 0})
            if image["added"] + image["modified"] >= count:
                say("brp_execute", "dgx_pixels/reload_stats", image)
                return image
            await asyncio.sleep(0.1)

    async def look(self, name: str) -> NDArray[np.uint8]:
        """Take a screenshot."""
        await asyncio.sleep(1)  # for the manifest, which comes after the picture, and some frames
        cameras = await self.game("world_query", data={}, filter={"with": [CAMERA]})
        path = self.folder / f"{name}.png"
        await self.game("brp_extras_screenshot", camera=cameras[0]["entity"], path=str(path))
        say("brp_extras_screenshot", name, None)
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))

    async def place(self, path: str) -> tuple[slice, slice]:
        """Rows and columns of a screenshot where the game shows an asset."""
        found = [each["components"][SHOWN] for each in await self.game("world_query", data={"components": [SHOWN]})]
        at = next(each for each in found if each["path"] == path)
        height, width = at["height"] * at["zoom"], at["width"] * at["zoom"]
        return slice(at["y"], at["y"] + height), slice(at["x"], at["x"] + width)


def say(tool: str, what: str, answer: object) -> None:
    """Write a line of the transcript."""
    said = "" if answer is None else f" -> {json.dumps(answer)}"
    print(f"{time.monotonic() - _START:6.1f} s  {tool}: {what}{said}", flush=True)


async def loop(agent: Agent, project: Path) -> None:
    """Go round once; exits with a sentence where something is not as it should be."""
    where = {"BEVY_ASSET_ROOT": str(project), "WGPU_BACKEND": "vulkan"}
    await agent.game("brp_launch", target_name=NAME, args=["--mode", "offscreen"], env=where, path=str(GAME.parent))
    say("brp_launch", NAME, None)
    try:
        first = await agent.draw("a red potion", 7)
        await agent.wait_for(1, first["path"])
        before = await agent.look("before")
        second = await agent.draw("a cyan gem", 3)
        await agent.wait_for(2, second["path"])
        after = await agent.look("after")
        changed = (before != after).any(axis=-1)
        changed[await agent.place(ANIMATED)] = False
        place = await agent.place(second["path"])
        there = int(changed[place].sum())
        changed[place] = False
        say("compare", "screenshots", {"pixels changed at the sprite": there, "elsewhere": int(changed.sum())})
        if not there or changed.any():
            sys.exit("The screenshots differ where they should not, or do not where they should.")
    finally:
        say("brp_shutdown", NAME, await agent.game("brp_shutdown", app_name=NAME))


async def run(brp: str, folder: Path) -> None:
    """Start both servers on a copy of the game's assets, and go round."""
    project = folder / "game"
    shutil.copytree(GAME / "assets", project / "assets")
    shutil.copy(GAME / "Cargo.toml", project)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    environment = os.environ | {"BRP_EXTRAS_PORT": str(port)}
    ours = ["-m", "dgx_pixels.server", "stdio", "--alone", "--home", str(folder / "home"), "--project", str(project)]
    async with (
        Client(StdioTransport(brp, [], env=environment, keep_alive=False)) as game,
        Client(StdioTransport(sys.executable, ours, env=environment, keep_alive=False)) as pixels,
    ):
        await loop(Agent(game, pixels, port, folder), project)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Give the path of bevy_brp_mcp, or run `make agent-loop`.")
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(run(sys.argv[1], Path(temporary)))
