"""What a batch is taught, against numbers worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler
from torch import Tensor

from dgx_pixels.models.training_cache import Example, Words
from dgx_pixels.models.training_loss import Batch, draw, loss_of

CLEAN, NOISE = 2.0, -1.0
ALPHAS = (0.8, 0.2)
"""Products of 1 - beta after both times: of betas 0.2 and 0.75."""
SNRS = (4.0, 0.25)
"""0.8 / 0.2 and 0.2 / 0.8."""


def loss_at(time: int, prediction: str, min_snr: float | None, answer: float) -> tuple[float, float]:
    """The loss of a UNet that answers with one number everywhere, and what number it was shown."""
    noise = DDPMScheduler(num_train_timesteps=2, trained_betas=[0.2, 0.75], prediction_type=prediction)
    shown: list[float] = []

    def unet(noisy: Tensor, *_: Any, **__: Any) -> tuple[Tensor]:  # noqa: ANN401  # words and sizes, which do not matter
        shown.append(noisy.mean().item())
        return (torch.full_like(noisy, answer),)

    unet.dtype = torch.float32  # type: ignore[attr-defined]  # as a UNet has it
    full = torch.ones(1, 4, 2, 2)
    batch = Batch(full * CLEAN, full * NOISE, torch.tensor([time]), ("",), (16, 16))
    words = Words(torch.zeros(1, 1, 1), torch.zeros(1, 1))
    pipeline: Any = SimpleNamespace(unet=unet)
    return loss_of(pipeline, noise, batch, words, min_snr).item(), shown[0]


@pytest.mark.parametrize("time", [0, 1])
def test_the_target_is_the_noise_or_the_velocity(time: int) -> None:
    """Epsilon is the noise itself; velocity is a * noise - s * picture, with a and s the shares that are shown."""
    a, s = ALPHAS[time] ** 0.5, (1 - ALPHAS[time]) ** 0.5
    for prediction, target in (("epsilon", NOISE), ("v_prediction", a * NOISE - s * CLEAN)):
        right, shown = loss_at(time, prediction, None, target)
        wrong, _ = loss_at(time, prediction, None, target + 3)
        assert shown == pytest.approx(a * CLEAN + s * NOISE)
        assert right == pytest.approx(0, abs=1e-9)
        assert wrong == pytest.approx(9)


@pytest.mark.parametrize(("time", "epsilon", "velocity"), [(0, 1 / 4, 1 / 5), (1, 1, 0.25 / 1.25)])
def test_min_snr_holds_back_the_times_with_little_noise(time: int, epsilon: float, velocity: float) -> None:
    """With gamma 1 the weight is min(snr, 1) by snr, or by snr + 1 for a velocity; the snr is 4, then a quarter."""
    a, s = ALPHAS[time] ** 0.5, (1 - ALPHAS[time]) ** 0.5
    assert SNRS[time] == pytest.approx(a**2 / s**2)
    assert loss_at(time, "epsilon", 1.0, NOISE + 3)[0] == pytest.approx(9 * epsilon)
    assert loss_at(time, "v_prediction", 1.0, a * NOISE - s * CLEAN + 3)[0] == pytest.approx(9 * velocity)


def test_a_noise_offset_is_one_number_for_a_whole_channel() -> None:
    """Added to the noise that is drawn without it: the same over a picture's channel, of the strength asked for."""
    examples = [Example(torch.zeros(4, 8, 8), torch.zeros(4, 8, 8), "", (64, 64))] * 256
    plain, moved = (
        draw(examples, 7, scale=1.0, timesteps=2, noise_offset=offset, caption_dropout=0.0).noise for offset in (0.0, 0.5)
    )
    offsets = moved - plain
    assert torch.allclose(offsets, offsets[:, :, :1, :1].expand_as(offsets), atol=1e-6)
    assert offsets[:, :, 0, 0].std().item() == pytest.approx(0.5, rel=0.1)
    assert offsets[:, :, 0, 0].mean().item() == pytest.approx(0, abs=0.05)


def test_pictures_are_drawn_from_their_distribution_and_scaled() -> None:
    """Of mean 3 and deviation 0.1, at a VAE's factor of 2: around 6, spread by 0.2."""
    examples = [Example(torch.full((4, 8, 8), 3.0), torch.full((4, 8, 8), 0.1), "", (64, 64))] * 64
    clean = draw(examples, 7, scale=2.0, timesteps=2, noise_offset=0.0, caption_dropout=0.0).clean
    assert clean.mean().item() == pytest.approx(6, abs=0.02)
    assert clean.std().item() == pytest.approx(0.2, rel=0.05)
