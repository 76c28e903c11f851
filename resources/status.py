"""`pixels://status`: how the server is, in figures."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from fastmcp.resources import resource
from fastmcp.server.dependencies import get_context


@resource("pixels://status", title="Status", mime_type="application/json")
async def status() -> str:
    """Give version, home, device, models in memory, queue depth, jobs in flight, free disk and memory, game port and projects."""
    ask: Callable[[], Awaitable[dict[str, object]]] = get_context().lifespan_context["status"]
    return json.dumps(await ask(), indent=2)
