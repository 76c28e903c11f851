"""`dgx-pixels replay`: makes a picture again from its recipe, in the running server if there is one, else in this process."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
from pathlib import Path

from fastmcp.exceptions import ToolError

from dgx_pixels.server.app import default_project
from dgx_pixels.server.asking import ask
from dgx_pixels.server.our_words import in_our_words
from dgx_pixels.server.own_files import write_whole
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.replay import MOST_BYTES


def run_replay(settings: Settings, arguments: argparse.Namespace) -> int:
    """Draw it again and say whether it is the same: exit status 0 if it is, byte for byte, else 1. Raises ToolError, OSError."""
    asked = {"replay": _original(settings, arguments.original)}
    if arguments.reference is not None:
        asked["reference"] = str(Path(arguments.reference).expanduser().absolute())
    answer = asyncio.run(ask(settings, "generate_sprite", asked))
    if answer.result is None or answer.result.replay is None:
        raise ToolError(answer.error or f"The job {answer.job_id} is {answer.status}.")
    (asset,), replay = answer.result.assets, answer.result.replay
    if arguments.out is not None:
        write_whole(arguments.out, Path(asset.file).read_bytes())
    if arguments.json:
        print(json.dumps(answer.model_dump(mode="json"), indent=2))
    else:
        same = "identical, byte for byte" if replay.identical else "the same pixels" if replay.same_pixels else "not the same"
        print(f"{arguments.out.absolute() if arguments.out is not None else asset.file}  {same}")
        print("\n".join([*replay.differences, in_our_words(answer.next)]))
    return 0 if replay.identical else 1


def _original(settings: Settings, text: str) -> str:
    """A person's own file as data, since a server may not read it; any other text as it is. Raises ToolError and OSError.

    A path is taken from here and, if nothing is there, from the game's assets/, as `publish` takes it.
    """
    file = Path(text).expanduser()
    if not file.is_file() and (project := default_project(settings)) is not None:
        file = Path(project) / "assets" / text
    if not file.is_file():
        return text
    if file.stat().st_size > MOST_BYTES:
        raise ToolError(f"{file} has more than {MOST_BYTES:,} bytes: it is none of our PNGs.")
    return f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"
