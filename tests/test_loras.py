"""LoRAs in the engine: files of the models folder, drawn with, swapped between requests, and gone without a trace."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from narrow_sdxl import diffusers_name, random_layers, write_lora
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file

from dgx_pixels.models.catalogue import Catalogue, ModelError, embedded
from dgx_pixels.models.contender import Contender, parse_contender
from dgx_pixels.models.lora_file import LoraLayer
from dgx_pixels.models.profiles import Schedule
from dgx_pixels.models.render import Render, RenderRequest
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.pixels.png_text import recipe_in
from dgx_pixels.server.settings import Settings

SCHEDULE = Schedule("dpmpp_2m", 2, 3.0)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """A renderer, with the model in memory."""
    return Renderer("cpu")


@pytest.fixture
def loras(renderer: Renderer, settings: Settings) -> Path:
    """A models folder with three LoRAs: of the UNet, of all parts, and for another model."""
    pipeline = renderer.shelf.get(embedded()).pipeline
    layers = {
        name: LoraLayer(x.down * 0.1, x.up * 0.1, x.scale) for name, x in random_layers(pipeline, convolutions=True).items()
    }
    folder = settings.home / "models" / "loras"
    unet = {name: x for name, x in layers.items() if name.startswith("unet.")}
    write_lora(folder / "style.safetensors", unet)
    write_lora(folder / "words.safetensors", layers, diffusers_name, ("lora_A.weight", "lora_B.weight"), alpha=False)
    write_lora(
        folder / "other.safetensors",
        {name: LoraLayer(x.down[:, :5], x.up, x.scale) for name, x in unet.items() if x.down.ndim == 2},
    )
    return settings.home / "models"


def draw(renderer: Renderer, models: Path, contender: str) -> NDArray[np.uint8]:
    """One picture."""
    chosen = parse_contender(Catalogue(models), contender)
    asked = RenderRequest(chosen, SCHEDULE, "a red potion", "", 32, 32, 1)
    outcome = renderer.draw([asked], lambda *_: None)[0]
    assert isinstance(outcome, Render)
    return outcome.pixels


def test_the_base_is_the_base_again_after_any_swaps(renderer: Renderer, loras: Path) -> None:
    """Each contender draws the same bytes whatever was merged before it; a weight of 0 is the base's own."""
    contenders = ["tiny-sdxl", "tiny-sdxl+style:1.0", "tiny-sdxl+words:0.7", "tiny-sdxl+style:0.5+words:-0.3"]
    first = {c: draw(renderer, loras, c) for c in contenders}
    again = {c: draw(renderer, loras, c) for c in reversed(contenders)}

    assert all(np.array_equal(first[c], again[c]) for c in contenders)
    assert len({first[c].tobytes() for c in contenders}) == len(contenders)
    assert np.array_equal(draw(renderer, loras, "tiny-sdxl+style:0+words:0"), first["tiny-sdxl"])


def test_half_a_weight_lies_between(renderer: Renderer, loras: Path) -> None:
    """The weight is a dial."""
    base, half, full = (draw(renderer, loras, f"tiny-sdxl+style:{w}").astype(int) for w in (0, 0.5, 1))

    assert np.abs(half - base).mean() < np.abs(full - base).mean()


def test_it_draws_what_diffusers_draws_with_it(renderer: Renderer, loras: Path) -> None:
    """The same file, loaded by diffusers and peft beside the weights instead of into them, gives the same picture."""
    import torch
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionXLPipeline

    pipeline = StableDiffusionXLPipeline.from_pretrained(embedded().folder, dtype=torch.float32, add_watermarker=False)
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(loras / "loras", weight_name="words.safetensors", adapter_name="words")
    pipeline.set_adapters(["words"], [0.7])
    with torch.inference_mode():
        theirs = pipeline(
            "a red potion", width=32, height=32, num_inference_steps=2, guidance_scale=3.0, output_type="np",
            generator=torch.Generator("cpu").manual_seed(1),
        ).images[0]  # fmt: skip

    ours = draw(renderer, loras, "tiny-sdxl+words:0.7")
    assert np.abs(ours / 255 - theirs).max() < 0.02


def test_a_lora_that_does_not_fit_changes_nothing(renderer: Renderer, loras: Path) -> None:
    """The refusal names the LoRA; the next picture is right."""
    before = draw(renderer, loras, "tiny-sdxl+style:1.0")
    with pytest.raises(ModelError, match="other"):
        draw(renderer, loras, "tiny-sdxl+style:1.0+other:1.0")

    assert np.array_equal(draw(renderer, loras, "tiny-sdxl+style:1.0"), before)


def test_a_changed_file_is_read_again(renderer: Renderer, loras: Path) -> None:
    """A LoRA that was trained on is drawn with as it is now, its text encoders' part included."""
    before = draw(renderer, loras, "tiny-sdxl+words:1.0")
    (loras / "loras" / "words.safetensors").write_bytes((loras / "loras" / "style.safetensors").read_bytes())

    assert np.array_equal(draw(renderer, loras, "tiny-sdxl+words:1.0"), draw(renderer, loras, "tiny-sdxl+style:1.0"))
    assert not np.array_equal(draw(renderer, loras, "tiny-sdxl+words:1.0"), before)


async def test_generate_sprite_draws_with_a_contender(server: FastMCP[Any], loras: Path) -> None:
    """A LoRA in the models folder works at once; the recipe names contender and file; a wrong one is told."""
    asked = {"prompt": "a red potion", "seed": 7, "steps": 2}
    async with Client(server) as client:
        answers = [
            (await client.call_tool("generate_sprite", {**asked, "model": model, "name": name})).structured_content
            for model, name in (("tiny-sdxl", "plain"), ("tiny-sdxl+style:0.8", "styled"))
        ]
        with pytest.raises(ToolError, match="other"):
            await client.call_tool("generate_sprite", {**asked, "model": "tiny-sdxl+other"})

    assert all(a is not None for a in answers)
    files = [Path(a["result"]["assets"][0]["file"]) for a in answers if a is not None]
    recipe = json.loads(recipe_in(files[1].read_bytes()) or "")
    assert recipe["model"] == "tiny-sdxl+style:0.8"
    assert len(recipe["weights_sha256"]["style"]) == 64
    plain, styled = (Image.open(f).tobytes() for f in files)
    assert plain != styled


def test_loras_of_shared_text_encoders_stay_with_their_model(renderer: Renderer, loras: Path, tmp_path: Path) -> None:
    """Two models with the same text encoders alternate, with different LoRAs in these: each draws what it draws alone."""
    base = embedded()
    shutil.copytree(base.folder, tmp_path / "twin")
    (unet,) = (tmp_path / "twin/unet").glob("*.safetensors")
    save_file({name: value * 1.01 for name, value in load_file(unet).items()}, unet)
    twin = replace(base, id="twin", folder=tmp_path / "twin")
    words = parse_contender(Catalogue(loras), "tiny-sdxl+words:0.7").loras
    both = [Contender(base, words), Contender(twin), Contender(twin, ((words[0][0], -0.5),)), Contender(base)]

    def drawn(by: Renderer, contender: Contender) -> bytes:
        outcome = by.draw([RenderRequest(contender, SCHEDULE, "a red potion", "", 32, 32, 1)], lambda *_: None)[0]
        assert isinstance(outcome, Render)
        return outcome.pixels.tobytes()

    alone = Renderer("cpu")
    expected = [drawn(renderer if c.base is base else alone, c) for c in both]
    together = Renderer("cpu")
    assert [drawn(together, c) for c in (*both, *reversed(both))] == [*expected, *reversed(expected)]
    one, two = (together.shelf.get(b).pipeline for b in (base, twin))
    assert one.text_encoder_2 is two.text_encoder_2
    assert len(set(expected)) == len(both)
