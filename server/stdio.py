"""`dgx-pixels stdio`: what MCP clients launch, a thin proxy to the one server."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.completions import CompletionHandler, CompletionReference
from fastmcp.server.dependencies import get_context
from fastmcp.server.lifespan import Lifespan, lifespan
from fastmcp.server.middleware import Middleware, MiddlewareContext
from fastmcp.server.providers.proxy import ProxyClient, ProxyProvider
from mcp import MCPError
from mcp_types import INTERNAL_ERROR, Completion, CompletionArgument, CompletionContext
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from dgx_pixels.server.app import INSTRUCTIONS, default_project
from dgx_pixels.server.bound import Bound
from dgx_pixels.server.connect import transport
from dgx_pixels.server.find_server import NoServerError, ensure_running, running
from dgx_pixels.server.settings import Settings
from dgx_pixels.server.status import NAME
from dgx_pixels.server.stdguard import guarded
from dgx_pixels.server.stdio_changes import Ear
from dgx_pixels.server.subscriptions import Notifier, Wanted

_MOST_SERVERS = 5
"""How many servers a request is sent to: one that begins a job which ends each server is told so by the fourth."""
_call: ContextVar[str | None] = ContextVar("what this tool call is named to the server", default=None)


def run_stdio(settings: Settings) -> None:
    """Serve one client over stdin and stdout, through the one server, until it closes them."""
    proxy(settings).run(transport="stdio", show_banner=False)


class _RunningServer(Middleware):
    """Sees to it that the server runs before every request, and asks again if it ended in the middle of one."""

    def __init__(self, settings: Settings, reached: Callable[[], None]) -> None:
        self._settings = settings
        self._reached = reached

    async def on_call_tool(
        self, context: MiddlewareContext[Any], call_next: Callable[[MiddlewareContext[Any]], Awaitable[Any]]
    ) -> Any:  # noqa: ANN401  # whatever the tool answers
        """Pass the call on. Raises ToolError with the reason if there is no server."""
        _call.set(uuid.uuid4().hex[:12])
        try:
            return await self._answered(lambda: call_next(context))
        except NoServerError as error:
            raise ToolError(str(error)) from error

    async def on_request(
        self, context: MiddlewareContext[Any], call_next: Callable[[MiddlewareContext[Any]], Awaitable[Any]]
    ) -> Any:  # noqa: ANN401  # whatever the answer is
        """Pass lists and reads on. Raises MCPError with the reason if there is no server."""
        if context.method is None or not context.method.endswith(("/list", "/read", "/get")):
            return await call_next(context)
        try:
            return await self._answered(lambda: call_next(context))
        except NoServerError as error:
            raise MCPError(code=INTERNAL_ERROR, message=str(error)) from error

    async def _answered(self, ask: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401  # whatever the answer is
        for _ in range(_MOST_SERVERS):
            server = await ensure_running(self._settings)
            try:
                answer = await ask()
            except Exception:
                if await running(self._settings) == server:
                    raise  # the server is there still: the failure is its answer
            else:
                self._reached()
                return answer
        log = self._settings.home / "logs" / "server.log"
        raise NoServerError(f"The server ended {_MOST_SERVERS} times before it had answered: {log} may say why.")


def proxy(settings: Settings) -> FastMCP[Any]:
    """A server that passes everything on to the one that owns the GPU, with this client's Bevy project on every request."""
    project = default_project(settings)
    ear = Ear(settings, lambda: transport(settings, project))
    mcp: FastMCP[Any] = FastMCP(NAME, version=version(NAME), instructions=INSTRUCTIONS, lifespan=guarded(_listening(ear)))
    notifier = Notifier(_wanted_of(ear))
    notifier.attach(mcp)
    ear.tell = notifier.offer

    def reached() -> None:
        if notifier.has_legacy:  # it hears of a changed list without having asked
            ear.begin()

    mcp.add_middleware(Bound())
    mcp.add_middleware(_RunningServer(settings, reached))
    mcp.add_provider(ProxyProvider(lambda: ProxyClient(transport(settings, project, _call.get()), mode=_front_era())))
    mcp.provider_error_strategy = "raise"  # a list that cannot be had is an error, not an empty list
    mcp.add_completion_handler(_completes(settings, project))
    return mcp


def _completes(settings: Settings, project: Path | None) -> CompletionHandler:
    """Completion is the server's, which FastMCP's proxy does not ask."""

    async def complete(ref: CompletionReference, argument: CompletionArgument, context: CompletionContext | None) -> Completion:
        try:
            await ensure_running(settings)
        except NoServerError as error:
            raise MCPError(code=INTERNAL_ERROR, message=str(error)) from error
        given = dict(context.arguments or {}) if context is not None else None
        async with Client(transport(settings, project)) as client:
            found: Completion = await client.complete(ref, {"name": argument.name, "value": argument.value}, given)
            return found

    return complete


def _wanted_of(ear: Ear) -> Wanted:
    async def wanted(uris: frozenset[str]) -> None:
        try:
            await ear.want(uris)
        except NoServerError as error:
            raise MCPError(code=INTERNAL_ERROR, message=str(error)) from error

    return wanted


def _listening(ear: Ear) -> Lifespan:
    @lifespan
    async def run(_: FastMCP[Any]) -> AsyncIterator[dict[str, Any]]:
        try:
            yield {}
        finally:
            await ear.close()

    return run


def _front_era() -> str:
    """The protocol era that the client in front speaks: the whole chain speaks one."""
    try:
        request = get_context().request_context
    except RuntimeError:
        return "auto"
    version = request.protocol_version if request is not None else None
    return version if version in MODERN_PROTOCOL_VERSIONS else "legacy"
