"""From latents to pixels: the VAE's half of a render, whole or in tiles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor


def decode(vae: AutoencoderKL, latents: Tensor) -> NDArray[np.uint8] | None:
    """The picture (height, width, 3) of one image's scaled latents (channels, h, w); None if it holds a NaN or an infinity."""
    decoded = vae.decode((latents / vae.config.scaling_factor)[None], return_dict=False)[0][0]
    if not bool(torch.isfinite(decoded).all()):
        return None
    bytes_ = ((decoded.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    pixels: NDArray[np.uint8] = bytes_.permute(1, 2, 0).contiguous().cpu().numpy()
    return pixels


@contextmanager
def tiled(vae: AutoencoderKL, latents: Tensor) -> Iterator[None]:
    """Within this context, the VAE decodes these latents in tiles of half their side, which overlap and are blended.

    Needs a quarter of the memory. The sides are set here, since diffusers' own, of the VAE's configuration, are as large as
    SDXL's renders: it would work in one tile.
    """
    before = vae.tile_latent_min_size, vae.tile_sample_min_size
    side = max(1, max(latents.shape[-2:]) // 2)
    scale = 2 ** (len(vae.config.block_out_channels) - 1)
    vae.tile_latent_min_size, vae.tile_sample_min_size = side, side * scale
    vae.enable_tiling()
    try:
        yield
    finally:
        vae.disable_tiling()
        vae.tile_latent_min_size, vae.tile_sample_min_size = before
