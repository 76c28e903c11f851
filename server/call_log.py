"""What the server was asked: a line of the log for each call, and a metric."""

from __future__ import annotations

import logging
import time
from typing import Any

from fastmcp.exceptions import ToolError
from fastmcp.server.middleware import Middleware, MiddlewareContext

from dgx_pixels.server.bound import Next
from dgx_pixels.server.metrics import Metrics
from dgx_pixels.server.wrong_types import WrongTypeError

logger = logging.getLogger(__name__)

_SHOWN = 300


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
