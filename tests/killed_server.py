"""Kill a server again and again at random moments under a mixed load; look at what each has left. Run by a test and a benchmark.

`python killed_server.py ROOT --kills N --seed S` prints one line of JSON with what was found. It ends with an error at the first
thing that is not as it must be (see `killed_checks.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from comparing import write_loras
from fastmcp import Client
from killed_checks import Known, being_kept, being_published, check_jobs, examine, rows
from processes import DGX_PIXELS, health, options
from training_calls import sprites

from dgx_pixels.bevy.manifest import read_manifest
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.server.connect import transport
from dgx_pixels.server.settings import Settings

MIX: tuple[tuple[str, Callable[[int], dict[str, Any]]], ...] = (
    ("generate_sprite", lambda n: {"prompt": "a red potion", "name": f"potion_n{n}", "seed": n, "steps": 8}),
    ("generate_sprite", lambda n: {"prompt": "a gold key", "name": "key", "seed": n, "steps": 2}),  # versions of one asset
    ("generate_sprite", lambda n: {"prompt": "a knight", "name": f"knight_n{n}", "seed": n, "steps": 4, "variants": 4}),
    ("generate_sprite", lambda n: {"prompt": ["a gem", "a sword", "a shield"] * 3, "name": f"loot_n{n}", "seed": n, "steps": 3}),
    ("generate_tileset", lambda n: {
        "terrains": ["water", "sand"], "name": f"ground_n{n}", "seed": n, "tile_size": 8, "variants": 1,
        "pairs": [["sand", "water"]],
    }),
    ("compare_models", lambda n: {
        "contenders": ["tiny-sdxl", "tiny-sdxl+style:0.5"], "prompts": ["a red potion", "a gold key"], "seed": n, "steps": 3,
    }),
    ("train_lora", lambda n: {
        "source": "art", "name": f"art-n{n}", "preset": "fast", "steps": 6, "rank": 2, "sample_prompts": [],
        "settings": {"batch_size": 2, "checkpoint_minutes": 0},
    }),
)  # fmt: skip
"""The mixed load, as calls of the number n. Seeds differ, so that no two jobs make equal bytes."""
_MOST_OPEN = 6
"""Jobs that wait: no more are asked for until some of them have ended."""
_NEW_AT_ONCE = 4
_STARTING, _GETTING_ON = 0.3, 0.3
"""How often a server is killed within 5 s of its start, and within 2 s of getting something done; else while it writes."""
_AT_MOST_S = 60.0
"""A server that gets nothing done for so long is killed all the same."""
_END_S = 1200.0


class Storm:
    """One storm, and all that it knows."""

    def __init__(self, settings: Settings, project: BevyProject, chance: random.Random) -> None:
        self.settings, self.project, self.chance = settings, project, chance
        self.known = Known()
        self.calls: dict[str, tuple[str, dict[str, Any]]] = {}
        self.log = settings.home.parent / "server.log"

    async def server(self) -> asyncio.subprocess.Process:
        """A server that answers."""
        with self.log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(*DGX_PIXELS, "serve", *options(self.settings), stderr=out, stdout=out)
        while await asyncio.to_thread(health, self.settings) is None:
            assert process.returncode is None, self.log.read_text()[-2000:]
            await asyncio.sleep(0.05)
        return process

    def open(self) -> int:
        """How many jobs have not ended."""
        counted: int = rows(self.settings.home, "SELECT count(*) FROM jobs WHERE status IN ('queued', 'running')")[0][0]
        return counted

    def done(self) -> int:
        """How much the library has: pictures kept, and jobs that have ended."""
        ended = "SELECT count(*) FROM jobs WHERE status NOT IN ('queued', 'running')"
        counted: int = rows(self.settings.home, f"SELECT (SELECT count(*) FROM kept) + ({ended})")[0][0]
        return counted

    async def ask(self) -> None:
        """Ask again what was never answered for, and for something new; a server that is killed meanwhile answers nothing."""
        again = [key for key in self.calls if key not in self.known.asked]
        for _ in range(_NEW_AT_ONCE if self.open() < _MOST_OPEN else 0):
            number = len(self.calls)
            tool, make = MIX[number % len(MIX)]
            arguments = make(number)
            if "source" in arguments:
                arguments["source"] = str(self.project.root / arguments["source"])
            self.calls[f"call {number}"] = (tool, arguments)
            again.append(f"call {number}")
        self.chance.shuffle(again)
        with contextlib.suppress(Exception):
            async with Client(transport(self.settings, self.project.root)) as client:
                for key in again:
                    await self._send(client, key)

    async def _send(self, client: Client[Any], key: str) -> None:
        tool, arguments = self.calls[key]
        answer = (await client.call_tool(tool, {**arguments, "key": key, "wait_s": 0})).structured_content
        assert answer is not None
        assert self.known.asked.setdefault(key, answer["job_id"]) == answer["job_id"]

    async def moment(self) -> None:
        """Wait until the server shall be killed."""
        which, until, before = self.chance.random(), time.monotonic() + _AT_MOST_S, self.done()
        if which < _STARTING:
            await asyncio.sleep(self.chance.uniform(0, 5))
        elif which < _STARTING + _GETTING_ON:
            while self.done() == before and time.monotonic() < until:
                await asyncio.sleep(0.02)
            await asyncio.sleep(self.chance.uniform(0, 2))
        else:
            writes = self.chance.choice((being_published, being_kept))
            while not writes(self.settings.home, self.project) - self.known.left and time.monotonic() < until:
                await asyncio.sleep(0.001)
            await asyncio.sleep(self.chance.uniform(0, 0.02))

    async def killed(self) -> None:
        """One server, killed at some moment, and a look at what it has left."""
        process = await self.server()
        asking = asyncio.create_task(self.ask())
        await self.moment()
        process.kill()
        await process.wait()
        asking.cancel()
        await asyncio.wait({asking})
        examine(self.settings.home, self.project, self.known)

    async def to_the_end(self) -> None:
        """Let a last server do all that is left; ask once more for everything: nothing is done a second time."""
        process = await self.server()
        await self.ask()
        until = time.monotonic() + _END_S
        while self.open():
            assert time.monotonic() < until, "the last server does not get everything done"
            await asyncio.sleep(0.2)
        async with Client(transport(self.settings, self.project.root)) as client:
            check_jobs(self.settings.home, self.known)
            for key in self.calls:
                with contextlib.suppress(Exception):  # a failed one answers with its error
                    await self._send(client, key)
            check_jobs(self.settings.home, self.known)
        process.kill()
        await process.wait()
        examine(self.settings.home, self.project, self.known)
        self._all_published()

    def _all_published(self) -> None:
        """What done jobs made is in the project: each of their paths is in the manifest, in its newest version."""
        listed = {entry.path: entry.version for entry in read_manifest(self.project).assets}
        made = rows(
            self.settings.home,
            "SELECT k.path, max(k.version) FROM kept k JOIN jobs j ON j.id = k.job_id WHERE j.status = 'done' GROUP BY k.path",
        )
        for path, version in made:
            assert path in listed, f"{path} is not published"
            assert path == "sprites/item_key.png" or listed[path] == version, f"{path} is an old version"  # keys overtake

    def figures(self, kills: int, seconds: float) -> dict[str, Any]:
        """What was found."""
        home = self.settings.home
        jobs = rows(home, "SELECT kind, status, coalesce(error, '') FROM jobs")
        return {
            "kills": kills, "seconds": round(seconds), "moments": dict(self.known.moments), "calls": len(self.calls),
            "jobs": {f"{kind} {status}": count for (kind, status), count in sorted(Counter(j[:2] for j in jobs).items())},
            "errors": sorted({error for *_, error in jobs if error}), "versions": len(self.known.versions),
            "begun": rows(home, "SELECT max(attempts) FROM jobs")[0][0],
        }  # fmt: skip


async def main(root: Path, port: int, kills: int, seed: int) -> None:
    """Kill so many servers; print what was found."""
    game = root / "game"
    (game / "assets").mkdir(parents=True)
    (game / "Cargo.toml").write_text('[package]\nname = "game"\nversion = "0.1.0"\n\n[dependencies]\nbevy = "0.19"\n')
    sprites(game / "art")
    settings = Settings(home=root / "home", port=port, device="cpu")
    write_loras(settings)
    storm = Storm(settings, BevyProject(root=game, assets=game / "assets"), random.Random(seed))
    started = time.monotonic()
    for number in range(kills):
        await storm.killed()
        print(f"{number + 1} of {kills}: {storm.open()} open, {storm.done()} done", file=sys.stderr, flush=True)
    await storm.to_the_end()
    print(json.dumps(storm.figures(kills, time.monotonic() - started)))


if __name__ == "__main__":
    words = argparse.ArgumentParser()
    words.add_argument("root", type=Path)
    words.add_argument("--port", type=int, default=18765)
    words.add_argument("--kills", type=int, default=100)
    words.add_argument("--seed", type=int, default=20261124)
    given = words.parse_args()
    asyncio.run(main(given.root, given.port, given.kills, given.seed))
