"""What the three trainings of tiny-sdxl share: arguments, learning rate, sources of chance, and checkpoints to go on from."""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch


class Stateful(Protocol):
    """A module, an optimizer, or chance: what a checkpoint keeps."""

    def state_dict(self) -> Any:  # noqa: ANN401  # each has its own
        """Its state."""

    def load_state_dict(self, state_dict: Any) -> Any:  # noqa: ANN401  # as above
        """Take that state on."""


class Chance:
    """All random numbers of a training: `numbers` for numpy, `words` for Python, and torch's own, from one seed."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.numbers, self.words = np.random.default_rng(seed), random.Random(seed)

    def state_dict(self) -> dict[str, Any]:
        """Where all three stand."""
        state = self.numbers.bit_generator.state
        return {"numbers": state, "words": self.words.getstate(), "torch": torch.get_rng_state()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.numbers.bit_generator.state = state_dict["numbers"]
        version, internal, gauss = state_dict["words"]
        self.words.setstate((version, tuple(internal), gauss))
        torch.set_rng_state(state_dict["torch"])


def arguments(about: str | None, steps: int) -> argparse.Namespace:
    """Those of the command line: `data`, `work`, `steps`, and the `device` to train on."""
    p = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, required=True, help="the tile release: a folder or its zip")
    p.add_argument("--work", type=Path, required=True, help="where checkpoints go; the three trainings share it")
    p.add_argument("--steps", type=int, default=steps)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    found = p.parse_args()
    found.work.mkdir(parents=True, exist_ok=True)
    return found


def learning_rate(peak: float, step: int, steps: int) -> float:
    """Warm-up over 200 steps, then a cosine to 1 % of the peak at `steps`."""
    progress = min(step / steps, 1.0)
    return peak * min((step + 1) / 200, 1.0) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Give every parameter group this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = value


def save(file: Path, step: int, parts: Mapping[str, Stateful], **more: object) -> None:
    """Write a checkpoint, whole or not at all."""
    half_written = file.with_suffix(".tmp")
    torch.save({"step": step, **more, **{name: part.state_dict() for name, part in parts.items()}}, half_written)
    half_written.replace(file)


def read(file: Path) -> dict[str, Any] | None:
    """The checkpoint at this path, or None if there is none yet."""
    found: dict[str, Any] | None = torch.load(file, map_location="cpu", weights_only=True) if file.exists() else None
    return found


def resume(found: Mapping[str, Any] | None, parts: Mapping[str, Stateful]) -> int:
    """Give every part its state of the checkpoint; answers with the step to go on from, 0 without a checkpoint."""
    if found is None:
        return 0
    for name, part in parts.items():
        part.load_state_dict(found[name])
    step: int = found["step"]
    return step
