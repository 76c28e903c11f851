"""What a LoRA file is, told from its header alone: its naming, rank and make, or why it is not taken.

Namings: `diffusers` (`unet.down_blocks.1....lora_A.weight`, as diffusers and PEFT write it), `kohya` with diffusers' module
names (`lora_unet_down_blocks_1_...lora_down.weight`), `kohya-sgm` with those of Stability AI's generative-models
(`lora_unet_input_blocks_4_1_...`), and `comfyui` (`diffusion_model.input_blocks.4.1....`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dgx_pixels.models.header import Header, ModelError

ALLOWED = "Allowed are plain LoRAs and LoCons for SDXL as .safetensors, in diffusers, kohya or ComfyUI naming"

_ENDS = re.compile(
    r"(?:(\.lora_down|\.lora_A|\.lora_A\.default|\.lora\.down|\.lora_linear_layer\.down|_lora\.down)\.weight"
    r"|(\.lora_up|\.lora_B|\.lora_B\.default|\.lora\.up|\.lora_linear_layer\.up|_lora\.up)\.weight|(\.alpha))$"
)
"""How each of a layer's three tensors ends its name; `_lora.down.weight` is of diffusers' first attention processors."""

_OTHER_KINDS = (
    (r"\.hada_w\d", "a LoHa (LyCORIS)"),
    (r"\.lokr_w\d", "a LoKr (LyCORIS)"),
    (r"\.dora_scale$|lora_magnitude_vector", "a DoRA"),
    (r"\.(oft_blocks|oft_diag|oft_R)", "an OFT"),
    (r"\.lora_mid\.weight$", "a LoCon in Tucker decomposition"),
    (r"\.on_input$", "an (IA)^3"),
    (r"\.(diff|diff_b|w_norm|b_norm)$", "a full difference, no LoRA"),
    (r"^(emb_params|clip_l|clip_g|string_to_param)", "a textual inversion embedding, no LoRA"),
    (r"^(model\.diffusion_model|first_stage_model|conditioner|cond_stage_model)\.", "a checkpoint: it belongs into checkpoints/"),
    (r"^(decoder|encoder)\.(down|up|mid|conv)", "a VAE: it belongs into vae/"),
    (r"(double_blocks|single_blocks|single_transformer_blocks)[._]", "a LoRA for Flux"),
    (r"joint_blocks[._]", "a LoRA for Stable Diffusion 3"),
    (r"^(transformer|lora_transformer|base_model\.model\.transformer)[._]", "a LoRA for another transformer model, not SDXL"),
    (r"^diffusion_model\.(layers|blocks|transformer_blocks)\.", "a LoRA for another transformer model, not SDXL"),
    (r"^lora_te_", "a LoRA for Stable Diffusion 1.5 or 2"),
)  # fmt: skip
_TEXT_KEY = re.compile(
    r"attn2[._]to_k(?:\.|_lora\.)(?:lora_down|lora_A|lora_A\.default|lora\.down|lora_linear_layer\.down|down)\.weight$"
)
_OTHER_WIDTHS = {768: "a LoRA for Stable Diffusion 1.5", 1024: "a LoRA for Stable Diffusion 2"}


class LoraError(ModelError):
    """A file is no LoRA that can be used, or does not fit its base model."""


@dataclass(frozen=True)
class LoraHeader:
    """What a usable LoRA's header says."""

    naming: str
    """"diffusers", "kohya", "kohya-sgm" or "comfyui"; LoCons (with layers on convolutions) have "+locon" added."""
    rank: int
    """The largest rank of a layer."""
    text_width: int | None
    """Width of the text embedding of the base model that it was made for (SDXL: 2048); None if no layer tells."""
    base_hash: str | None
    """The SHA-256 of the base model it was trained on, where its metadata has it."""
    metadata: Mapping[str, str]
    """What ModelSpec has to say: licence, trigger phrase."""


def split_key(key: str) -> tuple[str, str] | None:
    """A tensor's name as (its layer's name, "down" | "up" | "alpha"); None if it is no part of a plain LoRA."""
    match = _ENDS.search(key)
    if match is None:
        return None
    return key[: match.start()], ("down", "up", "alpha")[(match.lastindex or 1) - 1]


def check_kind(file: Path, header: Header) -> None:
    """Raise LoraError, naming the kind, unless the header is that of a plain LoRA or LoCon."""
    names = "\n".join(header.tensors)
    for pattern, kind in _OTHER_KINDS:
        if re.search(pattern, names, re.MULTILINE):
            raise LoraError(f"{file.name} is {kind}. {ALLOWED}.")
    if '"use_dora": true' in header.metadata.get("lora_adapter_metadata", "") and _any_dora(header):
        raise LoraError(f"{file.name} is a DoRA. {ALLOWED}.")
    unknown = [key for key in header.tensors if split_key(key) is None]
    if unknown or not header.tensors:
        raise LoraError(f"{file.name} is no LoRA: it holds {_some(unknown) or 'nothing'}. {ALLOWED}.")
    width = _text_width(header)
    if width in _OTHER_WIDTHS:
        raise LoraError(f"{file.name} is {_OTHER_WIDTHS[width]}. {ALLOWED}.")


def _any_dora(header: Header) -> bool:
    settings = adapter_settings(header)
    return any(settings.get(f"{part}.use_dora") is True for part in ("unet", "text_encoder", "text_encoder_2"))


def describe(file: Path, header: Header) -> LoraHeader:
    """Summarise a LoRA's header. Raises LoraError as `check_kind` does."""
    check_kind(file, header)
    downs = [(key, info.shape) for key, info in header.tensors.items() if (split_key(key) or ("", ""))[1] == "down"]
    convolutions = any(len(shape) == 4 and shape[2:] != (1, 1) for _, shape in downs)
    meta = header.metadata
    return LoraHeader(
        naming=_naming(header.tensors) + ("+locon" if convolutions else ""),
        rank=max((shape[0] for _, shape in downs if shape), default=0),
        text_width=_text_width(header),
        base_hash=next(
            (h for k in ("ss_new_sd_model_hash", "ss_sd_model_hash") if (h := meta.get(k)) not in (None, "", "None")), None
        ),
        metadata={k: v for k, v in meta.items() if k.startswith("modelspec.") and len(v) < 1000},
    )


def adapter_settings(header: Header) -> dict[str, object]:
    """The settings that diffusers writes beside a LoRA (`unet.lora_alpha`, ...), empty if there are none. Raises LoraError."""
    try:
        found = json.loads(header.metadata.get("lora_adapter_metadata", "{}"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise LoraError("The LoRA's adapter metadata is not JSON: the file is damaged. Fetch it again.")
    return found


def _naming(keys: Iterable[str]) -> str:
    first = next((k for k in keys if "unet" in k[:10] or k.startswith("diffusion_model.")), next(iter(keys)))
    if first.startswith("diffusion_model."):
        return "comfyui"
    if first.startswith("lora_"):
        return (
            "kohya-sgm"
            if re.match(r"lora_unet_(input|middle|output)_block|lora_unet_(time_embed_|label_emb|out_)", first)
            else "kohya"
        )
    return "diffusers"


def _text_width(header: Header) -> int | None:
    shapes = (info.shape for key, info in header.tensors.items() if _TEXT_KEY.search(key))
    return next((shape[1] for shape in shapes if len(shape) >= 2), None)


def _some(keys: list[str]) -> str:
    return ", ".join(repr(k[:80]) for k in keys[:2]) + (f" and {len(keys) - 2} more" if len(keys) > 2 else "")
