"""Checkpoints of a training: folders that are there whole or not at all, of safetensors and JSON."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor, float32

from dgx_pixels.models.lora_about import About
from dgx_pixels.models.lora_disk import write_folder
from dgx_pixels.models.lora_export import diffusers_file
from dgx_pixels.models.lora_spec import SpecError, same_training
from dgx_pixels.models.lora_training import Training

LORA = "lora.safetensors"
"""A checkpoint's weights, which diffusers and this package can draw with."""
_STATE, _FACTS = "state.safetensors", "state.json"


@dataclass(frozen=True)
class Found:
    """A whole checkpoint on disk."""

    step: int
    weights: dict[str, Tensor]
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def save_checkpoint(training: Training, about: About, folder: Path, metadata: dict[str, str]) -> Path:
    """Write a checkpoint into a folder of its own and drop those that are neither the newest nor among the best.

    Answers with its LoRA. Raises OSError; the checkpoints before stay then.
    """
    tensors, facts = training.state()
    files = {LORA: diffusers_file(training.tensors(), training.pipeline, metadata, float32), _STATE: save(tensors)}
    facts |= {
        "training": same_training(about.spec), "dataset": about.dataset.sha256, "base": dict(about.weights_sha256),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}, "error": training.measure(),
    }  # fmt: skip
    own = folder / f"step_{training.step:06}"
    write_folder(own, files | {_FACTS: json.dumps(facts).encode()})
    _drop(folder, about.spec.keep)
    return own / LORA


def newest(folder: Path, about: About) -> Found | None:
    """The last whole checkpoint; damaged ones are passed over. Raises SpecError if it is of another training."""
    for own in reversed(_steps(folder)):
        found = _read(own)
        if found is not None:
            _check_same(found, about)
            return found
    return None


def _read(own: Path) -> Found | None:
    try:
        facts = json.loads((own / _FACTS).read_bytes())
        files = {name: (own / name).read_bytes() for name in (LORA, _STATE)}
        if any(hashlib.sha256(data).hexdigest() != facts["sha256"][name] for name, data in files.items()):
            return None
        return Found(int(facts["step"]), load(files[LORA]), load(files[_STATE]), facts)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _check_same(found: Found, about: About) -> None:
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
    except (OSError, ValueError, KeyError, TypeError):
        return math.inf
