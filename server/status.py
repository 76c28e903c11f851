"""How the server is: what `pixels://status` and `/health` say, and what the gauges of `/metrics` are taken from."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from dgx_pixels.models.telemetry import allocated_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dgx_pixels.models.renderer import Renderer
    from dgx_pixels.models.telemetry import GpuTelemetry
    from dgx_pixels.server.settings import Settings
    from dgx_pixels.server.subscriptions import Notifier
    from dgx_pixels.tools.services import Services

NAME = "dgx-pixels"
_RECENT = 10
"""Jobs that the status names: those that have not ended, then the newest."""


class Status:
    """Everything there is to say of one server; nothing of it waits for the GPU."""

    def __init__(
        self, settings: Settings, notifier: Notifier, telemetry: GpuTelemetry, renderer: Callable[[], Renderer | None]
    ) -> None:
        self._settings = settings
        self._notifier = notifier
        self._telemetry = telemetry
        self._renderer = renderer
        self._begun = time.monotonic()

    async def of(self, services: Services, projects: Iterable[Path]) -> dict[str, Any]:
        """The status as JSON has it. Raises LibraryError."""
        home = self._settings.home
        disk = await asyncio.to_thread(lambda: shutil.disk_usage(home).free)
        renderer, gpu = self._renderer(), self._telemetry.latest
        jobs = services.library.jobs
        recent = await jobs.recent_states(_RECENT)
        return {
            "name": NAME,
            "version": version(NAME),
            "home": str(home),
            "pid": os.getpid(),
            "uptime_s": round(time.monotonic() - self._begun, 1),
            "device": str(renderer.device) if renderer is not None else self._settings.device,
            "models_in_memory": list(renderer.shelf.ids) if renderer is not None else [],
            "gpu": asdict(gpu) if gpu is not None else None,
            "gpu_allocated_bytes": await asyncio.to_thread(allocated_bytes, renderer.device) if renderer is not None else None,
            "queue_depth": services.gpu.waiting,
            "jobs": await jobs.counts(),
            "recent_jobs": recent,
            "disk_free_bytes": disk,
            "memory_available_bytes": psutil.virtual_memory().available,  # page cache included: Linux gives that back
            "game_port": self._settings.brp_port,
            "projects": sorted(map(str, projects)),
            "notices": {
                "subscribed": len(self._notifier.subscribed), "told": self._notifier.told, "coalesced": self._notifier.coalesced,
            },
        }  # fmt: skip
