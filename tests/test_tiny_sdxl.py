"""The embedded model behaves as any SDXL model does: in diffusers' own pipelines, as one file, with LoRAs, and seamless."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.models.catalogue import embedded
from dgx_pixels.models.contender import Contender
from dgx_pixels.models.profiles import Schedule
from dgx_pixels.models.render import Render, RenderRequest
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.models.seamless import seamless
from dgx_pixels.models.single_file import write_single_file

FOLDER = embedded().folder


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionXLPipeline:
    """The model as diffusers loads it, untouched by ours."""
    loaded = StableDiffusionXLPipeline.from_pretrained(FOLDER, dtype=torch.float32, local_files_only=True, add_watermarker=False)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def draw(
    pipeline: StableDiffusionXLPipeline | StableDiffusionXLImg2ImgPipeline, prompt: str | list[str] = "a red potion",
    seeds: tuple[int, ...] = (1,), steps: int = 4, **more: object,
) -> NDArray[np.float32]:  # fmt: skip
    """Pictures in [0, 1], (N, 32, 32, 3)."""
    chance = [torch.Generator().manual_seed(s) for s in seeds]
    pictures: NDArray[np.float32] = pipeline(
        prompt=prompt, generator=chance if len(chance) > 1 else chance[0], num_inference_steps=steps, guidance_scale=4.0,
        output_type="np", **more,
    ).images  # fmt: skip
    return pictures


def test_from_pretrained_draws_at_its_own_size(pipeline: StableDiffusionXLPipeline) -> None:
    """Without a size asked for, the pipeline draws what the model has learnt: 32x32."""
    assert draw(pipeline).shape == (1, 32, 32, 3)


def test_a_single_file_checkpoint_draws_the_same_picture(pipeline: StableDiffusionXLPipeline, tmp_path: Path) -> None:
    """Written in the original layout and read by diffusers, the model is the same, bit for bit."""
    write_single_file(pipeline, tmp_path / "tiny.safetensors")
    again = StableDiffusionXLPipeline.from_single_file(
        str(tmp_path / "tiny.safetensors"), config=str(FOLDER), local_files_only=True, dtype=torch.float32, add_watermarker=False
    )
    again.set_progress_bar_config(disable=True)

    assert np.array_equal(draw(pipeline), draw(again))


def test_a_batch_draws_what_each_request_alone_draws(pipeline: StableDiffusionXLPipeline) -> None:
    """Other prompts and seeds in the batch change a picture by no more than a rounding."""
    prompts = ["a red potion", "a blue book", "a green dragon"]
    together = draw(pipeline, prompts, (1, 2, 3))
    alone = np.concatenate([draw(pipeline, p, (s,)) for p, s in zip(prompts, (1, 2, 3), strict=True)])

    assert np.abs(together - alone).max() < 1 / 255


def test_img2img_keeps_the_picture_it_is_given_as_far_as_asked(pipeline: StableDiffusionXLPipeline) -> None:
    """At low strength a picture is hardly changed, at high strength it follows the prompt."""
    start = draw(pipeline)[0]
    picture = Image.fromarray((start * 255).round().astype(np.uint8))
    other = StableDiffusionXLImg2ImgPipeline(**pipeline.components, add_watermarker=False)
    other.set_progress_bar_config(disable=True)
    little, much = (draw(other, "a blue book", image=picture, strength=s, steps=10)[0] for s in (0.2, 0.95))

    assert np.abs(little - start).mean() < 0.5 * np.abs(much - start).mean()


def test_loras_on_unet_and_both_text_encoders_change_the_picture_and_come_off(
    pipeline: StableDiffusionXLPipeline, tmp_path: Path
) -> None:
    """A LoRA file for all three parts loads, counts, and unloads without a trace."""
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    maker = StableDiffusionXLPipeline.from_pretrained(FOLDER, dtype=torch.float32, local_files_only=True, add_watermarker=False)
    states = {}
    for part, targets in (
        ("unet", ["to_q", "to_v"]), ("text_encoder", ["q_proj", "v_proj"]), ("text_encoder_2", ["q_proj", "v_proj"]),
    ):  # fmt: skip
        model = getattr(maker, part)
        model.add_adapter(LoraConfig(r=4, init_lora_weights="gaussian", target_modules=targets))
        states[part] = {k: torch.randn_like(v) * 0.2 for k, v in get_peft_model_state_dict(model).items()}
    StableDiffusionXLPipeline.save_lora_weights(
        tmp_path, unet_lora_layers=states["unet"],
        text_encoder_lora_layers=convert_state_dict_to_diffusers(states["text_encoder"]),
        text_encoder_2_lora_layers=convert_state_dict_to_diffusers(states["text_encoder_2"]),
    )  # fmt: skip
    before = draw(pipeline)
    pipeline.load_lora_weights(tmp_path, adapter_name="style")
    parts = pipeline.get_list_adapters()
    within = draw(pipeline)
    pipeline.unload_lora_weights()

    assert set(parts) == {"unet", "text_encoder", "text_encoder_2"}
    assert np.abs(within - before).max() > 0.05
    assert np.array_equal(draw(pipeline), before)


def seam(picture: NDArray[np.floating]) -> float:
    """The mean step over the wrapped edges as a multiple of the mean step inside."""
    over = np.abs(picture[0] - picture[-1]).mean() + np.abs(picture[:, 0] - picture[:, -1]).mean()
    return float(over / (np.abs(np.diff(picture, axis=0)).mean() + np.abs(np.diff(picture, axis=1)).mean()))


def test_seamless_pictures_fit_themselves_and_the_model_is_left_as_it_was(pipeline: StableDiffusionXLPipeline) -> None:
    """Within `seamless` opposite edges continue each other; after it, even after an error, pictures are the old ones."""
    before = draw(pipeline, "a stone wall")
    with seamless(pipeline):
        tiles = [draw(pipeline, "a stone wall", (s,))[0] for s in range(4)]
    with pytest.raises(RuntimeError), seamless(pipeline):
        raise RuntimeError

    assert np.mean([seam(t) for t in tiles]) < 1.3
    assert np.array_equal(draw(pipeline, "a stone wall"), before)


def sand(steps: int, **more: Any) -> RenderRequest:  # noqa: ANN401  # the request's own fields
    """A request for a picture of sand."""
    schedule = Schedule("dpmpp_2m", steps, 4.0)
    return RenderRequest(Contender(embedded()), schedule, "sand", "", **{"width": 32, "height": 32, "seed": 1, **more})


def drawn(renderer: Renderer, request: RenderRequest) -> NDArray[np.uint8]:
    """The picture that the renderer draws."""
    outcome = renderer.draw([request], lambda *_: None)[0]
    assert isinstance(outcome, Render)
    return outcome.pixels


@pytest.mark.parametrize("steps", [1, 10])
def test_the_renderer_draws_seamlessly_when_asked(steps: int) -> None:
    """Tiles fit themselves better than plain pictures, in however few steps; the next request, for a sprite, does not wrap."""
    renderer = Renderer("cpu")
    first = [drawn(renderer, sand(steps, seed=s)) for s in range(2)]
    wrapped = [drawn(renderer, sand(steps, seed=s, wrap="xy")) for s in range(2)]

    assert np.mean([seam(w / np.float32(255)) for w in wrapped]) < 0.9 * np.mean([seam(f / np.float32(255)) for f in first])
    assert np.array_equal(drawn(renderer, sand(steps, seed=0)), first[0])


def test_a_cancelled_tile_leaves_the_model_as_it_was() -> None:
    """Stopped at its last step, while it wraps, a tile does not change the sprites after it."""

    def stop(done: int, total: int, _: object) -> None:
        if done == total:
            raise InterruptedError

    renderer = Renderer("cpu")
    before = drawn(renderer, sand(4))
    with pytest.raises(InterruptedError):
        renderer.draw([sand(4, wrap="xy")], stop)

    assert np.array_equal(drawn(renderer, sand(4)), before)
