"""SDXL with random weights, made in place on a device: nothing is fetched, read or written, and every time is that of real SDXL.

What takes time in a render does not hang on the values of the weights, only on their shapes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from dgx_pixels.models import loaded
from dgx_pixels.models.catalogue import BaseModel, embedded
from dgx_pixels.models.compiled import CompiledUnet
from dgx_pixels.models.load import SDXL_CONFIG
from dgx_pixels.models.loaded import Loaded, Shelf
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.models.tiny_text import byte_tokens

_NARROW: dict[str, dict[str, Any]] = {
    "unet": {
        "block_out_channels": (8, 16, 16), "norm_num_groups": 4, "attention_head_dim": (1, 2, 2),
        "addition_time_embed_dim": 4, "projection_class_embeddings_input_dim": 4 * 6 + 16, "cross_attention_dim": 24,
    },
    "vae": {"block_out_channels": (8, 8, 16, 16), "norm_num_groups": 4, "sample_size": 128},
    "text_encoder": {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2, "projection_dim": 8},
    "text_encoder_2": {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "projection_dim": 16},
}  # fmt: skip
"""A stand-in of SDXL's whole topology, every layer of it, a few channels wide."""


def random_sdxl(device: torch.device, dtype: torch.dtype, *, narrow: bool, seed: int = 0) -> StableDiffusionXLPipeline:
    """A pipeline of SDXL's shapes (2.6 billion parameters of UNet), or of its narrow stand-in, with weights as torch begins."""
    before = torch.get_default_dtype()
    torch.manual_seed(seed)
    torch.set_default_dtype(dtype)  # weights are made in this type at once: twice the memory is never needed
    try:
        with torch.device(device):
            unet = UNet2DConditionModel(**_config("unet", narrow))
            vae = AutoencoderKL(**_config("vae", narrow))
            words = CLIPTextModel(CLIPTextConfig(**_config("text_encoder", narrow)))
            words_2 = CLIPTextModelWithProjection(CLIPTextConfig(**_config("text_encoder_2", narrow)))
    finally:
        torch.set_default_dtype(before)
    for part in (unet, vae, words, words_2):
        part.eval().requires_grad_(False)
    pipeline = StableDiffusionXLPipeline(
        unet=unet, vae=vae, text_encoder=words, text_encoder_2=words_2, tokenizer=_tokenizer(), tokenizer_2=_tokenizer(),
        scheduler=EulerDiscreteScheduler.from_pretrained(SDXL_CONFIG / "scheduler"), add_watermarker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _config(part: str, narrow: bool) -> dict[str, Any]:
    file = SDXL_CONFIG / part / "config.json"
    whole: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return {k: v for k, v in whole.items() if not k.startswith("_")} | (_NARROW[part] if narrow else {})


def _tokenizer() -> CLIPTokenizer:
    """One that spells every word: what a prompt says does not matter here, and its length in tokens is always padded to 77."""
    tokens = [*byte_tokens(), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[], model_max_length=77)


def stand_in(*, narrow: bool) -> BaseModel:
    """What the engine is told of such a model; there are no files behind it."""
    side = 128 if narrow else 1024
    return replace(
        embedded(), id="random-sdxl", folder=Path("/nowhere"), sizes=(side // 8,), render_side=side, ground=None, wrap_from=0.0,
        text_width=None, size=0,
    )  # fmt: skip


class _Ready(Shelf):
    """A shelf with one model, taken in as any other, but for the files that it does not have; after that there is no other."""

    def __init__(self, device: torch.device, base: BaseModel, pipeline: StableDiffusionXLPipeline, backend: str | None) -> None:
        super().__init__(device, compiles=backend is not None)
        with (
            mock.patch.object(loaded, "check_weights"),
            mock.patch.object(loaded, "drawing_sha256", return_value={"unet": "random"}),
            mock.patch.object(loaded, "load_pipeline", return_value=pipeline),
            mock.patch.object(loaded, "CompiledUnet", partial(CompiledUnet, backend=backend or "")),
        ):
            self._one = super().get(base)

    def get(self, base: BaseModel, *_: object, **__: object) -> Loaded:
        """The one model."""
        assert base == self._one.base
        return self._one


def renderer_of(pipeline: StableDiffusionXLPipeline, base: BaseModel, backend: str | None) -> Renderer:
    """The engine with this pipeline as its model, whose UNet is compiled by this backend of torch, or not at all."""
    renderer = Renderer(str(pipeline.device), compiles=backend is not None)
    renderer.shelf = _Ready(pipeline.device, base, pipeline, backend)
    return renderer
