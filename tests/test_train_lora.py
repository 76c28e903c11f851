"""`train_lora` through a real client: what it refuses, what a dry run says, and that a LoRA is there to draw with."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import text_of
from fastmcp import Client
from fastmcp.exceptions import ToolError
from filelock import FileLock
from PIL import Image
from training_calls import SHORT, call, client_of, sprites, until

from dgx_pixels.models.base_model import embedded
from dgx_pixels.server.settings import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve sprites in one style."""
    return sprites(tmp_path / "art")


@pytest.fixture
async def trainer(settings: Settings, tmp_path: Path) -> AsyncIterator[Client[Any]]:
    """A client of a server that may read the test's folder."""
    async with client_of(settings, tmp_path) as client:
        yield client


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"rank": 0}, "The setting rank of a training cannot be 0: allowed is from 1 to 256"),
        ({"steps": 0}, "The setting steps of a training cannot be 0"),
        ({"learning_rate": -1}, "The setting learning_rate of a training cannot be -1"),
        ({"settings": {"optimizer": "sgd"}}, "The setting optimizer of a training cannot be 'sgd'"),
        ({"settings": {"depth": 3}}, "There is no setting 'depth' of a training"),
        ({"settings": {"keep": -1}}, "The setting keep of a training cannot be -1"),
        ({"preset": "best"}, "'best' is not one of fast, base, quality"),
        ({"name": "my.style"}, "The name 'my.style' is not allowed"),
        ({"name": "../style"}, "The name '../style' is not allowed"),
        ({"name": "loras/style"}, "try 'loras_style'"),
        ({"name": None}, "name is missing"),
        ({"source": None}, "source is missing"),
        ({"base": "sdxl-nope"}, "There is no model 'sdxl-nope'"),
        ({"base": "tiny-sdxl+old:0.5"}, "write base='tiny-sdxl'"),
        ({"trigger": "a, b"}, "The trigger 'a, b' is not allowed"),
        ({"sample_prompts": [""]}, "The sample prompt '' is not possible"),
        ({"sample_prompts": ["a"] * 9}, "at most 8"),
        ({"seed": -1}, "seed is -1"),
        ({"resume": "0123456789ab"}, "leave out the other arguments"),
        ({"source": "/nowhere/at/all"}, "/nowhere/at/all"),
    ],
)
async def test_what_cannot_be_trained_says_why(trainer: Client[Any], folder: Path, asked: dict[str, Any], says: str) -> None:
    """One sentence each, before anything is written but the job itself."""
    arguments = {"source": str(folder), **SHORT, "steps": 3, **asked}
    with pytest.raises(ToolError, match=r"\S") as refused:
        await trainer.call_tool("train_lora", {k: v for k, v in arguments.items() if v is not None})

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "other",
    [
        {"dry_run": True}, {"overwrite": True}, {"trigger": "x"}, {"preset": "fast"}, {"seed": 1}, {"licence": "CC0"},
        {"sample_prompts": []}, {"steps": 9}, {"settings": {"min_snr": None}},
    ],
    ids=str,
)  # fmt: skip
async def test_a_training_that_goes_on_takes_no_other_argument(trainer: Client[Any], other: dict[str, Any]) -> None:
    """It would be overlooked: who asks for a dry run does not want to train."""
    with pytest.raises(ToolError, match="leave out the other arguments"):
        await trainer.call_tool("train_lora", {"resume": "0123456789ab", **other})


def _nothing(folder: Path) -> None:
    folder.mkdir()


def _three(folder: Path) -> None:
    sprites(folder, 3)


def _photos(folder: Path) -> None:
    folder.mkdir()
    y, x = np.indices((200, 300))
    for i in range(8):
        noise = np.asarray(Image.effect_noise((300, 200), 60 + i))
        photo = np.dstack([(noise * 0.3 + x / 2).clip(0, 255), (noise * 0.3 + y / 2).clip(0, 255), noise])
        Image.fromarray(photo.astype(np.uint8)).save(folder / f"IMG_{i:04}.jpg")


@pytest.mark.parametrize(
    ("fill", "says"),
    [
        (_nothing, "There are no pictures"),
        (_three, "Only 3 of 3 pictures can be learnt from, but a LoRA needs 5 at least"),
        (_photos, "IMG_0000.jpg: it is no pixel art: a photo or a painting"),
    ],
)
async def test_a_folder_that_cannot_be_learnt_from_is_refused(
    trainer: Client[Any], settings: Settings, tmp_path: Path, fill: Callable[[Path], None], says: str
) -> None:
    """An empty one, one of three sprites, and photos: in one sentence, and no dataset or run is left of it."""
    fill(tmp_path / "art")
    with pytest.raises(ToolError, match=r"\S") as refused:
        await trainer.call_tool("train_lora", {"source": str(tmp_path / "art"), **SHORT})

    assert says in str(refused.value)
    assert not [*(settings.home / "datasets").glob("[!.]*"), *(settings.home / "jobs").glob("*/")]


async def test_a_bad_picture_or_caption_costs_no_other(trainer: Client[Any], tmp_path: Path) -> None:
    """One corrupt PNG among 40 is named and left out; of a caption of 5,000 characters the first are used, and it says so."""
    files = sorted(sprites(tmp_path / "art", 40).iterdir())
    files[7].write_bytes(files[7].read_bytes()[:100])
    files[3].with_suffix(".txt").write_text("a red potion " * 400)
    answer = await call(trainer, "train_lora", source=str(tmp_path / "art"), **SHORT, dry_run=True)
    dataset = answer["result"]["training"]["dataset"]

    assert dataset["images"] == 39
    assert [skipped["file"] for skipped in dataset["skipped"]] == [files[7].name]
    assert any(f"The caption {files[3].stem}.txt has 5,199 characters" in warning for warning in dataset["warnings"])
    assert any("save or download it again." in warning for warning in dataset["warnings"])
    assert not any(".." in warning for warning in dataset["warnings"])


async def test_a_base_model_that_is_gone_when_its_turn_comes_is_named(
    trainer: Client[Any], settings: Settings, folder: Path
) -> None:
    """It is there when it is asked for, the training waits behind another process's, and then it is not: no process is begun."""
    base = settings.home / "models" / "checkpoints" / "mine"
    shutil.copytree(embedded().folder, base)
    with FileLock(settings.home / "training.lock"):
        job_id = (await call(trainer, "train_lora", source=str(folder), **SHORT | {"base": "mine", "wait_s": 0}))["job_id"]
        waiting = await until(trainer, job_id, lambda answer: "queued: waits" in answer["progress"]["message"])
        assert waiting["status"] == "queued"
        shutil.rmtree(base)
    failed = await call(trainer, "get_job", job_id=job_id, wait_s=100)

    assert failed["status"] == "failed"
    assert "There is no model 'mine'" in failed["error"]
    assert not (settings.home / "jobs" / job_id / "log.txt").exists()


async def test_resuming_what_is_no_training_says_so(trainer: Client[Any], folder: Path) -> None:
    """Neither a job that was never begun nor one of another kind can go on."""
    other = await call(trainer, "pixelize_image", image=str(next(folder.iterdir())), publish=False)
    with pytest.raises(ToolError, match="is a pixelize job, no training"):
        await trainer.call_tool("train_lora", {"resume": other["job_id"]})
    with pytest.raises(ToolError, match="There is no job"):
        await trainer.call_tool("train_lora", {"resume": "0123456789ab"})


async def test_a_dry_run_reports_and_trains_nothing(trainer: Client[Any], settings: Settings, folder: Path) -> None:
    """The report, a contact sheet as an image, the expected time; no run, no LoRA."""
    result = await trainer.call_tool("train_lora", {"source": str(folder), **SHORT, "dry_run": True})
    answer = result.structured_content
    assert answer is not None
    training = answer["result"]["training"]

    assert training["dry_run"]
    assert training["dataset"]["images"] == 12
    assert training["expected"]["seconds"] > 0
    assert training["file"] is None
    assert "A dry run: 12 pictures, 300 steps on tiny-sdxl" in text_of(result)
    assert [block.type for block in result.content] == ["text", "image"]
    assert not list((settings.home / "models" / "loras").glob("*"))
    assert not (settings.home / "jobs" / answer["job_id"]).exists()


@pytest.mark.slow
async def test_a_lora_is_there_to_draw_with(trainer: Client[Any], settings: Settings, folder: Path) -> None:
    """Trained, listed with trigger and weight, its samples in the library, and drawn with: another picture than without."""
    asked = {**SHORT, "source": str(folder), "steps": 4, "sample_prompts": ["a red potion"], "licence": "CC0-1.0"}
    job_id = (await call(trainer, "train_lora", **asked | {"wait_s": 0}))["job_id"]
    under_way = await trainer.call_tool("get_job", {"job_id": job_id, "wait_s": 0.1})
    while len(under_way.content) == 1 and re.search("is (queued|running)", text_of(under_way)):
        under_way = await trainer.call_tool("get_job", {"job_id": job_id, "wait_s": 0.1})
    assert [block.type for block in under_way.content] == ["text", "image"]  # the first sample, while it trains
    result = await trainer.call_tool("get_job", {"job_id": job_id, "wait_s": 300})
    answer = result.structured_content
    assert answer is not None
    training = answer["result"]["training"]

    assert answer["status"] == "done"
    assert training["steps"] == 4
    assert training["contender"] == "tiny-sdxl+handheld:1.0"
    for part in ("file", "diffusers", "card", "curve"):
        assert Path(training[part]).is_file()
    assert [block.type for block in result.content] == ["text", "image", "resource_link"]
    sample = answer["result"]["assets"][0]
    assert (sample["version"], sample["published"]) == (2, False)  # before the first step, and after the last
    viewed = await call(trainer, "list_assets")
    assert [a["id"] for a in viewed["assets"]] == [sample["id"]]
    recipe = json.loads((settings.home / "assets" / sample["id"] / "2.json").read_text())
    assert (recipe["kind"], recipe["step"]) == ("training sample", 4)

    (lora,) = (await call(trainer, "list_models"))["loras"]
    assert (lora["id"], lora["trigger_words"], lora["recommended_weight"]) == ("handheld", ["handheld"], 1.0)
    assert (lora["licence"], lora["problem"]) == ("CC0-1.0", None)
    drawing = {"prompt": "handheld, a red potion", "seed": 5, "steps": 2, "publish": False}
    made = await call(trainer, "generate_sprite", **drawing, model="tiny-sdxl+handheld:1.0", name="with")
    plain = await call(trainer, "generate_sprite", **drawing, model="tiny-sdxl", name="without")
    files = [Path(a["result"]["assets"][0]["file"]) for a in (made, plain)]
    assert len({file.read_bytes() for file in files}) == 2

    again = await call(trainer, "train_lora", source=str(folder), **SHORT, dry_run=True)
    assert again["result"]["training"]["expected"]["how"] == "measured"
    with pytest.raises(ToolError, match="There is a LoRA handheld already"):
        await trainer.call_tool("train_lora", asked)
