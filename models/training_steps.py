"""The training of a LoRA, one step after the other.

Every random number hangs on the seed and the step alone: a training that goes on from a checkpoint draws the same as one that was
never stopped, and nothing of chance has to be kept.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import DDPMScheduler
from diffusers.optimization import get_cosine_schedule_with_warmup
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from dgx_pixels.models.loaded import Loaded
from dgx_pixels.models.memory import give_back, is_out_of_memory
from dgx_pixels.models.training_adapter import put_on
from dgx_pixels.models.training_cache import Example, Learnable, Words, embed
from dgx_pixels.models.training_dataset import batches
from dgx_pixels.models.training_loss import Batch, draw, loss_of, seed_of
from dgx_pixels.models.training_optimizers import make_optimizer, optimizer_state, restore_optimizer
from dgx_pixels.models.training_spec import TrainingSpec

_MOST_GRADIENT = 1.0
"""Gradients are shortened to this length."""
_MEASURED = 16
"""How many pictures tell how good a checkpoint is."""


class LossError(ArithmeticError):
    """The loss or its gradient is no finite number any more."""


class Training:
    """A LoRA on a model in memory, what moves it, and how far it has come."""

    def __init__(self, loaded: Loaded, learnable: Learnable, spec: TrainingSpec) -> None:
        """Put a fresh LoRA on the model. Raises SpecError for an optimizer that this machine cannot run."""
        self.spec, self.pipeline, self._learnable = spec, loaded.pipeline, learnable
        self._device = loaded.pipeline.device
        self.step = 0
        """Finished steps."""
        self.checkpoints_gradients = False
        """Whether activations are computed again for the gradients, which saves most of their memory and costs a third more."""
        self.weights = put_on(loaded.pipeline, spec)
        self.noise = DDPMScheduler.from_config(loaded.pipeline.scheduler.config)
        self._optimizer = make_optimizer(spec.optimizer, self.weights.values(), spec.learning_rate, loaded.pipeline.device)
        self._schedule = get_cosine_schedule_with_warmup(self._optimizer, spec.warmup, spec.steps)
        self._average = EMAModel(self.weights.values(), decay=spec.ema, foreach=True) if spec.ema else None
        self._epoch = 0, self._batches(0)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return float(self._optimizer.param_groups[0]["lr"])

    def learn(self, breathe: Callable[[], None] = lambda: None) -> float:
        """Make one step; answers with its loss. `breathe` is called between its batches, if it has several.

        If memory runs out, the step is made again with less: see `checkpoints_gradients`. Raises LossError, with nothing
        changed, and OutOfMemoryError if that is too much, too.
        """
        loss = self._gradients_that_fit(breathe)
        if not math.isfinite(loss):
            raise LossError(f"the loss became {loss} in step {self.step + 1}")
        length = float(nn.utils.clip_grad_norm_(self.weights.values(), _MOST_GRADIENT))
        if not math.isfinite(length):  # it would spoil the weights, and the loss a step later
            raise LossError(f"the gradient became {length} in step {self.step + 1}")
        self._optimizer.step()
        self._schedule.step()
        self._optimizer.zero_grad(set_to_none=True)
        if self._average is not None:
            self._average.step(self.weights.values())
        self.step += 1
        return loss

    def _gradients_that_fit(self, breathe: Callable[[], None]) -> float:
        try:
            return self._gradients(breathe)
        except Exception as error:
            if self.checkpoints_gradients or not is_out_of_memory(error):
                raise
        self._optimizer.zero_grad(set_to_none=True)  # out here, where no traceback holds activations
        gc.collect()
        give_back(self.pipeline.device)
        self.pipeline.unet.enable_gradient_checkpointing()
        self.checkpoints_gradients = True
        return self._gradients(breathe)

    def _gradients(self, breathe: Callable[[], None]) -> float:
        """Gradients of all batches of this step; answers with the mean loss of their pictures.

        Each picture weighs as much as in a full batch: a batch that has fewer moves the weights less.
        """
        total, pictures, parts = 0.0, 0, self.spec.accumulation
        for part in range(parts):
            seed = seed_of(self.spec.seed, self.step, part)
            batch = self._draw([self._learnable.examples[i] for i in self._picked(self.step * parts + part)], seed)
            torch.manual_seed(seed)  # for the LoRA's dropout
            loss = loss_of(self.pipeline, self.noise, batch, self._words(batch.texts), self.spec.min_snr)
            count = len(batch.texts)
            (loss * (count / (self.spec.batch_size * parts))).backward()  # type: ignore[no-untyped-call]  # torch leaves it so
            total += float(loss.item()) * count  # waits for the device, so that the GPU is truly free to breathe
            pictures += count
            if part + 1 < parts:
                breathe()
        return total / pictures

    def _draw(self, examples: list[Example], seed: int, *, caption_dropout: float | None = None) -> Batch:
        return draw(
            examples, seed, scale=self.pipeline.vae.config.scaling_factor, timesteps=self.noise.config.num_train_timesteps,
            noise_offset=self.spec.noise_offset,
            caption_dropout=self.spec.caption_dropout if caption_dropout is None else caption_dropout,
        )  # fmt: skip

    def _picked(self, number: int) -> list[int]:
        """Which pictures are in the batch of this number, counted from the training's begin."""
        epoch, place = divmod(number, len(self._epoch[1]))
        if self._epoch[0] != epoch:
            self._epoch = epoch, self._batches(epoch)
        return self._epoch[1][place]

    def _batches(self, epoch: int) -> list[list[int]]:
        return batches([e.size for e in self._learnable.examples], self.spec.batch_size, self.spec.seed, epoch)

    def _words(self, texts: tuple[str, ...]) -> Words:
        if self.spec.text_encoders:
            encoded = [embed(self.pipeline, text) for text in texts]
        else:
            encoded = [self._learnable.words[text] for text in texts]
        prompt, pooled = torch.stack([w.prompt for w in encoded]), torch.stack([w.pooled for w in encoded])
        return Words(prompt.to(self._device), pooled.to(self._device))

    def measure(self, breathe: Callable[[], None] = lambda: None) -> float:
        """The mean error on up to 16 pictures at fixed times and noise: lower is nearer to the dataset. Changes nothing.

        `breathe` is called before each of them.
        """
        examples = self._learnable.examples[:_MEASURED]
        errors = []
        with self.given_out(), torch.no_grad():
            for i, example in enumerate(examples):
                breathe()
                batch = self._draw([example], seed_of(self.spec.seed, -1, i), caption_dropout=0.0)
                batch.timesteps[0] = (2 * i + 1) * self.noise.config.num_train_timesteps // (2 * len(examples))
                errors.append(float(loss_of(self.pipeline, self.noise, batch, self._words(batch.texts), None).item()))
        return sum(errors) / len(errors)

    @contextmanager
    def given_out(self) -> Iterator[None]:
        """Within this context the model is as it is given out: with averaged weights if there are any, and without dropout."""
        modules = [
            self.pipeline.unet,
            *([self.pipeline.text_encoder, self.pipeline.text_encoder_2] if self.spec.text_encoders else []),
        ]
        for module in modules:
            module.eval()
        if self._average is not None:
            self._average.store(self.weights.values())
            self._average.copy_to(self.weights.values())
        try:
            yield
        finally:
            if self._average is not None:
                self._average.restore(self.weights.values())
            for module in modules:
                module.train()

    def tensors(self) -> dict[str, Tensor]:
        """All that has been learnt, on the CPU, by the names of `put_on`."""
        return {name: weight.detach().to("cpu", copy=True).contiguous() for name, weight in self.weights.items()}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What else a checkpoint needs, as tensors and as JSON values."""
        tensors, facts = optimizer_state(self._optimizer)
        state = {f"optimizer.{name}": value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}
        averaged: dict[str, Any] = {}
        if self._average is not None:
            averaged = {"steps": self._average.optimization_step}
            for name, value in zip(self.weights, self._average.shadow_params, strict=True):
                state[f"average.{name}"] = value.detach().to("cpu", copy=True).contiguous()
        schedule = {k: v for k, v in self._schedule.state_dict().items() if k != "lr_lambdas"}
        return state, {
            "step": self.step, "optimizer": facts, "average": averaged, "schedule": schedule,
            "threads": torch.get_num_threads(), "checkpoints_gradients": self.checkpoints_gradients,
        }  # fmt: skip

    @torch.no_grad()
    def restore(self, weights: dict[str, Tensor], tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go on from what `tensors` and `state` gave."""
        torch.set_num_threads(facts["threads"])  # sums over other shares would round otherwise
        for name, weight in self.weights.items():
            weight.copy_(weights[name])
        own = {name.removeprefix("optimizer."): value for name, value in tensors.items() if name.startswith("optimizer.")}
        restore_optimizer(self._optimizer, own, facts["optimizer"])
        self._schedule.load_state_dict(facts["schedule"] | {"lr_lambdas": [None]})
        if self._average is not None:
            self._average.optimization_step = facts["average"]["steps"]
            for name, value in zip(self.weights, self._average.shadow_params, strict=True):
                value.copy_(tensors[f"average.{name}"])
        if facts["checkpoints_gradients"]:
            self.pipeline.unet.enable_gradient_checkpointing()
            self.checkpoints_gradients = True
        self.step = facts["step"]
