"""`dgx-pixels credits`: what a game's pictures were made with, for its credits and for stores."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from fastmcp.exceptions import ToolError

from dgx_pixels.bevy.manifest import ManifestError
from dgx_pixels.bevy.project import ProjectError, open_project
from dgx_pixels.library.library import Library
from dgx_pixels.models.catalogue import Catalogue
from dgx_pixels.server.app import default_project
from dgx_pixels.server.own_files import write_whole
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.credits import credits_of


def run_credits(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print the text, or write it; answers with the exit status. Raises ToolError and OSError."""
    root = default_project(settings)
    if root is None:
        raise ToolError("There is no Bevy project here: run this in the game's folder, or give --project.")
    text = asyncio.run(_text(settings, root))
    if arguments.out is not None:
        write_whole(arguments.out, text.encode())
    if arguments.json:
        print(json.dumps({"text": text, "file": None if arguments.out is None else str(arguments.out.absolute())}, indent=2))
    else:
        print(text if arguments.out is None else arguments.out.absolute())
    return 0


async def _text(settings: Settings, root: Path) -> str:
    library = await Library.open(settings.home)
    try:
        return await credits_of(library, Catalogue(settings.home / "models", settings.hf_cache), open_project(root))
    except (ProjectError, ManifestError) as error:
        raise ToolError(str(error)) from error
    finally:
        await library.close()
