"""The yardstick of benchmarks/lora_speed.py: what one step of diffusers' public SDXL LoRA script does.

Written from what `train_text_to_image_lora_sdxl.py` does with its defaults, not from its text: in each step it reads and
transforms the pictures, tokenizes the captions, runs the VAE's encoder in float32 and both text encoders, then the UNet, AdamW,
and asks for the loss. On CUDA it is run with its `--mixed_precision bf16`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # as everyone calls it
from diffusers import DDPMScheduler, StableDiffusionXLPipeline
from diffusers.optimization import get_scheduler
from diffusers.training_utils import cast_training_params
from peft import LoraConfig
from PIL import Image, ImageOps
from torch import Tensor


class PlainScript:
    """A training as the script does it; `step` is one pass of its inner loop."""

    def __init__(
        self, pipeline: StableDiffusionXLPipeline, pictures: Sequence[tuple[Path, str]], side: int, batch: int, rank: int
    ) -> None:  # fmt: skip
        """Train on these pictures with their captions, at this side in pixels."""
        self._pipeline, self._pictures, self._side, self._batch = pipeline, pictures, side, batch
        self._bf16 = pipeline.device.type == "cuda"
        self._noise = DDPMScheduler.from_config(pipeline.scheduler.config)
        for part in (pipeline.vae, pipeline.text_encoder, pipeline.text_encoder_2, pipeline.unet):
            part.requires_grad_(False)
        pipeline.vae.to(torch.float32)
        layers = ["to_k", "to_q", "to_v", "to_out.0"]
        pipeline.unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=layers))
        cast_training_params(pipeline.unet, dtype=torch.float32)
        pipeline.unet.train()
        self._weights = [p for p in pipeline.unet.parameters() if p.requires_grad]
        self._optimizer = torch.optim.AdamW(self._weights, lr=1e-4, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8)
        self._rates = get_scheduler("constant", self._optimizer)
        self._chance = random.Random(0)

    def step(self) -> float:
        """One step; answers with its loss."""
        picked = [self._pictures[self._chance.randrange(len(self._pictures))] for _ in range(self._batch)]
        device, unet = self._pipeline.device, self._pipeline.unet
        pixels = torch.stack([self._transformed(file) for file, _ in picked]).to(device)
        clean = self._pipeline.vae.encode(pixels).latent_dist.sample() * self._pipeline.vae.config.scaling_factor
        clean = clean.to(unet.dtype)
        noise = torch.randn_like(clean)
        times = torch.randint(0, self._noise.config.num_train_timesteps, (len(picked),), device=device).long()
        noisy = self._noise.add_noise(clean, noise, times)
        ids = torch.tensor(
            [[self._side, self._side, 0, 0, self._side, self._side]] * len(picked), device=device, dtype=unet.dtype
        )
        with torch.autocast(device.type, torch.bfloat16, enabled=self._bf16):
            words, pooled = self._encoded([text for _, text in picked])
            added = {"time_ids": ids, "text_embeds": pooled}
            answer = unet(noisy, times, words, added_cond_kwargs=added, return_dict=False)[0]
        velocity = self._noise.config.prediction_type == "v_prediction"
        target = self._noise.get_velocity(clean, noise, times) if velocity else noise
        loss = F.mse_loss(answer.float(), target.float(), reduction="mean")
        mean_loss = loss.repeat(self._batch).mean().item()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
        self._optimizer.step()
        self._rates.step()
        self._optimizer.zero_grad()
        return float(mean_loss)

    def _transformed(self, file: Path) -> Tensor:
        """Resized (bilinear), cropped, mirrored by chance, as a tensor from -1 to 1: the script's transforms."""
        with Image.open(file) as opened:
            image = ImageOps.fit(opened.convert("RGB"), (self._side, self._side), Image.Resampling.BILINEAR)
        if self._chance.random() < 0.5:
            image = ImageOps.mirror(image)
        return torch.from_numpy(np.asarray(image, np.float32) / 127.5 - 1).permute(2, 0, 1).contiguous()

    def _encoded(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        parts = (
            (self._pipeline.tokenizer, self._pipeline.text_encoder),
            (self._pipeline.tokenizer_2, self._pipeline.text_encoder_2),
        )
        words, pooled = [], torch.empty(0)
        for tokenizer, encoder in parts:
            length = tokenizer.model_max_length
            ids = tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt").input_ids
            found = encoder(ids.to(self._pipeline.device), output_hidden_states=True, return_dict=False)
            pooled = found[0]
            words.append(found[-1][-2])
        return torch.cat(words, -1), pooled.view(len(texts), -1)
