"""What a base model's file or folder holds, told without loading it: its parts, its make, and why it may not be used.

Single files are in the original layout of Stability AI's `generative-models`, whole or a UNet alone; a UNet alone may have
diffusers' names, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dgx_pixels.models.folder_check import check_classes, check_shards, read_config, read_json
from dgx_pixels.models.header import Header, ModelError
from dgx_pixels.models.lora_check import split_key

ALLOWED = "Allowed are SDXL models as .safetensors, as one file or as a diffusers folder"
PREFIXES = {
    "unet": "model.diffusion_model.", "vae": "first_stage_model.", "text_encoder": "conditioner.embedders.0.transformer.",
    "text_encoder_2": "conditioner.embedders.1.model.",
}  # fmt: skip
"""How the names of each part's weights begin in a single file."""

_OTHER_KINDS = (
    (r"^(model\.diffusion_model\.)?joint_blocks\.", "a Stable Diffusion 3 model"),
    (r"^(model\.diffusion_model\.)?double_blocks\.", "a Flux model"),
    (r"^(model\.diffusion_model\.)?((single_)?transformer_blocks|layers|blocks)\.\d", "a transformer model, not SDXL"),
    (r"^cond_stage_model\.model\.", "a Stable Diffusion 2 model"),
    (r"^cond_stage_model\.", "a Stable Diffusion 1.5 model"),
    (r"^conditioner\.embedders\.0\.model\.", "the SDXL refiner, which draws nothing by itself"),
    (r"^(control_model|controlnet_cond_embedding|input_hint_block)\.", "a ControlNet"),
    (r"^edm_(mean|std)$", "Playground v2.5, which needs another sampler"),
    (r"^scaled_fp8$|\.quant_state\.|\.(quant_map|absmax|scale_weight)$", "quantized"),
    (r"^(decoder|encoder)\.(down|up|mid|conv)", "a VAE: it belongs into vae/"),
)  # fmt: skip
_OTHER_WIDTHS = {
    768: "a Stable Diffusion 1.5 model",
    1024: "a Stable Diffusion 2 model",
    1280: "the SDXL refiner, which draws nothing by itself",
}
_OTHER_INPUTS = {
    9: "an inpainting model, which draws only into a given picture",
    8: "an InstructPix2Pix model, which only edits a given picture",
}
_UNET_NAMES = ("input_blocks.0.0.weight", "conv_in.weight")


@dataclass(frozen=True)
class Kind:
    """What is known of a base model without its weights."""

    parts: tuple[str, ...]
    text_width: int | None
    v_prediction: bool = False
    zero_snr: bool = False
    render_side: int = 1024
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)


def file_kind(file: Path, header: Header) -> Kind:
    """Tell what a single file holds. Raises ModelError, naming what it is, if that is not SDXL."""
    names = header.tensors
    every = "\n".join(names)
    for pattern, kind in _OTHER_KINDS:
        if re.search(pattern, every, re.MULTILINE):
            raise _refusal(file, kind)
    if names and all(split_key(name) is not None for name in names):
        raise _refusal(file, "a LoRA: it belongs into loras/")
    parts = tuple(part for part, prefix in PREFIXES.items() if any(name.startswith(prefix) for name in names))
    prefix = PREFIXES["unet"] if "unet" in parts else ""
    inputs = next((shape for name in _UNET_NAMES if (shape := header.shape(prefix + name)) is not None), None)
    if inputs is None or len(inputs) < 2:
        raise _refusal(file, "no whole model: it holds no UNet")
    width = next(
        (t.shape[1] for n, t in names.items() if n.startswith(prefix) and n.endswith("attn2.to_k.weight") and len(t.shape) == 2),
        None,
    )
    _check_unet(file, width, inputs[1])
    if not any(name.startswith((f"{prefix}label_emb.", f"{prefix}add_embedding.")) for name in names):
        raise _refusal(file, "no SDXL: its UNet takes no picture sizes")
    if any(t.dtype in ("I8", "U8") or t.dtype.startswith(("F8", "F6", "F4")) for t in names.values()):
        raise _refusal(file, "in 8 bits or fewer: get it in 16 or 32 bits")
    predicted = header.metadata.get("modelspec.prediction_type", "")
    return Kind(
        parts or ("unet",), width, v_prediction="v_pred" in names or predicted.lower() in ("v", "v_prediction", "v-prediction"),
        zero_snr="ztsnr" in names, metadata=_modelspec(header),
    )  # fmt: skip


def folder_kind(folder: Path) -> Kind:
    """Tell what a diffusers folder holds, from its JSON files. Raises ModelError, naming what it is, if that is not SDXL."""
    index = read_json(folder / "model_index.json")
    made_by = index.get("_class_name", "StableDiffusionXLPipeline")
    if made_by != "StableDiffusionXLPipeline":
        raise _refusal(folder, f"for the pipeline {str(made_by)[:80]}")
    if index.get("text_encoder") == [None, None]:
        raise _refusal(folder, _OTHER_WIDTHS[1280])
    check_classes(folder, index)
    config = {part: read_config(folder / part / "config.json") for part in PREFIXES}
    for part in PREFIXES:
        check_shards(folder / part)
    unet, levels = config["unet"], config["vae"].get("block_out_channels")
    width, sample = unet.get("cross_attention_dim"), unet.get("sample_size")
    _check_unet(folder, width, unet.get("in_channels"))
    side = sample * 2 ** (len(levels) - 1) if type(sample) is int and sample > 0 and isinstance(levels, list) and levels else 1024
    return Kind(tuple(PREFIXES), width if isinstance(width, int) else None, render_side=side)


def _check_unet(model: Path, width: object, inputs: object) -> None:
    if isinstance(width, int) and width in _OTHER_WIDTHS:
        raise _refusal(model, _OTHER_WIDTHS[width])
    if isinstance(inputs, int) and inputs in _OTHER_INPUTS:
        raise _refusal(model, _OTHER_INPUTS[inputs])


def _refusal(model: Path, kind: str) -> ModelError:
    return ModelError(f"{model.name} is {kind}. {ALLOWED}.")


def _modelspec(header: Header) -> dict[str, str]:
    return {k: v for k, v in header.metadata.items() if k.startswith("modelspec.") and len(v) < 1000}
