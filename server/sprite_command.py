"""`dgx-pixels sprite`: calls the tool of that name, in the running server if there is one, else in this process."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import time
from contextlib import nullcontext
from typing import Any

from fastmcp import Client

from dgx_pixels.server.app import build, default_project, try_library
from dgx_pixels.server.connect import transport
from dgx_pixels.server.find import is_running
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.answers import JobAnswer

_ARGUMENTS = (
    "prompt", "name", "category", "size", "variants", "colors", "palette", "transparent", "negative_prompt", "seed", "steps",
    "guidance", "model", "publish", "overwrite",
)  # fmt: skip
_WAIT_S = 600


def run_sprite(settings: Settings, arguments: argparse.Namespace) -> int:
    """Draw, print what was written and how long it took; answers with the exit status. Raises ToolError with one sentence."""
    logging.getLogger("fastmcp").setLevel(logging.CRITICAL)  # it logs each error that we are about to say
    asked = {name: getattr(arguments, name) for name in _ARGUMENTS if getattr(arguments, name) is not None}
    asked["prompt"] = " ".join(arguments.prompt)
    started = time.monotonic()
    answer = asyncio.run(_draw(settings, asked))
    if arguments.json:
        print(json.dumps(answer.model_dump(mode="json"), indent=2))
    else:
        _print(answer, time.monotonic() - started)
    return 0 if answer.status == "done" else 1


async def _draw(settings: Settings, asked: dict[str, Any]) -> JobAnswer:
    project = default_project(settings)
    arguments = asked | {"wait_s": _WAIT_S} | ({"project": str(project)} if project is not None else {})
    if await is_running(settings):
        target: Any = transport(settings, project)
    else:
        await try_library(settings)
        target = build(settings)[0]
    bar = _Bar()
    with bar if sys.stderr.isatty() else nullcontext():
        async with Client(target, progress_handler=bar.show) as client:
            answer = await _call(client, "generate_sprite", arguments)
            while answer.status in ("queued", "running"):
                answer = await _call(client, "get_job", {"job_id": answer.job_id, "wait_s": _WAIT_S})
    return answer


async def _call(client: Client[Any], tool: str, arguments: dict[str, Any]) -> JobAnswer:
    result = await client.call_tool(tool, arguments)
    return JobAnswer.model_validate(result.structured_content)


class _Bar:
    """A progress bar on stderr, when that is a terminal."""

    def __init__(self) -> None:
        self._shown = False

    def __enter__(self) -> None:
        self._shown = True

    def __exit__(self, *_: object) -> None:
        sys.stderr.write("\r\x1b[K")

    async def show(self, done: float, total: float | None, message: str | None) -> None:
        if self._shown:
            filled = round(24 * min(done / total, 1)) if total else 0
            sys.stderr.write(f"\r[{'█' * filled}{'·' * (24 - filled)}] {message or ''}\x1b[K")
            sys.stderr.flush()


def _print(answer: JobAnswer, seconds: float) -> None:
    for asset in answer.result.assets if answer.result is not None else ():
        where = "" if asset.published else ", not published"
        print(f"{asset.file}  {asset.width}x{asset.height}, {asset.colors} colours, seed {asset.seed}{where}")
    print(f"{seconds:.1f} s. {answer.error or _hint(answer)}")


def _hint(answer: JobAnswer) -> str:
    """What to do now, in the command line's words rather than in the tool's."""
    assets = answer.result.assets if answer.result is not None else []
    if any(not check.ok and check.blocks for a in assets for check in a.checks.values()):
        return "Not every sprite was published, since a check failed: try another seed or prompt."
    if not all(a.published for a in assets):
        return "It is in the library only: to have it in a game, run this in the game's folder or give --project."
    return "Load it in Bevy: " + ", ".join(f'asset_server.load("{a.path}")' for a in assets)
