"""The dated result file that each benchmark leaves beside its page: what was promised, what was found, where and when.

`results.py` merges them into RESULTS.md. A file is never changed afterwards, so that the first figures stay beside the newest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
CODE = (".", ":(exclude)*.md", ":(exclude)*.png", ":(exclude)benchmarks/results")
"""What a figure may depend on, for git: all but documents, pictures and the results themselves."""
Part = Literal["server", "tiny_sdxl", "pixels", "engine", "bevy", "tilesets", "training", "comparing", "library", "whole"]
Value = float | list[float] | str | None


class Figure(BaseModel):
    """One promise and what was found of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: Part
    promise: str
    value: Value
    """A number, several (levels, batches, sizes) or words; None if it was not measured."""
    unit: str = ""
    target: str = ""
    """`at least 85`, `at most 20`, several as `99 / 98 / 95`, or words; empty if nothing was promised."""
    kept: bool | None = None
    """None if nothing was promised, or it was not measured."""


class Machine(BaseModel):
    """What measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu: str
    cores: int
    memory_gb: int
    gpu: str
    load_start: float | None
    """Processes that ran or waited, mean of the minute before the beginning; None where nobody wrote it down."""
    load_end: float | None


class Result(BaseModel):
    """A result file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    date: datetime
    commit: str
    """Ends with + if files differed from it."""
    machine: Machine
    command: str
    figures: list[Figure]
    notes: str = ""


def at_least(part: Part, promise: str, value: float | Sequence[float], target: float | Sequence[float], unit: str = "") -> Figure:
    """A figure that should be so large, or several that should each be."""
    found, wanted = _listed(value), _listed(target)
    kept = all(f >= w for f, w in zip(found, wanted * len(found), strict=False))
    return Figure(part=part, promise=promise, value=_short(found), unit=unit, target=f"at least {_said(wanted)}", kept=kept)


def at_most(part: Part, promise: str, value: float | Sequence[float], target: float | Sequence[float], unit: str = "") -> Figure:
    """A figure that should be no larger, or several."""
    found, wanted = _listed(value), _listed(target)
    kept = all(f <= w for f, w in zip(found, wanted * len(found), strict=False))
    return Figure(part=part, promise=promise, value=_short(found), unit=unit, target=f"at most {_said(wanted)}", kept=kept)


def all_of(part: Part, promise: str, done: int, asked: int) -> Figure:
    """So many of so many, where all are promised."""
    return Figure(part=part, promise=promise, value=f"{done} of {asked}", target="all", kept=done == asked)


def holds(part: Part, promise: str, found: bool) -> Figure:
    """A promise that is kept or not."""
    return Figure(part=part, promise=promise, value="yes" if found else "no", target="yes", kept=found)


def told(part: Part, promise: str, value: float | Sequence[float] | str, unit: str = "") -> Figure:
    """A figure about which nothing was promised."""
    return Figure(part=part, promise=promise, value=value if isinstance(value, str) else _short(_listed(value)), unit=unit)


def unmeasured(part: Part, promise: str, target: str = "", unit: str = "") -> Figure:
    """A promise that this machine could not look at."""
    return Figure(part=part, promise=promise, value=None, unit=unit, target=target)


def _listed(value: float | Sequence[float]) -> list[float]:
    return [float(v) for v in value] if isinstance(value, Sequence) else [float(value)]


def _short(values: list[float]) -> float | list[float]:
    """Four digits are more than any of our figures knows."""
    short = [float(f"{v:.4g}") for v in values]
    return short[0] if len(short) == 1 else short


def _said(values: Sequence[float]) -> str:
    return " / ".join(f"{v:g}" for v in values)


@dataclass(frozen=True)
class Run:
    """A benchmark that has begun: its file tells how busy the machine was before it, and which code it started with."""

    name: str
    load: float
    commit: str

    @classmethod
    def begin(cls, name: str) -> Run:
        """Look at the machine before anything is measured."""
        return cls(name, os.getloadavg()[0], commit())

    def write(self, folder: Path | None, figures: Sequence[Figure], notes: str = "") -> None:
        """Write the file into a folder, which is made; without one, write nothing."""
        if folder is None:
            return
        now = datetime.now(UTC).replace(microsecond=0)
        machine = Machine(
            cpu=_field("/proc/cpuinfo", "model name"), cores=os.cpu_count() or 1, gpu=_gpu(),
            memory_gb=round(int(_field("/proc/meminfo", "MemTotal").split()[0]) / 1e6),
            load_start=round(self.load, 1), load_end=round(os.getloadavg()[0], 1),
        )  # fmt: skip
        found = Result(
            name=self.name, date=now, commit=self.commit, machine=machine, command=_command(), figures=list(figures), notes=notes
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{now:%Y-%m-%d-%H%M}-{self.name}.json").write_text(found.model_dump_json(indent=1) + "\n")


def add_results_option(parser: argparse.ArgumentParser) -> None:
    """`--results FOLDER`, for runs that are no measurement."""
    parser.add_argument(
        "--results", type=lambda word: None if word == "-" else Path(word), default=RESULTS,
        help="the folder of the result file, - for none",
    )  # fmt: skip


def commit() -> str:
    """The commit that is measured, with + if files that matter differ from it; outside a clone the version."""
    head = _git("rev-parse", "--short", "HEAD").strip()
    if not head:
        return f"version {version('dgx-pixels')}"
    return head + ("+" if _git("status", "--porcelain", "--", *CODE) else "")


def is_of_this_code(commit: str) -> bool:
    """Whether nothing that a figure may depend on has changed since a commit."""
    differ = ["git", "diff", "--quiet", commit, "--", *CODE]
    return not commit.endswith("+") and subprocess.run(differ, cwd=ROOT, check=False, capture_output=True).returncode == 0


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=False, capture_output=True, text=True).stdout


def _command() -> str:
    """What was called, as one would call it: places of this machine by their names alone."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words])


def _field(file: str, name: str) -> str:
    lines = Path(file).read_text(encoding="ascii", errors="replace").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "unknown")


def _gpu() -> str:
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], check=False, capture_output=True, text=True
        )
    except FileNotFoundError:
        return "none"
    return listed.stdout.strip().replace("\n", ", ") or "none"
