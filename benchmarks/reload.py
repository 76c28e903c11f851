"""How long from asking to publish until the running game is known to show the picture, and how much of that is ours.

`python benchmarks/reload.py [--count 60]` runs the example game (`make game` builds it) without drawing, and publishes one sprite
again and again at random gaps. Three instants divide each round: the rename that shows the file (its time of change on disk), the
line `Reloaded ...` in the game's log, and our answer. What lies between rename and line is Bevy's: its watcher waits 300 ms for
further changes and looks every 75 ms, then the image is loaded. What lies before and after is ours, though one or two frames of
the game are in it: Bevy tells of the reload, and answers us, at a frame's end.

It also measures what looking for a game costs where none runs: publishing with and without it, in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from games import free_port, missing, running
from publishing import POTION, item
from result_file import Figure, Run, add_results_option, at_most, told

from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import Publisher, PublishItem
from dgx_pixels.bevy.reload import DEFAULT_WAIT_S, ReloadWatch, picture_of

_LINE = re.compile(r"^(\S+Z)\s.*Reloaded (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Round:
    """One publish: seconds of the clock at its beginning, at the rename, and at our answer."""

    begun: float
    renamed: float
    answered: float


async def publish(project: BevyProject, made: PublishItem, port: int) -> bool | None:
    """Publish and wait for the reload, as the tools do."""
    async with ReloadWatch(project, port) as watch:
        looking = asyncio.create_task(watch.game())
        await asyncio.to_thread(Publisher().publish, project, [made])
        published_at = time.monotonic()
        found = await watch.wait(await looking, [picture_of(POTION, made.data)], published_at, DEFAULT_WAIT_S)
    return found[POTION].reloaded


async def rounds(project: BevyProject, port: int, count: int) -> list[Round]:
    """Publish so often, each time other pixels, each time long after the last."""
    gaps = random.Random(1)
    made = []
    for shade in range(2, count + 2):
        await asyncio.sleep(gaps.uniform(0.6, 1.2))
        begun = time.time()
        reloaded = await publish(project, item(shade, side=32), port)
        answered = time.time()
        assert reloaded, "the game has not shown it"
        made.append(Round(begun, (project.assets / POTION).stat().st_ctime, answered))
    return made


def reloads(log: Path) -> list[float]:
    """The instants at which the game wrote that it had reloaded the sprite, in seconds of the clock."""
    return [datetime.fromisoformat(at).timestamp() for at, path in _LINE.findall(log.read_text()) if path == POTION]


def shares(made: Sequence[Round], loaded: Sequence[float]) -> dict[str, list[float]]:
    """Milliseconds of each round, divided; a round whose line is not between rename and answer is an error."""
    parts: dict[str, list[float]] = {"whole": [], "until the rename": [], "Bevy: rename to reload": [], "reload to answer": []}
    for one in made:
        at = [line for line in loaded if one.renamed < line < one.answered]
        assert len(at) == 1, f"{len(at)} reloads for one publish"
        values = (one.answered - one.begun, one.renamed - one.begun, at[0] - one.renamed, one.answered - at[0])
        for name, seconds in zip(parts, values, strict=True):
            parts[name].append(1000 * seconds)
    parts["ours: before and after"] = [a + b for a, b in zip(parts["until the rename"], parts["reload to answer"], strict=True)]
    return parts


async def without_game(project: BevyProject, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of a publish alone, and of one that looks for a game that is not there, in turn."""
    alone, looking, port = [], [], free_port()
    for shade in range(count):
        started = time.perf_counter()
        await asyncio.to_thread(Publisher().publish, project, [item(2 * shade + 1000, side=32)])
        alone.append(1000 * (time.perf_counter() - started))
        started = time.perf_counter()
        assert await publish(project, item(2 * shade + 1001, side=32), port) is None
        looking.append(1000 * (time.perf_counter() - started))
    return alone, looking


def row(name: str, values: Sequence[float]) -> str:
    """A line of the table: median, 95th percentile and extremes in milliseconds."""
    return f"| {name} | {statistics.median(values):.0f} | {_late(values):.0f} | {min(values):.0f} to {max(values):.0f} |"


def figures(parts: dict[str, list[float]]) -> list[Figure]:
    """What was promised of our share."""

    def both(name: str) -> list[float]:
        return [statistics.median(parts[name]), _late(parts[name])]

    return [
        told("bevy", "from asking to publish until the reload is confirmed: median / 95th percentile", both("whole"), "ms"),
        told("bevy", "of that Bevy's own, from rename to reload", both("Bevy: rename to reload"), "ms"),
        at_most("bevy", "of that ours, before and after: median / 95th percentile", both("ours: before and after"), 60, "ms"),
    ]


def _late(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60, help="how many publishes")
    add_results_option(parser)
    asked = parser.parse_args()
    count, run = asked.count, Run.begin("reload")
    if (lack := missing("assets")) is not None:
        sys.exit(lack)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        (root / "assets").mkdir()
        project = BevyProject(root, root / "assets")
        Publisher().publish(project, [item(1, side=32)])
        log = root / "game.log"
        with running(root, log, "assets") as game:
            made = asyncio.run(rounds(project, game.port, count))
        parts = shares(made, reloads(log))
        alone, looking = asyncio.run(without_game(project, count))
    run.write(asked.results, figures(parts), f"{count} rounds")
    print("| ms | median | 95th percentile | extremes |\n|---|---|---|---|")
    for name, values in parts.items():
        print(row(name, values))
    print(row("no game: publishing alone", alone))
    print(row("no game: publishing and looking for one", looking))
    print(f"| ratio of these two medians | {statistics.median(looking) / statistics.median(alone):.2f} | | |")


if __name__ == "__main__":
    main()
