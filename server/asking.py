"""How a command calls a tool: one that draws in the running server, if there is one; all others in this process."""

from __future__ import annotations

from typing import Any

from fastmcp import Client
from fastmcp.exceptions import ToolError

from dgx_pixels.server.app import build, default_project, try_library
from dgx_pixels.server.connect import transport
from dgx_pixels.server.find_server import NoServerError, running
from dgx_pixels.server.settings import Settings
from dgx_pixels.server.tool_calls import Caller, call_to_the_end
from dgx_pixels.tools.answers import JobAnswer


async def ask(settings: Settings, tool: str, asked: dict[str, Any], caller: Caller | None = None) -> JobAnswer:
    """Call a generating tool for the project of these settings, and wait until its job has ended.

    Raises ToolError with one sentence, and NoServerError if the server ended in between.
    """
    project = default_project(settings)
    arguments = in_project(settings, asked)
    if (server := await running(settings)) is not None:
        try:
            return await call_to_the_end(transport(settings, project), tool, arguments, caller)
        except Exception as error:
            if isinstance(error, ToolError) or await running(settings) == server:
                raise
            ended = f"The server on port {settings.port} ended before it had answered: its log says why."
            raise NoServerError(f"{ended} The next one does what was asked.") from error
    await try_library(settings)
    return await call_to_the_end(build(settings)[0], tool, arguments, caller)


async def ask_here(settings: Settings, tool: str, asked: dict[str, Any]) -> Any:  # noqa: ANN401  # an answer's JSON
    """Call a tool that draws nothing, in this process; what is None is left out. Raises ToolError with one sentence."""
    await try_library(settings)
    async with Client(build(settings)[0]) as client:
        given = {name: value for name, value in asked.items() if value is not None}
        return (await client.call_tool(tool, given)).structured_content


def in_project(settings: Settings, asked: dict[str, Any]) -> dict[str, Any]:
    """A tool's arguments, with the project of these settings if there is one."""
    project = default_project(settings)
    return asked | ({"project": str(project)} if project is not None else {})
