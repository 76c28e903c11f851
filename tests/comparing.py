"""What the tests of comparisons share: LoRAs for the embedded model, calls of the tools, and comparisons without a model."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from fastmcp import Client
from mcp_types import BlobResourceContents, TextResourceContents
from narrow_sdxl import random_layers, write_lora

from dgx_pixels.library.comparison_blind import told
from dgx_pixels.library.comparison_records import NewCell, PlannedRound
from dgx_pixels.library.library import Library
from dgx_pixels.models.catalogue import embedded
from dgx_pixels.models.lora_file import LoraLayer
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.pixels.sprite import Sprite, encode_png
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.answers import JobResult

TWO: dict[str, Any] = {
    "contenders": ["tiny-sdxl", "tiny-sdxl+style:0.8"], "prompts": ["a red potion"], "seed": 7, "steps": 2,
}  # fmt: skip
"""The smallest comparison: one round of two."""
WEIGHTS = '{"unet": "0"}'


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


async def blob(client: Client[Any], uri: str) -> bytes:
    """The picture that a resource holds."""
    content = (await client.read_resource(uri))[0]
    assert isinstance(content, BlobResourceContents)
    return b64decode(content.blob)


async def data(client: Client[Any], uri: str) -> Any:  # noqa: ANN401  # JSON
    """The JSON that a resource holds."""
    content = (await client.read_resource(uri))[0]
    assert isinstance(content, TextResourceContents)
    return json.loads(content.text)


async def check_cells(client: Client[Any], comparison_id: str) -> int:
    """Draw every cell of an ended comparison again with generate_sprite, from its recipe; answers how many were the same."""
    found = await data(client, f"pixels://comparisons/{comparison_id}")
    recipes = await data(client, f"pixels://comparisons/{comparison_id}/recipes")
    same = 0
    for number, by_label in recipes.items():
        for label, recipe in by_label.items():
            palette = recipe["palette"] and ",".join("#{:02x}{:02x}{:02x}".format(*color) for color in recipe["palette"])
            asked = {
                "prompt": recipe["prompt"], "negative_prompt": recipe["negative_prompt"], "model": recipe["model"],
                "seed": recipe["seed"], "size": f"{recipe['width']}x{recipe['height']}", "colors": recipe["colors"],
                "palette": palette or "none", "transparent": recipe["transparent"], "profile": recipe["profile"],
                "steps": recipe["schedule"]["steps"], "guidance": recipe["schedule"]["guidance"],
                "category": "tile" if recipe["seamless"] else "item", "name": "again", "publish": False,
            }  # fmt: skip
            answer = (await client.call_tool("generate_sprite", asked)).structured_content
            assert answer is not None
            again = Path(answer["result"]["assets"][0]["file"]).read_bytes()
            same += again == await blob(client, found["rounds"][int(number) - 1]["images"][label])
    return same


def cell(round_number: int, place: int, weights: str = WEIGHTS) -> NewCell:
    """A kept picture: 4x4 of a colour of its own."""
    color = (40 * place + 5, 10 + round_number, 90, 255)
    png = encode_png(Sprite(np.full((4, 4, 4), color, np.uint8), (color[:3],)), f'{{"seed": {900 + round_number}}}')
    return NewCell(round_number, place, png, weights, 0.25 + place, None, {"colors": 3 + place, "orphans": 0.1, "cutout": None})


async def keep_comparison(
    library: Library, comparison_id: str, contenders: Sequence[str], rounds: int = 3, *, blind: bool = True, project: str = "",
    kinds: Sequence[str] = ("item",), weights: str = WEIGHTS, status: str = "done", base: int | None = 0,
) -> str:  # fmt: skip
    """A comparison that was drawn to its end, without a model; answers with its id."""
    await library.jobs.create(comparison_id, "comparison", project, "{}")
    planned = [PlannedRound(f"prompt {n}", kinds[n % len(kinds)], 900 + n, 0) for n in range(rounds)]
    await library.comparisons.begin(comparison_id, project, contenders, planned, blind=blind, base=base)
    for number in range(1, rounds + 1):
        for place in range(len(contenders)):
            await library.comparisons.add_cell(comparison_id, cell(number, place, weights))
    ended = JobResult(comparison=await told(library.comparisons, comparison_id))
    await library.jobs.set(comparison_id, "done", result=ended.model_dump_json())
    if status != "done":
        await library.jobs.set(comparison_id, status)  # type: ignore[arg-type]  # a JobStatus, as the test names it
    return comparison_id


async def label_of(library: Library, comparison_id: str, round_number: int, place: int) -> str:
    """The label behind which a contender stands."""
    found = await library.comparisons.get(comparison_id)
    return next(label for label, p in found.rounds[round_number - 1].labels.items() if p == place)
