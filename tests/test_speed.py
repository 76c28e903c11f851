"""What a render's time is measured against: how much is multiplied, and how fast this machine multiplies."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

from dgx_pixels.models.catalogue import embedded
from dgx_pixels.models.profiles import Schedule
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.models.speed import decoder_flops, machine, matmul_rate, render_flops, unet_flops

CPU = torch.device("cpu")


def test_the_count_without_memory_is_that_of_a_real_call() -> None:
    """What is counted for the embedded UNet is what torch counts while it really runs."""
    unet = Renderer("cpu", compiles=False).shelf.get(embedded()).pipeline.unet
    config = unet.config
    pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
    added = {"text_embeds": torch.zeros(1, pooled), "time_ids": torch.zeros(1, 6)}
    text = torch.zeros(1, 77, config.cross_attention_dim)

    with torch.inference_mode(), FlopCounterMode(display=False) as counted:
        unet(torch.zeros(1, config.in_channels, 8, 8), torch.tensor(5), encoder_hidden_states=text, added_cond_kwargs=added)

    # Attention is counted as its two products on either way, which torch splits differently.
    assert unet_flops(unet, 8, 8) == pytest.approx(counted.get_total_flops(), rel=0.01)


@pytest.mark.slow
def test_a_full_size_unet_has_the_known_count() -> None:
    """SDXL's UNet takes 6.76 TFLOP for a picture of 1024 px, as others have counted, too."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            addition_embed_type="text_time", addition_time_embed_dim=256, attention_head_dim=(5, 10, 20),
            block_out_channels=(320, 640, 1280), cross_attention_dim=2048,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            projection_class_embeddings_input_dim=2816, transformer_layers_per_block=(1, 2, 10), use_linear_projection=True,
        )  # fmt: skip

    assert unet_flops(unet, 128, 128) / 1e12 == pytest.approx(6.761, abs=0.001)


def test_guided_steps_count_twice() -> None:
    """A render's work is that of its rows and of one decoding."""
    pipeline = Renderer("cpu", compiles=False).shelf.get(embedded()).pipeline
    decoded, row = decoder_flops(pipeline.vae, 8, 8), unet_flops(pipeline.unet, 8, 8)

    assert render_flops(pipeline, Schedule("euler", 10, 5.0, guided=0.6), 32, 32) == decoded + 16 * row
    assert render_flops(pipeline, Schedule("euler", 10, 1.0), 32, 32) == decoded + 10 * row


def test_the_rate_is_one_that_a_machine_has() -> None:
    """Between a tenth of one old core and more than any device: the units are right."""
    assert 1e9 < matmul_rate(CPU, torch.float32) < 1e16
    assert machine(CPU)["torch"] == torch.__version__
