"""`dgx-pixels init` and `dgx-pixels publish` call setup_project and publish_asset in this process: neither needs a model."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from fastmcp import Client

from dgx_pixels.server.app import build, default_project, try_library
from dgx_pixels.server.our_words import in_our_words
from dgx_pixels.server.settings import Settings
from dgx_pixels.server.tool_calls import palette_of_file
from dgx_pixels.tools.answers import PublishAnswer, SetupAnswer

_SETTINGS = ("palette", "tile_size", "view", "model", "meta", "brp_port")


def run_init(settings: Settings, arguments: argparse.Namespace) -> int:
    """Set a project up and print what is set and what is lacking; answers with the exit status. Raises ToolError."""
    asked = {name: getattr(arguments, f"set_{name}") for name in _SETTINGS}
    asked |= {"copy_reload_plugin": arguments.plugin, "overwrite": arguments.overwrite}
    if asked["palette"] is not None:
        asked["palette"] = palette_of_file(asked["palette"])
    answer = SetupAnswer.model_validate(called(settings, "setup_project", asked))
    if arguments.json:
        print(json.dumps(answer.model_dump(mode="json"), indent=2))
        return 0
    print(f"{answer.file}  {', '.join(f'{name} {value}' for name, value in answer.settings.items()) or 'nothing set'}")
    if answer.plugin_copied:
        print(f"{answer.plugin}  copied")
    for feature, why in answer.lacks.items():
        print(f"Cargo.toml lacks bevy's feature {feature}, which {why}.")
    print(in_our_words(answer.next))
    return 0


def run_publish(settings: Settings, arguments: argparse.Namespace) -> int:
    """Publish an asset and print where it lies; answers with the exit status. Raises ToolError with one sentence."""
    asked = {"asset": arguments.asset, "version": arguments.version, "overwrite": arguments.overwrite}
    answer = PublishAnswer.model_validate(called(settings, "publish_asset", asked))
    if arguments.json:
        print(json.dumps(answer.model_dump(mode="json"), indent=2))
        return 0
    print(f"{answer.asset.file}  {answer.asset.width}x{answer.asset.height}, version {answer.asset.version}")
    print(in_our_words(answer.next))
    return 0


def called(settings: Settings, tool: str, asked: dict[str, Any]) -> Any:  # noqa: ANN401  # an answer's JSON
    """Call a tool that draws nothing, for the project of these settings; what is None is left out. Raises ToolError."""
    return asyncio.run(_call(settings, tool, {name: value for name, value in asked.items() if value is not None}))


async def _call(settings: Settings, tool: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401  # an answer's JSON
    project = default_project(settings)
    await try_library(settings)
    async with Client(build(settings)[0]) as client:
        where = {"project": str(project)} if project is not None else {}
        return (await client.call_tool(tool, arguments | where)).structured_content
