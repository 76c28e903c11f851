"""Turns at the GPU between processes: a drawing gets in after at most one training step, and training goes on after it.

Two lock files, as at a turnstile. The trainer passes the turnstile before each step, the drawer stands in it until it has
drawn: so the next step waits for the drawing, however often the trainer comes back. Drawings that follow each other at once all
go first: someone waits for them, and nobody for a step. Locks end with their process, killed or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

_LOOK_EVERY_S = 0.005
"""How often a lock that is held is tried again: what a turn costs at most, besides the wait itself."""


class Turn:
    """The turns of one home. Each use opens the locks anew, so that threads and processes exclude each other alike."""

    def __init__(self, folder: Path) -> None:
        self._turnstile, self._gpu = folder / "turnstile.lock", folder / "gpu.lock"

    @contextmanager
    def for_step(self) -> Iterator[None]:
        """Hold the GPU for a short piece of work; who waits to draw goes first. Raises OSError."""
        with _lock(self._turnstile):
            pass
        with _lock(self._gpu):
            yield

    @contextmanager
    def for_steps(self) -> Iterator[Callable[[], None]]:
        """Hold the GPU for work of many steps, and call what is given between them: who waits to draw gets in there."""
        with _lock(self._turnstile):
            pass
        lock = _lock(self._gpu)

        def breathe() -> None:
            lock.release()
            with _lock(self._turnstile):
                pass
            lock.acquire()

        lock.acquire()
        try:
            yield breathe
        finally:
            lock.release()

    @contextmanager
    def for_drawing(self) -> Iterator[None]:
        """Hold the GPU until a drawing is done; it is had as soon as the running step ends. Raises OSError."""
        with _lock(self._turnstile), _lock(self._gpu):
            yield


def _lock(file: Path) -> FileLock:
    return FileLock(file, poll_interval=_LOOK_EVERY_S)
