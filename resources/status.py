"""`pixels://status`: how the server is, in figures."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from fastmcp.exceptions import ResourceError
from fastmcp.resources import resource
from fastmcp.server.dependencies import get_context

from dgx_pixels.library.database import LibraryError


@resource("pixels://status", title="Status", mime_type="application/json")
async def status() -> str:
    """Give version, home, device, models in memory, queue depth, jobs in flight, free disk and memory, game port and projects."""
    ask: Callable[[], Awaitable[dict[str, object]]] = get_context().lifespan_context["status"]
    try:
        return json.dumps(await ask(), indent=2)
    except LibraryError as error:
        raise ResourceError(str(error)) from error
