"""What a LoRA learns from, encoded once: each picture's latents, and the words' embeddings.

Kept in the run's folder, so that a training that goes on reads the very same numbers.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from dgx_pixels.models.training_dataset import Dataset, Item, read_picture
from dgx_pixels.models.training_disk import write_whole

FILE = "cache.safetensors"


@dataclass(frozen=True, eq=False)
class Example:
    """One picture as the UNet learns from it, on the CPU."""

    mean: Tensor
    """Of the latents' distribution, (channels, h, w), float32; not scaled yet."""
    std: Tensor
    """Its standard deviation, likewise."""
    text: str
    """The caption as it is put to the text encoders."""
    size: tuple[int, int]
    """Width and height of the picture in pixels."""


@dataclass(frozen=True, eq=False)
class Words:
    """A text as the UNet reads it: (tokens, width) and (pooled width)."""

    prompt: Tensor
    pooled: Tensor


@dataclass(frozen=True, eq=False)
class Learnable:
    """The whole dataset, encoded."""

    examples: tuple[Example, ...]
    words: dict[str, Words]
    """By text; "" is what a picture without words gets. Empty if the text encoders learn, too."""


def text_of(prompt: str, trigger: str, caption: str) -> str:
    """A caption as generation puts it to the model: the base model's `prompt` has `{}` for the user's words."""
    return prompt.format(", ".join(filter(None, (trigger, caption))))


def encode(
    pipeline: StableDiffusionXLPipeline, dataset: Dataset, texts: list[str], *, words: bool,
    turn: Callable[[], AbstractContextManager[None]], told: Callable[[int, int], None],
) -> Learnable:  # fmt: skip
    """Encode all pictures and, with `words`, all texts; each in a turn of its own, `told(done, total)` after it.

    Raises SpecError for a picture that is not as it should be, and what `told` raises.
    """
    unique = list(dict.fromkeys(["", *texts])) if words else []
    total, examples, found = len(texts) + len(unique), [], {}
    for i, (item, text) in enumerate(zip(dataset.items, texts, strict=True)):
        with turn():
            examples.append(_example(pipeline, dataset, item, text))
        told(i + 1, total)
    for i, text in enumerate(unique):
        with turn(), torch.no_grad():
            made = embed(pipeline, text)
            found[text] = Words(made.prompt.cpu(), made.pooled.cpu())
        told(len(texts) + i + 1, total)
    return Learnable(tuple(examples), found)


def _example(pipeline: StableDiffusionXLPipeline, dataset: Dataset, item: Item, text: str) -> Example:
    multiple = pipeline.vae_scale_factor * 2 ** (len(pipeline.unet.config.block_out_channels) - 1)
    pixels = torch.from_numpy(read_picture(dataset, item, multiple).copy())
    with torch.no_grad(), _in_float32(pipeline.vae) as vae:
        spread = vae.encode((pixels.permute(2, 0, 1)[None].float() / 127.5 - 1).to(vae.device)).latent_dist
    return Example(spread.mean[0].cpu().contiguous(), spread.std[0].cpu().contiguous(), text, (item.width, item.height))


@contextlib.contextmanager
def _in_float32(vae: AutoencoderKL) -> Iterator[AutoencoderKL]:
    """What is learnt from for thousands of steps is encoded once, and well; 16-bit weights survive the way there and back."""
    before = vae.dtype
    if before == torch.float32:
        yield vae
        return
    vae.to(torch.float32)
    try:
        yield vae
    finally:
        vae.to(before)


def embed(pipeline: StableDiffusionXLPipeline, text: str) -> Words:
    """Embeddings of a text; of "", what the pipeline gives to the unguided half: zeros, where the model has learnt these."""
    prompt, _, pooled, _ = pipeline.encode_prompt(text, device=pipeline.device, do_classifier_free_guidance=False)
    if not text and pipeline.config.force_zeros_for_empty_prompt:
        prompt, pooled = torch.zeros_like(prompt), torch.zeros_like(pooled)
    return Words(prompt[0], pooled[0])


def key_of(dataset: Dataset, texts: list[str], weights: dict[str, str], dtype: torch.dtype, *, words: bool) -> str:
    """What decides the cache's numbers, as one SHA-256."""
    facts = [dataset.sha256, [item.model_dump() for item in dataset.items], texts, weights, str(dtype), words]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def keep(folder: Path, key: str, learnable: Learnable) -> None:
    """Write the cache, whole or not at all. Raises OSError."""
    tensors: dict[str, Tensor] = {}
    for i, example in enumerate(learnable.examples):
        tensors |= {f"mean.{i}": example.mean, f"std.{i}": example.std}
    for i, words in enumerate(learnable.words.values()):
        tensors |= {f"prompt.{i}": words.prompt, f"pooled.{i}": words.pooled}
    facts = {"texts": [e.text for e in learnable.examples], "sizes": [e.size for e in learnable.examples],
             "words": list(learnable.words)}  # fmt: skip
    write_whole(folder / FILE, save(tensors, {"key": key, "facts": json.dumps(facts)}))


def kept(folder: Path, key: str) -> Learnable | None:
    """The cache, if it is there, whole, and of this key."""
    try:
        with safe_open(folder / FILE, "pt") as f:
            about = f.metadata() or {}
            if about.get("key") != key:
                return None
            facts = json.loads(about["facts"])
            pairs = zip(facts["texts"], facts["sizes"], strict=True)
            examples = [
                Example(f.get_tensor(f"mean.{i}"), f.get_tensor(f"std.{i}"), text, (size[0], size[1]))
                for i, (text, size) in enumerate(pairs)
            ]
            words = {t: Words(f.get_tensor(f"prompt.{i}"), f.get_tensor(f"pooled.{i}")) for i, t in enumerate(facts["words"])}
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    return Learnable(tuple(examples), words)
