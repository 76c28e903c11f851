"""Metrics for Prometheus, from what the library's jobs become and what the server is asked."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from itertools import chain
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from dgx_pixels.library.database import LibraryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dgx_pixels.library.library import Library
    from dgx_pixels.library.records import JobRecord

logger = logging.getLogger(__name__)

_SECONDS = (0.5, 1, 2, 3, 5, 10, 15, 20, 30, 45, 60)
_CALL_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 15, 60)
_ENDED = ("done", "failed", "cancelled")
_NONE = "none"
"""The model of what no model draws."""


class Metrics:
    """One registry for one server, so that several in one process do not count together."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.generated = Counter(
            "dgx_pixels_images_generated", "Images that jobs have made.", ("workflow", "model"), registry=self.registry
        )
        self.failures = Counter(
            "dgx_pixels_generation_failures",
            "Jobs, and prompts of batches, that have failed.",
            ("workflow", "error_type"),
            registry=self.registry,
        )
        self.duration = Histogram(
            "dgx_pixels_generation_duration_seconds", "From a job's beginning to its end.", ("workflow",), buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.calls = Histogram(
            "dgx_pixels_tool_call_seconds", "How long tool calls took.", ("tool", "outcome"), buckets=_CALL_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.refused = Counter(
            "dgx_pixels_requests_refused", "HTTP requests that were turned away.", ("status",), registry=self.registry
        )
        self._gauges: dict[str, Gauge] = {}
        self._begun: dict[str, float] = {}
        self._counting: set[asyncio.Task[None]] = set()

    def text(self, status: Mapping[str, Any]) -> bytes:
        """What Prometheus reads: what was counted, and the figures of the server's status as they are now."""
        jobs, gpu = status["jobs"], status["gpu"] or {}
        now = {
            "active_jobs": ("Jobs that are running.", jobs["running"]),
            "queued_jobs": ("Jobs that wait to be begun.", jobs["queued"]),
            "queue_depth": ("Pictures that wait for the GPU or are being drawn.", status["queue_depth"]),
            "disk_free_bytes": ("Free where the library lies.", status["disk_free_bytes"]),
            "memory_available_bytes": ("What the system could still give.", status["memory_available_bytes"]),
            "subscribed_resources": ("Resources that clients want to hear of.", status["notices"]["subscribed"]),
            "notices_told": ("Notices given out since the start.", status["notices"]["told"]),
            "notices_coalesced": ("Changes told by the notice of another.", status["notices"]["coalesced"]),
            "gpu_temperature_celsius": ("As the driver tells.", gpu.get("temperature_c")),
            "gpu_memory_used_bytes": ("As the driver tells.", gpu.get("memory_used_bytes")),
            "gpu_memory_total_bytes": ("As the driver tells.", gpu.get("memory_total_bytes")),
            "gpu_allocated_bytes": ("Of tensors, as torch counts them.", status["gpu_allocated_bytes"]),
            "gpu_utilization_percent": ("As the driver tells.", gpu.get("utilization_percent")),
        }
        for name, (what, value) in now.items():
            if value is None:
                if name in self._gauges:
                    self._gauges[name].set(float("nan"))  # it is not known any more
                continue
            if name not in self._gauges:
                self._gauges[name] = Gauge(f"dgx_pixels_{name}", what, registry=self.registry)
            self._gauges[name].set(value)
        return generate_latest(self.registry)

    def job_changed(self, library: Library, job_id: str) -> None:
        """Count what a job has become; in the event loop."""
        task = asyncio.create_task(self._count(library, job_id, time.monotonic()))
        self._counting.add(task)
        task.add_done_callback(self._counting.discard)

    async def close(self) -> None:
        """Count what is left to count: the library is about to be closed."""
        await asyncio.gather(*self._counting, return_exceptions=True)

    async def _count(self, library: Library, job_id: str, now: float) -> None:
        try:
            job = await library.jobs.find(job_id)
            if job is None:
                return
            if job.status not in _ENDED:
                if job.status == "running":
                    self._begun.setdefault(job_id, now)
                else:
                    self._begun.pop(job_id, None)
                return
            begun = self._begun.pop(job_id, now)
            await self._ended(library, job, now - begun)
        except (LibraryError, ValueError, TypeError, KeyError, AttributeError) as error:  # a result of another version's shape
            logger.warning("job %s is not counted: %s", job_id, error)

    async def _ended(self, library: Library, job: JobRecord, seconds: float) -> None:
        logger.info("job %s is %s", job.id, job.status, extra={"facts": {
            "job": job.id, "kind": job.kind, "status": job.status, "seconds": round(seconds, 3),
        }})  # fmt: skip
        if job.status == "failed":
            self.failures.labels(job.kind, error_type(job.error or "")).inc()
        if job.status != "done" or job.result is None:
            return
        self.duration.labels(job.kind).observe(seconds)
        result = json.loads(job.result)
        items = (result.get("batch") or {}).get("items", ())
        for item in items:
            if item["status"] == "failed":
                self.failures.labels(job.kind, error_type(item["error"] or "")).inc()
        for asset in chain(result.get("assets", ()), *(item["assets"] for item in items)):
            recipe = json.loads((await library.version(asset["id"], asset["version"])).recipe)
            self.generated.labels(job.kind, str(recipe.get("model", _NONE))[:100]).inc()


def error_type(sentence: str) -> str:
    """The kind of a failure, by its sentence: few kinds, since each is a series of its own."""
    for kind, words in _KINDS.items():
        if any(word in sentence.lower() for word in words):
            return kind
    return "refused"


_KINDS = {
    "internal": ("went wrong inside",),
    "memory": ("memory",),
    "server_ended": ("server ended", "server is closing"),
    "queue_full": ("waiting for the gpu already",),
    "publish": ("was edited", "was not made by", "another process has been writing"),
}
