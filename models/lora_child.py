"""The process that trains one LoRA: `python -m dgx_pixels.models.lora_child SPEC.json`.

Its stdout carries events and nothing else, see `lora_events`; its stderr is its log. Asked to end (SIGTERM, or Ctrl-C), it writes
a checkpoint after the running step, tells that it is paused, and ends with 0, as it does when it is done; it ends with 1 after it
told why it failed. On Linux it is asked to end when its parent dies, more exactly the thread of it that made this process: start
it from a thread that stays. A second process on the same run waits until the first has ended, and goes on from there.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from filelock import FileLock, Timeout

from dgx_pixels.models.header import ModelError
from dgx_pixels.models.lora_disk import is_full
from dgx_pixels.models.lora_events import Events, own_stdout
from dgx_pixels.models.lora_spec import TrainingSpec, read_spec

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY_S = 0.1


def main(arguments: list[str]) -> int:
    """Train what the spec says; answers with the exit code."""
    events, asked = Events(own_stdout()), threading.Event()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
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


def _alone(spec: TrainingSpec, events: Events, asked: threading.Event) -> int:
    """Train while no other process does so on this run."""
    try:
        with FileLock(spec.folder / "run.lock").acquire(poll_interval=_LOOK_EVERY_S, cancel_check=asked.is_set):
            from dgx_pixels.models.lora_run import PausedError, run  # here: the first seconds of torch must not miss a signal

            try:
                run(spec, events, lambda: asked.is_set() or events.gone)
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
