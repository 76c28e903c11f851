"""`publish_asset`: put an asset of the library, or an earlier version of it, into a Bevy project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from mcp_types import TextContent, ToolAnnotations
from pydantic import Field

from dgx_pixels.bevy.preflight import PublishError
from dgx_pixels.library.database import LibraryError
from dgx_pixels.tools.answers import PublishAnswer
from dgx_pixels.tools.answers_next import edits_kept, seen_in_game
from dgx_pixels.tools.answers_schema import schema_of
from dgx_pixels.tools.arguments import OverwriteArgument, ProjectArgument, RequestError, read_category
from dgx_pixels.tools.asset_details import read_details
from dgx_pixels.tools.job_finished import Finished, Origin, as_kept, publish
from dgx_pixels.tools.services import Services, ServicesDep, project_of

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject


@tool(
    title="Publish asset",
    output_schema=schema_of(PublishAnswer),
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False),
)
async def publish_asset(
    asset: Annotated[str, Field(description="The asset's id, or its path in the project: 'sprites/item_red_potion.png'.")],
    version: Annotated[int | None, Field(description="Which version; the newest if left out.")] = None,
    tags: Annotated[
        list[str] | None, Field(description="Words for list_assets to find it by, in place of those it has; [] for none.")
    ] = None,
    overwrite: OverwriteArgument = False,
    project: ProjectArgument = None,
    services: Services = ServicesDep,
) -> ToolResult:
    """Put an asset of the library into the Bevy project's assets/, or an earlier version of it back, with all its files.

    Nothing is drawn: the bytes are those of that version. list_assets has the ids; view_asset shows a version.
    """
    bevy = project_of(services, project)
    if bevy is None:
        raise ToolError("There is no Bevy project to publish into: give `project`, the folder with its Cargo.toml.")
    try:
        made = await _found(services, bevy, asset, version)
        if not overwrite:
            await _refuse_anothers_place(services, bevy, made)
        if tags is not None:
            await services.library.tags.set(made.asset.id, tags)
        (answer,) = await publish(services, bevy, [made], wanted=True, overwrite=overwrite)
    except (LibraryError, PublishError, RequestError) as error:
        raise ToolError(str(error)) from error
    following = f'{edits_kept([answer])}{seen_in_game([answer])}Load it in Bevy with asset_server.load("{answer.path}").'
    text = f"Published {answer.file} ({answer.width}x{answer.height}, version {answer.version}). {following}"
    said = PublishAnswer(asset=answer, next=following)
    return ToolResult(content=[TextContent(type="text", text=text)], structured_content=said.model_dump(mode="json"))


async def _refuse_anothers_place(services: Services, project: BevyProject, made: Finished) -> None:
    """Raise RequestError if the project has another asset at this path, which would be gone from the game."""
    there = await services.library.at_path(str(project.root), made.asset.path)
    if there is not None and there != made.asset.id and (project.assets / made.asset.path).exists():
        raise RequestError(f"{made.asset.path} is another asset of this project ({there}): ask with overwrite to replace it.")


async def _found(services: Services, project: BevyProject, asset: str, version: int | None) -> Finished:
    """The asked version, as the job that made it left it. Raises LibraryError, RequestError."""
    by_path = await services.library.at_path(str(project.root), asset.removeprefix("assets/"))
    found = await services.library.version(by_path or asset, version)
    details = read_details(found, await services.library.details(found))
    origin = Origin(
        found.path, found.name, read_category(found.category), details.prompt, found.seed, details.model, details.kind,
        details.atlas, details.tileset, details.files(),
    )  # fmt: skip
    made = await as_kept(services, found, origin)
    if not made.publishable:
        failed = ", ".join(name for name, check in made.checks.items() if check.blocks and not check.ok)
        raise RequestError(f"{found.path} version {found.version} failed its check ({failed}): publish another version.")
    return made
