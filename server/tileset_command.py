"""`dgx-pixels tileset`: calls the tool of that name, in the running server if there is one, else in this process."""

from __future__ import annotations

import argparse
import asyncio
import logging
import time
from typing import Any

from dgx_pixels.server.app import build, default_project, try_library
from dgx_pixels.server.connect import transport
from dgx_pixels.server.find import is_running
from dgx_pixels.server.settings import Settings
from dgx_pixels.server.tool_calls import call_to_the_end, palette_of_file, print_answer
from dgx_pixels.tools.answers import JobAnswer

_ARGUMENTS = (
    "terrains", "kind", "tile_size", "variants", "transition", "pairs", "colors", "palette", "name", "seed", "model", "publish",
    "overwrite",
)  # fmt: skip


def run_tileset(settings: Settings, arguments: argparse.Namespace) -> int:
    """Draw, print what was written and how well it fits; answers with the exit status. Raises ToolError with one sentence."""
    logging.getLogger("fastmcp").setLevel(logging.CRITICAL)  # it logs each error that we are about to say
    asked = {name: getattr(arguments, name) for name in _ARGUMENTS if getattr(arguments, name) is not None}
    if "palette" in asked:
        asked["palette"] = palette_of_file(asked["palette"])
    started = time.monotonic()
    answer = asyncio.run(_draw(settings, asked))
    found = answer.result.tileset if answer.result is not None else None
    if found is not None and not arguments.json:
        print(
            f"{found.tiles} tiles, {found.columns}x{found.rows}; all {found.pairs} legal neighbours fit: edges step "
            f"{found.mean_seam:.2f} times as much as insides."
        )
    return print_answer(answer, time.monotonic() - started, as_json=arguments.json)


async def _draw(settings: Settings, asked: dict[str, Any]) -> JobAnswer:
    project = default_project(settings)
    arguments = asked | ({"project": str(project)} if project is not None else {})
    if await is_running(settings):
        return await call_to_the_end(transport(settings, project), "generate_tileset", arguments)
    await try_library(settings)
    return await call_to_the_end(build(settings)[0], "generate_tileset", arguments)
