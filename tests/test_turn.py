"""Processes that share a GPU: a drawing gets in after one training step, training goes on after it, the dead hold nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from filelock import FileLock, Timeout
from training import events_of, spec, start

from dgx_pixels.models.gpu import GpuThread
from dgx_pixels.models.gpu_work import Tell
from dgx_pixels.models.training_metrics import read_metrics
from dgx_pixels.models.turn import Turn
from dgx_pixels.server.settings import Settings

TRAINER = """
import sys
from pathlib import Path
from dgx_pixels.models.turn import Turn
turn = Turn(Path(sys.argv[1]))
for step in (1, 2):
    with turn.for_step():
        print(step, flush=True)
        sys.stdin.readline()
with turn.for_steps() as breathe:
    print(3, flush=True)
    sys.stdin.readline()
    breathe()
    print(4, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that trains: it writes each step's number when it is in it, and ends it when it is sent a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def says(process: subprocess.Popen[str]) -> str:
    """The next line of the process."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end_step(process: subprocess.Popen[str]) -> None:
    """Let the process end its step."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def held(file: Path) -> bool:
    """Whether someone holds this lock."""
    try:
        with FileLock(file).acquire(timeout=0):
            return False
    except Timeout:
        return True


def wait_for(happened: Callable[[], bool]) -> None:
    """Return once it has happened."""
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


@contextmanager
def drawing(folder: Path) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Someone who asks to draw: the events say that they are in, and may leave."""
    inside, leave = threading.Event(), threading.Event()

    def draw() -> None:
        with Turn(folder).for_drawing():
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        yield inside, leave
    finally:
        leave.set()
        thread.join()


def test_a_drawing_gets_in_after_the_running_step_and_the_next_step_waits_for_it(
    trainer: subprocess.Popen[str], tmp_path: Path
) -> None:
    """However quickly the trainer comes back, who asked before goes first; then training goes on, and gives way again."""
    for step in (1, 2, 3):
        assert says(trainer) == str(step)
        with drawing(tmp_path) as (inside, leave):
            wait_for(lambda: held(tmp_path / "turnstile.lock"))
            assert not inside.is_set()
            end_step(trainer)
            assert inside.wait(20)
            leave.set()
    assert says(trainer) == "4"


def test_a_killed_trainer_holds_nothing(trainer: subprocess.Popen[str], tmp_path: Path) -> None:
    """Its turn ends with it."""
    assert says(trainer) == "1"
    with drawing(tmp_path) as (inside, _):
        wait_for(lambda: held(tmp_path / "turnstile.lock"))
        assert not inside.is_set()
        trainer.kill()
        assert inside.wait(20)


def test_threads_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    """Two drawings of one server never overlap."""
    with drawing(tmp_path) as (first, leave):
        assert first.wait(20)
        with drawing(tmp_path) as (second, _):
            assert not second.wait(0.1)
            leave.set()
            assert second.wait(20)


@dataclass(frozen=True)
class Request:
    """Something to draw."""

    key: str = "one"
    most: int = 1


class Engine:
    """Stands for the renderer: draws whether the GPU was its own meanwhile."""

    can_hang = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def draw(self, requests: Sequence[Request], tell: Tell) -> list[bool]:
        """Whether both locks were held."""
        tell(1, 1, lambda _: None)
        return [held(self._folder / "gpu.lock") and held(self._folder / "turnstile.lock") for _ in requests]


async def test_the_gpu_thread_draws_in_its_turn_and_gives_it_back(tmp_path: Path) -> None:
    """A training waits for each batch, and not a moment longer."""
    async with GpuThread[Request, bool](lambda: Engine(tmp_path), turn=Turn(tmp_path).for_drawing) as gpu:
        assert await gpu.draw(Request())
        assert not held(tmp_path / "gpu.lock")
        assert not held(tmp_path / "turnstile.lock")


@pytest.mark.slow
async def test_a_sprite_is_drawn_while_a_lora_is_trained_and_training_goes_on(
    server: FastMCP[Any], settings: Settings, tmp_path: Path
) -> None:
    """The real tool beside the real training process, in one home."""
    process = start(spec(tmp_path, turn_folder=settings.home, steps=100_000))
    assert process.stdout is not None
    try:
        while json.loads(process.stdout.readline())["event"] != "step":
            pass
        async with Client(server) as client:
            answer = await client.call_tool("generate_sprite", {"prompt": "a red potion", "seed": 1})
        after = len(read_metrics(tmp_path / "run"))
        assert answer.structured_content is not None
        assert answer.structured_content["status"] == "done"
        wait_for(lambda: len(read_metrics(tmp_path / "run")) >= after + 3)
        process.send_signal(signal.SIGTERM)
        assert events_of(process)[-1]["event"] == "paused"
    finally:
        process.kill()
        process.communicate()
