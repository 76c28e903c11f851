"""`setup_project`: a Bevy project's defaults, once, so that later calls need one argument; and what the game still lacks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, get_args

from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from mcp_types import TextContent, ToolAnnotations
from pydantic import Field, ValidationError

from dgx_pixels.bevy.cargo import BEVY, WANTED, look_at_cargo
from dgx_pixels.bevy.plugin import NAME
from dgx_pixels.bevy.preflight import PublishError
from dgx_pixels.bevy.project import ProjectError
from dgx_pixels.bevy.project_settings import (
    LEAST_PORT,
    LEAST_TILE,
    MOST_PORT,
    MOST_TILE,
    ProjectSettings,
    View,
    settings_file,
)
from dgx_pixels.models.catalogue import ModelError
from dgx_pixels.models.contender import parse_contender
from dgx_pixels.pixels.palette import PaletteError
from dgx_pixels.tools.answers import SetupAnswer
from dgx_pixels.tools.answers_schema import schema_of
from dgx_pixels.tools.arguments import ProjectArgument, RequestError
from dgx_pixels.tools.project_defaults import NO_PALETTE, settings_of
from dgx_pixels.tools.read_roots import asked_palette
from dgx_pixels.tools.services import Services, ServicesDep, project_of

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject

_CLEARED = {"palette": NO_PALETTE, "view": "none", "model": "none", "tile_size": 0, "brp_port": 0}
"""What each setting is given to have none again."""


_Palette = Annotated[
    str | None, Field(description="Lock all sprites to these colours unless a call says otherwise; as in generate_sprite.")
]
_TileSize = Annotated[
    int | None,
    Field(description=f"Side of a tile in pixels, {LEAST_TILE} to {MOST_TILE}: the size of what is asked without."),
]
_View = Annotated[
    str | None,
    Field(description="Where the game's camera stands.", json_schema_extra={"enum": [*get_args(View), "none", None]}),
]
_Model = Annotated[
    str | None,
    Field(description="What draws unless a call names another: a base model of list_models, with LoRAs as 'base+lora:weight'."),
]
_Meta = Annotated[
    bool | None, Field(description="Write a .meta for sharp pixels beside each PNG; not needed with default_nearest().")
]
_BrpPort = Annotated[int | None, Field(description="Where the running game answers, if not on 15702.")]
_CopyReloadPlugin = Annotated[
    bool, Field(description=f"Copy src/{NAME} into the game: with it, answers say whether the running game shows a sprite.")
]
_Overwrite = Annotated[bool, Field(description="Replace another version of the reload plugin.")]


@tool(
    title="Set up project",
    output_schema=schema_of(SetupAnswer),
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False),
)
async def setup_project(
    palette: _Palette = None,
    tile_size: _TileSize = None,
    view: _View = None,
    model: _Model = None,
    meta: _Meta = None,
    brp_port: _BrpPort = None,
    copy_reload_plugin: _CopyReloadPlugin = False,
    overwrite: _Overwrite = False,
    project: ProjectArgument = None,
    services: Services = ServicesDep,
) -> ToolResult:
    """Set a Bevy project's defaults (palette, tile size, view, model), and say what its Cargo.toml lacks for hot reload.

    What is left out stays as it is; "none" or 0 takes a setting back. Without arguments it only shows what is set. Cargo.toml is
    never edited: the answer has the commands.
    """
    bevy = project_of(services, project)
    if bevy is None:
        raise ToolError("There is no Bevy project: give `project`, the absolute path of the folder with its Cargo.toml.")
    asked = {
        "palette": palette, "tile_size": tile_size, "view": view, "model": model, "meta": meta, "brp_port": brp_port,
    }  # fmt: skip
    try:
        answer = await asyncio.to_thread(_set_up, services, bevy, asked, copy_reload_plugin, overwrite)
    except (RequestError, PaletteError, ModelError, PublishError, ProjectError) as error:
        raise ToolError(str(error)) from error
    text = f"{answer.file}: {', '.join(f'{k} {v}' for k, v in answer.settings.items()) or 'nothing set'}. {answer.next}"
    return ToolResult(content=[TextContent(type="text", text=text)], structured_content=answer.model_dump(mode="json"))


def _set_up(services: Services, project: BevyProject, asked: dict[str, Any], plugin: bool, overwrite: bool) -> SetupAnswer:
    old = settings_of(project)
    new = _changed(old, asked)
    if asked["palette"] not in (None, NO_PALETTE):
        asked_palette(services, project, asked["palette"])
    if asked["model"] not in (None, "none"):
        parse_contender(services.catalogue, asked["model"])
    copied = services.publisher.copy_plugin(project, overwrite) if plugin else False  # first, since it may be refused
    if new != old:
        services.publisher.write_settings(project, new)
    return _answer(project, new, copied)


def _changed(old: ProjectSettings, asked: dict[str, Any]) -> ProjectSettings:
    given = {name: None if value == _CLEARED.get(name) else value for name, value in asked.items() if value is not None}
    try:
        return ProjectSettings.model_validate(old.model_dump() | given)
    except ValidationError as error:
        name = error.errors()[0]["loc"][0]
        allowed = {
            "tile_size": f"{LEAST_TILE} to {MOST_TILE}, or 0 for none",
            "brp_port": f"{LEAST_PORT} to {MOST_PORT}, or 0 for the usual one",
            "view": f"{', '.join(get_args(View))} or none",
        }.get(str(name), "text of 1 to 4,000 characters")
        raise RequestError(f"{name} cannot be {asked.get(str(name))!r}: give {allowed}.") from error


def _answer(project: BevyProject, settings: ProjectSettings, copied: bool) -> SetupAnswer:
    found = look_at_cargo(project)
    plugin = project.root / "src" / NAME
    has_plugin = plugin.is_file()
    commands = [f"cargo add bevy --features {','.join(found.lacks)}"] if found.lacks else []
    if has_plugin and not found.has_serde_json:
        commands.append("cargo add serde_json")
    shown = settings.model_dump(mode="json", exclude_defaults=True)
    return SetupAnswer(
        project=str(project.root), file=str(settings_file(project)), settings=shown,
        lacks={name: WANTED[name] for name in found.lacks}, commands=commands, bevy_version=found.version,
        plugin=str(plugin) if has_plugin else None, plugin_copied=copied, next=_next(commands, has_plugin, copied, found.version),
    )  # fmt: skip


def _next(commands: list[str], has_plugin: bool, copied: bool, version: str) -> str:
    steps = [f"Run in the game's folder: {' && '.join(commands)}."] if commands else []
    if copied:
        steps.append("Add `mod dgx_pixels_reload;` and `.add_plugins(dgx_pixels_reload::DgxPixelsReloadPlugin)` to the game.")
        if version and not version.lstrip("=^~ ").startswith(BEVY):
            steps.append(f"The plugin is written for Bevy {BEVY}, not {version}: it may need changes.")
    elif not has_plugin:
        steps.append("To be told whether the running game shows a sprite, call again with copy_reload_plugin.")
    return " ".join(steps) or "All is set: generate_sprite needs only a prompt."
