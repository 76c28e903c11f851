"""What a training leaves: files that diffusers and this package draw the same with, and what is said in them."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionXLPipeline
from numpy.typing import NDArray
from PIL import Image
from test_training_steps import begin
from torch import nn
from training import spec

from dgx_pixels.models.card import read_card
from dgx_pixels.models.catalogue import Catalogue, embedded
from dgx_pixels.models.contender import parse_contender
from dgx_pixels.models.header import read_header
from dgx_pixels.models.lora_export import diffusers_file, kohya_file
from dgx_pixels.models.lora_file import read_lora
from dgx_pixels.models.profiles import Schedule
from dgx_pixels.models.render import Render, RenderRequest
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.models.training_about import About, card, metadata
from dgx_pixels.models.training_curve import curve_png, smoothed
from dgx_pixels.models.training_steps import Training

ROUNDING = 1
"""Levels of 255 that a pixel may differ by between diffusers' LoRA beside the weights and ours merged into them, both of 16-bit
factors: the sums round elsewhere."""
FEW_STEPS = Schedule("dpmpp_2m", 2, 3.0)


@dataclass(frozen=True)
class Made:
    """A LoRA with visible weights, in both files, of every kind of layer; its alpha is not its rank."""

    training: Training
    about: About
    models: Path
    files: dict[str, Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Random weights instead of learnt ones: larger, and every layer has some."""
    tmp = tmp_path_factory.mktemp("made")
    training, about = begin(spec(tmp, rank=4, alpha=2.0, text_encoders=True))
    torch.manual_seed(1)
    for weight in training.weights.values():
        nn.init.normal_(weight.data, std=0.08)
    facts, pipeline, weights = metadata(about), training.pipeline, training.tensors()
    folder = tmp / "models" / "loras"
    folder.mkdir(parents=True)
    files = {"diffusers": folder / "one.safetensors", "kohya": folder / "other.safetensors"}
    files["diffusers"].write_bytes(diffusers_file(weights, pipeline, facts, torch.float16))
    files["kohya"].write_bytes(kohya_file(weights, pipeline, 2.0, facts, torch.float16))
    return Made(training, about, tmp / "models", files)


def ours(made: Made, contender: str) -> NDArray[np.uint8]:
    """The picture as this package draws it."""
    request = RenderRequest(parse_contender(Catalogue(made.models), contender), FEW_STEPS, "a red potion", "", 32, 32, 7, batch=1)
    outcome = Renderer("cpu", compiles=False).draw([request], lambda *_: None)[0]
    assert isinstance(outcome, Render)
    return outcome.pixels


@cache
def theirs(file: Path | None) -> NDArray[np.uint8]:
    """The picture as diffusers alone draws it, with its own reading of the file."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(embedded().folder, dtype=torch.float32, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    if file is not None:
        pipeline.load_lora_weights(file.parent, weight_name=file.name, local_files_only=True, use_safetensors=True)
    image = pipeline(
        "a red potion", width=32, height=32, num_inference_steps=2, guidance_scale=3.0, output_type="np",
        generator=torch.Generator("cpu").manual_seed(7),
    ).images[0]  # fmt: skip
    pixels: NDArray[np.uint8] = (image * 255).round().astype(np.uint8)
    return pixels


def differ(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    """The largest difference of two pictures."""
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.parametrize("kind", ["kohya", "diffusers"])
def test_diffusers_draws_our_picture_from_either_file(made: Made, kind: str) -> None:
    """Its own load_lora_weights takes UNet, convolutions and both text encoders, at the strength of our alpha."""
    file = made.files[kind]
    assert differ(ours(made, f"tiny-sdxl+{file.stem}:1.0"), theirs(file)) <= ROUNDING
    assert differ(theirs(file), theirs(None)) > 40


def test_both_files_give_our_reader_the_same_layers(made: Made) -> None:
    """Every trained layer is there, in the file's rank and alpha, and so the pictures are the same to the last bit."""
    config = made.training.pipeline.unet.config
    one, other = (read_lora(file, config) for file in made.files.values())
    assert len(one) == len(made.training.weights) // 2
    assert one.keys() == other.keys()
    assert all(layer.scale == other[name].scale == 0.5 for name, layer in one.items())
    assert all(torch.equal(layer.up, other[name].up) and torch.equal(layer.down, other[name].down) for name, layer in one.items())
    assert differ(ours(made, "tiny-sdxl+one:1.0"), ours(made, "tiny-sdxl+other:1.0")) == 0


def test_weight_nought_gives_the_bases_bytes_and_half_lies_between(made: Made) -> None:
    """The LoRA leaves no trace where it is not asked for."""
    base, half, whole = (ours(made, model) for model in ("tiny-sdxl", "tiny-sdxl+other:0.3", "tiny-sdxl+other:1.0"))
    assert ours(made, "tiny-sdxl+other:0").tobytes() == base.tobytes()
    assert 0 < np.abs(half.astype(int) - base).mean() < np.abs(whole.astype(int) - base).mean()


def test_the_file_is_listed_with_what_it_is(made: Made) -> None:
    """Rank, trigger, licence and the base model that it was learnt on are read from its own header."""
    lora = Catalogue(made.models).lora("other")
    assert (lora.rank, lora.naming, lora.trigger_words) == (4, "kohya-sgm+locon", ("handheld",))
    assert lora.licence == "CC0-1.0"
    assert lora.problem is None
    assert lora.base_hash == made.about.weights_sha256["unet/diffusion_pytorch_model.safetensors"]


def test_the_metadata_tells_where_the_lora_comes_from(made: Made) -> None:
    """Settings, dataset and base model stand in the header, for kohya's scripts, ModelSpec and us, and digests of the weights."""
    found = read_header(made.files["kohya"]).metadata
    data = made.files["kohya"].read_bytes()
    assert (found["ss_network_dim"], found["ss_network_alpha"], found["ss_num_train_images"]) == ("4", "2.0", "6")
    assert found["modelspec.architecture"] == "tiny-sdxl/lora"
    assert found["dgx_pixels.dataset_sha256"] == made.about.dataset.sha256
    assert json.loads(found["dgx_pixels.settings"])["learning_rate"] == made.about.spec.learning_rate
    assert found["modelspec.hash_sha256"] == f"0x{found['sshs_model_hash']}"
    assert str(made.models.parent) not in data[: 8 + int.from_bytes(data[:8], "little")].decode("utf-8", "replace")


def test_the_card_is_read_as_one(made: Made, tmp_path: Path) -> None:
    """Its YAML head gives trigger and licence to who reads cards, whatever a prompt holds."""
    page = tmp_path / "README.md"
    page.write_text(card(made.about, 0.1234, [("a | [red] potion\n# no head", 42, "step_000006_0.png")]))
    found = read_card(tmp_path / "x.safetensors", {}, page)
    assert (found.licence, found.trigger_words) == ("CC0-1.0", ("handheld",))
    assert "| ![a / (red) potion # no head](step_000006_0.png) |" in page.read_text()


@pytest.mark.parametrize("losses", [[], [0.5], [0.5, 0.4], [1 / (1 + i) for i in range(300)]])
def test_the_curve_is_drawn_for_any_number_of_steps(losses: list[float]) -> None:
    """None, one, or many; the strong line shows their running mean."""
    picture = np.asarray(Image.open(io.BytesIO(curve_png(losses))))
    strong: Any = (picture == (25, 80, 190)).all(2)
    assert strong.any() == (len(losses) > 0)


def test_the_running_mean_is_that_of_the_values_before() -> None:
    """At the begin of those that there are."""
    assert smoothed(np.array([1.0, 3.0, 5.0, 7.0]), 2).tolist() == [1.0, 2.0, 4.0, 6.0]
