"""Pictures that tile: while drawing, every convolution sees the picture as a torus, so that opposite edges fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from diffusers import StableDiffusionXLPipeline
from torch import nn


@contextmanager
def seamless(pipeline: StableDiffusionXLPipeline) -> Iterator[None]:
    """Within this context the pipeline draws pictures whose left and right, and upper and lower edges continue each other.

    The padding of all convolutions in UNet and VAE decoder becomes circular, the known way to do it for convolutional
    diffusion models; weights are not touched, and leaving the context restores every layer, also after an error. One thread
    at a time: the pipeline's layers are what is changed.
    """
    layers = [
        layer
        for part in (pipeline.unet, pipeline.vae.post_quant_conv, pipeline.vae.decoder)
        for layer in part.modules()
        if isinstance(layer, nn.Conv2d) and layer.padding_mode == "zeros" and any(int(side) for side in layer.padding)
    ]
    for layer in layers:
        layer.padding_mode = "circular"  # read anew at each call
    try:
        yield
    finally:
        for layer in layers:
            layer.padding_mode = "zeros"
