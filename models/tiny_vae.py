"""Train tiny-sdxl's VAE: 32x32 RGB to 8x8 latents of 12 channels and back.

    python -m dgx_pixels.models.tiny_vae --data tiles.zip --work work/

Writes `work/vae/` (diffusers format, fp32), with the latents' scaling factor in its config. Every 500 steps the state goes to
`work/vae.pt`, from where the same command goes on.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from dgx_pixels.models.tiny_data import examples, read_tiles, share_mixed, stacked
from dgx_pixels.models.tiny_training import Chance, arguments, learning_rate, read, resume, save, set_learning_rate

BATCH = 64
STEPS = 4000
PEAK_LR = 1e-3
KL_WEIGHT = 3e-4


def build_vae() -> AutoencoderKL:
    """A VAE of 1.7 million parameters: SDXL's class, four-fold reduction, no attention (it costs most at 32 px)."""
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=12, block_out_channels=(32, 64, 96), layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        norm_num_groups=8, sample_size=32, mid_block_add_attention=False, force_upcast=False,
    )  # fmt: skip
    with torch.no_grad():  # log-variances start near -5: with the default of 0 the decoder sees only noise for long
        vae.quant_conv.bias[12:].fill_(-5.0)
    return vae


def edges(x: torch.Tensor) -> torch.Tensor:
    """Differences to the right and lower neighbour, flattened: what keeps outlines sharp."""
    return torch.cat([(x[..., 1:] - x[..., :-1]).flatten(1), (x[..., 1:, :] - x[..., :-1, :]).flatten(1)], 1)


def forward(vae: AutoencoderKL, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Encode, sample and decode (B, 3, 32, 32); answers with the pictures and the mean KL of a latent value."""
    with torch.autocast(x.device.type, torch.bfloat16):
        posterior = vae.encode(x).latent_dist
        noise = torch.randn(posterior.mean.shape).to(
            x.device
        )  # on the CPU: the same numbers on every device, and a resumed run has them
        return vae.decode(posterior.mean + posterior.std * noise).sample.float(), posterior.kl().float().mean() / (12 * 64)


def train(data: Path, work: Path, steps: int, device: str = "cpu", seed: int = 0, save_every: int = 500) -> None:
    """Train up to `steps`, from the start or from where `work/vae.pt` stands; then write `work/vae/`."""
    found = examples(read_tiles(data))
    pictures, share = torch.from_numpy(stacked(found)), share_mixed(found)
    chance = Chance(seed)
    vae = build_vae().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=PEAK_LR, betas=(0.9, 0.99), weight_decay=1e-3)
    parts = {"vae": vae, "optimizer": optimizer, "chance": chance}
    step, running = resume(read(work / "vae.pt"), parts), 0.0
    while step < steps:
        set_learning_rate(optimizer, learning_rate(PEAK_LR, step, steps))
        x = pictures[chance.numbers.choice(len(found), BATCH, p=share)].to(device).float() / 127.5 - 1
        out, kl = forward(vae, x.contiguous(memory_format=torch.channels_last))
        l1 = functional.l1_loss(out, x)
        kl_weight = KL_WEIGHT * min(step / steps / 0.2, 1.0)  # first the pictures, then the shape of the latents
        loss = l1 + 0.5 * functional.l1_loss(edges(out), edges(x)) + kl_weight * kl
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own stub lacks the type
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        running, step = 0.98 * running + 0.02 * l1.item(), step + 1
        if step % 100 == 0:
            print(f"vae step {step} l1 {running:.4f} kl {kl.item():.2f}", flush=True)
        if step % save_every == 0 or step == steps:
            save(work / "vae.pt", step, parts)
    vae.to("cpu").eval()
    with torch.no_grad():
        sample = pictures[:: max(1, len(found) // 1024)].float() / 127.5 - 1
        vae.register_to_config(scaling_factor=1 / vae.encode(sample).latent_dist.mean.std().item())
    vae.save_pretrained(work / "vae")
    print(f"vae done: {step} steps, scaling factor {vae.config.scaling_factor:.4f}", flush=True)


if __name__ == "__main__":
    a = arguments(__doc__, STEPS)
    train(a.data, a.work, a.steps, a.device)
