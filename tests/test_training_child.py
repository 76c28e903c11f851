"""The training process: what it tells, and that no end it may come to costs more than the steps since its last checkpoint."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file
from test_training_steps import begin, equal
from training import dataset, events_of, spec, start

from dgx_pixels.models import training_child
from dgx_pixels.models.header import ModelError
from dgx_pixels.models.training import run
from dgx_pixels.models.training_events import Events
from dgx_pixels.models.training_metrics import read_metrics
from dgx_pixels.models.training_spec import TrainingSpec
from dgx_pixels.pixels.png_text import recipe_in
from dgx_pixels.pixels.sprite import decode_png

KILLS = 20


def read_until(process: subprocess.Popen[str], event: str, step: int = 0) -> dict[str, Any]:
    """Read what the process tells until this event, of this step or a later one."""
    assert process.stdout is not None
    for line in process.stdout:
        told: dict[str, Any] = json.loads(line)
        assert told["event"] != "failed", told
        if told["event"] == event and told.get("step", 0) >= step:
            return told
    raise AssertionError(f"it ended without {event}")


def kill(process: subprocess.Popen[str]) -> None:
    """As the system does when memory is short, or the power fails: at once."""
    process.kill()
    process.communicate()


def outcome(order: TrainingSpec) -> dict[str, bytes]:
    """The files that came out, by name."""
    return {file.name: file.read_bytes() for file in (order.folder / "out").iterdir()}


@pytest.mark.slow
def test_a_killed_training_goes_on_and_comes_out_the_same(tmp_path: Path) -> None:
    """Killed in a step and started again, its weights equal those of a training in one go; its events tell both."""
    order = spec(tmp_path, steps=8, checkpoint_minutes=0, sample_every=4, sample_prompts=("a red potion",))
    process = start(order)
    read_until(process, "step", 3)
    kill(process)
    told = events_of(start(order))

    assert told[0]["event"] == "resumed"
    assert 1 <= told[0]["step"] <= 8
    assert told[-1]["event"] == "done"
    assert [row["step"] for row in read_metrics(order.folder)] == list(range(1, 9))
    steps = [e for e in told if e["event"] == "step"]
    assert all(e["total"] == 8 and e["loss"] > 0 and e["steps_per_s"] > 0 and e["memory_bytes"] > 0 for e in steps)
    training, _ = begin(order)
    for _ in range(8):
        training.learn()
    assert equal(load_file(order.folder / "checkpoints" / "step_000008" / "lora.safetensors"), training.tensors())
    files = told[-1]["files"]
    assert all(Path(files[kind]).is_file() for kind in ("diffusers", "kohya", "card", "curve"))
    (sample,) = files["samples"]
    assert decode_png(Path(sample).read_bytes()).rgba.shape == (32, 32, 4)
    recipe = json.loads(recipe_in(Path(sample).read_bytes()) or "")
    assert (recipe["prompt"], recipe["seed"], recipe["step"]) == ("handheld, a red potion", 42, 8)


@pytest.mark.stress
@pytest.mark.timeout(1800)
def test_twenty_kills_change_no_bit(tmp_path: Path) -> None:
    """Killed at twenty random instants, half of them before its first checkpoint, it leaves the very files of a run in one go."""
    data = dataset(tmp_path / "data")
    settings: dict[str, Any] = {"steps": 60, "batch_size": 1, "dropout": 0.1, "ema": 0.9, "layers": "attention", "data": data}
    settings |= {"checkpoint_minutes": 0, "sample_every": 20, "sample_prompts": ("a red potion",)}
    whole = spec(tmp_path / "a", **settings)
    process, started = start(whole), time.monotonic()
    read_until(process, "step")
    begin_s = time.monotonic() - started
    assert events_of(process)[-1]["event"] == "done"
    step_s = statistics.median(row["seconds"] for row in read_metrics(whole.folder))  # few steps a round, or it is done too early
    chance, order, reached = random.Random(8), spec(tmp_path / "b", **settings), set()
    for i in range(KILLS):
        process = start(order)
        if i % 2:
            read_until(process, "checkpoint")
        time.sleep(chance.uniform(0, step_s if i % 2 else begin_s))
        kill(process)
        reached.add(len(read_metrics(order.folder)))
    told = events_of(start(order))

    assert told[-1]["event"] == "done"
    assert len(reached) > KILLS // 4, "hardly any was killed in its steps"
    assert outcome(order) == outcome(whole)
    assert not list(order.folder.rglob(".begun-*"))


def test_a_signal_may_come_while_another_is_handled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As each thread of a killed server signals, the process is asked to end many times at once: that must lock nothing."""
    asked, alarms = training_child.Asked(), []

    def alarm(seconds: int) -> None:
        alarms.append(seconds)
        if len(alarms) < 5:
            signal.raise_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, asked)
    try:
        monkeypatch.setattr(signal, "alarm", alarm)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert asked.to_end
    assert alarms, "nothing ends it if it hangs"


@pytest.mark.slow
def test_a_pause_is_a_checkpoint_after_the_running_step(tmp_path: Path) -> None:
    """SIGTERM ends it well, and nothing is learnt twice."""
    order = spec(tmp_path, steps=300)
    process = start(order)
    read_until(process, "step", 3)
    process.send_signal(signal.SIGTERM)
    told = events_of(process)

    assert process.returncode == 0
    assert [e["event"] for e in told[-2:]] == ["checkpoint", "paused"]
    assert told[-1]["step"] == told[-2]["step"] == read_metrics(order.folder)[-1]["step"]
    again = start(order)
    assert read_until(again, "resumed")["step"] == told[-1]["step"]
    kill(again)


@pytest.mark.slow
def test_it_pauses_when_its_parent_dies(tmp_path: Path) -> None:
    """A server that is killed leaves no training behind that nobody watches."""
    order = spec(tmp_path, steps=100_000)
    order.folder.mkdir(parents=True)
    (order.folder / "spec.json").write_text(order.model_dump_json())
    code = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-m', 'dgx_pixels.models.training_child', sys.argv[1]],"
        "stdout=sys.stdout); print(p.pid, flush=True); p.wait()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(order.folder / "spec.json")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    read_until(parent, "step", 2)
    parent.kill()
    told = [json.loads(line) for line in parent.stdout]  # ends when the child has closed its end
    assert told[-1]["event"] == "paused"
    parent.communicate()
    with pytest.raises(ProcessLookupError):
        wait_until_gone(child)


def wait_until_gone(pid: int) -> None:
    """Look for a process until it is no more, which raises ProcessLookupError; returns if it stays."""
    for _ in range(200):
        os.kill(pid, 0)
        time.sleep(0.05)


@pytest.mark.slow
def test_a_second_process_waits_for_the_first_and_goes_on(tmp_path: Path) -> None:
    """Two never train one run at once."""
    order = spec(tmp_path, steps=40)
    first = start(order)
    read_until(first, "step", 2)
    second = start(order)
    first.send_signal(signal.SIGTERM)
    paused = events_of(first)[-1]
    told = events_of(second)
    assert paused["event"] == "paused"
    assert (told[0]["event"], told[0]["step"]) == ("resumed", paused["step"])
    assert told[-1]["event"] == "done"


def test_it_waits_for_the_training_of_another_run_to_end(tmp_path: Path) -> None:
    """One that was cancelled may still be in its last step: two never train in one home. Asked to end, it waits no longer."""
    wire, asked = io.StringIO(), training_child.Asked()
    asked.to_end = True
    order = spec(tmp_path)
    order.folder.mkdir()
    with FileLock(order.turn_folder / "trainer.lock"), ThreadPoolExecutor(1) as elsewhere:
        assert elsewhere.submit(training_child._alone, order, Events(wire), asked).result() == 0
    assert [json.loads(line) for line in wire.getvalue().splitlines()] == [{"event": "paused", "step": 0}]


@pytest.mark.slow
def test_a_full_disk_costs_no_checkpoint(tmp_path: Path) -> None:
    """One sentence, no half-written file, and with room again it goes on."""
    order = spec(tmp_path, steps=6, checkpoint_minutes=0)
    process = start(order)
    read_until(process, "checkpoint", 2)
    kill(process)
    before = sorted((order.folder / "checkpoints").iterdir())[-1]
    smaller = (before / "state.safetensors").stat().st_size - 1
    full = subprocess.Popen(
        [sys.executable, "-m", "dgx_pixels.models.training_child", str(order.folder / "spec.json")], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (smaller, smaller)),
    )  # fmt: skip
    told = events_of(full)

    assert full.returncode == 1
    assert told[-1] == {
        "event": "failed",
        "error": "The disk is full: free some space, then start the training again; it goes on from its last whole checkpoint.",
    }
    assert not list(order.folder.rglob(".begun-*"))
    assert before.is_dir()
    again = events_of(start(order))
    assert (again[0]["event"], again[-1]["event"]) == ("resumed", "done")


@pytest.fixture
def as_before() -> Iterator[None]:
    """What `run` changes of torch is changed back."""
    yield
    torch.use_deterministic_algorithms(False)


def failure(order: TrainingSpec) -> str:
    """Why this order is refused."""
    with pytest.raises(ModelError) as refused:
        run(order, Events(io.StringIO()), lambda: False)
    return str(refused.value)


@pytest.mark.usefixtures("as_before")
def test_what_cannot_be_trained_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """A base model that is gone, no dataset, a damaged one, a picture that is missing or of another size, a disk too small."""
    order = spec(tmp_path)
    assert "There is no model 'sdxl' on this machine yet" in failure(order.model_copy(update={"base": "sdxl"}))
    assert "dataset.json cannot be read" in failure(order.model_copy(update={"dataset": tmp_path / "none"}))
    file = order.dataset / "dataset.json"
    about = json.loads(file.read_text())
    file.write_text(json.dumps(about | {"items": []}))
    assert "is damaged (items: " in failure(order)
    file.write_text(json.dumps(about | {"items": [about["items"][0] | {"file": "../secret.png"}]}))
    assert "lies outside its folder" in failure(order)
    file.write_text(json.dumps(about | {"items": [about["items"][0] | {"width": 33}]}))
    assert "33x32, but this model learns from sides of a multiple of 8 px" in failure(order)
    file.write_text(json.dumps(about | {"items": [about["items"][0] | {"width": 64}]}))
    assert "is 32x32, its dataset says 64x32" in failure(order)
    (order.dataset / about["items"][0]["file"]).write_bytes(b"no picture")
    file.write_text(json.dumps(about))
    assert "0000.png cannot be read" in failure(order)


@pytest.mark.usefixtures("as_before")
def test_a_machine_without_what_the_optimizer_needs_says_so(tmp_path: Path) -> None:
    """8-bit AdamW is CUDA's alone."""
    assert "adamw8bit needs a CUDA GPU: use adamw or prodigy" in failure(spec(tmp_path, optimizer="adamw8bit"))


def test_a_spec_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    """The parent hears one sentence on stdout, and the exit code says that it failed."""
    process = subprocess.run(
        [sys.executable, "-m", "dgx_pixels.models.training_child", str(tmp_path / "none.json")], capture_output=True, text=True
    )
    assert process.returncode == 1
    assert "cannot be read (No such file or directory): start the training again" in json.loads(process.stdout)["error"]
