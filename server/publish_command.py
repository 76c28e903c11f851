"""`dgx-pixels publish` calls publish_asset in this process: it needs no model."""

from __future__ import annotations

import argparse
import asyncio
import json

from dgx_pixels.server.asking import ask_here, in_project
from dgx_pixels.server.our_words import in_our_words
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.answers import PublishAnswer


def run_publish(settings: Settings, arguments: argparse.Namespace) -> int:
    """Publish an asset and print where it lies; answers with the exit status. Raises ToolError with one sentence."""
    asked = {"asset": arguments.asset, "version": arguments.version, "overwrite": arguments.overwrite}
    answer = PublishAnswer.model_validate(asyncio.run(ask_here(settings, "publish_asset", in_project(settings, asked))))
    if arguments.json:
        print(json.dumps(answer.model_dump(mode="json"), indent=2))
        return 0
    print(f"{answer.asset.file}  {answer.asset.width}x{answer.asset.height}, version {answer.asset.version}")
    print(in_our_words(answer.next))
    return 0
