"""How long a training will take: as trainings on this machine took, else by calculation."""

from __future__ import annotations

import statistics
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dgx_pixels.models.base_model import EMBEDDED
from dgx_pixels.models.training_metrics import read_metrics
from dgx_pixels.models.training_spec import SpecError, read_spec
from dgx_pixels.tools.answers_training import ExpectedAnswer
from dgx_pixels.tools.training_process import SPEC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dgx_pixels.models.base_model import BaseModel
    from dgx_pixels.models.training_spec import Settings, TrainingSpec

_FEWEST_STEPS: Final = 3
"""A run's first step is slower than its others; one of fewer says nothing."""
_NEWEST: Final = 20
"""How many runs are looked at."""
_TINY_S: Final = 0.02
"""Seconds for a picture of tiny-sdxl on one core of a desktop's CPU, with the attention and convolutions learning."""
_TFLOP: Final = 14.3
"""For one picture of SDXL at 1024 px, forwards and backwards (`benchmarks/lora_speed.py` counts it)."""
_SPARK_TFLOPS: Final = 92.0
_SHARE: Final = 0.5
"""Of what the matrix units of a DGX Spark can do in bf16, and how much of it a training may hope for."""


def expected(runs: Path, base: BaseModel, settings: Settings, device: str) -> ExpectedAnswer:
    """What a training of these settings will take, without loading and samples. `runs` holds the folders of earlier ones."""
    pictures = settings.steps * _pictures(settings)
    measured = next(_measured(runs, base, settings, device), None)
    if measured is not None:
        seconds, run = measured
        return ExpectedAnswer(
            seconds=round(seconds * pictures), how="measured",
            note=f"As run {run} took here: {seconds * _pictures(settings):.2g} s a step, without loading and samples.",
        )  # fmt: skip
    if base.id == EMBEDDED:
        return ExpectedAnswer(
            seconds=round(_TINY_S * pictures), how="calculated",
            note="It is what one core of a common CPU needs: on this machine nothing was trained yet.",
        )  # fmt: skip
    work = _TFLOP * (base.render_side / 1024) ** 2 * pictures
    return ExpectedAnswer(
        seconds=round(work / (_SPARK_TFLOPS * _SHARE)), how="calculated",
        note=f"Calculated for a DGX Spark that reaches {_SHARE:.0%} of its {_SPARK_TFLOPS:.0f} TFLOP/s, not measured: this "
        "machine has not trained yet. A CPU takes a hundred times as long.",
    )  # fmt: skip


def _measured(runs: Path, base: BaseModel, settings: Settings, device: str) -> Iterator[tuple[float, str]]:
    """Seconds a picture, and the run's name, of runs like this one, newest first."""
    specs = sorted(runs.glob(f"*/{SPEC}"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in islice(specs, _NEWEST):
        try:
            spec = read_spec(file)
        except SpecError:  # of another version
            continue
        rows = read_metrics(file.parent)
        if spec.base == base.id and spec.device == device and _alike(spec, settings) and len(rows) >= _FEWEST_STEPS:
            yield statistics.median(row["seconds"] for row in rows[1:]) / _pictures(spec), file.parent.name


def _alike(spec: TrainingSpec, settings: Settings) -> bool:
    """Whether a picture costs about the same: what learns matters, its rank hardly."""
    return (spec.layers, spec.text_encoders) == (settings.layers, settings.text_encoders)


def _pictures(settings: Settings) -> int:
    return settings.batch_size * settings.accumulation
