"""Sharpen the decoder of tiny-sdxl's VAE, with the encoder as it is: latents stay what they are, so the UNet can train meanwhile.

    python -m dgx_pixels.models.tiny_decoder --data tiles.zip --work work/

The UNet's latents are never quite those of a picture, so the decoder learns on slightly noisy ones. Every 500 steps the state
goes to `work/decoder.pt`, from where the same command goes on; the last step replaces the decoder in `work/vae/`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from dgx_pixels.models.tiny_data import examples, read_tiles, share_mixed, stacked
from dgx_pixels.models.tiny_training import Chance, arguments, learning_rate, read, resume, save, set_learning_rate
from dgx_pixels.models.tiny_unet import cache_latents
from dgx_pixels.models.tiny_vae import BATCH, edges

STEPS = 6000
PEAK_LR = 1e-3
NOISE = 0.1
"""Standard deviation of the noise on latents, whose own is 1."""


def train(data: Path, work: Path, steps: int, device: str = "cpu", seed: int = 0, save_every: int = 500) -> None:
    """Train up to `steps`, from the start or from where `work/decoder.pt` stands."""
    found = examples(read_tiles(data))
    vae = AutoencoderKL.from_pretrained(work / "vae", local_files_only=True)
    latents = cache_latents(vae.eval(), found)
    pictures, share = torch.from_numpy(stacked(found)), share_mixed(found)
    chance = Chance(seed)
    vae.to(device, memory_format=torch.channels_last).train()
    parameters = [*vae.post_quant_conv.parameters(), *vae.decoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=PEAK_LR, betas=(0.9, 0.99), weight_decay=1e-3, fused=True)
    parts = {"quant": vae.post_quant_conv, "decoder": vae.decoder, "optimizer": optimizer, "chance": chance}
    step, running = resume(read(work / "decoder.pt"), parts), 0.0
    while step < steps:
        set_learning_rate(optimizer, learning_rate(PEAK_LR, step, steps))
        picked = chance.numbers.choice(len(found), BATCH, p=share)
        x = pictures[picked].to(device).float() / 127.5 - 1
        z = latents[picked] + NOISE * torch.randn(BATCH, 1, 1, 1).abs() * torch.randn_like(latents[picked])
        with torch.autocast(x.device.type, torch.bfloat16):
            out = vae.decode(z.to(device).contiguous(memory_format=torch.channels_last) / vae.config.scaling_factor).sample
        l1 = functional.l1_loss(out.float(), x)
        loss = l1 + 0.5 * functional.l1_loss(edges(out.float()), edges(x))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own stub lacks the type
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        running, step = 0.99 * running + 0.01 * l1.item(), step + 1
        if step % 200 == 0:
            print(f"decoder step {step} l1 {running:.4f}", flush=True)
        if step % save_every == 0 or step == steps:
            save(work / "decoder.pt", step, parts)
    vae.to("cpu").eval().save_pretrained(work / "vae")
    print(f"decoder done: {step} steps", flush=True)


if __name__ == "__main__":
    a = arguments(__doc__, STEPS)
    train(a.data, a.work, a.steps, a.device)
