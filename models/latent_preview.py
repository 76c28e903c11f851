"""A quick look at latents on their way: a linear map from latent channels to colours, fitted to the VAE at hand."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name for it
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

_BLOCKS = (2, 4, 8)
_SIDE = 64
"""Pixels; a picture of this side for each number of blocks along it, in random colours, is encoded to see where colours lie
among the latents. More pictures make the map no better, and every start waits for them."""


class LatentPreview:
    """Turns scaled latents (channels, h, w) into small pictures (h, w, 3), one pixel per latent."""

    def __init__(self, vae: AutoencoderKL) -> None:
        """Fit the map: least squares over blocks of colour, large and small, as pictures of things have them."""
        noise = torch.Generator().manual_seed(0)
        blocks = [torch.rand(1, 3, side, side, generator=noise) for side in _BLOCKS]
        pictures = torch.cat([F.interpolate(b, size=_SIDE, mode="nearest") for b in blocks]) * 2 - 1
        with torch.inference_mode():
            encoded = [vae.encode(p[None].to(vae.device, vae.dtype)).latent_dist.mode().float().cpu() for p in pictures]
            latents = torch.cat(encoded) * vae.config.scaling_factor
            colours = F.adaptive_avg_pool2d(pictures, latents.shape[-1])
            rows = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
            rows = torch.cat([rows, torch.ones_like(rows[:, :1])], 1)
            self._map = torch.linalg.lstsq(rows, colours.permute(0, 2, 3, 1).reshape(-1, 3)).solution.to(vae.device)

    def __call__(self, latents: Tensor) -> NDArray[np.uint8]:
        """The picture of one image's latents."""
        colours = torch.einsum("chw,cr->hwr", latents.float(), self._map[:-1]) + self._map[-1]
        picture: NDArray[np.uint8] = ((colours / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
        return picture
