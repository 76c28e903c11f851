"""Checkpoints of a training: folders that are there whole or not at all, of safetensors and JSON."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import StableDiffusionXLPipeline
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, float32

from dgx_pixels.models.lora_export import diffusers_file
from dgx_pixels.models.training_about import About
from dgx_pixels.models.training_disk import write_folder
from dgx_pixels.models.training_spec import SpecError, same_training
from dgx_pixels.models.training_steps import Training

LORA = "lora.safetensors"
"""A checkpoint's weights, which diffusers and this package can draw with."""
_STATE, _FACTS = "state.safetensors", "state.json"
_DAMAGES = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What reading JSON of another shape raises."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A training at one step, on the CPU."""

    step: int
    weights: dict[str, Tensor]
    tensors: dict[str, Tensor]
    """The state of the optimizer and the averaged weights."""
    facts: dict[str, Any]


def take_snapshot(training: Training, about: About, breathe: Callable[[], None] = lambda: None) -> Snapshot:
    """Copy all that is needed to go on from here, and measure how good it is.

    Uses the device for as long as some steps; `breathe` is called before each picture that it measures.
    """
    tensors, facts = training.state()
    facts |= {
        "training": same_training(about.spec), "dataset": about.dataset.sha256, "base": dict(about.weights_sha256),
        "error": training.measure(breathe),
    }  # fmt: skip
    return Snapshot(training.step, training.tensors(), tensors, facts)


def write_checkpoint(
    snapshot: Snapshot, pipeline: StableDiffusionXLPipeline, folder: Path, metadata: Mapping[str, str], keep: int
) -> Path:  # fmt: skip
    """Write a checkpoint into a folder of its own; then drop those that are neither the newest nor among the `keep` best.

    Answers with its LoRA. Does not use the device. Raises OSError; the checkpoints before stay then.
    """
    files = {LORA: diffusers_file(snapshot.weights, pipeline, metadata, float32), _STATE: save(snapshot.tensors)}
    facts = snapshot.facts | {"sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}}
    own = folder / f"step_{snapshot.step:06}"
    write_folder(own, files | {_FACTS: json.dumps(facts).encode()})
    _drop(folder, keep)
    return own / LORA


def count(folder: Path) -> int:
    """How many checkpoints there are."""
    return len(_steps(folder))


def newest(folder: Path, about: About) -> Snapshot | None:
    """The last whole checkpoint; damaged ones are passed over. Raises SpecError if it is of another training."""
    for own in reversed(_steps(folder)):
        found = _read(own)
        if found is not None:
            _check_same(found, about)
            return found
    return None


def _read(own: Path) -> Snapshot | None:
    try:
        facts = json.loads((own / _FACTS).read_bytes())
        files = {name: (own / name).read_bytes() for name in (LORA, _STATE)}
        if any(hashlib.sha256(data).hexdigest() != facts["sha256"][name] for name, data in files.items()):
            return None
        if not isinstance(facts["training"], dict) or not {"dataset", "base"} <= facts.keys():
            return None
        return Snapshot(int(facts["step"]), load(files[LORA]), load(files[_STATE]), facts)
    except (OSError, SafetensorError, *_DAMAGES):
        return None


def _check_same(found: Snapshot, about: About) -> None:
    before, now = found.facts["training"], same_training(about.spec)
    other = [name for name in now if before.get(name) != now[name]]
    if found.facts["dataset"] != about.dataset.sha256:
        other.append("dataset")
    if found.facts["base"] != dict(about.weights_sha256):
        other.append("weights of the base model")
    if other:
        raise SpecError(
            f"This training was begun with other settings ({', '.join(other)}): start a new one, or go on with those."
        )


def _steps(folder: Path) -> list[Path]:
    return sorted(own for own in folder.glob("step_*") if own.is_dir())


def _drop(folder: Path, keep: int) -> None:
    *older, _ = _steps(folder)
    for own in sorted(older, key=_error)[keep:]:
        shutil.rmtree(own, ignore_errors=True)


def _error(own: Path) -> float:
    try:
        return float(json.loads((own / _FACTS).read_bytes())["error"])
    except (OSError, *_DAMAGES):
        return math.inf
