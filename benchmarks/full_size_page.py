"""The page of benchmarks/full_size.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from measuring import Estimate, estimate
from result_file import Figure, at_least, at_most, holds, unmeasured

from dgx_pixels.models.profiles import Schedule
from dgx_pixels.models.render import Graph

GB10 = 92e12
"""bf16 matrix products of a GB10 a second, as measured by others (huggingface/kernels 283: 91 to 92.3 TFLOP/s, torch 2.10,
CUDA 13, February 2026); older software reached 62 to 64."""
_TARGETS = {("best", 1): 1.3, ("standard", 1): 1.8}
_SHARE = ("best", 4, 0.6)
_SWAP_S = 0.1


@dataclass(frozen=True)
class Counted:
    """What one picture of a job multiplies: ours, and plain diffusers' with guidance throughout."""

    name: str
    schedule: Schedule
    flops: int
    plain_flops: int


@dataclass(frozen=True)
class Cell:
    """One job in one batch shape."""

    name: str
    batch: int
    graph: Graph
    ours: Estimate
    """Seconds of the batch."""
    plain: Estimate
    gain: Estimate
    """Times plain diffusers takes over ours."""
    rate: float
    """Floating-point operations per second."""
    plain_rate: float
    first_s: float
    """Seconds of the first compiled draw: compiling, and one draw."""
    same: bool
    """Whether a picture has the same bytes alone in its shape and among others, eager and as measured."""
    graphs: int
    """Graphs compiled in this process so far."""
    peak: float
    """Most bytes of tensors on the device so far, plain diffusers' own weights included."""


@dataclass(frozen=True)
class Measured:
    """All that needs a device."""

    ceiling: float
    """Floating-point operations per second of large matrix products."""
    layers: int
    swaps: list[float]
    """Seconds of each swap of a rank-32 LoRA on so many layers."""
    first_swap: float
    """Seconds of the first, the file read."""
    cells: list[Cell]


def page(counted: Sequence[Counted], found: Measured | None, who: str, *, narrow: bool = False) -> str:
    """The report."""
    what = (
        "a narrow stand-in at 128 px (its figures show only that this benchmark runs)" if narrow else "full-size SDXL at 1024 px"
    )
    lines = [
        "# Full-size SDXL against plain diffusers", "",
        f"`.venv/bin/python benchmarks/full_size.py`: {what}; random weights, both in turns in one process.",
        "",
        who, "", "## What a picture multiplies", "",
        "Counted by torch: UNet steps and the VAE's decoder.", "",
        "| job | steps | TFLOP | plain diffusers | a GB10 at its ceiling |", "|---|---|---|---|---|",
        *(_counted(c) for c in counted), "",
        "The last column is the least time that a GB10 can take: 92 TFLOP/s in bf16 matrix products, measured by others",
        "(huggingface/kernels 283, February 2026).", "",
        *(["## Measured", "", "Not measured: no CUDA device was at hand.", ""] if found is None else _measured(found, narrow)),
        *([] if found is None or narrow else _predicted(counted, found)),
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def figures(found: Measured | None) -> list[Figure]:
    """What was promised of the full size; without a device, or of a stand-in, nothing is known."""
    cells = {(c.name, c.batch): c for c in found.cells} if found is not None else {}
    said = []
    for (name, batch), least in _TARGETS.items():
        what = f"full-size SDXL at 1024 px on a GPU, {name}, batch {batch}, over plain diffusers"
        cell = cells.get((name, batch))
        said.append(
            unmeasured("engine", what, f"at least {least:g}", "times")
            if cell is None
            else at_least("engine", what, cell.gain.value, least, "times")
        )
    name, batch, least = _SHARE
    what = f"full-size SDXL on a GPU, {name}, batch {batch}: share of the matmul ceiling"
    if (name, batch) not in cells or found is None:
        said.append(unmeasured("engine", what, f"at least {100 * least:g}", "%"))
    else:
        said.append(at_least("engine", what, 100 * cells[name, batch].rate / found.ceiling, 100 * least, "%"))
    swap, same = "full-size SDXL on a GPU: a LoRA swapped for another", "full-size SDXL on a GPU: the same bytes in any batch"
    if found is None:
        return [*said, unmeasured("engine", swap, f"at most {1000 * _SWAP_S:g}", "ms"), unmeasured("engine", same, "yes")]
    swapped = at_most("engine", swap, 1000 * estimate(found.swaps).value, 1000 * _SWAP_S, "ms")
    return [*said, swapped, holds("engine", same, all(c.same for c in found.cells))]


def _counted(c: Counted) -> str:
    schedule = c.schedule
    steps = f"{schedule.steps} {schedule.sampler}, {schedule.guided_steps} guided"
    return f"| {c.name} | {steps} | {c.flops / 1e12:.3g} | {c.plain_flops / 1e12:.3g} | {c.flops / GB10:.2f} s |"


def _measured(found: Measured, narrow: bool) -> list[str]:
    swap, last = estimate(found.swaps), found.cells[-1]
    return [
        "## Measured", "",
        f"Ceiling: {found.ceiling / 1e12:.3g} TFLOP/s of large matrix products in the engine's type.", "",
        "| job | batch | graph | seconds a batch | a minute | share | plain diffusers | its share | gain | bytes | first draw |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *(_row(c, found.ceiling) for c in sorted(found.cells, key=lambda c: (c.name, c.batch))), "",
        "*Share*: of the ceiling. *Bytes*: whether a picture has the same ones alone in its batch shape and among others, eager",
        "and as measured. *First draw*: compiling included.", "",
        f"A LoRA of rank 32 on all {found.layers} linear layers of the transformers is swapped for another in",
        f"{swap.text(' ms', 1000, 0)}; the first use, reading the file, takes {1000 * found.first_swap:.0f} ms. Graphs compiled",
        f"in all: {last.graphs}. Most memory of tensors, plain diffusers' weights included: {last.peak / 1e9:.1f} GB.", "",
        *([] if narrow else _targets(found)),
    ]  # fmt: skip


def _row(c: Cell, ceiling: float) -> str:
    cells = (
        c.name, str(c.batch), c.graph, c.ours.text(" s"), f"{60 * c.batch / c.ours.value:.1f}", f"{c.rate / ceiling:.0%}",
        c.plain.text(" s"), f"{c.plain_rate / ceiling:.0%}", c.gain.text(), "equal" if c.same else "**differ**",
        f"{c.first_s:.0f} s",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _targets(found: Measured) -> list[str]:
    cells = {(c.name, c.batch): c for c in found.cells}
    said = [
        f"- {name}, batch {batch}: {least} times plain diffusers or more: {_kept(cells[name, batch].gain.value >= least)}"
        for (name, batch), least in _TARGETS.items()
        if (name, batch) in cells
    ]
    name, batch, least = _SHARE
    if (name, batch) in cells:
        reached = cells[name, batch].rate / found.ceiling
        said.append(f"- {name}, batch {batch}: {least:.0%} of the ceiling or more: {_kept(reached >= least)}")
    said.append(f"- a swap in {1000 * _SWAP_S:.0f} ms or less: {_kept(estimate(found.swaps).value <= _SWAP_S)}")
    said.append(f"- the same bytes everywhere: {_kept(all(c.same for c in found.cells))}")
    return ["Targets:", "", *said, ""]


def _kept(kept: bool) -> str:
    return "reached" if kept else "**missed**"


def _predicted(counted: Sequence[Counted], found: Measured) -> list[str]:
    """Seconds on a GB10, if the same share of its ceiling is reached there."""
    work = {c.name: c for c in counted}
    rows = [
        f"| {c.name} | {c.batch} | {seconds:.1f} s | {60 / seconds:.0f} |"
        for c in sorted(found.cells, key=lambda c: (c.name, c.batch))
        if (seconds := work[c.name].flops / (GB10 * c.rate / found.ceiling))
    ]
    return [
        "## What that predicts for a GB10", "",
        "Predicted, not measured: the share of the ceiling measured above, of the 92 TFLOP/s that others measured there. Its",
        "memory is slower for its arithmetic than that of the device above, so that the truth may be worse.", "",
        "| job | batch | a picture | a minute |", "|---|---|---|---|", *rows,
    ]  # fmt: skip
