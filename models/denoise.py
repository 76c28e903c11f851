"""The denoising of one batch: diffusers' own pipeline, told what to leave out and when to stop."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline
from torch import Tensor

from dgx_pixels.models.compiled import Call, Shape, recorded
from dgx_pixels.models.embeddings import batch_arguments
from dgx_pixels.models.gpu_work import Tell
from dgx_pixels.models.loaded import Loaded
from dgx_pixels.models.render import Graph, RenderRequest
from dgx_pixels.models.samplers import scheduler, timesteps
from dgx_pixels.models.seamless import seamless

_BEAT_S = 1.0
_COMPILING_S = 900.0
"""How long a replay waits for the compiled graph that it must use."""


def denoise(loaded: Loaded, requests: Sequence[RenderRequest], encoders: Hashable, tell: Tell) -> tuple[Tensor, Graph]:
    """Latents (batch, channels, h, w) of these requests, which are of one key and fill the batch, and how the UNet ran.

    The noise of each picture comes from its own seed, drawn on the CPU: the same on every device. `tell(done, total, preview)` is
    called after each step, and ends it by raising.
    """
    first = requests[0]
    shapes = _shapes(first, len(requests))
    if first.graph == "compiled" and first.wrap == "none" and not _known(loaded, shapes):
        denoise(
            loaded, [replace(r, graph="eager") for r in requests], encoders, tell
        )  # drawn once, to see what is to be compiled
    graph = _graph(loaded, first, shapes, tell)
    with torch.inference_mode(), ExitStack() as wrapped:
        run = _Run(loaded, first, tell, wrapped)
        pipeline = _pipeline(loaded, first, graph)
        wants = loaded.compiled is not None and graph == "eager" and first.wrap == "none"
        recording: AbstractContextManager[dict[int, Call]] = recorded(loaded.pipeline.unet) if wants else nullcontext({})
        with recording as calls:
            images: Tensor = pipeline(
                **_arguments(loaded, requests, encoders),
                **_canvas(requests),
                **timesteps(first.schedule),
                guidance_scale=first.schedule.guidance if first.schedule.guided_steps else 0.0,
                generator=[torch.Generator("cpu").manual_seed(r.seed) for r in requests],
                output_type="latent", callback_on_step_end=run.step_done,
                callback_on_step_end_tensor_inputs=["latents", "prompt_embeds", "add_text_embeds", "add_time_ids"],
            ).images  # fmt: skip
        for shape in shapes:
            if shape.rows in calls and loaded.compiled is not None:
                loaded.compiled.want(shape, calls[shape.rows])
    return images, graph


class _Run:
    """What happens between the steps of one batch."""

    def __init__(self, loaded: Loaded, request: RenderRequest, tell: Tell, wrapped: ExitStack) -> None:
        self._loaded, self._request, self._tell, self._wrapped = loaded, request, tell, wrapped
        total = request.schedule.steps
        self._join_after = int(request.contender.base.wrap_from * total) if request.wrap != "none" else -1
        if self._join_after == 0:
            self._join()

    def _join(self) -> None:
        self._wrapped.enter_context(seamless(self._loaded.pipeline, self._request.wrap))

    def step_done(self, pipeline: Any, i: int, _: object, values: dict[str, Tensor]) -> dict[str, Tensor]:  # noqa: ANN401
        """Report; join the edges, or leave out the negative half, once it is time."""
        done, latents = i + 1, values["latents"]
        clean = _clean(pipeline.scheduler, latents)
        self._tell(done, pipeline.num_timesteps, lambda n: self._loaded.preview(clean[n]))
        if done == self._join_after:
            self._join()
        total, schedule = pipeline.num_timesteps, self._request.schedule
        skipped = max(0, schedule.steps - total)  # a reference stands for the first steps
        if pipeline.guidance_scale > 1 and schedule.guided_steps <= done + skipped and done < total:
            pipeline._guidance_scale = 0.0  # as diffusers' SDXLCFGCutoffCallback does, for batches of any size
            for name in ("prompt_embeds", "add_text_embeds", "add_time_ids"):
                values[name] = values[name].chunk(2)[1]
        return values


def _clean(solver: Any, latents: Tensor) -> Tensor:  # noqa: ANN401  # a scheduler
    """What the picture will be, as far as the solver can tell: DPM-Solver++ keeps its guess of the clean latents."""
    if isinstance(solver, DPMSolverMultistepScheduler) and solver.config.algorithm_type == "dpmsolver++":
        guess: Tensor = solver.model_outputs[-1]
        return guess
    return latents


def _shapes(request: RenderRequest, batch: int) -> list[Shape]:
    """The UNet's shapes in this render: guided steps have two rows a picture, the others one."""
    schedule = request.schedule
    guided = schedule.guided_steps
    rows = [2 * batch] * (guided > 0) + [batch] * (guided < schedule.steps)
    begun = request.reference is not None
    return [Shape(n, request.height, request.width, schedule.sampler, begun) for n in rows]


def _known(loaded: Loaded, shapes: Sequence[Shape]) -> bool:
    return loaded.compiled is None or all(loaded.compiled.known(shape) for shape in shapes)


def _graph(loaded: Loaded, request: RenderRequest, shapes: Sequence[Shape], tell: Tell) -> Graph:
    """Compiled if every shape is ready; as the request says, if it says so and it can be."""
    compiled = loaded.compiled
    if compiled is None or request.graph == "eager" or request.wrap != "none":
        return "eager"
    end = time.monotonic() + _COMPILING_S
    while request.graph == "compiled" and time.monotonic() < end and (missing := [s for s in shapes if compiled.coming(s)]):
        compiled.wait(missing[0], _BEAT_S)
        tell(0, request.schedule.steps, lambda _: None)  # it is no hang, and may be cancelled
    return "compiled" if all(compiled.ready(shape) for shape in shapes) else "eager"


def _pipeline(loaded: Loaded, request: RenderRequest, graph: Graph) -> Any:  # noqa: ANN401  # one of two without a typed base
    """A pipeline of its own for this batch, of the parts in memory: its scheduler keeps state."""
    parts = loaded.pipeline.components | {"scheduler": scheduler(loaded.pipeline.scheduler.config, request.schedule)}
    if graph == "compiled" and loaded.compiled is not None:
        parts["unet"] = loaded.compiled.unet
    kind = StableDiffusionXLPipeline if request.reference is None else StableDiffusionXLImg2ImgPipeline
    pipeline = kind(**parts, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _arguments(loaded: Loaded, requests: Sequence[RenderRequest], encoders: Hashable) -> dict[str, Tensor]:
    embedded = [loaded.prompts.get(r.prompt, r.negative_prompt, encoders) for r in requests]
    return batch_arguments(embedded, guided=requests[0].schedule.guided_steps > 0)


def _canvas(requests: Sequence[RenderRequest]) -> dict[str, Any]:
    """Where to begin: noise of a size, or pictures and how far to go from them."""
    first = requests[0]
    if first.reference is None:
        return {"width": first.width, "height": first.height}
    pictures = np.stack([r.reference.pixels for r in requests if r.reference is not None])
    # Of few steps a small strength would leave none, and diffusers then draws nothing at all.
    strength = max(first.reference.strength, (1 + 1e-6) / first.schedule.steps)
    return {"image": pictures.astype(np.float32) / 255, "strength": min(strength, 1.0)}
