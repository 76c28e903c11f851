"""`dgx-pixels pixelize IN`: calls the tool `pixelize_image` in this process; with `--out` see `pixelize_file`.

It needs no model, so there is nothing to ask the running server for, which may not read what lies anywhere on this disk:
here it is a person who names the file. Library and project may be written by several processes.
"""

from __future__ import annotations

import argparse
import asyncio
import time
import warnings
from pathlib import Path
from typing import Any

from dgx_pixels.server.app import build, try_library
from dgx_pixels.server.asking import in_project
from dgx_pixels.server.settings import Settings
from dgx_pixels.server.tool_calls import asked_of, call_to_the_end, print_answer
from dgx_pixels.tools.answers import JobAnswer

_ARGUMENTS = (
    "name", "category", "size", "colors", "palette", "transparent", "dither", "cleanup", "outline", "trim", "canvas", "anchor",
    "matting", "publish", "overwrite",
)  # fmt: skip


def run_pixelize(settings: Settings, arguments: argparse.Namespace) -> int:
    """Pixelize, print what was written; answers with the exit status. Raises ToolError with one sentence."""
    warnings.simplefilter("ignore")  # Pillow warns of odd metadata in files that it reads all the same
    asked = asked_of(arguments, _ARGUMENTS)
    image = Path(arguments.image).expanduser().resolve()
    started = time.monotonic()
    answer = asyncio.run(_pixelize(settings, image, asked))
    return print_answer(answer, time.monotonic() - started, as_json=arguments.json)


async def _pixelize(settings: Settings, image: Path, asked: dict[str, Any]) -> JobAnswer:
    arguments = in_project(settings, asked | {"image": str(image)})
    await try_library(settings)
    own = settings.model_copy(update={"read_roots": (*settings.read_roots, image.parent)})
    return await call_to_the_end(build(own)[0], "pixelize_image", arguments)
