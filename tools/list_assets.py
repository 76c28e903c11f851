"""`list_assets`: what the library holds, found by words, tags, kind and palette."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, get_args

from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from mcp_types import ToolAnnotations
from pydantic import Field

from dgx_pixels.bevy.manifest import Kind
from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.search import Wanted
from dgx_pixels.library.tags import check_tags
from dgx_pixels.pixels.colour import to_hex
from dgx_pixels.pixels.palette import PaletteError
from dgx_pixels.tools.answers import AssetList, AssetSummary
from dgx_pixels.tools.answers_schema import schema_of
from dgx_pixels.tools.arguments import ProjectArgument
from dgx_pixels.tools.read_roots import asked_palette
from dgx_pixels.tools.services import Services, ServicesDep, project_of

_Words = Annotated[
    str, Field(description="Words of what is looked for, or their beginnings: of name, category, prompt, model or tags.")
]
_Tags = Annotated[list[str] | None, Field(description="It has all of these tags.")]
_Palette = Annotated[
    str | None, Field(description="Its colours are all in this palette: a bundled one's name, hex colours or a file.")
]
_Limit = Annotated[int, Field(description="At most this many.", json_schema_extra={"minimum": 1, "maximum": 200})]
_Cursor = Annotated[str | None, Field(description="The `cursor` of the answer whose next page is wanted.")]
_Everywhere = Annotated[bool, Field(description="Assets of all projects, not only of this one.")]


@tool(
    title="List assets",
    output_schema=schema_of(AssetList),
    annotations=ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False),
)
async def list_assets(
    words: _Words = "",
    tags: _Tags = None,
    kind: Annotated[str | None, Field(description="sprite, sheet or tileset.")] = None,
    palette: _Palette = None,
    limit: _Limit = 50,
    cursor: _Cursor = None,
    everywhere: _Everywhere = False,
    project: ProjectArgument = None,
    services: Services = ServicesDep,
) -> ToolResult:
    """Find assets made so far for the Bevy project, newest first, each with its id, path, size, seed and tags.

    Without arguments it lists them all, page by page; each argument leaves out what does not fit.
    """
    if not 1 <= limit <= 200:
        raise ToolError(f"limit is {limit}, but must be from 1 to 200.")
    if kind is not None and kind not in get_args(Kind):
        raise ToolError(f"The kind {kind[:40]!r} is not one of {', '.join(get_args(Kind))}: choose one of them, or leave it out.")
    bevy = project_of(services, project)
    try:
        colors = await asyncio.to_thread(asked_palette, services, bevy, palette) if palette is not None else None
        wanted = Wanted(
            None if everywhere else str(bevy.root) if bevy else "", words, check_tags(tags or ()), kind,
            tuple(map(to_hex, colors)) if colors is not None else None,
        )  # fmt: skip
        page = await services.library.search.find(wanted, limit, cursor)
    except (LibraryError, PaletteError) as error:
        raise ToolError(str(error)) from error
    found = [
        AssetSummary(
            id=a.id, version=a.version, kind=a.kind, name=a.name, category=a.category, project=a.project, path=a.path,
            file=str(services.library.file(a.id, a.version)), width=a.width, height=a.height, colors=a.colors, seed=a.seed,
            published=a.published, tags=list(a.tags),
        )
        for a in page.assets
    ]  # fmt: skip
    answer = AssetList(assets=found, total=page.total, cursor=page.cursor)
    text = "\n".join(await asyncio.to_thread(_lines, answer, none_made=wanted == Wanted(wanted.project)))
    return ToolResult(content=text, structured_content=answer.model_dump())


def _lines(answer: AssetList, *, none_made: bool) -> list[str]:
    if not answer.total:
        return ["No assets yet: call generate_sprite." if none_made else "No asset is so: use fewer words, or everywhere=true."]
    lines = [f"{a.id} v{a.version} {a.path} {a.width}x{a.height}{_marked(a)}" for a in answer.assets]
    if answer.cursor is not None:
        lines.append(f"{answer.total} in all: give cursor={answer.cursor!r} for the next ones.")
    return lines


def _marked(asset: AssetSummary) -> str:
    tags = f" ({', '.join(asset.tags)})" if asset.tags else ""
    return f"{not_in_game(asset)}{tags}"


def not_in_game(asset: AssetSummary) -> str:
    """What a list says behind a path that no game could load, as of a draft; nothing if there is such a file."""
    there = asset.project and os.path.isfile(Path(asset.project) / "assets" / asset.path)  # noqa: PTH113  # Path's raises where it may not look
    return "" if there else ", not in the game"
