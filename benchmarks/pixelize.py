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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pixel_cases import cases
from pixel_figures import NAIVE, growth_figures, level_figures
from pixel_rivals import METHODS
from pixel_score import Score, score
from pixel_simulator import LEVELS, Picture, spoil, subject, truth
from pixel_tiles import Tiles, load_tiles
from result_file import Run, add_results_option
from results import shown

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


@dataclass(frozen=True)
class Levels:
    """What each method made of each level's pictures."""

    scores: dict[str, dict[str, list[Score]]]
    times: dict[str, dict[str, list[float]]]
    clears: set[str]
    """Methods that cut out anything at all."""

    def mean(self, name: str, figure: str) -> list[float]:
        """A figure of the scores in per cent, level by level; where a picture has none, it does not count."""
        each = ([getattr(one, figure) for one in of_level] for of_level in self.scores[name].values())
        return [100 * float(np.mean([value for value in values if value is not None])) for values in each]

    def palettes(self, name: str) -> list[float]:
        """Colours over the truth's, level by level."""
        return [float(np.median([one.palette for one in of_level])) for of_level in self.scores[name].values()]

    def times_naive(self, name: str) -> list[float]:
        """The time as a multiple of naive's, level by level."""
        pairs = zip(self.times[name].values(), self.times[NAIVE].values(), strict=True)
        return [float(np.median(ours or [np.nan]) / np.median(naive)) for ours, naive in pairs]


def levels(found: dict[str, Worker], tiles: Tiles, seeds: Sequence[int], folder: Path) -> Levels:
    """Score all methods on all levels, interleaved."""
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
    return Levels(scores, times, clears)


def levels_table(found: Levels) -> str:
    """A markdown table."""
    lines = [
        "| method | grid found % | strict % | within 6 % | alpha IoU % | palette / truth | times naive |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in found.scores:
        cells = [
            *(by(found.mean(name, figure)) for figure in ("grid", "strict", "near")),
            by(found.mean(name, "alpha")) if name in found.clears else "-",
            by(found.palettes(name), 2),
            by(found.times_naive(name)),
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def by(values: Sequence[float | np.floating], digits: int = 1) -> str:
    """Write one value per level."""
    return " / ".join(f"{value:.{digits}f}" for value in values)


def growth(found: dict[str, Worker], tiles: Tiles, folder: Path) -> dict[str, list[float]]:
    """How time grows with a picture's size: seconds of each method at each size; the best of three."""
    fast = [name for name in found if name in (NAIVE, "dgx-pixels", "perfect-pixel", "ai2pixelart")]
    seconds: dict[str, list[float]] = {name: [] for name in fast}
    for side in SIZES:
        how = LEVELS["level 2"].__class__(**{**LEVELS["level 2"].__dict__, "side": side})
        true = subject(tiles, 5)
        picture = spoil(true, 5, how)
        for name in fast:
            runs = [answered(found[name], picture, true.shape[1::-1], folder)[1] for _ in range(3)]
            seconds[name].append(min(runs))
    return seconds


def growth_table(seconds: dict[str, list[float]]) -> str:
    """Seconds, and multiples of naive."""
    lines = ["| method | " + " | ".join(f"{side} px" for side in SIZES) + " |", "|---|" + "---|" * len(SIZES)]
    for name in seconds:
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
    add_results_option(parser)
    asked = parser.parse_args()
    run = Run.begin("pixelize")
    tiles, start = load_tiles(asked.tiles), time.perf_counter()
    found = workers(asked.rivals)
    seeds = range(asked.first, asked.first + asked.pictures)
    with tempfile.TemporaryDirectory() as folder:
        by_level = levels(found, tiles, seeds, Path(folder))
        print(levels_table(by_level), flush=True)
        seconds = growth(found, tiles, Path(folder))
        print("\n" + growth_table(seconds), flush=True)
    for worker in found.values():
        worker.end()
    figures = [*level_figures(by_level), *growth_figures(seconds, SIZES)]
    if asked.cases:
        found_of_cases = cases(tiles, seeds)
        print("\n".join(["", "| case | result |", "|---|---|", *(f"| {f.promise} | {shown(f)} |" for f in found_of_cases)]))
        figures += found_of_cases
    run.write(asked.results, figures, f"{asked.pictures} pictures a level, seeds from {asked.first}")
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
