"""How fast this machine multiplies, and how much a render multiplies: what the time of a render is measured against."""

from __future__ import annotations

import platform
import statistics
import time
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

from dgx_pixels.models.profiles import Schedule

_TOKENS = 77
_SIDES = {"cuda": (4096, 8192), "cpu": (1024,)}
"""Sides of the square matrices: large enough that moving them costs nothing beside multiplying them."""
_GROUP_S = 0.1
"""At least so long is multiplied between two looks at the clock."""
_GROUPS = 7


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations per second of large square matrix products, an addition and a multiplication being two.

    The median of several timed groups, of the side that is fastest: what this device keeps up, and so the ceiling of anything
    that is made of such products. Takes about two seconds a side.
    """
    return max(_rate(device, dtype, side) for side in _SIDES.get(device.type, _SIDES["cpu"]))


def render_flops(pipeline: StableDiffusionXLPipeline, schedule: Schedule, width: int, height: int) -> int:
    """Floating-point operations of one picture (sizes in pixels of the render): all its UNet steps, and the decoder of the VAE.

    Products and convolutions only, counted by torch on tensors without memory; the text encoders are left out, since their
    work is kept between pictures.
    """
    rows = schedule.steps + schedule.guided_steps  # a guided step has two rows
    latents = width // pipeline.vae_scale_factor, height // pipeline.vae_scale_factor
    return rows * unet_flops(pipeline.unet, *latents) + decoder_flops(pipeline.vae, *latents)


def unet_flops(unet: UNet2DConditionModel, width: int, height: int) -> int:
    """Operations of one call of a UNet like this, with one row of latents of this size."""
    config = unet.config
    with torch.device("meta"):
        twin = UNet2DConditionModel.from_config(config)
        pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        added = {"text_embeds": torch.empty(1, pooled), "time_ids": torch.empty(1, 6)}
        latents, step = torch.empty(1, config.in_channels, height, width), torch.empty(())
        text = torch.empty(1, _TOKENS, config.cross_attention_dim)
        with torch.inference_mode(), FlopCounterMode(display=False) as counted:
            twin(latents, step, encoder_hidden_states=text, added_cond_kwargs=added)
    return int(counted.get_total_flops())


def decoder_flops(vae: AutoencoderKL, width: int, height: int) -> int:
    """Operations of one picture, given as latents of this size, in the decoder of a VAE like this."""
    with torch.device("meta"):
        twin = AutoencoderKL.from_config(vae.config)
        with torch.inference_mode(), FlopCounterMode(display=False) as counted:
            twin.decode(torch.empty(1, vae.config.latent_channels, height, width))
    return int(counted.get_total_flops())


def machine(device: torch.device) -> dict[str, str]:
    """What the device is, and the versions of all that draws on it."""
    versions = {"torch": torch.__version__, "diffusers": diffusers.__version__, "transformers": transformers.__version__}
    if device.type != "cuda":
        return {"device": _cpu(), "threads": str(torch.get_num_threads())} | versions
    card = torch.cuda.get_device_properties(device)
    return {
        "device": card.name, "capability": f"{card.major}.{card.minor}", "memory": f"{card.total_memory / 2**30:.0f} GiB",
        "cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]  # torch leaves it so
    } | versions  # fmt: skip


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"CPU ({next(names, platform.processor() or platform.machine())})"


def _rate(device: torch.device, dtype: torch.dtype, side: int) -> float:
    with torch.inference_mode():
        one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
        out = torch.empty_like(one)
        once = min(_timed(one, other, out, 1) for _ in range(3))
        count = max(1, round(_GROUP_S / once))
        _timed(one, other, out, 2 * count)  # clocks rise under load
        return statistics.median(2 * side**3 * count / _timed(one, other, out, count) for _ in range(_GROUPS))


def _timed(one: torch.Tensor, other: torch.Tensor, out: torch.Tensor, count: int) -> float:
    """Seconds for so many products."""
    _wait(out.device)
    started = time.perf_counter()
    for _ in range(count):
        torch.matmul(one, other, out=out)
    _wait(out.device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
