"""How a training is shown: a line, and the contact sheet of its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from dgx_pixels.pixels.plain_file import read_plain
from dgx_pixels.pixels.preview import MOST_BYTES, preview_png
from dgx_pixels.pixels.read import MOST_BYTES as MOST_READ
from dgx_pixels.pixels.sprite import decode_png

if TYPE_CHECKING:
    from dgx_pixels.tools.answers_training import TrainingAnswer

_SHEET_SIDE: Final = 1024


def line_of(training: TrainingAnswer) -> str:
    """What was trained, or would be."""
    images, steps = training.dataset.get("images"), training.settings.get("steps")
    if training.dry_run:
        return f"A dry run: {images} pictures, {steps} steps on {training.base}. {_time(training)}{_warnings(training)}"
    return (
        f"Trained {training.lora} on {training.base}: {training.steps} steps over {images} pictures, final loss "
        f"{training.final_loss:.4f}, installed as {training.file}."
    )


def sheet_of(training: TrainingAnswer, datasets: Path) -> bytes:
    """The dataset's contact sheet as a PNG under 256 KB, from below the folder `datasets`; blocks. Raises ValueError."""
    file = Path(str(training.dataset.get("contact_sheet")))
    try:
        if not file.resolve().is_relative_to(datasets.resolve()):
            raise ValueError(f"The contact sheet {file} is none of ours: ask again.")
        png = read_plain(file, MOST_READ)
    except OSError as error:
        raise ValueError(f"The contact sheet cannot be read ({error}): ask again.") from error
    sheet = decode_png(png)
    return png if len(png) < MOST_BYTES else preview_png(sheet, _SHEET_SIDE)


def _time(training: TrainingAnswer) -> str:
    expected = training.expected
    return f"It takes about {time_text(expected.seconds)} ({expected.how}). {expected.note}"


def _warnings(training: TrainingAnswer) -> str:
    found = [str(warning) for warning in training.dataset.get("warnings", [])]
    return f" Warnings: {' '.join(found)}" if found else ""


def time_text(seconds: float) -> str:
    """A time as people say it: "1 h 05 min", "2 min 10 s"."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"
