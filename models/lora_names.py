"""The modules of a pipeline under every name that LoRA files call them by."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from dgx_pixels.models.single_file import unet_name

_TEXT_PATH = re.compile(
    r"(?:text_model[._])?(?:encoder[._]layers[._](\d+)[._](?:(self_attn)[._]([qkv]|out)_proj|(mlp)[._]fc([12]))|(text_projection))$"
)
_TEXT_PREFIXES = (
    ("lora_te1_", "text_encoder"), ("lora_te2_", "text_encoder_2"),
    ("text_encoder.", "text_encoder"), ("text_encoder_2.", "text_encoder_2"),
    ("text_encoders.clip_l.transformer.", "text_encoder"), ("text_encoders.clip_g.transformer.", "text_encoder_2"),
)  # fmt: skip


@dataclass(frozen=True)
class Module:
    """One module that a LoRA can change."""

    path: str
    """The pipeline's part and the path in its `named_modules()`: "unet.mid_block.attentions.0.proj_in"."""
    shape: tuple[int, ...] | None
    """Of its weight: (out, in) or (out, in, kh, kw). None for text encoders: the UNet's configuration has no widths of theirs."""


class ModuleNames:
    """Finds the module that a LoRA's layer is for, whatever the file's naming, in a pipeline with this UNet."""

    def __init__(self, unet_config: Mapping[str, Any]) -> None:
        plain = {k: v for k, v in unet_config.items() if not k.startswith("_")}
        self._unet = _unet_modules(json.dumps(plain, sort_keys=True))

    def find(self, name: str) -> Module | None:
        """The module of this layer, None if this pipeline has none such."""
        for prefix, part in _TEXT_PREFIXES:
            if name.startswith(prefix):
                return _text_module(part, name.removeprefix(prefix))
        name = re.sub(r"\.processor\.to_(q|k|v|out)$", r".to_\1", name)  # diffusers' first LoRAs sat in attention processors
        return self._unet.get(re.sub(r"\.to_out$", ".to_out.0", name))


@lru_cache(maxsize=8)
def _unet_modules(config: str) -> dict[str, Module]:
    """Every Linear and Conv2d of the UNet, by each of its names; built without memory for its weights."""
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(json.loads(config))
    per_block = unet.config.layers_per_block
    found: dict[str, Module] = {}
    for path, module in unet.named_modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
            known = Module(f"unet.{path}", tuple(module.weight.shape))
            found |= {f"unet.{path}": known, path: known, f"lora_unet_{path.replace('.', '_')}": known}
            if isinstance(per_block, int):
                original = unet_name(f"{path}.weight", per_block).removesuffix(".weight")
                found |= {f"lora_unet_{original.replace('.', '_')}": known, f"diffusion_model.{original}": known}
    return found


def _text_module(part: str, name: str) -> Module | None:
    match = _TEXT_PATH.match(name)
    if match is None or (match[6] and part == "text_encoder"):
        return None
    if match[6]:
        return Module(f"{part}.text_projection", None)
    inside = f"self_attn.{match[3]}_proj" if match[2] else f"mlp.fc{match[5]}"
    return Module(f"{part}.{_text_prefixes()[part]}encoder.layers.{int(match[1])}.{inside}", None)


@lru_cache(maxsize=1)
def _text_prefixes() -> dict[str, str]:
    """Whether each text encoder's layers lie below `text_model.`: transformers has flattened one of the two classes since 5.6."""
    small = CLIPTextConfig(
        vocab_size=3, hidden_size=2, intermediate_size=2, num_hidden_layers=1, num_attention_heads=1, projection_dim=2,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    found = {}
    for part, kind in (("text_encoder", CLIPTextModel), ("text_encoder_2", CLIPTextModelWithProjection)):
        with torch.device("meta"):
            modules = dict(kind(small).named_modules())
        found[part] = "text_model." if "text_model.encoder.layers.0" in modules else ""
    return found
