"""`dgx-pixels stdio`: what MCP clients launch. A thin proxy to the one server, or with `--alone` a server of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastmcp import FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_context
from fastmcp.server.providers.proxy import FastMCPProxy, ProxyClient
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from dgx_pixels.server.app import INSTRUCTIONS, NAME, build, default_project
from dgx_pixels.server.find import NoServerError, ensure_running
from dgx_pixels.server.settings import Settings
from dgx_pixels.server.stdguard import guarded
from dgx_pixels.tools.services import PROJECT_HEADER


def run_stdio(settings: Settings, *, alone: bool) -> None:
    """Serve one client over stdin and stdout until it closes them."""
    mcp = build(settings, guarded)[0] if alone else proxy(settings)
    mcp.run(transport="stdio", show_banner=False)


def proxy(settings: Settings) -> FastMCP[Any]:
    """A server that passes everything on to the one that owns the GPU, with this client's Bevy project on every request."""
    project = default_project(settings)
    headers = {PROJECT_HEADER: quote(str(project)) if project is not None else ""}

    async def connect() -> ProxyClient[StreamableHttpTransport]:
        try:
            await ensure_running(settings)  # before every request: if the server has ended, the next one finds it running again
        except NoServerError as error:
            raise ToolError(str(error)) from error
        return ProxyClient(StreamableHttpTransport(settings.url, headers=headers), mode=_front_era())

    return FastMCPProxy(client_factory=connect, name=NAME, instructions=INSTRUCTIONS, lifespan=guarded())


def _front_era() -> str:
    """The protocol era that the client in front speaks: the whole chain speaks one."""
    try:
        request = get_context().request_context
    except RuntimeError:
        return "auto"
    version = request.protocol_version if request is not None else None
    return version if version in MODERN_PROTOCOL_VERSIONS else "legacy"
