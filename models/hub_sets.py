"""What `dgx-pixels models pull` fetches: repositories on the Hugging Face hub, with the licence of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["base", "lora", "vae"]


@dataclass(frozen=True)
class HubModel:
    """One model in a repository."""

    id: str
    """What it is called here."""
    kind: Kind
    repo: str
    licence: str
    files: tuple[str, ...]
    """Patterns of the files to fetch; of a LoRA or VAE its one weight file."""
    revision: str = "main"
    """A commit or a branch."""
    recommended_weight: float = 1.0
    """For LoRAs."""


_SDXL_FILES = (
    "model_index.json", "README.md", "LICENSE.md", "scheduler/*.json", "tokenizer/*", "tokenizer_2/*", "text_encoder/config.json",
    "text_encoder_2/config.json", "unet/config.json", "vae/config.json", "text_encoder/model.fp16.safetensors",
    "text_encoder_2/model.fp16.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors",
    "vae/diffusion_pytorch_model.fp16.safetensors",
)  # fmt: skip

SETS: dict[str, tuple[HubModel, ...]] = {
    "sdxl": (
        HubModel(
            "sdxl", "base", "stabilityai/stable-diffusion-xl-base-1.0", "openrail++", _SDXL_FILES,
            revision="462165984030d82259a11f4367a4eed129e94a7b",
        ),
        HubModel(
            "sdxl-vae-fp16-fix", "vae", "madebyollin/sdxl-vae-fp16-fix", "mit", ("diffusion_pytorch_model.safetensors",),
            revision="207b116dae70ace3637169f1ddd2434b91b3a8cd",
        ),
        HubModel(
            "pixel-art-xl", "lora", "nerijs/pixel-art-xl", "creativeml-openrail-m", ("pixel-art-xl.safetensors",),
            revision="8bf4a4d9ea283e00a51fafda8e0539f8248ea037", recommended_weight=1.2,
        ),
        HubModel(
            "lcm", "lora", "latent-consistency/lcm-lora-sdxl", "openrail++", ("pytorch_lora_weights.safetensors",),
            revision="a18548dd4956b174ec5b0d78d340c8dae0a129cd",
        ),
    ),
}  # fmt: skip
"""Each set by the name that `models pull` takes. Sizes and digests come from the hub when it is asked."""

KNOWN = {model.repo: model for models in SETS.values() for model in models}
"""The same models by repository: in Hugging Face's cache they have the same ids."""
