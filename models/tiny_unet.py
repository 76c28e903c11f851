"""Train tiny-sdxl's UNet and text encoders on cached latents, after `tiny_vae`.

    python -m dgx_pixels.models.tiny_unet --data tiles.zip --work work/ --steps 16000

Every 500 steps the whole state goes to `work/unet.pt`; the same command again goes on from there, on the same random numbers
as a run that was never stopped. `tiny_export` turns it into a pipeline.
"""

from __future__ import annotations

import copy
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPTokenizer

from dgx_pixels.models.tiny_data import SIZE, Example, ask, examples, read_tiles, share_by_interest, stacked
from dgx_pixels.models.tiny_text import WIDTH_1, WIDTH_2, build_text_encoders, learn_merges, tokenizer_of
from dgx_pixels.models.tiny_training import Chance, Stateful, arguments, learning_rate, read, resume, save, set_learning_rate

BATCH = 64
PEAK_LR = 8e-4
EMA = 0.9995
STEPS = 16_000
TIME_IDS = (SIZE, SIZE, 0, 0, SIZE, SIZE)
"""What the pipeline says at this size: original size, crop, target size."""


def build_unet() -> UNet2DConditionModel:
    """15 million parameters, most of them at 4x4, where a CPU can afford them; attention to the words is there, too."""
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
        time_ids = torch.tensor([TIME_IDS], dtype=torch.float32, device=t.device).expand(len(t), -1)
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


class Run:
    """All that changes in training: the weights, their average, the optimizer, and chance."""

    def __init__(self, merges: list[tuple[str, str]], device: str, seed: int) -> None:
        self.merges, self.chance = merges, Chance(seed)
        self.tokenizers = tokenizer_of(merges), tokenizer_of(merges, pad_token="!")
        self.model = Trainee(len(self.tokenizers[0])).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stub
        self.averaged = copy.deepcopy(self.model).eval()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=PEAK_LR, betas=(0.9, 0.99), weight_decay=1e-2, fused=True)

    @property
    def parts(self) -> dict[str, Stateful]:
        """What a checkpoint keeps, by name; "weights" are the averaged ones, which are exported."""
        return {"model": self.model, "weights": self.averaged, "optimizer": self.optimizer, "chance": self.chance}


def train(data: Path, work: Path, steps: int, device: str = "cpu", seed: int = 0, save_every: int = 500) -> None:
    """Train up to `steps`, from the start or from where `work/unet.pt` stands."""
    found = examples(read_tiles(data))
    latents = cache_latents(AutoencoderKL.from_pretrained(work / "vae", local_files_only=True).eval(), found)
    share = share_by_interest(found)
    before = read(work / "unet.pt")
    run = Run([(a, b) for a, b in before["merges"]] if before is not None else learn_merges(found), device, seed)
    first = step = resume(before, run.parts)
    scheduler = build_scheduler()
    print(
        f"{len(found)} pictures, {sum(p.numel() for p in run.model.parameters()) / 1e6:.1f} M parameters, step {step}", flush=True
    )
    running, started = 0.0, time.monotonic()
    while step < steps:
        set_learning_rate(run.optimizer, learning_rate(PEAK_LR, step, steps))
        picked = run.chance.numbers.choice(len(found), BATCH, p=share)
        texts = [ask(found[i], run.chance.words) for i in picked]
        loss = learn(run, latents[picked], texts, scheduler, min(EMA, (1 + step) / (10 + step)))
        running, step = 0.99 * running + 0.01 * loss, step + 1
        if step % 100 == 0:
            pace = (time.monotonic() - started) / (step - first)
            print(f"unet step {step} loss {running / (1 - 0.99 ** (step - first)):.4f}, {pace:.2f} s a step", flush=True)
        if step % save_every == 0 or step == steps:
            save(work / "unet.pt", step, run.parts, merges=run.merges)


def learn(run: Run, clean: Tensor, texts: list[str], scheduler: DDIMScheduler, decay: float) -> float:
    """One step on latents (B, 12, 8, 8) and their captions; answers with the loss. `decay` is that of the average."""
    device = next(run.model.parameters()).device
    noise, t = torch.randn_like(clean), torch.randint(0, 1000, (len(clean),))  # on the CPU: the same numbers on every device
    noisy = scheduler.add_noise(clean, noise, t).to(device).contiguous(memory_format=torch.channels_last)
    target = scheduler.get_velocity(clean, noise, t).to(device)
    empty = torch.tensor([not text for text in texts], device=device)
    ids_1, ids_2 = (padded_ids(tokenizer, texts).to(device) for tokenizer in run.tokenizers)
    with torch.autocast(device.type, torch.bfloat16), sdpa_kernel(SDPBackend.MATH):  # a fifth faster for so few tokens
        out = run.model(noisy, t.to(device), ids_1, ids_2, empty)
    loss = (out.float() - target).square().mean()
    run.optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    run.optimizer.step()
    follow(run.averaged, run.model, decay)
    return float(loss.item())


@torch.no_grad()
def follow(averaged: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the averaged weights a little towards the trained ones."""
    torch._foreach_lerp_(list(averaged.parameters()), list(model.parameters()), 1 - decay)


if __name__ == "__main__":
    a = arguments(__doc__, STEPS)
    train(a.data, a.work, a.steps, a.device)
