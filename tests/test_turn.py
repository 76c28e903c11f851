"""Processes that share a GPU: a drawing gets in after one training step, training goes on after it, the dead hold nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from dgx_pixels.models.turn import Turn

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
