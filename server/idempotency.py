"""What a tool was asked, word for word: with it an idempotency key is told from the same key with another request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastmcp.server.middleware import Middleware, MiddlewareContext

from dgx_pixels.tools.services import ASKED


class Asked(Middleware):
    """Remembers the arguments of each tool call while it is answered. The request made of them may hold a random seed."""

    async def on_call_tool(
        self, context: MiddlewareContext[Any], call_next: Callable[[MiddlewareContext[Any]], Awaitable[Any]]
    ) -> Any:  # noqa: ANN401  # whatever the tool answers
        """Pass the call on."""
        ASKED.set(context.message.arguments)
        return await call_next(context)
