"""Sample pictures of a LoRA in training: the same prompts and seeds each time, through generation's own path."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from dgx_pixels.models.base_model import BaseModel
from dgx_pixels.models.contender import Contender
from dgx_pixels.models.decode import decode
from dgx_pixels.models.denoise import denoise
from dgx_pixels.models.header import ModelError
from dgx_pixels.models.loaded import Loaded
from dgx_pixels.models.profiles import schedule_for
from dgx_pixels.models.render import RenderRequest
from dgx_pixels.models.training_about import About, metadata
from dgx_pixels.models.training_cache import text_of
from dgx_pixels.models.training_disk import write_whole
from dgx_pixels.models.training_steps import Training
from dgx_pixels.models.turn import Turn
from dgx_pixels.pixels.sprite import encode_png, make_sprite

_FIRST_SEED = 42
_SIDE = 64
_COLOURS = 16


@dataclass(frozen=True)
class Sample:
    """One picture: what it was asked for, and where it lies."""

    step: int
    prompt: str
    seed: int
    file: Path


class Sampler:
    """Draws the samples of one training. Made before the text encoders leave memory: the words are encoded here."""

    def __init__(self, loaded: Loaded, about: About, training: Training, turn: Turn) -> None:
        self._loaded, self._about, self._training, self._turn = loaded, about, training, turn
        for sample in self.wanted(0) if about.spec.sample_every and not about.spec.text_encoders else ():
            request = self._request(sample)
            with turn.for_step():
                loaded.prompts.get(request.prompt, request.negative_prompt, ())

    def wanted(self, step: int) -> list[Sample]:
        """The samples of this step."""
        folder = self._about.spec.folder / "samples"
        return [
            Sample(step, prompt, _FIRST_SEED + i, folder / f"step_{step:06}_{i}.png")
            for i, prompt in enumerate(self._about.spec.sample_prompts)
        ]

    def files(self, step: int) -> list[Sample]:
        """Those of this step that have been drawn."""
        return [sample for sample in self.wanted(step) if sample.file.exists()]

    def draw(self, sample: Sample) -> None:
        """Draw a sprite at its true size as the model draws it just now, as a PNG with its recipe.

        Each step of its own is a turn, so that who wants to draw gets in. Raises ModelError if its numbers left their range, and
        OSError.
        """
        request, side, base = self._request(sample), sample_side(self._about.base), self._about.base
        encoders = sample.step if self._about.spec.text_encoders else ()  # where they learn, the words are other ones each time
        with self._training.given_out(), self._turn.for_steps() as breathe:
            latents, _ = denoise(self._loaded, [request], encoders, lambda *_: breathe())
            with torch.inference_mode():
                pixels = decode(self._loaded.pipeline.vae, latents[0])
        if pixels is None:
            raise ModelError(f"the sample {sample.prompt!r} of step {sample.step} is no picture: its numbers left their range")
        sprite = make_sprite(pixels, side, side, colors=_COLOURS, ground=base.ground)
        write_whole(sample.file, encode_png(sprite, json.dumps(self._recipe(sample, request), sort_keys=True)))

    def _request(self, sample: Sample) -> RenderRequest:
        base, contender = self._about.base, Contender(self._about.base)
        side = sample_side(base)
        words = text_of(base.prompt, self._about.spec.trigger, sample.prompt)
        schedule = schedule_for(contender, "standard")
        return RenderRequest(contender, schedule, words, base.negative_prompt, *base.render_size(side, side), sample.seed)

    def _recipe(self, sample: Sample, request: RenderRequest) -> dict[str, object]:
        about = self._about
        return {
            "kind": "training sample", "prompt": request.prompt, "negative_prompt": request.negative_prompt, "seed": sample.seed,
            "step": sample.step, "training": about.spec.name, "schedule": asdict(request.schedule), "colors": _COLOURS,
            "render_size": (request.width, request.height), "weights_sha256": dict(about.weights_sha256),
            "dataset_sha256": about.dataset.sha256, "settings": json.loads(metadata(about)["dgx_pixels.settings"]),
        }  # fmt: skip


def sample_side(base: BaseModel) -> int:
    """The side of the samples in pixels: 64, or what the model draws nearest to it."""
    return min(base.sizes, key=lambda side: abs(side - _SIDE))
