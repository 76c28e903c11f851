"""A trained LoRA as files for others: named as diffusers does, and as kohya's scripts and ComfyUI do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import save
from torch import Tensor

from dgx_pixels.models.single_file import unet_name

_KOHYA_PARTS = {"unet": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}
_KOHYA_HALVES = {"lora_A.weight": "lora_down.weight", "lora_B.weight": "lora_up.weight"}
_PARTS = tuple(_KOHYA_PARTS)


def diffusers_file(
    weights: Mapping[str, Tensor], pipeline: StableDiffusionXLPipeline, metadata: Mapping[str, str], dtype: torch.dtype
) -> bytes:
    """The file that diffusers' `load_lora_weights` takes, with PEFT's own settings in its metadata, where alpha stands."""
    settings: dict[str, Any] = {}
    for part in _PARTS:
        config = getattr(getattr(pipeline, part), "peft_config", {}).get("default")
        if config is not None:
            settings |= {f"{part}.{k}": sorted(v) if isinstance(v, set) else v for k, v in config.to_dict().items()}
    tensors = {name: value.to(dtype) for name, value in weights.items()}
    about = {"format": "pt", "lora_adapter_metadata": json.dumps(settings, sort_keys=True), **metadata}
    return _in_order(save(tensors, about))


def kohya_file(
    weights: Mapping[str, Tensor], pipeline: StableDiffusionXLPipeline, alpha: float, metadata: Mapping[str, str],
    dtype: torch.dtype,
) -> bytes:  # fmt: skip
    """The file that kohya's scripts, ComfyUI and A1111 take, the UNet's layers named as in the original layout.

    Its metadata also gets the digests of the weights alone that those programs tell LoRAs apart by.
    """
    per_block = pipeline.unet.config.layers_per_block
    tensors: dict[str, Tensor] = {}
    for name, value in weights.items():
        layer, half = name.rsplit(".", 2)[0], ".".join(name.rsplit(".", 2)[1:])
        key = _kohya_name(layer, per_block)
        tensors[f"{key}.{_KOHYA_HALVES[half]}"] = value.to(dtype)
        tensors[f"{key}.alpha"] = torch.tensor(alpha)
    digest = hashlib.sha256(_data(save(tensors))).hexdigest()
    digests = {"sshs_model_hash": digest, "modelspec.hash_sha256": f"0x{digest}"}
    return _in_order(save(tensors, {"format": "pt", **metadata, **digests}))


def _kohya_name(layer: str, per_block: int) -> str:
    part, _, path = layer.partition(".")
    if part == "unet":
        path = unet_name(f"{path}.weight", per_block).removesuffix(".weight")
    elif not path.startswith("text_model."):
        path = f"text_model.{path}"  # as everyone names them; transformers has flattened one of its classes since
    return f"{_KOHYA_PARTS[part]}_{path.replace('.', '_')}"


def _data(file: bytes) -> bytes:
    """A safetensors file's tensors, without its header."""
    return file[8 + int.from_bytes(file[:8], "little") :]


def _in_order(file: bytes) -> bytes:
    """A safetensors file with its metadata sorted: the library writes it in an order of chance."""
    end = 8 + int.from_bytes(file[:8], "little")
    header = json.loads(file[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight
    return len(text).to_bytes(8, "little") + text + file[end:]
