"""`dgx-pixels bench`: measures sprites on this machine, in a process of its own, and writes a report into the home."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import get_args

from fastmcp.exceptions import ToolError

from dgx_pixels.models.catalogue import Catalogue, ModelError
from dgx_pixels.models.contender import for_profile, parse_contender
from dgx_pixels.models.gpu_work import GpuLostError
from dgx_pixels.models.profiles import Profile
from dgx_pixels.server.find_server import NoServerError, is_running
from dgx_pixels.server.prompt_file import read_prompts
from dgx_pixels.server.settings import Settings
from dgx_pixels.server.terminal import CLEAR_LINE, order
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.sprite_request import read_profile, read_size

PROMPTS = (
    "a red potion", "an iron sword", "a wooden chest", "a green slime", "a knight in blue armour", "a golden key",
    "an old book", "a bat",
)  # fmt: skip
_MOST = 1000
_LONGEST = 500


def run_bench(settings: Settings, arguments: argparse.Namespace) -> int:
    """Measure, write the report, print where it is; answers with the exit status. Raises ToolError with one sentence."""
    from dgx_pixels.server.bench import Ask, measure  # torch is imported here
    from dgx_pixels.server.bench_report import as_json, as_markdown, write_report

    try:
        catalogue = Catalogue(settings.home / "models", settings.hf_cache)
        profiles = _profiles(arguments.profiles)
        asked = parse_contender(catalogue, arguments.model)
        width, height = read_size(arguments.size) if arguments.size is not None else _usual_size(asked.base.sizes)
        asked.base.check_size(width, height)
        contenders = {profile: for_profile(catalogue, asked, profile) for profile in profiles}
        ask = Ask(contenders, _prompts(arguments.prompts), _count(arguments.count), width, height)
        folder = _folder(settings.home)
        notes = _notes(settings)
        for note in notes:
            print(f"dgx-pixels: {note}", file=sys.stderr)
        bench = measure(ask, settings.device, compiles=settings.compiles, say=_say)
        _say("")
    except (ModelError, RequestError, GpuLostError) as error:
        raise ToolError(str(error)) from error
    write_report(bench, folder, notes)
    if arguments.json:
        print(json.dumps({"folder": str(folder)} | as_json(bench, notes), indent=2))
    else:
        print(as_markdown(bench, notes).partition("\n![")[0])
        print(f"{folder / 'report.md'}\n{folder / 'sheet.png'}")
    return 0


def _folder(home: Path) -> Path:
    """Where the report of now will be. Raises ToolError if it could not be written there: better now than after the measuring."""
    try:
        (home / "bench").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolError(
            f"{home} cannot be written ({error.strerror}): set DGX_PIXELS_HOME to a folder that you can write."
        ) from error
    return home / "bench" / time.strftime("%Y-%m-%d_%H-%M-%S")


def _usual_size(sizes: tuple[int, ...]) -> tuple[int, int]:
    side = 64 if 64 in sizes else sizes[0]
    return side, side


def _profiles(text: str | None) -> tuple[Profile, ...]:
    """The profiles of a list like "draft,best"; all, if there is none. Raises RequestError."""
    if text is None:
        return get_args(Profile)
    return tuple(dict.fromkeys(read_profile(name.strip()) for name in text.split(",")))


def _prompts(file: Path | None) -> tuple[str, ...]:
    """The prompts of a file, one a line; without one, some of our own. Raises RequestError and ToolError."""
    if file is None:
        return PROMPTS
    prompts = tuple(read_prompts(str(file)))
    if max(map(len, prompts)) > _LONGEST:
        raise RequestError(f"{file} has a prompt of more than {_LONGEST} characters: shorten it.")
    return prompts


def _count(count: int) -> int:
    if not 1 <= count <= _MOST:
        raise RequestError(f"count is {count}, but must be from 1 to {_MOST}.")
    return count


def _notes(settings: Settings) -> list[str]:
    """What the figures suffer from."""
    try:
        running = asyncio.run(is_running(settings))
    except NoServerError as error:
        return [f"Whether a server shares the device is not known. {error}"]
    if not running:
        return []
    return [f"The server at {settings.url} runs beside this and shares the device: stop it for true figures."]


def _say(what: str) -> None:
    if sys.stderr.isatty():
        order(sys.stderr, CLEAR_LINE)
        print(what, end="", file=sys.stderr, flush=True)
