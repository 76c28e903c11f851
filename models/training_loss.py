"""What one batch is taught: its noise, drawn from the seed and the step alone, and how wrong the UNet's answer is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline
from diffusers.training_utils import compute_snr
from torch import Tensor

from dgx_pixels.models.training_cache import Example, Words

_LEAST_SNR = 1e-8
"""Stands for none, at the last step of noise schedules that end in pure noise."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Pictures of one size with the noise they are shown in, on the CPU, so that it is the same for every device."""

    clean: Tensor
    """Scaled latents, (batch, channels, h, w)."""
    noise: Tensor
    timesteps: Tensor
    """(batch,), 0 to the schedule's last."""
    texts: tuple[str, ...]
    """"" for a picture without its words."""
    size: tuple[int, int]


def seed_of(*facts: int) -> int:
    """A seed for torch, 63 bits, that hangs on all of these numbers."""
    return int.from_bytes(hashlib.sha256(repr(facts).encode()).digest()[:8], "big") >> 1


def draw(
    examples: Sequence[Example], seed: int, *, scale: float, timesteps: int, noise_offset: float, caption_dropout: float
) -> Batch:
    """Draw a batch: latents from each picture's distribution, `scale` the VAE's factor, noise, times and which words to drop."""
    chance = torch.Generator().manual_seed(seed)
    mean, std = torch.stack([e.mean for e in examples]), torch.stack([e.std for e in examples])
    clean = (mean + std * torch.randn(mean.shape, generator=chance)) * scale
    noise = torch.randn(mean.shape, generator=chance)
    if noise_offset:
        noise = noise + noise_offset * torch.randn((*mean.shape[:2], 1, 1), generator=chance)
    times = torch.randint(0, timesteps, (len(examples),), generator=chance)
    dropped = (torch.rand(len(examples), generator=chance) < caption_dropout).tolist()
    texts = tuple("" if drop else e.text for e, drop in zip(examples, dropped, strict=True))
    return Batch(clean, noise, times, texts, examples[0].size)


def loss_of(
    pipeline: StableDiffusionXLPipeline, noise: DDPMScheduler, batch: Batch, words: Words, min_snr: float | None
) -> Tensor:
    """The mean squared error of the UNet's answer, weighted by min-SNR (Hang et al. 2023) if a gamma is given.

    `words` are the batch's, stacked: (batch, tokens, width) and (batch, width). On CUDA products are made in bfloat16.
    """
    device, dtype = words.prompt.device, pipeline.unet.dtype  # diffusers' own `device` looks through all modules, each time
    noisy = noise.add_noise(batch.clean, batch.noise, batch.timesteps).to(device, dtype)
    velocity = noise.config.prediction_type == "v_prediction"
    target = noise.get_velocity(batch.clean, batch.noise, batch.timesteps) if velocity else batch.noise
    width, height = batch.size
    times = torch.tensor([[height, width, 0, 0, height, width]], dtype=dtype, device=device).expand(len(noisy), -1)
    if device.type == "cuda":
        noisy = noisy.contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        answer = pipeline.unet(
            noisy, batch.timesteps.to(device), words.prompt, return_dict=False,
            added_cond_kwargs={"text_embeds": words.pooled, "time_ids": times},
        )[0]  # fmt: skip
    wrong = (answer.float() - target.to(device)).square().mean((1, 2, 3))
    if min_snr is not None:
        wrong = wrong * _weights(noise, batch.timesteps, min_snr, velocity=velocity).to(device)
    loss: Tensor = wrong.mean()
    return loss


def _weights(noise: DDPMScheduler, timesteps: Tensor, gamma: float, *, velocity: bool) -> Tensor:
    snr = compute_snr(noise, timesteps).clamp_min(_LEAST_SNR)
    weights: Tensor = snr.clamp_max(gamma) / (snr + 1 if velocity else snr)
    return weights
