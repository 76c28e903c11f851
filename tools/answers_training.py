"""What a training answers with."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from dgx_pixels.library.comparison_answer import Answer


class ExpectedAnswer(Answer):
    """How long a training will take on this machine."""

    seconds: int
    how: Literal["measured", "calculated"]
    note: str = Field(description="one sentence on where the figure comes from")


class TrainingAnswer(Answer):
    """A LoRA that was trained, or, of a dry run, what would be."""

    dry_run: bool
    lora: str = Field(description="its id")
    base: str
    trigger: str = Field(description="put it into the prompt; empty if there is none")
    contender: str = Field(description="what to write for `model` to draw with it")
    dataset: dict[str, Any] = Field(description="the report on its pictures")
    settings: dict[str, Any]
    expected: ExpectedAnswer
    steps: int = Field(default=0, description="that were learnt")
    final_loss: float | None = Field(default=None, description="mean of the last twentieth of the steps")
    file: str | None = Field(default=None, description="where it is installed: kohya's and ComfyUI's naming")
    diffusers: str | None = Field(default=None, description="the same for diffusers' load_lora_weights")
    card: str | None = None
    curve: str | None = Field(default=None, description="PNG of the loss")
    folder: str | None = Field(default=None, description="the run's own, with its checkpoints and log")
