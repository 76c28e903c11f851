"""The numbers of a training, one JSON line a step: {"step", "loss", "lr", "seconds"}."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any

from dgx_pixels.models.training_disk import write_whole

FILE = "metrics.jsonl"
_RECENT = 50


class Metrics:
    """Appends to `metrics.jsonl`, after cutting it back to the step that the training goes on from."""

    def __init__(self, folder: Path, step: int) -> None:
        """Keep what the folder's file says of steps up to this one. Raises OSError."""
        kept = [row for row in read_metrics(folder) if row["step"] <= step]
        write_whole(folder / FILE, "".join(json.dumps(row) + "\n" for row in kept).encode())
        self.losses = [float(row["loss"]) for row in kept]
        self._out = (folder / FILE).open("a", encoding="utf-8")
        self._recent: deque[float] = deque(maxlen=_RECENT)

    def add(self, step: int, loss: float, rate: float, seconds: float) -> None:
        """One step with its learning rate, that took so long, waiting included. Raises OSError."""
        self.losses.append(loss)
        self._recent.append(seconds)
        self._out.write(json.dumps({"step": step, "loss": loss, "lr": rate, "seconds": round(seconds, 4)}) + "\n")
        self._out.flush()

    @property
    def steps_per_s(self) -> float:
        """Of the last fifty steps of this process; 0 before the first."""
        return len(self._recent) / sum(self._recent) if self._recent else 0.0

    @property
    def final_loss(self) -> float:
        """The mean of the last twentieth of the steps, since a single step's says little; 0 before the first."""
        last = self.losses[-max(1, len(self.losses) // 20) :]
        return sum(last) / len(last) if last else 0.0

    def close(self) -> None:
        """No more lines."""
        self._out.close()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The rows of a training's metrics; a last line that was cut off is left out."""
    try:
        lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            break
        rows.append(row)
    return rows
