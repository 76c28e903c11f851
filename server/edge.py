"""What a server has around its tools: resources, prompts, notices, metrics, logs and the pages beside MCP."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastmcp import FastMCP
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dgx_pixels.models.telemetry import GpuTelemetry
from dgx_pixels.resources import guide, jobs, prompts, status
from dgx_pixels.resources.completion import complete
from dgx_pixels.resources.listed import Models
from dgx_pixels.server.auth import PROOF
from dgx_pixels.server.bound import Bound
from dgx_pixels.server.call_log import CallLog
from dgx_pixels.server.changed_resources import events, in_loop
from dgx_pixels.server.edited import watching
from dgx_pixels.server.identity import proofs
from dgx_pixels.server.metrics import Metrics
from dgx_pixels.server.status import NAME, Status
from dgx_pixels.server.subscriptions import Notifier

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.bevy.watch import ProjectsWatch
    from dgx_pixels.library.changes import Kind
    from dgx_pixels.models.renderer import Renderer
    from dgx_pixels.server.settings import Settings
    from dgx_pixels.tools.services import Services

_RESOURCES = (guide.guide, status.status, jobs.job)
_PROMPTS = (prompts.make_character, prompts.make_terrain, prompts.train_my_style)


class Edge:
    """Of one server. `running` opens it, when there are services; before that nothing runs."""

    def __init__(self, settings: Settings, touch: Callable[[], None]) -> None:
        self.metrics = Metrics()
        self._settings = settings
        self._renderer: Renderer | None = None
        self._touch = touch
        self._services: Services | None = None
        self._watch: ProjectsWatch | None = None
        self._telemetry = GpuTelemetry(_index(settings.device))
        self._notifier = Notifier()
        self._status = Status(settings, self._notifier, self._telemetry, lambda: self._renderer)

    def attach(self, mcp: FastMCP[Any]) -> None:
        """Give a server, before it runs, all that is here."""
        for middleware in (CallLog(self.metrics), Bound()):
            mcp.add_middleware(middleware)
        self._notifier.attach(mcp)
        for resource in _RESOURCES:
            mcp.add_resource(resource)
        for prompt in _PROMPTS:
            mcp.add_prompt(prompt)
        mcp.add_provider(Models())
        mcp.add_completion_handler(complete)
        mcp.custom_route("/health", methods=["GET"])(self._health)
        mcp.custom_route(PROOF, methods=["GET"])(self._proof)
        mcp.custom_route("/metrics", methods=["GET"])(self._metrics)

    def made(self, renderer: Renderer) -> Renderer:
        """Take note of the renderer, which the GPU thread owns: it is only looked at."""
        self._renderer = renderer
        return renderer

    def turned_away(self, status: int) -> None:
        """Count a request that was turned away."""
        self.metrics.refused.labels(str(status)).inc()

    def hang_up(self) -> None:
        """End what clients listen to: the server is about to end."""
        self._notifier.hang_up()

    def serves(self, project: BevyProject) -> None:
        """Watch a project that a request works in."""
        if self._watch is not None and self._services is not None and self._watch.add(project):
            self._services.library.changes.tell("project", str(project.root))

    @asynccontextmanager
    async def running(self, services: Services) -> AsyncIterator[dict[str, Any]]:
        """Within this context clients are told of changes; gives what resources need besides."""
        self._services = services
        self._telemetry.start()
        try:
            async with watching(services) as self._watch:
                with in_loop(services.library.changes, self._changed):
                    yield {"status": self._said}
        finally:
            self._telemetry.stop()
            await self._notifier.close()
            await self.metrics.close()

    def _changed(self, kind: Kind, changed: str) -> None:
        self._notifier.offer(*events(kind, changed, self._notifier.subscribed))
        if kind == "job" and self._services is not None:
            self.metrics.job_changed(self._services.library, changed)

    async def _health(self, _: Request) -> Response:
        self._touch()  # who asks is about to send a request
        return JSONResponse(await self._said())

    async def _proof(self, request: Request) -> Response:
        """Which server this is. It asks neither the database nor the GPU: every request through a proxy begins with it."""
        self._touch()  # who asks is about to send a request
        # Not in a thread: they may all be busy, and who waits for this takes the server for gone.
        given = proofs(self._settings, request.query_params.get("challenge", ""))
        return JSONResponse({"name": NAME, "pid": os.getpid()} | given)

    async def _metrics(self, _: Request) -> Response:
        said = await self._said()
        text = await asyncio.to_thread(self.metrics.text, said)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _said(self) -> dict[str, Any]:
        assert self._services is not None, "nothing is answered before the lifespan"
        return await self._status.of(self._services, self._watch.roots if self._watch is not None else ())


def _index(device: str) -> int:
    number = device.removeprefix("cuda").removeprefix(":")
    return int(number) if number.isdigit() else 0
