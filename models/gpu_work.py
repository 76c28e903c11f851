"""What goes to the GPU thread and comes back: requests, their turn, the engine that draws them, and what may go wrong."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from enum import IntEnum
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Preview = Callable[[int], NDArray[np.uint8] | None]
"""Gives a small picture (h, w, 3) of how far the request of this number has come; None if its turn is another time."""
Tell = Callable[[int, int, Preview], None]
"""Told after each step how many of how many are done; raising from it ends the batch at once."""


class Priority(IntEnum):
    """Whose turn it is: the lower comes first."""

    INTERACTIVE = 0
    """Somebody waits for it."""
    BATCH = 1
    TRAINING = 2


class WorkCancelledError(Exception):
    """Raised on the GPU thread at a step, after all callers went away or the thread was asked to close."""


class QueueFullError(RuntimeError):
    """Too much work is waiting already."""


class GpuLostError(RuntimeError):
    """The GPU cannot be used by this process any more; only a new process can."""


class Drawable(Protocol):
    """A request for one picture."""

    @property
    def key(self) -> Hashable:
        """Requests of equal keys can be drawn together."""

    @property
    def most(self) -> int:
        """How many of them."""


R_contra = TypeVar("R_contra", bound=Drawable, contravariant=True)
P_co = TypeVar("P_co", covariant=True)


class Engine(Protocol[R_contra, P_co]):
    """What the thread owns."""

    @property
    def can_hang(self) -> bool:
        """Whether long silence means that it hangs."""

    def draw(self, requests: Sequence[R_contra], tell: Tell) -> Sequence[P_co | Exception]:
        """Draw requests of one key; for each its picture, or why it has none."""


class Watcher(Protocol):
    """Takes one request's progress, in the event loop; `preview` is a small picture (h, w, 3), or None in between."""

    def __call__(self, done: int, total: int, preview: NDArray[np.uint8] | None) -> None: ...  # noqa: D102
