"""Around train_lora: how a LoRA is installed, how long a training is said to take, its request, and the command."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import training
from narrow_sdxl import write_lora
from training_calls import sprites

from dgx_pixels.library.library import Library
from dgx_pixels.models.base_model import embedded
from dgx_pixels.models.catalogue import Catalogue
from dgx_pixels.models.lora_file import LoraLayer
from dgx_pixels.models.lora_spec import settings_for
from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.answers import JobResult
from dgx_pixels.tools.jobs import JobPausedError, JobReport, JobRunner
from dgx_pixels.tools.training_child import Event, train
from dgx_pixels.tools.training_install import InstallError, install
from dgx_pixels.tools.training_request import TrainingRequest, training_request
from dgx_pixels.tools.training_time import expected


def request(**replaced: Any) -> TrainingRequest:  # noqa: ANN401  # any argument
    """What is asked for, with some arguments replaced."""
    plain: dict[str, Any] = {
        "source": "project", "name": "mine", "base": "tiny-sdxl", "preset": "fast", "settings": {}, "trigger": "handheld",
        "grid": None, "licence_note": "CC0-1.0", "sample_prompts": None, "seed": 0, "overwrite": False, "dry_run": False,
    }  # fmt: skip
    return training_request(**plain | replaced)


def kohya_lora(file: Path, seed: int) -> Path:
    """A LoRA on one layer of the embedded model."""
    layer = LoraLayer(torch.full((2, 288), float(seed)), torch.ones(256, 2), 1.0)
    return write_lora(file, {"unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k": layer})


def test_a_lora_is_installed_whole_with_its_card(tmp_path: Path) -> None:
    """It is listed with trigger, weight and licence; the very same again changes nothing, and nothing else is left."""
    made, catalogue = kohya_lora(tmp_path / "made.safetensors", seed=1), Catalogue(tmp_path / "models")
    target = install(catalogue, made, request(), "job")
    before = target.stat()
    assert install(catalogue, made, request(), "job") == target

    assert target.stat() == before
    (lora,) = catalogue.loras()
    assert (lora.id, lora.trigger_words, lora.recommended_weight, lora.licence) == ("mine", ("handheld",), 1.0, "CC0-1.0")
    assert sorted(f.name for f in target.parent.iterdir()) == ["mine.json", "mine.safetensors"]
    assert not list((tmp_path / "models" / ".partial").iterdir())


@pytest.mark.parametrize("links", [True, False])
def test_another_lora_is_replaced_only_if_asked(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk with hard links, and on one without: the other file stays, or the new one takes its place at once."""
    if not links:

        def refuse(*_: object) -> None:
            raise OSError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    made, catalogue = kohya_lora(tmp_path / "made.safetensors", seed=1), Catalogue(tmp_path / "models")
    target = install(catalogue, kohya_lora(tmp_path / "other.safetensors", seed=2), request(trigger="other"), "job")
    other = target.read_bytes()
    with pytest.raises(InstallError, match="is there since this training began"):
        install(catalogue, made, request(), "job")
    assert target.read_bytes() == other
    assert catalogue.lora("mine").trigger_words == ("other",)

    install(catalogue, made, request(overwrite=True), "job")
    assert target.read_bytes() == made.read_bytes()
    assert catalogue.lora("mine").trigger_words == ("handheld",)


def test_what_cannot_be_installed_says_where_the_lora_lies(tmp_path: Path) -> None:
    """A models' folder that cannot be written costs no training."""
    (tmp_path / "models").write_text("a file where the folder should be")
    made = kohya_lora(tmp_path / "made.safetensors", seed=1)
    with pytest.raises(InstallError, match="could not be put at") as refused:
        install(Catalogue(tmp_path / "models"), made, request(), "job12")
    assert f"It lies at {made}" in str(refused.value)
    assert "resume='job12'" in str(refused.value)


def run(runs: Path, name: str, seconds: list[float], **replaced: Any) -> None:  # noqa: ANN401  # any setting
    """A run whose steps took so long."""
    spec = training.spec(runs / name, data=runs, folder=runs / name, **replaced)
    spec.folder.mkdir(parents=True)
    (spec.folder / "spec.json").write_text(spec.model_dump_json())
    rows = [{"step": i + 1, "loss": 0.1, "lr": 1e-3, "seconds": s} for i, s in enumerate(seconds)]
    (spec.folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def test_the_time_is_measured_where_this_machine_has_trained(tmp_path: Path) -> None:
    """By the picture, from a run on the same model and device whose layers learn alike; the slow first step does not count."""
    settings = settings_for("tiny-sdxl", "fast", steps=100, batch_size=4)
    assert expected(tmp_path, embedded(), settings, "cpu").how == "calculated"
    run(tmp_path, "short", [1.0, 1.0])
    run(tmp_path, "gpu", [0.1] * 5, device="cuda")
    run(tmp_path, "narrow", [0.1] * 5, layers="attention")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "spec.json").write_text("{")
    assert expected(tmp_path, embedded(), settings, "cpu").how == "calculated"

    run(tmp_path, "like", [9.0, 0.5, 0.5, 0.5, 0.7], batch_size=2)
    found = expected(tmp_path, embedded(), settings, "cpu")
    assert (found.how, found.seconds) == ("measured", 100)  # 0.25 s a picture, 4 pictures a step, 100 steps
    assert "like" in found.note


def test_settings_of_the_run_are_not_settings_of_the_learning() -> None:
    """Both kinds stand in `settings`; few steps are not interrupted by samples all the time."""
    asked = request(settings={"steps": 60, "min_snr": 5.0, "sample_every": 10, "keep": 1})
    assert (asked.settings.steps, asked.settings.min_snr) == (60, 5.0)
    assert (asked.run.sample_every, asked.run.keep, asked.run.checkpoint_minutes) == (10, 1, 5.0)
    assert request(settings={"steps": 60}).run.sample_every == 25
    assert request(settings={"steps": 3000}).run.sample_every == 500


def test_the_command_says_in_one_line_what_is_wrong(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the tool refuses and what its job does: a sentence on stderr, and status 1; --json is the job's answer, too."""
    where = ["--home", str(settings.home), "--port", str(settings.port), "--device", "cpu"]
    for words, says in ((["art", "--name", "my.style"], "my.style"), ([str(tmp_path / "art"), "--name", "mine"], "art")):
        with pytest.raises(SystemExit) as ended:
            main(["train", *words, *where])
        said = capsys.readouterr()
        assert (ended.value.code, said.out, len(said.err.splitlines())) == (1, "", 1)
        assert said.err.startswith("dgx-pixels: ")
        assert says in said.err
    with pytest.raises(SystemExit):
        main(["train", str(tmp_path / "art"), "--name", "mine", "--json", *where])
    assert json.loads(capsys.readouterr().out)["status"] == "failed"


def test_the_command_shows_a_dry_run(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of any folder that a person names; its settings reach the tool; where the contact sheet lies is said."""
    words = [str(sprites(tmp_path / "art")), "--name", "mine", "--dry-run", "--set", "steps=12", "--optimizer", "prodigy"]
    with pytest.raises(SystemExit) as ended:
        main(["train", *words, "--home", str(settings.home), "--port", str(settings.port), "--device", "cpu"])
    said = capsys.readouterr().out

    assert ended.value.code == 0
    assert "A dry run: 12 pictures, 12 steps on tiny-sdxl" in said
    sheet = next(line for line in said.splitlines() if line.startswith("Contact sheet: "))
    assert Path(sheet.removeprefix("Contact sheet: ")).is_file()


async def test_closing_pauses_what_nobody_takes_over(tmp_path: Path) -> None:
    """As when a command that trains by itself is broken off: the training waits, instead of being cancelled."""
    library = await Library.open(tmp_path)
    runner, begun = JobRunner(library), asyncio.Event()

    async def work(report: JobReport) -> JobResult:
        stop = asyncio.Event()
        report.pausable(stop.set)
        begun.set()
        await stop.wait()
        raise JobPausedError

    job_id = runner.start("training", "", "{}", work)
    await begun.wait()
    await runner.close()

    assert (await library.jobs.get(job_id)).status == "paused"
    await library.close()


async def test_the_process_that_dies_without_a_word_is_told_of(tmp_path: Path) -> None:
    """A spec that it cannot read fails in its own words; of one that was asked to stop before it could listen, it is paused."""
    (tmp_path / "spec.json").write_text("{}")
    heard: list[Event] = []

    async def told(event: Event) -> None:
        heard.append(event)

    failed = await train(tmp_path, told, asyncio.Event())
    assert (failed.how, heard) == ("failed", [])
    assert "is missing: give it" in failed.error
    stop = asyncio.Event()
    stop.set()
    assert (await train(tmp_path, told, stop)).how == "paused"
