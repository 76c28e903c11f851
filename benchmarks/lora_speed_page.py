"""The page of benchmarks/lora_speed.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from full_size_page import GB10
from measuring import Estimate
from result_file import Figure, at_least, told, unmeasured

_LEAST = 1.3
_SHARE = 0.5
_STEPS = 3000
_THEIRS = "2 to 4 hours"
"""What training 50 images for 3000 steps on a DGX Spark is expected to take."""


@dataclass(frozen=True)
class Cell:
    """One batch size."""

    batch: int
    ours: Estimate
    """Seconds of a step."""
    plain: Estimate
    gain: Estimate
    peak: float
    """Most bytes of tensors on the device with ours alone; 0 where not known."""
    recomputes: bool = False
    """Whether memory was so short that activations were computed twice."""


@dataclass(frozen=True)
class Counted:
    """Floating-point operations of one picture in one step."""

    recomputes: bool
    flops: int


@dataclass(frozen=True)
class FullSize:
    """All that needs a device."""

    ceiling: float
    """Floating-point operations per second of large matrix products."""
    cells: list[Cell]
    cache_s: float
    """Seconds to encode all pictures and captions."""
    pictures: int


def page(small: Sequence[Cell], counted: Sequence[Counted], full: FullSize | None, who: str, *, narrow: bool) -> str:
    """The report."""
    lines = [
        "# LoRA training against the public diffusers script", "",
        "`.venv/bin/python benchmarks/lora_speed.py`: ours (`models/training_steps.py`: latents and words encoded once) and the",
        "inner loop of diffusers' `train_text_to_image_lora_sdxl.py` with its defaults (pictures, VAE and text encoders in each",
        "step), both with the same LoRA on the four projections of attention, taking turns step by step in one process.", "",
        who, "", "## tiny-sdxl on the CPU", "",
        "Rank 16. Milliseconds that the CPU's cores worked, so that other work on the machine counts little. The presets' batch",
        "is 8.", "",
        "| batch | ours, a step | the script's | gain |", "|---|---|---|---|",
        *(f"| {c.batch} | {c.ours.text(' ms', 1000, 0)} | {c.plain.text(' ms', 1000, 0)} | {c.gain.text()} |" for c in small), "",
        f"Target: {_LEAST} times the script's steps a second or more, at each batch: {_kept(_all_faster(small))}.",
        "", "## Full-size SDXL at 1024 px", "",
        *(["A narrow stand-in at 128 px: its figures show only that this part runs.", ""] if narrow else []),
        "Rank 32. What one picture multiplies in a step, forward and backward, counted by torch, and the least time that a",
        f"GB10 can take for {_STEPS} steps (92 TFLOP/s in bf16 matrix products, measured by others: huggingface/kernels 283,",
        "February 2026):", "",
        "| activations | TFLOP | GB10, batch 1 | GB10, batch 4 |", "|---|---|---|---|",
        *(_floor(c) for c in counted), "",
        f"Expected of a DGX Spark for 50 images and {_STEPS} steps: {_THEIRS}.", "",
        *(_not_measured(counted) if full is None else _measured(full, counted, narrow=narrow)),
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def figures(small: Sequence[Cell], counted: Sequence[Counted], full: FullSize | None, *, narrow: bool) -> list[Figure]:
    """What was promised; of the full size only what a device has shown."""
    batches = " / ".join(str(c.batch) for c in small)
    said = [
        at_least("training", f"steps a second over the public diffusers script's, batch {batches}, embedded model",
                 [c.gain.value for c in small], _LEAST, "times"),
    ]  # fmt: skip
    share = "full-size SDXL at 1024 px on a GPU: share of the matmul ceiling, batch 1 / 4"
    whole = f"full-size SDXL: 50 images and {_STEPS} steps at 1024 px, batch 1 / 4"
    if full is None or narrow:
        return [*said, unmeasured("training", share, f"at least {100 * _SHARE:g}", "%"), unmeasured("training", whole)]
    shares = [100 * _share(c, full, counted) for c in full.cells]
    best = at_least("training", share, shares, 100 * _SHARE, "%").model_copy(update={"kept": max(shares) >= 100 * _SHARE})
    return [*said, best, told("training", whole, [(full.cache_s + _STEPS * c.ours.value) / 60 for c in full.cells], "min")]


def _floor(c: Counted) -> str:
    how = "computed twice" if c.recomputes else "kept"
    times = (f"{_STEPS * batch * c.flops / GB10 / 60:.1f} min" for batch in (1, 4))
    return f"| {how} | {c.flops / 1e12:.2f} | {' | '.join(times)} |"


def _not_measured(counted: Sequence[Counted]) -> list[str]:
    target = _STEPS * 4 * _needed(counted) / (GB10 * _SHARE) / 3600
    return [
        "Not measured: no CUDA device was at hand. The table above is a floor, not what is reached. At half of the ceiling, our",
        f"target, {_STEPS} steps of batch 4 would take {target:.1f} h with activations kept.",
    ]


def _measured(full: FullSize, counted: Sequence[Counted], *, narrow: bool) -> list[str]:
    rows = [_row(c, full, counted) for c in full.cells]
    shares = [_share(c, full, counted) for c in full.cells]
    return [
        f"Ceiling: {full.ceiling / 1e12:.3g} TFLOP/s of large matrix products.",
        f"Encoding {full.pictures} pictures and captions: {full.cache_s:.1f} s.",
        "", "| batch | activations | ours, a step | share | the script's | gain | peak | 50 x 3000 | predicted for a GB10 |",
        "|---|---|---|---|---|---|---|---|---|", *rows, "",
        "*Share*: of the ceiling, by what has to be multiplied if nothing is computed twice. *50 x 3000*: encoding, and 3000",
        "steps. The prediction takes the same share of the 92 TFLOP/s that others measured; a GB10's memory is slower for its",
        "arithmetic.", "",
        *([] if narrow else [f"Target: {_SHARE:.0%} of the ceiling: {_kept(max(shares) >= _SHARE)}."]),
    ]  # fmt: skip


def _needed(counted: Sequence[Counted]) -> int:
    return next(c.flops for c in counted if not c.recomputes)


def _share(c: Cell, full: FullSize, counted: Sequence[Counted]) -> float:
    return c.batch * _needed(counted) / c.ours.value / full.ceiling


def _row(c: Cell, full: FullSize, counted: Sequence[Counted]) -> str:
    share = _share(c, full, counted)
    whole = full.cache_s + _STEPS * c.ours.value
    predicted = _STEPS * c.batch * _needed(counted) / (GB10 * share)
    cells = (
        str(c.batch), "computed twice" if c.recomputes else "kept", c.ours.text(" s", digits=3), f"{share:.0%}",
        c.plain.text(" s", digits=3), c.gain.text(), f"{c.peak / 1e9:.1f} GB" if c.peak else "-", f"{whole / 60:.1f} min",
        f"{predicted / 60:.0f} min",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _all_faster(cells: Sequence[Cell]) -> bool:
    return all(c.gain.value >= _LEAST for c in cells)


def _kept(kept: bool) -> str:
    return "reached" if kept else "**missed**"
