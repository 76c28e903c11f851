"""`dgx-pixels serve`: the one process that owns the GPU, over streamable HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

import uvicorn
from filelock import FileLock, Timeout

from dgx_pixels.server.app import Activity, build, try_library
from dgx_pixels.server.auth import LEAST_TOKEN, is_loopback
from dgx_pixels.server.find_server import NoServerError, running
from dgx_pixels.server.identity import make_key
from dgx_pixels.server.logs import configure
from dgx_pixels.server.security import Guard, names
from dgx_pixels.server.settings import Settings

if TYPE_CHECKING:
    import socket
    from typing import Any

    from fastmcp import FastMCP

    from dgx_pixels.server.edge import Edge

_ENDING_S = 20


def guarded_app(mcp: FastMCP[Any], edge: Edge, settings: Settings) -> Guard:
    """The server as an ASGI app: its own names and origins only, with a token if one is set, and nothing too large."""
    app = mcp.http_app(path="/mcp", host_origin_protection=True, allowed_hosts=names(settings.host))
    token = settings.token.get_secret_value() if settings.token is not None else None
    return Guard(app, token, edge.turned_away)


class ServeError(RuntimeError):
    """The server cannot run."""


def serve(settings: Settings, *, ends_when_idle: bool) -> None:
    """Serve until a signal, or until `settings.idle_minutes` without a request. Raises ServeError and LibraryError."""
    if settings.token is None and not is_loopback(settings.host):
        raise ServeError(
            f"The address {settings.host} can be reached by others: set DGX_PIXELS_TOKEN to a secret of {LEAST_TOKEN} characters "
            "or more, the same for this server and its clients, or serve on 127.0.0.1."
        )
    asyncio.run(try_library(settings))
    lock = FileLock(settings.home / "server.lock")
    try:
        # Held by the system for this process: a crash leaves no stale lock. One that a proxy starts may find the one before it
        # still ending.
        lock.acquire(timeout=_ENDING_S if ends_when_idle else 0)
    except Timeout as error:
        raise ServeError(
            f"A server for {settings.home} is running already: use it at {settings.url}, or end it first{_by_pid(settings)}."
        ) from error
    make_key(settings.home)
    configure(settings.home)
    mcp, activity, edge = build(settings, role="serve")
    app = guarded_app(mcp, edge, settings)
    server = _Server(
        uvicorn.Config(app, host=settings.host, port=settings.port, timeout_graceful_shutdown=2, log_config=None), edge
    )
    print(f"dgx-pixels serves MCP at {settings.url}, with its library in {settings.home}. Ctrl-C ends it.", file=sys.stderr)
    asyncio.run(_run(server, activity, settings.idle_minutes * 60 if ends_when_idle else None))
    if not server.started:
        raise ServeError(f"The server cannot listen on {settings.host}:{settings.port}: choose another port (DGX_PIXELS_PORT).")


def _by_pid(settings: Settings) -> str:
    """How to end the server that runs, if it answers here: it may have been given another port."""
    try:
        pid = asyncio.run(running(settings))
    except NoServerError:
        return ""
    return f" (`kill {pid}`)" if pid is not None else ""


class _Server(uvicorn.Server):
    """Tells those who listen that it ends, before it waits for requests to be answered."""

    def __init__(self, config: uvicorn.Config, edge: Edge) -> None:
        super().__init__(config)
        self._edge = edge

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, within the configured time."""
        self._edge.hang_up()
        await super().shutdown(sockets)


async def _run(server: uvicorn.Server, activity: Activity, most_idle_s: float | None) -> None:
    watch = asyncio.create_task(_end_when_idle(server, activity, most_idle_s)) if most_idle_s is not None else None
    try:
        with contextlib.suppress(SystemExit):  # uvicorn's way of saying that the port is taken
            await server.serve()
    finally:
        if watch is not None:
            watch.cancel()


async def _end_when_idle(server: uvicorn.Server, activity: Activity, most_idle_s: float) -> None:
    while activity.idle_s < most_idle_s:
        await asyncio.sleep(min(1.0, most_idle_s / 4))
    server.should_exit = True
