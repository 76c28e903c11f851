"""What the catalogue holds besides base models: LoRAs and VAEs, each one safetensors file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dgx_pixels.models.digest import MEMORY, Digests


@dataclass(frozen=True)
class Entry:
    """One safetensors file, by the name that it is asked for."""

    id: str
    file: Path
    licence: str
    size: int
    """Bytes."""
    source: str | None = None
    """Where it was fetched from, if known."""
    problem: str | None = None
    """Why it cannot be used, in one sentence."""
    digests: Digests = field(default=MEMORY, compare=False, repr=False)

    def sha256(self) -> str:
        """The SHA-256 of its file; computed once, see `Digests`. Raises OSError."""
        return self.digests.sha256(self.file)


@dataclass(frozen=True)
class Lora(Entry):
    """A LoRA that can be put onto a base model."""

    trigger_words: tuple[str, ...] = ()
    """Words that a prompt needs for it to show."""
    recommended_weight: float = 1.0
    """-2 to 2; what its author names, else 1."""
    naming: str = ""
    """"diffusers", "kohya", "kohya-sgm" or "comfyui", with "+locon" if it has layers on convolutions; "" if not known."""
    rank: int = 0
    text_width: int | None = None
    """Width of the text embedding of the base models it fits (SDXL: 2048); None if no layer tells."""
    base_hash: str | None = None
    """The SHA-256 of the base model it was trained on, where its metadata has it."""


@dataclass(frozen=True)
class Vae(Entry):
    """A VAE, in diffusers' or the original layout, that can stand in for a base model's own."""
