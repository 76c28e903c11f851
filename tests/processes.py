"""What the tests of real processes share: how to start them, and how to ask them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx2
from fastmcp.client.transports import StdioTransport

from dgx_pixels.server.settings import Settings

POTION = {"prompt": "a red potion", "seed": 7, "steps": 3}
DGX_PIXELS = (sys.executable, "-m", "dgx_pixels.server")
PUBLISHED = "assets/sprites/item_red_potion.png"
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"


def options(settings: Settings, project: Path | None = None) -> list[str]:
    """The command line options that say what `settings` says."""
    where = ["--home", str(settings.home), "--port", str(settings.port), "--device", "cpu"]
    return [*where, "--project", str(project)] if project else where


def stdio(settings: Settings, project: Path, *more: str) -> StdioTransport:
    """What an MCP client launches."""
    command, *arguments = DGX_PIXELS
    return StdioTransport(command, [*arguments, "stdio", *options(settings, project), *more], keep_alive=False)


def health(settings: Settings) -> dict[str, Any] | None:
    """What the server of these settings says of itself, if it is there."""
    try:
        said: dict[str, Any] = httpx2.get(settings.health_url, trust_env=False, timeout=5).json()
    except httpx2.TransportError:
        return None
    return said
