"""Status, health and metrics tell what is so, and the log has a line for what was done, with its job."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from prometheus_client import generate_latest
from test_http_security import asking
from test_resources import read

from dgx_pixels.library.library import Library
from dgx_pixels.models import telemetry
from dgx_pixels.models.telemetry import GpuState, GpuTelemetry
from dgx_pixels.server import logs
from dgx_pixels.server.metrics import Metrics, error_type
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.jobs import _INNER_FAILURE, CURRENT_JOB

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


@pytest.fixture
def logging_into(tmp_path: Path) -> Iterator[Path]:
    """Logs are configured as a server does, for the test's own folder; afterwards they are as before."""
    names = (logs._OURS, *logs._OTHERS)
    before = {name: (logger := logging.getLogger(name), logger.handlers[:], logger.propagate, logger.level) for name in names}
    for name in names:
        logging.getLogger(name).handlers = []
    logs.configure(tmp_path)
    yield tmp_path / "logs/server.jsonl"
    for logger, handlers, propagate, level in before.values():
        for handler in logger.handlers:
            handler.close()
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


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


def test_a_driver_that_cannot_be_asked_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is warned of once; nothing waits for it."""
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\nexit 9\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    asked = GpuTelemetry(every_s=0.01)
    asked.start()
    asked._thread.join(5)

    assert not asked._thread.is_alive()
    assert asked.latest is None


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


async def test_the_log_has_each_call_and_each_jobs_end(logging_into: Path, server: FastMCP[Any]) -> None:
    """As JSON lines with the job's id, which is also on what is logged while it is worked on; prompts are not logged."""
    async with Client(server) as client:
        asked = {"prompt": "a secret potion", "seed": 1, "steps": 1}
        job = (await client.call_tool("generate_sprite", asked)).structured_content
        assert job is not None
        await client.call_tool("generate_sprite", {"prompt": ""}, raise_on_error=False)
        token = CURRENT_JOB.set("f00")
        logging.getLogger("dgx_pixels.anything").warning("of a job, \n in two lines")
        CURRENT_JOB.reset(token)
        await asyncio.sleep(0.1)

    lines = [json.loads(line) for line in logging_into.read_text().splitlines()]
    ended = next(line for line in lines if line.get("job") == job["job_id"])
    assert (ended["kind"], ended["status"], ended["level"]) == ("sprite", "done", "info")
    assert [line["outcome"] for line in lines if line.get("tool") == "generate_sprite"] == ["ok", "refused"]
    assert next(line for line in lines if line.get("job") == "f00")["message"] == "of a job, \n in two lines"
    assert "secret" not in logging_into.read_text()


def test_the_log_is_bounded(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Whatever is logged, it is at most five files of a bounded size, and no line is longer than a few thousand characters."""
    monkeypatch.setattr(logs, "_MOST_BYTES", 20_000)
    file: Path = request.getfixturevalue("logging_into")
    for _ in range(40):
        logging.getLogger("dgx_pixels.anything").info("%s", "x" * 10_000)

    files = sorted(file.parent.glob("server.jsonl*"))
    assert len(files) == 5
    assert all(0 < f.stat().st_size <= 20_000 for f in files)


def test_a_log_that_cannot_be_written_is_said_and_nothing_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The server runs without one."""
    (tmp_path / "logs").write_text("a file where the folder should be")
    logs.configure(tmp_path)
    handlers = logging.getLogger(logs._OURS).handlers

    assert len(handlers) == 1
    for name in (logs._OURS, *logs._OTHERS):
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = [], True
