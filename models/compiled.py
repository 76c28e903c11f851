"""The UNet as compiled code, by shape, made beside the GPU thread: until a shape is ready, its requests are drawn eagerly."""

from __future__ import annotations

import copy
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from dgx_pixels.models.profiles import Sampler

logger = logging.getLogger(__name__)

_MOST_SHAPES = 64


@dataclass(frozen=True)
class Shape:
    """What one compiled graph is for."""

    rows: int
    """Rows of the UNet's batch: two for each guided picture, one for each other."""
    height: int
    width: int
    sampler: Sampler
    """Samplers differ in the type of their time steps."""
    reference: bool
    """Latents that begin with a picture lie otherwise in memory than those that begin with noise."""


@dataclass(frozen=True, eq=False)
class Call:
    """Arguments of one real call of the UNet, to compile for."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class CompiledUnet:
    """A twin of a UNet, of the same weights in memory, compiled for one shape after the other.

    The twin has its own layers, so that a wrap of the first one's convolutions never gets into its graphs, while a LoRA merged
    into the weights works in both. `unet` is what to call once `ready` says so of each shape.
    """

    def __init__(self, unet: UNet2DConditionModel, backend: str | Callable[..., Any] = "inductor") -> None:
        _allow_many_graphs()
        shared = {id(t): t for t in (*unet.parameters(), *unet.buffers())}
        self.unet: UNet2DConditionModel = copy.deepcopy(unet, shared)
        self.unet.compile(fullgraph=True, dynamic=False, backend=backend)
        self._done: dict[Shape, threading.Event] = {}
        self._ready: set[Shape] = set()
        self._queue: queue.SimpleQueue[tuple[Shape, Call] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._broken = False

    def ready(self, shape: Shape) -> bool:
        """Whether the shape's graph is there."""
        return shape in self._ready

    def known(self, shape: Shape) -> bool:
        """Whether the shape was wanted before, or can never be had."""
        return self._broken or shape in self._done

    def coming(self, shape: Shape) -> bool:
        """Whether the shape's graph is wanted and not made yet."""
        done = self._done.get(shape)
        return done is not None and not done.is_set()

    def want(self, shape: Shape, call: Call) -> None:
        """Ask for the shape's graph; answers at once. Asking again, or after compiling has failed once, changes nothing."""
        if self._broken or shape in self._done or len(self._done) >= _MOST_SHAPES:
            return
        self._done[shape] = threading.Event()
        self._queue.put((shape, call))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="compile", daemon=True)
            self._thread.start()

    def wait(self, shape: Shape, timeout_s: float) -> bool:
        """Wait for a shape that was wanted; answers whether it is ready."""
        done = self._done.get(shape)
        return done is not None and done.wait(timeout_s) and self.ready(shape)

    def close(self) -> None:
        """Compile nothing more; what is being compiled is finished and dropped."""
        self._broken = True
        self._queue.put(None)

    def _work(self) -> None:
        _allow_many_graphs()
        while (item := self._queue.get()) is not None:
            shape, call = item
            try:
                if not self._broken:
                    with torch.inference_mode():
                        self.unet(*call.args, **call.kwargs)
                    self._ready.add(shape)
            except Exception:  # compilers fail in many ways, and none may stop the drawing
                logger.warning("compiling the UNet for %s failed: it goes on uncompiled", shape, exc_info=True)
                self._broken = True
            finally:
                self._done[shape].set()


def _allow_many_graphs() -> None:
    """Let this thread have a graph for each shape: torch stops at eight, and holds its settings for each thread apart."""
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, _MOST_SHAPES)


@contextmanager
def recorded(unet: UNet2DConditionModel) -> Iterator[dict[int, Call]]:
    """Within this context, the first call of the UNet with each number of rows is kept, its tensors copied."""
    calls: dict[int, Call] = {}

    def record(_: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        rows = int(args[0].shape[0])
        if rows not in calls:
            calls[rows] = Call(_copied(args), _copied(kwargs))

    hook = unet.register_forward_pre_hook(record, with_kwargs=True)
    try:
        yield calls
    finally:
        hook.remove()


def _copied(value: Any) -> Any:  # noqa: ANN401  # arguments of any kind
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {k: _copied(v) for k, v in value.items()}
    return tuple(_copied(v) for v in value) if isinstance(value, tuple) else value
