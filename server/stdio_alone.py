"""`dgx-pixels stdio --alone`: a server of its own for one client.

In a module apart, since what a proxy needs takes a fifth of the time until a client sees the tools.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dgx_pixels.server.app import build, try_library
from dgx_pixels.server.stdguard import guarded

if TYPE_CHECKING:
    from dgx_pixels.server.settings import Settings


def run_alone(settings: Settings) -> None:
    """Serve one client over stdin and stdout until it closes them. Raises LibraryError."""
    asyncio.run(try_library(settings))
    build(settings, guarded, "alone")[0].run(transport="stdio", show_banner=False)
