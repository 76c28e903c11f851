"""`dgx-pixels init` calls setup_project in this process: it needs no model."""

from __future__ import annotations

import argparse
import asyncio
import json

from dgx_pixels.server.asking import ask_here, in_project
from dgx_pixels.server.our_words import in_our_words
from dgx_pixels.server.settings import Settings
from dgx_pixels.server.tool_calls import palette_of_file
from dgx_pixels.tools.answers import SetupAnswer

_SETTINGS = ("palette", "tile_size", "view", "model", "meta", "brp_port")


def run_init(settings: Settings, arguments: argparse.Namespace) -> int:
    """Set a project up and print what is set and what is lacking; answers with the exit status. Raises ToolError."""
    asked = {name: getattr(arguments, f"set_{name}") for name in _SETTINGS}
    asked |= {"copy_reload_plugin": arguments.plugin, "overwrite": arguments.overwrite}
    if asked["palette"] is not None:
        asked["palette"] = palette_of_file(asked["palette"])
    answer = SetupAnswer.model_validate(asyncio.run(ask_here(settings, "setup_project", in_project(settings, asked))))
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
