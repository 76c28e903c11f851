"""What `server.py` asks: ten clients with a mixed load; and, run as a script with a port, the bare server it is compared with."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError
from mcp import MCPError
from PIL import Image

RUNNING, REQUESTS = 10, 500
_MIX = {
    "list_assets": 6,
    "assets": 2,
    "asset": 2,
    "image": 2,
    "view": 2,
    "models": 1,
    "status": 1,
    "job": 1,
    "pixelize": 1,
    "sprite": 2,
}
"""How often each of twenty requests comes."""


class Load:
    """Ten clients that ask in turn at random; the same seed asks the same."""

    def __init__(self, url: str, folder: Path) -> None:
        self.answered = self.failed = 0
        self._url = url
        self._picture = folder / "game" / "picture.png"
        noise = np.random.default_rng(0).integers(0, 8, (16, 16, 3), dtype=np.uint8) * 36
        Image.fromarray(noise).save(self._picture)
        self._chance = random.Random(0)
        self._asked = 0

    async def round(self) -> None:
        """Ask 500 times, ten clients at once, half of them in the older protocol."""
        await asyncio.gather(*(self._client("auto" if i % 2 else "legacy") for i in range(RUNNING)))

    async def _client(self, era: str) -> None:
        async with Client(StreamableHttpTransport(self._url), mode=era) as client:
            listed = await client.call_tool("list_assets", {"limit": 50})
            assert listed.structured_content is not None
            ids = [asset["id"] for asset in listed.structured_content["assets"]]
            for _ in range(REQUESTS // RUNNING - 1):
                kind = self._chance.choices(list(_MIX), list(_MIX.values()))[0]
                try:
                    await self._ask(client, kind, self._chance.choice(ids))
                    self.answered += 1
                except (ToolError, MCPError) as error:
                    self.failed += 1
                    print(f"{kind}: {error}", file=sys.stderr)
            self.answered += 1  # the list that it began with

    async def _ask(self, client: Client[Any], kind: str, asset: str) -> None:
        self._asked += 1
        match kind:
            case "list_assets":
                await client.call_tool("list_assets")
            case "assets" | "models" | "status":
                await client.read_resource(f"pixels://{kind}")
            case "asset":
                await client.read_resource(f"pixels://assets/{asset}")
            case "image":
                await client.read_resource(f"pixels://assets/{asset}/image")
            case "view":
                await client.call_tool("view_asset", {"asset_id": asset})
            case "pixelize":
                await client.call_tool("pixelize_image", {"image": str(self._picture), "name": f"p{self._asked % 20}"})
            case "sprite":
                asked = {"prompt": "a red potion", "seed": self._asked, "steps": 1, "name": f"s{self._asked % 20}"}
                await client.call_tool("generate_sprite", asked)
            case "job":
                asked = {"prompt": "a red potion", "seed": 1, "steps": 1, "publish": False, "wait_s": 0}
                started = (await client.call_tool("generate_sprite", asked)).structured_content
                assert started is not None
                await client.call_tool("get_job", {"job_id": started["job_id"]})


def project_in(folder: Path) -> Path:
    """Make a Bevy project."""
    root = folder / "game"
    (root / "assets").mkdir(parents=True)
    (root / "Cargo.toml").write_text('[package]\nname = "game"\nversion = "0.1.0"\n\n[dependencies]\nbevy = "0.19"\n')
    return root


def unused_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def bare() -> FastMCP[Any]:
    """A server whose one tool answers what it is given."""
    mcp: FastMCP[Any] = FastMCP("bare")

    @mcp.tool
    async def same(words: dict[str, Any]) -> dict[str, Any]:
        return words

    return mcp


if __name__ == "__main__":
    bare().run(transport="http", port=int(sys.argv[1]), show_banner=False, log_level="error")
