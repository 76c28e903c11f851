"""What the tests of train_lora share: sprites to learn from, short trainings, and a look at the process that does them."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fastmcp import Client
from PIL import Image
from training import GROUND, HANDHELD, sprite

from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.training_request import TrainingRequest, training_request

SHORT: dict[str, Any] = {"name": "handheld", "preset": "fast", "trigger": "handheld", "sample_prompts": [], "wait_s": 300}
"""A training whose length is to be said; it draws no samples."""


def sprites(folder: Path, count: int = 12) -> Path:
    """A folder with so many small sprites in one style."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        rgb = np.array(sprite(i))
        rgb[12 + i // 8, 12 + i % 8] = HANDHELD[0]  # none is the same as another
        alpha = np.where((rgb == GROUND).all(-1), 0, 255).astype(np.uint8)
        name = f"item_{'round' if i % 2 else 'square'}_thing_{chr(97 + i // 26)}{chr(97 + i % 26)}"
        Image.fromarray(np.dstack([rgb, alpha])).save(folder / f"{name}.png")
    return folder


def client_of(settings: Settings, *roots: Path) -> Client[Any]:
    """A client of a server that stays, which may read these folders."""
    return Client(build(settings.model_copy(update={"read_roots": roots}), role="alone")[0])


async def call(client: Client[Any], tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401  # any tool's
    """A tool's structured answer."""
    answer: dict[str, Any] | None = (await client.call_tool(tool, arguments)).structured_content
    assert answer is not None
    return answer


async def until(client: Client[Any], job_id: str, there: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The job's answer as soon as it is so."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        answer = await call(client, "get_job", job_id=job_id, wait_s=0.1)
        if there(answer):
            return answer
        assert answer["status"] in ("queued", "running"), answer
        await asyncio.sleep(0.05)
    raise AssertionError(f"job {job_id} did not come there: {answer}")


def at_step(step: int) -> Callable[[dict[str, Any]], bool]:
    """Whether a training has got so far."""
    return lambda answer: answer["progress"]["done"] >= step


def children(settings: Settings) -> dict[str, int]:
    """The processes that train on this home, by job id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if b"dgx_pixels.models.training_child" in words:
            spec = Path(words[-2].decode())
            if spec.is_relative_to(settings.home):
                found[spec.parent.name] = int(folder.name)
    return found


def request(**replaced: Any) -> TrainingRequest:  # noqa: ANN401  # any argument
    """What is asked for, with some arguments replaced."""
    plain: dict[str, Any] = {
        "source": "project", "name": "mine", "base": "tiny-sdxl", "preset": "fast", "settings": {}, "trigger": "handheld",
        "grid": None, "licence_note": "CC0-1.0", "sample_prompts": None, "seed": 0, "overwrite": False, "dry_run": False,
    }  # fmt: skip
    return training_request(**plain | replaced)


def digest(answer: dict[str, Any]) -> str:
    """SHA-256 of the LoRA that a training has installed."""
    return hashlib.sha256(Path(answer["result"]["training"]["file"]).read_bytes()).hexdigest()
