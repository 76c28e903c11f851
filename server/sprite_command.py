"""`dgx-pixels sprite`: calls the tool of that name, in the running server if there is one, else in this process."""

from __future__ import annotations

import argparse
import asyncio
import time

from dgx_pixels.server.asking import ask
from dgx_pixels.server.prompt_file import read_prompts
from dgx_pixels.server.settings import Settings
from dgx_pixels.server.tool_calls import asked_of, print_answer

_ARGUMENTS = (
    "prompt", "name", "category", "size", "variants", "colors", "palette", "transparent", "negative_prompt", "seed",
    "reference", "strength", "profile", "steps", "guidance", "model", "publish", "overwrite",
)  # fmt: skip


def run_sprite(settings: Settings, arguments: argparse.Namespace) -> int:
    """Draw, print what was written and how long it took; answers with the exit status. Raises ToolError with one sentence."""
    asked = asked_of(arguments, _ARGUMENTS)
    asked["prompt"] = read_prompts(arguments.prompts) if arguments.prompts is not None else " ".join(arguments.prompt)
    started = time.monotonic()
    answer = asyncio.run(ask(settings, "generate_sprite", asked))
    return print_answer(answer, time.monotonic() - started, as_json=arguments.json)
