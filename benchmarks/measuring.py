"""What the engine's benchmarks share: work timed side by side, medians with their intervals, and who measured what."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from result_file import Figure, commit
from safetensors.torch import save_file

from dgx_pixels.models.entries import Lora
from dgx_pixels.models.speed import machine

_RESAMPLES = 2000
_BLOCK = 10


@dataclass(frozen=True)
class Estimate:
    """A figure, and the interval that holds it in 95 of 100 resamples of what was measured (percentile bootstrap, Efron 1979)."""

    value: float
    low: float
    high: float

    def text(self, unit: str = "", factor: float = 1.0, digits: int = 2) -> str:
        """As a table's cell."""
        value, low, high = (f"{factor * x:.{digits}f}" for x in (self.value, self.low, self.high))
        return f"{value}{unit} ({low} to {high})"


def estimate(
    samples: Sequence[float] | NDArray[np.float64], of: Callable[[NDArray[np.float64]], float] | None = None
) -> Estimate:
    """The median of samples, or another figure of them (of their rows, if there are several columns), with its interval."""
    values = np.asarray(samples, dtype=np.float64)
    figure = of if of is not None else lambda x: float(np.median(x))
    chance = np.random.default_rng(0)
    again = [figure(values[chance.integers(0, len(values), len(values))]) for _ in range(_RESAMPLES)]
    low, high = np.percentile(again, (2.5, 97.5))
    return Estimate(figure(values), float(low), float(high))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """The median, over pairs measured one after the other, of the first over the second."""
    return estimate(np.asarray(ours) / np.asarray(theirs))


def slope(values: Sequence[float]) -> Estimate:
    """By how much a series grows from one value to the next (least squares).

    Its interval comes from resampling blocks of ten neighbours: neighbours are alike, and one by one they would seem to know more
    than they do.
    """
    series = np.asarray(values, dtype=np.float64)
    points = np.stack([np.arange(len(series)), series], axis=1)
    blocks = points[: len(series) // _BLOCK * _BLOCK].reshape(-1, _BLOCK * 2)

    def fitted(rows: NDArray[np.float64]) -> float:
        x, y = rows.reshape(-1, 2).T
        return float(np.polyfit(x, y, 1)[0])

    return estimate(blocks, fitted)


@dataclass(frozen=True)
class Times:
    """Seconds of one piece of work, round by round: on the wall's clock, and of all cores of this process."""

    wall: list[float]
    cores: list[float]


def side_by_side(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Do each piece of work once a round, in another order each round, after one round that does not count."""
    names = list(works)
    times = {name: Times([], []) for name in names}
    for i in range(-1, rounds):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            wall, cores = time.perf_counter(), time.process_time()
            works[name]()
            if i >= 0:
                times[name].wall.append(time.perf_counter() - wall)
                times[name].cores.append(time.process_time() - cores)
    return times


def memory(device: torch.device) -> tuple[float, float]:
    """Bytes that this process has resident, and bytes of tensors on the device (0 on the CPU)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096.0, float(torch.cuda.memory_allocated(device)) if device.type == "cuda" else 0.0


@dataclass(frozen=True)
class Line:
    """One line of a report: what, what was found, and the promise that was looked at, if it is one."""

    what: str
    found: str
    figure: Figure | None = None


def tables(sections: Mapping[str, Sequence[Line]]) -> list[str]:
    """The lines of a report's sections, each a heading and a table."""
    kept = {None: "", True: "kept", False: "**broken**"}
    said: list[str] = []
    for title, lines in sections.items():
        said += [f"## {title}", "", "| | | |", "|---|---|---|"]
        said += [f"| {x.what} | {x.found} | {kept[None if x.figure is None else x.figure.kept]} |" for x in lines] + [""]
    return said


def figures(sections: Mapping[str, Sequence[Line]]) -> list[Figure]:
    """All promises of a report."""
    return [line.figure for lines in sections.values() for line in lines if line.figure is not None]


def measured_by(device: torch.device) -> str:
    """The line under a table: machine, versions, commit and day."""
    what = ", ".join(f"{name} {value}" for name, value in machine(device).items())
    return f"{what}. Commit {commit()}, {datetime.now(UTC):%Y-%m-%d}."


def transformer_linears(unet: torch.nn.Module) -> dict[str, torch.nn.Linear]:
    """What most LoRAs change: every linear layer of the transformers, by path (722 in SDXL)."""
    return {
        name: module
        for name, module in unet.named_modules()
        if isinstance(module, torch.nn.Linear) and ".attentions." in f".{name}"
    }


def random_lora(unet: torch.nn.Module, folder: Path, name: str, rank: int, seed: int) -> Lora:
    """Write a LoRA on all linear layers of a UNet's transformers, in diffusers' naming, that changes pictures a little."""
    chance = torch.Generator().manual_seed(seed)
    tensors = {}
    for path, layer in transformer_linears(unet).items():
        spread = float(layer.weight.detach().float().std()) * 0.1 / rank**0.5
        tensors[f"unet.{path}.lora_A.weight"] = torch.randn(rank, layer.in_features, generator=chance).half()
        tensors[f"unet.{path}.lora_B.weight"] = (spread * torch.randn(layer.out_features, rank, generator=chance)).half()
    file = folder / f"{name}.safetensors"
    save_file(tensors, file)
    return Lora(name, file, "made here", file.stat().st_size, rank=rank)
