"""What the tests of comparisons share: LoRAs for the embedded model, and calls of the tools."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fastmcp import Client
from narrow_sdxl import random_layers, write_lora

from dgx_pixels.models.catalogue import embedded
from dgx_pixels.models.lora_file import LoraLayer
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.server.settings import Settings

TWO: dict[str, Any] = {
    "contenders": ["tiny-sdxl", "tiny-sdxl+style:0.8"], "prompts": ["a red potion"], "seed": 7, "steps": 2,
}  # fmt: skip
"""The smallest comparison: one round of two."""


@cache
def _layers() -> dict[str, LoraLayer]:
    pipeline = Renderer("cpu").shelf.get(embedded()).pipeline
    return {name: LoraLayer(x.down * 0.1, x.up * 0.1, x.scale) for name, x in random_layers(pipeline).items()}


def write_loras(settings: Settings) -> Path:
    """Put three LoRAs into the models folder: `style` of the UNet, `words` of all parts, and `other` for another model."""
    folder = settings.home / "models" / "loras"
    unet = {name: x for name, x in _layers().items() if name.startswith("unet.")}
    write_lora(folder / "style.safetensors", unet)
    write_lora(folder / "words.safetensors", _layers())
    narrow = {name: LoraLayer(x.down[:, :5], x.up, x.scale) for name, x in unet.items() if x.down.ndim == 2}
    write_lora(folder / "other.safetensors", narrow)
    return folder


async def compare(client: Client[Any], **arguments: Any) -> dict[str, Any]:  # noqa: ANN401  # the tool's own
    """The answer of compare_models."""
    answer: dict[str, Any] | None = (await client.call_tool("compare_models", arguments)).structured_content
    assert answer is not None
    return answer


async def vote(client: Client[Any], comparison_id: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401  # the tool's own
    """The answer of record_vote."""
    result = await client.call_tool("record_vote", {"comparison_id": comparison_id, **arguments})
    answer: dict[str, Any] | None = result.structured_content
    assert answer is not None
    return answer
