"""What the server was asked: a line of the log for each call, a metric, and a bound on what may be sent."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastmcp.exceptions import NotFoundError, ToolError
from fastmcp.server.middleware import Middleware, MiddlewareContext
from mcp import MCPError
from mcp_types import INVALID_PARAMS

from dgx_pixels.server.metrics import Metrics
from dgx_pixels.server.wrong_types import WrongTypeError

logger = logging.getLogger(__name__)

MOST_CHARACTERS = 1 << 20
"""Of all arguments of a call together; the tools' own bounds are much lower."""
_SHOWN = 300
Next = Callable[[MiddlewareContext[Any]], Awaitable[Any]]


class CallLog(Middleware):
    """Times tool calls, and logs them; logs reads that fail. What is asked for is not logged, but for the name of it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def on_call_tool(self, context: MiddlewareContext[Any], call_next: Next) -> Any:  # noqa: ANN401  # whatever the tool answers
        """Pass the call on."""
        begun, outcome = time.perf_counter(), "cancelled"
        try:
            answer = await call_next(context)
            outcome = "ok"
        except Exception as error:
            outcome = "refused" if isinstance(error, ToolError) else "failed"
            why = "arguments of a wrong name or type" if isinstance(error, WrongTypeError) else str(error)[:_SHOWN]
            logger.warning("%s: %s", context.message.name[:_SHOWN], why)
            raise
        finally:
            seconds = time.perf_counter() - begun
            name = context.message.name if outcome == "ok" else "any"  # a name that nobody has is no series of its own
            self._metrics.calls.labels(name, outcome).observe(seconds)
            facts = {"tool": context.message.name[:_SHOWN], "outcome": outcome, "seconds": round(seconds, 4)}
            logger.info("%(tool)s %(outcome)s in %(seconds)s s", facts, extra={"facts": facts})
        return answer

    async def on_read_resource(self, context: MiddlewareContext[Any], call_next: Next) -> Any:  # noqa: ANN401  # whatever it holds
        """Pass the read on."""
        try:
            return await call_next(context)
        except Exception as error:
            logger.warning("%s was not read: %s", str(context.message.uri)[:_SHOWN], str(error)[:_SHOWN])
            raise


class Bound(Middleware):
    """Turns away, in a sentence, calls whose arguments are too large to be meant, and reads of what there is not."""

    async def on_call_tool(self, context: MiddlewareContext[Any], call_next: Next) -> Any:  # noqa: ANN401  # whatever the tool answers
        """Pass the call on. Raises ToolError."""
        size = _size(context.message.arguments)
        if size > MOST_CHARACTERS:
            raise ToolError(
                f"The arguments have {size} characters, but {MOST_CHARACTERS} is the most: prompts have up to 500, and pictures "
                "are given by their paths."
            )
        return await call_next(context)

    async def on_read_resource(self, context: MiddlewareContext[Any], call_next: Next) -> Any:  # noqa: ANN401  # whatever it holds
        """Pass the read on. Raises MCPError."""
        try:
            return await call_next(context)
        except NotFoundError as error:
            uri = str(context.message.uri)[:_SHOWN]
            sentence = f"There is no resource {uri!r}: pixels://guide names all there are; ids in them are words, not paths."
            raise MCPError(code=INVALID_PARAMS, message=sentence, data={"uri": uri}) from error


def _size(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_size(key) + _size(item) for key, item in value.items())
    if isinstance(value, list):
        return sum(map(_size, value))
    return 0
