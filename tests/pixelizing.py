"""What the tests of pixelize_image share: a picture to give it, a call that succeeds, and the pixels that it made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from fastmcp import Client
from numpy.typing import NDArray
from pictures import potion
from PIL import Image


def write_potion(file: Path) -> Path:
    """Write a potion of 16 cells, 10 px each, and its folder if need be."""
    file.parent.mkdir(exist_ok=True)
    Image.fromarray(potion().repeat(10, 0).repeat(10, 1)).save(file)
    return file


def pixels(asset: dict[str, Any]) -> NDArray[np.uint8]:
    """The RGBA pixels of an answer's asset."""
    with Image.open(asset["file"]) as image:
        assert image.mode == "RGBA"
        return np.array(image)


async def made(client: Client[Any], **arguments: object) -> dict[str, Any]:
    """The result of a call that is done."""
    answer = (await client.call_tool("pixelize_image", arguments)).structured_content
    assert answer is not None
    assert answer["status"] == "done"
    result: dict[str, Any] = answer["result"]
    return result
