"""Merge the newest result file of each benchmark into RESULTS.md.

    make results        # or: python benchmarks/results.py

Every promise with its figure, its target, and who measured it when; then what is missed, what fell back since it was first
reached, and what was not measured. `results/reasons.md`, written by hand, says why; it is put below these lists.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from promise_tests import PROVEN
from result_file import RESULTS, Figure, Machine, Part, Result

PAGE = Path(__file__).parent / "RESULTS.md"
REASONS = RESULTS / "reasons.md"
TITLES: dict[Part, str] = {
    "server": "First sprite and server",
    "tiny_sdxl": "The embedded model",
    "pixels": "Pixel engine",
    "engine": "Warm engine",
    "bevy": "Bevy",
    "tilesets": "Tilesets",
    "training": "train_lora",
    "comparing": "compare_models",
    "library": "Library, jobs and resources",
    "whole": "The whole",
}
_NOISE = 0.1
"""By so much of itself a figure may be worse than at first before it is said to have fallen back."""


def read_results(folder: Path = RESULTS) -> list[Result]:
    """All result files, oldest first."""
    files = (Result.model_validate_json(file.read_bytes()) for file in folder.glob("*.json"))
    return sorted(files, key=lambda result: result.date)


def merged(results: Sequence[Result]) -> str:
    """The page."""
    newest = {result.name: result for result in results}
    rows = [(figure, result) for result in newest.values() for figure in result.figures]
    machines = list(dict.fromkeys(_described(result.machine) for _, result in rows))
    lines = [
        "# Results", "",
        "Every figure that was promised, from the newest result file of each benchmark in `results/`: `make results` merges",
        "them. Commands are run in a clone with its environment (`.venv/bin/python`); `make results-run STAGE=name` runs one,",
        "and `python benchmarks/stages.py --list` names them. Several numbers in a cell are levels, sizes or batches, as the",
        "promise says. A commit with + had uncommitted changes. Machines: "
        + "; ".join(f"{_letter(i)}: {what}" for i, what in enumerate(machines)) + ".", "",
    ]  # fmt: skip
    for part in get_args(Part):
        of_part = [(figure, result) for figure, result in rows if figure.part == part]
        if not of_part:
            continue
        lines += [f"## {TITLES[part]}", "", "| promise | figure | target | | command | commit | machine | date |"]
        lines += ["|---|---|---|---|---|---|---|---|"]
        lines += [_row(figure, result, _letter(machines.index(_described(result.machine)))) for figure, result in of_part]
        lines += [""]
    lines += ["## Missed", "", *(_missed(rows) or ["Nothing."]), ""]
    lines += ["## Fallen back since first reached", "", *(_fallen(rows, results) or ["Nothing."]), ""]
    unmeasured = [f"- {TITLES[figure.part]}: {figure.promise}" for figure, _ in rows if figure.value is None]
    unmeasured += [
        f"- {TITLES[part]}, shown by tests, not run yet: {'; '.join(proofs)}"
        for part, proofs in PROVEN.items()
        if f"promises_{part}" not in newest
    ]
    lines += ["## Not measured", "", *(unmeasured or ["Nothing."]), ""]
    if REASONS.exists():
        lines += ["## Why", "", REASONS.read_text().strip(), ""]
    lines += ["## Runs", "", "| run | load at its start and end | notes |", "|---|---|---|", *map(_run, newest.values()), ""]
    return "\n".join(lines)


def _row(figure: Figure, result: Result, machine: str) -> str:
    kept = {True: "kept", False: "**missed**", None: ""}[figure.kept]
    if figure.value is None:
        kept = "not measured"
    cells = (figure.promise, shown(figure), _target(figure), kept, f"`{result.command}`", result.commit, machine)
    return f"| {' | '.join(cells)} | {result.date:%Y-%m-%d} |"


def shown(figure: Figure) -> str:
    """The value as a cell."""
    if figure.value is None:
        return ""
    numbers = " / ".join(f"{v:,.4g}" if abs(v) < 10_000 else f"{v:,.0f}" for v in numbers_of(figure))
    return f"{numbers or figure.value} {figure.unit}".strip()


def _target(figure: Figure) -> str:
    return f"{figure.target} {figure.unit}".strip() if figure.target.startswith("at ") else figure.target


def numbers_of(figure: Figure) -> list[float]:
    """Its numbers; none of words."""
    if isinstance(figure.value, list):
        return figure.value
    return [figure.value] if isinstance(figure.value, float | int) else []


def _missed(rows: Sequence[tuple[Figure, Result]]) -> list[str]:
    return [
        f"- {TITLES[figure.part]}: {figure.promise}: {shown(figure)}, promised {_target(figure)}"
        for figure, _ in rows
        if figure.kept is False
    ]


def _fallen(rows: Sequence[tuple[Figure, Result]], results: Sequence[Result]) -> list[str]:
    """What was kept once and is not now, or is worse by more than a tenth than when it was first measured."""
    first: dict[tuple[Part, str], tuple[Figure, Result]] = {}
    for result in results:
        for figure in result.figures:
            if figure.value is not None:
                first.setdefault((figure.part, figure.promise), (figure, result))
    said = []
    for figure, _ in rows:
        before = first.get((figure.part, figure.promise))
        if before is not None and figure.value is not None and is_worse(figure, before[0]):
            was = f"{shown(before[0])} on {before[1].date:%Y-%m-%d} at {before[1].commit}"
            said.append(f"- {TITLES[figure.part]}: {figure.promise}: {shown(figure)}; first {was}")
    return said


def is_worse(now: Figure, first: Figure) -> bool:
    """Whether a figure has fallen back; numbers by which way their target points."""
    if first.kept and now.kept is False:
        return True
    if now.target == "all":
        return _share(now) < _share(first)
    pairs = list(zip(numbers_of(now), numbers_of(first), strict=False))
    if now.target.startswith("at least"):
        return any(a < b - _NOISE * abs(b) for a, b in pairs)
    return now.target.startswith("at most") and any(a > b + _NOISE * abs(b) for a, b in pairs)


def _share(figure: Figure) -> float:
    """Of `7 of 10`, 0.7; 1 of other words, which are compared by whether they are kept."""
    found = re.match(r"(\d+) of (\d+)", str(figure.value))
    return int(found[1]) / max(int(found[2]), 1) if found else 1.0


def _run(result: Result) -> str:
    start, end = result.machine.load_start, result.machine.load_end
    load = "" if start is None or end is None else f"{start:g}, {end:g}"
    return f"| {result.name} | {load} | {result.notes} |"


def _described(machine: Machine) -> str:
    return f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb} GB, GPU {machine.gpu}"


def _letter(number: int) -> str:
    return chr(ord("A") + number)


if __name__ == "__main__":
    PAGE.write_text(merged(read_results()))
