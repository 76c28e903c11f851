"""The process that trains one LoRA: `python -m dgx_pixels.models.training_child SPEC.json`.

Its stdout carries events alone, see `training_events`; its stderr is its log. Asked to end (SIGTERM, or Ctrl-C), it writes
a checkpoint after the running step, tells that it is paused, and ends with 0, as it does when it is done; it ends with 1 after it
told why it failed, and is killed by an alarm if it has not ended in five minutes. On Linux it is asked to end when its parent
dies, more exactly the thread of it that made this process: start it from a thread that stays. A second process on the same run
waits until the first has ended, and goes on from there; one on another run of the same home waits, too.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dgx_pixels.models.header import ModelError
from dgx_pixels.models.training_disk import is_full
from dgx_pixels.models.training_events import Events, own_stdout
from dgx_pixels.models.training_spec import TrainingSpec, read_spec

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY_S = 0.1
_LAST_S = 300
"""Seconds for the running step and a checkpoint. Nothing may hang on to the GPU's lock for longer, once nobody waits for it."""


class Asked:
    """Whether the process was asked to end: a plain flag, since a signal may come while another one is being handled.

    An Event's lock would be waited for by the very thread that holds it. As a killed parent's threads end, each of them signals.
    """

    def __init__(self) -> None:
        self.to_end = False

    def __call__(self, *_: object) -> None:
        """Handle the signal."""
        if not self.to_end:
            signal.alarm(_LAST_S)
        self.to_end = True


def main(arguments: list[str]) -> int:
    """Train what the spec says; answers with the exit code."""
    events, asked = Events(own_stdout()), Asked()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked)
    _end_with_parent()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS may add up in another order each time
    try:
        spec = read_spec(Path(arguments[0]))
        spec.folder.mkdir(parents=True, exist_ok=True)
        return _alone(spec, events, asked)
    except Exception as error:  # whatever it is, the parent is told
        logger.exception("the training failed")
        events.tell("failed", error=_sentence(error))
        return 1


def _alone(spec: TrainingSpec, events: Events, asked: Asked) -> int:
    """Train while no other process does so on this run, nor on any run of this home: one that was cancelled may still end."""
    run_lock, home_lock = FileLock(spec.folder / "run.lock"), FileLock(spec.turn_folder / "trainer.lock")
    until: dict[str, Any] = {"poll_interval": _LOOK_EVERY_S, "cancel_check": lambda: asked.to_end}
    try:
        with run_lock.acquire(**until), home_lock.acquire(**until):
            from dgx_pixels.models.training import PausedError, run  # here: the first seconds of torch must not miss a signal

            try:
                run(spec, events, lambda: asked.to_end or events.gone)
            except PausedError as paused:
                events.tell("paused", step=paused.step)
    except Timeout:
        events.tell("paused", step=0)
    return 0


def _end_with_parent() -> None:
    """Be asked to end when the parent dies; elsewhere than on Linux, its closed pipe tells."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died in between
            os.kill(os.getpid(), signal.SIGTERM)


def _sentence(error: Exception) -> str:
    if isinstance(error, ModelError):
        return str(error)
    if isinstance(error, OSError) and is_full(error):
        return "The disk is full: free some space, then start the training again; it goes on from its last whole checkpoint."
    if isinstance(error, OSError):
        return f"The training could not read or write a file ({error}): check it, then start the training again."
    first = (str(error).splitlines() or [""])[0]
    return f"The training broke off ({type(error).__name__}: {first}): its log tells more; started again, it goes on."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
