"""Around train_lora: how long a training is said to take, its request, its turn, its samples, and the command."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import training
from PIL import Image
from training_calls import request, sprites

from dgx_pixels.library.library import Library
from dgx_pixels.models.base_model import embedded
from dgx_pixels.models.training_spec import settings_for
from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.answers import JobResult
from dgx_pixels.tools.job_work import JobPausedError, JobReport
from dgx_pixels.tools.jobs import JobRunner
from dgx_pixels.tools.training_job import _progress
from dgx_pixels.tools.training_process import Event, train
from dgx_pixels.tools.training_queue import training_turn
from dgx_pixels.tools.training_samples import Samples
from dgx_pixels.tools.training_time import expected


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


async def test_the_process_that_dies_without_a_word_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spec that it cannot read fails in its own words; of one that was asked to stop before it could listen, it is paused.

    Modules of the working folder, which may be a stranger's game, are none of its own.
    """
    (tmp_path / "spec.json").write_text("{}")
    (tmp_path / "filelock.py").write_text("raise SystemExit('this must not run')")
    monkeypatch.chdir(tmp_path)
    heard: list[Event] = []

    async def told(event: Event) -> None:
        heard.append(event)

    failed = await train(tmp_path, told, asyncio.Event())
    assert (failed.how, heard) == ("failed", [])
    assert "is missing: give it" in failed.error
    stop = asyncio.Event()
    stop.set()
    assert (await train(tmp_path, told, stop)).how == "paused"


async def test_a_training_that_waits_says_for_which(tmp_path: Path) -> None:
    """For one that was asked for later, too, and began while the first was paused; once that ends, the first begins."""
    library = await Library.open(tmp_path)
    services: Any = SimpleNamespace(home=tmp_path, library=library)
    said: list[str] = []
    for job_id in ("first", "later"):
        await library.jobs.create(job_id, "training", "", "{}")
    await library.jobs.set("first", "paused")
    ended = asyncio.Event()

    def report(done: int, total: int, message: str, preview: object = None) -> None:  # a Report
        said.append(message)
        ended.set()

    async def later() -> None:
        async with training_turn(services, "later", asyncio.Event(), report):
            await library.jobs.set("first", "running")
            await ended.wait()

    running = asyncio.create_task(later())
    while (await library.jobs.get("first")).status != "running":
        await asyncio.sleep(0.01)
    async with training_turn(services, "first", asyncio.Event(), report):
        assert said == ["queued: waits for training later to end, one at a time"]
    await running
    assert not (tmp_path / "training.holder").exists()
    await library.close()


async def test_the_newest_sample_of_each_prompt_is_shown(tmp_path: Path) -> None:
    """Also of a prompt that could not be drawn in the last round."""
    library = await Library.open(tmp_path / "home")
    services: Any = SimpleNamespace(library=library)
    samples = Samples(services, None, request(), tmp_path)
    for i, (step, number) in enumerate([(0, 0), (0, 1), (100, 1)]):
        file = tmp_path / f"step_{step:06}_{number}.png"
        Image.new("RGBA", (8, 8), (10 * i, 0, 0, 255)).save(file)
        await samples.add({"file": str(file), "step": step, "prompt": f"thing {number}", "seed": 42 + number}, "job")
    assert [(answer.seed, answer.version) for answer in await samples.last()] == [(42, 1), (43, 2)]
    await library.close()


def test_progress_tells_loss_speed_time_and_memory() -> None:
    """In one line."""
    event = {"step": 3, "total": 8, "steps_per_s": 1.5, "left_s": 65.0, "memory_bytes": 12_340_000_000}
    assert _progress(event, 0.125) == "step 3/8, loss 0.1250, 1.5 steps/s, 1 min 05 s left, 12.3 GB of memory"
