"""The renderer: loads an SDXL pipeline and draws with it. Lives on the GPU thread; nothing else may touch it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import diffusers
import numpy as np
import torch
import transformers
from diffusers import DPMSolverMultistepScheduler, StableDiffusionXLPipeline
from numpy.typing import NDArray

from dgx_pixels.models.catalogue import BaseModel, ModelError, check_weights, weights_sha256
from dgx_pixels.models.seamless import seamless

logger = logging.getLogger(__name__)

OnStep = Callable[[int, int], None]
"""Told after each step how many of how many are done; raising from it ends the render at once."""


@dataclass(frozen=True)
class RenderRequest:
    """One picture to draw: sizes in pixels of the render, prompts as they are put to the text encoders."""

    model: BaseModel
    prompt: str
    negative_prompt: str
    width: int
    height: int
    seed: int
    steps: int
    guidance: float
    seamless: bool
    """Whether opposite edges are to continue each other, see `seamless.seamless`."""


@dataclass(frozen=True, eq=False)
class Render:
    """A picture as the model drew it, and all that decided its pixels besides the request."""

    pixels: NDArray[np.uint8]
    """Shape (height, width, 3), sRGB."""
    weights_sha256: dict[str, str]
    libraries: dict[str, str]


class Renderer:
    """Keeps the model that was used last in memory, and draws with it. All methods belong to one thread."""

    def __init__(self, device: str) -> None:
        for library in (diffusers, transformers):
            library.utils.logging.set_verbosity_error()
            library.utils.logging.disable_progress_bar()
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise ModelError(f"The device {device} is asked for, but torch finds none: see `dgx-pixels doctor`, or use cpu.")
        self.device = torch.device(device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
        self._loaded: tuple[BaseModel, dict[str, str]] | None = None
        self._pipeline: StableDiffusionXLPipeline | None = None

    def load(self, model: BaseModel) -> tuple[StableDiffusionXLPipeline, dict[str, str]]:
        """The model's pipeline and its weights' SHA-256, from memory, or from disk if the files there are others by now.

        Raises ModelError if weights are missing or damaged.
        """
        check_weights(model)
        digests = weights_sha256(model)
        if self._pipeline is None or self._loaded != (model, digests):
            self._loaded, self._pipeline = None, None  # frees the other model before this one takes its place
            self._pipeline = self._read(model)
            self._loaded = (model, digests)
        return self._pipeline, digests

    def _read(self, model: BaseModel) -> StableDiffusionXLPipeline:
        dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        try:
            pipeline: StableDiffusionXLPipeline = StableDiffusionXLPipeline.from_pretrained(
                model.folder, dtype=dtype, local_files_only=True, use_safetensors=True, add_watermarker=False
            )
            pipeline.to(self.device)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # diffusers and its parts raise many kinds; each says that this folder cannot be read
            logger.warning("loading %s failed", model.id, exc_info=True)
            raise ModelError(
                f"The model {model.id} could not be loaded from {model.folder}: {error}. Fetch it again, or use another model."
            ) from error
        if model.dpm_solver:
            pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
        pipeline.vae.register_to_config(force_upcast=False)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def render(self, request: RenderRequest, on_step: OnStep) -> Render:
        """Draw one picture. Raises ModelError; whatever `on_step` raises ends it."""
        try:
            pipeline, digests = self.load(request.model)
            return Render(self._draw(pipeline, request, on_step), digests, self._libraries())
        except torch.OutOfMemoryError:
            pass
        torch.cuda.empty_cache()  # out here, where no traceback holds the tensors any more
        raise ModelError(f"There is not enough GPU memory for {request.model.id}: close other programs that use the GPU.")

    @staticmethod
    def _draw(pipeline: StableDiffusionXLPipeline, request: RenderRequest, on_step: OnStep) -> NDArray[np.uint8]:
        wrap_after = int(request.model.wrap_from * request.steps) if request.seamless else -1

        def step_done(_: object, i: int, __: object, kwargs: dict[str, object]) -> dict[str, object]:
            on_step(i + 1, request.steps)
            if i + 1 == wrap_after:
                joined.enter_context(seamless(pipeline))
            return kwargs

        with torch.inference_mode(), ExitStack() as joined:
            if wrap_after == 0:
                joined.enter_context(seamless(pipeline))
            images = pipeline(
                prompt=request.prompt,
                negative_prompt=request.negative_prompt or None,  # None, not "": it becomes zeros, as the model has learnt
                width=request.width, height=request.height,
                num_inference_steps=request.steps, guidance_scale=request.guidance,
                generator=torch.Generator("cpu").manual_seed(request.seed),  # the same noise on every device
                output_type="np", callback_on_step_end=step_done,
            ).images  # fmt: skip
        pixels: NDArray[np.uint8] = (images[0] * 255).round().astype(np.uint8)
        return pixels

    def _libraries(self) -> dict[str, str]:
        return {
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
            "transformers": transformers.__version__,
            "device": self.device.type,
        }
