"""Pictures that tile: while drawing, every convolution sees the picture as a ring, or a torus, so that opposite edges fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch.nn.functional as F  # noqa: N812  # torch's own name for it
from diffusers import StableDiffusionXLPipeline
from diffusers.models.downsampling import Downsample2D
from torch import Tensor, nn

from dgx_pixels.models.render import Wrap


@contextmanager
def seamless(pipeline: StableDiffusionXLPipeline, wrap: Wrap = "xy") -> Iterator[None]:
    """Within this context the pipeline draws and encodes pictures whose wrapped edges continue each other.

    The padding of all convolutions in UNet and VAE becomes circular along the wrapped axes, the known way to do it for
    convolutional diffusion models; attention knows no places, so nothing else is needed. Weights are not touched, and leaving
    the context restores every layer, also after an error. One thread at a time: the pipeline's layers are what is changed.
    """
    if wrap == "none":
        yield
        return
    modules = [module for part in (pipeline.unet, pipeline.vae) for module in part.modules()]
    padded = [m for m in modules if isinstance(m, nn.Conv2d) and isinstance(m.padding, tuple) and any(m.padding)]
    halving = [m for m in modules if isinstance(m, Downsample2D) and m.padding == 0]
    for layer in padded:
        layer._conv_forward = _wrapped(layer, wrap)  # type: ignore[assignment, method-assign]  # an attribute of the object hides the class's
    for layer in halving:
        layer.forward = _wrapped_halving(layer, wrap)
    try:
        yield
    finally:
        for layer in padded:
            del layer.__dict__["_conv_forward"]
        for layer in halving:
            del layer.__dict__["forward"]


def _pad(x: Tensor, sides: tuple[int, int, int, int], wrap: Wrap) -> Tensor:
    left, right, top, bottom = sides
    x = F.pad(x, (left, right, 0, 0), mode="circular" if "x" in wrap else "constant")
    return F.pad(x, (0, 0, top, bottom), mode="circular" if "y" in wrap else "constant")


def _wrapped(layer: nn.Conv2d, wrap: Wrap) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    height, width = (int(side) for side in layer.padding)

    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        x = _pad(x, (width, width, height, height), wrap)
        return F.conv2d(x, weight, bias, layer.stride, 0, layer.dilation, layer.groups)

    return forward


def _wrapped_halving(layer: Downsample2D, wrap: Wrap) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor, *_: object, **__: object) -> Tensor:  # the VAE's encoder pads right and bottom by hand
        halved: Tensor = layer.conv(_pad(x, (0, 1, 0, 1), wrap))
        return halved

    return forward
