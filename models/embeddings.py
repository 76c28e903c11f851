"""Prompts as the UNet reads them, kept: a game's prompts come again and again, and both text encoders run for each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Embedded:
    """One prompt and its negative prompt: sequences (1, tokens, width) and pooled vectors (1, width)."""

    prompt: Tensor
    pooled: Tensor
    negative: Tensor
    negative_pooled: Tensor


class PromptCache:
    """Embeddings of the prompts used last, of one pipeline."""

    def __init__(self, pipeline: StableDiffusionXLPipeline, most: int = 256) -> None:
        self._pipeline = pipeline
        self._most = most
        self._kept: OrderedDict[Hashable, Embedded] = OrderedDict()

    def get(self, prompt: str, negative_prompt: str, encoders: Hashable) -> Embedded:
        """Embeddings of the prompt, from memory if it was asked for with the same state of the text encoders.

        `encoders` names that state: which LoRAs are merged into them, at which weights. Prompts are encoded one at a time, so
        that what else is in the batch changes nothing.
        """
        key = (prompt, negative_prompt, encoders)
        if key not in self._kept:
            with torch.inference_mode():
                made = self._pipeline.encode_prompt(
                    prompt, device=self._pipeline.device, do_classifier_free_guidance=True,
                    negative_prompt=negative_prompt or None,  # None, not "": it becomes zeros, as the models have learnt
                )  # fmt: skip
            positive, negative, pooled, negative_pooled = made
            self._kept[key] = Embedded(positive, pooled, negative, negative_pooled)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def batch_arguments(embedded: list[Embedded], *, guided: bool) -> dict[str, Tensor]:
    """The pipeline's arguments for a batch of these prompts."""
    arguments = {
        "prompt_embeds": torch.cat([e.prompt for e in embedded]),
        "pooled_prompt_embeds": torch.cat([e.pooled for e in embedded]),
    }
    if guided:
        arguments["negative_prompt_embeds"] = torch.cat([e.negative for e in embedded])
        arguments["negative_pooled_prompt_embeds"] = torch.cat([e.negative_pooled for e in embedded])
    return arguments
