"""Train tiny-sdxl's UNet and text encoders on cached latents, after `tiny_vae`.

    python -m dgx_pixels.models.tiny_unet --data tiles.zip --work work/ --minutes 80

Every 500 steps the averaged weights go to `work/weights.pt`, which `tiny_export` turns into a pipeline. With `--go-on` training
starts from those, for a further stage at a lower learning rate.
"""

from __future__ import annotations

import argparse
import copy
import math
import random
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPTokenizer

from dgx_pixels.models.tiny_data import SIZE, Example, caption, examples, read_tiles, share_by_interest, stacked
from dgx_pixels.models.tiny_text import WIDTH_1, WIDTH_2, build_text_encoders, learn_merges, tokenizer_of

BATCH = 64
PEAK_LR = 8e-4
EMA = 0.999
TIME_IDS = (SIZE, SIZE, 0, 0, SIZE, SIZE)
"""What the pipeline says at this size: original size, crop, target size."""


def build_unet() -> UNet2DConditionModel:
    """14 million parameters, most of them at 4x4, where a CPU can afford them; attention to the words is there, too."""
    return UNet2DConditionModel(
        sample_size=8, in_channels=12, out_channels=12, layers_per_block=1, block_out_channels=(96, 256), norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=1, attention_head_dim=4, use_linear_projection=True, cross_attention_dim=WIDTH_1 + WIDTH_2,
        addition_embed_type="text_time", addition_time_embed_dim=32, projection_class_embeddings_input_dim=6 * 32 + WIDTH_2,
    )  # fmt: skip


def build_scheduler() -> DDIMScheduler:
    """SDXL's betas, predicting velocity down to pure noise: with so few latents, colour is decided in the first steps."""
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        rescale_betas_zero_snr=True, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True,
    )  # fmt: skip


class Trainee(nn.Module):
    """What is trained together: the UNet and both text encoders."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.unet = build_unet()
        self.text_1, self.text_2 = build_text_encoders(vocabulary)

    def encode(self, ids_1: Tensor, ids_2: Tensor, empty: Tensor) -> tuple[Tensor, Tensor]:
        """Words (B, 32) and which prompts are empty (B,) to embeddings (B, 32, 288) and (B, 160), as the SDXL pipeline does."""
        first = self.text_1(ids_1, output_hidden_states=True).hidden_states[-2]
        second = self.text_2(ids_2, output_hidden_states=True)
        kept = (~empty).float()
        words = torch.cat([first, second.hidden_states[-2]], -1) * kept[:, None, None]
        return words, second.text_embeds * kept[:, None]  # the pipeline gives zeros for an absent negative prompt

    def forward(self, noisy: Tensor, t: Tensor, ids_1: Tensor, ids_2: Tensor, empty: Tensor) -> Tensor:
        """The predicted velocity, (B, 12, 8, 8)."""
        words, pooled = self.encode(ids_1, ids_2, empty)
        time_ids = torch.tensor([TIME_IDS], dtype=torch.float32).expand(len(t), -1)
        added = {"text_embeds": pooled, "time_ids": time_ids}
        predicted: Tensor = self.unet(noisy, t, encoder_hidden_states=words, added_cond_kwargs=added).sample
        return predicted


@torch.no_grad()
def cache_latents(vae: AutoencoderKL, found: list[Example]) -> Tensor:
    """Scaled latent means of all pictures, (N, 12, 8, 8)."""
    pictures = torch.from_numpy(stacked(found))
    means = [vae.encode(chunk.float() / 127.5 - 1).latent_dist.mean for chunk in torch.split(pictures, 256)]
    latents: Tensor = torch.cat(means) * vae.config.scaling_factor
    return latents


def padded_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Token ids (B, 32), padded as the pipeline pads them."""
    ids: Tensor = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
    return ids


def learning_rate(peak: float, step: int, progress: float) -> float:
    """Warm-up over 200 steps, then a cosine to 1 % of the peak; `progress` runs 0 to 1."""
    return peak * min((step + 1) / 200, 1.0) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


def train(data: Path, work: Path, minutes: float, peak: float = PEAK_LR, go_on: bool = False, seed: int = 0) -> None:
    """Train for `minutes` of wall time, from the start or from `work/weights.pt`."""
    torch.manual_seed(seed)
    rng, picker = random.Random(seed), np.random.default_rng(seed)
    found = examples(read_tiles(data))
    before = torch.load(work / "weights.pt", weights_only=True) if go_on else None
    merges = [(left, right) for left, right in before["merges"]] if before is not None else learn_merges(found)
    tokenizer_1, tokenizer_2 = tokenizer_of(merges), tokenizer_of(merges, pad_token="!")
    latents = cache_latents(AutoencoderKL.from_pretrained(work / "vae", local_files_only=True).eval(), found)
    share = share_by_interest(found)
    model = Trainee(len(tokenizer_1)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stub
    if before is not None:
        model.load_state_dict(before["weights"])
    averaged = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, betas=(0.9, 0.99), weight_decay=1e-2, fused=True)
    scheduler = build_scheduler()
    print(f"{len(found)} pictures, {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters", flush=True)
    started, step, running = time.monotonic(), 0, 0.0
    done_before: int = before["step"] if before is not None else 0
    while (progress := (time.monotonic() - started) / 60 / minutes) < 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(peak, step, progress)
        picked = picker.choice(len(found), BATCH, p=share)
        texts = [caption(found[i], rng) for i in picked]
        clean = latents[picked]
        noise, t = torch.randn_like(clean), torch.randint(0, 1000, (BATCH,))
        noisy = scheduler.add_noise(clean, noise, t).contiguous(memory_format=torch.channels_last)
        target = scheduler.get_velocity(clean, noise, t)
        empty = torch.tensor([not text for text in texts])
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):  # a fifth faster for so few tokens
            out = model(noisy, t, padded_ids(tokenizer_1, texts), padded_ids(tokenizer_2, texts), empty)
        loss = (out.float() - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        follow(averaged, model, min(EMA, (1 + step) / (10 + step)))
        running, step = 0.99 * running + 0.01 * loss.item(), step + 1
        if step % 100 == 0:
            print(f"unet step {step} loss {running / (1 - 0.99**step):.4f} {progress:.0%}", flush=True)
        if step % 500 == 0:
            save(averaged, merges, work, done_before + step)
    save(averaged, merges, work, done_before + step)
    print(f"unet done: {step} steps", flush=True)


@torch.no_grad()
def follow(averaged: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the averaged weights a little towards the trained ones."""
    torch._foreach_lerp_(list(averaged.parameters()), list(model.parameters()), 1 - decay)


def save(averaged: Trainee, merges: list[tuple[str, str]], work: Path, step: int) -> None:
    """Write the averaged weights and the vocabulary to `work/weights.pt`, whole or not at all."""
    half_written = work / "weights.tmp"
    torch.save({"weights": averaged.state_dict(), "merges": merges, "step": step}, half_written)
    half_written.replace(work / "weights.pt")


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, required=True, help="the tile release: a folder or its zip")
    p.add_argument("--work", type=Path, required=True, help="the folder that tiny_vae wrote to")
    p.add_argument("--minutes", type=float, default=80)
    p.add_argument("--peak", type=float, default=PEAK_LR, help="highest learning rate")
    p.add_argument("--go-on", action="store_true", help="start from work/weights.pt")
    a = p.parse_args()
    train(a.data, a.work, a.minutes, a.peak, a.go_on)
