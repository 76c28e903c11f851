"""What a renderer is asked for, and what it gives back: frozen values, without torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.models.header import ModelError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from dgx_pixels.models.contender import Contender
    from dgx_pixels.models.profiles import Schedule


class SpoiltError(ModelError):
    """The model drew no picture for this request, but black or broken numbers; others that it is asked for may well come out."""


Wrap = Literal["none", "x", "y", "xy"]
"""Which opposite edges continue each other: left and right (x), top and bottom (y), or both."""
Graph = Literal["eager", "compiled"]
"""How the UNet runs: step by step, or as compiled code, whose sums may round otherwise in the last place."""

BATCHES = (1, 2, 4, 8)
"""How many pictures are drawn at once. Only these shapes are ever run: what is missing is filled up and thrown away."""


def batch_for(pictures: int) -> int:
    """The smallest batch that holds so many pictures, the largest if none does."""
    return next((b for b in BATCHES if b >= pictures), BATCHES[-1])


@dataclass(frozen=True, eq=False)
class Reference:
    """A picture to start from instead of from noise alone (img2img)."""

    pixels: NDArray[np.uint8]
    """Shape (height, width, 3) of the render, sRGB."""
    strength: float
    """How far to go from it, above 0 (keep it) to 1 (only its colours' trace is left)."""
    source_sha256: str | None = None
    """Of the file that it was made from."""

    @property
    def sha256(self) -> str:
        """Of its pixels."""
        return hashlib.sha256(self.pixels.tobytes()).hexdigest()


@dataclass(frozen=True)
class RenderRequest:
    """One picture to draw: sizes in pixels of the render, prompts as they are put to the text encoders."""

    contender: Contender
    schedule: Schedule
    prompt: str
    negative_prompt: str
    width: int
    height: int
    seed: int
    wrap: Wrap = "none"
    reference: Reference | None = field(default=None, compare=False)
    batch: int | None = None
    """The batch shape to draw it in, one of BATCHES; None leaves it to the renderer, which draws with others what it can."""
    graph: Graph | None = None
    """How to run the UNet; None leaves it to the renderer: compiled as soon as that is ready."""

    @property
    def key(self) -> Hashable:
        """Requests of equal keys can be drawn in one batch."""
        strength = None if self.reference is None else self.reference.strength
        return (self.contender, self.schedule, self.width, self.height, self.wrap, strength, self.batch, self.graph)

    @property
    def most(self) -> int:
        """How many of this key can be drawn together."""
        return self.batch or BATCHES[-1]


@dataclass(frozen=True, eq=False)
class Render:
    """A picture as the model drew it, and all that decided its pixels besides the request."""

    pixels: NDArray[np.uint8]
    """Shape (height, width, 3), sRGB."""
    batch: int
    """The batch shape it was drawn in: the same request in the same shape has the same pixels, whatever else was in the batch."""
    graph: Graph
    weights_sha256: dict[str, str]
    libraries: dict[str, str]
    in_tiles: bool = False
    """Whether memory was so short that the VAE worked in tiles, which changes pixels a little."""
    seconds: float = 0.0
    """From the prompt to the pixels, the model loaded and its LoRAs merged; of a batch, the whole batch's."""
    peak_bytes: int | None = None
    """GPU memory at its peak meanwhile; None on a CPU."""
