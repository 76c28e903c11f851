"""Arguments of a wrong type or name get a sentence too, not a validator's report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastmcp.exceptions import ToolError, ValidationError
from fastmcp.server.middleware import Middleware, MiddlewareContext
from pydantic import ValidationError as PydanticError

from dgx_pixels.pixels.shown import one_line

_MOST_SHOWN = 100
"""Characters of what was given, which may be a million."""


class WrongTypeError(ToolError):
    """Its sentence repeats what was given, which may be a prompt: it is for the caller, and not for a log."""


class WrongTypes(Middleware):
    """Turns pydantic's errors about a call's arguments into one sentence."""

    async def on_call_tool(
        self, context: MiddlewareContext[Any], call_next: Callable[[MiddlewareContext[Any]], Awaitable[Any]]
    ) -> Any:  # noqa: ANN401  # whatever the tool answers
        """Pass the call on. Raises WrongTypeError."""
        try:
            return await call_next(context)
        except ValidationError as error:
            if not isinstance(error.__cause__, PydanticError):
                raise
            raise WrongTypeError(sentence(context.message.name, error.__cause__)) from error


def sentence(tool: str, error: PydanticError) -> str:
    """What is wrong with the first wrong argument, and where to look."""
    first = error.errors()[0]
    argument = one_line(str(first["loc"][0]), 60) if first["loc"] else "an argument"
    if first["type"] == "missing_argument":
        return f"{tool} needs the argument {argument}: see the tool's description."
    if first["type"] == "unexpected_keyword_argument":
        return f"{tool} has no argument {argument}: see the tool's description for those it has."
    given = one_line(repr(first["input"]), _MOST_SHOWN)
    return f"{tool} cannot take {given} as {argument}: {first['msg'][0].lower()}{first['msg'][1:]}."
