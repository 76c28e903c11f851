"""Reads a LoRA file of any naming into one form: the two factors and the scale of each layer, by the module it changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from dgx_pixels.models.header import Header, ModelError, read_header
from dgx_pixels.models.lora_check import LoraError, adapter_settings, check_kind, split_key
from dgx_pixels.models.lora_names import Module, ModuleNames

__all__ = ["LoraError", "LoraLayer", "read_lora"]

_MOST_ALPHA = 1e6
"""An alpha is of about the size of a rank, at most some hundred."""


@dataclass(frozen=True, eq=False)
class LoraLayer:
    """What a LoRA adds to one module's weight: `scale * up @ down`, in the type that the file has."""

    down: Tensor
    """(rank, in), or (rank, in, kh, kw) for a convolution."""
    up: Tensor
    """(out, rank), or (out, rank, 1, 1) for a convolution."""
    scale: float
    """alpha / rank; 1.0 in a file without alpha."""


def read_lora(file: Path, unet_config: Mapping[str, Any]) -> dict[str, LoraLayer]:
    """Read all layers of a LoRA for a pipeline with this UNet, on the CPU.

    The keys are `unet.<path>`, `text_encoder.<path>` and `text_encoder_2.<path>`, with the paths of `named_modules()` of the
    pipeline's parts. Kind, names and shapes are checked from the header before any weight is read; of the text encoders,
    whose widths the UNet's configuration does not tell, only the names. Everything read is finite.

    Raises LoraError: the file is not safetensors, damaged, of another kind, or made for another model.
    """
    try:
        header = read_header(file)
    except ModelError as error:
        raise LoraError(str(error)) from error
    check_kind(file, header)
    layers = _layers(file, header, ModuleNames(unet_config))
    try:
        with safe_open(file, "pt") as opened:
            return {module.path: _layer(file, header, module, keys, opened) for module, keys in layers.items()}
    except (SafetensorError, OSError) as error:
        raise LoraError(f"The LoRA {file.name} cannot be read ({error}): fetch it again.") from error


def _layers(file: Path, header: Header, names: ModuleNames) -> dict[Module, dict[str, str]]:
    """For each module, the names of its tensors in the file by part. Raises LoraError unless every tensor has its place."""
    found: dict[Module, dict[str, str]] = defaultdict(dict)
    unknown = []
    for key in header.tensors:
        name, part = split_key(key) or (key, "")
        module = names.find(name)
        if module is None:
            unknown.append(name)
        elif part in found[module]:
            raise LoraError(f"The LoRA {file.name} has two layers for {module.path}: it is damaged. Fetch it again.")
        else:
            found[module][part] = key
    if unknown:
        others = f" nor {len(set(unknown)) - 1} others of its layers" if len(set(unknown)) > 1 else ""
        raise _misfit(file, f"this one has no {unknown[0][:120]!r}{others}")
    for module, keys in found.items():
        _check_shapes(file, header, module, keys)
    return found


def _check_shapes(file: Path, header: Header, module: Module, keys: dict[str, str]) -> None:
    if "down" not in keys or "up" not in keys:
        lacking = "down" if "down" not in keys else "up"
        raise LoraError(f"The LoRA {file.name} lacks the {lacking} half of {module.path}: it is damaged. Fetch it again.")
    down, up = header.tensors[keys["down"]], header.tensors[keys["up"]]
    if not all(t.dtype in ("F16", "BF16", "F32", "F64") for t in (down, up)):
        raise LoraError(f"The LoRA {file.name} has weights of type {down.dtype}: allowed are 16 and 32 bit floats.")
    if min(len(down.shape), len(up.shape)) < 2 or down.shape[0] != up.shape[1] or 0 in down.shape + up.shape:
        raise LoraError(
            f"The LoRA {file.name} has halves of {module.path} that do not fit each other: it is damaged. Fetch it again."
        )
    if "alpha" in keys and header.tensors[keys["alpha"]].shape not in ((), (1,)):
        raise LoraError(f"The LoRA {file.name} has an alpha of {module.path} that is no number: it is damaged. Fetch it again.")
    made_for = (up.shape[0], *down.shape[1:])
    if module.shape is not None and (_plain(made_for) != _plain(module.shape) or up.shape[2:] not in ((), (1, 1))):
        raise _misfit(file, f"its {module.path} is {_by(made_for)}, here it is {_by(module.shape)}")


def _misfit(file: Path, why: str) -> LoraError:
    return LoraError(f"The LoRA {file.name} was made for another model: {why}. Use it with the base model that it was made for.")


def _plain(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A 1x1 convolution and a matrix are the same thing; files have either for the other."""
    return shape[:2] if shape[2:] == (1, 1) else shape


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _layer(file: Path, header: Header, module: Module, keys: dict[str, str], opened: Any) -> LoraLayer:  # noqa: ANN401  # safetensors' handle
    down, up = opened.get_tensor(keys["down"]), opened.get_tensor(keys["up"])
    scale = _scale(header, module, keys, down.shape[0], opened)
    if not (torch.isfinite(down).all() and torch.isfinite(up).all() and abs(scale) < float("inf")):
        raise LoraError(
            f"The LoRA {file.name} has values in {module.path} that are no finite numbers: it is damaged. Fetch it again."
        )
    ends = (1, 1) if module.shape is not None and len(module.shape) == 4 else ()
    kernel = module.shape[2:] if module.shape is not None else ()
    return LoraLayer(down.reshape(*down.shape[:2], *kernel), up.reshape(*up.shape[:2], *ends), scale)


def _scale(header: Header, module: Module, keys: dict[str, str], rank: int, opened: Any) -> float:  # noqa: ANN401  # safetensors' handle
    """Give alpha / rank, alpha from the file, else from diffusers' metadata, where rsLoRA divides by the root of the rank."""
    if "alpha" in keys:
        return float(opened.get_tensor(keys["alpha"]).reshape(-1)[0]) / rank
    settings = adapter_settings(header)
    part, _, path = module.path.partition(".")
    patterns = settings.get(f"{part}.alpha_pattern")
    alpha = settings.get(f"{part}.lora_alpha")
    if isinstance(patterns, dict):
        matching = (v for k, v in patterns.items() if path == k or path.endswith(f".{k}"))
        alpha = next(matching, alpha)
    if not isinstance(alpha, int | float) or abs(alpha) > _MOST_ALPHA:
        return 1.0
    return float(alpha) / (rank**0.5 if settings.get(f"{part}.use_rslora") is True else rank)
