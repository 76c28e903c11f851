"""Status, health and metrics tell what is so."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from prometheus_client import generate_latest
from test_http_security import asking
from test_resources import read

from dgx_pixels.library.library import Library
from dgx_pixels.library.records import NewVersion
from dgx_pixels.models import telemetry
from dgx_pixels.models.telemetry import GpuState, GpuTelemetry
from dgx_pixels.server.metrics import Metrics, error_type
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.answers import BatchAnswer, BatchAsset, BatchItemAnswer, JobResult
from dgx_pixels.tools.jobs import _INNER_FAILURE

SMI = "NVIDIA GB10, 54, 7, 11.62, [N/A], [N/A]\n"


def value(text: str, series: str) -> float | None:
    """The value of a series in what Prometheus reads."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


def mcp_of(http: httpx2.AsyncClient) -> Client[Any]:
    """An MCP client of the server that `http` asks."""
    return Client(
        StreamableHttpTransport(
            f"{http.base_url}/mcp",
            httpx_client_factory=lambda **more: httpx2.AsyncClient(transport=http._transport, **more),  # type: ignore[arg-type]
        )
    )


async def test_metrics_count_what_jobs_have_made(settings: Settings) -> None:
    """Images by workflow and model, failures by kind, durations, calls; and as gauges jobs, queue, disk and memory."""
    async with asking(settings) as http, mcp_of(http) as client:
        await client.call_tool("generate_sprite", {"prompt": "a red potion", "seed": 1, "steps": 1, "variants": 2})
        await client.call_tool("generate_sprite", {"prompt": ""}, raise_on_error=False)
        await asyncio.sleep(0.1)  # it is counted beside the answer
        answer = await http.get("/metrics")
        text = answer.text

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert value(text, 'dgx_pixels_images_generated_total{model="tiny-sdxl",workflow="sprite"}') == 2
    assert value(text, 'dgx_pixels_generation_duration_seconds_count{workflow="sprite"}') == 1
    assert value(text, 'dgx_pixels_tool_call_seconds_count{outcome="ok",tool="generate_sprite"}') == 1
    assert value(text, 'dgx_pixels_tool_call_seconds_count{outcome="refused",tool="any"}') == 1
    assert [value(text, f"dgx_pixels_{name}") for name in ("active_jobs", "queue_depth")] == [0, 0]
    assert all((value(text, f"dgx_pixels_{name}_bytes") or 0) > 1e6 for name in ("disk_free", "memory_available"))


async def test_a_failed_job_is_counted_by_its_kind_and_a_cancelled_one_is_no_failure(tmp_path: Path) -> None:
    """Its duration is none of those that made something; so is one that is paused."""
    library, metrics = await Library.open(tmp_path), Metrics()
    for job_id, status in (("one", "failed"), ("two", "cancelled"), ("three", "paused")):
        await library.jobs.create(job_id, "tileset", "", "{}")
        await library.jobs.begin(job_id)
        metrics.job_changed(library, job_id)
        await library.jobs.set(job_id, status, error=_INNER_FAILURE)  # type: ignore[arg-type]  # each is a status
        metrics.job_changed(library, job_id)
    await metrics.close()
    await library.close()
    text = generate_latest(metrics.registry).decode()

    assert re.findall(r"^dgx_pixels_generation_failures_total.*", text, re.MULTILINE) == [
        'dgx_pixels_generation_failures_total{error_type="internal",workflow="tileset"} 1.0'
    ]
    assert "dgx_pixels_generation_duration_seconds_count" not in text


async def test_a_batchs_pictures_and_failed_prompts_are_counted(tmp_path: Path) -> None:
    """Each by its model or its kind, though the job as a whole is done."""
    library, metrics = await Library.open(tmp_path), Metrics()
    kept = await library.add(NewVersion(
        project="", path="sprites/gem.png", kind="sprite", name="gem", category="item", png=b"png", recipe='{"model": "sdxl"}',
        width=1, height=1, colors=1, seed=1,
    ))  # fmt: skip
    asset = BatchAsset(id=kept.id, version=kept.version, path=kept.path, seed=1, published=False, reloaded=None)
    items = [
        BatchItemAnswer(prompt="a gem", status="done", assets=[asset]),
        BatchItemAnswer(prompt="a key", status="failed", error="There is no model 'x'.", assets=[]),
    ]
    result = JobResult(batch=BatchAnswer(done=1, failed=1, folder=None, items=items))
    await library.jobs.create("one", "batch", "", "{}")
    await library.jobs.set("one", "done", result=result.model_dump_json())
    metrics.job_changed(library, "one")
    await metrics.close()
    await library.close()
    text = generate_latest(metrics.registry).decode()

    assert value(text, 'dgx_pixels_images_generated_total{model="sdxl",workflow="batch"}') == 1
    assert value(text, 'dgx_pixels_generation_failures_total{error_type="refused",workflow="batch"}') == 1


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        (_INNER_FAILURE, "internal"),
        ("There is not enough memory to load sdxl.", "memory"),
        ("The server ended 2 times while it worked on this job: its log may say why.", "server_ended"),
        ("assets/sprites/a.png was edited since it was published: choose another name.", "publish"),
        ("There is no model 'x'.", "refused"),
    ],
)
def test_failures_are_of_few_kinds(sentence: str, kind: str) -> None:
    """A series for each sentence would be a series for each prompt."""
    assert error_type(sentence) == kind


async def test_the_status_says_how_the_server_is(client: Client[Any], settings: Settings, game: Path) -> None:
    """Before the first picture and after it; the projects that were served are named."""
    before = await read(client, "pixels://status")
    await client.call_tool("generate_sprite", {"prompt": "a red potion", "seed": 1, "steps": 1})
    after = await read(client, "pixels://status")

    assert (before["name"], before["home"], before["game_port"]) == ("dgx-pixels", str(settings.home), settings.brp_port)
    assert (before["models_in_memory"], before["projects"]) == ([], [])
    assert (after["device"], after["models_in_memory"], after["projects"]) == ("cpu", ["tiny-sdxl"], [str(game)])
    assert after["jobs"] == {"queued": 0, "running": 0, "paused": 0}
    assert [(job["kind"], job["status"]) for job in after["recent_jobs"]] == [("sprite", "done")]
    assert (after["gpu_allocated_bytes"], after["queue_depth"]) == (None, 0)
    assert after["uptime_s"] >= before["uptime_s"]


def test_what_the_driver_tells_is_read() -> None:
    """On DGX Spark it does not tell the memory, which is the system's own: that is None, not 0."""
    assert telemetry._read(SMI) == GpuState("NVIDIA GB10", 54.0, 7.0, 11.62, None, None)
    with pytest.raises(ValueError, match="No devices"):
        telemetry._read("No devices were found\n")


def test_a_driver_that_does_not_answer_is_warned_of_once_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A driver that is busy for a while tells afterwards."""
    smi, asked_of = tmp_path / "nvidia-smi", tmp_path / "asked"
    smi.write_text(f"#!/bin/sh\necho x >> {asked_of}\n[ $(wc -l < {asked_of}) -gt 3 ] || exit 9\necho '{SMI.strip()}'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    asked = GpuTelemetry(every_s=0.01)
    asked.start()
    while asked.latest is None:
        assert asked._thread.is_alive()
    asked.stop()

    assert asked.latest.temperature_c == 54
    assert caplog.text.count("does not tell how it is") == 1


def test_a_driver_that_tells_is_asked_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest answer is there at once."""
    smi, asked_of = tmp_path / "nvidia-smi", tmp_path / "asked"
    smi.write_text(f"#!/bin/sh\necho x >> {asked_of}\necho '{SMI.strip()}'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    asked = GpuTelemetry(every_s=0.01)
    asked.start()
    while not asked_of.exists() or len(asked_of.read_text().split()) < 3:
        assert asked._thread.is_alive()
    asked.stop()

    assert asked.latest is not None
    assert asked.latest.temperature_c == 54
