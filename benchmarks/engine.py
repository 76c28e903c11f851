"""The engine measured on the embedded model: what it adds to diffusers, and whether it keeps its promises.

    .venv/bin/python benchmarks/engine.py --compile

Writes benchmarks/engine.md. Exits with 1 if a promise was broken. `--device cuda` runs the same on a GPU. Times are taken in
turns, in one process; each figure is a median, with the interval of a bootstrap. Nothing is compiled without `--compile`, which
takes minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from engine_cases import batching, growth, invariance, overhead, swapping
from engine_compiled import compiling
from measuring import Line, figures, measured_by, tables
from result_file import Run, add_results_option

from dgx_pixels.models.renderer import Renderer

HERE = Path(__file__).parent


def main() -> int:
    """Measure, write the page; answers with 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--requests", type=int, default=200, help="mixed requests, for the growth of memory")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "engine.md")
    add_results_option(parser)
    asked = parser.parse_args()
    run = Run.begin("engine")
    renderer = Renderer(asked.device, compiles=False)
    sections: dict[str, list[Line]] = {}
    who = measured_by(renderer.device)

    def add(title: str, lines: list[Line]) -> None:
        sections[title] = lines
        print("\n".join(["", f"## {title}", *(f"{line.what}: {line.found}" for line in lines)]), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        add("Overhead over diffusers", overhead(renderer, asked.rounds))
        add("Eight at once", batching(renderer, max(3, asked.rounds // 5)))
        add("LoRAs swapped", swapping(renderer, Path(folder), asked.rounds))
        add("The same bytes whatever else is in the batch", invariance(renderer))
        add(f"Memory over {asked.requests} mixed requests", growth(renderer, Path(folder), asked.requests))
    if asked.compile:
        add("Compiled beside the drawing", compiling(asked.device))
    asked.out.write_text(page(sections, who, sys.argv[1:]))
    run.write(asked.results, figures(sections))
    return 1 if any(figure.kept is False for figure in figures(sections)) else 0


def page(sections: dict[str, list[Line]], who: str, arguments: Sequence[str]) -> str:
    """The report."""
    head = [
        "# The engine measured", "",
        f"`.venv/bin/python {' '.join(['benchmarks/engine.py', *arguments])}`: the embedded model in its draft profile (6 guided",
        "steps, 32 px). Medians, with the interval that holds them in 95 of 100 bootstrap resamples. What is compared was taken",
        "in turns in one process. *Core seconds* count all threads of this process, and not what others do on a shared machine.",
        "The promises behind the last column: at most 2 % over diffusers, equal bytes, no new graphs, memory that stays flat.",
        "", who, "",
    ]  # fmt: skip
    return "\n".join([*head, *tables(sections)]).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
