"""What drawing and training cost each other, where both share one GPU or CPU.

`python benchmarks/lora_sharing.py [--rounds 4] [--seconds 20] [--write]` starts a server of its own and trains tiny-sdxl in it.
Three phases take turns, so that whatever else the machine does falls on all alike: drawing alone (the training is paused),
training alone, and both: a sprite every few seconds while it trains. A sprite's time is that of the whole call, as a client waits
for it. What a training step takes is read from the run's metrics; how many it makes in a phase gives the steps a second.

The promise is that a drawing gets in within one training step: so a sprite may take one step longer while a training runs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import torch
from fastmcp import Client
from measuring import measured_by
from result_file import Figure, Run, add_results_option, at_most, told
from training_calls import at_step, call, sprites, until

from dgx_pixels.server.connect import transport
from dgx_pixels.server.find_server import running
from dgx_pixels.server.settings import Settings

_EVERY_S = 3.0
_SPRITE = {"prompt": "a red potion", "steps": 8, "publish": False, "model": "tiny-sdxl"}
_TRAINING = {"name": "sharing", "base": "tiny-sdxl", "preset": "fast", "steps": 100_000, "sample_prompts": [], "wait_s": 0}
PAGE = Path(__file__).with_suffix(".md")


@dataclass
class Found:
    """Seconds of sprites, alone and while it trains; steps a second, alone and while something is drawn; seconds of steps."""

    alone: list[float] = field(default_factory=list)
    shared: list[float] = field(default_factory=list)
    steps_alone: list[float] = field(default_factory=list)
    steps_shared: list[float] = field(default_factory=list)
    step_s: list[float] = field(default_factory=list)


@contextlib.asynccontextmanager
async def serving(home: Path, folder: Path) -> AsyncIterator[Client[Any]]:
    """A client of a server of its own on this home, which may read the folder."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    settings = Settings(home=home, port=port)
    words = ["serve", "--home", str(home), "--port", str(port), "--read-roots", str(folder)]
    server = await asyncio.create_subprocess_exec(sys.executable, "-m", "dgx_pixels.server", *words)
    try:
        while await running(settings) is None:
            await asyncio.sleep(0.1)
        async with Client(transport(settings, None)) as client:
            yield client
    finally:
        server.send_signal(signal.SIGTERM)
        await server.wait()


async def draw_for(client: Client[Any], seconds: float) -> list[float]:
    """Seconds that each sprite took, one every few seconds."""
    took: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        started = time.monotonic()
        await client.call_tool("generate_sprite", {**_SPRITE, "seed": len(took), "name": f"potion_{time.time_ns() % 10**9}x"})
        took.append(time.monotonic() - started)
        await asyncio.sleep(max(0.0, _EVERY_S - took[-1]))
    return took


async def measure(home: Path, folder: Path, rounds: int, seconds: float) -> Found:
    """Run all phases, round by round."""
    found = Found()
    async with serving(home, folder) as client:
        await client.call_tool("generate_sprite", _SPRITE)  # loads the model
        job_id = (await call(client, "train_lora", source=str(folder), **_TRAINING))["job_id"]
        metrics = home / "jobs" / job_id / "metrics.jsonl"
        for round_ in range(rounds):
            await until(client, job_id, at_step(5 + rows(metrics)))
            for shared in (False, True) if round_ % 2 else (True, False):
                before, started = rows(metrics), time.monotonic()
                if shared:
                    found.shared += await draw_for(client, seconds)
                else:
                    await asyncio.sleep(seconds)
                speed = (rows(metrics) - before) / (time.monotonic() - started)
                (found.steps_shared if shared else found.steps_alone).append(speed)
                if not shared:
                    found.step_s += [json.loads(line)["seconds"] for line in metrics.read_text().splitlines()[before:]]
            await call(client, "cancel_job", job_id=job_id, pause=True)
            found.alone += await draw_for(client, seconds)
            if round_ + 1 < rounds:
                await call(client, "train_lora", resume=job_id, wait_s=0)
    return found


def rows(metrics: Path) -> int:
    """How many steps a run has made."""
    return metrics.read_text().count("\n") if metrics.exists() else 0


def figures(found: Found) -> list[Figure]:
    """What was promised, and what training lost."""
    step, alone, shared = (statistics.median(v) for v in (found.step_s, found.alone, found.shared))
    kept = statistics.mean(found.steps_shared) / statistics.mean(found.steps_alone)
    return [
        at_most("training", "a sprite while it trains comes later than without, in training steps: median / worst",
                [(shared - alone) / step, (max(found.shared) - alone) / step], 1, "steps"),
        told("training", "seconds for a sprite: without a training / while it trains", [alone, shared], "s"),
        told("training", f"training steps kept with a sprite every {_EVERY_S:g} s", 100 * kept, "%"),
    ]  # fmt: skip


def page(found: Found, rounds: int, seconds: float) -> str:
    """The results as Markdown."""
    step, alone, shared = (statistics.median(v) for v in (found.step_s, found.alone, found.shared))
    fast, slow = statistics.mean(found.steps_alone), statistics.mean(found.steps_shared)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    later, worst = (shared - alone) / step, (max(found.shared) - alone) / step
    return f"""# Drawing while training

`.venv/bin/python benchmarks/lora_sharing.py --rounds {rounds} --seconds {seconds:g} --write`: `dgx-pixels serve` on tiny-sdxl, a
sprite of {_SPRITE["steps"]} steps every {_EVERY_S:g} s, while the preset `fast` trains (batches of 8). The phases took turns.

{measured_by(torch.device("cpu"))}
Load of the machine in the end (1, 5, 15 minutes; {os.cpu_count()} cores): {load}.

| seconds for a sprite | median | worst | sprites |
|---|---|---|---|
{_row("no training", found.alone)}
{_row("while it trains", found.shared)}
| longer by | {shared - alone:.2f} | {max(found.shared) - max(found.alone):.2f} | |

A training step takes {step:.2f} s (median; the worst {max(found.step_s):.2f} s). A drawing waits for the one that runs: the
median sprite came {later:.1f} steps later than without training, the worst {worst:.1f} steps later than the median without.

| the training | steps a second |
|---|---|
| alone | {fast:.2f} |
| with a sprite every {_EVERY_S:g} s | {slow:.2f} |
| kept | {slow / fast:.0%} |

The sprites took {shared / _EVERY_S:.0%} of the time, waiting included: while one is drawn, nothing is learnt.
"""


def _row(name: str, values: Sequence[float]) -> str:
    return f"| {name} | {statistics.median(values):.2f} | {max(values):.2f} | {len(values)} |"


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20, help="of each phase")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    add_results_option(parser)
    arguments = parser.parse_args()
    run = Run.begin("lora_sharing")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # two processes of many threads each would fight for the cores
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        found = asyncio.run(measure(root / "home", sprites(root / "art", 24), arguments.rounds, arguments.seconds))
    run.write(arguments.results, figures(found), f"{arguments.rounds} rounds of {arguments.seconds:g} s a phase")
    text = page(found, arguments.rounds, arguments.seconds)
    print(text)
    if arguments.write:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
