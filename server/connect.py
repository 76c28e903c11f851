"""How our own clients reach the server: never through a proxy, and always saying which Bevy project they work in."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from fastmcp.client.transports import StreamableHttpTransport

from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.services import CALL_HEADER, PROJECT_HEADER

_CONNECT_S, _READ_S = 30.0, 300.0
"""The server says something every 15 s while it works, so silence of minutes means that it is gone."""


def direct(**options: Any) -> httpx2.AsyncClient:  # noqa: ANN401  # FastMCP decides which options it passes
    """An HTTP client that ignores HTTP_PROXY and its kin: the server is on this machine, or a name away."""
    options.setdefault("timeout", httpx2.Timeout(_CONNECT_S, read=_READ_S))
    return httpx2.AsyncClient(trust_env=False, **options)


def transport(settings: Settings, project: Path | None, call: str | None = None) -> StreamableHttpTransport:
    """Streamable HTTP to the server, with this client's project, or word of having none, on every request.

    `call` names the tool call, so that the server knows it when it is sent again.
    """
    headers = settings.authorization | {PROJECT_HEADER: quote(str(project)) if project is not None else ""}
    if call is not None:
        headers[CALL_HEADER] = call
    return StreamableHttpTransport(settings.url, headers=headers, httpx_client_factory=direct)  # type: ignore[arg-type]  # **options take all that the protocol names
