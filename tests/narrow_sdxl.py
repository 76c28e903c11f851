"""A random SDXL pipeline of the real one's topology, a few channels wide, and LoRAs for it in each naming."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from dgx_pixels.models.lora_file import LoraLayer
from dgx_pixels.models.single_file import unet_name
from dgx_pixels.models.tiny_text import tokenizer_of

TEXT_WIDTH = 24
"""Both text encoders together; SDXL: 768 + 1280."""


def narrow_pipeline(seed: int = 0) -> StableDiffusionXLPipeline:
    """Three levels with 0, 2 and 10 transformers, 12 and 32 text layers, four VAE levels: all of SDXL's names."""
    torch.manual_seed(seed)
    tokenizer, tokenizer_2 = tokenizer_of([]), tokenizer_of([], pad_token="!")
    words = len(tokenizer)
    text = {
        "vocab_size": words, "max_position_embeddings": 32, "bos_token_id": words - 2, "eos_token_id": words - 1,
        "num_attention_heads": 2, "intermediate_size": 16,
    }  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=2, block_out_channels=(8, 16, 16), norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), transformer_layers_per_block=(1, 2, 10),
        attention_head_dim=(1, 2, 2), use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=4 * 6 + 16, cross_attention_dim=TEXT_WIDTH,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16, 16), norm_num_groups=4, in_channels=3, out_channels=3, latent_channels=4,
        layers_per_block=2, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        sample_size=64, scaling_factor=0.13025,
    )  # fmt: skip
    pipeline = StableDiffusionXLPipeline(
        vae=vae, unet=unet, tokenizer=tokenizer, tokenizer_2=tokenizer_2, add_watermarker=False,
        text_encoder=CLIPTextModel(
            CLIPTextConfig(hidden_size=8, num_hidden_layers=12, projection_dim=8, hidden_act="quick_gelu", **text)
        ),
        text_encoder_2=CLIPTextModelWithProjection(
            CLIPTextConfig(hidden_size=16, num_hidden_layers=32, projection_dim=16, hidden_act="gelu", **text)
        ),
        scheduler=EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1),
    )  # fmt: skip
    for part in (pipeline.vae, pipeline.unet, pipeline.text_encoder, pipeline.text_encoder_2):
        part.eval()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def random_layers(
    pipeline: StableDiffusionXLPipeline, rank: int = 4, *, text: bool = True, convolutions: bool = True
) -> dict[str, LoraLayer]:
    """Layers on every Linear and 3x3 convolution of the pipeline: as far as a LoCon goes."""
    chance = torch.Generator().manual_seed(5)
    found = {}
    for part in ("unet", *(("text_encoder", "text_encoder_2") if text else ())):
        for path, module in getattr(pipeline, part).named_modules():
            if isinstance(module, torch.nn.Conv2d) and convolutions:
                down = torch.randn(rank, module.in_channels, *module.kernel_size, generator=chance)
                found[f"{part}.{path}"] = LoraLayer(down, torch.randn(module.out_channels, rank, 1, 1, generator=chance), 0.5)
            elif isinstance(module, torch.nn.Linear):
                down = torch.randn(rank, module.in_features, generator=chance)
                found[f"{part}.{path}"] = LoraLayer(down, torch.randn(module.out_features, rank, generator=chance), 0.5)
    return found


def _split(path: str) -> tuple[str, str]:
    part, _, inside = path.partition(".")
    if part == "text_encoder" and not inside.startswith("text_model."):
        inside = f"text_model.{inside}"  # files keep the older, unflattened name
    return part, inside


def diffusers_name(path: str) -> str:
    """As diffusers writes it."""
    part, inside = _split(path)
    return f"{part}.{inside}"


def kohya_name(path: str) -> str:
    """As kohya's scripts write it with diffusers' module names."""
    part, inside = _split(path)
    prefix = {"unet": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}[part]
    return f"{prefix}_{inside.replace('.', '_')}"


def sgm_name(path: str) -> str:
    """As kohya's scripts write it with the original module names, SDXL's usual form."""
    part, inside = _split(path)
    if part != "unet":
        return kohya_name(path)
    return f"lora_unet_{unet_name(f'{inside}.weight', 2).removesuffix('.weight').replace('.', '_')}"


def comfyui_name(path: str) -> str:
    """As ComfyUI writes it."""
    part, inside = _split(path)
    if part != "unet":
        return f"text_encoders.clip_{'l' if part == 'text_encoder' else 'g'}.transformer.{inside}"
    return f"diffusion_model.{unet_name(f'{inside}.weight', 2).removesuffix('.weight')}"


def write_lora(
    file: Path, layers: Mapping[str, LoraLayer], name: Callable[[str], str] = kohya_name,
    ends: tuple[str, str] = ("lora_down.weight", "lora_up.weight"), metadata: Mapping[str, str] | None = None,
    *, alpha: bool = True,
) -> Path:  # fmt: skip
    """Write layers under a naming's names."""
    tensors: dict[str, Tensor] = {}
    for path, layer in layers.items():
        tensors[f"{name(path)}.{ends[0]}"] = layer.down.contiguous()
        tensors[f"{name(path)}.{ends[1]}"] = layer.up.contiguous()
        if alpha:
            tensors[f"{name(path)}.alpha"] = torch.tensor(layer.scale * layer.down.shape[0])
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, dict(metadata) if metadata else None)
    return file
