"""The server measured: what it adds to a call, ten clients at once, and whether its memory stays flat.

    .venv/bin/python benchmarks/server.py

Starts a real `dgx-pixels serve` on the embedded model, and beside it a bare FastMCP server whose one tool answers the same words;
both are asked over HTTP, in turns. Writes benchmarks/server.md. Exits with 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import torch
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.server.providers.proxy import ProxyClient
from measuring import Line, estimate, figures, measured_by, ratio, tables
from result_file import Run, add_results_option, all_of, at_most, told
from server_load import RUNNING, Load, project_in, unused_port

HERE = Path(__file__).parent
OVERHEAD_MS, UNDER_LOAD = 20, 5
GROWTH = 1.05


async def quiet(_: float, __: float | None, ___: str | None) -> None:
    """Hear of progress, and make nothing of it."""


async def timed(client: Client[Any], tool: str, arguments: dict[str, Any] | None = None) -> float:
    """Seconds that one call took. Raises ToolError."""
    begun = time.perf_counter()
    await client.call_tool(tool, arguments or {})
    return time.perf_counter() - begun


async def overhead(ours: Client[Any], bare: Client[Any], pids: tuple[int, int], rounds: int) -> list[Line]:
    """A cheap call, in turn with the bare server's: on the wall's clock, and of the cores in the two servers' processes."""
    words = (await ours.call_tool("list_assets", {"limit": 50})).structured_content
    for client, tool, given in ((ours, "list_assets", {"limit": 50}), (bare, "same", {"words": words})):
        for _ in range(5):
            await timed(client, tool, given)
    cores = [cpu_seconds(pid) for pid in pids]
    pairs = [
        (await timed(ours, "list_assets", {"limit": 50}), await timed(bare, "same", {"words": words})) for _ in range(rounds)
    ]
    our, their = zip(*pairs, strict=True)
    each = [(cpu_seconds(pid) - before) / rounds for pid, before in zip(pids, cores, strict=True)]
    own = estimate([a - b for a, b in pairs])
    return [
        Line("`list_assets`, 50 assets", estimate(our).text(" ms", 1000, 1)),
        Line("bare FastMCP, the same words", estimate(their).text(" ms", 1000, 1)),
        Line("ratio", ratio(our, their).text(" times")),
        Line(
            "our own: the difference",
            own.text(" ms", 1000, 1),
            at_most("library", "the server's own part of a cheap call", own.value * 1000, OVERHEAD_MS, "ms"),
        ),
        Line(
            "core seconds in the server's process, a call",
            f"{each[0] * 1000:.1f} ms, and {each[1] * 1000:.1f} ms in the bare one's",
            at_most("library", "the same in core seconds of the two servers", (each[0] - each[1]) * 1000, OVERHEAD_MS, "ms"),
        ),
    ]


async def beyond_its_job(ours: Client[Any], http: httpx2.AsyncClient, rounds: int) -> Line:
    """What `generate_sprite` takes at the client beyond what its job takes in the server."""
    over = []
    for i in range(rounds):
        before = await seconds_of_jobs(http)
        took = await timed(ours, "generate_sprite", {"prompt": "a red potion", "seed": i, "steps": 1, "name": f"over_{i}"})
        await asyncio.sleep(0.1)  # a job is counted beside its answer
        over.append(took - (await seconds_of_jobs(http) - before))
    own = estimate(over)
    figure = at_most("library", "`generate_sprite`, beyond its job", own.value * 1000, OVERHEAD_MS, "ms")
    return Line("`generate_sprite`, beyond its job", own.text(" ms", 1000, 1), figure)


async def seconds_of_jobs(http: httpx2.AsyncClient) -> float:
    """The seconds of all sprite jobs so far, from the server's metrics."""
    found = re.search(
        r'^dgx_pixels_generation_duration_seconds_sum\{workflow="sprite"\} (\S+)$', (await http.get("/metrics")).text, re.M
    )
    return float(found[1]) if found else 0.0


async def under_load(url: str, pid: int, ours: Client[Any], folder: Path, rounds: int) -> list[Line]:
    """Ten clients with 500 mixed requests a round, `list_assets` beside them, and the memory after each round."""
    load = Load(url, folder)
    await load.round()  # fills what is filled once
    idle = [await timed(ours, "list_assets") for _ in range(100)]
    memory, busy, seconds = [resident(pid)], [], []
    for _ in range(rounds):
        begun = time.perf_counter()
        running = asyncio.create_task(load.round())
        while not running.done():
            busy.append(await timed(ours, "list_assets"))
            await asyncio.sleep(0.02)
        await running
        seconds.append(time.perf_counter() - begun)
        memory.append(resident(pid))
    times = estimate(busy).value / estimate(idle).value
    grown = memory[-1] / memory[0]
    asked = load.answered + load.failed
    return [
        Line(f"answered of {asked} requests", str(load.answered),
             all_of("library", "requests of ten clients answered", load.answered, asked)),
        Line("one round of 500", estimate(seconds).text(" s", 1, 1),
             told("library", "500 requests of ten clients", estimate(seconds).value, "s")),
        Line("`list_assets`, idle", estimate(idle).text(" ms", 1000, 1)),
        Line("`list_assets`, under load", estimate(busy).text(" ms", 1000, 1)),
        Line("under load over idle", f"{times:.2f} times",
             at_most("library", "`list_assets` under load over idle", times, UNDER_LOAD, "times")),
        Line("memory after each round", ", ".join(f"{size / 2**20:.0f}" for size in memory) + " MiB",
             at_most("library", "memory after the last round over the first", grown, GROWTH, "times")),
    ]  # fmt: skip


def cpu_seconds(pid: int) -> float:
    """Seconds that all cores have worked for a process."""
    user, system = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Bytes that a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4096


@asynccontextmanager
async def serving(command: Sequence[str], url: str) -> AsyncIterator[int]:
    """A server that answers at `url`; gives its process id."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    async with httpx2.AsyncClient(trust_env=False) as http:
        while True:
            try:
                await http.get(url)
                break
            except httpx2.TransportError:
                if process.poll() is not None:
                    raise RuntimeError(f"{command} ended with {process.returncode}") from None
                await asyncio.sleep(0.1)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


async def measure(rounds: int, calls: int) -> dict[str, list[Line]]:
    """Everything, section by section."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        game = project_in(folder)
        port, other = unused_port(), unused_port()
        where = ["--home", str(folder / "home"), "--port", str(port), "--project", str(game), "--device", "cpu"]
        url, bare_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{other}"
        command = [sys.executable, "-m", "dgx_pixels.server", "serve", *where]
        async with (
            serving(command, f"{url}/health") as pid,
            serving([sys.executable, str(HERE / "server_load.py"), str(other)], bare_url) as bare_pid,
            # Clients that do not check answers against their schemas, which is no work of the server's.
            ProxyClient(StreamableHttpTransport(f"{url}/mcp"), progress_handler=quiet) as ours,
            ProxyClient(StreamableHttpTransport(f"{bare_url}/mcp"), progress_handler=quiet) as bare,
            httpx2.AsyncClient(base_url=url, trust_env=False) as http,
        ):
            for i in range(50):
                await timed(ours, "generate_sprite", {"prompt": "a red potion", "seed": i, "steps": 1, "name": f"asset_{i}"})
            lines = [*await overhead(ours, bare, (pid, bare_pid), calls), await beyond_its_job(ours, http, max(5, calls // 10))]
            return {
                "What the server adds to a call": lines,
                f"{RUNNING} clients at once": await under_load(f"{url}/mcp", pid, ours, folder, rounds),
            }


def main() -> int:
    """Measure and write the page; answers with 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of 500 requests")
    parser.add_argument("--calls", type=int, default=200, help="in turn with the bare server's")
    parser.add_argument("--out", type=Path, default=HERE / "server.md")
    add_results_option(parser)
    asked = parser.parse_args()
    run = Run.begin("server")
    sections = asyncio.run(measure(asked.rounds, asked.calls))
    busy = f"{os.cpu_count()} cores, on which {os.getloadavg()[2]:.0f} processes ran or waited in the mean, ours and others'."
    text = page(sections, f"{measured_by(torch.device('cpu'))} {busy}")
    print(text)
    asked.out.write_text(text)
    run.write(asked.results, figures(sections))
    return 1 if any(figure.kept is False for figure in figures(sections)) else 0


def page(sections: dict[str, list[Line]], who: str) -> str:
    """The report."""
    head = [
        "# The server measured", "",
        f"`.venv/bin/python {' '.join(['benchmarks/server.py', *sys.argv[1:]])}`: a real server on the embedded model and the",
        "CPU, asked over HTTP. Medians, with the interval that holds them in 95 of 100 bootstrap resamples. A round is 500",
        "requests of ten clients: lists, reads, pictures, job states, pixelized images, and one sprite in ten, which keeps the",
        f"cores busy all the time. The promises behind the last column: our own part below {OVERHEAD_MS} ms, all answered,",
        f"at most {UNDER_LOAD} times the idle time, memory within {(GROWTH - 1) * 100:.0f} % of the first round's.",
        "", who, "",
    ]  # fmt: skip
    return "\n".join([*head, *tables(sections)]).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
