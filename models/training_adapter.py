"""A LoRA put onto a pipeline to be trained: which layers it changes, and its weights by the names that files have."""

from __future__ import annotations

from diffusers import StableDiffusionXLPipeline
from diffusers.training_utils import cast_training_params
from peft import LoraConfig
from torch import float32, manual_seed, nn

from dgx_pixels.models.training_spec import LayerKind, TrainingSpec

_ADAPTER = "default"
_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
_LAYERS: dict[LayerKind, tuple[str, ...]] = {
    "attention": _ATTENTION,
    "transformer": (*_ATTENTION, "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"),
    "all": (
        *_ATTENTION, "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out", "conv1", "conv2", "conv_shortcut", "time_emb_proj",
    ),
}  # fmt: skip
_TEXT_LAYERS = ("q_proj", "k_proj", "v_proj", "out_proj")
_TEXT_PARTS = ("text_encoder", "text_encoder_2")


def put_on(pipeline: StableDiffusionXLPipeline, spec: TrainingSpec) -> dict[str, nn.Parameter]:
    """Put a fresh LoRA on, everything else frozen; its weights in float32, by `unet.<module>.lora_A.weight` and so on.

    The same seed gives the same weights. The UNet, and the text encoders if they learn, are left in training mode.
    """
    manual_seed(spec.seed)
    for part in ("vae", *_TEXT_PARTS, "unet"):
        getattr(pipeline, part).requires_grad_(False)
    parts = ("unet", *_TEXT_PARTS) if spec.text_encoders else ("unet",)
    for part in parts:
        module = getattr(pipeline, part)
        module.add_adapter(_config(spec, _LAYERS[spec.layers] if part == "unet" else _TEXT_LAYERS), adapter_name=_ADAPTER)
        module.train()
        cast_training_params(module, dtype=float32)
    return {
        f"{part}.{name.replace(f'.{_ADAPTER}.', '.')}": weight
        for part in parts
        for name, weight in getattr(pipeline, part).named_parameters()
        if weight.requires_grad
    }


def _config(spec: TrainingSpec, layers: tuple[str, ...]) -> LoraConfig:
    return LoraConfig(
        r=spec.rank,
        lora_alpha=spec.alpha,  # type: ignore[arg-type]  # said to be an int, and only divided by the rank
        lora_dropout=spec.dropout,
        init_lora_weights="gaussian",
        target_modules=list(layers),
    )
