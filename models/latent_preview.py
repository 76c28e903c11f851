"""A quick look at latents on their way: a linear map from latent channels to colours, fitted to the VAE at hand."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

_LEVELS = (-0.9, 0.0, 0.9)
_SIDE = 64
"""Pixels; flat squares of this side are encoded to see where colours lie among the latents."""


class LatentPreview:
    """Turns scaled latents (channels, h, w) into small pictures (h, w, 3), one pixel per latent."""

    def __init__(self, vae: AutoencoderKL) -> None:
        colours = torch.tensor(list(itertools.product(_LEVELS, repeat=3)), device=vae.device, dtype=vae.dtype)
        with torch.inference_mode():
            flat = colours[:, :, None, None].expand(-1, -1, _SIDE, _SIDE)
            latents = torch.cat([vae.encode(c[None]).latent_dist.mode() for c in flat]).float() * vae.config.scaling_factor
            middle = latents.shape[-1] // 2
            points = latents[:, :, middle, middle]
            rows = torch.cat([points, torch.ones_like(points[:, :1])], 1)
            self._map = torch.linalg.lstsq(rows.cpu(), colours.float().cpu()).solution.to(vae.device)

    def __call__(self, latents: Tensor) -> NDArray[np.uint8]:
        """The picture of one image's latents."""
        colours = torch.einsum("chw,cr->hwr", latents.float(), self._map[:-1]) + self._map[-1]
        picture: NDArray[np.uint8] = ((colours / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
        return picture
