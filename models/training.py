"""One training from its spec to its files, or from its last checkpoint on."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable

import torch
from diffusers import StableDiffusionXLPipeline

from dgx_pixels.models.base_model import BaseModel
from dgx_pixels.models.catalogue import Catalogue
from dgx_pixels.models.header import ModelError
from dgx_pixels.models.loaded import Loaded
from dgx_pixels.models.memory import cap, give_back, is_out_of_memory, memory_taken
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.models.training_about import About, metadata
from dgx_pixels.models.training_cache import Learnable, encode, keep, kept, key_of, text_of
from dgx_pixels.models.training_checkpoint import count, newest, take_snapshot, write_checkpoint
from dgx_pixels.models.training_dataset import read_dataset
from dgx_pixels.models.training_disk import check_room, sweep
from dgx_pixels.models.training_events import Events
from dgx_pixels.models.training_metrics import Metrics
from dgx_pixels.models.training_results import write_results
from dgx_pixels.models.training_samples import Sampler
from dgx_pixels.models.training_spec import TrainingSpec
from dgx_pixels.models.training_steps import LossError, Training
from dgx_pixels.models.turn import Turn

logger = logging.getLogger(__name__)

_COPIES = 4
"""What a checkpoint holds for each of the LoRA's weights, at most: itself, two moments, and an average."""


class PausedError(Exception):
    """The training was asked to stop, and can go on from where it stands."""

    def __init__(self, step: int) -> None:
        super().__init__(f"paused after step {step}")
        self.step = step


def run(spec: TrainingSpec, events: Events, stop: Callable[[], bool]) -> None:
    """Train to the end, telling events; goes on from the newest whole checkpoint in the spec's folder.

    `stop` is asked between steps. Raises PausedError after a checkpoint if it says so, ModelError in one sentence for what is
    wrong with spec, dataset, model or machine, and OSError.
    """
    _repeatably()
    turn = Turn(spec.turn_folder)
    renderer = Renderer(spec.device, compiles=False)
    base = Catalogue(spec.models_folder, spec.hf_cache).get(spec.base)
    dataset = read_dataset(spec.dataset)
    loaded = _load(renderer, base)
    velocity = loaded.pipeline.scheduler.config.prediction_type == "v_prediction"
    about = About(spec, base, loaded.weights_sha256, dataset, velocity)
    for folder in (spec.folder, spec.folder / "checkpoints", spec.folder / "samples"):
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
    _Run(about, loaded, turn, events, stop).whole()


class _Run:
    """What the parts of a training share."""

    def __init__(self, about: About, loaded: Loaded, turn: Turn, events: Events, stop: Callable[[], bool]) -> None:
        self._about, self._loaded, self._turn, self._events, self._stop = about, loaded, turn, events, stop
        self._spec, self._folder = about.spec, about.spec.folder / "checkpoints"
        self._metadata, self._device = metadata(about), loaded.pipeline.device
        self._kept: int | None = None
        """The step of the newest whole checkpoint; None before the first."""

    def whole(self) -> None:
        """From the begin, or the newest checkpoint, to the end."""
        spec, found = self._spec, newest(self._folder, self._about)
        begun = found.step if found is not None else 0
        self._events.tell("resumed" if found is not None else "started", step=begun, total=spec.steps)
        learnable = self._learnable(begun)
        training = Training(self._loaded, learnable, spec)
        one = sum(w.numel() * 4 for w in training.weights.values()) * _COPIES
        check_room(spec.folder, one * max(1, spec.keep + 2 - count(self._folder)), begun=found is not None)
        if found is not None:
            training.restore(found.weights, found.tensors, found.facts)
            self._kept = found.step
            del found
        sampler = Sampler(self._loaded, self._about, training, self._turn)
        if not spec.text_encoders:
            _let_go(self._loaded)
        metrics = Metrics(spec.folder, training.step)
        try:
            self._steps(training, metrics, sampler)
            self._checkpoint(training)
            files = write_results(training, self._about, metrics, sampler.files(spec.steps))
        finally:
            metrics.close()
        self._events.tell("done", step=training.step, final_loss=metrics.final_loss, files=files)

    def _learnable(self, step: int) -> Learnable:
        spec, about = self._spec, self._about
        texts = [text_of(about.base.prompt, spec.trigger, item.caption) for item in about.dataset.items]
        words = not spec.text_encoders
        pipeline: StableDiffusionXLPipeline = self._loaded.pipeline
        key = key_of(about.dataset, texts, dict(about.weights_sha256), pipeline.unet.dtype, words=words)
        before = kept(spec.folder, key)
        if before is not None:
            return before

        def told(done: int, total: int) -> None:
            self._events.tell("caching", done=done, total=total)
            if self._stop():
                raise PausedError(step)

        made = encode(pipeline, about.dataset, texts, words=words, turn=self._turn.for_step, told=told)
        keep(spec.folder, key, made)
        return made

    def _steps(self, training: Training, metrics: Metrics, sampler: Sampler) -> None:
        spec, saved = self._spec, time.monotonic()
        if self._is_shown(training.step):  # a round that was broken off is drawn to its end
            self._samples(training, sampler)
        while training.step < spec.steps:
            if self._stop():
                self._checkpoint(training)
                raise PausedError(training.step)
            self._step(training, metrics)
            if self._is_shown(training.step):
                self._samples(training, sampler)
            if training.step < spec.steps and time.monotonic() - saved >= spec.checkpoint_minutes * 60:
                self._checkpoint(training)
                saved = time.monotonic()

    def _step(self, training: Training, metrics: Metrics) -> None:
        started, rate = time.monotonic(), training.rate
        try:
            cap(self._device)  # what others took since the step before is no longer ours to take
            with self._turn.for_steps() as breathe:
                loss = training.learn(breathe)
        except LossError as error:
            raise ModelError(
                f"The training cannot go on: {error}. Start a new one with a lower learning rate; its checkpoints stay."
            ) from error
        except Exception as error:
            if is_out_of_memory(error):
                raise ModelError(
                    f"There is not enough memory to train {self._about.base.id} with {self._spec.batch_size} pictures at once, "
                    "even with activations computed twice: close other programs and start it again, or start a new one with a "
                    "smaller batch_size and more accumulation."
                ) from error
            raise
        metrics.add(training.step, loss, rate, time.monotonic() - started)
        left = (self._spec.steps - training.step) / metrics.steps_per_s
        self._events.tell(
            "step", step=training.step, total=self._spec.steps, loss=loss, steps_per_s=round(metrics.steps_per_s, 4),
            left_s=round(left, 1), memory_bytes=memory_taken(self._device),
        )  # fmt: skip

    def _is_shown(self, step: int) -> bool:
        every = self._spec.sample_every
        return bool(every) and (step % every == 0 or step == self._spec.steps)

    def _samples(self, training: Training, sampler: Sampler) -> None:
        """Draw this step's samples, but those that are there; one that cannot be drawn costs no training.

        All are told of: whoever keeps them may have ended before it heard of one. Raises PausedError.
        """
        for sample in sampler.wanted(training.step):
            if self._stop():
                self._checkpoint(training)
                raise PausedError(training.step)
            try:
                if not sample.file.exists():
                    sampler.draw(sample)
            except Exception as error:
                if not isinstance(error, ModelError) and not is_out_of_memory(error):
                    raise
                logger.warning("sample %s left out: %s", sample.file.name, error)
                continue
            self._events.tell("sample", step=training.step, prompt=sample.prompt, seed=sample.seed, file=str(sample.file))

    def _checkpoint(self, training: Training) -> None:
        if training.step == self._kept:
            return
        with self._turn.for_steps() as breathe:
            snapshot = take_snapshot(training, self._about, breathe)
        file = write_checkpoint(snapshot, training.pipeline, self._folder, self._metadata, self._spec.keep)
        self._kept = training.step
        self._events.tell("checkpoint", step=training.step, file=str(file))


def _load(renderer: Renderer, base: BaseModel) -> Loaded:
    """The base model alone in memory. Takes no turn: it reads a disk for most of the time, and nobody has to wait for that."""
    loaded = renderer.shelf.get(base)
    while renderer.shelf.make_room(keep=base):  # a model that it borrows parts from; those stay
        pass
    cap(renderer.device)
    return loaded


def _repeatably() -> None:
    """Let the GPU add up in the same order each time, where it can: a run that goes on is to equal one that did not stop."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs time, and nothing reads it


def _let_go(loaded: Loaded) -> None:
    """The text encoders leave memory: all words are encoded."""
    loaded.merges.clear()
    loaded.pipeline.text_encoder = loaded.pipeline.text_encoder_2 = None
    gc.collect()
    give_back(loaded.pipeline.device)
