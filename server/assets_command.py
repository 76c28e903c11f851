"""`dgx-pixels assets`: find, tag, import and collect what the library holds, in this process: nothing is drawn."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastmcp import Client
from fastmcp.exceptions import ToolError

from dgx_pixels.bevy.project import ProjectError, open_project
from dgx_pixels.library.library import Library
from dgx_pixels.server.app import build, default_project, try_library
from dgx_pixels.server.asking import ask_here, in_project
from dgx_pixels.server.settings import Settings
from dgx_pixels.server.tool_calls import asked_of
from dgx_pixels.tools.answers import AssetList, AssetSummary
from dgx_pixels.tools.asset_collect import needed_by_projects
from dgx_pixels.tools.asset_import import import_sprites
from dgx_pixels.tools.list_assets import not_in_game

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.services import Services


def run_assets(settings: Settings, arguments: argparse.Namespace) -> int:
    """Do what was asked and print it; answers with the exit status. Raises ToolError and LibraryError with one sentence."""
    said, lines = asyncio.run(_ACTIONS[arguments.action](settings, arguments))
    print(json.dumps(said, indent=2) if arguments.json else "\n".join(lines))
    return 0


async def _list(settings: Settings, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    asked = asked_of(arguments, ("tags", "kind", "palette", "limit", "cursor", "everywhere"))
    asked["words"] = " ".join(arguments.what)
    found = AssetList.model_validate(await ask_here(settings, "list_assets", in_project(settings, asked)))
    lines = [_line(a) for a in found.assets]
    more = f" The next ones: --cursor {found.cursor}" if found.cursor is not None else ""
    return found.model_dump(mode="json"), [*lines, f"{found.total} asset{'s' * (found.total != 1)}.{more}"]


def _line(asset: AssetSummary) -> str:
    place = f"{asset.path}{not_in_game(asset)}"
    return f"{asset.id}  v{asset.version}  {asset.width}x{asset.height}  {place}  {', '.join(asset.tags)}".rstrip()


async def _tag(settings: Settings, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    if not arguments.what:
        raise ToolError("assets tag needs an asset's id, and the tags that it is to have: none takes all away.")
    library = await Library.open(settings.home)
    try:
        found = await library.version(arguments.what[0])
        tags = await library.tags.set(found.id, arguments.what[1:])
    finally:
        await library.close()
    return {"id": found.id, "tags": tags}, [f"{found.id}  {found.path}  {', '.join(tags) or 'no tags'}"]


async def _import(settings: Settings, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    project = _project(settings)
    await try_library(settings)
    mcp = build(settings)[0]
    async with Client(mcp):
        services: Services = mcp._lifespan_result["services"]  # type: ignore[index]  # it runs
        found = await import_sprites(services, project, arguments.what[0] if arguments.what else "")
    lines = [f"{a.id}  v{a.version}  {a.width}x{a.height}  {a.path}" for a in found.assets]
    lines += [f"{path}  left out: {why}" for path, why in found.skipped]
    said = {
        "assets": [{"id": a.id, "version": a.version, "path": a.path} for a in found.assets],
        "known": found.known, "skipped": [{"path": path, "why": why} for path, why in found.skipped],
    }  # fmt: skip
    return said, [*lines, f"{len(found.assets)} taken in, {len(found.known)} were known. No file was moved or changed."]


async def _collect(settings: Settings, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    if not arguments.older_than >= 0:
        raise ToolError(f"--older-than is {arguments.older_than}, but must be a number of days from 0.")
    library = await Library.open(settings.home)
    try:
        needed = await needed_by_projects(library)
        work = library.garbage.delete if arguments.yes else library.garbage.find
        garbage = await work(arguments.older_than, needed.versions)
    finally:
        await library.close()
    size = sum(g.size for g in garbage)
    lines = [f"{g.id}  v{g.version}  {g.size:,} bytes  {g.path}  {g.project}".rstrip() for g in garbage]
    lines += [f"{project}  all its versions stay: {why}" for project, why in needed.unread.items()]
    done = "deleted" if arguments.yes else "can go: run it again with --yes to delete them"
    said = {"deleted": arguments.yes, "bytes": size, "versions": [asdict(g) for g in garbage], "unread": needed.unread}
    return said, [*lines, f"{len(garbage)} versions, {size:,} bytes, {done}." if garbage else "Nothing can go."]


def _project(settings: Settings) -> BevyProject:
    path = default_project(settings)
    if path is None:
        raise ToolError("There is no Bevy project here: run this in the game's folder, or give --project.")
    try:
        return open_project(Path(path))
    except ProjectError as error:
        raise ToolError(str(error)) from error


_ACTIONS = {"list": _list, "tag": _tag, "import": _import, "collect": _collect}
