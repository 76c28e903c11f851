"""Loads a base model's pipeline from a diffusers folder or a single file, offline, and standalone VAEs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from dgx_pixels.models.base_model import PARTS, BaseModel, check_weights
from dgx_pixels.models.checkpoint_check import PREFIXES
from dgx_pixels.models.entries import Vae
from dgx_pixels.models.header import ModelError, read_header
from dgx_pixels.models.tiny_text import byte_tokens

logger = logging.getLogger(__name__)

SDXL_CONFIG = Path(__file__).parent / "sdxl_config"
"""The configurations of SDXL base 1.0's parts, for checkpoints that are weights only."""


def load_pipeline(
    base: BaseModel, dtype: torch.dtype, device: torch.device | None = None, shared: Mapping[str, torch.nn.Module] | None = None,
    config: Path = SDXL_CONFIG,
) -> StableDiffusionXLPipeline:  # fmt: skip
    """Load a base model in this type, onto a device if one is given.

    `shared` are parts that are used as they are instead of being loaded ("text_encoder", "text_encoder_2", "vae"), so that
    several models keep one copy of them; a checkpoint without parts of its own needs them. `config` is a diffusers folder
    without weights, for single files only.

    Raises ModelError if the model is refused, has missing or damaged weights or lacks parts, and torch.OutOfMemoryError.
    """
    check_weights(base)
    given = dict(shared or {})
    lacking = [part for part in PARTS if part not in base.parts and part not in given]
    if lacking:
        raise ModelError(
            f"The model {base.id} holds only its {' and '.join(base.parts)}: it borrows the other parts from a whole SDXL "
            "model, and there is none; run `dgx-pixels models pull sdxl`."
        )
    try:
        pipeline = _from_folder(base, dtype, given) if base.file is None else _from_file(base, dtype, given, config)
        if device is not None:
            pipeline.to(device)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # diffusers and its parts raise many kinds; each says that this model cannot be read
        logger.warning("loading %s failed", base.id, exc_info=True)
        raise ModelError(
            f"The model {base.id} could not be loaded from {base.file or base.folder}: {error}. "
            "Fetch it again, or use another model."
        ) from error
    pipeline.vae.register_to_config(force_upcast=False)  # in bf16 and with the fp16-safe VAE no picture needs fp32
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load_vae(vae: Vae, dtype: torch.dtype, config: Path = SDXL_CONFIG) -> AutoencoderKL:
    """Load a standalone VAE, in diffusers' or the original layout. Raises ModelError."""
    if vae.problem is not None:
        raise ModelError(vae.problem)
    try:
        loaded = AutoencoderKL.from_single_file(
            str(vae.file), config=str(config), subfolder="vae", dtype=dtype, local_files_only=True
        )
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # as above
        logger.warning("loading %s failed", vae.id, exc_info=True)
        raise ModelError(f"The VAE {vae.id} could not be loaded from {vae.file}: {error}. Fetch it again.") from error
    loaded.register_to_config(force_upcast=False)
    return loaded.eval()


def _from_folder(base: BaseModel, dtype: torch.dtype, given: Mapping[str, Any]) -> StableDiffusionXLPipeline:
    return StableDiffusionXLPipeline.from_pretrained(
        base.folder,
        dtype=dtype,
        variant=base.variant,
        local_files_only=True,
        use_safetensors=True,
        add_watermarker=False,
        **given,
    )


def _from_file(base: BaseModel, dtype: torch.dtype, given: dict[str, Any], config: Path) -> StableDiffusionXLPipeline:
    assert base.file is not None
    scheduler = EulerDiscreteScheduler.from_pretrained(config, subfolder="scheduler", local_files_only=True)
    if base.v_prediction:
        scheduler.register_to_config(prediction_type="v_prediction")
    if base.zero_snr:
        scheduler.register_to_config(rescale_betas_zero_snr=True, timestep_spacing="trailing")
    given |= {"scheduler": EulerDiscreteScheduler.from_config(scheduler.config)} | _tokenizers(config)
    if "unet" not in given and not any(name.startswith(PREFIXES["unet"]) for name in read_header(base.file).tensors):
        given["unet"] = _bare_unet(base.file, dtype, config)
    return StableDiffusionXLPipeline.from_single_file(
        str(base.file), config=str(config), dtype=dtype, local_files_only=True, add_watermarker=False, **given
    )


def _bare_unet(file: Path, dtype: torch.dtype, config: Path) -> UNet2DConditionModel:
    """The UNet of a file without a prefix before its names; these are the original layout's or diffusers' own."""
    state = load_file(file)
    if "conv_in.weight" not in state:
        state = {PREFIXES["unet"] + name: value for name, value in state.items()}
    return UNet2DConditionModel.from_single_file(state, config=str(config), subfolder="unet", dtype=dtype, local_files_only=True)


def _tokenizers(config: Path) -> dict[str, CLIPTokenizer]:
    """Both of SDXL's tokenizers: those of the folder if it has any, else CLIP's, which differ in what they pad with."""
    parts = ("tokenizer", "tokenizer_2")
    if all((config / part).is_dir() for part in parts):
        return {part: CLIPTokenizer.from_pretrained(config / part, local_files_only=True) for part in parts}
    vocabulary, merges = _clip_words()
    made = {
        "tokenizer": CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77),
        "tokenizer_2": CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77, pad_token="!"),
    }
    return {part: made[part] for part in parts}


@lru_cache(maxsize=1)
def _clip_words() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """CLIP's 49,408 tokens, each with its id, and the merges that they are made by."""
    lines = (SDXL_CONFIG / "merges.txt").read_text(encoding="utf-8").splitlines()
    merges = [(left, right) for left, right in (line.split(" ") for line in lines)]
    tokens = [*byte_tokens(), *(left + right for left, right in merges), "<|startoftext|>", "<|endoftext|>"]
    return {token: i for i, token in enumerate(tokens)}, merges
