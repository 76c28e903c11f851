"""What list_models answers with."""

from __future__ import annotations

from pydantic import Field

from dgx_pixels.library.comparison_answer import Answer


class ModelSummary(Answer):
    """A base model, and what it draws."""

    id: str
    licence: str
    sizes: list[int] = Field(description="sides in pixels of the sprites it truly draws")
    default: bool
    ready: bool
    problem: str | None = Field(description="why it cannot be used, if it is not ready")
    architecture: str
    size: int = Field(description="bytes of weights")
    sha256: str | None = Field(description="of its UNet's file; null until it was computed")


class LoraSummary(Answer):
    """A LoRA, which a contender puts onto a base model."""

    id: str
    licence: str
    size: int
    sha256: str | None
    trigger_words: list[str] = Field(description="put these into the prompt")
    recommended_weight: float
    rank: int
    naming: str
    problem: str | None


class VaeSummary(Answer):
    """A VAE by itself."""

    id: str
    licence: str
    size: int
    sha256: str | None
    problem: str | None


class ModelList(Answer):
    """All models on this machine."""

    models: list[ModelSummary] = Field(description="base models")
    loras: list[LoraSummary]
    vaes: list[VaeSummary]
