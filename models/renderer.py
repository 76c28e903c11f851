"""The renderer: draws batches with warm models. Lives on the GPU thread; nothing else may touch it."""

from __future__ import annotations

import contextlib
import gc
import logging
import time
from collections.abc import Sequence
from dataclasses import replace

import diffusers
import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from dgx_pixels.models.catalogue import EMBEDDED, BaseModel, ModelError
from dgx_pixels.models.decode import decode, tiled
from dgx_pixels.models.denoise import denoise
from dgx_pixels.models.gpu_work import GpuLostError, Preview, Tell, WorkCancelledError
from dgx_pixels.models.loaded import Loaded, Shelf
from dgx_pixels.models.memory import free_bytes, give_back, in_words, is_lost, is_out_of_memory, peak_bytes, watch_peak
from dgx_pixels.models.render import BATCHES, Graph, Render, RenderRequest, SpoiltError, batch_for
from dgx_pixels.models.seamless import seamless

logger = logging.getLogger(__name__)

_BLACK = 3
"""A render whose brightest byte is below this is no picture."""

Outcome = Render | ModelError


class Renderer:
    """Keeps models in memory, and draws with them. All methods belong to one thread."""

    def __init__(self, device: str, *, compiles: bool | None = None) -> None:
        """Use `device` ("auto": CUDA if there is any); compile the UNet, or not, or (None) only for CUDA. Raises ModelError."""
        for library in (diffusers, transformers):
            library.utils.logging.set_verbosity_error()
            library.utils.logging.disable_progress_bar()
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise ModelError(f"The device {device} is asked for, but torch finds none: see `dgx-pixels doctor`, or use cpu.")
        self.device = _device(device)
        self.shelf = Shelf(self.device, compiles=self.device.type == "cuda" if compiles is None else compiles)

    @property
    def can_hang(self) -> bool:
        """Whether long silence means that the device hangs; a CPU may just be slow: minutes for a step of a full-size model."""
        return self.device.type == "cuda"

    def settle(self) -> None:
        """Wait until the device has done what it was told to."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def draw(self, requests: Sequence[RenderRequest], tell: Tell) -> list[Outcome]:
        """Draw requests of one key, at most its `most`, as one batch; each gets its picture, or why it has none.

        When memory runs out the batch is halved, then other models leave, then the VAE works in tiles. Raises ModelError for
        what concerns all of them, GpuLostError if this process can draw no more, and whatever `tell` raises.
        """
        first = requests[0]
        shape = first.batch or batch_for(len(requests))
        self._load(first.contender.base, tell)
        made: list[Outcome] = []
        while len(made) < len(requests):
            part = requests[len(made) : len(made) + shape]
            try:
                made += self._batch(shape, part, _tell_of(tell, len(made), len(part), len(requests)))
                continue
            except Exception as error:
                _sort_out(error)
                logger.warning("out of memory with %d pictures of %dx%d", shape, first.width, first.height)
            self._clean()  # out here, where no traceback holds the tensors any more
            if shape > 1:
                shape = BATCHES[BATCHES.index(shape) - 1]
            elif not self.shelf.make_room(keep=first.contender.base):
                return [*made, *[ModelError(self._too_large(first))] * (len(requests) - len(made))]
        return made

    def _load(self, base: BaseModel, tell: Tell) -> None:
        """Have the model in memory before any batch: a smaller one would not help it."""
        while True:
            try:
                self.shelf.get(base, beat=lambda: _beat(tell))
            except Exception as error:
                _sort_out(error)
            else:
                return
            self._clean()
            if not self.shelf.make_room(keep=base):
                raise ModelError(
                    f"There is not enough memory to load {base.id}: {in_words(max(0, free_bytes(self.device)))} can be taken. "
                    "Close other programs, or use a smaller model."
                )

    def _clean(self) -> None:
        gc.collect()
        give_back(self.device)

    def _batch(self, shape: int, requests: Sequence[RenderRequest], tell: Tell) -> list[Outcome]:
        first = requests[0]
        loaded = self.shelf.get(first.contender.base, beat=lambda: _beat(tell))
        self.shelf.keep_floor(first.contender.base)
        encoders = loaded.use(first.contender.loras)
        padded = [*requests, *[requests[-1]] * (shape - len(requests))]
        watch_peak(self.device)
        began = time.perf_counter()
        latents, graph = denoise(loaded, padded, encoders, tell)
        made = [self._finished(loaded, request, z, shape, graph) for request, z in zip(requests, latents, strict=False)]
        seconds, peak = time.perf_counter() - began, peak_bytes(self.device)
        return [replace(o, seconds=seconds, peak_bytes=peak) if isinstance(o, Render) else o for o in made]

    def _finished(self, loaded: Loaded, request: RenderRequest, latents: torch.Tensor, shape: int, graph: Graph) -> Outcome:
        if not bool(torch.isfinite(latents).all()):
            return _spoilt(request, "its numbers left their range")
        pixels, in_tiles = self._decode(loaded, request, latents)
        if pixels is None:
            return _spoilt(request, "its numbers left their range while it became a picture")
        if pixels.max() < _BLACK:
            return _spoilt(request, "it is all black")
        loras = {lora.id: lora.sha256() for lora, weight in request.contender.loras if weight}
        return Render(pixels, shape, graph, loaded.weights_sha256 | loras, self._libraries(), in_tiles)

    def _decode(self, loaded: Loaded, request: RenderRequest, latents: torch.Tensor) -> tuple[NDArray[np.uint8] | None, bool]:
        """The picture of one image's latents, and whether it was made in tiles.

        One at a time, so that what else is in the batch changes nothing.
        """
        vae = loaded.pipeline.vae
        with torch.inference_mode(), seamless(loaded.pipeline, request.wrap):
            while True:
                try:
                    return decode(vae, latents), False
                except Exception as error:
                    _sort_out(error)
                self._clean()
                if not self.shelf.make_room(keep=loaded.base):
                    break
            if request.wrap != "none":  # a tile knows nothing of the picture's other edge
                raise torch.OutOfMemoryError("a picture whose edges join cannot be decoded in tiles")
            logger.warning("out of memory: the VAE works in tiles")
            with tiled(vae, latents):
                return decode(vae, latents), True

    def _too_large(self, request: RenderRequest) -> str:
        base = request.contender.base
        half = next((s for s in base.sizes if s // 2 in base.sizes), None)
        smaller = f"a sprite half as high, like {half}x{half // 2}, needs half of it" if half is not None else ""
        fits = f"the model {EMBEDDED} needs less" if base.id != EMBEDDED else ""
        return (
            f"There is not enough memory to draw {request.width}x{request.height} with {base.id}, one picture at a time and in "
            f"tiles: {in_words(max(0, free_bytes(self.device)))} can be taken. "
            f"Close other programs{' that use the GPU' if self.device.type == 'cuda' else ''}"
            f"{''.join(f'; {hint}' for hint in (smaller, fits) if hint)}."
        )

    def _libraries(self) -> dict[str, str]:
        return {
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
            "transformers": transformers.__version__,
            "device": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type,
        }


def _device(name: str) -> torch.device:
    """The device of this name, CUDA ones with their number, since parts of torch take no other."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    return torch.device("cuda", torch.cuda.current_device()) if device.type == "cuda" and device.index is None else device


def _tell_of(tell: Tell, before: int, count: int, of: int) -> Tell:
    """Tell of so many of the requests: they alone have a preview, and their steps are a part of all."""

    def told(done: int, total: int, preview: Preview) -> None:
        places = range(before, before + count)
        steps = (done, total) if count == of else (before * total + done * count, of * total)
        tell(*steps, lambda n: preview(n - before) if n in places else None)

    return told


def _beat(tell: Tell) -> None:
    """Tell that a model is being loaded. That is not cancelled with its request: the next one wants the model, too."""
    with contextlib.suppress(WorkCancelledError):
        tell(0, 1, lambda _: None)


def _sort_out(error: Exception) -> None:
    """Return if memory ran out; raises GpuLostError if the GPU is lost, and the error itself if it is something else."""
    cause = error.__cause__ if isinstance(error, ModelError) and error.__cause__ is not None else error
    if "no kernel image" in str(cause):
        raise ModelError("This torch was not built for this GPU: see `dgx-pixels doctor`, or use cpu.") from error
    if is_lost(cause):
        raise GpuLostError(f"The GPU's context is lost ({_first_line(cause)}).") from error
    if not is_out_of_memory(cause):
        raise error


def _spoilt(request: RenderRequest, how: str) -> SpoiltError:
    return SpoiltError(
        f"The model {request.contender.base.id} drew no picture for seed {request.seed}: {how}. "
        "Lower the weights of its LoRAs or the guidance, or ask with another seed."
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
