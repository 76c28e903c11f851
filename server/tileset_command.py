"""`dgx-pixels tileset`: calls the tool of that name, in the running server if there is one, else in this process."""

from __future__ import annotations

import argparse
import asyncio
import time

from dgx_pixels.server.asking import ask
from dgx_pixels.server.settings import Settings
from dgx_pixels.server.tool_calls import asked_of, print_answer

_ARGUMENTS = (
    "terrains", "kind", "tile_size", "variants", "transition", "pairs", "colors", "palette", "name", "seed", "model", "publish",
    "overwrite",
)  # fmt: skip


def run_tileset(settings: Settings, arguments: argparse.Namespace) -> int:
    """Draw, print what was written and how well it fits; answers with the exit status. Raises ToolError with one sentence."""
    asked = asked_of(arguments, _ARGUMENTS)
    started = time.monotonic()
    answer = asyncio.run(ask(settings, "generate_tileset", asked))
    found = answer.result.tileset if answer.result is not None else None
    if found is not None and not arguments.json:
        print(
            f"{found.tiles} tiles of {found.tile_size} px, {found.columns}x{found.rows}, of {_terrains(found.terrains)}; all "
            f"{found.pairs} legal neighbours fit: edges step {found.mean_seam:.2f} times as much as insides."
        )
    return print_answer(answer, time.monotonic() - started, as_json=arguments.json)


def _terrains(names: list[str]) -> str:
    """A name of two words that was given without quotes shows here as two terrains."""
    return f"the terrain {names[0]}" if len(names) == 1 else f"{len(names)} terrains ({', '.join(names)})"
