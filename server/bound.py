"""What may be sent and what is answered to it: no more than can be meant, and nothing that is no text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastmcp.exceptions import NotFoundError, ResourceError, ToolError
from fastmcp.server.middleware import Middleware, MiddlewareContext
from mcp import MCPError
from mcp_types import INVALID_PARAMS

from dgx_pixels.pixels.shown import printable_lines

MOST_CHARACTERS = 1 << 20
"""Of all arguments of a call together; the tools' own bounds are much lower."""
_DEEPEST = 20
"""Levels of lists and objects in an argument; no tool takes more than three."""
_MOST_SAID = 4000
"""Characters of an error, which may repeat what was sent."""
_SHOWN = 300
Next = Callable[[MiddlewareContext[Any]], Awaitable[Any]]


class Bound(Middleware):
    """Turns away, in a sentence, calls whose arguments cannot be meant, and reads of what there is not.

    What errors say is bounded, too, and holds nothing that a terminal or a chat would obey: they name files and repeat arguments.
    """

    async def on_call_tool(self, context: MiddlewareContext[Any], call_next: Next) -> Any:  # noqa: ANN401  # whatever the tool answers
        """Pass the call on. Raises ToolError."""
        size = _size(context.message.arguments)
        if size > MOST_CHARACTERS:
            raise ToolError(
                f"The arguments have {size} characters, but {MOST_CHARACTERS} is the most: prompts have up to 500, and pictures "
                "are given by their paths."
            )
        try:
            return await call_next(context)
        except ToolError as error:
            if (said := _bounded(str(error))) != str(error):
                raise ToolError(said) from error
            raise

    async def on_read_resource(self, context: MiddlewareContext[Any], call_next: Next) -> Any:  # noqa: ANN401  # whatever it holds
        """Pass the read on. Raises MCPError and ResourceError."""
        try:
            return await call_next(context)
        except NotFoundError as error:
            uri = str(context.message.uri)[:_SHOWN]
            sentence = f"There is no resource {uri!r}: pixels://guide names all there are; ids in them are words, not paths."
            raise MCPError(code=INVALID_PARAMS, message=sentence, data={"uri": uri}) from error
        except ResourceError as error:
            if (said := _bounded(str(error))) != str(error):
                raise ResourceError(said) from error
            raise


def _bounded(text: str) -> str:
    """The text, its middle left out if it is long."""
    half = _MOST_SAID // 2
    return printable_lines(text if len(text) <= _MOST_SAID else f"{text[:half]} ... {text[-half:]}")


def _size(value: object, depth: int = 0) -> int:
    """The characters of an argument, at least one for each value. Raises ToolError for what no tool takes."""
    if depth > _DEEPEST:
        raise ToolError(f"The arguments are nested more than {_DEEPEST} levels deep: see the tool's description.")
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            raise ToolError("An argument holds half a character (a lone surrogate): send it as whole Unicode characters.")
        return len(value) or 1
    if isinstance(value, Mapping):
        return 1 + sum(_size(key, depth + 1) + _size(item, depth + 1) for key, item in value.items())
    if isinstance(value, list):
        return 1 + sum(_size(item, depth + 1) for item in value)
    return 1
