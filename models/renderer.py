"""The renderer: draws batches with warm models. Lives on the GPU thread; nothing else may touch it."""

from __future__ import annotations

import gc
import logging
from collections.abc import Sequence

import diffusers
import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from dgx_pixels.models.catalogue import ModelError
from dgx_pixels.models.denoise import denoise
from dgx_pixels.models.gpu import GpuLostError, Preview, Tell
from dgx_pixels.models.loaded import Loaded, Shelf
from dgx_pixels.models.memory import free_bytes, give_back, in_words, is_lost, is_out_of_memory
from dgx_pixels.models.render import BATCHES, Graph, Render, RenderRequest, batch_for
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
        self.device = torch.device(device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
        self.shelf = Shelf(self.device, compiles=self.device.type == "cuda" if compiles is None else compiles)

    def draw(self, requests: Sequence[RenderRequest], tell: Tell) -> list[Outcome]:
        """Draw requests of one key, at most its `most`, as one batch; each gets its picture, or why it has none.

        When memory runs out the batch is halved, then another model leaves, then the VAE works in tiles. Raises ModelError for
        what concerns all of them, GpuLostError if this process can draw no more, and whatever `tell` raises.
        """
        first = requests[0]
        shape = first.batch or batch_for(len(requests))
        while True:
            try:
                return self._draw_as(shape, requests, tell)
            except Exception as error:
                if is_lost(error):
                    raise GpuLostError(f"The GPU's context is lost ({_first_line(error)}).") from error
                if not is_out_of_memory(error):
                    raise
                logger.warning("out of memory with %d pictures of %dx%d", shape, first.width, first.height)
            gc.collect()  # out here, where no traceback holds the tensors any more
            give_back(self.device)
            if shape > 1:
                shape = BATCHES[BATCHES.index(shape) - 1]
            elif not self.shelf.make_room(keep=first.contender.base):
                raise ModelError(self._too_large(first))

    def _draw_as(self, shape: int, requests: Sequence[RenderRequest], tell: Tell) -> list[Outcome]:
        """Draw in batches of this shape, one after the other if it is below the number of requests."""
        made: list[Outcome] = []
        for start in range(0, len(requests), shape):
            part = requests[start : start + shape]
            made += self._batch(shape, part, _tell_of(tell, range(start, start + len(part))))
        return made

    def _batch(self, shape: int, requests: Sequence[RenderRequest], tell: Tell) -> list[Outcome]:
        first = requests[0]
        loaded = self.shelf.get(first.contender.base)
        encoders = loaded.use(first.contender.loras)
        padded = [*requests, *[requests[-1]] * (shape - len(requests))]
        latents, graph = denoise(loaded, padded, encoders, tell)
        return [self._finished(loaded, request, z, shape, graph) for request, z in zip(requests, latents, strict=False)]

    def _finished(self, loaded: Loaded, request: RenderRequest, latents: torch.Tensor, shape: int, graph: Graph) -> Outcome:
        if not bool(torch.isfinite(latents).all()):
            return _spoilt(request, "its numbers left their range")
        pixels = self._decode(loaded, request, latents)
        if pixels is None:
            return _spoilt(request, "its numbers left their range while it became a picture")
        if pixels.max() < _BLACK:
            return _spoilt(request, "it is all black")
        loras = {lora.id: lora.sha256() for lora, weight in request.contender.loras if weight}
        return Render(pixels, shape, graph, loaded.weights_sha256 | loras, self._libraries())

    def _decode(self, loaded: Loaded, request: RenderRequest, latents: torch.Tensor) -> NDArray[np.uint8] | None:
        """The picture of one image's latents: one at a time, so that what else is in the batch changes nothing."""
        vae = loaded.pipeline.vae
        with torch.inference_mode(), seamless(loaded.pipeline, request.wrap):
            try:
                return _picture(vae, latents)
            except Exception as error:
                if not is_out_of_memory(error) or request.wrap != "none":  # tiles of the VAE know nothing of the other edge
                    raise
            gc.collect()
            give_back(self.device)
            vae.enable_tiling()
            try:
                return _picture(vae, latents)
            finally:
                vae.disable_tiling()

    def _too_large(self, request: RenderRequest) -> str:
        side = max(request.width, request.height)
        return (
            f"There is not enough memory to draw {request.width}x{request.height} with {request.contender.base.id}, even one "
            f"picture at a time: {in_words(max(0, free_bytes(self.device)))} can be taken. A render of {side * 3 // 4} px needs "
            "about half of what this one does: close other programs that use the GPU, or use a smaller model."
        )

    def _libraries(self) -> dict[str, str]:
        return {
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
            "transformers": transformers.__version__,
            "device": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type,
        }


def _tell_of(tell: Tell, places: range) -> Tell:
    """Tell of a part of the requests: only they have a preview."""

    def told(done: int, total: int, preview: Preview) -> None:
        tell(done, total, lambda n: preview(n - places.start) if n in places else None)

    return told


def _picture(vae: diffusers.AutoencoderKL, latents: torch.Tensor) -> NDArray[np.uint8] | None:
    decoded = vae.decode((latents / vae.config.scaling_factor)[None], return_dict=False)[0][0]
    if not bool(torch.isfinite(decoded).all()):
        return None
    bytes_ = ((decoded.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    pixels: NDArray[np.uint8] = bytes_.permute(1, 2, 0).contiguous().cpu().numpy()
    return pixels


def _spoilt(request: RenderRequest, how: str) -> ModelError:
    return ModelError(
        f"The model {request.contender.base.id} drew no picture for seed {request.seed}: {how}. "
        "Lower the weights of its LoRAs or the guidance, or ask with another seed."
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
