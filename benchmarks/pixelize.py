"""How well the engine gives back pixel art, how fast, and beside whom.

`.venv/bin/python benchmarks/pixelize.py [--pictures 60] [--first 0] [--tiles DIR] [--rivals DIR] [--cases]`

DIR of --rivals holds an environment for each rival that is to run: `python -m venv DIR/unfake && DIR/unfake/bin/pip install
unfake`, and so on for the names in pixel_rivals.py. `--cases` adds the cases beyond the three levels, for our engine alone.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pixel_cases import cases_table
from pixel_rivals import METHODS
from pixel_score import Score, score
from pixel_simulator import LEVELS, Picture, spoil, subject, truth
from pixel_tiles import Tiles, load_tiles

NAIVE = "naive, told the size"
SIZES = (512, 1024, 2048, 4096)  # px


class Worker:
    """A method in its own resident process."""

    def __init__(self, name: str, python: str) -> None:
        script = str(Path(__file__).with_name("pixel_rivals.py"))
        self._process = subprocess.Popen(
            [python, script, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def run(self, source: Path, target: Path, size: tuple[int, int]) -> float | None:
        """Answer the seconds that one picture took; None if the method failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{source}\t{target}\t{size[0]}\t{size[1]}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        said = self._process.stdout.readline()
        return float(said.split()[1]) if said.startswith("ok ") else None

    def end(self) -> None:
        """End the process by ending its input."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


def workers(rivals: Path | None) -> dict[str, Worker]:
    """Start every method that is installed."""
    found = {}
    for name, (package, _) in METHODS.items():
        python = Path(sys.executable) if not package else (rivals or Path()) / package / "bin/python"
        if not package or (rivals is not None and python.exists()):
            found[name] = Worker(name, str(python))
    return found


def answered(worker: Worker, picture: Picture, size: tuple[int, int], folder: Path) -> tuple[Picture | None, float]:
    """Give a method a picture; its answer, (h, w, 4), and the seconds it took."""
    source, target = folder / "in.png", folder / "out.png"
    target.unlink(missing_ok=True)
    Image.fromarray(picture).save(source)
    seconds = worker.run(source, target, size)
    if seconds is None or not target.exists():
        return None, 0.0
    return np.array(Image.open(target).convert("RGBA")), seconds


def levels_table(found: dict[str, Worker], tiles: Tiles, seeds: Sequence[int], folder: Path) -> str:
    """Score all methods on all levels, interleaved; a markdown table."""
    scores: dict[str, dict[str, list[Score]]] = {name: {level: [] for level in LEVELS} for name in found}
    times: dict[str, dict[str, list[float]]] = {name: {level: [] for level in LEVELS} for name in found}
    clears: set[str] = set()
    for level, how in LEVELS.items():
        for seed in seeds:
            true = truth(tiles, seed)
            picture = spoil(true, seed, how)
            for name, worker in found.items():
                answer, seconds = answered(worker, picture, true.shape[1::-1], folder)
                if answer is not None:
                    times[name][level].append(seconds)
                    if (answer[..., 3] == 0).any():
                        clears.add(name)
                missed = np.zeros((1, 1, 4), dtype=np.uint8)
                scores[name][level].append(score(true, missed if answer is None else answer))
    lines = [
        "| method | grid found % | strict % | within 6 % | alpha IoU % | palette / truth | times naive |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, by_level in scores.items():
        cells = [
            by([100 * np.mean([one.grid for one in by_level[level]]) for level in LEVELS]),
            by([100 * np.mean([one.strict for one in by_level[level]]) for level in LEVELS]),
            by([100 * np.mean([one.near for one in by_level[level]]) for level in LEVELS]),
            by([100 * np.mean([one.alpha for one in by_level[level] if one.alpha is not None]) for level in LEVELS])
            if name in clears
            else "-",
            by([np.median([one.palette for one in by_level[level]]) for level in LEVELS], 2),
            by([np.median(times[name][level] or [np.nan]) / np.median(times[NAIVE][level]) for level in LEVELS]),
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def by(values: Sequence[float | np.floating], digits: int = 1) -> str:
    """Write one value per level."""
    return " / ".join(f"{value:.{digits}f}" for value in values)


def growth_table(found: dict[str, Worker], tiles: Tiles, folder: Path) -> str:
    """How time grows with a picture's size: seconds, and multiples of naive; the best of three."""
    fast = [name for name in found if name in (NAIVE, "dgx-pixels", "perfect-pixel", "ai2pixelart")]
    lines = ["| method | " + " | ".join(f"{side} px" for side in SIZES) + " |", "|---|" + "---|" * len(SIZES)]
    seconds: dict[str, list[float]] = {name: [] for name in fast}
    for side in SIZES:
        how = LEVELS["level 2"].__class__(**{**LEVELS["level 2"].__dict__, "side": side})
        true = subject(tiles, 5)
        picture = spoil(true, 5, how)
        for name in fast:
            runs = [answered(found[name], picture, true.shape[1::-1], folder)[1] for _ in range(3)]
            seconds[name].append(min(runs))
    for name in fast:
        cells = [f"{one:.2f} s ({one / base:.1f} x)" for one, base in zip(seconds[name], seconds[NAIVE], strict=True)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run what was asked for and print markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=60, help="a level")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--tiles", type=Path, help="an unpacked release of the Dungeon Crawl tiles, for all of them")
    parser.add_argument("--rivals", type=Path, help="folder of environments, one for each rival")
    parser.add_argument("--cases", action="store_true", help="add the cases beyond the three levels")
    asked = parser.parse_args()
    tiles, start = load_tiles(asked.tiles), time.perf_counter()
    found = workers(asked.rivals)
    seeds = range(asked.first, asked.first + asked.pictures)
    with tempfile.TemporaryDirectory() as folder:
        print(levels_table(found, tiles, seeds, Path(folder)), flush=True)
        print("\n" + growth_table(found, tiles, Path(folder)), flush=True)
    for worker in found.values():
        worker.end()
    if asked.cases:
        print("\n" + cases_table(tiles, seeds), flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
